"""Models side by side: the lines and marks are the numbers given, and the words named are those that differ most."""

# matplotlib's types allow for what these figures always have, such as a legend.
# pyright: reportOptionalMemberAccess=false, reportOperatorIssue=false, reportIndexIssue=false
# pyright: reportArgumentType=false, reportCallIssue=false, reportUnhashable=false

import itertools
import re

import numpy as np
import pytest

from bows.figures.comparison import comparison_by_decile, gain_by_word
from bows.figures.regime_shares import COLOURS, REGIMES

TABLE = {
    "decile": [1, 2, 3],
    "ReLU": [0.25, 0.5, 0.75],
    "linear": [0.125, 0.5, 1.0],
    "PCA": [None, 0.25, float("nan")],
}


def named(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def cloud(count=200) -> dict:
    generator = np.random.default_rng(0)
    other = generator.uniform(0, 0.9, count)
    return {
        "frequency": 1 / np.arange(1, count + 1),
        "r2 ReLU": np.clip(other + generator.normal(0, 0.05, count), None, 1),
        "r2 PCA": other,
        "word": [f"internationalization{i}"[-int(generator.integers(4, 20)) :] for i in range(count)],
        "regime": generator.choice(REGIMES, count).tolist(),
    }


def gains(frequency, first, other, words, regimes=None, **options):
    columns = {"frequency": frequency, "r2 ReLU": first, "r2 PCA": other, "word": words}
    return gain_by_word(columns | ({} if regimes is None else {"regime": regimes}), "ReLU", "PCA", **options)


def test_upper_lines_are_the_models_lower_ones_the_first_less_each_other():
    upper, lower = comparison_by_decile(TABLE, "m = 50").axes
    drawn = [line.get_xydata() for line in upper.lines]
    for line, name in zip(drawn, ("ReLU", "linear", "PCA"), strict=True):
        np.testing.assert_array_equal(line, np.column_stack([range(3), np.array(TABLE[name], dtype=float)]))
    gains = [line.get_ydata() for line in lower.lines[:2]]
    np.testing.assert_array_equal(gains, [[0.125, 0, -0.25], [np.nan, 0.25, np.nan]])
    assert list(lower.lines[2].get_ydata()) == [0, 0]
    assert [text.get_text() for text in upper.get_legend().get_texts()] == ["ReLU", "linear", "PCA"]
    assert [label.get_text() for label in lower.get_xticklabels()] == ["1", "2", "3"]


def test_a_model_looks_the_same_above_and_below_and_unlike_the_others():
    table = {"decile": [1, 2], **{f"model {i}": [0.1 * i, 0.2] for i in range(6)}}
    upper, lower = comparison_by_decile(table).axes
    looks = [(line.get_color(), line.get_marker()) for line in upper.lines[:6]]
    assert [(line.get_color(), line.get_marker()) for line in lower.lines[:5]] == looks[1:]
    assert len({colour for colour, _ in looks}) == len({marker for _, marker in looks}) == 6


def test_long_model_names_stay_inside():
    names = [f"relu wd={i} latent=200 seed=0 and more" for i in range(4)]
    figure = comparison_by_decile({"decile": [*range(10)], **dict.fromkeys(names, [0.5] * 10)}, "title")
    figure.canvas.draw()
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
    legend = figure.axes[0].get_legend().get_window_extent()
    assert not legend.overlaps(figure.axes[0].get_window_extent())
    assert legend.y1 <= figure.texts[0].get_window_extent().y0


def test_marks_stand_at_the_r2_of_other_across_and_first_up():
    data = cloud()
    axes = gain_by_word(data, "ReLU", "PCA").axes[0]
    points = np.column_stack([data["r2 PCA"], data["r2 ReLU"]])
    groups = {c.get_label().split(":")[0]: c for c in axes.collections}
    for regime in REGIMES:
        here = [i for i, each in enumerate(data["regime"]) if each == regime]
        np.testing.assert_allclose(groups[regime].get_offsets(), points[here])
        assert groups[regime].get_label() == f"{regime}: {len(here)}"
        sizes = groups[regime].get_sizes()
        assert (np.diff(sizes) <= 0).all()  # frequencies fall with the index
        colour = tuple(int(COLOURS[regime][k : k + 2], 16) / 255 for k in (1, 3, 5))
        np.testing.assert_allclose(groups[regime].get_edgecolor()[0][:3], colour)
    assert axes.get_xlabel() == "R² of PCA"
    assert axes.get_ylabel() == "R² of ReLU"
    diagonal = axes.lines[0]
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())


def test_the_words_of_largest_gain_and_loss_are_named():
    first = [0.5, 0.9, 0.1, 0.6, None, 0.4, 0.3]
    other = [0.5, 0.2, 0.7, 0.5, 0.1, 0.6, 0.3]
    words = ["same", "most", "least", "more", "missing", "less", "alike"]
    figure = gains([0.5] * 7, first, other, words, labelled=1)
    assert named(figure.axes[0]) == ["most", "least"]
    figure = gains([0.5] * 7, first, other, words)
    assert named(figure.axes[0]) == ["most", "more", "least", "less"]  # and none that neither gains nor loses
    assert figure.get_supxlabel() == (
        "6 words; 2 gain, 2 lose; 1 without R² left out. Larger marks: more frequent words."
    )


def test_circles_and_lines_tie_names_to_their_words():
    figure = gains([0.5] * 2, [0.9, 0.1], [0.2, 0.7], ["up", "down"])
    axes = figure.axes[0]
    np.testing.assert_allclose(axes.collections[-3].get_offsets(), [[0.2, 0.9], [0.7, 0.1]])
    for point, text, line in zip(
        [(0.2, 0.9), (0.7, 0.1)], axes.texts, axes.collections[-1].get_segments(), strict=True
    ):
        start, end = axes.transData.transform(line)
        radius = 4 * figure.dpi / 72
        assert np.hypot(*(start - axes.transData.transform(point))) < radius
        box = text.get_window_extent()
        assert box.x0 - 3 <= end[0] <= box.x1 + 3
        assert box.y0 - 3 <= end[1] <= box.y1 + 3


def test_a_very_low_r2_is_drawn_at_the_edge_and_counted():
    figure = gains([0.5] * 3, [0.9, -0.1, -7], [-5, 0.7, -9], ["up", "down", "both"])
    marks = figure.axes[0].collections[0].get_offsets()
    np.testing.assert_allclose(marks, [[-0.25, 0.9], [0.7, -0.1], [-0.25, -0.25]])
    assert "2 under R² −0.25 drawn at the edge" in figure.get_supxlabel()
    assert named(figure.axes[0]) == ["up", "down"]  # worthless in both is no gain to show


@pytest.mark.parametrize("regimes", [True, False])
def test_names_stay_inside_and_apart(regimes):
    data = cloud()
    if not regimes:
        del data["regime"]
    figure = gain_by_word(data, "ReLU", "PCA", thresholds="absent: R² < 0.05; " * 10)
    axes = figure.axes[0]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 10
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    frame = axes.get_window_extent()
    assert all((box.min >= frame.min).all() and (box.max <= frame.max).all() for box in boxes)
    assert axes.get_tightbbox().x1 <= figure.bbox.x1
    assert ("absent: R² < 0.05;" in re.sub(r"\s+", " ", figure.get_supxlabel())) == regimes


def test_nothing_in_common_is_said():
    axes = gains([0.5], [None], [0.5], ["x"], regimes=[None]).axes[0]
    assert named(axes) == ["no word has an R² in both"]


def test_frequencies_unknown_or_equal_are_drawn():
    for frequency in ([None, None], [0.5, 0.5], [0.0, 0.5]):
        sizes = gains(frequency, [0.5, 0.6], [0.4, 0.6], ["x", "y"]).axes[0].collections[0].get_sizes()
        assert np.isfinite(sizes).all()
        assert (sizes >= 4).all()


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="'decile'"):
        comparison_by_decile({"ReLU": [1], "PCA": [1]})
    with pytest.raises(ValueError, match="2 to 6 models, got 1"):
        comparison_by_decile({"decile": [1], "ReLU": [1]})
    with pytest.raises(ValueError, match="do not fit 1 groups"):
        comparison_by_decile({"decile": [1], "ReLU": [1], "PCA": [1, 2]})
    with pytest.raises(ValueError, match="different lengths"):
        gains([0.5], [0.5], [0.5], ["x", "y"])
    with pytest.raises(ValueError, match="'curved'"):
        gains([0.5], [0.5], [0.5], ["x"], regimes=["curved"])
