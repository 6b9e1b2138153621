"""metrics.csv: one row a step, one column a metric, whatever the order and whenever the crash."""

import csv
import logging
import math
import os

import pytest
import pytorch_lightning as pl
import torch

from bows.errors import DataError
from bows.tracking.csv_logger import MetricsTable


def read(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.reader(file))


def test_metrics_of_one_step_share_a_row(tmp_path):
    table = MetricsTable(tmp_path)
    table.log_metrics({"train/loss": 0.5, "epoch": 0}, step=0)
    table.log_metrics({"train/loss": 0.25, "epoch": 0}, step=1)
    table.log_metrics({"reconstruction/loss": 0.125}, step=1)
    assert read(tmp_path) == [
        ["step", "epoch", "train/loss", "reconstruction/loss"],
        ["0", "0", "0.5", ""],
        ["1", "0", "0.25", "0.125"],
    ]


def test_rows_stay_in_the_order_of_steps(tmp_path):
    table = MetricsTable(tmp_path)
    for step in (0, 10, 4, 10, 12, 4):
        table.log_metrics({"a": step + 0.5, f"at/{step % 3}": 1.0}, step=step)
    rows = read(tmp_path)
    assert [row[0] for row in rows[1:]] == ["0", "4", "10", "12"]
    assert [row[2] for row in rows[1:]] == ["0.5", "4.5", "10.5", "12.5"]
    assert {len(row) for row in rows} == {len(rows[0])}


def test_a_shorter_row_leaves_nothing_of_the_longer_one(tmp_path):
    table = MetricsTable(tmp_path)
    table.log_metrics({"a": 0.123456789012}, step=0)
    table.log_metrics({"a": 1.0}, step=0)
    table.log_metrics({"a": 2.0}, step=1)
    assert read(tmp_path)[1:] == [["0", "", "1.0"], ["1", "", "2.0"]]


def test_every_row_is_on_disk_before_the_run_ends(tmp_path):
    table = MetricsTable(tmp_path)
    for step in range(5):
        table.log_metrics({"a": float(step)}, step=step)
        assert read(tmp_path)[-1] == [str(step), "", repr(float(step))]


def test_a_name_with_a_comma_survives(tmp_path):
    table = MetricsTable(tmp_path)
    table.log_metrics({'ring/a, "b"/order': 1.0}, step=0)
    assert read(tmp_path)[0][2] == 'ring/a, "b"/order'
    assert MetricsTable(tmp_path, resume_step=0).summary == {'ring/a, "b"/order': 1.0}


def test_summary_holds_last_finite_values_and_names_the_others(tmp_path, caplog):
    table = MetricsTable(tmp_path)
    with caplog.at_level(logging.WARNING):
        table.log_metrics({"a": 1.0, "b": 2.0, "epoch": 0}, step=0)
        table.log_metrics({"a": 3.0, "b": math.nan, "c": torch.tensor(4.0)}, step=1)
        table.log_metrics({"b": math.inf}, step=2)
    assert table.summary == {"a": 3.0, "c": 4.0}
    assert [record.message for record in caplog.records] == [
        "b is nan at step 1; the summary leaves it out while it is not finite"
    ]
    assert read(tmp_path)[2][3] == "nan"


def test_resume_keeps_rows_up_to_the_step_and_no_step_comes_twice(tmp_path):
    first = MetricsTable(tmp_path)
    for step in range(10):
        first.log_metrics({"a": float(step), "epoch": step // 4}, step=step)
    first.log_metrics({"late": 1.0}, step=9)
    second = MetricsTable(tmp_path, resume_step=6)
    assert second.summary == {"a": 6.0}
    for step in range(6, 9):
        second.log_metrics({"a": step + 0.5, "b": 1.0, "epoch": step // 4}, step=step)
    rows = read(tmp_path)
    assert [row[0] for row in rows[1:]] == [str(step) for step in range(9)]
    assert rows[1:][5][:3] == ["5", "1", "5.0"]
    assert rows[1:][6][:3] == ["6", "1", "6.5"]
    assert second.summary == {"a": 8.5, "b": 1.0}


def test_resume_after_a_crash_in_the_middle_of_a_row(tmp_path):
    first = MetricsTable(tmp_path)
    for step in range(4):
        first.log_metrics({"a": float(step), "b": 0.5}, step=step)
    with (tmp_path / "metrics.csv").open("ab") as file:
        file.write(b"4,,4.")
    second = MetricsTable(tmp_path, resume_step=100)
    second.log_metrics({"a": 4.0}, step=4)
    assert [row[0] for row in read(tmp_path)[1:]] == ["0", "1", "2", "3", "4"]


def test_without_resuming_the_file_starts_anew(tmp_path):
    MetricsTable(tmp_path).log_metrics({"old": 1.0}, step=0)
    MetricsTable(tmp_path).log_metrics({"new": 1.0}, step=0)
    assert read(tmp_path) == [["step", "epoch", "new"], ["0", "", "1.0"]]


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "step,epoch,a\n0,0,one\n", "step,epoch,a\n0,0\n1,0,1.0\n"])
def test_a_foreign_file_is_refused_by_name(tmp_path, content):
    (tmp_path / "metrics.csv").write_text(content)
    with pytest.raises(DataError, match=r"metrics\.csv"):
        MetricsTable(tmp_path, resume_step=5)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write"):
        MetricsTable(tmp_path / "file").log_metrics({"a": 1.0}, step=0)


@pytest.mark.parametrize("place", range(60))
def test_a_flipped_bit_in_a_table_to_resume_is_read_or_one_line(tmp_path, place):
    table = MetricsTable(tmp_path)
    for step in range(6):
        table.log_metrics({"train/loss": 0.5 / (step + 1), "epoch": 0}, step=step)
    content = bytearray((tmp_path / "metrics.csv").read_bytes())
    content[place] ^= 1 << place % 8
    (tmp_path / "metrics.csv").write_bytes(content)
    try:
        line = f"{len(MetricsTable(tmp_path, resume_step=3).summary)} {tmp_path}"
    except DataError as error:
        line = str(error)
    assert str(tmp_path) in line
    assert "\n" not in line


def test_the_whole_file_is_rewritten_for_a_new_column_only(tmp_path, monkeypatch):
    """Otherwise a long run would cost the square of its rows."""
    rewritten = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *paths: rewritten.append(paths) or replace(*paths))
    table = MetricsTable(tmp_path)
    for step in range(500):
        table.log_metrics({"a": 0.1, "b": 0.2, "epoch": 0}, step=step)
        table.log_metrics({"a": 0.3}, step=step)
    table.log_metrics({"c": 0.4}, step=499)
    assert len(rewritten) == 2
    assert len(read(tmp_path)) == 501


class Tiny(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 4)

    def training_step(self, batch, batch_idx):
        loss = self.layer(batch).square().mean()
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("reconstruction/loss", self.layer(batch).square().mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_lightning_fills_the_table(tmp_path):
    table = MetricsTable(tmp_path)
    trainer = pl.Trainer(
        max_epochs=2, logger=table, enable_progress_bar=False, enable_model_summary=False, log_every_n_steps=1,
        enable_checkpointing=False, accelerator="cpu",
    )  # fmt: skip
    loader = torch.utils.data.DataLoader(torch.rand(12, 4), batch_size=4)
    trainer.fit(Tiny(), loader, loader)
    rows = read(tmp_path)
    assert rows[0] == ["step", "epoch", "train/loss", "reconstruction/loss"]
    assert [row[:2] for row in rows[1:]] == [[str(step), str(step // 3)] for step in range(6)]
    assert [bool(row[3]) for row in rows[1:]] == [False, False, True] * 2
    assert table.summary["reconstruction/loss"] == float(rows[-1][3])


def test_a_run_that_logs_nothing_still_leaves_the_file(tmp_path):
    MetricsTable(tmp_path).finalize("success")
    assert read(tmp_path) == [["step", "epoch"]]
