"""A corpus: a vocabulary and, for each split, the bags of its rows, as arrays opened by memory map.

A corpus folder holds `manifest.json`, `vocabulary.txt` (one word a line, in index order) and, for each split,
`<split>/indptr.npy` (int64, rows + 1) and `<split>/indices.npy` (uint16, or uint32 above 65,536 words): the sorted vocabulary
indices of each row's distinct words. The manifest carries a SHA-256 of every file; a folder that does not match is never used.
"""

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bows.errors import DataError
from bows.files import file_digest

FORMAT_VERSION = 1
_ARRAYS = ("indptr", "indices")


@dataclass(frozen=True)
class Bags:
    """The bags of one split's rows: indptr (rows + 1,) int64 and indices (total,) sorted word indices of one row after another."""

    indptr: np.ndarray
    indices: np.ndarray

    @property
    def rows(self) -> int:
        return len(self.indptr) - 1

    def frequencies(self, words: int) -> np.ndarray:
        """(words,) int64: in how many rows each word occurs."""
        return np.bincount(self.indices, minlength=words)


@dataclass(frozen=True)
class Corpus:
    """A vocabulary (words in index order), the bags of each split by name, a hash of the content, and facts of the build."""

    name: str
    vocabulary: list[str]
    splits: dict[str, Bags]
    hash: str
    facts: dict = field(default_factory=dict)
    folder: Path | None = None
    apart: tuple[tuple[int, ...], int] | None = None
    """Words by index, and a number: windows with at least so many different ones of them are left out (data.remove)."""

    @property
    def stored_hash(self) -> str | None:
        """The hash of the folder on disk; of a control, that of the corpus it is made of; None for data that are never stored."""
        return self.facts.get("hash")

    def held_out_words(self) -> float:
        """Return the share of the vocabulary that the validation split contains, in [0, 1]."""
        return held_out_words(self.split("validation"), len(self.vocabulary))

    def split(self, name: str) -> Bags:
        if name not in self.splits:
            raise DataError(f"data: the corpus {self.name} has no split {name!r}; it has {', '.join(self.splits)}")
        return self.splits[name]


def held_out_words(bags: Bags, words: int) -> float:
    """Return the share of a vocabulary of `words` words that the bags contain, in [0, 1]."""
    return np.count_nonzero(bags.frequencies(words)) / words


def write_manifest(folder: Path, **facts) -> str:
    """Write `manifest.json` with the checksums of all files in the folder; returns the corpus's content hash."""
    files = {str(path.relative_to(folder)): file_digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    content = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    manifest = {"format": FORMAT_VERSION, "hash": content, **facts, "files": files}
    manifest["checksum"] = _checksum(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return content


def _checksum(manifest: dict) -> str:
    """Return the SHA-256 of a manifest without its own checksum."""
    rest = {name: value for name, value in manifest.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def derived(
    corpus: Corpus, splits: dict[str, Bags], name: str, made: dict, apart: tuple[tuple[int, ...], int] | None = None
) -> Corpus:
    """Return a corpus with other bags. Its hash is that of the new content and of how it was made, never the hash of `corpus` itself.

    Args:
        corpus: the corpus that it is made of.
        splits: the new bags.
        name: of the entry in its facts that states how it was made.
        made: how it was made, as values for JSON.
        apart: see Corpus.
    """
    content = hashlib.sha256(json.dumps([corpus.hash, made]).encode())
    for split, bags in splits.items():
        for part in (split.encode(), bags.indptr.data, bags.indices.data):
            content.update(part)
    return replace(corpus, splits=splits, hash=content.hexdigest(), facts={**corpus.facts, name: made}, apart=apart)


def open_corpus(folder: Path) -> Corpus:
    """Open a corpus folder by memory map, after checking every file against its checksum.

    Raises DataError, naming the file, where one is missing, truncated or edited.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        files, content, name = manifest["files"], manifest["hash"], manifest["name"]
        split_names = list(manifest["splits"])
        # Every array that a split needs is one whose checksum is known.
        _ = files["vocabulary.txt"], [files[f"{split}/{array}.npy"] for split in split_names for array in _ARRAYS]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"corpus folder {folder}: manifest.json is missing or damaged ({error}); delete the folder to rebuild"
        ) from None
    for file, digest in files.items():
        path = folder / file
        if not path.is_file() or file_digest(path) != digest:
            fault = "does not match its checksum" if path.is_file() else "is missing"
            raise DataError(f"corpus folder {folder}: {file} {fault}; delete the folder to rebuild it")
    if manifest.get("checksum") != _checksum(manifest):
        raise DataError(
            f"corpus folder {folder}: manifest.json was edited (its checksum does not match); delete the folder to rebuild it"
        )
    vocabulary = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    splits = {
        split: Bags(
            indptr=np.load(folder / split / "indptr.npy"),
            # Copy on write: shared with the page cache like a read-only map, and torch takes it without a copy or a warning.
            indices=np.load(folder / split / "indices.npy", mmap_mode="c"),
        )
        for split in split_names
    }
    return Corpus(name, vocabulary, splits, content, manifest, folder)
