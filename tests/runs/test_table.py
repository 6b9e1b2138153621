"""Collecting: what was varied is found, every job has its row and its state, and the summary over seeds is that of a textbook."""

import csv
import json
import math
import os
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from bows import collect as command
from bows.errors import SettingError
from bows.runs.table import collect, corpora, metrics, over_seeds, repeats, varied_settings

MODELS = {"tied": ("Tied", "relu"), "linear": ("Tied", "identity"), "deep": ("Deep", "relu")}


def write_run(folder: Path, *overrides: str, state: str | None = "completed", summary=None, **more) -> Path:
    """A run folder with a configuration as bows stores it, interpolations unresolved."""
    given = dict(word.lstrip("+").split("=", 1) for word in overrides)
    kind, activation = MODELS[given.get("model", "tied")]
    config = {
        "seed": 0, "wd": 0.01, "latent": 32, "name": "${data.name}", "outputs": "${oc.env:BOWS_OUTPUTS,outputs}", "resume": None,
        "data": {"_target_": "bows.data.factories.pydoc", "name": "pydoc", "window": 20, "seed": "${seed}"},
        "model": {"_target_": f"bows.model.{kind}", "latent": "${latent}", "output_activation": activation},
        "optimizer": {"name": "adamw", "weight_decay": "${wd}", "clip_norm": None},
        "logger": {"kind": "csv"},
    }  # fmt: skip
    if kind == "Deep":
        config["model"]["hidden"] = 256
    for name, value in given.items():
        *path, last = name.split(".")
        node = config
        for part in path:
            node = node.setdefault(part, {})
        if name not in ("model", "logger", "data"):
            node[last] = yaml.safe_load(value) if "e-" not in value else float(value)
    choices = {
        "model": given.get("model", "tied"),
        "data": "pydoc",
        "logger": given.get("logger", "csv"),
        "hydra/launcher": str(folder),
    }
    (folder / ".hydra").mkdir(parents=True)
    for name, content in (
        ("config", config),
        ("overrides", list(overrides)),
        ("hydra", {"hydra": {"runtime": {"choices": choices}}}),
    ):
        (folder / ".hydra" / f"{name}.yaml").write_text(yaml.safe_dump(content))
    status = {
        "state": state, "error": None, "started": "2026-01-01T00:00:00+00:00", "finished": "2026-01-01T00:01:00+00:00",
        "seconds": 60.0, "versions": {"bows": "0.1.0"}, "commit": "abc", "corpus": "f" * 64,
    } | more  # fmt: skip
    if state:
        (folder / "status.json").write_text(json.dumps(status))
    if summary is not None:
        (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def rows(table: pa.Table, *names: str) -> list[tuple]:
    return [tuple(row.values()) for row in table.select(list(names)).to_pylist()]


@pytest.fixture
def sweep(tmp_path):
    """Model x weight decay x seed: eight completed runs, in folders 0 to 7, whose r2 is 100 wd + seed, or 1 less where linear."""
    number = 0
    for model in ("tied", "linear"):
        for wd in (0, 2.5):
            for seed in (1, 2):
                r2 = 100 * wd + seed - (model == "linear")
                words = [f"model={model}", f"wd={wd}", f"seed={seed}", "optimizer.clip_norm=1"]
                write_run(
                    tmp_path / "sweep" / str(number), *words, summary={"reconstruction/r2": r2, "packing/coherence": 1}
                )
                number += 1
    (tmp_path / "sweep" / "multirun.yaml").write_text("hydra: {}\n")
    return tmp_path / "sweep"


def test_what_was_varied_is_found(sweep):
    table = collect([sweep])
    # Not optimizer.weight_decay, which is ${wd}; not model.output_activation, which follows from the model; not clip_norm: all have 1.
    assert varied_settings(table) == {"model": ["linear", "tied"], "seed": [1, 2], "wd": [0, 2.5]}
    assert table.schema.field("wd").type == pa.float64()
    assert table.schema.field("seed").type == pa.int64()
    assert metrics(table) == ["packing/coherence", "reconstruction/r2"]
    assert rows(table, "run", "model", "wd", "seed", "reconstruction/r2")[:3] == [
        ("0", "tied", 0, 1, 1),
        ("1", "tied", 0, 2, 2),
        ("2", "tied", 2.5, 1, 251),
    ]
    assert set(table.column("corpus").to_pylist()) == {"pydoc-ffffffffffff"}


def test_a_setting_varied_under_a_varied_group_counts(tmp_path):
    write_run(tmp_path / "0", "model=tied", "model.output_activation=relu")
    write_run(tmp_path / "1", "model=deep", "model.output_activation=sigmoid", "model.hidden=7")
    table = collect([tmp_path])
    assert varied_settings(table) == {
        "model": ["deep", "tied"],
        "model.output_activation": ["relu", "sigmoid"],
        "model.hidden": [7, None],
    }


def test_dotted_settings_null_and_numbers_written_as_floats(tmp_path):
    write_run(tmp_path / "0", "optimizer.clip_norm=1", "wd=1e-3", "logger=none", "name=a")
    write_run(tmp_path / "1", "optimizer.clip_norm=null", "wd=1", "logger=csv", "name=b", "outputs=/elsewhere")
    write_run(tmp_path / "2", "optimizer.clip_norm=1.0", "wd=1", "optimizer.weight_decay=5")
    table = collect([tmp_path])
    assert varied_settings(table) == {
        "wd": [0.001, 1],
        "optimizer.weight_decay": [0.001, 1, 5],
        "optimizer.clip_norm": [1, None],
    }
    assert table.column("optimizer.clip_norm").to_pylist() == [1, None, 1]


def test_every_job_has_a_row_and_a_state(sweep):
    write_run(sweep / "8", "model=tied", "wd=1", "seed=1", state="failed", error="the loss is nan", finished=None)
    write_run(sweep / "9", "model=tied", "wd=1", "seed=2", state="running", finished=None)
    (write_run(sweep / "10", "model=tied", "wd=1", "seed=3") / "status.json").write_text('{"state": "comp')
    write_run(sweep / "11", "model=tied", "wd=1", "seed=4", state=None)
    jobs = [{"folder": str(n), "overrides": ["wd=1"], "config": "0"} for n in range(12)]
    jobs.append({"folder": "12", "overrides": ["model=linear", "wd=5e-1", "seed=9"], "config": "1"})
    (sweep / "jobs.json").write_text(json.dumps({"jobs": jobs}))
    table = collect([sweep])
    assert table.column("run").to_pylist() == [str(n) for n in range(13)]
    last = rows(table, "state", "error", "model", "wd", "seed", "reconstruction/r2")[8:]
    assert last[0] == ("failed", "the loss is nan", "tied", 1, 1, None)
    assert last[1] == ("running", None, "tied", 1, 2, None)
    assert last[2] == ("damaged", "status.json is damaged: it is not JSON", "tied", 1, 3, None)
    assert last[3] == ("missing", "it never started: status.json is missing", "tied", 1, 4, None)
    assert last[4] == ("missing", "it never started", "linear", 0.5, 9, None)
    assert varied_settings(table)["wd"] == [0, 0.5, 1, 2.5]


def test_what_a_missing_job_does_not_say_is_not_varied(tmp_path):
    write_run(tmp_path / "0", "wd=1")
    jobs = [
        {"folder": "0", "overrides": ["wd=1"], "config": "a"},
        {"folder": "1", "overrides": ["latent=64"], "config": "b"},
    ]
    (tmp_path / "jobs.json").write_text(json.dumps({"jobs": jobs}))
    assert varied_settings(collect([tmp_path])) == {"latent": [32, 64]}  # not wd: what it would have been is not known


def test_a_run_that_is_being_written(tmp_path):
    write_run(tmp_path / "0", "wd=1", summary={"reconstruction/r2": 0.5, "old": 1})
    run = write_run(tmp_path / "1", "wd=2")
    (run / ".hydra" / "config.yaml").write_text("wd: 2\ndata: {name")
    (run / ".hydra" / "hydra.yaml").unlink()
    (run / "summary.json").write_text('{"reconstruction/r2": 0.6, "x": "text", "y": true}')
    table = collect([tmp_path])
    assert rows(table, "state", "wd", "reconstruction/r2", "old") == [
        ("completed", 1, 0.5, 1),
        ("completed", 2, 0.6, None),
    ]
    assert table.column("error").to_pylist() == [None, ".hydra/config.yaml is damaged: it is not YAML"]
    assert metrics(table) == ["old", "reconstruction/r2"]
    (run / "summary.json").unlink()
    assert "summary.json is missing" in collect([tmp_path]).column("error").to_pylist()[1]


def test_over_seeds_by_hand(tmp_path):
    for number, (wd, seed, r2) in enumerate([(1, 0, 1.0), (1, 1, 2.0), (1, 2, 6.0), (0, 0, 5.0)]):
        summary = {"r2": r2} | ({"ring": 0.25} if seed == 1 else {})
        write_run(tmp_path / str(number), f"wd={wd}", f"seed={seed}", summary=summary)
    summary = over_seeds(collect([tmp_path]))
    assert summary.column_names == ["wd", "metric", "mean", "standard_deviation", "count", "low", "high"]
    one_seed, three, ring = summary.to_pylist()
    undefined = {"standard_deviation": None, "low": None, "high": None}
    assert one_seed == {"wd": 0, "metric": "r2", "mean": 5, "count": 1} | undefined
    assert ring == {"wd": 1, "metric": "ring", "mean": 0.25, "count": 1} | undefined
    # Deviations -2, -1, 3: variance 14 / 2; t with 2 degrees of freedom is 4.302653 (any table).
    half = 4.302653 * math.sqrt(7 / 3)
    assert (three["wd"], three["metric"], three["mean"], three["count"]) == (1, "r2", 3, 3)
    assert three["standard_deviation"] == pytest.approx(math.sqrt(7))
    assert (three["low"], three["high"]) == (pytest.approx(3 - half, rel=1e-6), pytest.approx(3 + half, rel=1e-6))


def test_only_completed_runs_count_and_each_once(sweep, tmp_path):
    write_run(sweep / "8", "model=tied", "wd=0", "seed=3", state="running", summary={"reconstruction/r2": 1e6})
    again = write_run(
        tmp_path / "again" / "0", "model=tied", "wd=0", "seed=2", "optimizer.clip_norm=1",
        summary={"reconstruction/r2": 7}, finished="2026-02-01T00:00:00+00:00",
    )  # fmt: skip
    for folders in ([sweep, again], [again, sweep, sweep / "3", tmp_path]):
        table = collect(folders)
        assert len(table) == 10
        assert repeats(table) == 1
        first = [
            row
            for row in over_seeds(table).to_pylist()
            if (row["model"], row["wd"], row["metric"]) == ("tied", 0, "reconstruction/r2")
        ]
        # clip_norm is not set in the running one, so it is a dial; seeds 1 and 2, and of seed 2 the later run.
        assert [(row["optimizer.clip_norm"], row["mean"], row["count"]) for row in first] == [(1, 4, 2)]


@pytest.mark.parametrize(
    ("target", "settings", "said"),
    [
        ("synthetic", [{}, {}], ""),
        ("synthetic", [{"features": 12}, {"features": 24}], "2 of pydoc"),
        ("pydoc", [{}, {}], "2 of pydoc"),  # its text changed between the runs
        ("pydoc", [{"shuffle": "within_word"}, {"shuffle": "within_word"}], ""),
    ],
)
def test_corpora_that_only_the_seed_tells_apart_are_one(tmp_path, target, settings, said):
    for number, more in enumerate(settings):
        words = [f"seed={number}", *(f"data.{name}={value}" for name, value in more.items())]
        run = write_run(tmp_path / str(number), *words, summary={"a": 1}, corpus=f"{number}" * 64)
        config = run / ".hydra" / "config.yaml"
        config.write_text(config.read_text().replace("factories.pydoc", f"factories.{target}"))
    assert corpora(collect([tmp_path])) == said


def test_corpora_of_one_setting_and_seed_are_kept_apart(tmp_path):
    write_run(tmp_path / "0", "wd=1", summary={"r2": 1})
    write_run(tmp_path / "1", "wd=1", summary={"r2": 3}, corpus="e" * 64)
    summary = over_seeds(collect([tmp_path]))
    assert rows(summary, "corpus", "mean") == [("pydoc-eeeeeeeeeeee", 3), ("pydoc-ffffffffffff", 1)]
    assert repeats(collect([tmp_path])) == 0


def test_the_command(sweep, tmp_path, capsys):
    write_run(sweep / "8", "model=tied", "wd=1", "seed=1", "optimizer.clip_norm=1", state="failed", error="no\nroom")
    assert command.main([str(sweep)]) == 0
    said = capsys.readouterr().out
    assert "9 runs: 8 completed, 1 failed; 2 metrics" in said
    assert "  wd     0, 1, 2.5\n" in said
    assert "failed 8: no room" in said
    assert said.splitlines()[-4:] == [
        str(sweep / f"{name}") for name in ("results.parquet", "results.csv", "summary.parquet", "summary.csv")
    ]
    stored = parquet.read_table(sweep / "results.parquet")
    assert varied_settings(stored)["wd"] == [0, 1, 2.5]  # what a column is survives the file
    assert over_seeds(stored).equals(parquet.read_table(sweep / "summary.parquet"))
    with (sweep / "results.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["reconstruction/r2"] for line in lines][-2:] == ["251", ""]
    assert command.main([str(sweep)]) == 0  # its own files are no runs
    assert "9 runs" in capsys.readouterr().out


def test_where_the_tables_go(sweep, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BOWS_OUTPUTS", str(tmp_path / "outputs"))
    write_run(tmp_path / "other" / "2026" / "a", corpus="e" * 64)
    assert command.main([str(sweep), str(tmp_path / "other")]) == 0
    said = capsys.readouterr().out
    assert "the runs have different corpora (2 of pydoc)" in said
    assert len(list((tmp_path / "outputs" / "reports").glob("*-collect/results.parquet"))) == 1
    assert command.main([str(sweep / "0"), "--output", str(tmp_path / "here")]) == 0
    assert "no setting was varied" in capsys.readouterr().out
    assert (tmp_path / "here" / "summary.csv").is_file()
    assert not (sweep / "results.parquet").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "there is no such folder"), ("", "it contains no run;"), ("hydra: {}", "it contains no run yet;")],
)
def test_nothing_to_collect(tmp_path, capsys, content, said):
    folder = tmp_path / "sweep"
    if content is not None:
        folder.mkdir()
        if content:
            (folder / "multirun.yaml").write_text(content)
    assert command.main([str(folder)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error
    with pytest.raises(SettingError):
        collect([folder])


@pytest.mark.parametrize(
    "content",
    [
        '{"jobs": [', '{"jobs": 3}', "[]", '{"jobs": [{"folder": "0"}]}', '{"jobs": [3]}', "\x00",
        '{"jobs": [{"folder": "../7", "overrides": [], "config": ""}]}',
    ],
)  # fmt: skip
def test_a_damaged_list_of_jobs_is_a_row(sweep, content, capsys):
    (sweep / "jobs.json").write_text(content)
    table = collect([sweep])
    assert rows(table, "run", "state")[0] == ("jobs.json", "damaged")
    assert table.column("run").to_pylist()[1:] == [str(number) for number in range(8)]  # the runs that are there count
    assert varied_settings(table) == {"model": ["linear", "tied"], "seed": [1, 2], "wd": [0, 2.5]}
    assert command.main([str(sweep)]) == 0
    (said,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("damaged")]
    assert "jobs.json: " in said
    assert "move it away" in said


def test_foreign_values_do_not_stop_it(tmp_path):
    run = write_run(
        tmp_path / "0", "wd=1", "seed=99999999999999999999", state=["x"], error={"a": 1}, seconds="long", versions=3
    )
    write_run(tmp_path / "1", "wd=2", "seed=1", summary={"huge": 10**400, "r2": 0.5})
    (tmp_path / "1" / "summary.json").write_text(
        '{"huge": 1' + 400 * "0" + ', "infinite": Infinity, "nan": NaN, "r2": 0.5}'
    )
    (run / ".hydra" / "config.yaml").write_text("wd: 2026-01-01\n3: {}\nseed: 99999999999999999999\n")
    (run / ".hydra" / "hydra.yaml").write_text("hydra: {runtime: {choices: {3: 4, model: [a]}}}")
    table = collect([tmp_path])
    assert rows(table, "run", "state") == [("0", "damaged"), ("1", "completed")]
    assert metrics(table) == ["r2"]
    assert table.column("seed").to_pylist() == [1e20, 1]


def test_a_run_without_metrics_has_a_row_and_no_summary(tmp_path):
    (write_run(tmp_path / "run", "wd=1") / "summary.json").write_text("{")
    table = collect([tmp_path / "run"])
    assert table.column("error").to_pylist() == ["summary.json is damaged: it is not JSON"]
    assert len(over_seeds(table)) == 0


def test_a_reader_who_leaves_while_lines_are_printed(sweep, monkeypatch):
    """With PYTHONUNBUFFERED each line is written at once: the error is that of the pipe, not of a file."""

    def leave(*_, file=None, **__):
        if file is None:
            raise BrokenPipeError

    monkeypatch.setattr("builtins.print", leave)
    with pytest.raises(BrokenPipeError):
        command.main([str(sweep)])


def test_a_reader_who_leaves_early(sweep, run_command):
    """As `python -m bows.collect <folder> | head -1`: quiet, and the tables are there."""
    for module, written in (("bows.collect", "summary.csv"), ("bows.report", "report.html")):
        folder = sweep if module == "bows.collect" else sweep / "0"
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            done = run_command([module, folder], stdout=pipe)
        assert (done.returncode, done.stderr) == (0, "")
        assert (folder / written).is_file()
