"""Read the files of a run folder: YAML, words.parquet and metrics.csv."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bows.errors import DataError

if TYPE_CHECKING:  # a command line is checked before it is needed
    import pyarrow as pa

# YAML by libyaml takes 2 ms a configuration, by Python alone 50.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_REFERENCE = re.compile(r"\$\{(\w[\w.]*)\}")


def read_yaml(file: Path, kind: type) -> Any:
    """Return the content of a YAML file; DataError where it is missing, damaged, or not of the type `kind`."""
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), LOADER)
    except FileNotFoundError:
        raise DataError(f"{file} is missing") from None
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError):
        raise DataError(f"{file} is damaged: it is not YAML") from None
    if not isinstance(content, kind):
        raise DataError(f"{file} is damaged: it contains no settings")
    return content


def resolve(config: dict[str, Any]) -> dict[str, Any]:
    """Return a stored configuration with its interpolations resolved; DataError where one cannot be.

    OmegaConf resolves what is not of the form ${setting}; for all of a configuration it takes 16 ms, too long for a table of many runs.
    """

    def value_of(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: value_of(value) for key, value in node.items()}
        if isinstance(node, list):
            return [value_of(value) for value in node]
        if not isinstance(node, str) or "${" not in node:
            return node
        if whole := _REFERENCE.fullmatch(node):
            return value_of(setting(whole[1]))
        text = _REFERENCE.sub(lambda found: str(value_of(setting(found[1]))), node)
        return OmegaConf.to_container(OmegaConf.create({"value": text}), resolve=True)["value"]  # type: ignore[index]

    def setting(name: str) -> Any:
        node: Any = config
        for key in name.split("."):
            node = node[key]
        return node

    try:
        return value_of(config)
    except (KeyError, TypeError, RecursionError, OmegaConfBaseException):
        pass
    try:
        return OmegaConf.to_container(OmegaConf.create(config), resolve=True)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise DataError(str(error).splitlines()[0]) from None


def read_words_table(file: Path) -> "pa.Table":
    """Return a words.parquet; DataError where it is missing, damaged, or without the column `word`."""
    import pyarrow as pa
    from pyarrow import parquet

    if not file.is_file():
        raise DataError(f"{file.name} is missing")
    try:
        table = parquet.read_table(file)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file.name} is damaged") from error
    if "word" not in table.column_names:
        raise DataError(f"{file.name} is damaged: it has no column word")
    return table


def read_history(file: Path) -> "tuple[pa.Table, int]":
    """Return a metrics.csv as float64 columns, null where a cell is empty or not a number, and the number of rows that are cut off.

    A killed process or a full disk leaves an incomplete last row; the rows before it are returned. Raises DataError where the file is
    missing, damaged, or has no rows.
    """
    import pyarrow as pa
    from pyarrow import csv

    if not file.is_file():
        raise DataError(f"{file.name} is missing")
    cut: list[int] = []
    try:
        # Cells are read as text: one that is not a number must not cost its column.
        with file.open(encoding="utf-8") as lines:
            types = dict.fromkeys(lines.readline().rstrip("\n").split(","), pa.string())
        table = csv.read_csv(
            file,
            convert_options=csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True),
            parse_options=csv.ParseOptions(invalid_row_handler=lambda row: cut.append(row.number or 0) or "skip"),
        )
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if not file.stat().st_size:
            raise DataError(f"{file.name} has no rows yet") from None
        raise DataError(f"{file.name} is damaged: it is not a table of metrics") from error
    if "step" not in table.column_names:
        raise DataError(f"{file.name} is damaged: it has no column step")
    if not len(table):
        raise DataError(f"{file.name} has no rows yet")

    def numbers(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
        try:
            return column.cast(pa.float64())
        except pa.ArrowInvalid:
            import pandas as pd  # only a damaged column needs it

            return pa.array(pd.to_numeric(column.to_pandas(), errors="coerce"), pa.float64(), from_pandas=True)

    return pa.table({name: numbers(table.column(name)) for name in table.column_names}), len(cut)
