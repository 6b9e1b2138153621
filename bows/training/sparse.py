"""Decide before the first step whether a run trains by the sparsity of its bags."""

import logging

import pytorch_lightning as pl
import torch

from bows.data.datamodule import BagsDataModule
from bows.model.lightning import BagsModule
from bows.model.sparse_loss import product_type, why_dense

log = logging.getLogger(__name__)


def choose_bags(trainer: pl.Trainer, module: BagsModule, data: BagsDataModule, compiled: bool, precision: str) -> None:
    """Set module and data to train on SparseBags if that is faster, else on (batch, V) bags, and log which; validation stays dense.

    Args:
        trainer: Lightning's trainer.
        module: The module.
        data: The bags.
        compiled: The setting `trainer.compile`.
        precision: The setting `trainer.precision`.
    """
    density = data.windows("train").density()
    batch = -(-data.batch_size // trainer.world_size)
    device, autoencoder = trainer.strategy.root_device, module.autoencoder
    reason = why_dense(autoencoder, density, batch, device, str(trainer.precision), compiled)
    if reason:
        log.info("training uses dense bags: %s", reason)
        return
    products = product_type(autoencoder, batch, precision)
    reduced = f", products in bfloat16 (trainer.precision={precision})" if products == torch.bfloat16 else ""
    log.info("training uses the sparsity of the bags (%.1f %% full)%s", density * 100, reduced)
    data.sparse_training = True
    module.train_sparsely(products)
