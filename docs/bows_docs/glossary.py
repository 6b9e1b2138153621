"""The page of all metrics: their names from bows.analysis.catalog, what defines them from the docstrings of the code that measures them."""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from bows.analysis.catalog import MEANINGS, NULL_MEANINGS, RING_MEANINGS, meaning
from bows_docs.docstrings import REPOSITORY, Documented, as_markdown, documented, parts

# Where metrics are defined.
CODE = ("bows/analysis", "bows/training/callbacks", "bows/evaluation", "bows/training")
# Functions whose docstrings call their metrics by the last part of the name.
SHORT = {"ring": "ring/<set>", "fit_probe": "probe"}
# Metrics that no docstring names: the functions, and the metrics, whose docstrings define them all the same.
DEFINED_BY = {
    "reconstruction/r2_linear": ("ReadOutSums.solve", "reconstruction/r2"),
    "reconstruction/r2_one_hot": ("one_hot_sums", "reconstruction/r2"),
    "reconstruction/relu_gain": ("evaluate",),
}
# What no docstring says: a line of code is all there is of it.
FORMULAS = {"reconstruction/relu_gain": "``reconstruction/r2`` less ``reconstruction/r2_linear``."}
# Ranges that no definition states for the metric alone. A test holds the metrics of real runs against all of them.
RANGES = {
    "reconstruction/r2_linear": "1 or less",
    "reconstruction/r2_one_hot": "1 or less",
    "reconstruction/relu_gain": "any number",
    "interference/constructive_energy": "0 or more",
    "interference/destructive_energy": "0 or more",
    "interference/gap": "any number",
    "capacity/dimensionality_mean": "in (0, 1]",
    "leak/loss": "0 or more",
    "leak/r2": "1 or less",
    "leak/loss_gap": "any number",
    "cluster/cooccurrence_ami": "1 or less",
    "classification/loss": "0 or more",
    "probe/r2": "1 or less",
    "train/loss": "0 or more",
    "cluster/purity_null": "in [0, 1]",
    "cluster/silhouette_null": "in [-1, 1]",
    "cluster/cooccurrence_ami_null": "1 or less",
}
# The same by what names end in.
ENDINGS_RANGES = {
    "_p": "in (0, 1]",
    "_p_within_deciles": "in (0, 1]",
    "_z": "any number",
    "/p": "in (0, 1]",
    "/words": "a whole number, 0 or more",
    "_words": "a whole number, 0 or more",
    "/categories": "a whole number, 0 or more",
    "/undefined": "a whole number, 0 or more",
    "/zero_columns": "a whole number, 0 or more",
    "/frequency": "a whole number, 1 or more",
    "/frequencies": "a whole number, 0 or more",
    "seconds": "0 or more",
    "_per_second": "0 or more",
    "_mb": "0 or more",
}
# What a metric is beside, where the null is not a metric that carries its name.
BESIDE = {
    "reconstruction/r2": ("reconstruction/r2_linear",),
    "reconstruction/relu_gain": ("reconstruction/r2_linear",),
    "probe/r2": ("probe/p",),
    "leak/loss": ("reconstruction/loss",),
    "leak/r2": ("reconstruction/r2",),
    "ablation/accuracy_base": ("ablation/accuracy_majority",),
    "classification/accuracy": ("ablation/accuracy_majority",),
}
# Metrics of a GPU alone, which have no phrase on a run's page.
ALSO = {"speed/peak_gpu_memory_mb": "peak memory that PyTorch held on the GPU while it trained, MB"}
ENDINGS = ("_null", "_z", "_p", "_p_within_deciles", "_random", "_random_sd")
GROUPS = {
    "reconstruction": "How well held-out windows are rebuilt",
    "interference": "What other words add to a word, and whether that helps",
    "capacity": "How much is stored, and in how many dimensions",
    "packing": "How nearly words' directions coincide",
    "alignment": "Whether geometry follows co-occurrence",
    "ring": "Whether words with a known order lie on a ring in that order",
    "cluster": "Whether words of one kind lie together",
    "regime": "How each word is stored",
    "leak": "What a split that shares rows understates",
    "classification": "Pairs of items: the task",
    "probe": "Pairs of items: whether a known value can be read from the embeddings",
    "ablation": "Pairs of items: whether the plane that was read is used. `_sd` at the end of a name is the standard deviation over random "
    "planes; with `_frequencies` in it, the planes of all frequencies that can be read are kept or removed together",
    "train": "The training itself",
    "speed": "Time and memory",
}


@dataclass
class Entry:
    """A metric. Texts are lines of docstrings, as they stand there."""

    name: str
    phrase: str
    definitions: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    found_in: list[Documented] = field(default_factory=list)

    @property
    def left_out(self) -> str:
        """Where it is not defined, in the words of the docstrings that define it."""
        said = [
            part for each in self.found_in for part in parts(each.text) if part.startswith("Left out where not defined")
        ]
        return said[0].partition(": ")[2] if said else ""

    @property
    def range(self) -> str:
        """The bounds of its values."""
        if self.name in RANGES:
            return RANGES[self.name]
        for ending, text in ENDINGS_RANGES.items():
            if self.name.endswith(ending):
                return text
        if self.name.startswith(("ablation/accuracy", "classification/accuracy")):
            return "in [0, 1]"
        return next(filter(None, map(range_in, self.definitions)), "")


def range_in(text: str) -> str:
    """The bounds that a definition names, if it names any.

    >>> range_in("the mean, in (0, 1]: a share"), range_in("the norm, 0 or more."), range_in("a thing")
    ('in (0, 1]', '0 or more', '')
    """
    found = re.search(r"in [\[(]-?\d, (?:min\([^)]*\)|-?\d)[\])]|\b\d or (?:more|less)", text)
    return found.group() if found else ""


def metric_names() -> list[str]:
    """All names of metrics, those of ordered sets with <set> for the set; those of a null after what it is of."""
    scores = [f"cluster/{score}" for score in ("purity", "silhouette", "cooccurrence_ami")]
    names: list[str] = []
    for name in [*MEANINGS, *ALSO]:
        names += [name, *(f"{name}{ending}" for ending in NULL_MEANINGS if name in scores)]
    return [*names, *(f"ring/<set>/{last}" for last in RING_MEANINGS)]


def phrase_of(name: str) -> str:
    """What a metric says, in a phrase.

    >>> phrase_of("cluster/purity_z")
    'of `cluster/purity`: standard deviations above that'
    """
    if name in ALSO:
        return ALSO[name]
    ending = next((ending for ending in NULL_MEANINGS if name.startswith("cluster/") and name.endswith(ending)), "")
    return f"of `{name.removesuffix(ending)}`: {meaning(name)}" if ending else meaning(name)


def entry_of(name: str, entries: dict[str, Entry]) -> Entry | None:
    """The entry of a metric of summary.json: ring/months/order is explained by ring/<set>/order, and what is said of the probed plane
    holds of the planes of several frequencies, and of deviations over random planes."""
    group, _, rest = name.partition("/")
    if group == "ring" and "/" in rest:
        return entries.get(f"ring/<set>/{rest.rpartition('/')[2]}")
    if group == "ablation":
        name = name.removesuffix("_sd").replace("_frequencies", "")
    return entries.get(name)


def entries() -> dict[str, Entry]:
    """An entry for each metric, in the order of the page."""
    found = {name: Entry(name, phrase_of(name)) for name in metric_names()}
    code = [each for place in CODE for each in documented(REPOSITORY / place, _module(place))]
    for items in (True, False):  # what an item defines counts before what a paragraph mentions
        undefined = {name for name, entry in found.items() if not entry.definitions}
        for each in code:
            _take_in(each, found, items, undefined)
    for each in code:
        for entry in found.values():
            # A function or method with the metric's own name, beside what names the metric in full: it says the formula.
            here = {other.module for other in entry.found_in}
            last = entry.name.rpartition("/")[2]
            elsewhere = [
                text for text in entry.definitions if "see " in text or len(named_in(text, [], found, None)) > 1
            ]
            if each.module in here and each.name == last and each.module.startswith("bows.analysis.") and elsewhere:
                entry.definitions = [text for text in entry.definitions if "see " not in text]
                _add(entry, each, parts(each.text)[:1], first=True)
            if each.qualified in DEFINED_BY.get(entry.name, ()):
                _add(entry, each, parts(each.text)[:1])
    for name, formula in FORMULAS.items():
        found[name].definitions = [formula]
    for name, given in DEFINED_BY.items():
        for other in (found[one] for one in given if one in found):
            found[name].definitions += [f"R^2 is {text}" for text in other.definitions]
    order = list(GROUPS)
    return {name: found[name] for name in sorted(found, key=lambda name: order.index(name.partition("/")[0]))}


def _module(place: str) -> str:
    return place.removesuffix(".py").replace("/", ".")


def _take_in(each: Documented, found: dict[str, Entry], items: bool, undefined: set[str]) -> None:
    """Add to the undefined entries what a docstring says of them: by its items, which define what stands before their colon, or by its
    paragraphs."""
    known: list[str] = []
    for part in parts(each.text):
        is_item = part.startswith("- ")
        said = part.partition(": ")[0] if is_item else part
        for name in named_in(said, known, found, SHORT.get(each.name)):
            if is_item == items and name in undefined:
                text = part.removeprefix("- ")
                alone = re.fullmatch(r"`+[^`]+`+: (.+)", text)
                _add(found[name], each, [alone.group(1) if alone else text])
        known += [name for name in named_in(part, known, found, SHORT.get(each.name)) if name not in known]


def _add(entry: Entry, each: Documented, texts: Iterable[str], first: bool = False) -> None:
    texts = [text for text in texts if text not in entry.definitions]
    if not texts:
        return
    entry.definitions = [*texts, *entry.definitions] if first else [*entry.definitions, *texts]
    if each not in entry.found_in:
        entry.found_in.append(each)
    own = [source for text in texts for source in sources_in(text)]
    # A source that stands outside all items is of the whole function.
    whole = [source for part in parts(each.text) if not part.startswith("- ") for source in sources_in(part)]
    for source in own or whole:
        if source not in entry.sources:
            entry.sources.append(source)


def sources_in(text: str) -> list[str]:
    """What is named after "Source:".

    >>> sources_in("A ratio. Source: Welch 1974.")
    ['Welch 1974']
    """
    return [found.strip().rstrip(".") for found in re.findall(r"Source: (.+?)(?:\.(?=\s+[A-Z]|$)|$)", text)]


def named_in(part: str, before: list[str], found: dict[str, Entry], short: str | None) -> list[str]:
    """The metrics that a part of a docstring names in code, those it abbreviates written out.

    before: metrics that the docstring named before this part: "..._p" is of them.
    """
    names: list[str] = []
    for token in (match.strip("`") for match in re.findall(r"`{1,2}[^`]+`{1,2}", part)):
        last = names[-1] if names else before[-1] if before else ""
        group = last.rpartition("/")[0]
        if token in found:
            names.append(token)
        elif token.endswith("/<name>"):
            names += [name for name in found if name.startswith(token.removesuffix("<name>"))]
        elif token.startswith(("/", ".../")) and f"{group}/{token.rpartition('/')[2]}" in found:
            names.append(f"{group}/{token.rpartition('/')[2]}")
        elif token.startswith(("_", "..._")):
            ending = token.removeprefix("...")
            stems = dict.fromkeys([*before, *names])
            # "_keep", said of accuracy_base, is accuracy_keep.
            stems |= dict.fromkeys(stem.rpartition("_")[0] for stem in list(stems))
            names += [f"{stem}{ending}" for stem in stems if f"{stem}{ending}" in found]
        elif short and f"{short}/{token}" in found:
            names.append(f"{short}/{token}")
    return list(dict.fromkeys(names))


def nulls_of(name: str, known: Iterable[str]) -> list[str]:
    """The metrics that say what a metric would be by chance, or that it is read beside."""
    known = set(known)
    return [f"{name}{ending}" for ending in ENDINGS if f"{name}{ending}" in known] + list(BESIDE.get(name, ()))


def anchor(name: str) -> str:
    """The place of a metric on the page, as it stands in an address.

    >>> anchor("ring/<set>/order_p")
    'ring-set-order_p'
    """
    return re.sub(r"[<>]", "", name).replace("/", "-")


def page() -> str:
    """The page, as Markdown."""
    everything = entries()
    lines = [
        "# Metrics",
        "",
        "Every metric of `summary.json`, `metrics.csv` and W&B, under the name it has there. Metrics of the data are of "
        "held-out documents; the others are of the weights alone. What stands under *Definition* and *Source* is read from "
        "the docstrings of the functions named, each time this page is built; where a metric is not defined it is left out "
        "of a run, never NaN.",
        "",
        "w_i is column i of the encoder W (m, V), the direction of word i; u_i the same at length 1; G = W^T W. f is a window's bag, f^ "
        "its reconstruction, a the pre-activation, b the output's bias.",
        "",
    ]
    group = ""
    for name, entry in everything.items():
        if name.partition("/")[0] != group:
            group = name.partition("/")[0]
            lines += [f"## {group}", "", f"{GROUPS[group]}.", ""]
        lines += [f"({anchor(name)})=", f"### `{name}`", "", f"{entry.phrase[:1].upper()}{entry.phrase[1:]}.", ""]
        if entry.definitions:
            lines += ["Definition", ":   " + "\n\n    ".join(as_markdown(text) for text in entry.definitions), ""]
        if entry.range:
            lines += ["Range", f":   {as_markdown(entry.range)}", ""]
        beside = [f"[`{other}`](#{anchor(other)}), {everything[other].phrase}" for other in nulls_of(name, everything)]
        if beside:
            lines += ["Null", ":   " + "\n\n    ".join(beside), ""]
        if entry.left_out:
            lines += ["Left out", f":   {as_markdown(entry.left_out)}", ""]
        if entry.sources:
            lines += ["Source", f":   {as_markdown('; '.join(entry.sources))}", ""]
        lines += ["In the code", ":   " + ", ".join(f"`{each.path}`" for each in entry.found_in), ""]
    lines += [
        "## words.parquet",
        "",
        "The columns of the table of words, a row a word in the order of the weights' columns. A value that is not defined, or was not "
        "measured, is null.",
        "",
        *word_columns(),
    ]
    return "\n".join([*lines, ""])


def word_columns() -> list[str]:
    """What the docstring of the module that makes the table says of each column."""
    code = (REPOSITORY / "bows/analysis/word_table.py").read_text(encoding="utf-8")
    text = ast.get_docstring(ast.parse(code)) or ""
    return [f"- {as_markdown(part.removeprefix('- '))}" for part in parts(text) if part.startswith("- ")]
