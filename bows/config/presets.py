"""Which preset is the small version of a run's own, for whoever cannot have its corpus."""

from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bows.config.paths import CONF


def small_version(folder: Path) -> str | None:
    """The option of `experiment` that is the small version of a run's own, as paper/small/months of paper/months; None of none."""
    try:
        chosen = OmegaConf.load(folder / ".hydra" / "hydra.yaml").hydra.runtime.choices.get("experiment")
    except (OSError, OmegaConfBaseException, AttributeError):
        return None
    group, _, name = str(chosen).rpartition("/")
    small = f"{group}/small/{name}"
    return small if (CONF / "experiment" / f"{small}.yaml").is_file() else None
