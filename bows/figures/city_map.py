"""Where the cities lie, and where a probe of their embeddings puts them."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from bows.figures.labels import place_labels
from bows.figures.style import BLUE, FAINT, INK, ORANGE, new_figure, shorten, style

LABELLED = 14
# Cities nearer to a labelled one than this, in degrees, go without a label: boroughs of one city.
APART = 2.0
# West, east, south and north of the 48 states in one piece, degrees: farther cities would leave most of the map empty.
FRAME = (-126.0, -66.0, 24.0, 50.0)


def city_map(cities: Mapping[str, Sequence], r2: float | None = None) -> Figure:
    """Draw each city at its probed place, with a line to its true one, by longitude and latitude; the largest are labelled.

    Args:
        cities: a table by columns: `word`, `population`, `latitude`, `longitude`, `probed_latitude`, `probed_longitude` (degrees) and
            `held_out` (those the probe was not fitted on).
        r2: the probe's R² on the cities held out; named in the title.
    """
    true = np.column_stack([cities["longitude"], cities["latitude"]]).astype(float)
    probed = np.column_stack([cities["probed_longitude"], cities["probed_latitude"]]).astype(float)
    held_out = np.array(cities["held_out"], dtype=bool)
    west, east, south, north = FRAME
    inside = (true[:, 0] > west) & (true[:, 0] < east) & (true[:, 1] > south) & (true[:, 1] < north)
    if not inside.any():
        inside[:] = True
    with style():
        figure = new_figure(7.2, 4.8)
        axes = figure.add_subplot()
        lines = np.stack([true, probed], axis=1)[inside]
        axes.add_collection(LineCollection(list(lines), colors=FAINT, linewidths=0.5, zorder=1))
        for chosen, colour, label in ((~held_out, BLUE, "fitted on"), (held_out, ORANGE, "held out")):
            axes.scatter(*probed[chosen & inside].T, s=9, color=colour, linewidth=0, label=label, zorder=2)
        axes.autoscale_view()
        # In the middle of the map a degree of longitude is this much shorter than one of latitude.
        axes.set_aspect(1 / np.cos(np.radians(np.median(true[:, 1]))), adjustable="datalim")
        axes.set(xlabel="longitude, degrees", ylabel="latitude, degrees")
        title = ["Cities where a probe of their embeddings puts them, each with a line to its true place"]
        title += [] if r2 is None else [f"R² = {r2:.3f} on cities held out of the probe"]
        if not inside.all():
            away = [str(cities["word"][place]).partition(",")[0] for place in np.flatnonzero(~inside).tolist()]
            title[-1] += f"; beyond the map: {shorten(', '.join(away), 40)}"
        axes.set_title("\n".join(title))
        axes.legend(
            loc="lower left", title="the probe was", title_fontsize=8, fontsize=8, handletextpad=0.2, markerscale=1.5
        )
        labelled = [place for place in largest_apart(cities["population"], true) if inside[place]]
        names = [shorten(str(cities["word"][place]).partition(",")[0], 18) for place in labelled]
        axes.scatter(*probed[labelled].T, s=18, facecolor="none", edgecolor=INK, linewidth=0.8, zorder=4)
        place_labels(figure, axes, probed[labelled], names, 7.5)
    return figure


def largest_apart(population: Sequence[int], places: np.ndarray, count: int = LABELLED) -> list[int]:
    """Return the largest cities, none within APART degrees of a larger one: at most `count` row numbers."""
    chosen: list[int] = []
    for place in np.argsort(-np.asarray(population), kind="stable").tolist():
        if len(chosen) < count and all(np.abs(places[place] - places[other]).max() > APART for other in chosen):
            chosen.append(place)
    return chosen
