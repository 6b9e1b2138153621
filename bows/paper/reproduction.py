"""Train, measure and report the figures of the paper that a command line asks for."""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from glob import glob
from pathlib import Path

from bows.config.overrides import quoted
from bows.config.suggestions import suggest
from bows.errors import SettingError
from bows.paper import estimate
from bows.paper.drawings import make, pictures_of_runs, redraw
from bows.paper.presets import PRESETS, measure
from bows.paper.results import Measurement, lines, write_results
from bows.paper.runs import NotMeasured, Run, completed
from bows.reports.sweep_report import write_sweep_report

INTERRUPTED = 130
# Where a text has fewer bytes than this per word of V = 10,000, the rarest words are in too few rows: in 28 MB of news the 10,000th word
# occurs 29 times.
BYTES_PER_WORD = 1000
MEDIUM_WORDS = 10_000


def reproduce(given: argparse.Namespace) -> tuple[list[Path], list[str]]:
    """Reproduce the figures that the command line names; return the files written, and the figures whose runs did not all complete.

    Raises:
        SettingError: an unknown figure, or options that do not go together.
        NotMeasured: a figure without claims cannot be measured, for example since the text lacks the months.
        KeyboardInterrupt: training was interrupted.
    """
    figures = _figures(given.figures)
    _refuse_contradictions(given, figures)
    # bows.train reads it too: stored configurations name their corpora by it.
    os.environ["BOWS_OUTPUTS"] = str(given.outputs.absolute())
    root = given.outputs.absolute() / "reports" / "paper" / given.size
    if given.redraw:
        drawn = redraw(figures, root / "figures")
        if not drawn:
            raise SettingError(
                f"--redraw: {root / 'figures'} has no table of {', '.join(figures)}; run once without --redraw to make it"
            )
        return drawn, []
    found, failed, refused = {}, [], None
    for figure in figures:
        preset = PRESETS[figure]
        experiment = f"experiment={preset.experiment(figure, given.size)}"
        if given.size == "full" and preset.text and (given.estimate or not given.no_train):
            print(f"{figure}: {estimate.estimate([experiment]).text}", file=sys.stderr, flush=True)
        if given.estimate:
            continue
        name = preset.runs_of or figure
        sweep = root / "runs" / (f"{name}-{_corpus(given)}" if preset.text else name)
        words = ["-m", experiment, *(_text_overrides(given) if preset.text else [])]
        words += ["hydra/launcher=vectorized"] if preset.stacked else []
        command = [*words, f"hydra.sweep.dir={quoted(sweep)}", "logger=none"]
        if not given.no_train:
            commands = [command, *([*command, *more] for more in preset.more)]
            # All are tried: a corpus that lacks the words of one command must not prevent the other.
            if not all([_train(figure, each) for each in commands]):
                failed.append(figure)
        try:
            found[figure] = _measure(figure, sweep, root, as_command(words), given.words)
        except NotMeasured as error:
            refused = refused or NotMeasured(f"{figure}: {error}")
    if given.estimate:
        return [], failed
    if verdicts := lines(found):
        print(*verdicts, sep="\n", file=sys.stderr)
    written = write_results(root, given.size, found) if found else []
    if refused:  # after the results of the others are written
        raise refused
    return [*written, *(each.table for of in found.values() for each in of.pictures if each.table)], failed


def _figures(asked: list[str]) -> list[str]:
    if asked == ["paper"]:
        return [name for name, preset in PRESETS.items() if preset.of_paper]
    for name in asked:
        if name not in PRESETS:
            raise SettingError(f"{name}: there is no such figure; {suggest(name, [*PRESETS, 'paper'])}")
    return [name for name in PRESETS if name in asked]


def _refuse_contradictions(given: argparse.Namespace, figures: Sequence[str]) -> None:
    if given.estimate and given.size != "full":
        raise SettingError(
            f"--estimate: the {given.size} size takes minutes; give --size full, or leave --estimate out"
        )
    if given.words and "mechanism" not in figures:
        raise SettingError(
            f"--words={','.join(given.words)}: only the figure mechanism explains words; add it, or leave --words out"
        )
    for name in ("train", "validation"):
        if getattr(given, name) is not None and given.size == "full":
            raise SettingError(
                f"--{name}={getattr(given, name)}: the full size is of WikiText-103; leave it out, or use --size small"
            )
    if given.validation is not None and given.train is None:
        raise SettingError(f"--validation={given.validation}: it needs --train=<text>")
    if given.size == "medium" and any(PRESETS[figure].text for figure in figures):
        if given.train is None:
            raise SettingError(
                "--size medium: it needs --train=<text> of 100 MB or so, such as English Wikipedia, one paragraph per line"
            )
        size = sum(Path(file).stat().st_size for file in glob(given.train) if Path(file).is_file())
        if 0 < size < BYTES_PER_WORD * MEDIUM_WORDS:
            raise SettingError(
                f"--train={given.train}: {size / 1e6:.1f} MB are too few for the {MEDIUM_WORDS:,} words of --size medium, and fit about "
                f"{size // BYTES_PER_WORD:,}; give {BYTES_PER_WORD * MEDIUM_WORDS / 1e6:.0f} MB or more, or --size small (4,000 words)"
            )


def _measure(figure: str, sweep: Path, root: Path, command: str, words: list[str]) -> Measurement:
    """Measure the completed runs of a sweep, write its report, and draw the figure."""
    runs = completed(sweep)
    report = write_sweep_report(sweep) if len(runs) > 1 else None
    drawn = list(make(figure, runs, root / "figures", words))
    for picture in drawn:
        if picture.file is None:
            print(f"{figure}: not drawn: {picture.caption}: {picture.missing}", file=sys.stderr)
    link = None if report is None else os.path.relpath(report, root)
    return Measurement(
        measure(figure, runs), _measured_on(runs), command, link, [*drawn, *pictures_of_runs(figure, sweep, runs)]
    )


def _text_overrides(given: argparse.Namespace) -> list[str]:
    if given.train is None:
        return []
    chosen = ["data=files", f"data.train={quoted(given.train)}", f"data.name={quoted(_corpus(given))}"]
    return chosen if given.validation is None else [*chosen, f"data.validation={quoted(given.validation)}"]


def _corpus(given: argparse.Namespace) -> str:
    """Return the name of the corpus."""
    if given.size == "full":
        return "wikitext103"
    return "pydoc" if given.train is None else Path(given.train).parent.name or Path(given.train).stem


def _train(figure: str, words: list[str]) -> bool:
    """Run a command of bows.train. Returns whether all its runs completed; raises KeyboardInterrupt where they were interrupted."""
    print(f"{figure}: {as_command(words)}", file=sys.stderr, flush=True)
    ended = subprocess.run([sys.executable, "-m", "bows.train", *words], stdout=subprocess.DEVNULL)
    if ended.returncode == INTERRUPTED:
        raise KeyboardInterrupt
    return ended.returncode == 0


def as_command(words: Sequence[str]) -> str:
    """Return a command of bows.train as it is typed in a shell."""
    plain = [f'"{word}"' if "'" in word and not set(word) & set('"$`\\!') else shlex.quote(word) for word in words]
    return f"python -m bows.train {' '.join(plain)}"


def _measured_on(runs: Sequence[Run]) -> str:
    """Return corpus, size, runs and seeds as text."""
    if not runs:
        return "–"
    names = sorted({str(run.settings["name"] or run.settings["data"]) for run in runs})
    seeds = len({run.settings["seed"] for run in runs})
    return (
        f"{', '.join(names)}; {len(runs[0].vocabulary):,} words or features; {len(runs)} runs, "
        f"{seeds} seed{'s' if seeds > 1 else ''}"
    )
