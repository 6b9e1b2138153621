"""Sweeps: many jobs in one process, and their results in one table."""
