"""Measure how fast and in how much memory a corpus is built, on real text where there is some."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from bows.bench.commands import Row
from bows.bench.text import write_text
from bows.data.factories import files as data_of_files
from bows.data.sources.text_files import find_files
from bows.training.callbacks.throughput import peak_memory_bytes

# Files of real text, as data.train takes them, several with commas between; without it text is generated.
VARIABLE = "BOWS_BENCH_TEXT"
TEXT_MEGABYTES = 40
WHOLE_MEGABYTES = 540
TURNS = 5
FEATURES = 10_000
# Written by another process, so that the peak memory of this one is the build's.
WRITE = "import sys; from pathlib import Path; from bows.bench.text import write_text; write_text(Path(sys.argv[1]), float(sys.argv[2]))"


def corpus() -> list[Row]:
    """Measure text to arrays on disk on one core and on all, and CountVectorizer on the same text."""
    from sklearn.feature_extraction.text import CountVectorizer  # the measure's alone

    cores = pa.cpu_count()
    pa.set_io_thread_count(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if given := os.environ.get(VARIABLE):
            files = find_files(VARIABLE, given.split(","))
        else:
            files = [folder / "text.txt"]
            write_text(files[0], TEXT_MEGABYTES)
        megabytes = sum(path.stat().st_size for path in files) / 1e6
        _warm_up(folder)
        ours, all_cores, theirs = [], [], []
        for _ in range(TURNS):
            pa.set_cpu_count(1)
            ours.append(megabytes / _build(files, folder / "built"))
            if cores > 1:
                pa.set_cpu_count(cores)
                all_cores.append(megabytes / _build(files, folder / "built"))
            rows = (row for path in files for row in path.read_text(encoding="utf-8").split("\n"))
            began = time.perf_counter()
            pattern = r"[^\W_]+(?:['’][^\W_]+)*"
            CountVectorizer(
                max_features=FEATURES, lowercase=False, stop_words="english", binary=True, token_pattern=pattern
            ).fit_transform(rows)
            theirs.append(megabytes / (time.perf_counter() - began))
    found: list[Row] = [
        ("text", megabytes, "MB of " + ("real text" if given else "generated text")),
        (f"corpus build on one core, best of {TURNS}", max(ours), "MB/s"),
        (f"CountVectorizer, best of {TURNS}, measured in turn", max(theirs), "MB/s"),
        ("corpus build / CountVectorizer", max(ours) / max(theirs), "times (at least 3)"),
        ("the same, median of the turns", float(np.median(np.divide(ours, theirs))), "times"),
    ]
    if all_cores:
        found.append((f"corpus build on {cores} cores, best of {TURNS}", max(all_cores), "MB/s"))
    return found


def large() -> list[Row]:
    """Measure memory and speed of building a file of WikiText-103's size."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = folder / "text.txt"
        subprocess.run([sys.executable, "-c", WRITE, str(path), str(WHOLE_MEGABYTES)], check=True)
        _warm_up(folder)
        before = peak_memory_bytes()
        megabytes = path.stat().st_size / 1e6
        seconds = _build([path], folder / "built")
    peak = peak_memory_bytes()
    return [
        ("text", megabytes, "MB"),
        ("build", seconds, "s"),
        ("build speed", megabytes / seconds, "MB/s"),
        ("peak memory", peak / 1e6, "MB (at most 2000)"),
        ("growth over a small build", (peak - before) / 1e6, "MB (at most 1000)"),
    ]


def _warm_up(folder: Path) -> None:
    """Build a little text: first uses import for seconds, whatever the size of the corpus."""
    write_text(folder / "small.txt", 0.1)
    _build([folder / "small.txt"], folder / "warm")


def _build(files: list[Path], root: Path) -> float:
    """Build a corpus, delete it, and return the seconds that building took."""
    data = data_of_files(
        train=[str(path) for path in files], validation=None, test=None, column="text", name="bench", folder=str(root),
        vocab_size=FEATURES, window=20, stride=1, min_chars=50, lowercase=False, numbers=100, stop_words="english",
        include=[], val_fraction=0.1, batch_size=512, validation_windows=None, seed=0,
    )  # fmt: skip
    began = time.perf_counter()
    _ = data.corpus
    seconds = time.perf_counter() - began
    shutil.rmtree(root)
    return seconds
