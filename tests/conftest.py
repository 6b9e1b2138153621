"""What all tests share: a sealed environment, small texts, and the real configuration composed."""

import gc
import math
import os
import random
from pathlib import Path

import hypothesis
import jaxtyping
import numpy as np
import pytest

# Shapes and types of arguments and results are checked against the annotations. Before anything imports these modules.
jaxtyping.install_import_hook(["bows.analysis", "bows.model", "bows.data.windows"], "beartype.beartype")

os.environ.setdefault("OMP_NUM_THREADS", "2")  # of processes that tests start

hypothesis.settings.register_profile("bows", deadline=None, max_examples=60, print_blob=True)
hypothesis.settings.load_profile("bows")

WIKITEXT = Path(__file__).resolve().parents[2] / "shared" / "data" / "wikitext-103"

# The files that take longest begin first, so that no process is left alone with one of them at the end.
LONGEST = [
    *(f"docs/test_{name}.py" for name in ("recipes", "own", "glossary", "notebook", "faq")),
    "sweep/test_launcher.py",
    "training/test_autoencoder.py",
    "training/stack/test_train_stack.py",
    "evaluation/test_analyze.py",
    "sweep/test_backends.py",
    "reports/test_run_browser.py",
    "training/test_pairs.py",
    "sweep/test_several_processes.py",
    "reports/test_sweep_browser.py",
    "config/test_validate.py",
    "reports/test_sweep.py",
]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Order the files; the tests of a file keep their order."""
    tests = Path(__file__).parent
    ranks = {tests / file: rank for rank, file in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def pytest_collection_finish():
    """Search for garbage among what tests make only: not among the million objects of the modules that collection imported."""
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give the tests of a file to one process, and to one process all tests that run commands of the documentation's copy of bows."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid).removeprefix("tests/")
            return "the documentation's copy" if file.startswith("docs/") and file in LONGEST else file

    return ByFile(config, log)


def pytest_configure(config):
    """Draw the seed of the fault campaign once, for all processes of pytest."""
    os.environ.setdefault("BOWS_FAULT_SEED", str(random.SystemRandom().randrange(1_000_000)))


def pytest_terminal_summary(terminalreporter):
    """Print what the fault campaign did: tests record counts as properties `fault: <name>`."""
    counts: dict[str, int] = {}
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        for name, value in getattr(report, "user_properties", []):
            if name.startswith("fault: ") and report.when == "teardown":
                counts[name.removeprefix("fault: ")] = counts.get(name.removeprefix("fault: "), 0) + value
    if counts:
        terminalreporter.section(f"faults (BOWS_FAULT_SEED={os.environ['BOWS_FAULT_SEED']})")
        for name, count in sorted(counts.items()):
            terminalreporter.write_line(f"{count:5}  {name}")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    import torch

    torch.set_num_threads(1)  # tests are tiny, and threads that wait for each other on a busy machine are slow


@pytest.fixture(autouse=True)
def sealed(monkeypatch, tmp_path_factory):
    """Nothing is written to the real outputs folder, and nothing goes online."""
    for name in list(os.environ):
        if name.startswith("WANDB_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", os.devnull)  # where a W&B key would lie
    monkeypatch.setenv("BOWS_OUTPUTS", str(tmp_path_factory.getbasetemp() / "outputs"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def text_file(tmp_path):
    """Writes rows, one a line, to a file in the test's folder."""

    def write(rows, name: str = "text.txt") -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
        return path

    return write


RING = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"
]  # fmt: skip


def topical_rows(count: int, seed: int = 0) -> list[str]:
    """Rows about a place on the ring of the months: a month near it, and words of its season. Some rows are empty or short."""
    generator = random.Random(seed)
    seasons = [
        ["snow", "frost", "fire"],
        ["flower", "rain", "seed"],
        ["beach", "harvest", "sun"],
        ["leaf", "wind", "fog"],
    ]
    rows = []
    for number in range(count):
        place = number / 7
        words = [RING[round(place + generator.gauss(0, 1)) % 12] for _ in range(3)]
        words += [generator.choice(seasons[math.floor(place / 3) % 4]) for _ in range(4)]
        words += [
            generator.choice(["people", "travel", "city", "water", "music", "country", "house"]) for _ in range(3)
        ]
        generator.shuffle(words)
        text = " ".join(words) + " ."
        rows.append(text if number % 10 else "" if number % 20 else " = Heading = ")
    return rows


@pytest.fixture(scope="session")
def tiny_text(tmp_path_factory) -> Path:
    """A .txt file of 400 rows with structure to learn: months on a ring, with words of their seasons."""
    path = tmp_path_factory.mktemp("text") / "tiny.txt"
    path.write_text("".join(f"{row}\n" for row in topical_rows(400)), encoding="utf-8")
    return path


# With tiny_text, a model that trains in a second.
SMALL = [
    "data.vocab_size=60", "data.window=4", "data.min_chars=20", "data.batch_size=16", "latent=4", "epochs=6", "lr=1e-2",
]  # fmt: skip


@pytest.fixture(scope="session")
def words(tiny_text) -> list[str]:
    """The settings of a small run on tiny_text."""
    return ["data=files", f"data.train={tiny_text}", *SMALL]


FILLER = [f"word{chr(97 + place // 26)}{chr(97 + place % 26)}" for place in range(150)]


@pytest.fixture(scope="session")
def wide_text(tmp_path_factory, tiny_text) -> Path:
    """The rows of tiny_text, each with six words of FILLER: random sets of words of like frequency need more words than tiny_text has."""
    path = tmp_path_factory.mktemp("text") / "wide.txt"
    drawn = np.random.default_rng(0)
    with path.open("w", encoding="utf-8") as file:
        for row in tiny_text.read_text(encoding="utf-8").splitlines():
            places = (150 * drawn.random(6) ** 2).astype(int)
            file.write(f"{row} {' '.join(FILLER[place] for place in places)}\n")
    return path


@pytest.fixture
def compose(tmp_path):
    """Composes conf/train.yaml with overrides, outputs in the test's folder, to a plain dict."""
    from hydra import compose, initialize_config_dir

    from bows.config.paths import CONF
    from bows.config.resolve import plain

    def composed(*overrides: str) -> dict:
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
            return plain(compose("train", [f"outputs={tmp_path / 'outputs'}", *overrides]))

    return composed


@pytest.fixture
def wikitext() -> tuple[Path, Path]:
    """WikiText-103's test and validation splits, in shared/data beside the repository."""
    files = WIKITEXT / "test.txt", WIKITEXT / "validation.txt"
    if not all(file.is_file() for file in files):
        pytest.skip(f"WikiText's files are not there: {WIKITEXT}")
    return files


@pytest.fixture(scope="session")
def composed():
    """Composes conf/<root>.yaml with overrides to a plain dict; the outputs are those of the overrides."""
    from hydra import compose, initialize_config_dir

    from bows.config.paths import CONF
    from bows.config.resolve import plain

    def compose_plain(root: str, *overrides: str) -> dict:
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
            return plain(compose(root, [*overrides]))

    return compose_plain


@pytest.fixture(scope="session")
def trained(composed):
    """Trains a run in this process, and writes what the command writes around it."""
    from hydra.utils import instantiate

    from bows.config.validate import check
    from bows.files import write_json
    from bows.training.run import train

    def train_run(folder: Path, *overrides: str) -> Path:
        config = composed("train", *overrides)
        folder.mkdir(parents=True)
        train(check(config), folder, None)
        (folder / ".hydra").mkdir()
        write_json(folder / ".hydra" / "config.yaml", config)  # JSON is YAML
        write_json(folder / ".hydra" / "overrides.yaml", list(overrides))
        corpus = instantiate(config["data"], _convert_="all").corpus
        write_json(folder / "status.json", {"state": "completed", "corpus": corpus.hash, "versions": {"bows": "0.1.0"}})
        return folder

    return train_run


@pytest.fixture(scope="session")
def look(composed):
    """Runs bows.analyze in this process into a folder, which it makes."""
    from bows.evaluation.analyze import analyze

    def analyze_run(folder: Path, *overrides: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        analyze(composed("analyze", *overrides), {word.partition("=")[0] for word in overrides}, folder)
        return folder

    return analyze_run


@pytest.fixture(scope="session")
def run_command():
    """Runs commands as `python -m` does, in forks of one process that has imported what they need."""
    from .support.commands import CommandServer

    server = CommandServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> Path:
    """The folder of outputs of all commands of a file of tests."""
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="session")
def run(run_command):
    """Runs a command of bows with outputs in a folder; no error of it may be a traceback."""

    def run_door(outputs: Path, *words: str, door: str = "train"):
        done = run_command([f"bows.{door}", *words, f"outputs={outputs}"])
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run_door
