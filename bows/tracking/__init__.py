"""Loggers: metrics.csv and Weights & Biases."""

STEP = "trainer/global_step"
"""The optimizer step in W&B, which charts are drawn against: W&B's own step counts calls of the logger."""
