"""The paper's figures from tables made by hand: what is drawn is what the table says."""

import numpy as np
import pytest

from bows.figures.context_towers import TOWERS, context_towers
from bows.figures.gram import word_matrices
from bows.figures.leak import leaking_losses
from bows.figures.pre_activations import pre_activations
from bows.figures.word_planes import word_planes
from bows.figures.words_scatter import category_map, words_scatter


def texts(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in [*axes.texts, axes.title, axes._left_title]]


def plane(panels=("weights", "data")) -> dict:
    words = ["Jan", "Apr", "Jul", "Oct", "snow"]
    rows = [(panel, word, None if word == "snow" else place, float(np.cos(place)), float(np.sin(place)))
            for panel in panels for place, word in enumerate(words)]  # fmt: skip
    return dict(zip(("panel", "word", "place", "x", "y"), map(list, zip(*rows, strict=True)), strict=True))


def test_planes_join_the_set_in_order_and_leave_others_out():
    columns = plane()
    # Rows in another order than the set's: the polygon still follows `place`.
    turned = {name: values[::-1] for name, values in columns.items()}
    figure = word_planes(turned)
    assert len(figure.axes) == 2
    (polygon,) = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 5]
    assert polygon.get_xdata() == pytest.approx(np.cos([0, 1, 2, 3, 0]))
    for word in ("Jan", "snow"):
        assert texts(figure).count(word) == 2
    with pytest.raises(ValueError):
        word_planes({**columns, "place": [None] * 10})


def test_matrices_leave_the_diagonal_out_of_their_colours():
    rows = [(panel, a, b, 1.0 if a == b else scale) for panel, scale in (("text", 0.4), ("weights", -0.1))
            for a in "xyz" for b in "xyz"]  # fmt: skip
    columns = dict(zip(("panel", "row", "column", "value"), map(list, zip(*rows, strict=True)), strict=True))
    figure = word_matrices(columns)
    images = [axes.images[0] for axes in figure.axes if axes.images and axes.get_title("left")]
    assert [image.get_clim() for image in images] == [pytest.approx((-0.4, 0.4)), pytest.approx((-0.1, 0.1))]
    with pytest.raises(ValueError):
        word_matrices({name: values[:-1] for name, values in columns.items()})


def test_no_two_categories_look_alike_and_each_is_named():
    names = [f"kind{number}" for number in range(12)]
    columns = {
        "panel": ["wd 0"] * 60,
        "category": [*names * 4, *[None] * 12],
        "x": [float(place % 12) for place in range(60)],
        "y": [float(place // 12) for place in range(60)],
    }
    figure = category_map(columns)
    drawn = figure.axes[0].collections[1:]
    looks = {(tuple(each.get_facecolor()[0]), each.get_paths()[0].vertices.shape) for each in drawn}
    assert len(looks) == 12
    assert [text.get_text() for text in figure.legends[0].get_texts()] == sorted(names)
    with pytest.raises(ValueError):
        category_map({**columns, "category": [f"c{number}" for number in range(60)]})


def test_towers_add_up():
    rows = []
    for place, tower in enumerate(TOWERS):
        rows.append(("sea", tower, "bias", None, -0.5))
        rows += [("sea", tower, "self", None, 1.0)] * (place < 3)
        rows += [("sea", tower, "context", word, value) for word, value in (("ship", 0.3), ("port", -0.2))] * (
            place > 0
        )
    columns = dict(zip(("word", "tower", "part", "context", "value"), map(list, zip(*rows, strict=True)), strict=True))
    figure = context_towers(columns)
    marks = [float(line.get_ydata()[0]) for line in figure.axes[0].lines if line.get_marker() == "D"]
    assert marks == pytest.approx([0.5, 0.6, 0.6, -0.4, -0.4])
    assert any("own context: ship port" in text and "other context: ship port" in text for text in texts(figure))
    assert any("threshold" in text for text in texts(figure))


def test_histograms_have_area_one_and_say_the_share_above_zero():
    columns = {"left": [-2.0, -1.0, 0.0], "right": [-1.0, 0.0, 2.0], "present": [0, 1, 3], "absent": [5, 3, 2]}
    figure = pre_activations(columns)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "10 cells of absent words: 20.0% above 0" in labels
    assert "4 cells of present words: 75.0% above 0" in labels
    for stairs in figure.axes[0].patches[::2]:
        values, edges, _ = stairs.get_data()
        assert values @ np.diff(edges) == pytest.approx(1)


def test_a_scatter_counts_each_kind_and_names_the_words_asked_for():
    columns = {
        "word": list("abcd"),
        "x": [0.1, 0.2, 0.3, 0.4],
        "y": [0.2] * 4,
        "kind": ["linear", "linear", "mixed", "absent"],
        "named": [True, False, False, False],
    }
    figure = words_scatter(columns, "x", "y", ("linear", "mixed"))
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"1 others", "2 linear", "1 mixed"}
    assert "a" in texts(figure)
    assert "b" not in texts(figure)


def test_the_leaks_ratio_stands_beside_each_decay():
    columns = {
        "weight_decay": [0.0, 0.0, 4.0],
        "seed": [1, 2, 1],
        "leaking": [1.0, 1.0, 2.0],
        "held_out": [3.0, 5.0, 2.5],
    }
    figure = leaking_losses(columns)
    said = [child.get_text() for child in figure.axes[0].texts]
    assert said == ["4 times", "1.2 times"]
