"""When geometry is looked at while training, and how often a short training can afford it."""

import pytest
import pytorch_lightning as pl
import torch

from bows.data.datamodule import BagsDataModule
from bows.data.sources.synthetic import synthetic_corpus
from bows.model.lightning import BagsModule
from bows.model.optimizers import OptimizerSettings
from bows.model.tied import Tied
from bows.tracking.csv_logger import MetricsTable
from bows.training.callbacks.geometry import GeometryMonitor, affordable_looks
from bows.training.callbacks.losses import ReconstructionMonitor


def steps_looked_at(folder, looks, epochs=8, words=12, rows=640):
    torch.manual_seed(0)
    corpus = synthetic_corpus("c", "circular", words, rows, 20, 1.0, 0.0, 0)
    data = BagsDataModule(lambda: corpus, 1, 1, 16, seed=0)
    table = MetricsTable(folder)
    trainer = pl.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=[table], enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, num_sanity_val_steps=0, limit_val_batches=0, log_every_n_steps=1,
        callbacks=[ReconstructionMonitor(), GeometryMonitor({"ring": range(words)}, 9, 0, looks)],
    )  # fmt: skip
    trainer.fit(BagsModule(Tied(words, 2), OptimizerSettings(), steps=epochs * rows // 16), datamodule=data)
    lines = (folder / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("ring/ring/order") if "ring/ring/order" in lines[0] else None
    return [] if column is None else [int(line.split(",")[0]) for line in lines[1:] if line.split(",")[column]]


@pytest.mark.parametrize(
    ("looks", "expected"), [(4, [79, 159, 239]), (1, []), (None, [39, 79, 119, 159, 199, 239, 279])]
)
def test_looks_are_evenly_spaced_ends_of_epochs_without_the_closing_one(tmp_path, looks, expected):
    assert steps_looked_at(tmp_path, looks) == expected


def test_a_short_training_is_looked_at_less_often(tmp_path, caplog):
    caplog.set_level("INFO", "bows")
    # 400 words cost (80 + 0.8) / 16, some 5 steps a look; a twentieth of 8 x 40 steps is 16: three looks with the closing one.
    assert len(steps_looked_at(tmp_path, 8, words=400)) == 2
    assert "evaluating geometry 3 times instead of 8 (limit: 5 % of the training time)" in caplog.text


@pytest.mark.parametrize("steps", [1, 100, 1000, 10_000])
def test_looks_take_at_most_a_twentieth_unless_only_the_closing_one_is_left(steps):
    words, latent, batch = 5000, 300, 64
    looks = affordable_looks(50, words, latent, batch, steps)
    operations = 2 * words**2 * latent + 4 * words * latent**2
    assert looks == 1 or looks * operations <= 0.05 * steps * 10 * batch * words * latent
    assert looks == 50 or (looks + 1) * operations > 0.05 * steps * 10 * batch * words * latent
