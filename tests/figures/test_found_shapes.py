"""Found sets: each panel joins its words as its kind asks, and labels neither collide nor leave the panel."""

# matplotlib's types allow for what these figures always have, such as a legend.
# pyright: reportOptionalMemberAccess=false, reportOperatorIssue=false, reportIndexIssue=false
# pyright: reportArgumentType=false, reportCallIssue=false, reportUnhashable=false

import itertools

import numpy as np
import pytest

from bows.figures.found_shapes import found_shapes

WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
LONG = [f"{start}internationalization" for start in "abcdefghijklmnopqrstuvwx"]


def circle(count, noise=0.0) -> np.ndarray:
    angles = 2 * np.pi * np.arange(count) / count
    points = np.column_stack([np.cos(angles), np.sin(angles)])
    return points + noise * np.random.default_rng(count).normal(size=points.shape)


def row(kind="ring", words=WEEKDAYS, q=0.001) -> dict:
    return {"kind": kind, "words": words, "score": 0.9, "q": q}


@pytest.mark.parametrize(("kind", "closed"), [("ring", [0]), ("line", [])])
def test_words_are_joined_in_order(kind, closed):
    axes = found_shapes([row(kind)], [circle(7, 0.1)]).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), circle(7, 0.1)[[*range(7), *closed]])


def test_a_cluster_is_not_joined():
    axes = found_shapes([row("cluster")], [circle(7)]).axes[0]
    assert not axes.lines
    np.testing.assert_array_equal(axes.collections[0].get_offsets(), circle(7))


def test_titles_and_words():
    figure = found_shapes([row(), row("cluster", ["$x$", *WEEKDAYS], 0.0401)], [circle(7), circle(8)])
    assert [axes.get_title("left") for axes in figure.axes] == [
        "ring · 7 words · q = 0.001", "cluster · 8 words · q = 0.04"
    ]  # fmt: skip
    assert [text.get_text() for text in figure.axes[1].texts] == ["$x$", *WEEKDAYS]


@pytest.mark.parametrize("scale", [0.05, 1.0])
def test_each_label_is_nearest_its_own_word_or_tied_to_it(scale):
    points = np.vstack([scale * circle(11, 0.2), [[1.5, 1.5]]])
    axes = found_shapes([row("cluster", [f"word {i}" for i in range(12)])], [points]).axes[0]
    pixels = axes.transData.transform(points)
    ends = [axes.transData.transform(line) for line in axes.collections[-1].get_segments()]
    far = 0
    for own, text in zip(pixels, axes.texts, strict=True):
        box = text.get_window_extent()
        distance = np.hypot(*(np.clip(pixels, box.min, box.max) - pixels).T)
        if not (pixels[distance.argmin()] == own).all():
            far += 1
            tie = [end for start, end in ends if np.allclose(start, own)]
            assert any(np.allclose(np.clip(end, box.min, box.max), end, atol=3) for end in tie)
    assert far > 0 or scale == 1


@pytest.mark.parametrize(("kind", "count", "noise"), [("ring", 24, 0.1), ("ring", 10, 0.0), ("cluster", 23, 0.0)])
def test_labels_stay_apart_and_inside_their_panel(kind, count, noise):
    sets = [row(kind, LONG[:count]), row("cluster", LONG[:4])]
    points = circle(count, noise)
    if not noise and kind == "cluster":  # all but one in a heap: no room but for small labels
        points = np.vstack([0.05 * points[1:], [[3, 3]]])
    figure = found_shapes(sets, [points, circle(4)])
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in axes.texts]
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        frame = axes.get_window_extent()
        assert all((box.min >= frame.min).all() and (box.max <= frame.max).all() for box in boxes)
        assert axes.title.get_window_extent().x1 <= figure.bbox.x1
    assert all(text.get_fontsize() >= 5 for axes in figure.axes for text in axes.texts)


def test_at_most_twelve_are_drawn_and_the_rest_is_owned_up_to():
    sets = [row("cluster", ["sun", "moon"], 0.001 * i) for i in range(15)]
    figure = found_shapes(sets, [circle(2)] * 15)
    assert len(figure.axes) == 12
    assert figure.get_suptitle() == "(the first 12 of 15 sets)"
    assert figure.axes[11].get_title("left") == "cluster · 2 words · q = 0.011"
    corners = {tuple(np.round(axes.get_position().p0, 2)) for axes in figure.axes}
    assert len({x for x, _ in corners}) == 3
    assert len({y for _, y in corners}) == 4


def test_panels_grow_with_the_sets():
    few = found_shapes([row()] * 3, [circle(7)] * 3)
    many = found_shapes([row(), row(), row("ring", LONG)], [circle(7)] * 2 + [circle(24)])
    assert few.get_size_inches()[0] == many.get_size_inches()[0] == 6.4
    assert many.axes[0].get_position().width > 1.3 * few.axes[0].get_position().width


def test_nothing_found_is_said():
    axes = found_shapes([], [], q_threshold=0.01).axes[0]
    assert [text.get_text() for text in axes.texts] == ["nothing found at q < 0.01"]


def test_words_at_one_place_are_drawn():
    axes = found_shapes([row("cluster", ["sun", "moon", "日本", ""])], [np.zeros((4, 2))]).axes[0]
    assert axes.get_xlim() == (-1.5, 1.5)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="1 coordinates do not fit 2 sets"):
        found_shapes([row(), row()], [circle(7)])
    with pytest.raises(ValueError, match="do not fit 7 words"):
        found_shapes([row()], [circle(8)])
    with pytest.raises(ValueError, match="'knot'"):
        found_shapes([row("knot")], [circle(7)])
