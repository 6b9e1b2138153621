"""The DataModule in a real Trainer: dense batches arrive, and the loss falls."""

import pytest
import pytorch_lightning as pl
import torch
from hydra.utils import instantiate

from bows.data.datamodule import BagsDataModule
from bows.data.sources.synthetic import synthetic_corpus
from bows.errors import SettingError
from bows.model.lightning import BagsModule
from bows.model.optimizers import OptimizerSettings
from bows.model.tied import Tied
from bows.sparse_bags import SparseBags

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*is deprecated.*"),
]


class Seen(pl.Callback):
    """Batches as the module gets them, and the held-out loss before and after."""

    def __init__(self):
        self.train, self.validation, self.losses = [], [], []

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        self.train.append((trainer.current_epoch, batch))

    def on_validation_epoch_start(self, trainer, module):
        self.validation = []

    def on_validation_batch_end(self, trainer, module, outputs, batch, index, dataloader_idx=0):
        self.validation.append((batch, module.autoencoder.loss(outputs, batch).item()))

    def on_validation_epoch_end(self, trainer, module):
        self.losses.append(sum(loss * len(batch) for batch, loss in self.validation))


def test_text_to_training_for_two_epochs(compose, tiny_text):
    settings = compose(
        "data=files", f"data.train={tiny_text}", "data.window=5", "data.batch_size=32", "data.min_chars=10",
        "data.validation_windows=20", "seed=4",
    )  # fmt: skip
    data = instantiate(settings["data"], _convert_="all")
    words = len(data.corpus.vocabulary)
    torch.manual_seed(0)
    module, seen = BagsModule(Tied(words, 4), OptimizerSettings(lr=0.02), steps=24), Seen()
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=2, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[seen], num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.validate(module, datamodule=data, verbose=False)
    trainer.fit(module, datamodule=data)

    assert all(batch.dtype == torch.float32 and batch.shape[1] == words for _, batch in seen.train)
    windows = data.windows("train")
    whole = torch.cat(list(windows.batches(64)))
    by_epoch = [[batch for epoch, batch in seen.train if epoch == number] for number in (0, 1)]
    for batches in by_epoch:
        assert [len(batch) for batch in batches] == [32] * 11 + [4]  # 360 rows, 356 windows
        rows = torch.cat(batches)
        assert sorted(map(tuple, rows.tolist())) == sorted(map(tuple, whole.tolist()))
    assert not torch.equal(torch.cat(by_epoch[0]), torch.cat(by_epoch[1]))
    numbers = [k * 36 // 20 for k in range(20)]  # 40 held-out rows, 36 windows
    expected = data.windows("validation").multi_hot(torch.tensor(numbers))
    assert torch.equal(torch.cat([batch for batch, _ in seen.validation]), expected)
    assert seen.losses[-1] < 0.9 * seen.losses[0]


@pytest.mark.parametrize("sparse", [False, True])
def test_sparse_training_changes_what_training_gets_and_nothing_else(sparse):
    data, seen = module_of(validation_windows=None), Seen()
    data.sparse_training = sparse
    module = BagsModule(Tied(12, 4), OptimizerSettings(), steps=7)
    if sparse:
        module.train_sparsely()
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[seen], num_sanity_val_steps=1,
    )  # fmt: skip
    trainer.fit(module, datamodule=data)
    numbers = torch.cat([batch.numbers for batch in module_of().train_dataloader()])
    assert all(isinstance(batch, SparseBags if sparse else torch.Tensor) for _, batch in seen.train)
    bags = torch.cat([batch.dense() if sparse else batch for _, batch in seen.train])
    assert torch.equal(bags, data.windows("train").multi_hot(numbers))
    held_out = data.windows("validation").multi_hot(torch.arange(9))
    assert torch.equal(torch.cat([batch for batch, _ in seen.validation]), held_out)


def module_of(rows: int = 50, window: int = 1, **settings) -> BagsDataModule:
    opened = []

    def corpus():
        opened.append(1)
        assert len(opened) == 1, "opened twice"
        return synthetic_corpus("c", "circular", 12, rows, 9, 10.0, 0.0, 0)

    return BagsDataModule(corpus, window, 1, 8, seed=1, **settings)


def test_the_corpus_is_opened_once():
    data = module_of()
    data.prepare_data()
    data.setup("fit")
    assert data.corpus is data.corpus
    assert data.windows("train") is data.windows("train")


def test_loaders_follow_seed_and_settings():
    numbers = [batch.numbers.tolist() for batch in module_of().train_dataloader()]
    assert numbers == [batch.numbers.tolist() for batch in module_of().train_dataloader()]
    assert sorted(number for batch in numbers for number in batch) == list(range(50))
    held_out = [batch.numbers.tolist() for batch in module_of(validation_windows=3).val_dataloader()]
    assert held_out == [[0, 3, 6]]
    held_out = [batch.numbers.tolist() for batch in module_of(validation_windows=None).val_dataloader()]
    assert held_out == [[0, 1, 2, 3, 4, 5, 6, 7, 8]]  # in batches larger than training's, which only saves time


@pytest.mark.parametrize(("rows", "size"), [(50, 16), (4095, 16), (4096, 32), (70_000, 512)])
def test_small_corpora_get_small_batches(rows, size):
    data = BagsDataModule(lambda: synthetic_corpus("c", "iid", 3, rows, 9, 1.0, 0.0, 0), 1, 1, None, seed=1)
    assert data.batch_size == size
    assert len(data.train_dataloader()) == -(-rows // size)


def test_processes_share_batches(monkeypatch):
    shares = []
    for rank in range(2):
        data = module_of()
        data.trainer = type("Trainer", (), {"global_rank": rank, "world_size": 2})()
        shares.append([batch.numbers.tolist() for batch in data.train_dataloader()])
    alone = [batch.numbers.tolist() for batch in module_of().train_dataloader()]
    assert [sorted(a + b) for a, b in zip(*shares, strict=True)] == [sorted(batch) for batch in alone]


def test_a_window_longer_than_a_split_is_refused_at_setup():
    with pytest.raises(SettingError, match=r"data\.window=10 is longer than the validation split, which has 9 rows"):
        module_of(window=10).setup("fit")
