"""The leaking split: a tenth of the training windows is held out, never trained on, and measured beside held-out documents."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from safetensors.numpy import load_file

from bows.config.validate import check
from bows.data.corpus import Bags
from bows.data.datamodule import BagsDataModule
from bows.data.sources.synthetic import synthetic_corpus
from bows.data.windows import Windows, hold_out_overlapping
from bows.errors import SettingError
from bows.files import read_json
from bows.runs.status import RunStatus
from bows.tracking.run_labels import Labels
from bows.training.run import train
from bows.training.stack.train_stack import StackJob, train_stack


def random_windows(rows: int = 60, window: int = 4, stride: int = 1) -> Windows:
    table = np.random.default_rng(3).random((rows, 9)) < 0.2
    indptr = np.concatenate([[0], np.cumsum(table.sum(1))]).astype(np.int64)
    return Windows(Bags(indptr, np.nonzero(table)[1].astype(np.uint16)), 9, window, stride)


@pytest.mark.parametrize("stride", [1, 3])
def test_a_view_is_the_chosen_windows(stride):
    windows = random_windows(stride=stride)
    numbers = torch.tensor([0, 5, 6, 18])
    view, expected = windows.only(numbers), windows.multi_hot(numbers)
    assert len(view) == view.count == 4
    assert torch.equal(torch.cat(list(view.batches(3))), expected)
    assert torch.equal(view.sparse(torch.tensor([3, 1])).dense(), expected[[3, 1]])
    assert torch.equal(torch.cat(list(view.batches(3, most=2))), expected[[0, 2]])
    assert view.density() == pytest.approx(expected.mean().item())
    assert torch.equal(view.only(torch.tensor([2])).multi_hot(torch.tensor([0])), expected[[2]])
    assert len(windows) == (60 - 4) // stride + 1  # which is as it was


@pytest.mark.parametrize(("rows", "held_out"), [(5, 1), (9, 1), (103, 10), (109, 11)])
def test_a_random_tenth_is_held_out_and_every_window_is_in_one_part(rows, held_out):
    windows = random_windows(rows)
    trained, overlapping = hold_out_overlapping(windows, seed=1)
    starts = [part.first_rows(torch.arange(len(part))).tolist() for part in (trained, overlapping)]
    assert len(overlapping) == held_out
    assert sorted(starts[0] + starts[1]) == list(range(rows - 3))
    assert all(part == sorted(part) for part in starts)
    again, other = (hold_out_overlapping(windows, seed)[1] for seed in (1, 2))
    assert again.first_rows(torch.arange(held_out)).tolist() == starts[1]
    if held_out > 1:
        assert other.first_rows(torch.arange(held_out)).tolist() != starts[1]
        assert np.diff(starts[1]).max() > 1  # not one stretch of the text


def test_one_window_cannot_be_split():
    with pytest.raises(
        SettingError,
        match=r"^data\.split=overlapping: the training split has one window of data\.window=4 rows, .*; give ",
    ):
        hold_out_overlapping(random_windows(4), seed=0)


def module_of(split: str) -> BagsDataModule:
    corpus = synthetic_corpus("c", "circular", 12, 205, 90, 10.0, 0.0, 0)
    return BagsDataModule(lambda: corpus, 6, 1, 16, seed=1, split=split)


def test_no_held_out_window_is_in_a_training_batch():
    data = module_of("overlapping")
    overlapping = data.overlapping
    assert overlapping is not None
    held_out = overlapping.first_rows(torch.arange(20)).tolist()
    for epoch in range(2):
        batches = data.train_dataloader()
        batches.set_epoch(epoch)
        trained = [row for batch in batches for row in batch.windows.first_rows(batch.numbers).tolist()]
        assert not set(trained) & set(held_out)
        assert sorted(trained + held_out) == list(range(200))
    validation = [batch.windows.first_rows(batch.numbers).tolist() for batch in data.val_dataloader()]
    assert validation == [list(range(85))]  # all windows of held-out documents, as ever
    assert module_of("documents").overlapping is None
    assert len(module_of("documents").windows("train")) == 200


SMALL = ["lr=1e-2", "epochs=3", "logger=none", "latent=4", "analysis.groups=[read_out]", "analysis.figures=false"]


def job(compose, folder: Path, *overrides: str) -> StackJob:
    config = compose(*SMALL, *overrides)
    folder.mkdir(parents=True)
    return StackJob(folder, check(config), Labels(folder.name, "group"))


def trained_alone(job: StackJob) -> dict[str, float]:
    train(job.settings, job.folder, RunStatus.start(job.folder, resumed=False))
    return read_json(job.folder / "summary.json")


@pytest.fixture
def text(tiny_text) -> list[str]:
    return ["data=files", f"data.train={tiny_text}", "data.min_chars=10", "data.window=5", "data.batch_size=64"]


def loss_and_r2(folder: Path, bags: np.ndarray) -> tuple[float, float]:
    weights = {name: each.astype(float) for name, each in load_file(folder / "model.safetensors").items()}
    encoder = weights["encoder.weight"]
    errors = (bags - np.maximum(bags @ encoder.T @ encoder + weights["decoder.bias"], 0)) ** 2
    return errors.mean(), 1 - errors.sum() / ((bags - bags.mean(0)) ** 2).sum()


def unions(bags: Bags, words: int, window: int) -> np.ndarray:
    """(windows, words) of a split, row by row."""
    rows = [bags.indices[first:last] for first, last in zip(bags.indptr, bags.indptr[1:], strict=False)]
    table = np.zeros((len(rows) - window + 1, words))
    for start in range(len(table)):
        for row in rows[start : start + window]:
            table[start, row] = 1
    return table


def test_both_losses_are_those_of_the_saved_weights(compose, tmp_path, text):
    leaking = job(compose, tmp_path / "leaking", *text, "data.split=overlapping", "seed=4")
    summary = trained_alone(leaking)
    data = instantiate(leaking.settings.data, _convert_="all")
    words = len(data.corpus.vocabulary)
    trained_on = data.windows("train")
    kept = set(trained_on.first_rows(torch.arange(len(trained_on))).tolist())
    whole = unions(data.corpus.split("train"), words, 5)
    held_out = np.delete(whole, sorted(kept), 0)
    assert len(held_out) == round(0.1 * len(whole))
    documents = unions(data.corpus.split("validation"), words, 5)
    for group, bags in (("reconstruction", documents), ("leak", held_out)):
        loss, r2 = loss_and_r2(leaking.folder, bags)
        assert summary[f"{group}/loss"] == pytest.approx(loss, rel=1e-4)
        assert summary[f"{group}/r2"] == pytest.approx(r2, abs=1e-4)
    assert summary["leak/loss_gap"] == pytest.approx(summary["reconstruction/loss"] - summary["leak/loss"])
    plain = trained_alone(job(compose, tmp_path / "plain", *text, "seed=4"))
    assert set(summary) - set(plain) == {"leak/loss", "leak/r2", "leak/loss_gap"}


def test_members_of_a_stack_hold_out_what_the_runs_alone_do(compose, tmp_path, text):
    variants = {"tied": ["seed=1"], "linear": ["seed=2", "model=linear", "latent=6"]}
    shared = [*text, "data.split=overlapping"]
    jobs = [job(compose, tmp_path / "stack" / name, *shared, *own) for name, own in variants.items()]
    outcomes = train_stack(jobs, tmp_path / "scratch")
    for name, own, outcome in zip(variants, variants.values(), outcomes, strict=True):
        alone = trained_alone(job(compose, tmp_path / "alone" / name, *shared, *own))
        ours = read_json(tmp_path / "stack" / name / "summary.json")
        assert ours.keys() == alone.keys()
        assert outcome == pytest.approx(alone["reconstruction/loss"], rel=1e-5)
        for metric in ("reconstruction/loss", "reconstruction/r2", "leak/loss", "leak/r2", "leak/loss_gap"):
            assert ours[metric] == pytest.approx(alone[metric], rel=1e-4, abs=1e-6), metric
        weights, expected = (load_file(tmp_path / kind / name / "model.safetensors") for kind in ("stack", "alone"))
        for weight in weights:
            assert np.allclose(weights[weight], expected[weight], rtol=1e-4, atol=1e-6), weight
    leaks = [read_json(tmp_path / "stack" / name / "summary.json")["leak/loss"] for name in variants]
    assert leaks[0] != leaks[1]


def test_training_watches_held_out_documents(compose, tmp_path, text):
    leaking = job(compose, tmp_path / "leaking", *text, "data.split=overlapping")
    summary = trained_alone(leaking)
    rows = list(csv.DictReader((leaking.folder / "metrics.csv").read_text().splitlines()))
    watched = [float(row["reconstruction/loss"]) for row in rows if row["reconstruction/loss"]]
    assert watched[-1] == pytest.approx(summary["reconstruction/loss"], rel=1e-4)
    assert len(watched) > 1
    assert sum(bool(row["leak/loss"]) for row in rows) == 1  # at the end alone
