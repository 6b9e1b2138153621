"""What files and the Hub share: text read through `datasets`, as whole Arrow columns."""

import logging
from collections.abc import Iterator

import pyarrow as pa

from bows.errors import DataError

# Rows asked for at a time; chunks are joined or cut to a size in bytes afterwards, so that long rows stay bounded too.
_ROWS = 500


def load_quietly(*arguments, **options):
    """`datasets.load_dataset` without progress bars. Imported here because it takes a second, which a start from a built corpus need
    not spend."""
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(logging.CRITICAL)  # its errors are raised too, and said once by whoever catches them
    return datasets.load_dataset(*arguments, **options)


def text_rows(dataset, column: str, source: str) -> Iterator[pa.Array]:
    """One column of a dataset, (rows,) strings at a time.

    Raises DataError where it is not there, naming those that are, or is not text; ArrowInvalid where it is not UTF-8.
    """
    for table in dataset.with_format("arrow").iter(batch_size=_ROWS):
        if column not in table.column_names:
            raise DataError(
                f"data.column={column}: {source} has no such column; it has {', '.join(table.column_names)}"
            )
        values = table[column].combine_chunks()
        if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
            raise DataError(
                f"data.column={column}: this column of {source} holds {values.type}, not text; choose a text column"
            )
        values.validate(full=True)  # Arrow's and Parquet's readers take strings as UTF-8 unseen
        yield values.cast(pa.large_string())


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
