"""Read a matrix of word vectors, and its words, from a file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bows.errors import DataError, SettingError

KINDS = ".safetensors, .npy, .npz, .parquet, or text (one word and its numbers per line: .txt, .vec, .glove)"
TEXT = {".txt", ".vec", ".glove", ".w2v", ""}
REFUSED = {".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib"}
AS_SAFETENSORS = "store the matrix as .safetensors or .npy"


class Stored(NamedTuple):
    """The content of a file of vectors."""

    matrix: np.ndarray
    """(V, m) float32."""
    words: list[str] | None
    """V words; None where the file has none."""


def read_matrix(path: Path, tensor: str | None = None) -> Stored:
    """Read a matrix of any of KINDS.

    Args:
        path: The file.
        tensor: The name of the tensor, array or column in it; None where it has only one.

    Raises:
        SettingError: There is no such file or tensor, or the file is a pickle.
        DataError: The file is damaged, or it contains no matrix of numbers.
    """
    if not path.is_file():
        raise SettingError(f"matrix={path}: there is no such file; give one of {KINDS}")
    kind = path.suffix.lower()
    if kind in REFUSED:
        raise SettingError(f"matrix={path}: a pickle is not read, as it could run code; {AS_SAFETENSORS}")
    readers = {".safetensors": _safetensors, ".npy": _npy, ".npz": _npz, ".parquet": _parquet}
    if kind not in readers and kind not in TEXT:
        raise SettingError(f"matrix={path}: files of the kind {kind} are not read; allowed: {KINDS}")
    try:
        stored = readers[kind](path, tensor) if kind in readers else read_text(path)
    except (SettingError, DataError):
        raise
    except Exception as error:  # of as many kinds as there are libraries that read the file
        if "allow_pickle" in str(error):
            raise SettingError(
                f"matrix={path}: its array holds Python objects, a pickle, which is not read as it could run code; {AS_SAFETENSORS}"
            ) from None
        raise DataError(f"matrix={path}: cannot be read ({' '.join(str(error).split())}); copy it again") from None
    if np.iscomplexobj(stored.matrix):
        raise DataError(f"matrix={path}: its numbers are complex; real numbers are needed: store their real part")
    if stored.matrix.ndim != 2 or 0 in stored.matrix.shape:
        raise DataError(
            f"matrix={path}: the shape is {tuple(stored.matrix.shape)}; a matrix (words, dimensions) is needed"
        )
    return stored


def read_words(path: Path) -> list[str]:
    """Read words, one per line, or from JSON: a list, or a mapping of each word to its row."""
    if not path.is_file():
        raise SettingError(f"words={path}: there is no such file; give a text file with one word per line")
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix != ".json":
            return text.removesuffix("\n").split("\n")
        content = json.loads(text)
        words = sorted(content, key=lambda word: content[word]) if isinstance(content, dict) else content
        return [str(word) for word in words]
    except (OSError, ValueError) as error:
        raise DataError(f"words={path}: cannot be read ({error}); it must be UTF-8 text or JSON") from None
    except TypeError:  # JSON of another kind
        raise DataError(
            f"words={path}: its JSON is neither a list of words nor a mapping of each word to its row; give one of the two"
        ) from None


def _chosen(names: list[str], tensor: str | None, path: Path, default: str | None = None) -> str:
    if tensor is None and default is None and len(names) == 1:
        return names[0]
    chosen = tensor or default
    if chosen not in names:
        fault = "there is no such tensor in" if tensor else "name one of the tensors of"
        raise SettingError(f"tensor={tensor or 'null'}: {fault} {path}; it has {', '.join(sorted(names)) or 'none'}")
    return chosen


def _safetensors(path: Path, tensor: str | None) -> Stored:
    from safetensors import safe_open  # needed for this kind of file only

    with safe_open(path, "pt") as file:
        matrices = [name for name in file.keys() if len(file.get_slice(name).get_shape()) == 2]  # noqa: SIM118
        words = (file.metadata() or {}).get("words")
        found = file.get_tensor(_chosen(matrices, tensor, path)).float().numpy()
    return Stored(found, None if words is None else json.loads(words))


def _npy(path: Path, _: str | None) -> Stored:
    return Stored(_single(np.load(path, allow_pickle=False)), None)


def _npz(path: Path, tensor: str | None) -> Stored:
    with np.load(path, allow_pickle=False) as file:
        # Reading an array of objects raises ValueError.
        arrays = {name: file[name] for name in file.files}
    words = next((each.tolist() for each in arrays.values() if each.ndim == 1 and each.dtype.kind == "U"), None)
    matrices = [name for name, each in arrays.items() if each.ndim == 2]
    return Stored(_single(arrays[_chosen(matrices, tensor, path)]), words)


def _single(array: np.ndarray) -> np.ndarray:
    """Return an array in float32, values beyond its range as infinite; a complex one as it is."""
    with np.errstate(over="ignore"):
        return array if np.iscomplexobj(array) else array.astype(np.float32, copy=False)


def _parquet(path: Path, tensor: str | None) -> Stored:
    table = pq.read_table(path)
    words = table["word"].cast(pa.string()).fill_null("").to_pylist() if "word" in table.column_names else None
    lists = [
        field.name
        for field in table.schema
        if (pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type))
        and (pa.types.is_floating(field.type.value_type) or pa.types.is_integer(field.type.value_type))
    ]
    if tensor or lists:
        column = table[_chosen(lists, tensor, path)].combine_chunks()
        return Stored(np.stack(column.to_numpy(zero_copy_only=False)).astype(np.float32), words)
    columns = [table[name].to_numpy() for name in table.column_names if name != "word"]
    return Stored(np.stack(columns, 1).astype(np.float32), words)


def read_text(path: Path) -> Stored:
    """Read word2vec or GloVe text: a word and m numbers per line, with or without a first line "V m".

    Raises:
        DataError: A line has another number of values, as where the file was cut; it names the line.
    """
    words: list[str] = []
    rows: list[np.ndarray] = []
    announced, size = None, 0
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip(" \r\n")
            if number == 1 and len(parts := line.split()) == 2 and all(part.isdecimal() for part in parts):
                announced, size = int(parts[0]), int(parts[1])
                continue
            if not line:
                continue
            size = size or len(line.split()) - 1
            word, *values = line.rsplit(maxsplit=size)
            try:
                row = np.array(values, np.float32)
            except ValueError:
                row = np.empty(0)
            if len(row) != size or not size:
                raise DataError(
                    f"matrix={path}: line {number} has no word and {size} numbers; the file was cut there, or is no text: copy it again"
                )
            words.append(word.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
            rows.append(row)
    if announced is not None and announced != len(rows):
        raise DataError(
            f"matrix={path}: its first line announces {announced:,} words, and line {len(rows) + 1} is the last; copy it again"
        )
    return Stored(np.stack(rows) if rows else np.empty((0, 0), np.float32), words)


class WordVectors(NamedTuple):
    """Distinct words, each with a vector that is finite and not zero."""

    words: list[str]
    matrix: np.ndarray
    """(V, m) float32."""
    left_out: Mapping[str, int]
    """Why rows were left out -> how many."""


def usable(words: list[str | None], matrix: np.ndarray) -> WordVectors:
    """Leave out rows without a word, of values that are not finite, of zeros, and of a word that came before; count each."""
    finite_rows = set(np.flatnonzero(np.isfinite(matrix).all(1)).tolist())
    nonzero_rows = set(np.flatnonzero(matrix.any(1)).tolist())
    seen: set[str] = set()
    kept: list[int] = []
    left_out: dict[str, int] = {"not a whole word": 0, "not finite": 0, "zero": 0, "duplicate": 0}
    for row, word in enumerate(words):
        reason = None
        if not word:
            reason = "not a whole word"
        elif row not in finite_rows:
            reason = "not finite"
        elif row not in nonzero_rows:
            reason = "zero"
        elif word in seen:
            reason = "duplicate"
        if reason:
            left_out[reason] += 1
        else:
            seen.add(str(word))
            kept.append(row)
    return WordVectors([str(words[row]) for row in kept], matrix[kept], left_out)
