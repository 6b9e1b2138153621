"""Saving a sweep's figures: files, names, and which of an earlier report's go."""

import pyarrow as pa
import pytest

from bows.figures.style import new_figure, style
from bows.reports.sweep_drawing import ENDINGS, Drawing, save_drawings


def drawings(*names):
    with style():
        figure = new_figure(0.5, 0.5)
    return [Drawing(name, figure, pa.table({"x": [1]}), "kind", "caption") for name in names]


def names(folder):
    return {file.name for file in folder.iterdir()}


def test_only_what_an_earlier_report_drew_is_removed(tmp_path):
    figures = tmp_path / "figures"
    drawn = save_drawings(drawings("map-a", "map-b"), figures)
    assert [each.picture.name for each in drawn] == ["map-a.png", "map-b.png"]
    (figures / "my-own.png").write_bytes(b"mine")
    save_drawings(drawings("map-b", "map-c"), figures)
    files = {f"{name}{ending}" for name in ("map-b", "map-c") for ending in ENDINGS}
    assert names(figures) == files | {"my-own.png", "drawn.json"}
    assert save_drawings([], figures) == []
    assert names(figures) == {"my-own.png", "drawn.json"}
    assert save_drawings([], tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("listed", ['{"figures": ["../outside", "my own", 3]}', '{"figures": 3}', "[]", "torn"])
def test_a_list_that_is_not_bows_own_removes_nothing(tmp_path, listed):
    figures = tmp_path / "figures"
    save_drawings(drawings("map-a"), figures)
    (tmp_path / "outside.png").write_bytes(b"mine")
    (figures / "my own.png").write_bytes(b"mine")
    (figures / "drawn.json").write_text(listed)
    save_drawings([], figures)
    assert (tmp_path / "outside.png").exists()
    assert {"my own.png", "map-a.png"} <= names(figures)


def test_a_report_that_is_stopped_half_way_is_known_to_the_next(tmp_path):
    def stopped():
        yield from drawings("map-a")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_drawings(stopped(), tmp_path)
    save_drawings(drawings("map-b"), tmp_path)
    assert names(tmp_path) == {f"map-b{ending}" for ending in ENDINGS} | {"drawn.json"}
