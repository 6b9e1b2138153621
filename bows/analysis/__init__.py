"""Pure functions from weights and bags to numbers and tables; one metric or null per file."""
