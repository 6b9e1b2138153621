"""What is measured. Each measure runs in a process of its own, so that its peak memory is its own."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bows.bench.pages import pages
from bows.bench.sweeps import Row, synthetic_sweep, text_sweep

TEXT_MEGABYTES = 40
WHOLE_MEGABYTES = 540
FEATURES, LATENT, BATCH, WINDOW = 10_000, 1000, 512, 20


def corpus() -> list[Row]:
    """Text to arrays on disk, beside CountVectorizer on the same text, each on one core."""
    import pyarrow as pa
    from sklearn.feature_extraction.text import CountVectorizer

    from bows.bench.text import write_text

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text.txt"
        write_text(path, TEXT_MEGABYTES)
        megabytes = path.stat().st_size / 1e6
        # Once on a little text first: the first use of datasets imports for seconds, whatever the corpus's size.
        small = Path(folder) / "small.txt"
        write_text(small, 0.1)
        _build(small, Path(folder) / "warm")
        ours, theirs = [], []
        for turn in range(5):
            began = time.perf_counter()
            _build(path, Path(folder) / f"built-{turn}")
            ours.append(megabytes / (time.perf_counter() - began))
            began = time.perf_counter()
            with path.open(encoding="utf-8") as file:
                CountVectorizer(
                    max_features=FEATURES, lowercase=False, stop_words="english", binary=True
                ).fit_transform(file)
            theirs.append(megabytes / (time.perf_counter() - began))
    return [
        ("corpus build, best of 5", max(ours), "MB/s"),
        ("CountVectorizer, best of 5, taken in turn", max(theirs), "MB/s"),
        ("corpus build / CountVectorizer", max(ours) / max(theirs), "times (at least 3)"),
        ("the same, median of the turns", float(np.median(np.divide(ours, theirs))), "times"),
    ]


def large() -> list[Row]:
    """A file of WikiText-103's size: memory and speed of building it."""
    from bows.bench.text import write_text
    from bows.training.callbacks.throughput import peak_memory_bytes

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text.txt"
        # Written by another process, so that this one's peak memory is the build's.
        subprocess.run([sys.executable, "-c", _WRITE, str(path), str(WHOLE_MEGABYTES)], check=True)
        small = Path(folder) / "small.txt"
        write_text(small, 0.1)
        _build(small, Path(folder) / "warm")
        before = peak_memory_bytes()
        began = time.perf_counter()
        built = _build(path, Path(folder) / "built")
        seconds = time.perf_counter() - began
        rows = sum(bags.rows for bags in built.splits.values())
    peak = peak_memory_bytes()
    return [
        ("whole-size text", path_megabytes := built.facts["build"]["text_bytes"] / 1e6, "MB"),
        ("rows", rows, ""),
        ("build", seconds, "s"),
        ("build speed", path_megabytes / seconds, "MB/s"),
        ("peak memory", peak / 1e6, "MB (at most 2000)"),
        ("growth over a small build", (peak - before) / 1e6, "MB (at most 1000)"),
    ]


_WRITE = "import sys; from pathlib import Path; from bows.bench.text import write_text; write_text(Path(sys.argv[1]), float(sys.argv[2]))"


def _build(path: Path, root: Path):
    from bows.data.factories import files

    settings = {
        "name": "bench", "folder": str(root), "vocab_size": FEATURES, "window": WINDOW, "stride": 1, "min_chars": 50,
        "lowercase": False, "numbers": 100, "stop_words": "english", "include": [], "val_fraction": 0.1,
        "batch_size": BATCH, "validation_windows": None, "seed": 0,
    }  # fmt: skip
    return files(train=str(path), validation=None, test=None, column="text", **settings).corpus


def step() -> list[Row]:
    """A training step through Lightning beside its five matrix products alone, taken in turn."""
    import torch

    from bows.analysis.geometry import geometry
    from bows.bench.text import make_corpus
    from bows.bench.timing import time_training
    from bows.training.callbacks.throughput import peak_memory_bytes

    made = make_corpus(FEATURES, BATCH * 40, words_a_row=34)
    chosen = time_training(made, LATENT, BATCH, WINDOW)
    peak = peak_memory_bytes()
    dense = time_training(made, LATENT, BATCH, WINDOW, dense=True)
    encoder = torch.randn(LATENT, FEATURES)
    looks = []
    for _ in range(3):
        began = time.perf_counter()
        geometry(encoder, None, {"ring": list(range(12))}, 9999, 0)
        looks.append(time.perf_counter() - began)
    one, alone, batch = (float(np.median(kept)) for kept in (chosen.steps, chosen.products, chosen.batches))
    return [
        ("words a window", chosen.filled, f"of {FEATURES}"),
        ("five dense products alone", alone * 1e3, "ms"),
        (f"step through Lightning, {'sparse' if chosen.sparse else 'dense'} bags", one * 1e3, "ms"),
        ("step / products", one / alone, "times (at most 1.0)"),
        ("the same on dense bags", float(np.median(dense.steps) / np.median(dense.products)), "times (at most 1.25)"),
        ("data share of a step", batch / one, "(at most 0.10)"),
        ("windows a second", BATCH / one, ""),
        ("peak memory", peak / 1e6, "MB"),
        ("one quick look at the geometry", float(np.median(looks)) / one, "steps"),
    ]


def start() -> list[Row]:
    """A command with a built corpus, from nothing to the end of its first step, imports included."""
    command = [
        sys.executable,
        "-m",
        "bows.train",
        "epochs=1",
        "trainer.limit_train_batches=1",
        "analysis=none",
        "logger=none",
    ]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "BOWS_OUTPUTS": folder}
        seconds = []
        for _ in range(2):
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, env=environment)
            seconds.append(time.perf_counter() - began)
    return [
        ("first start: corpus built, one step, run folder written", seconds[0], "s"),
        ("second start: corpus opened, one step, run folder written", seconds[1], "s (first step within 10)"),
    ]


def analysis() -> list[Row]:
    """analysis=full on 20,000 held-out windows at V = 10,000, m = 1000, and on a small model."""
    small_seconds, _ = _time_analysis(words=2000, latent=32, windows=1000, words_a_row=10, window=3)
    seconds, memory = _time_analysis(FEATURES, LATENT, windows=20_000, words_a_row=34, window=WINDOW)
    return [
        ("analysis=full, V = 2,000, m = 32, 1,000 windows", small_seconds, "s (at most 3)"),
        ("analysis=full, V = 10,000, m = 1000, 20,000 windows", seconds, "s (at most 60)"),
        ("its peak memory above corpus and model", memory / 1e6, "MB (at most 3000)"),
    ]


def _time_analysis(words: int, latent: int, windows: int, words_a_row: int, window: int) -> tuple[float, int]:
    import torch

    from bows.analysis.ordered_sets import whole_sets
    from bows.bench.text import make_corpus
    from bows.data.datamodule import BagsDataModule
    from bows.evaluation.evaluate import measure
    from bows.model.tied import Tied
    from bows.training.callbacks.throughput import peak_memory_bytes

    settings, categories = _full_analysis(words)
    rows = windows + window - 1
    corpus = make_corpus(words, rows, words_a_row, validation_rows=rows)
    corpus.vocabulary[: len(categories)] = categories
    data = BagsDataModule(lambda: corpus, window, 1, BATCH, seed=0)
    torch.manual_seed(0)
    model = Tied(words, latent)
    sets = whole_sets(settings.sets, corpus.vocabulary)
    before = peak_memory_bytes()
    began = time.perf_counter()
    measure(model, data, sets, settings, 0, torch.device("cpu"))
    return time.perf_counter() - began, peak_memory_bytes() - before


def _full_analysis(words: int):
    """The settings of analysis=full, and as many of its words as a vocabulary of this size has room for, so that all is measured."""
    from hydra import compose, initialize_config_dir

    from bows.config.paths import CONF
    from bows.config.resolve import plain
    from bows.config.schema import Analysis

    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = Analysis(**plain(compose("train", ["analysis=full", "outputs=."]))["analysis"])
    categories = [str(words).split() for words in settings.categories.values()]
    named = [word for words in (*settings.sets.values(), *categories) for word in words]
    return settings, list(dict.fromkeys(named))[: words // 2]


def scanner() -> list[Row]:
    """The search for rings nobody named, at V = 10,000, m = 1000."""
    import torch

    from bows.analysis.shape_search import scan
    from bows.bench.text import zipf
    from bows.training.callbacks.throughput import peak_memory_bytes

    generator = torch.Generator().manual_seed(0)
    encoder = torch.randn(LATENT, FEATURES, generator=generator)
    # Twelve words on a ring around a direction they share, so that there is something to find.
    angles = torch.arange(12) * 2 * torch.pi / 12
    ring = torch.zeros(LATENT, 12)
    ring[0], ring[1], ring[2] = angles.cos(), angles.sin(), 1.0
    encoder[:, 100:112] = ring * LATENT**0.5
    vocabulary = [f"word{number}" for number in range(FEATURES)]
    before = peak_memory_bytes()
    began = time.perf_counter()
    found = scan(encoder, vocabulary, 1 - (1 - zipf(FEATURES)) ** 500, seed=0)
    seconds = time.perf_counter() - began
    rows = [row for row in found.to_pylist() if row["kind"] == "ring" and len(row["words"]) == 12 and row["q"] < 0.05]
    return [
        ("scan of V = 10,000, m = 1000", seconds, "s (at most 120)"),
        ("planted rings found, of 1", len(rows), ""),
        ("peak memory above the model", (peak_memory_bytes() - before) / 1e6, "MB (at most 3000)"),
    ]


MEASURES: dict[str, Callable[[], list[Row]]] = {
    "corpus": corpus,
    "step": step,
    "start": start,
    "analysis": analysis,
    "scanner": scanner,
    "synthetic_sweep": synthetic_sweep,
    "text_sweep": text_sweep,
    "pages": pages,
    "large": large,
}
USUAL = ["corpus", "step", "start", "analysis", "scanner"]
