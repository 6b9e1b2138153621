"""The batches of a stack: those that each dataset would give alone, side by side, whether a split is held dense or not."""

import pytest
import torch

from bows.config.resolve import instantiate_plain
from bows.data.datamodule import BagsDataModule
from bows.training.stack import stack_data
from bows.training.stack.stack_data import StackData


def _datasets(compose) -> list[BagsDataModule]:
    made = []
    for words in (["data=circular", "seed=1"], ["data=sphere", "seed=2"], ["data=circular", "seed=3"]):
        config = compose(*words, "data.train_rows=70", "data.validation_rows=50", "data.batch_size=16")
        data = instantiate_plain(config["data"])
        data.setup("fit")
        made.append(data)
    return made


@pytest.mark.parametrize("dense_cells", [0, 1 << 22], ids=["made anew", "held dense"])
def test_a_batch_holds_each_datasets_own(compose, monkeypatch, dense_cells):
    monkeypatch.setattr(stack_data, "DENSE_CELLS", dense_cells)
    stack, device = StackData(_datasets(compose)), torch.device("cpu")
    for split in ("train_dataloader", "val_dataloader"):
        loader, own = getattr(stack, split)(), [getattr(data, split)() for data in _datasets(compose)]
        for epoch in range(2):
            for each in (loader, *own):
                each.set_epoch(epoch)
            batches = [stack.transfer_batch_to_device(batch, device, 0) for batch in loader]
            alone = list(zip(*own, strict=True))
            assert len(batches) == len(alone) == len(own[0]) >= 1
            for batch, expected in zip(batches, alone, strict=True):
                assert batch.of_all.shape == (len(batch), 3, 12)
                for place, each in enumerate(expected):
                    assert torch.equal(batch.of_all[:, place], each.bags(device))
                assert not torch.equal(batch.of_all[:, 0], batch.of_all[:, 2])
