"""Windows a second count training alone; seconds and memory the whole fit."""

import pytest
import pytorch_lightning as pl
import torch

from bows.tracking.csv_logger import MetricsTable
from bows.training.callbacks import throughput
from bows.training.callbacks.throughput import SpeedMonitor, TrainingClock, peak_memory_bytes

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")

V, BATCH = 4, 8


class Time:
    """A clock that a test sets."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_the_clock_stands_still_while_paused():
    now = Time()
    clock = TrainingClock(now)
    clock.start()
    for _ in range(4):
        now.now += 2
        clock.count(10)
        clock.pause()
        now.now += 100
        clock.pause()
        clock.start()
        clock.start()
    assert clock.seconds == 8
    assert clock.windows_per_second() == 5


@pytest.mark.parametrize(("steps", "rate"), [(1, 1), (5, 1), (10, 10 / (5 + 5 * 0.5)), (11, 2), (40, 2)])
def test_the_first_steps_are_left_out_once_enough_follow(steps, rate):
    now = Time()
    clock = TrainingClock(now)
    clock.start()
    for step in range(steps):
        now.now += 10 if step < 5 else 5
        clock.count(10)
    assert clock.windows_per_second() == pytest.approx(rate)


def test_no_rate_before_any_step():
    assert TrainingClock().windows_per_second() is None


STEP, VALIDATION, ANALYSIS = 5.0, 50.0, 100.0


class Slow(pl.LightningModule):
    """A step of 5 s and a validation of 50, by a clock that the test sets."""

    def __init__(self, now):
        super().__init__()
        self.now = now
        self.layer = torch.nn.Linear(V, V)

    def training_step(self, batch, batch_idx):
        self.now.now += STEP
        loss = self.layer(batch).square().mean()
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        self.now.now += VALIDATION
        self.log("reconstruction/loss", self.layer(batch).square().mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


class Analysis(pl.Callback):
    """Works long after each epoch."""

    def __init__(self, now):
        self.now = now

    def on_train_epoch_end(self, trainer, pl_module):
        self.now.now += ANALYSIS


@pytest.fixture
def now(monkeypatch):
    """The clock of SpeedMonitor."""
    now = Time()
    monkeypatch.setattr(throughput, "perf_counter", now)
    return now


def fit(folder, now, callbacks, epochs=2, **kwargs):
    table = MetricsTable(folder)
    trainer = pl.Trainer(
        max_epochs=epochs, logger=table, enable_progress_bar=False, enable_model_summary=False, log_every_n_steps=1,
        enable_checkpointing=False, accelerator="cpu", callbacks=callbacks, **kwargs,
    )  # fmt: skip
    loader = torch.utils.data.DataLoader(torch.rand(10 * BATCH, V), batch_size=BATCH)
    trainer.fit(Slow(now), loader, torch.utils.data.DataLoader(torch.rand(BATCH, V), batch_size=BATCH))
    return table


def test_training_alone_is_counted_and_logged_in_the_last_step_s_row(tmp_path, now):
    summary = fit(tmp_path, now, [SpeedMonitor(), Analysis(now)]).summary
    assert summary["speed/windows_per_second"] == BATCH / STEP
    # Validation runs once before training, as Lightning's check, and after each epoch.
    assert summary["speed/seconds"] == 2 * (10 * STEP + ANALYSIS) + 3 * VALIDATION
    assert 10 < summary["speed/peak_memory_mb"] < 100_000
    assert "speed/peak_gpu_memory_mb" not in summary
    header, *rows = [line.split(",") for line in (tmp_path / "metrics.csv").read_text().splitlines()]
    column = header.index("speed/windows_per_second")
    assert [(row[0], row[1]) for row in rows if row[column]] == [("9", "0"), ("19", "1")]
    assert [row[0] for row in rows] == [str(step) for step in range(20)]


def test_validation_in_the_middle_of_an_epoch_is_left_out(tmp_path, now):
    summary = fit(tmp_path, now, [SpeedMonitor()], epochs=1, val_check_interval=2).summary
    assert summary["speed/windows_per_second"] == BATCH / STEP


def test_peak_memory_grows_with_what_is_held():
    before = peak_memory_bytes()
    held = bytearray(before + 64_000_000)
    assert peak_memory_bytes() >= len(held)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_memory_is_logged(tmp_path):
    table = MetricsTable(tmp_path)
    trainer = pl.Trainer(max_epochs=1, logger=table, accelerator="gpu", devices=1, callbacks=[SpeedMonitor()])
    trainer.fit(Slow(Time()), torch.utils.data.DataLoader(torch.rand(80, V), batch_size=BATCH))
    assert table.summary["speed/peak_gpu_memory_mb"] > 0
