"""Log the loss of training, and at each validation the held-out loss with R^2 or accuracy."""

from typing import Any

import pytorch_lightning as pl
import torch

from bows.analysis.reconstruction import ReconstructionSums

# The approximate number of training losses logged over a run.
POINTS = 500


class TrainingLoss(pl.Callback):
    """Logs `train/loss`, the loss of a batch before its update, about 500 times over a run."""

    def __init__(self) -> None:
        self._every = 1

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._every = max(1, int(trainer.estimated_stepping_batches) // POINTS)

    def on_train_batch_end(self, trainer, pl_module, outputs: Any, batch, batch_idx) -> None:
        step = trainer.global_step - 1
        if step % self._every == 0:
            loss: Any = outputs["loss"] if isinstance(outputs, dict) else outputs
            for logger in trainer.loggers:
                logger.log_metrics({"train/loss": float(loss), "epoch": trainer.current_epoch}, step=step)


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


class ClassificationMonitor(pl.Callback):
    """Logs the loss and the accuracy on the validation pairs.

    `classification/loss` is the mean cross-entropy per pair, in nats; `classification/accuracy` the share of pairs assigned to their
    class, 0 to 1.
    """

    def __init__(self) -> None:
        self._sums = [0.0, 0.0, 0.0]

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._sums = [0.0, 0.0, 0.0]

    def on_validation_batch_end(self, trainer, pl_module, outputs: Any, batch, batch_idx, dataloader_idx=0) -> None:
        # Added up in float64 on the host, since a sum over many pairs would lose digits in float32.
        for place, value in enumerate((outputs.loss, outputs.right, len(batch))):
            self._sums[place] += float(value)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        loss, right, pairs = self._sums
        pl_module.log("classification/loss", loss / pairs)
        pl_module.log("classification/accuracy", right / pairs)
