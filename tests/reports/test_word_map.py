"""Positions on the word map: by neighbours, kept in words.parquet, principal components; and the export for other tools."""

import base64
import logging
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from bows.analysis.word_map import tsne_coordinates
from bows.config.schema import Analysis
from bows.errors import DataError
from bows.evaluation.request import compose_analysis
from bows.evaluation.save import map_picture
from bows.figures.render_pool import draw
from bows.report import main
from bows.reports.export import write_vectors
from bows.reports.word_map import word_map

from .conftest import LATENT, WORDS


def two_groups(each: int = 30) -> np.ndarray:
    """Unit rows around two orthogonal directions."""
    drawn = np.random.default_rng(0).standard_normal((2 * each, 6)) * 0.2
    drawn[:each, 0] += 1
    drawn[each:, 1] += 1
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def assert_apart(places: np.ndarray, first: int) -> None:
    """Nearly all of the first words are nearer to their middle than to that of the others, and the other way round."""
    middles = places[:first].mean(0), places[first:].mean(0)
    nearer = np.linalg.norm(places - middles[0], axis=1) < np.linalg.norm(places - middles[1], axis=1)
    assert (nearer == (np.arange(len(places)) < first)).mean() > 0.95


def test_neighbours_stay_together_on_the_map_by_tsne():
    places = tsne_coordinates(two_groups())
    assert_apart(places, 30)
    assert (places == tsne_coordinates(two_groups())).all()
    with pytest.raises(DataError, match="needs 5 words"):
        tsne_coordinates(np.eye(4))


def test_equal_directions_have_finite_positions():
    # In a process of its own: the tree of t-SNE ends the process where positions are not finite.
    code = (
        "import numpy as np; from bows.analysis.word_map import tsne_coordinates\n"
        "assert np.isfinite(tsne_coordinates(np.full((60, 4), 0.5))).all()"
    )
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], check=False).returncode == 0


def test_positions_are_kept_with_the_words_where_these_are_many_enough(tmp_path):
    encoder = torch.from_numpy(two_groups().T).float()
    encoder[:, 7] = 0
    words = pa.table({"word": [f"w{place}" for place in range(60)]})
    parquet.write_table(words, tmp_path / "words.parquet")
    analysis = Analysis(**compose_analysis("run=none")["analysis"])
    draw(tmp_path, map_picture(tmp_path, encoder, analysis))
    kept = parquet.read_table(tmp_path / "words.parquet")
    x, y = (kept.column(name).to_pylist() for name in "xy")
    assert [place for place in range(60) if x[place] is None or y[place] is None] == [7]
    assert_apart(np.delete(np.array([x, y], float).T, 7, axis=0), 29)
    assert (tmp_path / "map.svg").is_file()
    assert not map_picture(tmp_path, encoder[:, :49], analysis)  # 48 have a direction


def kinds(found: dict) -> list[str]:
    return [each["kind"] for each in found["maps"]]


def test_which_maps_a_report_has():
    encoder = torch.from_numpy(two_groups().T).float()
    places = np.arange(120.0).reshape(60, 2)
    assert kinds(word_map(encoder)) == ["PCA"]
    assert "--map neighbours" in word_map(encoder)["maps"][0]["note"]
    assert kinds(word_map(encoder, "auto")) == ["neighbours", "PCA"]
    found = word_map(encoder, places=places)
    assert kinds(found) == ["neighbours", "PCA"]
    x = found["maps"][0]["x"]
    shown = np.frombuffer(base64.b64decode(x["data"]), "<i2") * x["scale"]
    np.testing.assert_allclose(shown, places[:, 0] - 59, atol=1e-2)
    assert kinds(word_map(encoder, "pca", places=places)) == ["PCA", "neighbours"]
    unknown = np.where(np.arange(60)[:, None] == 3, np.nan, places)  # positions of other weights
    assert kinds(word_map(encoder, places=unknown)) == ["PCA"]
    assert found["size"] == 6


def test_words_are_exported_for_the_embedding_projector(made_run, caplog):
    assert main([str(made_run.folder), "--map", "pca", "--export"]) == 0
    place = made_run.folder / "export"
    vectors = np.loadtxt(place / "vectors.tsv", delimiter="\t")
    assert vectors.shape == (len(WORDS), LATENT)
    np.testing.assert_allclose(vectors, made_run.encoder.T, rtol=1e-5)
    rows = [line.split("\t") for line in (place / "metadata.tsv").read_text(encoding="utf-8").split("\n")[:-1]]
    assert rows[0] == ["word", "category", "frequency", "r2", "norm", "regime"]
    assert [row[0] for row in rows[1:]] == WORDS
    assert [row[1] for row in rows[1:]].count("sea") == 10
    assert rows[1][2] == f"{made_run.frequency[0]:.6g}"
    table = parquet.read_table(made_run.folder / "words.parquet")
    made_run.rewrite_words(table.drop_columns(["frequency", "r2", "norm", "regime"]))
    write_vectors(made_run.folder)
    assert (place / "metadata.tsv").read_text(encoding="utf-8").startswith("word\tcategory\n")
    (made_run.folder / "words.parquet").unlink()
    with caplog.at_level(logging.WARNING):
        write_vectors(made_run.folder)
    assert "words.parquet is missing" in caplog.text
