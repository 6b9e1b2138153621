"""Records the training loss, and at each validation the held-out loss and accuracy of a classifier of pairs."""

from typing import Any

import pytorch_lightning as pl

from bows.training.callbacks.reconstruction import POINTS


class ClassificationMonitor(pl.Callback):
    """Logs `train/loss` some 500 times over a run; on the validation pairs `classification/loss` (mean cross-entropy in nats a pair)
    and `classification/accuracy` (the share of pairs that get their class)."""

    def __init__(self) -> None:
        self._every = 1
        self._sums = [0.0, 0.0, 0.0]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._every = max(1, int(trainer.estimated_stepping_batches) // POINTS)

    def on_train_batch_end(self, trainer, pl_module, outputs: Any, batch, batch_idx) -> None:
        step = trainer.global_step - 1
        if step % self._every == 0:
            for logger in trainer.loggers:
                logger.log_metrics({"train/loss": float(outputs["loss"]), "epoch": trainer.current_epoch}, step=step)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._sums = [0.0, 0.0, 0.0]

    def on_validation_batch_end(self, trainer, pl_module, outputs: Any, batch, batch_idx, dataloader_idx=0) -> None:
        # Added up in float64 on the host: a loss a pair in float32 would lose digits over many.
        for place, value in enumerate((outputs.loss, outputs.right, len(batch))):
            self._sums[place] += float(value)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        loss, right, pairs = self._sums
        pl_module.log("classification/loss", loss / pairs)
        pl_module.log("classification/accuracy", right / pairs)
