"""The page of all metrics: meaning, range and baseline from bows.analysis.catalog, definitions from the docstrings of the code."""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from bows.analysis.catalog import GROUPS, METRICS, metric
from bows_docs.docstrings import REPOSITORY, Documented, as_markdown, documented, parts
from bows_docs.formulas import FORMULAS

# Where metrics are defined.
CODE = ("bows/analysis", "bows/training/callbacks", "bows/evaluation", "bows/training")
# Functions and modules whose docstrings use the last part of a metric's name alone.
SHORT = {"ring": "ring/<set>", "fit_probe": "probe"}
# R^2 of other reconstructions, which are defined as reconstruction/r2 is.
OTHER_R2 = tuple(f"reconstruction/{name}" for name in ("r2_linear", "r2_rectified", "r2_one_hot"))
SCORES = ("purity", "silhouette", "cooccurrence_ami")


@dataclass
class Entry:
    """A metric. Definitions and sources are parts of docstrings, unchanged."""

    name: str
    definitions: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    found_in: list[Documented] = field(default_factory=list)

    @property
    def left_out(self) -> str:
        """Where it is not defined, in the words of the docstrings that define it."""
        texts = [
            part for each in self.found_in for part in parts(each.text) if part.startswith("Left out where not defined")
        ]
        return texts[0].partition(": ")[2] if texts else ""


def metric_names() -> list[str]:
    """Return the names and patterns of all metrics; the nulls of the scores of clusters follow their score, under their own names."""
    nulls = [name.removeprefix("cluster/<score>") for name in METRICS if name.startswith("cluster/<score>")]
    names: list[str] = []
    for name in METRICS:
        if not name.startswith("cluster/<score>"):
            names += [name, *(f"{name}{ending}" for ending in nulls if name in {f"cluster/{each}" for each in SCORES})]
    return names


def entry_of(name: str, entries: dict[str, Entry]) -> Entry | None:
    """Return the entry of a metric of summary.json: of its own name, or of its pattern in the catalog.

    >>> entry_of("ring/months/order", entries()).name
    'ring/<set>/order'
    """
    return entries.get(name) or entries.get(metric(name).pattern)


def entries() -> dict[str, Entry]:
    """Return an entry for each metric, in the order of the page."""
    found = {name: Entry(name) for name in metric_names()}
    code = [each for place in CODE for each in documented(REPOSITORY / place, _module(place))]
    for items in (True, False):  # what an item defines counts before what a paragraph mentions
        undefined = {name for name, entry in found.items() if not entry.definitions}
        for each in code:
            _take_in(each, found, items, undefined)
    by_path = {each.path: each for each in code}
    for entry in found.values():
        _add_formula(entry, found, code)
        function = by_path[metric(entry.name).function]
        if function not in entry.found_in:
            _add(entry, function, _about(entry, function))
    for name in OTHER_R2:
        found[name].definitions += [f"R^2 is {text}" for text in found["reconstruction/r2"].definitions]
    return found


def _add_formula(entry: Entry, found: dict[str, Entry], code: list[Documented]) -> None:
    """Add the docstring of a function or method with the metric's own name, beside what names the metric in full: it has the formula."""
    modules = {each.module for each in entry.found_in}
    elsewhere = any("see " in text or len(named_in(text, [], found, None)) > 1 for text in entry.definitions)
    for each in code:
        own = each.name == entry.name.rpartition("/")[2] and each.module.startswith("bows.analysis.")
        if own and each.module in modules and elsewhere:
            entry.definitions = [text for text in entry.definitions if "see " not in text]
            _add(entry, each, parts(each.text)[:1], first=True)


def _about(entry: Entry, function: Documented) -> list[str]:
    """Return the items of a docstring on a metric, or on the name that it extends; else its first paragraph, if its module is a new one."""
    last = entry.name.rpartition("/")[2]
    found = []
    for part in parts(function.text):
        if part.startswith("- "):
            tokens = re.findall(r"`+([^`]+)`+", part.partition(": ")[0])
            if any(
                last.endswith(token.removeprefix("<name>"))
                if token.startswith("<name>_")
                else f"{last}_".startswith(f"{token}_")
                for token in tokens
            ):
                found.append(part.removeprefix("- "))
    elsewhere = function.module not in {each.module for each in entry.found_in}
    return found or (parts(function.text)[:1] if elsewhere else [])


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
                _add(found[name], each, [alone.group(1) if alone and is_item else text])
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


def nulls_of(name: str) -> list[str]:
    """Return the metrics that the catalog compares a metric with."""
    return list(metric(name).compared_with)


def baseline_of(name: str, everything: dict[str, Entry]) -> str:
    """Return what a metric is compared with, as Markdown with links to the metrics that are named."""

    def link(found: re.Match[str]) -> str:
        entry = entry_of(found[1], everything)
        return f"[`{found[1]}`](#{anchor(entry.name)})" if entry else ""

    pieces = re.split(r"({.+?})", metric(name).baseline)
    return "".join(
        re.sub("{(.+)}", link, piece) if piece.startswith("{") else as_markdown(piece) for piece in pieces
    ).strip()


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
        r"$w_i$ is column $i$ of the encoder $W$ (m, V), the direction of word $i$; $u_i$ the same at length 1; $G = W^\top W$, and $U$ "
        r"that of the $K$ columns at length 1 that are not zero; $C$ the covariance of the bags. $f$ is a window's bag, $\hat f$ its "
        r"reconstruction, $h$ the latent, $a$ the pre-activation, $b$ the output's bias, $M = D E$ the decoder times the encoder, $I$ "
        "what the other words of the bag add to $a$. A formula of word $i$ is averaged over words. Definitions write $\\hat f$ as f^.",
        "",
    ]
    group = ""
    for name, entry in everything.items():
        if name.partition("/")[0] != group:
            group = name.partition("/")[0]
            lines += [f"## {group}", "", f"{GROUPS[group].about}.", ""]
        meaning = metric(name).meaning
        lines += [f"({anchor(name)})=", f"### `{name}`", "", f"{as_markdown(meaning[:1].upper() + meaning[1:])}.", ""]
        if name in FORMULAS:
            lines += ["Formula", f":   ${' '.join(FORMULAS[name].split())}$", ""]
        if entry.definitions:
            lines += ["Definition", ":   " + "\n\n    ".join(as_markdown(text) for text in entry.definitions), ""]
        lines += ["Range", f":   {as_markdown(metric(name).range)}", ""]
        if compared := baseline_of(name, everything):
            lines += ["Compare with", f":   {compared}", ""]
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
