"""Run folders: status, weights, discovery, and tables over runs."""
