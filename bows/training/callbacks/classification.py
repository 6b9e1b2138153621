"""Log the held-out loss and accuracy of a pair classifier at each validation."""

from typing import Any

import pytorch_lightning as pl


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
