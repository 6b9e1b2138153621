"""bows: how networks arrange more features than dimensions, when the features are correlated as in real text."""

__version__ = "0.1.0"
