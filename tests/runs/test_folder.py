"""One reader of run folders: strict for commands, lenient for reports, and one line for every kind of damage."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
import torch
import yaml
from omegaconf import OmegaConf
from pyarrow import parquet
from safetensors.torch import save_file

from bows.cli.resume import resume_from_folder
from bows.errors import BowsError, DataError, SettingError
from bows.files import read_json
from bows.runs.discover import find_jobs
from bows.runs.folder import find_run, read_run
from bows.runs.readers import resolve
from bows.runs.status import RunStatus
from bows.runs.table import collect
from bows.runs.weights import read_weights

WORDS = ["snow", "frost", "rain", "sun"]


@pytest.fixture
def run(tmp_path) -> Path:
    folder = tmp_path / "run"
    (folder / ".hydra").mkdir(parents=True)
    (folder / "figures").mkdir()
    config = {
        "seed": 3, "wd": 2.0, "latent": 2,
        "data": {"_target_": "bows.data.options.pydoc", "name": "pydoc", "seed": "${seed}"},
        "model": {"_target_": "bows.model.tied.Tied", "latent": "${latent}"},
        "optimizer": {"weight_decay": "${wd}"},
    }  # fmt: skip
    (folder / ".hydra/config.yaml").write_text(yaml.safe_dump(config))
    (folder / ".hydra/overrides.yaml").write_text("- wd=2\n- seed=3\n")
    (folder / ".hydra/hydra.yaml").write_text("hydra: {runtime: {choices: {model: linear, hydra/launcher: basic}}}\n")
    (folder / "status.json").write_text(json.dumps({"state": "completed", "error": None, "versions": {"bows": "0.1"}}))
    (folder / "summary.json").write_text('{"reconstruction/r2": 0.5}')
    (folder / "vocabulary.txt").write_text("".join(f"{word}\n" for word in WORDS))
    (folder / "metrics.csv").write_text("step,epoch,train/loss,val\n1,0,0.5,\n2,0,odd,0.25\n3,0,0.")
    parquet.write_table(pa.table({"word": WORDS, "r2": [0.0, 1, 2, 3]}), folder / "words.parquet")
    save_file({"encoder.weight": torch.ones(2, 4), "decoder.bias": torch.zeros(4)}, folder / "model.safetensors")
    (folder / "figures/a.png").write_bytes(b"")
    return folder


def test_a_whole_run_is_read(run):
    for read in (find_run(run), read_run(run)):
        assert read.config["data"] == {"_target_": "bows.data.factories.pydoc", "name": "pydoc", "seed": 3}
        assert read.stored_config["data"]["seed"] == "${seed}"
        assert (read.state, read.error, read.summary) == ("completed", "", {"reconstruction/r2": 0.5})
        assert (read.model, read.label, read.version) == ("linear", "linear wd=2", " (0.1)")
        assert (read.overrides, read.choices) == (["wd=2", "seed=3"], {"model": "linear"})
        assert read.vocabulary == WORDS
        assert read.words_table.column("r2").to_pylist() == [0, 1, 2, 3]
        assert read.weights.encoder.shape == (2, 4)
        assert read.weights.decoder is None
        assert [path.name for path in read.figures] == ["a.png"]
        assert not read.of_pairs


FILES = {
    "summary.json": lambda read: read.problems, "words.parquet": lambda read: read.words_table, "metrics.csv": lambda read: read.history,
    "vocabulary.txt": lambda read: read.vocabulary, "model.safetensors": lambda read: read.weights,
    ".hydra/config.yaml": lambda read: read.problems, ".hydra/overrides.yaml": lambda read: read.problems,
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_no_longer_has_its_checksum_is_reported_by_whoever_reads_it(run, name):
    RunStatus.start(run, resumed=False).write("completed")
    assert read_run(run).problems == []
    content = bytearray((run / name).read_bytes())
    content[len(content) // 2] ^= 1
    (run / name).write_bytes(content)
    line = f"{name} is damaged: its checksum is not the one in status.json"
    read = read_run(run)
    try:
        found = " ".join(map(str, FILES[name](read)))
    except DataError as error:
        found = str(error)
    assert line in found
    if name in (".hydra/config.yaml", ".hydra/overrides.yaml", "vocabulary.txt", "summary.json"):
        with pytest.raises(SettingError, match=r"its checksum is not the one in status.json; copy the run again"):
            find_run(run)


def test_files_of_a_run_that_has_not_ended_have_no_checksums(run):
    RunStatus.start(run, resumed=False)
    (run / "summary.json").write_text("{}")
    assert read_run(run).problems == []


def test_left_overs_of_killed_processes_are_removed_as_a_run_starts(run):
    ended = 2**22 + 1  # more than the highest number of a process
    for name in (f".summary.json.{ended}", f".last.ckpt.{ended}.tmp", f".report.html.{os.getppid()}", ".lock"):
        (run / name).touch()
    RunStatus.start(run, resumed=True)
    assert sorted(path.name for path in run.glob(".*")) == [".hydra", ".lock", f".report.html.{os.getppid()}"]


def test_the_history_is_read_but_for_what_is_damaged(run):
    read = read_run(run)
    assert read.incomplete_rows == 1
    assert read.history.to_pydict() == {"step": [1, 2], "epoch": [0, 0], "train/loss": [0.5, None], "val": [None, 0.25]}


@pytest.mark.parametrize(
    "config",
    [
        {"a": 1, "b": "${a}", "c": {"d": "${b}", "e": ["${c.d}", "x"], "f": "${c.e}"}, "g": "${c}"},
        {"out": "${oc.env:BOWS_X,here}", "folder": "${out}/corpora", "two": "${folder}-${n}", "n": None},
        {"c": {"d": 3, "e": "${.d}", "f": "${..a}"}, "a": "é", "t": True, "u": "${t}", "v": "x${u}"},
    ],
)
def test_interpolations_are_resolved_as_omegaconf_resolves_them(config):
    assert resolve(config) == OmegaConf.to_container(OmegaConf.create(config), resolve=True)


@pytest.mark.parametrize(
    "config", [{"a": "${b}"}, {"a": "${a}"}, {"a": "${b}", "b": "${a}"}, {"a": "${"}, {"a": "${a.b}"}]
)
def test_interpolations_without_a_value_are_one_line(config):
    with pytest.raises(DataError) as raised:
        resolve(config)
    assert "\n" not in str(raised.value)


DAMAGE = [b"", b"\0\1\2", b"{", b"[]", b"3", b"[" * 100_000, "é: [".encode("latin-1"), b"state: ${nowhere}\n", None]
SMALL = ["status.json", "summary.json", ".hydra/config.yaml", ".hydra/overrides.yaml", ".hydra/hydra.yaml"]
LARGE = {
    "vocabulary.txt": "vocabulary", "words.parquet": "words_table", "model.safetensors": "weights", "metrics.csv": "history",
}  # fmt: skip
WRONG = {"status.json": [b"{}", b'{"state": 5}', b'{"state": "done"}', b'{"state": ["completed"]}'],
         "summary.json": [b'{"a": "b"}', b'{"a": NaN}', b'{"a": {}}']}  # fmt: skip


def spoil(file: Path, content: bytes | None) -> None:
    file.unlink()
    if content is not None:
        file.write_bytes(os.urandom(2000) if content == b"\0\1\2" else content)


def error_of(call: Callable[[], object]) -> str | None:
    """The text of an expected error; any other error is raised."""
    try:
        call()
    except BowsError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", [*SMALL, *LARGE])
def test_damage_is_one_line_for_a_command_and_a_recorded_problem_for_a_report(run, name):
    for content in [*DAMAGE, *WRONG.get(name, [])]:
        spoil(run / name, content)
        refused = error_of(lambda: find_run(run))
        assert refused is None or refused.startswith(f"run={run}: ")
        read = read_run(run)
        _ = (read.config, read.model, read.label, read.group("data"), read.of_pairs, read.version)
        lines = [refused, read.error, *(error_of(partial(getattr, read, part)) for part in LARGE.values())]
        assert not any("\n" in line for line in lines if line)
        (row,) = collect([run]).to_pylist()
        assert row["state"] in ("completed", "missing", "damaged")
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_bytes(b"")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("status.json", b"[]", "status.json is damaged: it is not a JSON object"),
        ("status.json", b'{"state": 5}', "status.json is damaged: state is 5; allowed: running, completed, failed"),
        (".hydra/config.yaml", b"data: {name", ".hydra/config.yaml is damaged: it is not YAML"),
        (".hydra/config.yaml", b"[]", ".hydra/config.yaml is damaged: it contains no settings"),
        (".hydra/config.yaml", b"a: ${nowhere}", ".hydra/config.yaml cannot be resolved"),
        (".hydra/overrides.yaml", b"a: 1", ".hydra/overrides.yaml is damaged: it contains no settings"),
        ("vocabulary.txt", b"\xff\xfe", "its vocabulary.txt cannot be read"),
        ("model.safetensors", None, "the run folder lacks model.safetensors"),
        (".hydra/overrides.yaml", None, "the run folder lacks .hydra/overrides.yaml"),
    ],
)
def test_a_command_names_the_damaged_file_and_the_remedy(run, name, content, said):
    spoil(run / name, content)
    with pytest.raises(SettingError) as raised:
        find_run(run, "against")
    assert str(raised.value).startswith(f"against={run}: {said}")
    assert str(raised.value).endswith("copy the run again with all its files, or train again")


def test_the_problems_of_a_report_are_those_of_the_files(run):
    for name in (".hydra/config.yaml", "summary.json", ".hydra/overrides.yaml"):
        spoil(run / name, b"\0\1\2")
    spoil(run / ".hydra/hydra.yaml", None)  # as of a run that another tool began: nothing to state
    read = read_run(run)
    assert read.state == "completed"
    assert read.problems == [
        "summary.json is damaged: it is not JSON",
        ".hydra/config.yaml is damaged: it is not YAML",
        ".hydra/overrides.yaml is damaged: it is not YAML",
    ]
    assert read.model == "none"
    spoil(run / "vocabulary.txt", None)
    assert read.vocabulary == WORDS  # of words.parquet


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        (
            {"encoder.weight": torch.ones(2, 5), "decoder.bias": torch.zeros(5)},
            "is of 5 words, the run of 4: one of its",
        ),
        ({"decoder.bias": torch.zeros(4)}, "has no encoder.weight"),
        ({"encoder.weight": torch.full((2, 4), torch.nan), "decoder.bias": torch.zeros(4)}, "infinite or not numbers"),
    ],
)
def test_weights_that_do_not_fit_are_refused(run, tensors, said):
    save_file(tensors, run / "model.safetensors")
    with pytest.raises(DataError, match=said):
        _ = read_run(run).weights


def test_weights_that_this_user_may_not_read_are_not_missing(run, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"model.safetensors cannot be read \(Permission denied\)"):
        read_weights(run / "model.safetensors", 4)


@pytest.mark.parametrize("name", [".hydra/config.yaml", ".hydra/overrides.yaml", "status.json"])
def test_a_damaged_run_is_not_resumed(run, name):
    for content in [*DAMAGE[:-1], *WRONG.get(name, [])]:
        spoil(run / name, content)
        if name == "status.json":  # read when the run starts
            refused = error_of(lambda: RunStatus.start(run, resumed=True))
        else:
            refused = error_of(lambda: resume_from_folder([f"resume={run}"]))
        assert refused is not None
        assert str(run / name) in refused or "was made with" in refused
        assert "\n" not in refused


def test_a_run_of_another_state_or_kind_is_refused(run):
    for status, said in (
        ({"state": "failed", "error": "diverged"}, f"not finished .*failed: diverged.* resume={run}"),
        ({"state": "running"}, "not finished .*running"),
    ):
        (run / "status.json").write_text(json.dumps(status))
        with pytest.raises(SettingError, match=said):
            find_run(run)
    with pytest.raises(SettingError, match="there is no such folder"):
        find_run(run / "nowhere")
    with pytest.raises(SettingError, match="not a run folder"):
        find_run(run / "figures")


def test_random_bytes_everywhere_stop_no_table(run, tmp_path):
    for name in SMALL:
        spoil(run / name, b"\0\1\2")
    (tmp_path / "jobs.json").write_bytes(b"")
    jobs = find_jobs([tmp_path])
    assert [(job.folder.name, job.state) for job in jobs] == [("jobs.json", "damaged"), ("run", "damaged")]
    assert "move it away" in jobs[0].error


@pytest.mark.parametrize("content", DAMAGE)
def test_json_that_is_no_object_is_one_error(tmp_path, content):
    file = tmp_path / "file.json"
    file.write_bytes(b"")
    spoil(file, content)
    with pytest.raises(BowsError) as raised:
        read_json(file)
    assert str(raised.value).startswith(f"{file} is ")
    assert "\n" not in str(raised.value)
