"""Extract the embeddings of a language model's whole words from its folder, without running the model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bows.data.tokens import whole_words
from bows.data.vector_files import WordVectors, usable
from bows.errors import DataError, SettingError, UnavailableError

# Endings of the names of input embeddings in the models of transformers.
INPUT = ("embed_tokens.weight", "word_embeddings.weight", "wte.weight", "tok_embeddings.weight", "shared.weight")
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")


def model_folder(given: str) -> Path:
    """Return the folder of a model, that of a Hub id after a download of its weights and tokenizer.

    Raises:
        SettingError: There is no such folder, and it is no Hub id.
        UnavailableError: The download failed.
    """
    if Path(given).is_dir():
        return Path(given)
    if given.count("/") > 1 or given.startswith((".", "/", "~")):
        raise SettingError(
            f"{given}: there is no such folder; give a model folder or a Hub id, such as <owner>/<model>"
        )
    from huggingface_hub import snapshot_download  # start-up time: only for a Hub id

    wanted = ["*.safetensors", "*.safetensors.index.json", "pytorch_model*", "tokenizer.json"]
    try:
        return Path(snapshot_download(given, allow_patterns=wanted))
    except Exception as error:  # of the network, the Hub and its client
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnavailableError(f"{given}: could not be loaded from the Hub ({line}); give a model folder") from None


def tokens_of(folder: Path) -> dict[int, str]:
    """Return row -> token, of tokenizer.json."""
    try:
        from tokenizers import Tokenizer  # pyright: ignore[reportMissingImports] - an optional extra
    except ImportError:
        raise UnavailableError("bows.vectors needs tokenizers; install bows[lm]") from None
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise SettingError(f"{folder}: it has no tokenizer.json; save the tokenizer in its fast form into the folder")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises Exception itself
        raise DataError(f"{file} cannot be read ({error}); copy it again") from None
    return {row: token for token, row in tokenizer.get_vocab(with_added_tokens=False).items()}


def tensor_of(folder: Path, tensor: str | None) -> tuple[str, Tensor]:
    """Return name and content of a matrix among a model's weights, by default the input embeddings.

    Raises:
        SettingError: There are no weights, or no such matrix.
        DataError: The weights are damaged, or are a pickle that could run code.
    """
    file = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if file is None:
        raise SettingError(f"{folder}: it has none of {', '.join(WEIGHTS)}; give the folder of a model")
    if file.suffix == ".json":
        try:
            of_name: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))["weight_map"]
        except (ValueError, KeyError):
            raise DataError(f"{file} is damaged: it has no weight_map; copy it again") from None
        name = _chosen(list(of_name), tensor, folder)
        return name, _load(folder / Path(of_name[name]).name, name, folder)[1]
    return _load(file, tensor, folder)


def _load(file: Path, tensor: str | None, folder: Path) -> tuple[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            from safetensors import safe_open  # needed for this kind of file only

            with safe_open(file, "pt") as weights:
                names = [name for name in weights.keys() if len(weights.get_slice(name).get_shape()) == 2]  # noqa: SIM118
                name = _chosen(names, tensor, folder)
                return name, weights.get_tensor(name)
        stored: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except SettingError:
        raise
    except Exception as error:  # of as many kinds as a damaged file has
        if "weights_only" in str(error).lower() or "unpickl" in type(error).__name__.lower():
            raise DataError(
                f"{file}: it holds more than weights, which could run code, and is not read; save the weights as model.safetensors"
            ) from None
        raise DataError(f"{file} cannot be read ({str(error).splitlines()[0]}); copy it again") from None
    name = _chosen([each for each, value in stored.items() if getattr(value, "ndim", 0) == 2], tensor, folder)
    return name, stored[name]


def _chosen(names: list[str], tensor: str | None, folder: Path) -> str:
    if tensor is None:
        tensor = next((name for end in INPUT for name in names if name.endswith(end)), None)
        if tensor is None:
            raise SettingError(
                f"{folder}: its input embeddings are not found; give tensor=<name>, one of {_list(names)}"
            )
    if tensor not in names:
        raise SettingError(f"tensor={tensor}: there is no such matrix in {folder}; it has {_list(names)}")
    return tensor


def _list(names: list[str], most: int = 12) -> str:
    shown = sorted(names)[:most]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")


def extract(folder: Path, tensor: str | None) -> tuple[str, WordVectors]:
    """Return the name of the matrix of a model, and the vectors of the tokens that are whole words.

    Raises:
        DataError: The tokenizer has a token without a row, or no whole word.
    """
    tokens = tokens_of(folder)
    name, weight = tensor_of(folder, tensor)
    last = max(tokens, default=-1)
    if last >= len(weight):
        raise DataError(
            f"{folder}: {name} has {len(weight):,} rows, the tokenizer tokens up to row {last:,}; give tensor=<an embedding matrix>"
        )
    rows = sorted(tokens)
    words = whole_words([tokens[row] for row in rows])
    kept = [place for place, word in enumerate(words) if word is not None]
    if not kept:
        raise DataError(f"{folder}: none of its {len(tokens):,} tokens is a whole word")
    matrix = weight[[rows[place] for place in kept]].float().numpy()
    found = usable([words[place] for place in kept], np.ascontiguousarray(matrix))
    left_out = {**found.left_out, "not a whole word": len(words) - len(kept)}
    return name, WordVectors(found.words, found.matrix, left_out)
