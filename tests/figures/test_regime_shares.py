"""The regime map: bars are the shares counted by hand, in order of frequency, and nothing collides."""

# matplotlib's types allow for what these figures always have, such as a legend.
# pyright: reportOptionalMemberAccess=false, reportOperatorIssue=false, reportIndexIssue=false
# pyright: reportArgumentType=false, reportCallIssue=false, reportUnhashable=false

import itertools
import re

import numpy as np
import pytest

from bows.figures.regime_shares import COLOURS, REGIMES, regime_shares

THRESHOLDS = "absent: R² < 0.05; linear: linear R² ≥ 0.9 of R² and interference gap > 0; antipodal: cosine < −0.9; " * 2


def words(count=403) -> tuple[list, list]:
    generator = np.random.default_rng(0)
    return generator.choice(REGIMES, count).tolist(), (1 / np.arange(1, count + 1)).tolist()


def heights(figure) -> np.ndarray:
    """(regimes, bars), as drawn."""
    return np.array([[bar.get_height() for bar in bars] for bars in figure.axes[0].containers])


def test_bars_are_the_shares_of_each_tenth_rarest_first():
    regimes, frequency = words()
    expected = np.zeros((5, 10))
    order = sorted(range(403), key=lambda i: frequency[i])
    bounds = [0, 41, 82, 123, 163, 203, 243, 283, 323, 363, 403]
    for bar, (start, stop) in enumerate(itertools.pairwise(bounds)):
        for i in order[start:stop]:
            expected[REGIMES.index(regimes[i]), bar] += 1 / (stop - start)
    mixed = np.random.default_rng(1).permutation(403)
    figure = regime_shares([regimes[i] for i in mixed], [frequency[i] for i in mixed], THRESHOLDS)
    np.testing.assert_allclose(heights(figure), expected)
    counts = [text.get_text() for text in figure.axes[0].texts if "%" not in text.get_text()]
    assert sorted(counts) == ["40"] * 7 + ["41"] * 3 + ["n"]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()][-1] == "2.5%\n–100%"


def test_pieces_are_stacked_coloured_and_hatched():
    figure = regime_shares(*words(), THRESHOLDS)
    containers = figure.axes[0].containers
    tops = heights(figure).cumsum(0)
    for below, bars in zip(tops, containers[1:], strict=False):
        np.testing.assert_allclose([bar.get_y() for bar in bars], below)
    np.testing.assert_allclose(tops[-1], 1)
    assert len({bars[0].get_hatch() for bars in containers}) == 5  # told apart without colour
    assert len(set(COLOURS.values())) == 5
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert [label.split()[0] for label in legend] == list(REGIMES[::-1])
    assert sum(int(label.split()[1].rstrip("%")) for label in legend) == pytest.approx(100, abs=3)


def test_words_without_regime_or_frequency_are_left_out_and_counted():
    figure = regime_shares(
        ["linear", None, "mixed", "absent", "linear"], [0.5, 0.4, None, float("nan"), 0.001], "linear: …"
    )
    assert heights(figure).tolist() == [[0, 0], [1, 1], [0, 0], [0, 0], [0, 0]]
    assert figure.get_supxlabel() == "linear: …\n3 of 5 words have no regime or frequency and are left out."
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["0.10%", "50%"]
    assert "left out" not in regime_shares(["linear"], [0.5], "linear: …").get_supxlabel()


def test_nothing_to_draw_is_said():
    for regimes in ([], [None, None]):
        axes = regime_shares(regimes, [0.5] * len(regimes), THRESHOLDS).axes[0]
        assert [text.get_text() for text in axes.texts] == ["no word has a regime"]


def test_thresholds_are_printed_whole_and_nothing_collides():
    figure = regime_shares(*words(4003), THRESHOLDS)
    figure.canvas.draw()
    assert re.sub(r"\s+", " ", figure.get_supxlabel()) == THRESHOLDS.strip()
    axes = figure.axes[0]
    boxes = [text.get_window_extent() for text in (*axes.texts, *axes.get_xticklabels())]
    boxes += [axes.get_legend().get_window_extent(), axes.xaxis.label.get_window_extent()]
    boxes += [text.get_window_extent() for text in figure.texts]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    whole = axes.get_tightbbox()
    assert whole.x0 >= 0
    assert whole.x1 <= figure.bbox.x1
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 and box.y1 <= figure.bbox.y1 for box in boxes)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="2 regimes do not fit 1"):
        regime_shares(["linear", "mixed"], [0.5], "")
    with pytest.raises(ValueError, match="'curved'"):
        regime_shares(["curved"], [0.5], "")
