"""Baselines of a run, recomputed from its documents with numpy."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import bows
from bows.analysis.read_out import folds
from bows.sparse_bags import SparseBags

SMALL = [
    "data=files", "data.vocab_size=60", "data.window=4", "data.val_fraction=0.3", "data.min_chars=20", "data.batch_size=16",
    "latent=4", "epochs=3", "lr=1e-2", "trainer=cpu", "logger=none", "analysis=none",
    "analysis.groups=[read_out,interference,baseline,regime]", "seed=5",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("baselines")


def run_of(place: Path, text: Path, trained, model: str, *more: str) -> bows.Run:
    words = [f"outputs={place}", f"data.train={text}", *SMALL, f"model={model}", *more]
    return bows.load_run(trained(place / "-".join([model, *more]), *words))


def test_baselines_follow_from_the_documents_alone(place, tiny_text, trained):
    run = run_of(place, tiny_text, trained, "tied")
    training, bags = (
        np.concatenate([part.numpy() for part in run.data.windows(split).batches(64)]).astype(float)
        for split in ("train", "validation")
    )
    total = np.square(bags - bags.mean(0)).sum()
    mean = training.mean(0)
    directions = np.linalg.eigh(np.cov(training.T, bias=True))[1][:, -4:]
    projector = directions @ directions.T
    found = run.metrics
    pca = (bags - mean) @ projector + mean
    assert found["baseline/r2_pca"] == pytest.approx(1 - np.square(bags - pca).sum() / total, abs=1e-4)
    # The best output bias of relu(P f + b), word by word, by a fine search.
    grid, error = np.linspace(-1.5, 1.5, 3001), 0.0
    for word in range(bags.shape[1]):
        x = training @ projector[word]
        best = grid[np.square(np.maximum(x[:, None] + grid, 0) - training[:, [word]]).mean(0).argmin()]
        error += np.square(np.maximum(bags @ projector[word] + best, 0) - bags[:, word]).sum()
    assert found["baseline/r2_pca_relu"] == pytest.approx(1 - error / total, abs=2e-3)
    kept = np.argsort(-mean, kind="stable")[:4]
    copied = np.tile(mean, (len(bags), 1))
    copied[:, kept] = bags[:, kept]
    assert found["baseline/r2_top_words"] == pytest.approx(1 - np.square(bags - copied).sum() / total, abs=1e-6)
    # Means over the words of each tenth of the vocabulary by held-out frequency, by a loop over words.
    order = np.argsort(bags.mean(0), kind="stable")
    fitted = run.autoencoder(torch.from_numpy(bags).float()).reconstruction.detach().numpy()
    for decile in range(10):
        own = [word for rank, word in enumerate(order) if rank * 10 // len(order) == decile and bags[:, word].var() > 0]
        for name, predicted in (("reconstruction/r2_macro", fitted), ("baseline/r2_top_words", copied)):
            r2 = [1 - np.square(bags[:, word] - predicted[:, word]).mean() / bags[:, word].var() for word in own]
            assert found[f"{name}/decile_{decile + 1}"] == pytest.approx(np.mean(r2), abs=1e-5)
    # The gap by the theorem: sum over j != i of P_ij C_ij / C_ii with the held-out covariance C; with j = i it is another number.
    covariance = np.cov(bags.T, bias=True)
    varying = np.diag(covariance) > 0
    whole = (projector * covariance).sum(1)[varying] / np.diag(covariance)[varying]
    gap = whole - np.diag(projector)[varying]
    assert found["interference/gap_pca"] == pytest.approx(gap.mean(), abs=1e-4)
    assert abs(whole.mean() - gap.mean()) > 0.05


def test_pca_is_its_own_baseline_and_gains_nothing_over_its_linear_read_out(place, tiny_text, trained):
    run = run_of(place, tiny_text, trained, "pca")
    assert run.metrics["baseline/r2_pca"] == pytest.approx(run.metrics["reconstruction/r2"], abs=1e-5)
    assert run.metrics["interference/gap_pca"] == pytest.approx(run.metrics["interference/gap"], abs=1e-5)
    assert abs(run.metrics["reconstruction/relu_gain"]) < 1e-3


def test_the_error_rate_of_the_regimes_is_that_of_the_components_words(place, tiny_text, trained):
    """By the table of a run of principal components: all of its words but the absent ones are linear in truth."""
    changed = ["analysis.regimes.absent=0", "analysis.regimes.gap=0.5"]
    run = run_of(place, tiny_text, trained, "pca", *changed)
    words = [row for row in run.words.to_pylist() if row["r2"] is not None and row["r2"] >= 0]
    wrong = [row["word"] for row in words if not row["gap_stratified"] > 0.5]
    gaps = [row["interference_present"] - row["interference_absent"] for row in words]
    assert 0 < len(wrong) < len(words)
    assert sum(gap <= 0.5 for gap in gaps) != len(wrong)  # the gap outside of strata would give another rate
    assert run.metrics["regime/error_pca"] == pytest.approx(len(wrong) / len(words))
    of_tied = run_of(place, tiny_text, trained, "tied", *changed).metrics["regime/error_pca"]
    assert of_tied == pytest.approx(run.metrics["regime/error_pca"])  # a baseline of the text and m, whatever the model


def test_rectified_components_are_a_model(place, tiny_text, trained):
    run = run_of(place, tiny_text, trained, "pca_relu")
    assert run.metrics["baseline/r2_pca_relu"] == pytest.approx(run.metrics["reconstruction/r2"], abs=1e-5)
    assert run.metrics["reconstruction/r2"] > run.metrics["baseline/r2_pca"]
    assert json.loads((run.folder / "summary.json").read_text())["speed/seconds"] >= 0


@pytest.mark.parametrize("model", ["tied", "untied", "linear", "pca"])
def test_nearly_empty_bags_are_encoded_by_their_words_with_the_same_result(
    place, tiny_text, trained, model, monkeypatch
):
    run = run_of(place, tiny_text, trained, model, "epochs=2")
    monkeypatch.setattr("bows.model.sparse_loss.fast_products", lambda: False)
    dense = run.evaluate()
    monkeypatch.setattr("bows.model.sparse_loss.fast_products", lambda: True)
    monkeypatch.setattr("bows.model.sparse_loss.LEAST_WORK", 0)
    monkeypatch.setattr("bows.model.sparse_loss.FULLEST", 1.0)
    summed, sum_words = [], SparseBags.sum_words

    def counted(bags: SparseBags, values: torch.Tensor) -> torch.Tensor:
        summed.append(len(bags))
        return sum_words(bags, values)

    monkeypatch.setattr(SparseBags, "sum_words", counted)
    sparse = run.evaluate()
    # The read-out's training windows once, the held-out windows for the model and for its baseline.
    assert sum(summed) == len(run.data.windows("train")) + 2 * len(run.data.windows("validation"))
    timeless = {name for name in dense.metrics if not name.startswith("speed/")}
    assert sparse.metrics.keys() == dense.metrics.keys()
    for name in timeless:
        assert sparse.metrics[name] == pytest.approx(dense.metrics[name], rel=1e-3, abs=1e-4), name
    columns = ["r2", "r2_linear", "r2_one_hot", "interference_present"]
    for name in columns:
        ours, theirs = (each.words[name].to_numpy() for each in (sparse, dense))
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3, err_msg=name)


@pytest.mark.parametrize(("rows", "window", "blocks"), [(100_000, 3, 40), (1000, 5, 8), (300, 20, 4)])
def test_folds_take_turns_through_the_text_in_blocks_of_many_windows(rows, window, blocks):
    windows = rows - window + 1
    of_window = folds(windows, rows, window).numpy()
    starts = np.flatnonzero(np.diff(of_window, prepend=-1))
    assert of_window[starts].tolist() == [0, 1, 2, 3] * (blocks // 4)
    lengths = np.diff([*starts, windows])
    assert lengths.max() - lengths.min() <= 1
    # A window shares rows with the next block for at most window - 1 starts: few of a block, unless four blocks are the whole text.
    assert blocks == 4 or window / lengths.min() <= 1 / 15
