"""What a run was and how it ended, for the head of its page."""

import json
import shlex
from pathlib import Path
from typing import Any

from bows.errors import DataError
from bows.reports.html import number
from bows.reports.run_data import RunFolder
from bows.runs.varied import resolved


def read_text(file: Path) -> str | None:
    """A file's text, None where there is none; bytes that are not text are replaced."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def read_table(file: Path) -> tuple[dict[str, Any], str]:
    """The object in a JSON file, and a note on why it is empty."""
    text = read_text(file)
    if text is None:
        return {}, f"{file.name} is missing."
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):  # the last of brackets within brackets
        return {}, f"{file.name} is damaged: it is not JSON."
    if not isinstance(content, dict):
        return {}, f"{file.name} is damaged: it is not a table of names and values."
    return content, "" if content else f"{file.name} is empty."


def command(run: RunFolder) -> str | None:
    """The command that trains the run again; None where its overrides are not known."""
    if not (run.folder / ".hydra" / "overrides.yaml").is_file():
        return None
    asked = [word for word in run.job.overrides if word.partition("=")[0] not in ("resume", "outputs")]
    return " ".join(["python -m bows.train", *map(shlex.quote, asked)])


def own_path(folder: Path) -> str:
    """A folder as a command names it, from the current folder where it lies below."""
    folder = folder.resolve()
    here = Path.cwd()
    return shlex.quote(str(folder.relative_to(here) if folder.is_relative_to(here) else folder))


def dials(run: RunFolder) -> list[tuple[str, str]]:
    """What was asked for, in the order of a reader's interest; only what the run's configuration tells."""
    config = run.job.config or {}
    short = {
        name: value
        for name, value in config.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    }
    short = resolved(short, config)
    data, model, optimizer = (run.group(name) for name in ("data", "model", "optimizer"))
    facts: list[tuple[str, Any]] = [
        ("corpus", _joined([data.get("name") or run.job.choices.get("data"), _words(run)])),
        ("window", _counted(data.get("window"), "rows")),
        ("model", _joined([run.job.choices.get("model") or str(model.get("_target_", "")).rpartition(".")[2],
                           _said("output", model.get("output_activation"))])),
        ("latent dimensions", model.get("latent", short.get("latent"))),
        ("weight decay", optimizer.get("weight_decay", short.get("wd"))),
        ("learning rate", optimizer.get("lr", short.get("lr"))),
        ("optimizer", optimizer.get("name")),
        ("epochs", short.get("epochs")),
        ("seed", short.get("seed")),
        ("analysis", run.job.choices.get("analysis")),
        ("took", _counted(run.job.status.get("seconds"), "seconds")),
        ("speed", _counted(run.job.summary.get("speed/windows_per_second"), "windows a second")),
    ]  # fmt: skip
    return [(name, number(value)) for name, value in facts if value not in (None, "", "None")]


def _words(run: RunFolder) -> str:
    try:
        return f"{len(run.words):,} {'items' if run.of_pairs else 'words'}"
    except DataError:
        return ""


def _counted(count: Any, what: str) -> str:
    return "" if count is None else f"{number(count)} {what}"


def _said(what: str, value: Any) -> str:
    return "" if value is None else f"{what} {value}"


def _joined(parts: list[Any]) -> str:
    return ", ".join(str(part) for part in parts if part)


def outcome(status: dict[str, Any], summary: dict[str, Any]) -> list[tuple[str, str]]:
    """When it ran, how long and how fast, on what."""
    versions = status.get("versions")
    facts = [
        ("started", status.get("started")),
        ("finished", status.get("finished")),
        ("peak memory, MB", summary.get("speed/peak_memory_mb")),
        ("commit", status.get("commit")),
        ("corpus hash", status.get("corpus")),
        (
            "versions",
            ", ".join(f"{name} {version}" for name, version in versions.items())
            if isinstance(versions, dict)
            else versions,
        ),
    ]
    return [(name, number(value)) for name, value in facts if value is not None]
