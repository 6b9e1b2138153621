"""The private parts of Lightning that bows reads: what they return at each moment of a training. A failure here after an upgrade of
Lightning means that bows.training.lightning_internals must be adapted."""

import pytest
import pytorch_lightning as pl
import torch

from bows.training.lightning_internals import between_steps, checkpoint_content, last_batch_of_epoch, last_epoch

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")


class Linear(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 2)

    def training_step(self, batch, batch_idx):
        return self.layer(batch).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


class Record(pl.Callback):
    def __init__(self):
        self.batches, self.epochs = [], []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.batches.append((last_batch_of_epoch(trainer), between_steps(trainer)))

    def on_train_epoch_end(self, trainer, pl_module):
        self.epochs.append(last_epoch(trainer))

    def on_train_end(self, trainer, pl_module):
        self.epochs.append(last_epoch(trainer))


@pytest.mark.parametrize(
    ("accumulated", "expected"),
    [
        (1, [(False, True), (False, True), (True, False)] * 2),
        (2, [(False, False), (False, True), (True, False)] * 2),
    ],
)
def test_moments_of_a_training_are_recognised(tmp_path, accumulated, expected):
    record = Record()
    trainer = pl.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, callbacks=[record], accumulate_grad_batches=accumulated, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(Linear(), torch.utils.data.DataLoader(torch.rand(6, 2), batch_size=2))
    assert record.batches == expected
    assert record.epochs == [0, 1, 1]
    content = checkpoint_content(trainer)
    trainer.save_checkpoint(tmp_path / "saved.ckpt")
    saved = torch.load(tmp_path / "saved.ckpt", weights_only=True)
    assert saved.keys() == content.keys()
    assert (saved["epoch"], saved["global_step"]) == (content["epoch"], content["global_step"])
    assert {"state_dict", "optimizer_states", "lr_schedulers", "callbacks", "loops"} <= saved.keys()
