"""Figures of a run on pairs: what stands where, and that nothing is cut."""

import numpy as np
import pytest

from bows.figures.ablation import ablation_bars
from bows.figures.probed_places import city_map, largest_apart, residue_ring


def cities() -> dict[str, list]:
    generator = np.random.default_rng(0)
    latitude, longitude = generator.uniform(28, 48, 30), generator.uniform(-120, -70, 30)
    latitude[7], longitude[7] = 21.3, -157.9
    return {
        "word": [f"City {place}, XX" for place in range(30)],
        "population": list(range(3000, 0, -100)),
        "latitude": latitude.tolist(),
        "longitude": longitude.tolist(),
        "probed_latitude": (latitude + 0.5).tolist(),
        "probed_longitude": (longitude - 0.5).tolist(),
        "held_out": [place % 3 == 0 for place in range(30)],
    }


def inside(figure) -> bool:
    """Whether every text of the figure lies in it."""
    figure.canvas.draw()
    boxes = [
        text.get_window_extent() for axes in figure.axes for text in [axes._left_title, *axes.texts] if text.get_text()
    ]
    return all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 and box.y1 <= figure.bbox.y1 for box in boxes)


def labels(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_cities_stand_where_the_probe_puts_them():
    table = cities()
    figure = city_map(table, 0.98)
    axes = figure.axes[0]
    fitted, held_out, _ = (np.asarray(points.get_offsets()) for points in axes.collections[1:4])
    expected = [
        [lon, lat]
        for place, (lon, lat) in enumerate(zip(table["probed_longitude"], table["probed_latitude"], strict=True))
        if place % 3 and place != 7
    ]
    assert fitted == pytest.approx(np.array(expected))
    assert len(held_out) == 10
    title = axes.get_title(loc="left")
    assert "R² = 0.980" in title
    assert "beyond the map: City 7" in title  # an island far away is named, not drawn
    assert "City 0" in labels(figure)
    assert inside(figure)


def test_one_label_for_cities_of_one_place():
    places = np.array([[-74.0, 40.7], [-73.9, 40.6], [-118.0, 34.0], [-87.0, 41.0]])
    assert largest_apart([8, 7, 5, 6], places) == [0, 3, 2]


def test_residues_are_joined_around_the_ring():
    places = np.arange(7) * 3 % 7
    angles = 2 * np.pi * places / 7
    table = {
        "word": [str(residue) for residue in range(7)],
        "probed_cosine": np.cos(angles).tolist(),
        "probed_sine": np.sin(angles).tolist(),
        "held_out": [False] * 5 + [True] * 2,
        "place": places.tolist(),
    }
    figure = residue_ring(table, 0.9, 3)
    line = figure.axes[0].lines[1].get_xydata()
    turned = np.unwrap(np.arctan2(line[:, 1], line[:, 0]))
    assert np.diff(turned) == pytest.approx(2 * np.pi / 7)
    assert sorted(labels(figure)) == [str(residue) for residue in range(7)]
    assert inside(figure)


def test_bars_and_random_planes():
    what = ["base", "keep", "remove", "keep_random", "keep_random", "remove_random", "majority"]
    figure = ablation_bars({"what": what, "accuracy": [0.98, 0.93, 0.22, 0.2, 0.3, 0.9, 0.25]})
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([98, 93, 22])
    assert np.asarray(axes.collections[0].get_offsets())[:, 0] == pytest.approx([20, 30])
    assert labels(figure) == ["98.0 %", "93.0 %", "22.0 %"]
    assert inside(figure)
