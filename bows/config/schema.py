"""What can be set: a dataclass for each node of the configuration. bows.config.validate checks a configuration against them."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, Strict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from bows.errors import SettingError

NODE = ConfigDict(extra="forbid", allow_inf_nan=False)

# Strict: "ten", true or 2.5 is not silently made a whole number.
Flag = Annotated[bool, Strict()]
Number = Annotated[float, Strict()]
Count = Annotated[int, Strict(), Field(ge=1)]
Whole = Annotated[int, Strict(), Field(ge=0)]
Positive = Annotated[float, Strict(), Field(gt=0)]
Fraction = Annotated[float, Strict(), Field(gt=0, lt=1)]
Decay = Annotated[float, Strict(), Field(ge=0, lt=1)]
Words = list[str]


def _as_text(value: Any) -> Any:
    """A word that YAML takes for a number or a truth value, as it is written."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else value


Word = Annotated[str, BeforeValidator(_as_text)]
Paths = str | list[str]


@dataclass(config=NODE, kw_only=True)
class Rewire:
    words: Annotated[Words, Field(min_length=1)]
    together: Flag = False


def _as_rewire(value: Any) -> Any:
    """The settings of data.rewire. bows.config.validate does not look into a group that may be null: what is wrong in it is said here."""
    try:
        return value if value is None else TypeAdapter(Rewire).validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(["data.rewire", *map(str, problem["loc"])])
        raise SettingError(
            f"data.rewire={value} is not allowed ({place}: {problem['msg']}); allowed: {{words: [<word>, ...], together: true or false}}, "
            "or null"
        ) from None


@dataclass(config=NODE, kw_only=True)
class BagsData:
    """What all bags of words have: which windows are held out, and the decorrelated controls."""

    split: Literal["documents", "overlapping"] = "documents"
    shuffle: Literal["within_word"] | None = None
    rewire: Annotated[Rewire | None, BeforeValidator(_as_rewire)] = None

    def __post_init__(self) -> None:
        if self.shuffle is not None and self.rewire is not None:
            raise SettingError(
                f"data.shuffle={self.shuffle} permutes every word, so data.rewire has none left; set one of the two to null"
            )


@dataclass(config=NODE, kw_only=True)
class TextData(BagsData):
    name: str
    vocab_size: Count
    window: Count
    stride: Count
    min_chars: Whole
    lowercase: Flag
    numbers: Whole | None
    stop_words: str | Words | None
    include: Words
    val_fraction: Fraction
    batch_size: Count | None
    validation_windows: Count | None
    folder: str
    seed: Whole
    vocabulary: str | None = None


@dataclass(config=NODE, kw_only=True)
class PydocData(TextData):
    pass


@dataclass(config=NODE, kw_only=True)
class FilesData(TextData):
    train: Paths
    validation: Paths | None
    test: Paths | None
    column: str


@dataclass(config=NODE, kw_only=True)
class HubData(TextData):
    path: str
    config: str | None
    revision: str | None
    column: str
    streaming: Flag
    train: str
    validation: str | None
    test: str | None


@dataclass(config=NODE, kw_only=True)
class SyntheticData(BagsData):
    name: str
    structure: Literal["circular", "figure8", "sphere", "iid"]
    features: Annotated[int, Strict(), Field(ge=2)]
    train_rows: Count
    validation_rows: Count
    sharpness: Number
    log_odds: Number
    batch_size: Count | None
    validation_windows: Count | None
    seed: Whole
    relabel: Flag = False


@dataclass(config=NODE, kw_only=True)
class CitiesData:
    name: str
    population: Whole
    directions: Annotated[int, Strict(), Field(ge=2)]
    train_pairs: Count
    validation_pairs: Count
    probe_held_out: Fraction
    probe_largest: Whole
    batch_size: Count
    seed: Whole


@dataclass(config=NODE, kw_only=True)
class ModularAdditionData:
    name: str
    modulus: Annotated[int, Strict(), Field(ge=5)]
    val_fraction: Fraction
    probe_held_out: Fraction
    batch_size: Count
    seed: Whole


OutputActivation = Literal["relu", "identity", "sigmoid"]
LatentActivation = Literal["identity", "relu"]
Loss = Literal["squared_error", "cross_entropy"]


@dataclass(config=NODE, kw_only=True)
class LinearEncoderModel:
    """tied and untied."""

    latent: Count
    output_activation: OutputActivation
    latent_activation: LatentActivation
    loss: Loss


@dataclass(config=NODE, kw_only=True)
class DeepModel:
    latent: Count
    hidden: Count
    output_activation: OutputActivation
    loss: Loss


@dataclass(config=NODE, kw_only=True)
class PrincipalComponentsModel:
    latent: Count


@dataclass(config=NODE, kw_only=True)
class PairClassifierModel:
    latent: Annotated[int, Strict(), Field(ge=3)]  # a plane of it is kept and removed
    hidden: Count


@dataclass(config=NODE, kw_only=True)
class Optimizer:
    name: Literal["adamw", "adam", "sgd"]
    lr: Positive
    weight_decay: Number
    decay_bias: Flag
    schedule: Literal["cosine", "constant"]
    warmup_steps: Whole
    clip_norm: Positive | None
    allow_negative_decay: Flag
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: Positive = 1e-8
    momentum: Decay = 0.0


MetricGroup = Literal["read_out", "interference", "capacity", "packing", "alignment", "ring", "cluster", "regime"]


@dataclass(config=NODE, kw_only=True)
class RegimeThresholds:
    absent: Annotated[float, Strict(), Field(le=1)]
    linear: Annotated[float, Strict(), Field(ge=0, le=1)]
    antipodal: Annotated[float, Strict(), Field(ge=-1, le=0)]
    orthogonal: Annotated[float, Strict(), Field(ge=0, le=1)]


@dataclass(config=NODE, kw_only=True)
class Analysis:
    groups: list[MetricGroup]
    looks: Whole | None
    permutations: Whole
    null_permutations: Whole
    neighbours: Whole
    nearest_to: Words
    figures: Flag
    threshold: Fraction
    read_out_windows: Count | None
    ridge: Annotated[float, Strict(), Field(ge=0)]
    cluster_words: Count
    regimes: RegimeThresholds
    sets: dict[str, Annotated[Words, Field(min_length=3)]]
    categories: dict[str, str | Words]


@dataclass(config=NODE, kw_only=True)
class TrainerSettings:
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    devices: Count | Literal["auto"]
    strategy: str
    num_nodes: Count
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed", "64-true", "bf16-true"]
    compile: Flag
    threads: Count | None
    checkpoint_every_steps: Count | None
    limit_train_batches: Count | None
    detect_anomaly: Flag


@dataclass(config=NODE, kw_only=True)
class Logger:
    kind: Literal["wandb", "csv", "tensorboard", "none"]
    mode: Literal["auto", "online", "offline", "disabled"] = "auto"
    project: str = "bows"
    entity: str | None = None
    group: str | None = None
    tags: Words = Field(default_factory=list)


@dataclass(config=NODE, kw_only=True)
class TrainConfig:
    """The root of `python -m bows.train`. data and model stay plain mappings: they are checked against their own target."""

    seed: Annotated[int, Strict(), Field(ge=0, le=2**32 - 1)]
    wd: Number
    lr: Positive
    latent: Count
    epochs: Count
    name: Annotated[str, Field(pattern=r"^[^/\\\n]+$")]
    resume: str | None
    debug: Flag
    outputs: str
    data: dict[str, Any]
    model: dict[str, Any]
    optimizer: Optimizer
    analysis: Analysis
    trainer: TrainerSettings
    logger: Logger

    def __post_init__(self) -> None:
        """Raises SettingError where data and model, or model and trainer, do not belong together."""
        _refuse_a_mixture(self.data, self.model, self.trainer)


@dataclass(config=NODE, kw_only=True)
class CorpusConfig:
    """The root of `python -m bows.corpus`."""

    seed: Whole
    debug: Flag
    outputs: str
    data: dict[str, Any]

    def __post_init__(self) -> None:
        _refuse_pairs(self.data)


@dataclass(config=NODE, kw_only=True)
class AnalyzeConfig:
    """The root of `python -m bows.analyze`."""

    run: str
    word: Word | None
    context: list[Word]
    against: Words
    scan: Flag
    false_discovery_rate: Fraction
    plane: str | None
    seed: Annotated[int, Strict(), Field(ge=0, le=2**32 - 1)]
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    threads: Count | None
    name: Annotated[str, Field(pattern=r"^[^/\\\n]+$")]
    debug: Flag
    outputs: str
    analysis: Analysis
    logger: Logger
    data: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        _refuse_pairs(self.data or {})


# Data of pairs of items, and the models they train; all other data are bags of words, all other models autoencoders of those.
PAIR_DATA = {"bows.data.factories.cities": "cities", "bows.data.factories.modular_addition": "modular_addition"}
PAIR_MODELS = {"bows.model.pair_classifier.PairClassifier": "pair_classifier"}


def trains_on_pairs(model: dict[str, Any]) -> bool:
    """Whether a model's settings are of a classifier of pairs, not of an autoencoder of bags."""
    return model.get("_target_") in PAIR_MODELS


def _refuse_a_mixture(data: dict[str, Any], model: dict[str, Any], trainer: TrainerSettings) -> None:
    pairs, option = PAIR_DATA.get(str(data.get("_target_"))), PAIR_MODELS.get(str(model.get("_target_")))
    if pairs and not option:
        own = str(model.get("_target_")).rpartition(".")[2]
        raise SettingError(
            f"data={pairs}: these are pairs, and the model {own} reads bags of words; add model=pair_classifier"
        )
    if option and not pairs:
        own = data.get("name", data.get("_target_"))
        raise SettingError(
            f"model={option} reads pairs, and data {own} are bags of words; add data=cities or data=modular_addition"
        )
    if option and (trainer.strategy != "auto" or trainer.devices != 1 or trainer.num_nodes != 1):
        raise SettingError(
            f"trainer.strategy={trainer.strategy} with trainer.devices={trainer.devices}: model={option} trains in one process; use "
            "trainer=auto"
        )


def _refuse_pairs(data: dict[str, Any]) -> None:
    if pairs := PAIR_DATA.get(str(data.get("_target_"))):
        raise SettingError(
            f"data={pairs}: these are pairs, no bags of words; train on them: python -m bows.train data={pairs} model=pair_classifier"
        )


ROOTS = {"train": TrainConfig, "corpus": CorpusConfig, "analyze": AnalyzeConfig}

TARGETS = {
    "bows.data.factories.pydoc": PydocData,
    "bows.data.factories.files": FilesData,
    "bows.data.factories.hub": HubData,
    "bows.data.factories.synthetic": SyntheticData,
    "bows.data.factories.cities": CitiesData,
    "bows.data.factories.modular_addition": ModularAdditionData,
    "bows.model.tied.Tied": LinearEncoderModel,
    "bows.model.untied.Untied": LinearEncoderModel,
    "bows.model.deep.Deep": DeepModel,
    "bows.model.pca.PrincipalComponents": PrincipalComponentsModel,
    "bows.model.pair_classifier.PairClassifier": PairClassifierModel,
}
