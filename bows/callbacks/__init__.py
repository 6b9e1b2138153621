"""Thin Lightning callbacks: fetch weights, call analysis, log."""
