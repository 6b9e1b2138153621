"""The schema of every setting that no `_target_` takes: a dataclass per node. `bows.config.validate` checks a configuration against them.

The nodes `data` and `model` are checked against the signature of what they name (`bows.config.signature`).
"""

from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import Field, Strict
from pydantic.dataclasses import dataclass

from bows.config.words import Categories, Sets, merged, named_words
from bows.errors import SettingError
from bows.setting_types import (
    NODE,
    Count,
    Flag,
    Fraction,
    Name,
    NonNegativeInt,
    Number,
    OptimizerSettings,
    Positive,
    Seed,
    Thresholds,
    Word,
    Words,
)

MetricGroup = Literal[
    "read_out", "interference", "baseline", "capacity", "packing", "alignment", "ring", "prediction", "cluster", "regime"
]  # fmt: skip


@dataclass(config=NODE, kw_only=True)
class Analysis:
    """The evaluation of a run: its metrics, ordered sets, categories and figures."""

    groups: list[MetricGroup]
    looks: NonNegativeInt | None
    permutations: NonNegativeInt
    null_permutations: NonNegativeInt
    neighbours: NonNegativeInt
    nearest_to: Words
    figures: Flag
    threshold: Fraction
    read_out_windows: Count | None
    ridge: Annotated[float, Strict(), Field(ge=0)] | None
    cluster_words: Count
    regimes: Thresholds
    sets: Sets
    categories: Categories
    words: str | None = None
    linear_sets: Words = Field(default_factory=list)
    """Names of the sets whose order is a line; the others are cycles."""

    def __post_init__(self) -> None:
        """Add the sets and categories of the list that `words` names."""
        named = named_words(self.words)
        if unknown := set(self.linear_sets) - set(named["sets"]) - set(self.sets):
            raise SettingError(
                f"analysis.linear_sets={min(unknown)}: there is no such set; add it with +analysis.sets.{min(unknown)}=[...], "
                f"or name one of {', '.join(sorted({*named['sets'], *self.sets})) or 'none'}"
            )
        self.linear_sets = [*dict.fromkeys([*named["linear_sets"], *self.linear_sets])]
        self.sets = merged(named["sets"], self.sets)
        self.categories = merged(named["categories"], self.categories)

    @property
    def ordered_sets(self) -> dict[str, list[str]]:
        """The ordered sets, without those that null removes."""
        return {name: words for name, words in self.sets.items() if words is not None}

    @property
    def category_words(self) -> dict[str, list[str]]:
        """The words of each category, without the categories that null removes."""
        return {
            name: words.split() if isinstance(words, str) else words
            for name, words in self.categories.items()
            if words is not None
        }


@dataclass(config=NODE, kw_only=True)
class TrainerSettings:
    """The settings of the Lightning trainer."""

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    devices: Count | Literal["auto"]
    strategy: str
    num_nodes: Count
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed", "64-true", "bf16-true"]
    compile: Flag
    threads: Count | None
    checkpoint_every_steps: Count | None
    weights: Literal["last", "best"] = "last"
    limit_train_batches: Count | None
    detect_anomaly: Flag


@dataclass(config=NODE, kw_only=True)
class Logger:
    """The logger and where it writes."""

    kind: Literal["wandb", "csv", "tensorboard", "none"]
    mode: Literal["auto", "online", "offline", "disabled"] = "auto"
    project: str = "bows"
    entity: str | None = None
    group: str | None = None
    tags: Words = Field(default_factory=list)
    artifacts: list[Literal["model", "report"]] = Field(default_factory=list)


@dataclass(config=NODE, kw_only=True)
class Root:
    """What the configuration of every command has."""

    plain: dict[str, Any] = field(init=False, repr=False, compare=False)
    """The configuration as it was composed, plain and resolved: for loggers, and for `bows.config.identity.config_key`."""


@dataclass(config=NODE, kw_only=True)
class TrainConfig(Root):
    """The root of `python -m bows.train`. `data` and `model` stay plain mappings."""

    seed: Seed
    wd: Number
    lr: Positive
    latent: Count
    epochs: Count
    name: Name
    resume: str | None
    debug: Flag
    open: Flag = False
    outputs: str
    data: dict[str, Any]
    model: dict[str, Any]
    optimizer: OptimizerSettings
    analysis: Analysis
    trainer: TrainerSettings
    logger: Logger


@dataclass(config=NODE, kw_only=True)
class CorpusConfig(Root):
    """The root of `python -m bows.corpus`."""

    seed: NonNegativeInt
    debug: Flag
    outputs: str
    data: dict[str, Any]


@dataclass(config=NODE, kw_only=True)
class AnalyzeConfig(Root):
    """The root of `python -m bows.analyze`."""

    run: str | None
    matrix: str | None = None
    words: str | None = None
    tensor: str | None = None
    centre: Flag = False
    remove_components: NonNegativeInt = 0
    unit_norm: Flag = False
    word: Word | None
    context: list[Word]
    against: Words
    scan: Flag
    false_discovery_rate: Fraction
    plane: str | None
    seed: Seed
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    threads: Count | None
    name: Name
    debug: Flag
    outputs: str
    analysis: Analysis
    logger: Logger
    data: dict[str, Any] | None = None


ROOTS = {"train": TrainConfig, "corpus": CorpusConfig, "analyze": AnalyzeConfig}
