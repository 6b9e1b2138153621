"""The header of a run's report: its settings, command, times and versions."""

import shlex
from pathlib import Path
from typing import Any

from bows.errors import DataError
from bows.files import read_json
from bows.reports.html import number
from bows.reports.run_data import RunData
from bows.runs.folder import RunFolder


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
    return " ".join(["python -m bows.train", *map(shlex.quote, asked)])


def own_path(folder: Path) -> str:
    """Return a folder as a command names it, relative to the current folder where it is below that."""
    folder = folder.resolve()
    here = Path.cwd()
    return shlex.quote(str(folder.relative_to(here) if folder.is_relative_to(here) else folder))


def settings(run: RunData) -> list[tuple[str, str]]:
    """Return the main settings that the configuration contains."""
    of_run, choices = run.run, run.run.choices
    short = {
        name: value
        for name, value in of_run.config.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    }
    data, model, optimizer = (of_run.group(name) for name in ("data", "model", "optimizer"))
    activation = model.get("output_activation")
    facts: list[tuple[str, Any]] = [
        ("corpus", _joined([data.get("name") or choices.get("data"), _words(run)])),
        ("window", _counted(data.get("window"), "rows")),
        ("model", _joined([choices.get("model") or str(model.get("_target_", "")).rpartition(".")[2],
                           activation and f"output {activation}"])),
        ("latent dimensions", model.get("latent", short.get("latent"))),
        ("weight decay", optimizer.get("weight_decay", short.get("wd"))),
        ("learning rate", optimizer.get("lr", short.get("lr"))),
        ("optimizer", optimizer.get("name")),
        ("epochs", short.get("epochs")),
        ("seed", short.get("seed")),
        ("analysis", choices.get("analysis")),
        ("duration", _counted(of_run.status.get("seconds"), "seconds")),
        ("speed", _counted(of_run.summary.get("speed/windows_per_second"), "windows per second")),
    ]  # fmt: skip
    return [(name, number(value)) for name, value in facts if value not in (None, "", "None")]


def _words(run: RunData) -> str:
    try:
        return f"{len(run.words):,} {'items' if run.run.of_pairs else 'words'}"
    except DataError:
        return ""


def _counted(count: Any, unit: str) -> str:
    return "" if count is None else f"{number(count)} {unit}"


def _joined(parts: list[Any]) -> str:
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
