"""Log the held-out loss and R^2 at each validation."""

from typing import Any

import pytorch_lightning as pl
import torch

from bows.analysis.reconstruction import ReconstructionSums


class ReconstructionMonitor(pl.Callback):
    """Logs `reconstruction/loss` and `reconstruction/r2` on the validation windows."""

    def __init__(self) -> None:
        self._sums: ReconstructionSums | None = None

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._sums = None

    def on_validation_batch_end(self, trainer, pl_module, outputs: Any, batch, batch_idx, dataloader_idx=0) -> None:
        if self._sums is None:
            self._sums = ReconstructionSums(batch.shape[1], batch.device)
        self._sums.update(batch, outputs.reconstruction)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._sums is None:
            return
        if trainer.world_size > 1:
            gather_sums(trainer, self._sums)
        for name, value in self._sums.metrics().items():
            pl_module.log(name, value)


def gather_sums(trainer: pl.Trainer, sums: ReconstructionSums) -> None:
    """Add up the sums of all processes, in place."""
    sums.squared_error = trainer.strategy.reduce(sums.squared_error, reduce_op="sum")  # type: ignore[assignment]
    sums.present = trainer.strategy.reduce(sums.present, reduce_op="sum")  # type: ignore[assignment]
    windows = torch.tensor(sums.windows, device=sums.present.device)
    sums.windows = int(trainer.strategy.reduce(windows, reduce_op="sum"))  # type: ignore[arg-type]
