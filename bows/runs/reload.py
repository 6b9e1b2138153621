"""Rebuild the autoencoder and the data of a finished run."""

import logging
from typing import Any

from bows.config.resolve import instantiate_plain, target_of
from bows.config.signature import schema_of
from bows.data.stored import stored_corpus
from bows.errors import BowsError, DataError, SettingError
from bows.model.autoencoder import Autoencoder
from bows.runs.folder import RunFolder
from bows.runs.weights import load_model, make_autoencoder

log = logging.getLogger(__name__)


def load_autoencoder(run: RunFolder, setting: str = "run") -> Autoencoder:
    """Return the trained autoencoder of a run from `find_run`, on the CPU; `setting` names the run in errors.

    Raises:
        SettingError: the run is of another version of bows, or its weights are not finite.
        DataError: its weights cannot be read or do not fit.
    """
    try:
        autoencoder = make_autoencoder(run.config["model"], len(run.vocabulary))
    except (TypeError, SettingError) as error:
        raise SettingError(
            f"{setting}={run.folder}: its model cannot be made: {error}; the run is of another version of bows{run.version}"
        ) from error
    try:
        weights = run.file("model.safetensors")
    except DataError as error:
        raise DataError(f"{error}; copy the run again, or train again") from None
    load_model(weights, autoencoder)
    if not all(bool(value.isfinite().all()) for value in autoencoder.state_dict().values()):
        raise SettingError(
            f"{setting}={run.folder}: its weights are infinite or not numbers; train again with a lower lr"
        )
    return autoencoder.eval()


def open_data(node: dict[str, Any], run: RunFolder, setting: str) -> Any:
    """Return the DataModule of a `data` node (the run's own if `setting` is run), whose vocabulary must be that of the run.

    Raises:
        SettingError: the vocabulary is another one; the error names the number of shared words.
        DataError: the corpus cannot be opened or built.
    """
    try:
        schema = schema_of(target_of(node, "data"), "data")
        unknown = sorted(set(node) - set(schema.__dataclass_fields__) - {"_target_", "name"})
        if unknown and schema.__pydantic_config__["extra"] == "forbid":
            raise TypeError(f"it has no setting {unknown[0]}")
        data = instantiate_plain(node)
        if setting == "run":
            _use_stored_corpus(data, node, run)
        vocabulary = data.corpus.vocabulary
    except BowsError as error:
        if setting == "run":
            raise type(error)(
                f"the corpus of run={run.folder} cannot be opened: {error}; give data=<option> for other documents"
            ) from error
        raise
    except TypeError as error:
        raise SettingError(
            f"run={run.folder}: its data cannot be made: {error}; the run is of another version of bows{run.version}; give data=<option>"
        ) from error
    words_of_the_run = f"data.vocabulary={run.folder / 'vocabulary.txt'}"
    if setting == "run":
        remedy = f"its text or its vocabulary.txt has changed since; give data=<option> {words_of_the_run} for other documents"
    elif "vocab_size" in node:
        remedy = f"for these documents with the run's words add {words_of_the_run}"
    else:
        remedy = "these features are not its words; choose a corpus of text"
    run.refuse_other_words(vocabulary, f"data={node.get('name', node['_target_'])}", remedy)
    if setting == "run" and data.corpus.hash != run.status.get("corpus"):
        log.warning(
            "the text behind run=%s has changed since it was trained: its held-out windows are not the same", run.folder
        )
    return data


def _use_stored_corpus(data: Any, node: dict[str, Any], run: RunFolder) -> None:
    """Have a DataModule of text open the very corpus of the run where that is on disk: its text may be gone or changed since."""
    if "vocab_size" in node and isinstance(corpus_hash := run.status.get("corpus"), str):
        try:
            corpus = stored_corpus(run.folder.resolve().parent, node, corpus_hash, run.status.get("stored_corpus"))
        except DataError as error:
            log.debug("run=%s: %s", run.folder, error)
        else:
            data.open_corpus = lambda: corpus
