"""Types of settings, each with its constraint, and the groups of settings that layers share.

`bows.config.validate` checks a configuration against these annotations. They are below `data`, `model` and `analysis`, which import no
sibling.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, Strict
from pydantic.dataclasses import dataclass

from bows.spelling import spelling

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
    if len(set(map(spelling, words))) < len(words):
        raise ValueError("a word twice")
    return words


# Words in their order around a ring, or on a line.
OrderedSet = Annotated[Words, Field(min_length=3), AfterValidator(_all_different)]

# A group of settings: a key that is not one of its fields is an error.
NODE = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(config=NODE, frozen=True)
class OptimizerSettings:
    """Settings of an optimizer and its schedule."""

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    """adamw (decoupled decay: weights shrink by lr * weight_decay per step), adam or sgd (decay as L2 in the gradient)."""
    lr: Positive = 1e-3
    """Peak learning rate."""
    weight_decay: Number = 0.0
    decay_bias: Flag = True
    """Whether biases decay too."""
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    """Of adam and adamw, as `eps`."""
    eps: Positive = 1e-8
    momentum: Decay = 0.0
    """Of sgd."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """cosine (to zero at the last step) or constant."""
    warmup_steps: NonNegativeInt = 0
    """Steps of linear increase to the peak."""
    clip_norm: Positive | None = None
    """Gradients are scaled to at most this norm; None for no clipping."""
    allow_negative_decay: Flag = False
    """Whether the check of a configuration accepts a negative decay, which makes weights grow."""


@dataclass(config=NODE, frozen=True, kw_only=True)
class Thresholds:
    """The thresholds between regimes of words."""

    absent: Annotated[Number, Field(le=1)] = 0.05
    """Under this R^2 a word is absent."""
    linear: Annotated[Number, Field(ge=0, le=1)] = 0.9
    """A linear read-out reaches at least this share of a linear word's R^2."""
    gap: Number = -0.06
    """Above this stratified interference gap a word may be linear. Not 0: on shuffled text the gap of a linear model is 0 and noise."""
    antipodal: Annotated[Number, Field(ge=-1, le=0)] = -0.9
    """Under this cosine a mutual pair is antipodal."""
    orthogonal: Annotated[Number, Field(ge=0, le=1)] = 0.1
    """Under this largest absolute cosine a word is orthogonal."""

    def __str__(self) -> str:
        return (
            f"absent: R² < {self.absent:g}; linear: linear R² at least {self.linear:g} of R², interference gap > {self.gap:g}; "
            f"antipodal: mutual pair, cosine < {self.antipodal:g}; orthogonal: largest |cosine| < {self.orthogonal:g}; else mixed"
        )


F = TypeVar("F", bound=Callable[..., Any])


def with_traits(**traits: Any) -> Callable[[F], F]:
    """Set attributes on a factory function, where a class has class attributes: `bows.config.resolve.trait` reads both.

    They are `trains_on` ("pairs" for pairs of items; "bags" where it is not set), `stack_free` (settings in which members of a stack may
    differ), `generated` (True where the seed generates the data).
    """

    def add(factory: F) -> F:
        for name, value in traits.items():
            setattr(factory, name, value)
        return factory

    return add
