"""The names under which W&B keeps a run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Labels:
    """How W&B names a run and finds it."""

    name: str
    group: str | None = None
    """The sweep that the run belongs to."""
    job_type: str = "train"
    tags: tuple[str, ...] = ()
    """The options of data and model, and the experiment; those of the settings are added."""
    varied: tuple[str, ...] = ()
    """In a sweep: the settings that it varies, as `setting=value`."""
