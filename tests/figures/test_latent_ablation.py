"""The figure of a plane removed and kept: what stands where, and that nothing is cut or collides."""

import itertools

import numpy as np
import pytest

from bows.figures.ablation import GROUPS, latent_ablation

TITLES = ("the set itself", "its companions", "all other words")


def made(groups=GROUPS, draws=20) -> tuple[dict[str, float], dict[str, list]]:
    generator = np.random.default_rng(0)
    scores, rows = {}, []
    for place, group in enumerate(groups):
        scores |= {f"{group}/r2": 0.5 - 0.1 * place, f"{group}/r2_removed": 0.3, f"{group}/r2_kept": -0.125}
        scores |= {f"{group}/drop_random_plane_p": 0.02, f"{group}/drop_random_set_p": 0.25}
        for null in ("random_plane", "random_set"):
            for mean_kept in (False, True):
                rows += [
                    (
                        null,
                        group,
                        mean_kept,
                        5.0 if mean_kept else generator.uniform(0.3, 0.4),
                        generator.uniform(-0.3, 0),
                    )
                    for _ in range(draws)
                ]
    return scores, dict(
        zip(("null", "group", "mean_kept", "r2_removed", "r2_kept"), map(list, zip(*rows, strict=True)), strict=True)
    )


def test_a_row_a_group_the_plane_removed_and_kept():
    scores, nulls = made()
    axes = latent_ablation("months", scores, nulls).axes
    assert len(axes) == 6
    for place, panel in enumerate(axes):
        group, what = list(GROUPS)[place // 2], ("removed", "kept")[place % 2]
        own, *random = (np.asarray(points.get_offsets()) for points in panel.collections)
        assert own.tolist() == [[scores[f"{group}/r2_{what}"], 0]]
        as_is = [line.get_xdata()[0] for line in panel.lines if len(set(line.get_xdata())) == 1]
        assert as_is == ([] if place % 2 else [scores[f"{group}/r2"]])
        for row, (points, null) in enumerate(zip(random, ("random_plane", "random_set"), strict=True), 1):
            expected = [
                value
                for value, kind, of, mean in zip(
                    nulls[f"r2_{what}"], nulls["null"], nulls["group"], nulls["mean_kept"], strict=True
                )
                if kind == null and of == group and not mean
            ]
            assert points[:, 0] == pytest.approx(expected)
            assert (points[:, 1] == row).all()
        title = (
            f"plane alone kept (as is: {scores[f'{group}/r2']:.2f})"
            if place % 2
            else f"{TITLES[place // 2]}: plane removed"
        )
        assert panel._left_title.get_text() == title  # type: ignore[attr-defined]
        assert [text.get_text() for text in panel.texts] == ([] if place % 2 else ["p 0.02", "p 0.25"])


def test_nothing_is_cut_and_nothing_collides():
    figure = latent_ablation("a set of a name that is quite long indeed", *made())
    figure.canvas.draw()
    texts = [each for axes in figure.axes for each in (axes._left_title, *axes.texts)]  # type: ignore[attr-defined]
    texts += [
        label
        for axes in figure.axes
        for label in axes.get_xticklabels()
        if axes.get_xlim()[0]
        <= label.get_position()[0]
        <= axes.get_xlim()[1]  # matplotlib keeps labels of ticks that it does not draw
    ]
    texts += [each for axes in figure.axes[::2] for each in axes.get_yticklabels()] + figure.texts
    texts += [axes.xaxis.label for axes in figure.axes] + list(figure.legends[0].get_texts())
    boxes = [text.get_window_extent() for text in texts if text.get_text() and text.get_visible()]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)
    assert all(box.y0 >= 0 and box.y1 <= figure.bbox.y1 for box in boxes)
    assert not [pair for pair in itertools.combinations(boxes, 2) if pair[0].overlaps(pair[1])]


def test_a_group_that_is_not_defined_is_left_out():
    assert len(latent_ablation("months", *made(("set", "other"))).axes) == 4
