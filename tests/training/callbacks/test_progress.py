"""A bar where a person watches, a handful of lines in a log."""

import io
import itertools
import logging
import math
import re
import sys

import pytest
import pytorch_lightning as pl
import torch

from bows import console
from bows.training.callbacks import progress, throughput
from bows.training.callbacks.progress import TrainingProgress
from bows.training.callbacks.throughput import SpeedMonitor

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")

V, BATCH = 4, 8


class Time:
    """A clock that moves on by a second a step."""

    now = 1000.0

    def monotonic(self):
        return self.now


class Tiny(pl.LightningModule):
    def __init__(self, clock=None, fail_at=None, seconds=1.0):
        super().__init__()
        self.layer = torch.nn.Linear(V, V)
        self.clock, self.fail_at, self.seconds = clock, fail_at, seconds

    def training_step(self, batch, batch_idx):
        if self.clock is not None:
            self.clock.now += self.seconds
        if self.global_step == self.fail_at:
            raise RuntimeError("broken")
        return self.layer(batch).square().mean()

    def validation_step(self, batch, batch_idx):
        self.log("reconstruction/loss", self.layer(batch).square().mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


@pytest.fixture
def clock(monkeypatch):
    clock = Time()
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.setattr(throughput, "perf_counter", clock.monotonic)
    return clock


@pytest.fixture
def screen(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def make():
        # In the test itself: pytest puts its own stream in place between a fixture and its test.
        fake = Terminal()
        monkeypatch.setattr(sys, "stderr", fake)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "90")
        console.console.cache_clear()
        return fake

    yield make
    console.console.cache_clear()


def fit(callback, model, epochs=5, resume=None, **kwargs):
    trainer = pl.Trainer(
        max_epochs=epochs, logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, accelerator="cpu", callbacks=[SpeedMonitor(), callback], **kwargs,
    )  # fmt: skip
    loader = torch.utils.data.DataLoader(torch.rand(20 * BATCH, V), batch_size=BATCH)
    validation = torch.utils.data.DataLoader(torch.rand(BATCH, V), batch_size=BATCH)
    trainer.fit(model, loader, validation, ckpt_path=resume)
    return trainer


def lines(caplog):
    return [record.message for record in caplog.records if record.name == "bows.training.callbacks.progress"]


def test_the_kind_follows_the_terminal(screen, monkeypatch):
    screen()
    assert not TrainingProgress().plain
    assert TrainingProgress(plain=True).plain
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert TrainingProgress().plain
    assert not TrainingProgress(plain=False).plain


def test_a_line_each_tenth_of_training(clock, caplog):
    with caplog.at_level(logging.INFO, logger="bows"):
        fit(TrainingProgress(plain=True), Tiny(clock, seconds=10))
    first, *middle, last = lines(caplog)
    assert first == "training: 100 steps"
    assert len(middle) == 10
    assert [line.split("%")[0].strip() for line in middle] == [str(10 * i) for i in range(1, 11)]
    assert re.search(r"epoch 3/5  loss \d\S*  [\d,]+ windows/s  0:08:20 left", middle[4])
    assert last == "training done in 0:16:40: 1 windows/s"


def test_a_quick_run_says_little(clock, caplog):
    with caplog.at_level(logging.INFO, logger="bows"):
        fit(TrainingProgress(plain=True), Tiny(clock, seconds=0.3))
    # 30 seconds: no two lines within ten.
    assert len(lines(caplog)) == 2 + 2


def test_a_long_run_shows_life(clock, caplog):
    with caplog.at_level(logging.INFO, logger="bows"):
        fit(TrainingProgress(plain=True), Tiny(clock, seconds=601.0), epochs=1)
    assert len(lines(caplog)) == 2 + 20


def test_a_resumed_run_begins_where_it_stopped(tmp_path, clock, caplog):
    fit(TrainingProgress(plain=True), Tiny(), epochs=2).save_checkpoint(tmp_path / "last.ckpt")
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="bows"):
        fit(TrainingProgress(plain=True), Tiny(clock, seconds=10), epochs=4, resume=tmp_path / "last.ckpt")
    first, *middle, _ = lines(caplog)
    assert first == "training: 80 steps, from step 40"
    assert [line.split("%")[0].strip() for line in middle] == ["60", "70", "80", "90", "100"]
    assert "epoch 3/4" in middle[0]
    # The pace is that of this process: 8 steps took 80 s, 32 are left.
    assert "0:05:20 left" in middle[0]


def test_max_steps_bounds_the_training(clock, caplog):
    with caplog.at_level(logging.INFO, logger="bows"):
        fit(TrainingProgress(plain=True), Tiny(clock), epochs=5, max_steps=30)
    assert lines(caplog)[0] == "training: 30 steps"


def test_the_bar_shows_epoch_loss_rate_and_time_left_and_clears_itself(screen, clock):
    shown = screen()
    fit(TrainingProgress(), Tiny(clock))
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue())
    assert re.search(r"epoch \d/5", text)
    assert re.search(r"loss \d\S*  [\d,]+ windows/s  0:0\d:\d\d left", text)
    # The cursor is shown again and the bar's line wiped.
    assert shown.getvalue().endswith("\x1b[?25h\r\x1b[1A\x1b[2K")


def test_a_run_that_breaks_gives_the_terminal_back(screen, clock):
    shown = screen()
    with pytest.raises(RuntimeError, match="broken"):
        fit(TrainingProgress(), Tiny(clock, fail_at=7))
    assert shown.getvalue().endswith("\x1b[?25h\r\x1b[1A\x1b[2K")


def test_the_loss_is_read_a_few_times_a_second_only(screen, clock, monkeypatch):
    screen()
    read = []
    monkeypatch.setattr(progress, "loss_of", lambda outputs: read.append(clock.now) or 1.0)
    fit(TrainingProgress(), Tiny(clock, seconds=0.01))
    assert 1 <= len(read) <= math.ceil(100 * 0.01 / 0.25) + 1
    assert all(b - a >= 0.25 - 1e-9 for a, b in itertools.pairwise(read))
