"""Types of settings, each with its constraint, for the signatures of data factories and models and for the schema of the other settings.

`bows.config.validate` checks a configuration against these annotations. They stand below `data` and `model`, which import no sibling.
"""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, Strict

# Strict: "ten", true or 2.5 is refused for an integer, not converted.
Flag = Annotated[bool, Strict()]
Number = Annotated[float, Strict()]
Count = Annotated[int, Strict(), Field(ge=1)]
NonNegativeInt = Annotated[int, Strict(), Field(ge=0)]
Seed = Annotated[int, Strict(), Field(ge=0, le=2**32 - 1)]
Positive = Annotated[float, Strict(), Field(gt=0)]
Fraction = Annotated[float, Strict(), Field(gt=0, lt=1)]
Decay = Annotated[float, Strict(), Field(ge=0, lt=1)]
Words = list[str]
Paths = str | list[str]


def _as_text(value: Any) -> Any:
    """Convert a value that YAML read as a boolean or an integer back to the word that was written."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else value


Word = Annotated[str, BeforeValidator(_as_text)]


def _short(value: str) -> str:
    # A file name has 255 bytes at most on usual file systems; the run folder's begins with the time.
    if len(value.encode()) > 200:
        raise ValueError("longer than 200 bytes")
    return value


# Part of a file name.
Name = Annotated[str, Field(pattern=r"^[^/\\\n]+$"), AfterValidator(_short)]


def _all_different(words: list[str]) -> list[str]:
    if len(set(words)) < len(words):
        raise ValueError("a word twice")
    return words


# Words in their order around a ring, or on a line.
OrderedSet = Annotated[Words, Field(min_length=3), AfterValidator(_all_different)]

F = TypeVar("F", bound=Callable[..., Any])


def with_traits(**traits: Any) -> Callable[[F], F]:
    """Set attributes on a factory function, where a class has class attributes: `bows.config.resolve.trait` reads both.

    Args:
        traits: `trains_on` ("pairs" for pairs of items; "bags" where it is not set), `stack_free` (settings in which members of a stack
            may differ), `generated` (True where the seed generates the data).
    """

    def add(factory: F) -> F:
        for name, value in traits.items():
            setattr(factory, name, value)
        return factory

    return add
