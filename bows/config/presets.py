"""Find the small version of a preset, for machines that cannot load its corpus."""

from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bows.config.paths import CONF


def small_version(folder: Path) -> str | None:
    """Return the option of `experiment` that is the small version of a run's preset; None where there is none.

    For paper/months this is paper/small/months.
    """
    try:
        chosen = OmegaConf.load(folder / ".hydra" / "hydra.yaml").hydra.runtime.choices.get("experiment")
    except (OSError, OmegaConfBaseException, AttributeError):
        return None
    group, _, name = str(chosen).rpartition("/")
    small = f"{group}/small/{name}"
    return small if (CONF / "experiment" / f"{small}.yaml").is_file() else None
