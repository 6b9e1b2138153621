"""Pure functions: weights and bags in, numbers and tables out; one idea a file."""
