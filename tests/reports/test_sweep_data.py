"""What a sweep's page is told of its runs and their words."""

import base64
import json
from urllib.parse import unquote, urljoin, urlsplit

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from bows.reports import sweep_data
from bows.reports.sweep_data import absences, address, failures, run_data, setting_data, with_seeds, word_data
from bows.runs.discover import find_jobs
from bows.runs.table import counted, over_seeds, tabulate

from .sweep_folders import write_run

KINDS = {"f4": np.float32, "u1": np.uint8, "u2": np.uint16, "i2": np.int16}


def unpacked(packed, kind=None):
    return np.frombuffer(base64.b64decode(packed["data"]), kind or KINDS[packed["kind"]])


def halves(packed):
    return unpacked(packed, "<f2")


@pytest.fixture
def sweep(tmp_path):
    write_run(tmp_path / "0", {"wd": 1, "model": "tied"}, {"a/x": 0.5, "reconstruction/r2": 0.25})
    write_run(tmp_path / "1", {"wd": 2, "model": "linear"}, {"reconstruction/r2": 1e-3})
    write_run(tmp_path / "2", {"wd": 2, "model": "tied"}, state="failed", error="no room")
    write_run(tmp_path / "3", {"wd": 3}, state="failed", error="no room")
    write_run(tmp_path / "4", {"wd": 3}, {"a/x": 1.0}, state="failed", error="another")
    return tmp_path


def told(folder):
    jobs = find_jobs([folder])
    return tabulate(jobs, folder)


def test_every_metric_of_every_run_is_there_and_what_is_missing_is_not_a_number(sweep):
    data = run_data(told(sweep), sweep)
    assert data["names"] == ["0", "1", "2", "3", "4"]
    assert data["metrics"]["names"] == ["a/x", "reconstruction/r2"]
    assert data["metrics"]["meanings"][0] == ""
    assert "variance" in data["metrics"]["meanings"][1]
    values = unpacked(data["metrics"]["values"]).reshape(2, 5)
    np.testing.assert_array_equal(
        values, np.array([[0.5, np.nan, np.nan, np.nan, 1], [0.25, 1e-3, np.nan, np.nan, np.nan]], np.float32)
    )
    assert [data["state"]["values"][code] for code in unpacked(data["state"]["codes"])] == ["completed"] * 2 + [
        "failed"
    ] * 3
    assert unpacked(data["seconds"]).tolist() == [2.5] * 5
    settings = {
        each["name"]: [[*each["values"], None][code] for code in unpacked(each["codes"])] for each in data["settings"]
    }
    assert settings == {"wd": [1, 2, 2, 3, 3], "model": ["tied", "linear", "tied", None, None]}
    assert data["shown"] == ["reconstruction/r2"]


def test_columns_at_first_where_no_usual_metric_is(tmp_path):
    write_run(tmp_path / "0", {"wd": 1}, {"mine/a": 1.0, "mine/b": 2.0, "mine/c": 3.0, "mine/d": 4.0})
    assert run_data(told(tmp_path), tmp_path)["shown"] == ["mine/a", "mine/b", "mine/c"]


def test_a_sweep_without_metrics_has_a_table_all_the_same(tmp_path):
    write_run(tmp_path / "0", {"wd": 1}, state="running")
    data = run_data(told(tmp_path), tmp_path)
    assert (data["names"], data["metrics"]["names"], data["shown"]) == (["0"], [], [])


def test_jobs_of_one_error_stand_together(sweep):
    assert failures(told(sweep)) == [
        {"state": "failed", "error": "no room", "runs": ["2", "3"]},
        {"state": "failed", "error": "another", "runs": ["4"]},
    ]


def test_metrics_that_some_completed_runs_lack_are_counted(sweep):
    assert absences(told(sweep)) == (2, [(1, ["a/x"])])


@pytest.mark.parametrize("name", ["0", "a b/1", "javascript:alert(1)", "wd=1#x?y", "<b>"])
def test_an_address_is_a_path_whatever_the_folder_is_called(tmp_path, name):
    (tmp_path / name).mkdir(parents=True)
    assert address(tmp_path, name) is None
    (tmp_path / name / "report.html").write_text("")
    found = address(tmp_path, name)
    joined = urlsplit(urljoin((tmp_path / "report.html").as_uri(), found))
    assert (joined.scheme, joined.query, joined.fragment) == ("file", "", "")
    assert unquote(joined.path) == str(tmp_path / name / "report.html")


def words_of(frequency, r2):
    return {"word": [f"w{place}" for place in range(len(frequency))], "frequency": frequency, "r2": r2}


def test_words_are_the_most_frequent_and_are_shared(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep_data, "MOST_WORDS", 3)
    frequency = [0.1, 0.5, None, 0.25, 0.5]
    write_run(tmp_path / "0", {"wd": 1}, {}, words_of(frequency, [0.1, 0.2, 0.3, None, -1e9]))
    write_run(tmp_path / "1", {"wd": 2}, {}, words_of(frequency, [0.9, 0.8, 0.7, 0.6, 0.5]))
    write_run(tmp_path / "2", {"wd": 3}, {}, words_of([0.2, 0.7, 0.1, 0.3, 0.6], [0, 0, 0, 0, 1]))
    write_run(tmp_path / "3", {"wd": 4}, {}, words_of(frequency, [0.0] * 5), state="running")
    data, notes = word_data(find_jobs([tmp_path]))
    assert data["lists"] == [["w1", "w4", "w3"]]  # of like frequency, the earlier first
    assert [(run["list"], run["frequency"]) for run in data["runs"][:3]] == [(0, 0), (0, 0), (0, 1)]
    assert data["runs"][3] is None
    np.testing.assert_allclose(halves(data["frequencies"][0]), [0.5, 0.5, 0.25])
    np.testing.assert_allclose(halves(data["frequencies"][1]), [0.7, 0.6, 0.3], rtol=1e-3)
    np.testing.assert_allclose(halves(data["runs"][0]["r2"]), [0.2, -65504, np.nan], rtol=1e-3)
    np.testing.assert_allclose(halves(data["runs"][1]["r2"]), [0.8, 0.5, 0.6], rtol=1e-3)
    assert notes == ["Of each run the 3 most frequent words are in this report; words.parquet in its folder has all."]


def test_no_more_words_than_the_page_can_bear_and_it_is_said(tmp_path, monkeypatch):
    for number in range(4):
        write_run(tmp_path / str(number), {"wd": number}, {}, words_of([0.5] * 300, [number / 10] * 300))
    whole, notes = word_data(find_jobs([tmp_path]))
    assert notes == []
    size = len(json.dumps(whole, separators=(",", ":")))
    monkeypatch.setattr(sweep_data, "MOST_BYTES", size - 100)
    part, notes = word_data(find_jobs([tmp_path]))
    assert [run is None for run in part["runs"]] == [False, False, False, True]
    assert size - 1000 < len(json.dumps(part, separators=(",", ":"))) < size - 100
    (note,) = notes
    assert note.startswith("1 run has no words here: with them, the report would contain more than 0 MB")


def test_words_that_cannot_be_read_are_said(tmp_path):
    write_run(tmp_path / "0", {"wd": 1}, {})
    write_run(tmp_path / "1", {"wd": 2}, {})
    (tmp_path / "1" / "words.parquet").write_bytes(b"torn")
    write_run(tmp_path / "2", {"wd": 3}, {})
    parquet.write_table(pa.table({"word": ["a"]}), tmp_path / "2" / "words.parquet")
    write_run(tmp_path / "3", {"wd": 4}, {}, words_of([0.5], [0.5]))
    data, notes = word_data(find_jobs([tmp_path]))
    assert [run is None for run in data["runs"]] == [True, True, True, False]
    assert notes == ["3 completed runs have no words here: words.parquet is missing, damaged, or without R²."]


def summarized(folder) -> dict:
    table = told(folder)
    return setting_data(with_seeds(over_seeds(table), counted(table)))


def test_settings_are_means_over_seeds(tmp_path):
    number = 0
    for clip in (None, 1, 2):
        for seed in range(1, 5 if clip == 1 else 3):
            summary = {"a/x": (clip or 0) + seed / 10} | ({"b/y": 1.0} if clip == 2 and seed == 1 else {})
            write_run(tmp_path / str(number), {"seed": seed, "clip": clip, "same": 3}, summary)
            number += 1
    data = summarized(tmp_path)
    (setting,) = data["settings"]
    assert (setting["name"], setting["values"], data["metrics"]) == ("clip", [1, 2], ["a/x", "b/y"])
    codes = unpacked(setting["codes"]).tolist()
    assert sorted(codes) == [0, 1, 2]  # 2 stands for null
    order = np.argsort(codes)
    mean, low, high, count = (unpacked(data[name]).reshape(2, 3)[:, order] for name in ("mean", "low", "high", "count"))
    np.testing.assert_allclose(mean[0], [1.25, 2.15, 0.15], rtol=1e-6)
    # Four seeds 0.1 apart: half the interval is 3.1824 * 0.1291 / 2 (Student's t with three degrees of freedom); two have none.
    np.testing.assert_allclose(high[0] - mean[0], [0.20543, np.nan, np.nan], rtol=1e-3)
    np.testing.assert_allclose(mean[0] - low[0], [0.20543, np.nan, np.nan], rtol=1e-3)
    seeds = unpacked(data["seeds"]).reshape(2, 3, 3)[0][order]
    np.testing.assert_allclose(seeds, [[np.nan] * 3, [2.1, 2.2, np.nan], [0.1, 0.2, np.nan]], rtol=1e-6)
    np.testing.assert_array_equal(mean[1], [np.nan, 1, np.nan])
    assert np.isnan(low[1]).all()
    assert count.tolist() == [[4, 2, 2], [0, 1, 0]]


def test_settings_of_a_sweep_that_has_none(tmp_path):
    write_run(tmp_path / "0", {"wd": 1}, state="running")
    data = summarized(tmp_path)
    assert (data["settings"], data["metrics"]) == ([], [])
