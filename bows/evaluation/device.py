"""Choose the device that a model runs on."""

import torch

from bows.errors import SettingError


def check_accelerator(accelerator: str) -> None:
    """Raise SettingError where this machine lacks the accelerator."""
    if accelerator in {"gpu", "cuda"} and not torch.cuda.is_available():
        raise SettingError(f"trainer.accelerator={accelerator}: this machine has no CUDA device; use trainer=cpu")
    if accelerator == "mps" and not torch.backends.mps.is_available():
        raise SettingError("trainer.accelerator=mps: this machine has no Apple GPU; use trainer=cpu")


def device_of(accelerator: str) -> torch.device:
    """Return the device of an accelerator; of `auto`, CUDA where there is one."""
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device("cuda" if accelerator == "gpu" else accelerator)
