"""Building a corpus: rows stream in by chunks, words are spilled to disk, the vocabulary is chosen, bags are written.

Text is read once. Each chunk's words go to a temporary folder as positions in the chunk's own list of distinct words, beside
that list with its counts; memory holds one chunk and a bounded table of counts, whatever the corpus's size. Once the vocabulary
is known, each chunk's positions are mapped to it. The folder is written under a temporary name, and renamed when whole.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from filelock import AcquireReturnProxy, FileLock, Timeout

from bows.data.chunk_store import Spill
from bows.data.corpus import Corpus, open_corpus, write_manifest
from bows.data.tokenize import WordRules, split_words
from bows.data.vocabulary import Vocabulary, WordList, choose_vocabulary, listed_vocabulary
from bows.errors import BowsError, DataError

log = logging.getLogger(__name__)

CHUNK_BYTES = 16 << 20


@dataclass(frozen=True)
class Text:
    """Rows of text by split: for each split a function that streams (rows,) string arrays; and what to record of the source."""

    splits: dict[str, Callable[[], Iterator[pa.Array]]]
    facts: Callable[[], dict]


def open_or_build(
    root: Path,
    name: str,
    key: str,
    text: Callable[[], Text],
    rules: WordRules,
    vocab_size: int,
    include: list[str],
    val_fraction: float,
    listed: WordList | None = None,
) -> Corpus:
    """The corpus in `root/<name>-<key>`: opened where it is whole, built from `text()` otherwise.

    Its vocabulary is the words of `listed` where that is given (`vocab_size` and `include` do not apply then). One process builds,
    others that ask meanwhile wait and use what it built. A folder that fails its checksums is rebuilt, with a warning. Raises
    DataError where text cannot be read or the folder cannot be written.
    """
    folder = root / f"{name}-{key}"
    if folder.is_dir():
        # It was renamed into place when whole: it can be opened without the lock, also where nothing may be written.
        try:
            return open_corpus(folder)
        except (DataError, OSError) as error:
            log.debug("%s: looked at again under the lock", error)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _lock(root / f".{name}-{key}.lock", name):
            if folder.exists():
                try:
                    return open_corpus(folder)
                except DataError as error:
                    log.warning("%s: rebuilding it", str(error).partition(";")[0])
                    shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
            for left_over in root.glob(f".{name}-{key}.building-*"):
                shutil.rmtree(left_over)
            temporary = root / f".{name}-{key}.building-{os.getpid()}"
            try:
                temporary.mkdir()
                _build(temporary, name, text(), rules, vocab_size, include, val_fraction, listed)
                temporary.rename(folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            return open_corpus(folder)
    except BowsError:
        raise
    except OSError as error:
        raise DataError(
            f"corpus folder {folder}: cannot be written ({error.strerror or error}); free space or permissions, or choose another "
            f"folder with outputs=<folder>"
        ) from error


def _lock(path: Path, name: str) -> AcquireReturnProxy:
    lock = FileLock(path)
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        log.info("waiting for another process that builds the corpus %s", name)
        return lock.acquire()


def _build(
    folder: Path,
    name: str,
    text: Text,
    rules: WordRules,
    vocab_size: int,
    include: list[str],
    val_fraction: float,
    listed: WordList | None,
) -> None:
    started = time.perf_counter()
    spills: dict[str, Spill] = {}
    for split, stream in text.splits.items():
        spill = spills[split] = Spill(folder / "spill" / split)
        for rows in by_size(stream(), CHUNK_BYTES):
            spill.add(split_words(rows, rules), rows.nbytes)
        if not spill.rows:
            raise DataError(f"data: the {split} split of {name} has no rows; give text with at least one row")
    parts = {split: (spill, 0, spill.rows) for split, spill in spills.items()}
    if "validation" not in parts:
        spill = spills["train"]
        cut = spill.rows - max(1, round(spill.rows * val_fraction))
        if cut < 1:
            raise DataError(
                f"data: {spill.rows} row is too little to hold out validation rows; give data.validation or more text"
            )
        parts = {
            "train": (spill, 0, cut),
            "validation": (spill, cut, spill.rows),
            **{k: v for k, v in parts.items() if k != "train"},
        }

    spill, rows = spills["train"], parts["train"][2]
    if listed is None:
        vocabulary = _chosen(name, spill, rows, rules, vocab_size, include)
        given = {}
    else:
        vocabulary = _given(name, spill, rows, rules, listed)
        given = {"vocabulary": {"file": listed.file, "absent": len(vocabulary.absent)}}

    (folder / "vocabulary.txt").write_text("".join(f"{word}\n" for word in vocabulary.words), encoding="utf-8")
    counts = {}
    for split, (spill, first, last) in parts.items():
        entries = spill.write_bags(folder / split, vocabulary.words, first, last)
        counts[split] = {
            "rows": last - first,
            "entries": entries,
            "density": entries / (last - first) / len(vocabulary.words),
        }
    shutil.rmtree(folder / "spill")
    seconds = time.perf_counter() - started
    size = sum(spill.bytes for spill in spills.values())
    write_manifest(
        folder,
        name=name,
        words=len(vocabulary.words),
        splits=counts,
        source=text.facts(),
        rules={
            "min_chars": rules.min_chars,
            "lowercase": rules.lowercase,
            "numbers": rules.numbers,
            "stop_words": len(rules.stop_words),
        },
        **given,
        word_counts=dict(zip(vocabulary.words[:100], vocabulary.counts[:100].tolist(), strict=True)),
        build={
            "text_bytes": size,
            "seconds": round(seconds, 3),
            "megabytes_per_second": round(size / 1e6 / seconds, 2),
        },
        versions=_versions(),
    )


def _chosen(name: str, spill: Spill, rows: int, rules: WordRules, vocab_size: int, include: list[str]) -> Vocabulary:
    """The most frequent words and those of `include`; says where there are fewer than asked for."""
    vocabulary = choose_vocabulary(spill, rows, vocab_size, include)
    if not vocabulary.words:
        raise DataError(
            f"data: no words in the training rows of {name}: of {spill.rows} rows none of data.min_chars={rules.min_chars} "
            "or more characters holds a word; lower data.min_chars or give other text"
        )
    if vocabulary.absent:
        log.warning("data.include: not in the training rows, left out: %s", ", ".join(vocabulary.absent))
    if len(vocabulary.words) < vocab_size:
        log.warning(
            "data.vocab_size=%d: the training rows hold only %d words; using all of them",
            vocab_size,
            len(vocabulary.words),
        )
    return vocabulary


def _given(name: str, spill: Spill, rows: int, rules: WordRules, listed: WordList) -> Vocabulary:
    """The words of a list; says how many of them occur."""
    vocabulary = listed_vocabulary(spill, rows, listed)
    size, occurring = len(listed.words), len(listed.words) - len(vocabulary.absent)
    folded = ""
    if rules.lowercase:
        words = pa.array(listed.words, pa.string())
        if capitals := pc.sum(pc.not_equal(pc.utf8_lower(words), words)).as_py():
            folded = f"; data.lowercase=true folds the text, so {capitals:,} with capitals cannot"
    if not occurring:
        raise DataError(
            f"data.vocabulary={listed.file}: none of its {size:,} words occurs in the training rows of {name} of "
            f"data.min_chars={rules.min_chars} or more characters{folded}; give other text, or a list of its words"
        )
    log.info("%s of %s words of %s occur in the training rows%s", f"{occurring:,}", f"{size:,}", listed.file, folded)
    return vocabulary


def by_size(stream: Iterator[pa.Array], size: int) -> Iterator[pa.Array]:
    """Join and cut a stream of string arrays so that each is of about `size` bytes, and no larger than one row must be."""
    held: list[pa.Array] = []
    held_bytes = 0
    for rows in stream:
        pieces = max(1, min(len(rows), rows.nbytes // size))
        step = -(-len(rows) // pieces) if len(rows) else 1
        for first in range(0, len(rows), step):
            piece = rows.slice(first, step)
            held.append(piece)
            held_bytes += piece.nbytes
            if held_bytes >= size:
                yield pa.concat_arrays(held)
                held, held_bytes = [], 0
    if held:
        yield pa.concat_arrays(held)


def _versions() -> dict[str, str]:
    import platform

    import bows

    return {
        "bows": bows.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
    }
