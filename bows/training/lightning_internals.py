"""The private parts of Lightning that bows reads, all in this file; its test fails if an upgrade changes one of them."""

from typing import Any

import pytorch_lightning as pl


def between_steps(trainer: pl.Trainer) -> bool:
    """Return whether a checkpoint written after this batch resumes exactly.

    False after a batch whose gradients are only accumulated, and after the last batch of an epoch: a run resumed there would skip the
    validation and the end of that epoch.
    """
    loop = trainer.fit_loop
    return not (loop.epoch_loop.batch_progress.is_last_batch or loop._should_accumulate())


def last_batch_of_epoch(trainer: pl.Trainer) -> bool:
    """Return whether the current batch is the last one of its epoch."""
    return trainer.fit_loop.epoch_loop.batch_progress.is_last_batch


def last_epoch(trainer: pl.Trainer) -> int:
    """Return the epoch of the last step; `current_epoch` is already one more when training ends."""
    return max(trainer.fit_loop.epoch_progress.current.ready - 1, 0)


def checkpoint_content(trainer: pl.Trainer) -> dict[str, Any]:
    """Return the content that `save_checkpoint` would write now."""
    return trainer._checkpoint_connector.dump_checkpoint(weights_only=False)
