"""The header of a run's report: settings, command, times, versions, headline metrics with baselines, all metrics by group."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bows.analysis.catalog import GROUPS, HEADLINE, baseline, metric
from bows.errors import DataError
from bows.files import read_json
from bows.reports.html import counted, number
from bows.reports.run_data import RunData
from bows.runs.discover import is_sweep, listed
from bows.runs.folder import RunFolder

LEVEL = 0.05  # of p, from which a set counts as ordered


def read_text(file: Path) -> str | None:
    """Return a file's text, None where there is none; bytes that are not text are replaced."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def read_table(run: RunFolder, name: str) -> tuple[dict[str, Any], str]:
    """Return the object in a JSON file of a run, and a note on why it is empty."""
    file = run.folder / name
    try:
        content = read_json(run.file(name))
    except DataError as error:
        return {}, f"{str(error).removeprefix(f'{file.parent}/')}."
    return content, "" if content else f"{file.name} is empty."


def command(run: RunData) -> str | None:
    """Return the command that trains the run again; None where its overrides are not known."""
    if not (run.folder / ".hydra" / "overrides.yaml").is_file():
        return None
    asked = [word for word in run.run.overrides if word.partition("=")[0] not in ("resume", "outputs")]
    of = "analyze" if run.run.of_vectors else "train"
    asked = [word for word in asked if of == "train" or word not in ("run=null", "name=vectors")]
    return " ".join([f"python -m bows.{of}", *map(shlex.quote, asked)])


def title(run: RunData) -> tuple[str, str]:
    """Return the title of a run's report, and the name of the sweep that the run is a job of, empty where it is of none.

    A job of a sweep is titled by its settings that differ between the jobs, any other run by the name of its folder.
    """
    folder = run.folder.resolve()
    if not is_sweep(folder.parent):
        return folder.name, ""
    try:
        jobs = {job["folder"]: job["overrides"] for job in listed(folder.parent)}
    except DataError:
        jobs = {}
    shared = set.intersection(*map(set, jobs.values())) if jobs else set()
    own = [word for word in jobs.get(folder.name, ()) if word not in shared]
    return ", ".join(own) or folder.name, folder.parent.name


def own_path(folder: Path) -> str:
    """Return a folder as a command names it, relative to the current folder where it is below that."""
    folder = folder.resolve()
    here = Path.cwd()
    return shlex.quote(str(folder.relative_to(here) if folder.is_relative_to(here) else folder))


def settings(run: RunData) -> list[tuple[str, str]]:
    """Return the main settings that the configuration contains."""
    of_run, choices = run.run, run.run.choices
    short = {name: value for name, value in of_run.config.items() if type(value) in (str, int, float)}
    data, model, optimizer = (of_run.group(name) for name in ("data", "model", "optimizer"))
    try:
        words = counted(len(run.words), "item" if of_run.of_pairs else "word")
    except DataError:
        words = ""
    activation = model.get("output_activation")
    corpus = data.get("name") or choices.get("data")
    kind = choices.get("model") or str(model.get("_target_", "")).rpartition(".")[2]
    facts: list[tuple[str, Any]] = [
        ("corpus" if corpus else "vocabulary", _joined(corpus, words)),
        ("window", _counted(data.get("window"), "rows")),
        ("model", _joined(kind, activation and f"output {activation}")),
        ("dimensions" if of_run.of_vectors else "latent dimensions", model.get("latent", short.get("latent"))),
        ("weight decay", optimizer.get("weight_decay", short.get("wd"))),
        ("learning rate", optimizer.get("lr", short.get("lr"))),
        ("optimizer", optimizer.get("name")),
        ("epochs", short.get("epochs")),
        ("seed", short.get("seed")),
        ("analysis", choices.get("analysis")),
        *_of_vectors(of_run),
        # Of a job of a stack, the time from start to end includes the evaluation of other jobs.
        *(
            [("training time", _counted(trained, "seconds"))]
            if (trained := of_run.summary.get("speed/seconds")) is not None
            else [("duration", _counted(of_run.status.get("seconds"), "seconds"))]
        ),
        ("speed", _counted(of_run.summary.get("speed/windows_per_second"), "windows per second")),
    ]
    return [(name, number(value)) for name, value in facts if value not in (None, "", "None")]


def _of_vectors(run: RunFolder) -> list[tuple[str, Any]]:
    """Return the file of measured word vectors, their transforms, and the rows that were left out; none of another run."""
    if not run.of_vectors:
        return []
    facts, config = run.group("vectors"), run.config
    removed = config.get("remove_components")
    done = [
        "centred" if config.get("centre") else "",
        f"without {counted(removed, 'principal component')}" if removed else "",
        "unit norm" if config.get("unit_norm") else "",
    ]
    left = ", ".join(f"{number(count)} {reason}" for reason, count in (facts.get("left_out") or {}).items())
    return [("vectors", facts.get("file")), ("transforms", _joined(*done) or "none"), ("rows left out", left or "none")]


def _counted(count: Any, unit: str) -> str:
    return "" if count is None else f"{number(count)} {unit.removesuffix('s') if count == 1 else unit}"


def _joined(*parts: Any) -> str:
    return ", ".join(str(part) for part in parts if part)


def outcome(status: dict[str, Any], summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Return start, end, memory, commit, corpus and versions of a run."""
    versions = status.get("versions")
    if isinstance(versions, dict):
        versions = ", ".join(f"{name} {version}" for name, version in versions.items())
    facts = [
        ("started", status.get("started")),
        ("finished", status.get("finished")),
        ("peak memory, MB", summary.get("speed/peak_memory_mb")),
        ("commit", status.get("commit")),
        ("corpus hash", status.get("corpus")),
        ("versions", versions),
    ]
    return [(name, number(value)) for name, value in facts if value is not None]


class Headline(NamedTuple):
    """One headline metric; `null` is what it is compared with, empty where there is nothing."""

    title: str
    value: float
    phrase: str
    null: str
    origin: str = ""
    """The folder in `analysis` that the value comes from; empty for the run's own."""


def headlines(
    summary: Mapping[str, float], latent: int | None, origins: Mapping[str, str] | None = None
) -> list[Headline]:
    """Return the headline metrics that a run has, and how many ordered sets are in their order.

    Args:
        summary: Metric name -> value.
        latent: m, for the cosine of random directions; None where it is not known.
        origins: Metric -> the folder in `analysis` that its value comes from.
    """
    origins = origins or {}
    rows = [metric(name) for name in HEADLINE if name in summary]
    found = [
        Headline(
            row.label,
            summary[row.name],
            row.meaning,
            baseline(row.name, summary, latent),
            origins.get(row.name, ""),
        )
        for row in rows
        if row.group not in ("ring", "speed")
    ]
    if tested := [p for name, p in summary.items() if metric(name).pattern == "ring/<set>/order_p"]:
        phrase = f"of {counted(len(tested), 'ordered set')} in cyclic order with p < {LEVEL:g}"
        null = f"random orders {number(LEVEL * len(tested))} expected"
        ordered = float(sum(p < LEVEL for p in tested))
        found.append(Headline("Ordered sets in cyclic order", ordered, phrase, null))
    return found


def origins_of(newest: Mapping[str, tuple[float, str]], own: Mapping[str, float | None]) -> dict[str, str]:
    """Return metric -> the folder in `analysis` that its newest value comes from, where it is not the value of the run itself."""
    return {name: folder for name, (value, folder) in newest.items() if folder and own.get(name) != value}


def grouped(summary: Mapping[str, float | None]) -> list[tuple[str, list[tuple[str, float | None, str]]]]:
    """Return name, value and meaning of all metrics under the titles of their groups, in the groups' order, unknown ones last."""
    found: dict[str, list[tuple[str, float | None, str]]] = {group.title: [] for group in GROUPS.values()}
    # decile_9 before decile_10
    for name in sorted(summary, key=lambda name: re.sub(r"\d+", lambda digits: digits[0].zfill(9), name)):
        row, value = metric(name), summary[name]
        title = GROUPS[row.group].title if row.group in GROUPS else "Other"
        found.setdefault(title, []).append((name, value, row.meaning))
    return [(title, rows) for title, rows in found.items() if rows]
