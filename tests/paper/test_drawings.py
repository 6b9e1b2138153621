"""The paper's figures of real runs: tables follow from the run folders, are kept, and are enough to draw again."""

import math
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from bows.analysis.ring import cyclic_order, ring
from bows.analysis.surviving_directions import Decay, predicted_weights
from bows.analysis.word_map import umap_coordinates
from bows.errors import SettingError
from bows.paper import mechanism, months, replication
from bows.paper.drawings import DRAWINGS, make, redraw
from bows.paper.presets import PRESETS, measure
from bows.paper.ring_prediction import learning_rates, predictions, spectrum_of
from bows.paper.runs import Run
from bows.paper.text_correlations import directions_of, text_correlations
from bows.runs.folder import read_run

SMALL = [
    "data=files", "data.vocab_size=70", "data.window=3", "data.val_fraction=0.3", "data.min_chars=20", "data.batch_size=16", "latent=8",
    "epochs=6", "lr=1e-2", "wd=0.1", "trainer=cpu", "logger=none", "analysis=full", "analysis.looks=0", "analysis.permutations=99",
    "analysis.null_permutations=99", "analysis.figures=false",
]  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory, tiny_text, trained) -> list[Run]:
    place = tmp_path_factory.mktemp("drawings")
    made = []
    for model in ("tied", "pca"):
        words = [f"outputs={place}", *SMALL, f"data.train={tiny_text}", f"model={model}"]
        folder = trained(place / model, *words)
        made.append(Run(read_run(folder), {"seed": 0, "wd": 0.1, "latent": 8, "model": model, "data": "files"}))
    return made


def windows_of(run: Run, split: str) -> np.ndarray:
    """(windows, V): bags from the corpus's rows, without bows' windows."""
    bags = run.data.corpus.splits[split]
    indptr, indices = np.asarray(bags.indptr), np.asarray(bags.indices)
    rows = np.zeros((len(indptr) - 1, len(run.vocabulary)))
    for row in range(len(rows)):
        rows[row, indices[indptr[row] : indptr[row + 1]]] = 1
    return np.array([rows[start : start + 3].max(0) for start in range(len(rows) - 2)])


def test_months_in_the_text_are_the_correlations_of_windows(runs):
    matrix = text_correlations(runs[0], months.MONTHS)
    places = [runs[0].vocabulary.index(word) for word in months.MONTHS]
    expected = np.corrcoef(windows_of(runs[0], "train")[:, places].T)
    assert matrix == pytest.approx(expected, abs=1e-9)
    columns = directions_of(matrix)
    assert (columns.T @ columns).numpy() == pytest.approx(matrix, abs=1e-9)
    found = measure("months", runs)
    # The text has its months on a ring: near ones stand together, and the weights follow.
    assert found["text"].value == pytest.approx(1e-4)
    assert found["steps"].value < 0.01


def test_planes_keep_every_distance_of_the_months_plane(runs):
    table = months.planes(runs).to_pydict()
    assert len(set(table["panel"])) == 3
    own = [place for place, panel in enumerate(table["panel"]) if panel.startswith("weights")]
    points = np.array([(table["x"][place], table["y"][place]) for place in own if table["place"][place] is not None])
    weight = load_file(runs[0].folder / "model.safetensors")["encoder.weight"].double().numpy()
    directions = (weight / np.linalg.norm(weight, axis=0))[
        :, [runs[0].vocabulary.index(word) for word in months.MONTHS]
    ].T
    centred = directions - directions.mean(0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :2] * size[:2]
    between = lambda each: np.linalg.norm(each[:, None] - each[None], axis=2)  # noqa: E731
    assert between(points) == pytest.approx(between(expected), abs=1e-5)
    assert points[0, 1] > 0  # January above


def test_towers_are_the_models_own_pre_activations(runs):
    run = runs[0]
    table = mechanism.towers([run], ["December"]).to_pylist()
    own = [row["context"] for row in table if row["tower"] == "in its own context" and row["context"]]
    other = [row["context"] for row in table if row["tower"] == "in another context" and row["context"]]
    assert len(own) == len(other) == 4
    assert not set(own) & set(other)
    phi = np.corrcoef(windows_of(run, "train").T[[run.vocabulary.index(word) for word in ("December", *own, *other)]])[
        0, 1:
    ]
    assert phi[:4].min() > np.abs(phi[4:]).max()
    state = load_file(run.folder / "model.safetensors")
    bag = torch.zeros(len(run.vocabulary))
    bag[[run.vocabulary.index(word) for word in ("December", *own)]] = 1
    expected = (state["encoder.weight"].T @ (state["encoder.weight"] @ bag) + state["decoder.bias"])[
        run.vocabulary.index("December")
    ]
    parts = [row["value"] for row in table if row["tower"] == "in its own context"]
    assert sum(parts) == pytest.approx(float(expected), abs=1e-5)
    with pytest.raises(SettingError, match=r"--words: Xmas is not in this corpus's vocabulary"):
        mechanism.towers([run], ["Xmas"])


def test_the_histogram_counts_every_cell_of_rebuilt_words(runs):
    run = runs[0]
    table = mechanism.histogram([run]).to_pydict()
    there = [place for place, regime in enumerate(run.words["regime"]) if regime not in (None, "absent")]
    bags = windows_of(run, "validation")
    state = load_file(run.folder / "model.safetensors")
    weight, bias = state["encoder.weight"].double().numpy(), state["decoder.bias"].double().numpy()
    values = (bags @ weight.T @ weight + bias)[:, there]
    present = bags[:, there] > 0
    above = [left >= 0 for left in table["left"]]
    assert 0.0 in table["left"]
    assert sum(table["present"]) == present.sum()
    assert sum(table["absent"]) == (~present).sum()
    assert sum(np.array(table["absent"])[above]) == pytest.approx((values[~present] >= 0).sum(), abs=2)


def test_tables_are_kept_for_the_same_runs_and_enough_to_draw_again(runs, tmp_path):
    pictures = list(make("months", runs, tmp_path))
    names = [each.name for each in DRAWINGS["months"]]
    assert [picture.file for picture in pictures] == [tmp_path / f"{names[0]}.png", tmp_path / f"{names[1]}.png", None]
    assert "too few for 30 companions" in pictures[2].missing
    tables = {name: tmp_path / f"{name}.parquet" for name in names[:2]}
    times = {name: path.stat().st_mtime_ns for name, path in tables.items()}
    first = {picture.file: picture.file.read_bytes() for picture in pictures if picture.file}
    list(make("months", runs, tmp_path))
    assert {name: path.stat().st_mtime_ns for name, path in tables.items()} == times
    for file in first:
        file.unlink()
    assert sorted(redraw(["months"], tmp_path)) == sorted(first)
    assert {file: file.read_bytes() for file in first} == first
    assert all(file.with_suffix(".pdf").is_file() for file in first)
    # Of other runs they are made anew, and what other runs do not give does not stay.
    list(make("months", runs[1:], tmp_path))
    assert not tables["months-correlation"].exists()
    assert tables["months-planes"].stat().st_mtime_ns != times["months-planes"]


@pytest.mark.parametrize("figure", sorted(DRAWINGS))
def test_without_runs_every_figure_says_why_it_is_not_drawn(figure, tmp_path):
    pictures = list(make(figure, [], tmp_path))
    assert pictures
    assert all(picture.file is None and picture.missing for picture in pictures)
    assert not list(tmp_path.iterdir())


def test_predictions_rest_on_the_covariance_of_the_training_windows(runs):
    run, bags = runs[0], windows_of(runs[0], "train")
    spectrum = spectrum_of(run, 8)
    assert spectrum.values == pytest.approx(np.linalg.eigvalsh(np.cov(bags.T, bias=True))[::-1], abs=1e-9)
    assert spectrum.trace == pytest.approx(bags.var(0).sum())
    assert np.square(spectrum.mean).sum() == pytest.approx(np.square(bags.mean(0)).sum())
    assert learning_rates(run, 7) == pytest.approx(1e-2 * 6 * 7 / 2)
    rows = predictions(runs)
    rates = 1e-2 * 6 * math.ceil(len(bags) / 16) / 2
    own = predicted_weights(spectrum, 8, Decay(0.1, 16, rates), seed=0)
    assert rows[0]["months_order"] == pytest.approx(ring(torch.from_numpy(own), None, range(12), 0)["order"])
    assert [(row["model"], row["latent"], row["wd"]) for row in rows] == [
        ("prediction", 8, 0.1),
        ("prediction at rest", 8, 0.1),
    ]
    assert 0.9 < rows[1]["kept_least"] < 1
    # Decay this weak leaves principal components, which the other run has.
    assert rows[1]["months_planarity"] == pytest.approx(runs[1].summary["ring/months/planarity"], abs=0.02)


def test_sets_of_every_text_in_the_sweeps_folder_are_scored_by_source(runs, tmp_path, monkeypatch):
    sweep = runs[0].folder.parent
    (sweep.parent / f"{sweep.name}-text").mkdir(exist_ok=True)
    monkeypatch.setattr(replication, "completed", lambda folder: runs)
    table = replication.rings(runs).to_pylist()
    sources = ["weights", "principal components", "correlations, training text", "correlations, held-out text"]
    assert [(row["set"], row["source"]) for row in table] == [("months", source) for source in sources]
    assert [row["order"] for row in table[:2]] == pytest.approx(
        [run.summary["ring/months/order"] for run in runs], abs=1e-6
    )
    places = [runs[0].vocabulary.index(word) for word in months.MONTHS]
    held_out = np.corrcoef(windows_of(runs[0], "validation")[:, places].T)
    values, vectors = np.linalg.eigh(held_out - held_out.mean(0) - held_out.mean(1)[:, None] + held_out.mean())
    places = vectors[:, -2:] * np.sqrt(values[-2:])
    assert table[3]["order"] == pytest.approx(cyclic_order(np.arctan2(places[:, 1], places[:, 0])), abs=1e-6)
    # Orders of the text's ring are far from random ones: by more than two of their standard deviations.
    assert all((row["effect"] > 2) == (row["order_p"] < 0.03) for row in table)
    (picture,) = make("replication", runs, tmp_path)
    assert picture.file is not None


@pytest.mark.parametrize("figure", ["mechanism", "linear", "controls", "removal"])
def test_figures_of_real_runs_are_drawn(figure, runs, tmp_path):
    for picture in make(figure, runs[:1], tmp_path):
        assert picture.file is not None, picture.missing
        assert picture.file.stat().st_size > 5000
        assert pq.read_table(picture.file.with_suffix(".parquet")).num_rows > 0


def test_names_of_files_are_of_one_figure_each():
    names = [each.name for of_figure in DRAWINGS.values() for each in of_figure]
    assert len(set(names)) == len(names)
    assert set(DRAWINGS) == {figure for figure, preset in PRESETS.items() if preset.text or not preset.of_paper}


def test_without_umap_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(SettingError, match=r'pip install "bows\[umap\]"'):
        umap_coordinates(np.eye(5))


@pytest.mark.slow  # its compiler takes half a minute
def test_maps_by_umap_put_words_of_one_direction_together():
    pytest.importorskip("umap", reason="umap-learn is not installed (extra bows[umap])")
    generator = np.random.default_rng(0)
    centres = np.eye(3, 12)
    directions = np.repeat(centres, 12, axis=0) + 0.05 * generator.normal(size=(36, 12))
    points = umap_coordinates(directions, seed=1)
    assert points.shape == (36, 2)
    of = np.repeat(np.arange(3), 12)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2) + 1e9 * np.eye(36)
    assert (of[distance.argmin(1)] == of).all()
