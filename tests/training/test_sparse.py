"""Training by the sparsity of the bags in a real Trainer: chosen and said, and the same weights as on dense bags."""

import logging
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from bows.bench.text import make_corpus
from bows.data.datamodule import BagsDataModule
from bows.model.lightning import BagsModule
from bows.model.optimizers import OptimizerSettings
from bows.model.tied import Tied
from bows.model.untied import Untied
from bows.sparse_bags import SparseBags
from bows.training.autoencoder import choose_bags
from bows.training.checkpoint_files import AtomicCheckpointIO
from bows.training.task import warn_of_slow_precision

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*is deprecated.*"),
]
WORDS, STEPS = 300, 24
CORPUS = make_corpus(WORDS, 200, words_a_row=5)


@pytest.fixture(autouse=True)
def small_models_too(monkeypatch):
    monkeypatch.setattr("bows.model.sparse_loss.LEAST_WORK", 300 * 25 * 6)
    monkeypatch.setattr("bows.model.sparse_loss.fast_products", lambda: True)


class Seen(pl.Callback):
    """The kinds of batches that training got; and a checkpoint after its 13th step, in the middle of the second epoch."""

    def __init__(self, checkpoint: Path):
        self.kinds = set()
        self.checkpoint = checkpoint

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        self.kinds.add(type(batch))
        if trainer.global_step == 13:
            trainer.save_checkpoint(self.checkpoint)


class Run:
    """A training of eight steps an epoch, on sparse bags or, where told, on dense ones."""

    def __init__(self, make, folder, sparse: bool, clip: float | None = None):
        torch.manual_seed(0)
        self.model, self.folder, self.sparse = make(WORDS, 6), folder, sparse
        settings = OptimizerSettings(lr=0.02, weight_decay=1.0, clip_norm=clip)
        self.module = BagsModule(self.model, settings, steps=STEPS)
        self.data = BagsDataModule(lambda: CORPUS, 3, 1, 25, seed=5)
        self.seen = Seen(folder / f"{make.__name__}-{sparse}.ckpt")

    def fit(self, checkpoint: Path | None = None) -> "Run":
        trainer = pl.Trainer(
            accelerator="cpu", max_steps=STEPS, logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, num_sanity_val_steps=0, callbacks=[self.seen], plugins=[AtomicCheckpointIO()],
            default_root_dir=self.folder,
        )  # fmt: skip
        if self.sparse:
            choose_bags(trainer, self.module, self.data, compiled=False, precision="auto")
        trainer.fit(self.module, datamodule=self.data, ckpt_path=checkpoint, weights_only=True if checkpoint else None)
        assert trainer.global_step == STEPS
        assert self.seen.kinds == {SparseBags if self.sparse else torch.Tensor}
        return self


def assert_same_weights(one, other, relative: float) -> None:
    for name, weight in one.state_dict().items():
        difference = (weight - other.state_dict()[name]).abs().max()
        assert difference <= relative * weight.abs().max(), name


@pytest.mark.parametrize("clip", [None, 0.01])
@pytest.mark.parametrize("make", [Tied, Untied])
def test_sparse_and_dense_training_end_with_the_same_weights(make, clip, tmp_path):
    sparse = Run(make, tmp_path, True, clip).fit()
    dense = Run(make, tmp_path, False, clip).fit()
    assert_same_weights(dense.model, sparse.model, 1e-5)
    torch.manual_seed(0)
    assert (dense.model.encoder_weight - make(WORDS, 6).encoder_weight).abs().max() > 0.05  # it did train


def test_the_same_seed_gives_the_same_weights(tmp_path):
    assert_same_weights(Run(Tied, tmp_path, True).fit().model, Run(Tied, tmp_path, True).fit().model, 0.0)


@pytest.mark.parametrize("make", [Tied, Untied])
@pytest.mark.parametrize(("before", "after"), [(True, True), (False, True), (True, False)])
def test_a_run_goes_on_in_the_middle_of_an_epoch_on_either_kind_of_bags(make, before, after, tmp_path):
    """A checkpoint does not tell the order of memory: another machine may choose the other kind."""
    whole = Run(make, tmp_path, after).fit()
    checkpoint = Run(make, tmp_path, before).fit().seen.checkpoint
    resumed = Run(make, tmp_path, after).fit(checkpoint)
    assert_same_weights(whole.model, resumed.model, 0.0 if before == after else 1e-5)


def test_the_log_says_which_and_why(caplog, tmp_path):
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, default_root_dir=tmp_path)
    data = BagsDataModule(lambda: CORPUS, 3, 1, 25, seed=5)
    windows = torch.cat(list(data.windows("train").batches(64)))
    with caplog.at_level(logging.INFO, "bows.training.autoencoder"):
        module = BagsModule(Tied(WORDS, 6), OptimizerSettings(), steps=1)
        choose_bags(trainer, module, data, compiled=False, precision="auto")
        assert data.sparse_training
        data.sparse_training = False
        choose_bags(trainer, module, data, compiled=True, precision="auto")
        assert not data.sparse_training
    assert [record.message for record in caplog.records if record.name == "bows.training.autoencoder"] == [
        f"training uses the sparsity of the bags ({windows.mean() * 100:.1f} % full)",
        "training uses dense bags: the forward pass is compiled",
    ]


def test_a_processor_without_bfloat16_is_named_where_it_is_asked_for(caplog, monkeypatch):
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: False)
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: False)
    for precision, device in [("bf16-mixed", "cpu"), ("bf16-mixed", "cuda"), ("32-true", "cpu")]:
        warn_of_slow_precision(precision, torch.device(device))
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("trainer.precision=bf16-mixed: this processor has no bfloat16 instructions")
    assert message.endswith("trainer.precision=auto or 32-true")
