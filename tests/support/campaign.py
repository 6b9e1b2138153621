"""Inject faults into commands, and compare what they leave with what an undisturbed command leaves."""

import json
import os
import random
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet

from .commands import HUNG, CommandServer, environment

SCRIPT = Path(__file__).with_name("inject.py")
# Metrics of this machine and this hour; files that only help to resume, or are locks, logs and reports with times in them.
OF_THE_MACHINE = "speed/"
NOT_COMPARED = {
    "checkpoints",
    "wandb",
    "analysis",
    "figures",
    "report.html",
    ".lock",
    ".jobs.lock",
    "status.json",
    "jobs.json",
}


TEXT = ["data=files", "data.min_chars=0", "data.vocab_size=30", "data.window=2"]
SETTINGS = [*TEXT, "latent=4", "epochs=3", "logger=none", "trainer.threads=1", "trainer.checkpoint_every_steps=5"]


class Ended:
    """How a command ended: its exit code, negative for a signal, and what it printed."""

    def __init__(self, code: int, out: str, err: str):
        self.code, self.out, self.err = code, out, err

    @property
    def error(self) -> str:
        """The one line of its error; the command must have ended with one, and with no traceback."""
        assert "Traceback" not in self.err, self.err
        assert self.code in (1, 2), (self.code, self.err)
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.err
        return lines[0]


class Faults:
    """Runs commands in which a fault happens, and counts them.

    Args:
        server: Forks the commands.
        folder: Of this test: texts, outputs.
        seed: Of the draws.
    """

    def __init__(self, server: CommandServer, folder: Path, seed: str):
        self.server, self.folder = server, folder
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()

    def run(self, words: Sequence[str | Path], kind: str = "user", number: int = 0, **env: str) -> Ended:
        """Run a command with a fault of inject.py. What it prints goes through pipes, which are on no disk."""
        outer, inner = [], []
        for _ in range(2):
            reader, writer = os.pipe()
            outer.append(reader)
            inner.append(writer)
        variables = environment(BOWS_OUTPUTS=str(self.folder / "outputs"), **env)
        asked = [SCRIPT, kind, str(number), self.folder / "events", *words]
        command = self.server.popen(asked, stdout=inner[0], stderr=inner[1], env=variables)
        for writer in inner:
            os.close(writer)
        texts = [_drain(reader) for reader in outer]
        return Ended(command.wait(HUNG), *texts)

    def events(self, words: Sequence[str | Path]) -> int:
        """Return the number of events of a command, which is run to its end."""
        done = self.run(words, "count")
        assert done.code == 0, done.err
        return int((self.folder / "events").read_text())

    def fault(self, words: Sequence[str | Path], kind: str, number: int, what: str, **env: str) -> Ended:
        """Inject a fault, count it, and check that the command ended well, was killed, or ended in one line."""
        done = self.run(words, kind, number, **env)
        self.counts["faults injected"] += 1
        self.counts[what] += 1
        self.counts["tracebacks"] += "Traceback" in done.err
        assert "Traceback" not in done.err, done.err
        if kind in ("kill", "tear") and done.code < 0:
            assert done.code in (-signal.SIGKILL, -signal.SIGXFSZ), done.err
            self.counts["processes killed"] += 1
        elif done.code:
            assert_names_a_remedy(done.error)
            self.counts["ended in one line with a remedy"] += 1
        else:
            self.counts["ended well in spite of the fault"] += 1
        return done


def _drain(reader: int) -> str:
    with os.fdopen(reader, "rb") as file:
        return file.read().decode(errors="replace")


def assert_names_a_remedy(line: str) -> None:
    """Check that an error names a file or a folder, and states a remedy after a semicolon."""
    assert "/" in line or ".json" in line, line
    assert ";" in line, line


def contents(folder: Path) -> dict[str, object]:
    """Return what a folder of results contains, by the path of each file, without what time and machine decide."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not NOT_COMPARED & set(inside.parts) and path.suffix not in (".log", ".lock"):
            found[str(inside)] = content(path)
    return found


def content(path: Path) -> object:
    """Return the content of a file of results in a form that equal results have in common."""
    if path.name in ("results.csv", "results.parquet", "summary.csv", "summary.parquet"):
        return True  # tables of a sweep, made of the files of its runs: that they are there and can be read
    if path.name == "metrics.csv":
        options = pyarrow.csv.ConvertOptions(null_values=[""], strings_can_be_null=True)
        table = pyarrow.csv.read_csv(path, convert_options=options)
        # As float32: the last bits of a double depend on how many members a stack trains at once.
        columns = {name: table.column(name) for name in table.column_names if _is_of_the_work(name)}
        columns = {name: each.cast("float32") if each.type == "double" else each for name, each in columns.items()}
        return sorted((name, each.to_pylist()) for name, each in columns.items())
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path).to_pydict()
    if path.name == "manifest.json":
        return {name: value for name, value in _json(path).items() if name not in ("build", "checksum")}
    if path.name == "summary.json":
        return {name: np.float32(value) for name, value in _json(path).items() if _is_of_the_work(name)}
    if path.suffix == ".yaml":
        return True  # names the folder, and a resumed run's has resume=
    return path.read_bytes()


def _json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def _is_of_the_work(metric: str) -> bool:
    return not metric.startswith(OF_THE_MACHINE)


def assert_equal(folder: Path, expected: dict[str, object]) -> None:
    """Check that a folder contains what an undisturbed command left, bit by bit."""
    found = contents(folder)
    missing, extra = sorted(expected.keys() - found), sorted(found.keys() - expected)
    assert not missing + extra, f"missing: {missing}, extra: {extra}"
    for name, value in expected.items():
        assert repr(found[name]) == repr(value), f"{name} differs: {_differing(found[name], value)}"


def _differing(found: object, expected: object) -> object:
    """Return the columns of a table that differ, as pairs; of other content nothing."""
    if not isinstance(found, list) or not isinstance(expected, list):
        return ""
    tables = dict(found), dict(expected)
    return {
        name: [table.get(name) for table in tables]
        for name in tables[0] | tables[1]
        if repr(tables[0].get(name)) != repr(tables[1].get(name))
    }


DAMAGES = ("cut", "flip", "garbage", "empty")


def damage(path: Path, kind: str, draw: random.Random) -> None:
    """Damage a file: cut it, flip a bit, replace it by random bytes, or empty it."""
    held = bytearray(path.read_bytes())
    if kind == "cut":
        held = held[: draw.randrange(len(held))]
    elif kind == "flip":
        held[draw.randrange(len(held))] ^= 1 << draw.randrange(8)
    elif kind == "garbage":
        held = bytearray(draw.randbytes(max(len(held), 16)))
    else:
        held = bytearray()
    path.write_bytes(held)


def contract_files(folder: Path) -> list[str]:
    """Return the files that a run, a sweep or a corpus consists of, as a real folder has them: one of each kind of figure, no logs."""
    kinds: dict[tuple, str] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and path.suffix not in (".log", ".lock", ".html") and not path.name.endswith(".lock"):
            kinds.setdefault((inside.parent, path.suffix) if "figures" in inside.parts else (inside,), str(inside))
    return list(kinds.values())


def copied(folder: Path, target: Path) -> Path:
    """Copy a folder, in place of what is there."""
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(folder, target))


def open_folder() -> Path:
    """Make a temporary folder that other users may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="bows-faults-"))
    folder.chmod(0o755)
    return folder


def corpus_command(faults: Faults, outputs: Path) -> list[str]:
    return ["bows.corpus", *TEXT, f"data.train={faults.folder / 'text.txt'}", f"outputs={outputs}"]


def train_command(faults: Faults, outputs: Path) -> list[str]:
    words = [*SETTINGS, f"data.train={faults.folder / 'text.txt'}", f"outputs={outputs}"]
    return ["bows.train", *words, f"hydra.run.dir={outputs / 'run'}"]


def sweep_command(faults: Faults, outputs: Path, launcher: str) -> list[str]:
    words = [*SETTINGS, "analysis=none", f"data.train={faults.folder / 'text.txt'}", f"outputs={outputs}"]
    return ["bows.train", "-m", *words, "wd=0,1", f"hydra/launcher={launcher}"]


def jobs(outputs: Path) -> dict[str, Path]:
    """Return the folders of the jobs of the newest sweep, by their names."""
    sweep = max((outputs / "sweeps").glob("*/*"))
    return {path.parent.name: path.parent for path in sweep.glob("*/status.json")}
