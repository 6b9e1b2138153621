"""Log the training loss."""

from typing import Any

import pytorch_lightning as pl

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
