"""The held-out windows of a run, where its corpus can be opened as it lies: a page builds and downloads nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from bows.data.controls import with_control
from bows.data.corpus import Corpus, open_corpus
from bows.data.sources.synthetic import synthetic_corpus
from bows.data.windows import Windows, spread
from bows.errors import BowsError, DataError
from bows.reports.run_data import RunFolder

MOST_WINDOWS = 20_000
MOST_CELLS = 2_000_000  # words in windows, all windows together: what keeps the largest report quick
MOST_PERMUTED = 20_000_000  # cells of a corpus whose control is made again, in seconds
SYNTHETIC = "bows.data.factories.synthetic"


@dataclass(frozen=True)
class HeldOut:
    """Held-out windows, all of them or as many as are quick to read, evenly spaced."""

    present: csr_array
    """(N, V) float32 zeros and ones, words of a window ascending."""
    first_rows: np.ndarray
    """(N,) the row of the split that each window begins with."""
    window: int
    """Rows a window."""
    count: int
    """Of all held-out windows."""
    words: int
    """V."""

    @property
    def taken(self) -> int:
        """N."""
        return len(self.present.indptr) - 1

    @property
    def said(self) -> str:
        """How many windows these are, in a phrase."""
        return (
            f"all {self.taken:,} held-out windows"
            if self.taken == self.count
            else f"{self.taken:,} of {self.count:,} held-out windows, evenly spaced"
        )


def held_out(run: RunFolder) -> HeldOut:
    """The held-out windows that a run was measured on.

    Raises:
        DataError: for a classifier of pairs, which has none; or where the corpus is not there any more, is damaged, or is another one.
    """
    if run.of_pairs:
        raise DataError("a classifier of pairs reads no windows of words")
    data = run.group("data")
    if "_target_" not in data:
        raise DataError("the run's configuration does not say what its data are")
    if data["_target_"] != SYNTHETIC and not {"window", "stride"} <= set(data):
        raise DataError("the run's configuration does not say what its windows are")
    corpus_hash = str(run.job.status.get("corpus") or "")
    if not corpus_hash:
        raise DataError("status.json does not say which corpus the run used")
    windows = _windows(run.folder.resolve().parent, json.dumps(data, sort_keys=True, default=str), corpus_hash)
    if windows.words != len(run.words):
        raise DataError(f"the corpus has {windows.words:,} words, the run {len(run.words):,}")
    return windows


@lru_cache(maxsize=2)  # the runs of a sweep end one after another, and most share their corpus
def _windows(beside: Path, settings: str, corpus_hash: str) -> HeldOut:
    data = json.loads(settings)
    corpus = _synthetic(data) if data["_target_"] == SYNTHETIC else _of_text(beside, data, corpus_hash)
    if corpus.hash != corpus_hash:
        raise DataError("the corpus has changed since the run was trained")
    rows, stride = (1, 1) if data["_target_"] == SYNTHETIC else (int(data["window"]), int(data["stride"]))
    windows = Windows(corpus.split("validation"), len(corpus.vocabulary), rows, stride, "validation")
    cells = windows.density() * windows.words
    numbers = spread(len(windows), min(MOST_WINDOWS, max(1, int(MOST_CELLS / max(cells, 1)))))
    bags = windows.sparse(numbers)
    present = csr_array(
        (np.ones(len(bags.columns), np.float32), bags.columns.numpy(), bags.offsets.numpy()), (len(bags), windows.words)
    )
    return HeldOut(present, windows.first_rows(numbers).numpy(), rows, len(windows), windows.words)


def _synthetic(data: dict[str, Any]) -> Corpus:
    try:
        given = {name: data[name] for name in signature(synthetic_corpus).parameters}
        return with_control(lambda: synthetic_corpus(**given), data.get("shuffle"), data.get("rewire"), data["seed"])()
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"the data cannot be made again ({error!r}); the run is of another version of bows") from error


def _of_text(beside: Path, data: dict[str, Any], corpus_hash: str) -> Corpus:
    """The corpus on disk with this hash, or the one that its control makes of a corpus on disk."""
    controls = data.get("shuffle"), data.get("rewire")
    for folder, stored in _corpora(beside, data):
        if stored == corpus_hash:
            return open_corpus(folder)
        if any(controls) and folder.name.startswith(f"{data.get('name')}-"):
            corpus = _permuted(folder, data)
            if corpus is not None and corpus.hash == corpus_hash:
                return corpus
    raise DataError(f"the corpus {data.get('name')} is not in the folder corpora beside the run any more")


def _permuted(folder: Path, data: dict[str, Any]) -> Corpus | None:
    try:
        corpus = open_corpus(folder)
    except DataError:  # damaged: not the one that is looked for
        return None
    if sum(len(bags.indices) for bags in corpus.splits.values()) > MOST_PERMUTED:
        raise DataError("the control of so large a corpus is not made again for a page")
    try:
        return with_control(lambda: corpus, data.get("shuffle"), data.get("rewire"), data["seed"])()
    except BowsError:  # of another vocabulary
        return None


def _corpora(beside: Path, data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Corpus folders with their hashes: of the folder that the settings name, and of `corpora` beside the folders above the run."""
    named = str(data.get("folder") or "")
    roots = [] if not named or "${" in named else [Path(named)]
    roots += [above / "corpora" for above in (beside, *beside.parents)][:6]
    for root in dict.fromkeys(root.absolute() for root in roots):
        for manifest in sorted(root.glob("*/manifest.json")):
            try:
                yield manifest.parent, str(json.loads(manifest.read_text(encoding="utf-8"))["hash"])
            except (OSError, ValueError, KeyError, TypeError):  # not a corpus; others may be
                continue
