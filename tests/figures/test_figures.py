"""Figures: what they show, that they leave matplotlib as it was, and that odd words and tables do not break them."""

import itertools
import math
import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest

from bows.figures.curves import metric_curves, other_metrics, training_curves
from bows.figures.gram import gram_heat_map
from bows.figures.style import new_figure, save, shorten, style
from bows.figures.word_planes import ring_polygon

WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
ODD = ["$x_1$", "<script>", "日本", "a\nb", "", "internationalization", "%"]


def heptagon(noise=0.0) -> np.ndarray:
    angles = 2 * np.pi * np.arange(7) / 7
    return np.column_stack([np.cos(angles), np.sin(angles)]) + noise * np.random.default_rng(0).normal(size=(7, 2))


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_saves_png_pdf_and_svg_the_same_every_time(tmp_path):
    files = [save(ring_polygon(heptagon(), WEEKDAYS), tmp_path / name / "ring") for name in ("a", "b")]
    assert [file.name for file in files[0]] == ["ring.png", "ring.pdf", "ring.svg"]
    for first, second in zip(*files, strict=True):
        assert first.read_bytes() == second.read_bytes()
        assert first.stat().st_size > 5000
    with style():
        figure = new_figure(1, 1)
    assert [file.name for file in save(figure, tmp_path / "of step 1.5")] == [
        f"of step 1.5.{kind}" for kind in ("png", "pdf", "svg")
    ]
    assert [file.name for file in save(figure, tmp_path / "x.png")] == ["x.png", "x.pdf", "x.svg"]


def test_matplotlib_is_left_as_it_was():
    with matplotlib.rc_context({"font.size": 31}):
        before = dict(matplotlib.rcParams)
        figure = gram_heat_map(np.eye(2), ["a", "b"])
        assert dict(matplotlib.rcParams) == before
    assert figure.axes[0].texts[0].get_fontsize() < 10  # the user's 31 did not come in


def test_no_pyplot():
    command = "import sys, bows.figures.gram, bows.figures.word_planes, bows.figures.curves; "
    command += "sys.exit('matplotlib.pyplot' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0


def test_a_home_that_cannot_be_written_gives_no_warning():
    command = "import bows, logging; logging.basicConfig(); import matplotlib; matplotlib.get_cachedir()"
    environment = {**os.environ, "HOME": "/proc"}
    environment = {name: value for name, value in environment.items() if not name.startswith(("XDG_", "MPLCONFIGDIR"))}
    done = subprocess.run([sys.executable, "-c", command], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_gram_is_centred_at_zero_and_labelled():
    figure = gram_heat_map([[1.0, -3.0], [0.5, 2.0]], ["sun", "moon"], "sky")
    axes, bar = figure.axes
    assert axes.images[0].get_clim() == (-3, 3)
    np.testing.assert_array_equal(axes.images[0].get_array(), [[1, -3], [0.5, 2]])
    below, beside = axes.texts[::2], axes.texts[1::2]
    assert [label.get_text() for label in below] == [label.get_text() for label in beside] == ["sun", "moon"]
    assert [label.xy for label in below] == [(0, 1.5), (1, 1.5)]
    assert [label.xy for label in beside] == [(-0.5, 0), (-0.5, 1)]
    assert bar.get_ylabel() == "inner product  wᵢ · wⱼ"
    assert gram_heat_map([[0.0]], ["nothing"]).axes[0].images[0].get_clim() == (-1, 1)


def test_gram_labels_of_forty_words_do_not_collide():
    figure = gram_heat_map(np.eye(40), ["Wednesday"] * 40)
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in figure.axes[0].texts]
    assert len(boxes) == 80
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert min(min(box.x0, box.y0) for box in boxes) >= 0


def test_ring_joins_the_words_in_order_and_closes():
    figure = ring_polygon(heptagon(), WEEKDAYS, "weekdays", 0.936, 0.0012)
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [*heptagon(), heptagon()[0]])
    assert sorted(texts(axes)) == sorted(WEEKDAYS)
    assert axes.get_title("left").splitlines() == ["weekdays", "order 0.94; p = 0.0012; first word in orange"]
    assert "p =" not in ring_polygon(heptagon(), WEEKDAYS, order=0.5).axes[0].get_title("left")


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_ring_labels_do_not_collide(noise):
    figure = ring_polygon(heptagon(noise), WEEKDAYS)
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert all(figure.bbox.containsx(box.x0) and figure.bbox.containsx(box.x1) for box in boxes)


def test_odd_words_and_places_are_drawn(tmp_path):
    save(ring_polygon(np.zeros((7, 2)), ODD, "$", 0.0, 1.0), tmp_path / "ring")
    save(gram_heat_map(np.zeros((7, 7)), ODD, "$"), tmp_path / "gram")
    save(gram_heat_map(np.zeros((90, 90)), ["word"] * 90), tmp_path / "large")


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="does not fit 2 words"):
        gram_heat_map(np.eye(3), ["a", "b"])
    with pytest.raises(ValueError, match="do not fit 6 words"):
        ring_polygon(heptagon(), WEEKDAYS[:6])
    with pytest.raises(ValueError, match="'step'"):
        training_curves({"epoch": [1]})


def test_curves_skip_blank_cells():
    columns = {
        "step": ["10", "20", "30", "40"],
        "train/loss": ["0.4", "0.3", "", "0.2"],
        "reconstruction/loss": [None, 0.35, math.nan, 0.25],
        "reconstruction/r2": ["", "-0.5", "", "0.5"],
    }
    upper, lower = training_curves(columns, "run").axes
    assert {line.get_label(): line.get_xydata().tolist() for line in upper.lines} == {
        "training": [[10, 0.4], [20, 0.3], [40, 0.2]],
        "held-out": [[20, 0.35], [40, 0.25]],
    }
    assert lower.lines[0].get_xydata().tolist() == [[20, -0.5], [40, 0.5]]
    assert len(lower.lines) == 2  # and the line at 0


def test_curves_say_what_is_missing():
    upper, lower = training_curves({"step": []}).axes
    assert texts(upper) == ["no loss was recorded"]
    assert texts(lower) == ["no held-out R² was recorded"]


def test_curves_of_a_pair_classifier_and_of_more_steps_than_show():
    columns = {"step": range(5000), "classification/loss": [0.5] * 5000, "classification/accuracy": range(5000)}
    upper, lower = training_curves(columns).axes
    assert upper.lines[0].get_ydata().tolist() == [0.5] * 1000
    assert lower.get_ylabel() == "held-out accuracy"
    assert lower.lines[0].get_xydata()[:2].tolist() == [[2, 2], [7, 7]]  # means of five


def test_other_metrics_have_a_panel_each():
    columns = {
        "step": [1, 2, 3],
        "epoch": [0, 0, 1],
        "train/loss": [3, 2, 1],
        "speed/seconds": [1, 2, 3],
        "packing/coherence": [0.9, None, 0.8],
        "alignment/rsa": [None, None, 0.5],
    }
    names = other_metrics(columns)
    assert names == ["packing/coherence", "speed/seconds"]
    (axes,) = metric_curves(columns, names).axes
    assert [text for text in texts(axes) if "/" in text] == names
    assert texts(axes)[1:3] == ["0.9", "0.8"]  # the highest value, then the lowest
    frames, curves = (collection.get_segments() for collection in axes.collections)
    for number, (values, curve) in enumerate(zip([[0.9, 0.8], [1, 2, 3]], curves, strict=True)):
        (left, top), (_, bottom), (right, _) = frames[number]
        steps = [1, 3] if number == 0 else [1, 2, 3]
        np.testing.assert_allclose((curve[:, 0] - left) / (right - left), np.divide(steps, 3))
        assert (bottom < curve[:, 1]).all()
        assert (curve[:, 1] < top).all()
        np.testing.assert_allclose(np.corrcoef(values, curve[:, 1])[0, 1], 1)
    assert frames[0][2][0] < frames[1][0][0], "panels overlap"
    np.testing.assert_allclose(axes.lines[0].get_xydata(), np.concatenate(curves))  # few points have a mark each
    with pytest.raises(ValueError, match="no metric"):
        metric_curves(columns, [])


def test_shorten():
    assert shorten("short") == "short"
    assert shorten("abcdef", 4) == "abc…"
