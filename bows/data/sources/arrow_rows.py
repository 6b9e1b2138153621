"""Read text through `datasets`, as whole Arrow columns."""

import logging
from collections.abc import Iterator

import pyarrow as pa

from bows.data.sources.readers import as_text, check_text, place_of

# Rows asked for at a time; chunks are joined or cut to a size in bytes afterwards, so that long rows stay bounded too.
_ROWS = 500


def load_quietly(*arguments, **options):
    """Call `datasets.load_dataset` without progress bars."""
    import datasets  # imports for a second, which a start from a built corpus need not spend

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(
        logging.CRITICAL
    )  # its errors are raised too, and logged once by whoever catches them
    return datasets.load_dataset(*arguments, **options)


def text_rows(dataset, column: str, source: str) -> Iterator[pa.Array]:
    """Yield one column of a dataset, (rows,) strings at a time.

    Raises:
        DataError: the column is not there, or is not text.
        ArrowInvalid: it is not UTF-8.
    """
    for table in dataset.with_format("arrow").iter(batch_size=_ROWS):
        place_of(column, table.column_names, source)
        values = table[column].combine_chunks()
        check_text(values.type, column, source)
        yield as_text(values)


def first_line(error: BaseException) -> str:
    """Return the message of an error in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
