"""Many models trained in one process by batched products."""
