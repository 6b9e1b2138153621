"""Items where a probe of their embeddings puts them: cities on the map, residues on a ring."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from bows.figures.labels import place_labels
from bows.figures.style import BLUE, FAINT, INK, ORANGE, new_figure, shorten, style

LABELLED_CITIES, LABELLED_RESIDUES = 14, 24
# Cities nearer to a labelled one than this, in degrees, go without a label: boroughs of one city.
APART = 2.0
# West, east, south and north of the 48 states in one piece, degrees: farther cities would leave most of the map empty.
FRAME = (-126.0, -66.0, 24.0, 50.0)


def city_map(cities: Mapping[str, Sequence], r2: float | None = None) -> Figure:
    """Draw each city at its probed place, with a line to its true one, by longitude and latitude; the largest are labelled.

    Args:
        cities: A table by columns: `word`, `population`, `latitude`, `longitude`, `probed_latitude`, `probed_longitude` (degrees) and
            `held_out` (those the probe was not fitted on).
        r2: The probe's R² on the held-out cities, for the title.
    """
    true = np.column_stack([cities["longitude"], cities["latitude"]]).astype(float)
    probed = np.column_stack([cities["probed_longitude"], cities["probed_latitude"]]).astype(float)
    west, east, south, north = FRAME
    inside = (true[:, 0] > west) & (true[:, 0] < east) & (true[:, 1] > south) & (true[:, 1] < north)
    if not inside.any():
        inside[:] = True
    names = [str(word).partition(",")[0] for word in cities["word"]]
    with style():
        figure = new_figure(7.2, 4.8)
        axes = figure.add_subplot()
        lines = np.stack([true, probed], axis=1)[inside]
        axes.add_collection(LineCollection(list(lines), colors=FAINT, linewidths=0.5, zorder=1))
        _points(axes, probed[inside], np.array(cities["held_out"], dtype=bool)[inside], "fitted on", 9)
        axes.autoscale_view()
        # In the middle of the map a degree of longitude is this much shorter than one of latitude.
        axes.set_aspect(1 / np.cos(np.radians(np.median(true[:, 1]))), adjustable="datalim")
        axes.set(xlabel="longitude, degrees", ylabel="latitude, degrees")
        title = ["Cities where a probe of their embeddings puts them, each with a line to its true place"]
        title += [] if r2 is None else [f"R² = {r2:.3f} on cities held out of the probe"]
        if not inside.all():
            away = [names[place] for place in np.flatnonzero(~inside)]
            title[-1] += f"; beyond the map: {shorten(', '.join(away), 40)}"
        axes.set_title("\n".join(title))
        axes.legend(
            loc="lower left", title="the probe was", title_fontsize=8, fontsize=8, handletextpad=0.2, markerscale=1.5
        )
        labelled = [place for place in largest_apart(cities["population"], true) if inside[place]]
        axes.scatter(*probed[labelled].T, s=18, facecolor="none", edgecolor=INK, linewidth=0.8, zorder=4)
        place_labels(figure, axes, probed[labelled], [shorten(names[place], 18) for place in labelled], 7.5)
    return figure


def largest_apart(population: Sequence[int], places: np.ndarray, count: int = LABELLED_CITIES) -> list[int]:
    """Return the largest cities, none within APART degrees of a larger one: at most `count` row numbers."""
    chosen: list[int] = []
    for place in np.argsort(-np.asarray(population), kind="stable").tolist():
        if len(chosen) < count and all(np.abs(places[place] - places[other]).max() > APART for other in chosen):
            chosen.append(place)
    return chosen


def residue_ring(residues: Mapping[str, Sequence], r2: float | None = None, frequency: int = 1) -> Figure:
    """Draw each residue at its probed cosine and sine, joined in the order of their places around the ring.

    Args:
        residues: A table by columns: `word`, `probed_cosine`, `probed_sine`, `held_out` (not used to fit the probe) and `place` (0, 1, ...
            around the ring).
        r2: The probe's R² on the held-out residues, for the title.
        frequency: Turns of the residues around the ring.
    """
    order = np.argsort(residues["place"])
    points = np.column_stack([residues["probed_cosine"], residues["probed_sine"]]).astype(float)[order]
    words = [str(residues["word"][place]) for place in order.tolist()]
    with style():
        figure = new_figure(5.2, 5.5)
        axes = figure.add_subplot()
        turn = np.linspace(0, 2 * np.pi, 200)
        axes.plot(np.cos(turn), np.sin(turn), color=FAINT, linewidth=0.8, linestyle=":", label="true places", zorder=0)
        axes.plot(*np.vstack([points, points[:1]]).T, color=FAINT, linewidth=0.6, zorder=1)
        _points(axes, points, np.array(residues["held_out"], dtype=bool)[order], "used to fit the probe", 16)
        reach = 1.18 * max(np.abs(points).max(), 1.0)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        axes.set(xlabel="probed cosine", ylabel="probed sine")
        score = "" if r2 is None else f"; R² = {r2:.3f} on held-out residues"
        axes.set_title(f"Residues at their probed places\nfrequency {frequency}{score}")
        axes.legend(loc="center", fontsize=8, handletextpad=0.4)
        shown = np.unique(np.linspace(0, len(points) - 1, min(LABELLED_RESIDUES, len(points))).round().astype(int))
        place_labels(figure, axes, points[shown], [words[place] for place in shown.tolist()], 7.5)
    return figure


def _points(axes: Axes, points: np.ndarray, held_out: np.ndarray, fitted: str, size: float) -> None:
    for chosen, colour, label in ((~held_out, BLUE, fitted), (held_out, ORANGE, "held out")):
        axes.scatter(*points[chosen].T, s=size, color=colour, linewidth=0, label=label, zorder=3)
