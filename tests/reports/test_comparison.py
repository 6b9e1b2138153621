"""Runs side by side: turned onto the same axes, every word's difference, and what one of them lacks."""

import base64
import json
import re
import shutil

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from safetensors.torch import save_file
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group

from bows.errors import SettingError
from bows.report import main
from bows.reports.compared_words import align
from bows.reports.comparison_report import compared_metrics, write_comparison

from .conftest import LATENT, WORDS


@pytest.fixture
def other(made_run):
    """The same geometry turned, with words in another order, one of them missing, another without a direction, and other R²."""
    folder = made_run.folder.parent / "13-00-00-other"
    shutil.copytree(made_run.folder, folder)
    order = [*range(1, len(WORDS))][::-1]  # without word 0
    encoder = ortho_group.rvs(LATENT, random_state=1).astype(np.float32) @ made_run.encoder[:, order]
    encoder = np.concatenate([encoder, np.zeros((1, len(order)), np.float32)])  # one latent dimension more
    encoder[:, 0] = 0
    save_file(
        {"encoder.weight": torch.from_numpy(encoder), "decoder.bias": torch.zeros(len(order))},
        folder / "model.safetensors",
    )
    words = [WORDS[place] for place in order]
    (folder / "vocabulary.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    table = pa.table(
        {"word": words, "r2": made_run.r2[order] + np.linspace(0, 0.3, len(order)), "regime": ["linear"] * len(order)}
    )
    parquet.write_table(table, folder / "words.parquet")
    (folder / "summary.json").write_text(
        json.dumps({"reconstruction/r2": 0.53, "ring/months/order": 0.5, "capacity/effective_rank": 3.0})
    )
    return folder


def data_of(page) -> dict:
    html = page.read_text(encoding="utf-8")
    return json.loads(re.search('<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1])


def array(packed) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["data"]), f"<{packed['kind']}") * packed.get("scale", 1)


def test_turned_directions_lie_on_each_other():
    generator = np.random.default_rng(0)
    base = generator.standard_normal((5, 40))
    base /= np.linalg.norm(base, axis=0)
    noisy = base + 0.3 * generator.standard_normal(base.shape)
    noisy = ortho_group.rvs(5, random_state=2) @ (noisy / np.linalg.norm(noisy, axis=0))
    found = align(torch.from_numpy(base), torch.from_numpy(noisy))
    turn, _ = orthogonal_procrustes(noisy.T, base.T)
    assert found.directions.numpy() == pytest.approx((noisy.T @ turn).T, abs=1e-8)
    assert found.agreement == pytest.approx(((noisy.T @ turn).T * base).sum(0).mean())
    assert found.by_chance < 0.6 < found.agreement
    small = align(torch.from_numpy(base), torch.from_numpy(base[:3] / np.linalg.norm(base[:3], axis=0)))
    assert small.directions.shape == (5, 40)


def test_the_same_words_on_the_same_axes(made_run, other):
    data = data_of(write_comparison([made_run.folder, other]))
    assert data["words"] == WORDS[1:-1]  # the last one has no direction in the other run
    one, two = data["compared"]["maps"]
    for axis in ("x", "y"):
        assert array(two[axis]) == pytest.approx(array(one[axis]), abs=1e-3)
    assert data["compared"]["reach"] == pytest.approx([np.abs(array(one[axis])).max() for axis in ("x", "y")], rel=1e-3)
    assert "mean cosine with A 1;" in two["note"]
    columns = {column["name"]: column for column in data["table"]["columns"]}
    assert array(columns["alike_B"]["numbers"]) == pytest.approx(1, abs=1e-3)
    assert array(columns["near_B"]["numbers"]) == pytest.approx(1)
    gains = np.linspace(0, 0.3, len(WORDS) - 1)[::-1][:-1]  # by the first run's order
    assert array(columns["gain_B"]["numbers"]) == pytest.approx(gains, abs=1e-5)
    assert columns["regime_B"]["values"] == ["linear"]
    assert data["compared"]["left_out"] == {"A": 2, "B": 1}


def test_metrics_are_marked_where_they_differ():
    found = compared_metrics(
        [{"reconstruction/r2": 0.5, "ring/a/order": 0.9}, {"reconstruction/r2": 0.51, "ring/a/order": 0.5, "odd": 1.0}]
    )
    cells = {name: cells for _, rows in found for name, cells, _ in rows}
    assert [cell.mark for cell in cells["reconstruction/r2"]] == ["", ""]
    assert [cell.mark for cell in cells["ring/a/order"]] == ["", "lower"]
    assert [(cell.value, cell.mark) for cell in cells["odd"]] == [(None, ""), (1.0, "")]


def test_command(made_run, other, capsys, tmp_path):
    assert main([str(made_run.folder), str(other)]) == 0
    page = capsys.readouterr().out.strip()
    assert page.startswith(str(tmp_path / "reports" / "comparison-"))
    assert main([str(made_run.folder), str(other)]) == 0
    assert capsys.readouterr().out.strip() == page
    html = (tmp_path / "reports").glob("comparison-*.html").__next__().read_text(encoding="utf-8")
    for said in ("12-00-00-tiny and 13-00-00-other", "0.5 ▼", "60 words", "59 words"):
        assert said in html
    for given, said in (
        ([made_run.folder, made_run.folder], "it is given twice"),
        ([made_run.folder, tmp_path], "is not a run folder"),
        ([made_run.folder, *[other] * 6], "compare 2 to 6"),
        ([made_run.folder, other, "--map", "pca"], "does not apply"),
    ):
        assert main(list(map(str, given))) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    with pytest.raises(SettingError):
        write_comparison([other])


def test_what_a_run_lacks_is_said_and_the_rest_stands(made_run, other):
    (other / "words.parquet").unlink()
    data = data_of(write_comparison([made_run.folder, other]))
    columns = {column["name"]: column for column in data["table"]["columns"]}
    assert np.isnan(array(columns["gain_B"]["numbers"])).all()
    assert "regime_B" not in columns
    (other / "model.safetensors").unlink()
    (other / "status.json").write_text("torn")
    html = write_comparison([made_run.folder, other]).read_text(encoding="utf-8")
    assert "The words of the runs cannot be shown: model.safetensors is missing." in html
    assert "damaged" in html
    assert "reconstruction/r2" in html
