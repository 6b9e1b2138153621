"""The named words of `analysis`: ordered sets and categories, from a list that `analysis.words` names and from settings of the user's own.

The lists are data, read on demand: in the composed configuration they would fill 27,869 of its 28,940 characters.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from bows.errors import SettingError
from bows.setting_types import Name, OrderedSet, Words

FOLDER = Path(__file__).parent / "word_lists"
DEFAULT = "encyclopaedia"

# null removes an entry of the named list.
Sets = dict[Name, OrderedSet | None]
Categories = dict[str, str | Words | None]


class WordLists(TypedDict):
    """The content of a file of word lists."""

    sets: Sets
    categories: Categories
    linear_sets: list[str]
    """Names of the sets whose order is a line, such as digits; the others are cycles, such as months."""


def named_words(name: str | None) -> WordLists:
    """Return the ordered sets and categories of a word list.

    `name` is a file of `bows/config/word_lists`, the path of a YAML file with `sets`, `categories` and `linear_sets`, or None for none at
    all. Raises SettingError where there is no such list or file, or the file has other content.
    """
    if name is None:
        return {"sets": {}, "categories": {}, "linear_sets": []}
    if name in (known := sorted(path.stem for path in FOLDER.glob("*.yaml"))):
        return _read(FOLDER / f"{name}.yaml")
    if not Path(name).is_file():
        raise SettingError(
            f"analysis.words={name}: there is no such word list; allowed: {', '.join(known)}, null, or a YAML file with sets and categories"
        )
    return _read(Path(name))


@cache
def _read(path: Path) -> WordLists:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TypeAdapter(WordLists).validate_python({"sets": {}, "categories": {}, "linear_sets": [], **content})
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"][:2]))
        raise SettingError(f"analysis.words={path}: {place or 'content'}: {problem['msg']}") from None
    except (OSError, TypeError, ValueError, yaml.YAMLError) as error:
        raise SettingError(f"analysis.words={path}: cannot be read ({' '.join(str(error).split())})") from None


def merged(named: Mapping[str, Any], own: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the entries of a named list with the user's own added or in their place; an entry set to null is left out."""
    return {name: words for name, words in {**named, **(own or {})}.items() if words is not None}


def with_named_words(config: dict[str, Any]) -> dict[str, Any]:
    """Return a plain configuration whose `analysis.sets` and `analysis.categories` contain the named list's too.

    A configuration stored before there was `analysis.words` contains all its words itself, and is returned as it is. So is one whose file
    of words is gone.
    """
    analysis = config.get("analysis")
    if not isinstance(analysis, dict) or not analysis.get("words"):
        return config
    try:
        named = named_words(analysis["words"])
    except SettingError:
        return config
    both = {key: merged(named[key], analysis.get(key)) for key in ("sets", "categories")}
    return {**config, "analysis": {**analysis, **both}}
