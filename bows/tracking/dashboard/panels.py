"""Which panels a dashboard has: sections as the groups of metrics, and every logged metric in one of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

from bows.tracking.dashboard.logged import Logged

Kind = Literal["line", "bar", "scatter", "spread", "parallel", "table", "images"]


@dataclass(frozen=True)
class Panel:
    """One chart, or a table, or a gallery."""

    kind: Kind
    """line: against the step. bar: the last value of each run. scatter: against a dial, a point a run. spread: mean and standard error
    over the runs of each value of a dial. parallel: dials and metrics side by side, a line a run."""
    title: str
    names: tuple[str, ...] = ()
    """Of metrics, or the key of the table, or those of images."""
    pattern: str = ""
    """A regular expression in the place of names: every metric that fits."""
    dials: tuple[str, ...] = ()
    """Dotted settings: the one of a scatter or a spread, all of a parallel."""


@dataclass(frozen=True)
class Section:
    name: str
    about: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class _Group:
    """A section before it is known what was logged."""

    name: str
    about: str
    prefixes: tuple[str, ...]
    """Of its metrics: what else is logged under these has panels too."""
    panels: tuple[tuple[str, tuple[str, ...]], ...]
    """Titles and metrics."""
    always: bool = True
    """Whether every full measurement of words has its metrics; the others come in with a run that logged them."""


GROUPS = (
    _Group("reconstruction", "Is a held-out bag of words rebuilt, and what does the ReLU add?", ("train/", "reconstruction/"), (
        ("Training loss", ("train/loss",)),
        ("Held-out loss", ("reconstruction/loss",)),
        ("Held-out R²", ("reconstruction/r2",)),
        ("R² of the model, of a linear read-out, of one-word bags",
         ("reconstruction/r2", "reconstruction/r2_linear", "reconstruction/r2_one_hot")),
        ("What the ReLU adds to R²", ("reconstruction/relu_gain",)),
        ("Error rates", ("reconstruction/false_positive_rate", "reconstruction/false_negative_rate")),
    )),
    _Group("leak", "What the loss would be on windows that share rows with training windows.", ("leak/",), (
        ("Loss and its understatement", ("leak/loss", "leak/loss_gap")),
        ("R²", ("leak/r2",)),
    ), always=False),
    _Group("interference", "Do other words help a word where it is, or does the ReLU filter them?", ("interference/",), (
        ("Gap: above 0 they help", ("interference/gap",)),
        ("Rescued and filtered", ("interference/rescued", "interference/filtered")),
        ("Constructive and destructive energy", ("interference/constructive_energy", "interference/destructive_energy")),
        ("Words these rest on", ("interference/words",)),
    )),
    _Group("capacity", "How many features a dimension, and how many dimensions are in use?", ("capacity/",), (
        ("Features a dimension", ("capacity/features_per_dimension",)),
        ("Share of a dimension to itself", ("capacity/dimensionality_mean",)),
        ("Words represented", ("capacity/represented_fraction",)),
        ("Dimensions in use", ("capacity/participation_ratio", "capacity/effective_rank")),
        ("Words without a direction", ("capacity/zero_columns",)),
    )),
    _Group("packing", "How nearly do words' directions coincide?", ("packing/",), (
        ("Cosines: typical, largest of a word, largest of all",
         ("packing/interference_rms", "packing/mean_max_cosine", "packing/coherence")),
        ("Over Welch's bound: 1 is the best packing", ("packing/welch_ratio",)),
        ("Words in opposed pairs", ("packing/antipodal_fraction",)),
        ("Off-diagonal norm of the Gram matrix", ("packing/off_diagonal_norm",)),
    )),
    _Group("alignment", "Does geometry follow co-occurrence?", ("alignment/",), (
        ("Gram matrix with covariance", ("alignment/covariance_cosine", "alignment/cka", "alignment/rsa")),
        ("p of the rank correlation", ("alignment/rsa_p", "alignment/rsa_p_within_deciles")),
        ("Distance to the linear optimum", ("alignment/pca_distance",)),
        ("Words the rank correlation rests on", ("alignment/rsa_words",)),
    )),
    _Group("rings", "Do ordered words lie on a ring in their order?", ("ring/",), ()),
    _Group("clusters", "Do words of one category lie together?", ("cluster/",), (
        ("Purity and its null", ("cluster/purity", "cluster/purity_null")),
        ("Silhouette and its null", ("cluster/silhouette", "cluster/silhouette_null")),
        ("Agreement with clusters by co-occurrence, and its null", ("cluster/cooccurrence_ami", "cluster/cooccurrence_ami_null")),
        ("Standard deviations above the null", ("cluster/purity_z", "cluster/silhouette_z", "cluster/cooccurrence_ami_z")),
        ("p", ("cluster/purity_p", "cluster/silhouette_p", "cluster/cooccurrence_ami_p")),
        ("Words with a category", ("cluster/words",)),
        ("Categories", ("cluster/categories",)),
    )),
    _Group("regimes", "Which words are absent, linear, antipodal, orthogonal, or none of these?", ("regime/",), (
        ("Shares of the words",
         ("regime/absent", "regime/linear", "regime/antipodal", "regime/orthogonal", "regime/mixed")),
        ("Words with and without a regime", ("regime/words", "regime/undefined")),
    )),
    _Group("classification", "Is the class of a pair named?", ("classification/",), (
        ("Loss", ("classification/loss",)),
        ("Accuracy", ("classification/accuracy",)),
    ), always=False),
    _Group("probe and ablation", "Are values read linearly from the embeddings, and does the classifier use that plane?",
           ("probe/", "ablation/"), (
        ("R² of the probe", ("probe/r2",)),
        ("p of the probe", ("probe/p",)),
        ("Accuracy with the whole, the plane alone, the rest",
         ("ablation/accuracy_base", "ablation/accuracy_keep", "ablation/accuracy_remove")),
        ("The same with random planes; the most frequent class",
         ("ablation/accuracy_keep_random", "ablation/accuracy_remove_random", "ablation/accuracy_majority")),
    ), always=False),
    _Group("speed", "How fast, and how large?", ("speed/",), (
        ("Training windows a second", ("speed/windows_per_second",)),
        ("Seconds of training, and of measuring", ("speed/seconds", "speed/analysis_seconds")),
        ("Peak memory, MB", ("speed/peak_memory_mb",)),
    )),
)  # fmt: skip
RING_SCORES = {
    "order": "Order: 1 is in order",
    "order_p": "p of the order",
    "planarity": "Variance in the best plane",
    "procrustes": "Distance to the regular polygon",
    "circulance": "Circulance of the Gram matrix",
}
OVER_TRAINING = ("train/", "capacity/", "packing/")
ALSO_OVER_TRAINING = ("reconstruction/loss", "reconstruction/r2", "speed/windows_per_second")
# One each of what a sweep asks, and of pairs.
HEADLINES = (
    "reconstruction/r2", "reconstruction/relu_gain", "interference/gap", "interference/filtered", "packing/interference_rms",
    "alignment/rsa", "classification/accuracy", "probe/r2", "ablation/accuracy_remove",
)  # fmt: skip
SEED = "seed"
IMAGES = ("figures/training_curves", "figures/gram", "figures/regimes")


def known() -> Logged:
    """What a run of words with analysis=full logs; its rings, which hang on its vocabulary, are not named."""
    metrics = {name for group in GROUPS if group.always for _, names in group.panels for name in names}
    over_training = {name for name in metrics if name.startswith(OVER_TRAINING) or name in ALSO_OVER_TRAINING}
    return Logged(
        frozenset(metrics), frozenset(over_training), ("tables/words", "tables/regimes"), IMAGES, any_ring=True
    )


def sections(logged: Logged) -> list[Section]:
    """The sections of a dashboard: a group of metrics each, then the sweep, the tables of words and the figures.

    Every metric of `logged` is in a panel; a panel refers to nothing else.
    """
    found, shown = [], set()
    for group in GROUPS:
        own = {name for name in logged.metrics if name.startswith(group.prefixes)}
        shown |= own
        panels = [*_named(group, logged, own)]
        if group.name == "rings":
            panels = [*_rings(logged, own), *panels]
        found.append(Section(group.name, group.about, tuple(panels)))
    others: dict[str, list[str]] = {}
    for name in sorted(logged.metrics - shown):
        others.setdefault(name.partition("/")[0], []).append(name)
    for prefix, names in others.items():
        about = "Metrics of your own."
        found.append(Section(prefix, about, tuple(_panel(name, (name,), logged) for name in names)))
    found.append(Section("sweep", "Metrics against what was varied, over all runs shown.", tuple(_sweep(logged))))
    words = tuple(Panel("table", name.partition("/")[2], (name,)) for name in logged.tables)
    found.append(Section("words", "Every word, and the regimes by frequency.", words))
    found.append(Section("figures", "Pictures of each run.", tuple(_images(logged))))
    return [section for section in found if section.panels]


def left_out(logged: Logged) -> list[str]:
    """What of `known` was not logged: sections that have nothing, then single names."""
    whole, single = [], []
    for group in GROUPS:
        if not any(name.startswith(group.prefixes) for name in logged.metrics):
            whole += [group.name] if group.always else []
        elif group.always:
            names = dict.fromkeys(name for _, names in group.panels for name in names)
            single += [name for name in names if name not in logged.metrics]
    standard = known()
    single += [name for name in standard.tables if name not in logged.tables]
    return whole + single + [name for name in standard.images if name not in logged.images]


def _named(group: _Group, logged: Logged, own: set[str]) -> Iterator[Panel]:
    """A group's panels as far as they were logged, and one for each metric beside them."""
    for title, names in group.panels:
        if present := tuple(name for name in names if name in own):
            yield _panel(title, present, logged)
    named = {name for _, names in group.panels for name in names}
    for name in sorted(own - named):
        if group.name != "rings" or name.rpartition("/")[2] not in RING_SCORES:
            yield _panel(name, (name,), logged)


def _panel(title: str, names: tuple[str, ...], logged: Logged) -> Panel:
    return Panel("line" if logged.over_training.issuperset(names) else "bar", title, names)


def _rings(logged: Logged, own: set[str]) -> Iterator[Panel]:
    """A panel a score, with every set in it."""
    for score, title in RING_SCORES.items():
        names = tuple(sorted(name for name in own if name.endswith(f"/{score}")))
        if logged.any_ring:
            yield Panel("line", title, pattern=f"^ring/.+/{score}$")
        elif names:
            yield _panel(title, names, logged)


def _sweep(logged: Logged) -> Iterator[Panel]:
    headlines = tuple(name for name in HEADLINES if name in logged.metrics)
    if not headlines or not logged.dials:
        return
    yield Panel("parallel", "Dials and metrics", headlines, dials=tuple(logged.dials))
    for name, dial in product(headlines, logged.dials):
        if logged.dials[dial]:
            yield Panel("scatter", f"{name} against {dial}", (name,), dials=(dial,))
        if dial != SEED:
            yield Panel("spread", f"{name} by {dial}: mean and standard error", (name,), dials=(dial,))


def _images(logged: Logged) -> Iterator[Panel]:
    rings = tuple(name for name in logged.images if name.startswith("figures/ring_"))
    for title, names in (("Figures", tuple(name for name in logged.images if name not in rings)), ("Rings", rings)):
        if names:
            yield Panel("images", title, names)
