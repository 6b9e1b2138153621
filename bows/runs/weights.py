"""model.safetensors: an autoencoder's weights under names that do not depend on its class."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from bows.config.resolve import instantiate_plain, trait
from bows.errors import DataError, SettingError
from bows.files import file_mode
from bows.model.autoencoder import Autoencoder


@dataclass(frozen=True)
class Weights:
    """The weights of an autoencoder, or of the embedding of a pair classifier."""

    encoder: Tensor
    """(m, V) float32: column i is the direction of word (or item) i."""
    decoder: Tensor | None
    """(V, m); None where it is the transpose of the encoder."""
    bias: Tensor | None
    """(V,) of the output; None for a pair classifier."""


def save_model(path: Path, autoencoder: Autoencoder) -> None:
    """Write `model.safetensors`: encoder.weight (m, V), decoder.weight (V, m) unless tied, decoder.bias (V), in float32.

    Weights of the model that those three do not contain are written as `module.<name>`.
    """
    tensors = _named(autoencoder)
    held = {value.data_ptr() for value in tensors.values()}
    own = autoencoder.state_dict().items()
    tensors |= {f"module.{name}": value for name, value in own if value.data_ptr() not in held}
    save_tensors(path, tensors)


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as float32, in a file with the permissions of the umask."""
    save_file({name: value.detach().float().cpu().contiguous() for name, value in tensors.items()}, path)
    path.chmod(file_mode())  # safetensors writes 0600


def read_weights(path: Path, words: int) -> Weights:
    """Return the weights in a `model.safetensors`, of a run with so many words.

    Raises:
        DataError: the file is missing, damaged, or of another model; a weight is not finite; or there are not `words` columns.
    """
    stored = {name: value.float() for name, value in _load(path, path.name).items()}
    try:
        if "embedding.weight" in stored:
            weights = Weights(stored["embedding.weight"].T, None, None)
        else:
            weights = Weights(stored["encoder.weight"], stored.get("decoder.weight"), stored["decoder.bias"])
    except KeyError as error:
        raise DataError(f"{path.name} has no {error.args[0]}; it is of another model or version") from error
    if weights.encoder.shape[-1] != words:
        raise DataError(
            f"{path.name} is of {weights.encoder.shape[-1]:,} words, the run of {words:,}: one of its files is damaged"
        )
    if not all(
        bool(each.isfinite().all()) for each in (weights.encoder, weights.decoder, weights.bias) if each is not None
    ):
        raise DataError("the weights are infinite or not numbers")
    return weights


@torch.no_grad()
def load_model(path: Path, autoencoder: Autoencoder) -> None:
    """Fill an autoencoder of the same class and size from `model.safetensors`; DataError where it is missing, damaged, or does not fit."""
    stored = _load(path, path)
    names = {value.data_ptr(): (name, value.stride()) for name, value in _named(autoencoder).items()}
    # The bias first: it tells the number of words.
    for own_name, parameter in sorted(autoencoder.state_dict().items(), key=lambda item: item[1].ndim):
        name, stride = names.get(parameter.data_ptr(), (f"module.{own_name}", parameter.stride()))
        if name not in stored:
            raise DataError(
                f"{path}: it has no {name}, which model {type(autoencoder).__name__} needs; it is of another model or version"
            )
        value = stored[name]
        if stride != parameter.stride():
            value = value.T  # a class may keep a matrix the other way round
        if name == "decoder.bias" and len(value) != len(parameter):
            raise DataError(
                f"{path}: it is of {len(value):,} words, but vocabulary.txt has {len(parameter):,}: one is damaged; copy the run again"
            )
        if value.shape != parameter.shape:
            raise DataError(
                f"{path}: {name} has the shape {tuple(stored[name].shape)}, but this run's settings ask for {tuple(parameter.shape)}"
            )
        parameter.copy_(value)


def _named(autoencoder: Autoencoder) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {"encoder.weight": autoencoder.encoder_weight, "decoder.bias": autoencoder.bias}
    if not autoencoder.tied:
        tensors["decoder.weight"] = autoencoder.decoder_weight
    return tensors


def _load(path: Path, name: Path | str) -> dict[str, Tensor]:
    """Return the tensors in a file; `name` stands for it in errors."""
    try:
        path.open("rb").close()  # safetensors reports every error as a missing file
        return load_file(path)
    except OSError as error:
        raise DataError(
            f"{name} cannot be read ({error.strerror})" if path.exists() else f"{name} is missing"
        ) from None
    except SafetensorError:
        raise DataError(f"{name} is damaged: it is not a safetensors file") from None


def make_autoencoder(node: dict[str, Any], words: int) -> Autoencoder:
    """Build the model of a `model` node for `words` words; SettingError where `latent` is more than a closed form can have."""
    if trait(node, "closed_form") and node["latent"] > words:
        raise SettingError(
            f"latent={node['latent']} is not allowed with a model in closed form; allowed: 1 to {words}, the words of the vocabulary"
        )
    return instantiate_plain(node, features=words)
