"""Find the corpus of a finished run on disk by its hash, without its text."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bows.data.controls import CONTROLS, with_control
from bows.data.corpus import Corpus, open_corpus
from bows.errors import BowsError, DataError


def stored_corpus(
    above: Path, data: Mapping[str, Any], corpus_hash: str, base_hash: str | None = None, most_cells: int | None = None
) -> Corpus:
    """Return the corpus on disk with this hash, or the one that a control makes of a corpus on disk.

    Args:
        above: the folder above the run. Corpora are sought in the folder that `data` names, and in `corpora` of this folder and five above.
        data: the settings of the run's data.
        corpus_hash: the hash in the run's status.json.
        base_hash: the `stored_corpus` there, the hash of the corpus that a control is made of. None, as in runs of earlier versions: the
            control of every corpus of that name is made until one has `corpus_hash`.
        most_cells: cells of a corpus whose control may be made again; None for any number.

    Raises:
        DataError: there is no such corpus, it is damaged, or its control has too many cells.
    """
    controlled = any(data.get(name) for name in CONTROLS)
    for folder, stored in _corpora(above, data):
        if stored == corpus_hash:
            return open_corpus(folder)
        if controlled and (base_hash == stored if base_hash else folder.name.startswith(f"{data.get('name')}-")):
            corpus = _permuted(folder, data, most_cells)
            if corpus is not None and corpus.hash == corpus_hash:
                return corpus
    raise DataError(f"the corpus {data.get('name')} is no longer in the folder corpora of these outputs")


def _permuted(folder: Path, data: Mapping[str, Any], most_cells: int | None) -> Corpus | None:
    try:
        corpus = open_corpus(folder)
    except DataError:  # damaged: not the one that is sought
        return None
    if most_cells is not None and sum(len(bags.indices) for bags in corpus.splits.values()) > most_cells:
        raise DataError("the control of so large a corpus is not made again for a report")
    try:
        return with_control(lambda: corpus, data)()
    except BowsError:  # of another vocabulary
        return None


def _corpora(above: Path, data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield corpus folders with their hashes."""
    named = str(data.get("folder") or "")
    roots = [] if not named or "${" in named else [Path(named)]
    roots += [each / "corpora" for each in (above, *above.parents)][:6]
    for root in dict.fromkeys(root.absolute() for root in roots):
        for manifest in sorted(root.glob("*/manifest.json")):
            try:
                yield manifest.parent, str(json.loads(manifest.read_text(encoding="utf-8"))["hash"])
            except (OSError, ValueError, KeyError, TypeError):  # not a corpus; others may be
                continue
