"""A W&B workspace and report as code: which names runs log, which panels show them, and the objects W&B takes."""
