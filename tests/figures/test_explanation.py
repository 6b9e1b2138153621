"""One word explained: bars add up as the pre-activation does, histograms have area 1, and every label is inside."""

# matplotlib's types allow for what these figures always have, such as a legend.
# pyright: reportOptionalMemberAccess=false, reportOperatorIssue=false, reportIndexIssue=false
# pyright: reportArgumentType=false, reportCallIssue=false, reportUnhashable=false

import itertools

import numpy as np
import pytest

from bows.figures.explanation import explanation_figure

PARTS = {"bias": -0.25, "self": 0.5, "December": 0.25, "$gift$": -0.125, "snow": 0.0625}
EDGES = np.array([-2.0, -1.0, 0.0, 0.5, 2.0])
WITH, WITHOUT = np.array([0, 1, 2, 5]), np.array([50, 40, 10, 0])


def draw(parts=PARTS, random=(0.125, 0.0625, 1000), numbers=None, **options):
    return explanation_figure("Christmas", parts, random, (EDGES, WITH, WITHOUT), numbers or {}, **options)


def bars(figure) -> dict[str, list[tuple[float, float]]]:
    """Row label -> (start, signed width) of each bar drawn in it."""
    axes = figure.axes[0]
    rows = dict(zip(axes.get_yticks(), [label.get_text() for label in axes.get_yticklabels()], strict=True))
    found = {name: [] for name in rows.values()}
    for patch in axes.patches:
        name = rows[patch.get_y() + patch.get_height() / 2]
        found[name].append((patch.get_x(), patch.get_width()))
    return found


def sums(figure) -> list[tuple[float, float]]:
    """The black marks: where each stands, and half the length of its error bar."""
    found = []
    for container in figure.axes[0].containers:
        if hasattr(container, "has_xerr"):
            middle, _, errors = container.lines
            spread = np.ptp(errors[0].get_segments()[0][:, 0]) / 2 if container.has_xerr else 0.0
            found.append((float(middle.get_xdata()[0]), float(spread)))
    return found


def test_waterfall_begins_each_bar_where_the_last_one_ended():
    drawn = bars(draw())
    assert list(drawn)[:5] == list(PARTS)
    assert [drawn[name][0] for name in PARTS] == [
        (0, -0.25), (-0.25, 0.5), (0.25, 0.25), (0.5, -0.125), (0.375, 0.0625)
    ]  # fmt: skip


def test_stacks_hold_the_parts_of_their_condition_on_the_side_of_their_sign():
    drawn = bars(draw())
    assert list(drawn)[5:] == [
        "word + context", "word alone", "context without word", "word + random context", "random, without word"
    ]  # fmt: skip
    bias, own, december, gift, snow = (0, -0.25), (0, 0.5), (0.5, 0.25), (-0.25, -0.125), (0.75, 0.0625)
    assert drawn["word + context"] == [bias, own, december, gift, snow]
    assert drawn["word alone"] == [bias, own]
    assert drawn["context without word"] == [bias, (0, 0.25), gift, (0.25, 0.0625)]
    assert drawn["word + random context"] == [bias, own, (0.5, 0.125)]
    assert drawn["random, without word"] == [bias, (0, 0.125)]


def test_marks_are_the_sums_and_only_random_contexts_have_a_spread():
    figure = draw()
    assert sums(figure) == [(0.4375, 0), (0.25, 0), (-0.0625, 0), (0.375, 0.0625), (-0.125, 0.0625)]
    printed = [text.get_text() for text in figure.axes[0].texts if text.get_text()[0] in "+−"]
    assert printed == ["−0.25", "+0.50", "+0.25", "−0.12", "+0.06", "+0.44", "+0.25", "−0.06", "+0.38", "−0.12"]
    small = {name: value / 1000 for name, value in PARTS.items()}
    assert "+0.00050" in [text.get_text() for text in draw(small, (0, 0, 3)).axes[0].texts]


def test_histograms_are_densities_of_area_one():
    drawn = [patch.get_data() for patch in draw().axes[1].patches]
    widths = np.array([1, 1, 0.5, 1.5])
    for step, counts in zip(drawn[::2], (WITHOUT, WITH), strict=True):
        np.testing.assert_array_equal(step.edges, EDGES)
        np.testing.assert_allclose(step.values, counts / counts.sum() / widths)
        assert (step.values * widths).sum() == pytest.approx(1)
    legend = [text.get_text() for text in draw().axes[1].get_legend().get_texts()]
    assert legend == ["100 without the word", "8 with the word"]


def test_a_word_that_no_window_holds_has_a_flat_histogram():
    figure = explanation_figure("x", PARTS, (0, 0, 10), (EDGES, WITH * 0, WITHOUT), {})
    assert figure.axes[1].patches[2].get_data().values.tolist() == [0, 0, 0, 0]
    assert [text.get_text() for text in figure.axes[1].get_legend().get_texts()][1] == "0 with the word"


def test_zero_runs_through_both_panels_and_is_a_threshold_only_with_a_relu():
    for relu in (True, False):
        for axes in draw(relu=relu).axes:
            assert any(np.array_equal(line.get_xdata(), [0, 0]) and line.get_linewidth() == 1 for line in axes.lines)
            assert ("ReLU’s threshold" in [text.get_text() for text in axes.texts]) == relu


@pytest.mark.parametrize("shift", [-5, 5])
def test_the_threshold_is_in_view_where_all_windows_are_on_one_side(shift):
    axes = explanation_figure("x", PARTS, (0, 0, 1), (EDGES + shift, WITH, WITHOUT), {}).axes[1]
    assert axes.get_xlim() == (min(0, -2 + shift), max(0, 2 + shift))


def test_numbers_that_are_none_are_not_printed():
    numbers = {"one-hot R²": 0.12345, "natural R²": 0.0, "removed by the ReLU": None}
    assert draw(numbers=numbers).get_supxlabel() == "one-hot R² 0.123 · natural R² 0 · 1,000 random contexts"


def test_beyond_twelve_context_words_the_least_are_summed():
    context = {f"w{i}": (-1) ** i * float(i) for i in range(1, 16)}
    drawn = bars(draw({"bias": -1.0, "self": 2.0, **context}))
    names = list(drawn)[2:-5]
    assert names == [f"w{i}" for i in range(5, 16)] + ["4 further words"]
    assert drawn["4 further words"][0][1] == -1 + 2 - 3 + 4
    assert sums(draw({"bias": -1.0, "self": 2.0, **context}))[0][0] == pytest.approx(1 + sum(context.values()))


def test_a_context_may_hold_the_word_bias():
    drawn = bars(draw({"b": -0.25, "s": 0.5, "bias": 0.25}))
    # Both rows are named bias: the parameter's first, then the word's.
    assert drawn["word + context"] == [(0, -0.25), (0, 0.5), (0.5, 0.25)]


def test_long_words_stay_inside_and_apart():
    context = {f"internationalization{i}": 0.1 * (-1) ** i for i in range(12)}
    figure = explanation_figure(
        "antidisestablishmentarianism" * 2, {"bias": -0.2, "self": 0.3, **context}, (0.01, 0.2, 1000), (EDGES, WITH, WITHOUT),
        {"one-hot R²": 0.1, "natural R²": 0.2, "share of false positives removed by the ReLU": 0.3, "rescued": 0.4},
    )  # fmt: skip
    figure.canvas.draw()
    left, right = figure.axes
    boxes = [text.get_window_extent() for text in (*left.get_yticklabels(), *left.texts, *right.texts, *figure.texts)]
    boxes += [axes.get_legend().get_window_extent() for axes in (left, right)]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    for box in (*boxes, left.get_tightbbox(), right.get_tightbbox()):
        assert min(box.x0, box.y0) >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="begin with the bias"):
        draw({"bias": 1.0})
    with pytest.raises(ValueError, match="do not fit"):
        explanation_figure("x", PARTS, (0, 0, 1), (EDGES, WITH[:3], WITHOUT), {})
