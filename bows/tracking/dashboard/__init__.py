"""Weights & Biases workspaces and reports as code."""
