"""Text from the Hugging Face Hub: any dataset there with a text column, downloaded or streamed."""

import logging
import os
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlparse
from urllib.request import getproxies

import pyarrow as pa

from bows.data.build import Text
from bows.data.sources.readers import as_text, check_text, first_line, place_of
from bows.errors import DataError, UnavailableError

# Rows asked for at a time; chunks are joined or cut to a size in bytes afterwards, so that long rows stay bounded too.
_ROWS = 500


def hub_text(
    path: str, config: str | None, revision: str | None, column: str, streaming: bool, splits: dict[str, str]
) -> Text:
    """Rows of a Hub dataset. `splits` maps train, validation and test to the dataset's own split names.

    Raises DataError, with what was tried and the remedies, where the Hub cannot be reached or holds no such dataset or column.
    """

    def stream(split: str) -> Iterator[pa.Array]:
        reachable = _hub_reachable()
        if not reachable:
            # Asked offline, datasets answers at once from its own cache, or says that it has nothing there; asked without a network
            # it tries again for half a minute first.
            os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
        import datasets  # here: it reads these variables, and imports for a second, which a start from a built corpus need not spend

        datasets.disable_progress_bars()
        datasets.logging.set_verbosity(
            logging.CRITICAL
        )  # its errors are raised too, and logged once by whoever catches them
        asked = f"dataset {path}" + (f", config {config}" if config else "") + f", split {splits[split]}"
        try:
            dataset: Any = datasets.load_dataset(
                path, config, split=splits[split], revision=revision, streaming=streaming
            )
            for table in dataset.with_format("arrow").iter(batch_size=_ROWS):
                place_of(column, table.column_names, path)
                values = table[column].combine_chunks()
                check_text(values.type, column, path)
                yield as_text(values)
        except DataError:
            raise
        except Exception as error:
            # Errors of the network, of the Hub and of readers have no class in common; whatever it is, the text cannot be had.
            reason = first_line(error) if reachable else "the Hub cannot be reached, and it is not in the local cache"
            raise UnavailableError(
                f"{asked}: cannot be had ({reason}); remedies: data=pydoc needs no network; data=files data.train=<your text>; "
                "or run `python -m bows.corpus data=...` once where there is a network, then take outputs/corpora along"
            ) from error

    return Text(
        splits={split: lambda split=split: stream(split) for split in splits},
        facts=lambda: {
            "kind": "hub",
            "path": path,
            "config": config,
            "revision": revision,
            "column": column,
            "splits": splits,
        },
    )


def _hub_reachable(seconds: float = 3.0) -> bool:
    """Whether the Hub answers: a plain connection, so that a machine without network learns it at once."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return False
    endpoint = urlparse(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    proxies = getproxies()
    if endpoint.scheme in proxies:
        endpoint = urlparse(proxies[endpoint.scheme])
    try:
        socket.create_connection(
            (endpoint.hostname or "", endpoint.port or (443 if endpoint.scheme == "https" else 80)), seconds
        ).close()
    except OSError:
        return False
    return True
