"""Build a corpus: rows stream in by chunks, words are stored on disk, the vocabulary is chosen, bags are written.

Text is read once. Each chunk's words go to a temporary folder as positions in the chunk's own list of distinct words; memory holds a
few chunks, the table of distinct tokens and a bounded table of counts, whatever the size of the corpus. Once the vocabulary is known,
each chunk's positions are mapped to it. The folder is written under a temporary name and renamed when it is whole.
"""

import logging
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from filelock import AcquireReturnProxy, Timeout

from bows import __version__
from bows.data.chunk_store import ChunkStore, map_in_order
from bows.data.corpus import Bags, Corpus, held_out_words, open_corpus, write_manifest
from bows.data.tokenize import TokenChunk, Tokenizer, WordRules, split_tokens
from bows.data.vocabulary import Vocabulary, WordList, choose_vocabulary, listed_vocabulary
from bows.errors import BowsError, DataError
from bows.files import file_lock
from bows.spelling import fold

log = logging.getLogger(__name__)

# Text is split at white space in pieces of this size, each by one thread: the distinct tokens of a piece fit the processor's cache,
# which makes it twice as fast as with 20 MB.
PIECE_BYTES = 5 << 20

SAMPLE_CHARACTERS = 300


@dataclass(frozen=True)
class Text:
    """Rows of text by split: for each split a function that streams (rows,) string arrays; and what to record of the source."""

    splits: dict[str, Callable[[], Iterator[pa.Array]]]
    facts: Callable[[], dict]


@dataclass(frozen=True)
class CorpusPlan:
    """What shapes a corpus besides its text.

    Attributes:
        name: of the corpus and, with the key, of its folder.
        key: a hash of all that shapes the corpus.
        rules: what counts as a word.
        vocab_size: words of the vocabulary.
        include: words of the vocabulary wherever they occur.
        val_fraction: share of the training rows held out where there is no validation text.
        listed: the words of the vocabulary; `vocab_size` and `include` do not apply then.
    """

    name: str
    key: str
    rules: WordRules
    vocab_size: int
    include: list[str] = field(default_factory=list)
    val_fraction: float = 0.1
    listed: WordList | None = None


def open_or_build(root: Path, plan: CorpusPlan, text: Callable[[], Text]) -> Corpus:
    """Open the corpus in `root/<name>-<key>` where it is whole; build it from `text()` otherwise.

    One process builds, others that ask meanwhile wait and use what it built. A folder that fails its checksums is rebuilt, with a
    warning.

    Raises:
        DataError: text cannot be read, or the folder cannot be written.
    """
    own = f"{plan.name}-{plan.key}"
    folder = root / own
    if folder.is_dir():
        # It was renamed into place when whole: it can be opened without the lock, also where nothing may be written.
        try:
            return open_corpus(folder)
        except (DataError, OSError) as error:
            log.debug("%s: checking again under the lock", error)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _lock(root / f".{own}.lock", plan.name):
            if folder.exists():
                try:
                    return open_corpus(folder)
                except DataError as error:
                    log.warning("%s: rebuilding it", str(error).partition(";")[0])
                    shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
            for left_over in root.glob(f".{own}.building-*"):
                shutil.rmtree(left_over)
            temporary = root / f".{own}.building-{os.getpid()}"
            try:
                temporary.mkdir()
                _build(temporary, plan, text())
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
    lock = file_lock(path)
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        log.info("waiting for another process that builds the corpus %s", name)
        return lock.acquire()


def _build(folder: Path, plan: CorpusPlan, text: Text) -> None:
    started = time.perf_counter()
    tokenizer = Tokenizer(plan.rules)
    stores: dict[str, ChunkStore] = {}
    samples = {}
    for split, stream in text.splits.items():
        store = stores[split] = ChunkStore(folder / "chunks" / split)
        samples[split] = _store_words(stream(), tokenizer, store)
        if not store.rows:
            raise DataError(f"data: the {split} split of {plan.name} has no rows; give text with at least one row")
    parts = _split_rows(stores, plan)
    store, _, rows = parts["train"]
    vocabulary, given = (_chosen if plan.listed is None else _given)(store, rows, plan)

    (folder / "vocabulary.txt").write_text("".join(f"{word}\n" for word in vocabulary.words), encoding="utf-8")
    counts = {}
    for split, (store, first, last) in parts.items():
        entries = store.write_bags(folder / split, vocabulary.words, first, last)
        counts[split] = {
            "rows": last - first,
            "entries": entries,
            "density": entries / (last - first) / len(vocabulary.words),
        }
    held_out = Bags(
        *(np.load(folder / "validation" / f"{array}.npy", mmap_mode="r") for array in ("indptr", "indices"))
    )
    shutil.rmtree(folder / "chunks")
    seconds = time.perf_counter() - started
    size = sum(store.bytes for store in stores.values())
    rules = plan.rules
    write_manifest(
        folder,
        name=plan.name,
        words=len(vocabulary.words),
        splits=counts,
        held_out_words=held_out_words(held_out, len(vocabulary.words)),
        source=text.facts(),
        rules={
            "min_chars": rules.min_chars,
            "lowercase": rules.lowercase,
            "numbers": rules.numbers,
            "stop_words": len(rules.stop_words),
            "words": rules.words.identity,
        },
        **given,
        tokens=tokenizer.facts(),
        sample=samples["train"],
        word_counts=dict(zip(vocabulary.words[:100], vocabulary.counts[:100].tolist(), strict=True)),
        build={
            "text_bytes": size,
            "seconds": round(seconds, 3),
            "megabytes_per_second": round(size / 1e6 / seconds, 2),
        },
        versions=_versions(),
    )


def _store_words(stream: Iterator[pa.Array], tokenizer: Tokenizer, store: ChunkStore) -> dict | None:
    """Write the words of a stream of rows, chunk by chunk. Return one row with its words, None where no row among the first has any."""
    sample = None

    def pieces() -> Iterator[pa.Array]:
        nonlocal sample
        for rows in by_size(stream, PIECE_BYTES):
            sample = sample or _sample(rows, tokenizer.rules)
            yield rows

    def tokens_of(rows: pa.Array) -> tuple[TokenChunk, int]:
        return split_tokens(rows, tokenizer.rules.min_chars), rows.nbytes

    for tokens, size in map_in_order(tokens_of, pieces()):
        store.add(tokenizer.words(tokens), size)
    return sample


def _sample(rows: pa.Array, rules: WordRules) -> dict | None:
    """Return the beginning of the first row that has words, and those words; None where the first rows have none."""
    long_enough = rows.filter(pc.greater_equal(pc.utf8_length(rows), max(rules.min_chars, 1)))
    for row in long_enough[:20].to_pylist():
        text = row[:SAMPLE_CHARACTERS].rpartition(" ")[0] if len(row) > SAMPLE_CHARACTERS else row
        if words := rules.words_of(text):
            return {"row": text, "words": words}
    return None


def _split_rows(stores: dict[str, ChunkStore], plan: CorpusPlan) -> dict[str, tuple[ChunkStore, int, int]]:
    """Return the store, the first row and the end of each split; without validation text the last training rows are held out."""
    parts = {split: (store, 0, store.rows) for split, store in stores.items()}
    if "validation" in parts:
        return parts
    store = stores["train"]
    cut = store.rows - max(1, round(store.rows * plan.val_fraction))
    if cut < 1:
        raise DataError(
            f"data: {store.rows} row is too little to hold out validation rows; give data.validation or more text"
        )
    held_out = {"train": (store, 0, cut), "validation": (store, cut, store.rows)}
    return held_out | {split: part for split, part in parts.items() if split != "train"}


def _chosen(store: ChunkStore, rows: int, plan: CorpusPlan) -> tuple[Vocabulary, dict]:
    """Choose the most frequent words and those of `include`, and warn where there are fewer than asked for."""
    vocabulary = choose_vocabulary(store, rows, plan.vocab_size, plan.include)
    if not vocabulary.words:
        raise DataError(
            f"data: no words in the training rows of {plan.name}: of {rows} training rows none of data.min_chars={plan.rules.min_chars} "
            "or more characters holds a word; lower data.min_chars or give other text"
        )
    if vocabulary.absent:
        log.warning(
            "data.include (by default days, months and planets): not in the training rows, left out: %s",
            ", ".join(vocabulary.absent),
        )
    if len(vocabulary.words) < plan.vocab_size:
        log.warning(
            "data.vocab_size=%d: the training rows hold only %d words; using all of them",
            plan.vocab_size,
            len(vocabulary.words),
        )
    return vocabulary, {}


def _given(store: ChunkStore, rows: int, plan: CorpusPlan) -> tuple[Vocabulary, dict]:
    """Take the words of the list, and log how many of them occur."""
    listed, rules = plan.listed, plan.rules
    assert listed is not None
    vocabulary = listed_vocabulary(store, rows, listed)
    size, occurring = len(listed.words), len(listed.words) - len(vocabulary.absent)
    folded = ""
    if rules.lowercase:
        capitals = sum(fold(word, rules.words.turkish_i) != word for word in listed.words)
        folded = f"; data.lowercase=true folds the text, so {capitals:,} with capitals cannot" if capitals else ""
    if not occurring:
        raise DataError(
            f"data.vocabulary={listed.file}: none of its {size:,} words occurs in the training rows of {plan.name} of "
            f"data.min_chars={rules.min_chars} or more characters{folded}; give other text, or a list of its words"
        )
    log.info("%s of %s words of %s occur in the training rows%s", f"{occurring:,}", f"{size:,}", listed.file, folded)
    return vocabulary, {"vocabulary": {"file": listed.file, "absent": len(vocabulary.absent)}}


def by_size(stream: Iterable[pa.Array], size: int) -> Iterator[pa.Array]:
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
                yield held[0] if len(held) == 1 else pa.concat_arrays(held)
                held, held_bytes = [], 0
    if held:
        yield held[0] if len(held) == 1 else pa.concat_arrays(held)


def _versions() -> dict[str, str]:
    return {
        "bows": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
    }
