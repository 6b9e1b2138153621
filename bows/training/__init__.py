"""Train one model, or a stack of them, to a complete run folder."""
