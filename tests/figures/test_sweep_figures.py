"""Figures of a sweep: what they show where, in colours, marks and words, and what they refuse."""

import matplotlib
import numpy as np
import pyarrow as pa
import pytest

from bows.figures.gram_grid import gram_grid
from bows.figures.metric_by_setting import metrics_against_setting
from bows.figures.phase_diagrams import brief, regime_map, setting_heat_map
from bows.figures.regime_shares import COLOURS, REGIMES
from bows.figures.scales import is_numeric, label, setting_axis, shown
from bows.figures.style import new_figure, save, style


def points(axes):
    """Label-free: (x, y, colour, marker, line style) of each line of means."""
    return [
        (each[0].get_xdata(), each[0].get_ydata(), each[0].get_color(), each[0].get_marker(), each[0].get_linestyle())
        for each in axes.containers
    ]


def written(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def table(*rows) -> pa.Table:
    names = ("wd", "model", "latent", "metric", "mean", "count", "low", "high")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])


def axis(values, name="wd"):
    with style():
        axes = new_figure(3, 2).add_subplot()
    return setting_axis(axes, values, name), axes


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1, 2, 6], "linear"),
        ([0, 1, 6], "linear"),
        ([0.001, 0.1, 1], "log"),
        ([0, 0.1, 4, 8], "symlog"),
        ([0, 0.01, 0.1], "symlog"),
        ([25, 50, 100, 200, 400], "log"),
        ([0.001, 1], "log"),
        (["a", "b"], "linear"),
    ],
)
def test_scale_follows_the_values(values, scale):
    places, axes = axis(values)
    assert axes.get_xscale() == scale
    assert axes.get_xlabel() == "wd"
    assert [each.get_text() for each in axes.get_xticklabels()] == [shown(value) for value in values]
    low, high = axes.get_xlim()
    assert all(low < place < high for place in places.values())


def test_names_and_null_stand_apart_and_many_ticks_are_thinned():
    assert axis([1, 2, None])[0] == {1: 0, 2: 1, None: 2}
    assert not is_numeric([1, None])
    assert not is_numeric([True, False])
    ticks = list(axis(list(range(2, 31)))[1].get_xticks())
    assert len(ticks) <= 8
    assert (ticks[0], ticks[-1]) == (2, 30)


def test_values_that_a_ratio_would_crowd_are_evenly_spaced():
    assert axis(list(range(1, 31)))[1].get_xscale() == "linear"  # 29 and 30 would touch
    assert axis([5, 5.0])[1].get_xscale() == "linear"


def test_labels():
    assert [shown(value) for value in (0.001, None, True, "tied")] == ["0.001", "none", "true", "tied"]
    assert (
        label({"model": "tied", "wd": 0.5, "optimizer.schedule": "cosine"}) == "tied, wd 0.5, optimizer.schedule cosine"
    )
    assert [brief(value) for value in (0.8299, -0.0123, 12.34, 1234.5, 0.00001, 0)] == [
        "0.830",
        "-0.012",
        "12.3",
        "1234",
        "1e-05",
        "0",
    ]


def test_a_line_a_setting_with_its_intervals(tmp_path):
    rows = table(
        (1, "tied", 2, "r2", 0.5, 4, 0.4, 0.6),
        (0, "tied", 2, "r2", 0.3, 4, 0.2, 0.4),
        (0, "linear", 2, "r2", 0.1, 1, None, None),
        (0, "tied", 2, "gap", 7.0, 4, 6.9, 7.1),
    )
    figure = metrics_against_setting(rows, {"wd": [0, 1]}, ["r2", "gap"], {"model": ["linear", "tied"]}, "decay")
    first, second = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["r2", "gap"]
    linear, tied = points(first)
    np.testing.assert_array_equal(tied[0], [0, 1])  # in the order of the dial, not of the table
    np.testing.assert_array_equal(tied[1], [0.3, 0.5])
    assert all(one != other for one, other in zip(linear[2:4], tied[2:4], strict=True))  # colour and marker
    bars = first.containers[1][2][0].get_segments()
    np.testing.assert_allclose([bar[:, 1] for bar in bars], [[0.2, 0.4], [0.4, 0.6]])
    np.testing.assert_array_equal(points(second)[1][1], [7])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["linear", "tied"]
    assert figure.legends[0].get_title().get_text() == "decay"
    assert figure._supxlabel.get_text().startswith("Means over 1 to 4 seeds")
    assert "beyond" not in figure._supxlabel.get_text()
    assert save(figure, tmp_path / "dials")[0].stat().st_size > 5000


def test_fewer_than_four_seeds_are_points_without_an_interval():
    rows = table((0, "a", 2, "r2", 0.2, 3, -0.1, 0.5), (1, "a", 2, "r2", 0.4, 4, 0.35, 0.45))
    rows = rows.append_column("values", pa.array([[0.1, 0.2, 0.3], None]))
    figure = metrics_against_setting(rows, {"wd": [0, 1]}, ["r2"], {})
    (axes,) = figure.axes
    bars = axes.containers[0][2][0].get_segments()
    assert [bar[:, 1].tolist() for bar in bars if len(bar)] == [pytest.approx([0.35, 0.45])]
    seeds = next(line for line in axes.lines if line.get_marker() == ".")
    assert (seeds.get_xdata().tolist(), seeds.get_ydata().tolist()) == ([0, 0, 0], [0.1, 0.2, 0.3])
    below = " ".join(figure._supxlabel.get_text().split())
    assert below.startswith("Means over 3 to 4 seeds; small points: single seeds; bars: 95 % intervals of the mean")
    assert below.endswith("of 4 seeds or more.")


def test_the_legend_is_whole_and_its_rows_are_the_first_dials(tmp_path):
    models, sizes = ("linear", "tied"), (2, 7, 12)
    rows = table(
        *((wd, model, latent, "r2", 0.1, 1, None, None) for wd in (0, 1) for model in models for latent in sizes)
    )
    figure = metrics_against_setting(
        rows, {"wd": [0, 1]}, ["r2"], {"model": list(models), "latent": list(sizes)}, "decay"
    )
    save(figure, tmp_path / "legend")
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    named = metrics_against_setting(
        table(*(({"a": 0}.get(model, 1), model, latent, "r2", 0.1, 1, None, None) for model in models for latent in sizes)),
        {"model": list(models)}, ["r2"] * 3, {"latent": list(sizes)},
    )  # fmt: skip
    # Points that no line joins have none in the legend, and each setting its own marker.
    looks = [
        (each.get_marker(), each.get_fillstyle(), each.get_linestyle()) for each in named.legends[0].legend_handles
    ]
    assert len(set(looks)) == 3
    assert {each[2] for each in looks} == {"None"}
    wide = metrics_against_setting(rows, {"wd": [0, 1]}, ["r2"] * 3, {"model": list(models), "latent": list(sizes)})
    save(wide, tmp_path / "wide")
    places = {text.get_text(): text.get_window_extent().y0 for text in wide.legends[0].get_texts()}
    assert len({round(places[f"linear, latent {latent}"]) for latent in sizes}) == 1
    assert len({round(place) for place in places.values()}) == 2


def test_two_line_dials_differ_by_colour_and_by_line():
    rows = table(
        *((wd, model, latent, "r2", 0.1, 1, None, None) for wd in (0, 1) for model in "ab" for latent in (2, 3))
    )
    looks = [
        point[2:]
        for point in points(
            metrics_against_setting(rows, {"wd": [0, 1]}, ["r2"], {"model": ["a", "b"], "latent": [2, 3]}).axes[0]
        )
    ]
    assert len(set(looks)) == 4
    assert looks[0][:2] == looks[1][:2]
    assert looks[0][2] != looks[1][2]
    assert looks[0][2] == looks[2][2]
    figure = metrics_against_setting(
        table(*((0, str(model), latent, "r2", 0.1, 1, None, None) for model in range(2) for latent in range(6))),
        {"model": ["0", "1"]}, ["r2"], {"wd": [0], "latent": list(range(6))},
    )  # fmt: skip
    markers = [(each[0].get_fillstyle(), each[0].get_markerfacecolor()) for each in figure.axes[0].containers]
    assert len(set(markers)) == 6  # told apart where no line tells them


def test_names_are_not_joined_by_lines_and_stand_beside_each_other():
    rows = table(*((wd, model, 2, "r2", 0.1, 1, None, None) for wd in (0, 1) for model in "ab"))
    figure = metrics_against_setting(rows, {"model": ["a", "b"]}, ["r2"], {"wd": [0, 1]})
    one, other = points(figure.axes[0])
    assert one[4] == other[4] == "None"
    assert (one[0] < other[0]).all()
    assert " ".join(figure._supxlabel.get_text().split()) == "Each point is one seed: there is no interval."


def test_a_huge_interval_does_not_flatten_the_means():
    rows = table((0, "a", 2, "r2", 0.1, 4, -99.0, 99.0), (1, "a", 2, "r2", 0.2, 4, 0.15, 0.25))
    figure = metrics_against_setting(rows, {"wd": [0, 1]}, ["r2"], {})
    low, high = figure.axes[0].get_ylim()
    assert high - low < 0.3
    assert "some end beyond their panel" in " ".join(figure._supxlabel.get_text().split())


def test_refused_dials():
    rows = table((0, "a", 2, "r2", 0.1, 1, None, None))
    for arguments in (({"wd": [0]}, [], {}), ({}, ["r2"], {}), ({"wd": [0]}, ["r2"], {"latent": list(range(7))})):
        with pytest.raises(ValueError, match="cannot be drawn"):
            metrics_against_setting(rows, *arguments)


def test_heat_map_prints_each_value_where_it_belongs(tmp_path):
    means = [[0.125, 1.5], [np.nan, 30]]
    figure = setting_heat_map([("tied", means, [[2, 2], [0, 3]])], ("latent", [2, 3]), ("wd", [0, 1]), "gap")
    axes, bar = figure.axes
    at = {text.get_position(): text.get_text() for text in axes.texts}
    assert at == {(0, 0): "0.125", (1, 0): "1.50", (0, 1): "–", (1, 1): "30.0"}
    assert axes.get_ylim() == (-0.5, 1.5)  # the first row lowest
    assert [each.get_text() for each in axes.get_xticklabels()] == ["2", "3"]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left")) == ("latent", "wd", "tied")
    assert axes.images[0].get_clim() == (0.125, 30)
    assert figure._supxlabel.get_text() == "Mean over 2 to 3 seeds per cell."
    assert save(figure, tmp_path / "map")[0].stat().st_size > 3000
    assert bar.get_ylim() == (0.125, 30)


def test_heat_map_is_white_at_0_and_panels_share_one_scale():
    panels = [("a", [[1.0, 0.0]], [[1, 1]]), ("b", [[-3.0, 2.0]], [[1, 1]])]
    first, second, bar = setting_heat_map(panels, ("latent", [2, 3]), ("wd", [0])).axes
    assert bar.get_ylim() == (-3, 2)  # no colour that does not occur
    for axes in (first, second):
        assert axes.images[0].get_clim() == (-3, 3)
        assert axes.images[0].get_cmap().name == "RdBu_r"
    assert second.texts[0].get_color() == "white"  # readable on the darkest blue
    with pytest.raises(ValueError, match="do not fit"):
        setting_heat_map([("a", [[1.0]], [[1]])], ("latent", [2, 3]), ("wd", [0]))
    with pytest.raises(ValueError, match="do not fit"):
        setting_heat_map([], ("latent", [2]), ("wd", [0]))


def test_a_number_that_is_nothing_beside_the_others_is_0():
    figure = setting_heat_map([("a", [[0.996, -0.00009]], [[1, 1]])], ("latent", [2, 3]), ("wd", [0]))
    assert written(figure.axes[0]) == ["0.996", "0.000"]


def test_heat_map_of_no_run():
    figure = setting_heat_map([("a", [[np.nan]], [[0]])], ("latent", [2]), ("wd", [0]))
    assert figure._supxlabel.get_text() == "no completed run"


def test_gram_grid_stands_in_rows_and_columns(tmp_path):
    one, two = np.eye(3), np.full((3, 3), -2.0)
    figure = gram_grid(
        np.diag([1, 2, 0.5]), [[one, None], [two, one]], ["linear", "tied"], ["m = 2", "m = 3"], "circular", "Seed 1."
    )
    (axes,) = figure.axes
    covariance, upper, lower, last = axes.images
    np.testing.assert_array_equal(covariance.get_array(), np.diag([1, 2, 0.5]))
    assert covariance.get_clim() == (-2, 2)
    for image, matrix in ((upper, one), (lower, two), (last, one)):
        np.testing.assert_array_equal(image.get_array(), matrix)
    at = {text.get_text().split("\n")[0]: text.get_position() for text in axes.texts}
    inside = {
        name: [image for image in axes.images if image.get_extent()[0] < x < image.get_extent()[1]]
        for name, (x, _) in at.items()
    }
    assert inside["m = 2"] == [upper, lower]
    assert inside["m = 3"] == [last]
    beside = {
        name: [image for image in axes.images[1:] if image.get_extent()[3] < y < image.get_extent()[2]]
        for name, (_, y) in at.items()
    }
    assert beside["linear"] == [upper]
    assert beside["tied"] == [lower, last]
    assert at["no run"] == (at["m = 3"][0], at["linear"][1])
    # Below the covariance, and below the matrices row by row.
    assert [text for text in written(axes) if text.startswith("±")] == ["±2.0", "±1.0", "±2.0", "±1.0"]
    assert [text for text in written(axes) if "Seed 1." in text]
    assert save(figure, tmp_path / "gram")[0].stat().st_size > 5000
    for rows, columns in (([[one]], ["a", "b"]), ([], ["a"]), ([[np.eye(2)]], ["a"])):
        with pytest.raises(ValueError, match="do not fit"):
            gram_grid(one, rows, ["linear"], columns)


def test_gram_grid_of_eleven_sizes_fits_a_page_with_nothing_cut_or_colliding():
    rows = ["linear, wd 1", "ReLU (tied), wd 1", "ReLU (tied), wd 6, optimizer.schedule cosine"]
    sizes = [f"m = {m}" for m in range(2, 13)]
    figure = gram_grid(np.eye(4), [[0.012 * np.eye(4)] * 11] * 3, rows, sizes, "circular", "Runs of seed 3. " * 4)
    assert figure.get_figwidth() <= 7.4 + 1e-6
    boxes = {text: text.get_window_extent() for text in figure.axes[0].texts}
    for box in boxes.values():
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
    pictures = [image.get_window_extent() for image in figure.axes[0].images]
    for text, box in boxes.items():
        others = [*pictures, *(other for one, other in boxes.items() if one is not text)]
        assert not [other for other in others if box.overlaps(other)], text.get_text()
    assert "ReLU (tied), wd 6\noptimizer.schedule cosi…" in written(figure.axes[0])


def shares(**given):
    return {regime: np.array([given.get(regime, [0.0, 0.0])]) for regime in REGIMES}


def test_regime_map_names_the_largest_and_shows_all(tmp_path):
    panel = shares(absent=[0.2, np.nan], linear=[0.3, np.nan], mixed=[0.5, np.nan])
    figure = regime_map([("tied", panel)], ("latent", [2, 3]), ("wd", [0]), "absent: R² < 0.05", "Regimes")
    (axes,) = figure.axes
    assert sorted(text.replace("\n", " ") for text in written(axes)) == ["mixed 50%", "–"]
    body, *strip = axes.patches
    assert matplotlib.colors.to_hex(body.get_facecolor()) == COLOURS["mixed"].lower()
    widths = [part.get_width() / body.get_width() for part in strip]
    assert widths == pytest.approx([panel[regime][0, 0] for regime in REGIMES])
    assert [matplotlib.colors.to_hex(part.get_facecolor()) for part in strip] == [
        COLOURS[regime].lower() for regime in REGIMES
    ]
    assert len({part.get_hatch() for part in strip}) == len(REGIMES)  # told apart without colour
    assert figure._supxlabel.get_text() == "Strip: the shares of all regimes. absent: R² < 0.05"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(REGIMES)
    assert save(figure, tmp_path / "regimes")[0].stat().st_size > 3000
    with pytest.raises(ValueError, match="do not fit"):
        regime_map([("tied", panel)], ("latent", [2]), ("wd", [0]), "")


def test_labels_of_a_logarithmic_dial_do_not_run_into_each_other():
    ticks = axis([25, 50, 75, 100, 150, 200, 300, 400])[1].get_xticks()
    assert np.diff(np.log(ticks)).min() >= 0.12 * np.log(16)
    assert (ticks[0], ticks[-1]) == (25, 400)
    assert len(ticks) >= 5
