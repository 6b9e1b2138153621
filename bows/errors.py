"""Errors a user can act on: one line that names the setting, its value and the remedy."""


class BowsError(Exception):
    """An expected failure. Its message is one line for a person; commands print it without a traceback."""

    exit_code = 1


class SettingError(BowsError):
    """A setting that cannot be met: a misspelt key, a value out of its range."""

    exit_code = 2


class DataError(BowsError):
    """Text or a corpus that cannot be read, built or trusted."""


class TrainingError(BowsError):
    """Training that cannot go on: a loss that is not a number, a damaged checkpoint."""
