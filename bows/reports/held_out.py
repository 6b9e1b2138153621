"""The held-out windows of a run, from its corpus on disk: a report builds and downloads nothing."""

import json
from dataclasses import dataclass
from functools import lru_cache
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from bows.data.controls import with_control
from bows.data.corpus import Bags, Corpus
from bows.data.sources.synthetic import synthetic_corpus
from bows.data.stored import stored_corpus
from bows.data.windows import spread, windows_of
from bows.errors import DataError
from bows.runs.folder import RunFolder

MOST_WINDOWS = 20_000
MOST_CELLS = 2_000_000  # words in windows, all windows together: keeps the largest report quick
MOST_PERMUTED = 20_000_000  # cells of a corpus whose control can be made again in seconds


@dataclass(frozen=True)
class HeldOut:
    """N held-out windows of `window` rows, all `count` of them or an evenly spaced sample; V is `words`."""

    present: csr_array
    """(N, V) float32 zeros and ones, words of a window ascending."""
    first_rows: np.ndarray
    """(N,) the row of the split that each window begins with."""
    rows: Bags
    """The words of each row of the split."""
    window: int
    count: int
    words: int

    @property
    def taken(self) -> int:
        """N."""
        return len(self.present.indptr) - 1

    @property
    def description(self) -> str:
        """The number of windows, in a phrase."""
        sample = f"{self.taken:,} of {self.count:,} held-out windows, evenly spaced"
        return f"all {self.taken:,} held-out windows" if self.taken == self.count else sample


def is_synthetic(run: RunFolder) -> bool:
    """Return whether a run's data are synthetic bags: they have a structure instead of a text."""
    return "structure" in run.group("data")


def held_out(run: RunFolder) -> HeldOut:
    """Return the held-out windows on which a run was evaluated.

    Raises:
        DataError: The run is of a pair classifier, which has none; or its corpus is gone, damaged, or another one.
    """
    if run.of_pairs:
        raise DataError("a pair classifier reads no windows of words")
    data = run.group("data")
    if run.of_vectors and not data:
        raise DataError("word vectors without documents; data=<option> measures them with their co-occurrence")
    if "_target_" not in data:
        raise DataError("the run's configuration does not contain its data")
    if not is_synthetic(run) and not {"window", "stride"} <= set(data):
        raise DataError("the run's configuration does not contain its windows")
    corpus_hash = str(run.status.get("corpus") or "")
    if not corpus_hash:
        raise DataError("status.json does not contain the corpus of the run")
    settings = json.dumps(data, sort_keys=True, default=str)
    windows = _windows(run.folder.resolve().parent, settings, corpus_hash, run.status.get("stored_corpus"))
    if windows.words != len(run.vocabulary):
        raise DataError(f"the corpus has {windows.words:,} words, the run {len(run.vocabulary):,}")
    return windows


@lru_cache(maxsize=2)  # the runs of a sweep end one after another, and most share their corpus
def _windows(above: Path, settings: str, corpus_hash: str, base_hash: str | None) -> HeldOut:
    data = json.loads(settings)
    synthetic = "structure" in data
    corpus = _synthetic(data) if synthetic else stored_corpus(above, data, corpus_hash, base_hash, MOST_PERMUTED)
    if corpus.hash != corpus_hash:
        raise DataError("the corpus has changed since the run was trained")
    rows, stride = (1, 1) if synthetic else (int(data["window"]), int(data["stride"]))
    windows = windows_of(corpus, "validation", rows, stride)
    cells = windows.density() * windows.words
    numbers = spread(len(windows), min(MOST_WINDOWS, max(1, int(MOST_CELLS / max(cells, 1)))))
    bags = windows.sparse(numbers)
    present = csr_array(
        (np.ones(len(bags.columns), np.float32), bags.columns.numpy(), bags.offsets.numpy()), (len(bags), windows.words)
    )
    return HeldOut(
        present, windows.first_rows(numbers).numpy(), corpus.split("validation"), rows, len(windows), windows.words
    )


def _synthetic(data: dict[str, Any]) -> Corpus:
    try:
        given = {name: data[name] for name in signature(synthetic_corpus).parameters}
        return with_control(lambda: synthetic_corpus(**given), data)()
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"the data cannot be made again ({error!r}); the run is of another version of bows") from error
