"""The pages' commands run for real: in a copy of the project with the pages' own files in it, on small texts, by one warm process."""

import csv
import json
import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from glob import glob
from pathlib import Path

import pytest
from bows_docs.blocks import marked

from ..support.commands import CommandServer, environment

REPOSITORY = Path(__file__).resolve().parents[2]


def patched(text: str, hunk: list[str]) -> str:
    """A text with a hunk of a diff applied: its lines must stand in the text, together, once."""
    before = "\n".join(line[1:] for line in hunk if line[:1] in " -")
    after = "\n".join(line[1:] for line in hunk if line[:1] in " +")
    assert text.count(before) == 1, f"the page's diff does not fit: {text.count(before)} places have\n{before}"
    return text.replace(before, after)


def apply(diff: str, folder: Path) -> None:
    file, hunk = Path(), []
    for line in [*diff.splitlines(), "@@"]:
        if line.startswith(("@@", "---", "+++")):
            if hunk:
                file.write_text(patched(file.read_text(encoding="utf-8"), hunk), encoding="utf-8")
            hunk = []
            if line.startswith("+++ b/"):
                file = folder / line.removeprefix("+++ b/")
        else:
            hunk.append(line)


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """A copy of the project with the files and changes in it that the pages on bringing one's own show."""
    folder = tmp_path_factory.mktemp("project")
    for part in ("bows", "conf"):
        shutil.copytree(REPOSITORY / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for block in marked("file"):
        path = folder / block.marks["file"]
        assert not path.exists(), f"{block.page.name}: {block.marks['file']} is there already"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text + "\n", encoding="utf-8")
    for block in marked("patch"):
        apply(block.text, folder)
    return folder


# What makes a command small, behind all that it says itself.
TEXT = ["data.vocab_size=200", "data.window=4", "data.min_chars=20", "data.batch_size=16", "latent=4", "epochs=1"]
SYNTHETIC = ["data.train_rows=300", "data.validation_rows=100", "epochs=2"]
TOYS = {
    "experiment=paper/city_map": ["data.train_pairs=2000", "data.validation_pairs=500", "epochs=1"],
    "experiment=paper/modular_addition": ["epochs=1"],
    "data=files": TEXT,
    "data=circular": SYNTHETIC,
    "data=iid": SYNTHETIC,
}
MEASURED = ["analysis.permutations=19", "analysis.null_permutations=19", "analysis.figures=false"]


@dataclass
class Done:
    code: int
    output: str

    @property
    def folder(self) -> Path:
        """The folder that a run or a sweep prints last."""
        return Path(self.output.strip().splitlines()[-1])


class Commands:
    """Runs commands of bows in a folder. server: has imported the code that they run."""

    measured = MEASURED

    def __init__(self, server: CommandServer, folder: Path):
        self.server, self.folder, self.project = server, folder, server.source
        kept = {name: value for name, value in environment().items() if not name.startswith("BOWS_")}
        self.environment = kept | {"BOWS_OUTPUTS": str(folder / "outputs")}

    def __call__(self, *words: str) -> Done:
        """Run `python -m <words>`."""
        with tempfile.TemporaryFile("w+") as output:
            started = self.server.popen(words, stdout=output, stderr=output, cwd=self.folder, env=self.environment)
            code = started.wait()
            output.seek(0)
            return Done(code, output.read())

    @staticmethod
    def toy(words: list[str]) -> list[str]:
        """A command at toy size."""
        if words[0] == "bows.analyze":
            return [*words, *MEASURED]
        if words[0] == "bows.reproduce":
            return [*words, "--no-train"]
        if words[0] not in ("bows.train", "bows.corpus") or any(word.startswith("resume=") for word in words):
            return words
        chosen = [small for word, small in TOYS.items() if word in words]
        small = chosen[0] if chosen else ["data=files", "data.train=my.txt", *TEXT]
        if words[0] == "bows.corpus":
            return [*words, *(word for word in small if word.startswith("data"))]
        logger = [] if any(word.startswith("logger=") for word in words) else ["logger=none"]
        return [*words, *small, *MEASURED, *logger]


@pytest.fixture(scope="session")
def commands(project, tmp_path_factory) -> Iterator[Commands]:
    """Runs commands in a folder that has the texts of which the pages speak."""
    folder = tmp_path_factory.mktemp("pages")
    for name, seed in (("my.txt", 0), ("other.txt", 1), ("held_out.txt", 2)):
        (folder / name).write_text("".join(f"{row}\n" for row in rows(400, seed)), encoding="utf-8")
    with (folder / "letters.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["number", "body"], *enumerate(rows(400, 3))])
    server = CommandServer(project)
    yield Commands(server, folder)
    server.close()


class Places:
    """What the pages' stand-ins for folders stand for; each is made where it is first asked for."""

    def __init__(self, commands: Commands):
        self.commands = commands
        self.makers = {
            "outputs/runs/<date>/<run>": lambda: self.run,
            "outputs/runs/<date>/<broken-run>": lambda: self.broken_run,
            "outputs/sweeps/<date>/<time>": lambda: self.sweep,
        }

    @cached_property
    def run(self) -> Path:
        """Of a text, with analysis=full."""
        words = ["data=files", "data.train=my.txt", *TEXT, "epochs=3", "lr=1e-2", "analysis=full", *MEASURED]
        done = self.commands("bows.train", *words, "logger=none")
        assert done.code == 0, done.output
        return done.folder

    @property
    def broken_run(self) -> Path:
        """One that was never finished, since whoever resumes it finishes it."""
        folder = Path(tempfile.mkdtemp(prefix="broken-", dir=self.run.parent))
        shutil.copytree(self.run, folder, dirs_exist_ok=True)
        status = json.loads((folder / "status.json").read_text(encoding="utf-8"))
        (folder / "status.json").write_text(json.dumps(status | {"state": "failed"}), encoding="utf-8")
        return folder

    @cached_property
    def sweep(self) -> Path:
        folder = self.commands.folder / "outputs" / "sweeps" / "a" / "sweep"
        words = ["data=circular", *SYNTHETIC, "seed=0,1", "logger=none", f"hydra.sweep.dir={folder}"]
        done = self.commands("bows.train", "-m", *words)
        assert done.code == 0, done.output
        return folder

    def standing(self, words: list[str]) -> list[str]:
        """A command with folders in the place of what stands for them."""
        for stand_in, maker in self.makers.items():
            if any(stand_in in word for word in words):
                words = [word.replace(stand_in, str(maker())) for word in words]
        assert "<" not in " ".join(words), "a stand-in that the tests do not know"
        # As a shell does with `0-*`.
        return [each for word in words for each in (sorted(glob(word)) if word.endswith("*") else [word])]


@pytest.fixture(scope="session")
def places(commands) -> Places:
    return Places(commands)


MONTHS = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"
]  # fmt: skip
SEASONS = ["snow", "frost", "ice", "flower", "rain", "seed", "beach", "harvest", "sun", "leaf", "wind", "fog"]
WEAVING = ["loom", "warp", "weft", "shuttle", "heddle", "spindle", "bobbin", "yarn", "treadle", "reed"]


def rows(count: int, seed: int) -> list[str]:
    """Rows about a month, with words of its season and words of no season. Words of each kind are of many frequencies: what is drawn at
    random beside the months is drawn among words as frequent as they are."""
    generator = random.Random(seed)
    others = [*WEAVING, *(f"word{first}{second}" for first in "abcdefghijklm" for second in "nopqrstuvwxyz")]
    common = [1 + 5 * place / len(others) for place in range(len(others))]
    found = []
    for number in range(count):
        place = number / 7
        near = [round(place + generator.gauss(0, 1)) % 12 for _ in range(5)]
        words = [MONTHS[month] for month in near if generator.random() < 0.2 + 0.065 * month]
        words += [SEASONS[round(place + generator.gauss(0, 1)) % 12] for _ in range(4)]
        words += generator.choices(others, common, k=24)
        generator.shuffle(words)
        found.append(" ".join(words))
    return found
