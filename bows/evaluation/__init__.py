"""Evaluate a model; analyze a finished run."""
