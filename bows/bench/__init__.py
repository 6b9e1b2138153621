"""Benchmarks of speed and memory: python -m bows.bench."""
