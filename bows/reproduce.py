"""python -m bows.reproduce: the paper's figures trained again, and its claims beside what was measured."""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bows.cli.pipes import quietly
from bows.errors import BowsError, SettingError

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """The command: train what is not trained yet, measure, and write outputs/reports/paper/<size>/index.html and results.md."""
    from bows.paper.presets import PRESETS, SIZES

    parser = argparse.ArgumentParser(
        prog="python -m bows.reproduce",
        description="Train the paper's figures again, skipping what is done, and write each claim beside what was measured.",
    )
    parser.add_argument("figures", nargs="+", help=f"paper, for all of them, or some of: {', '.join(PRESETS)}")
    parser.add_argument(
        "--size", default="small", choices=SIZES, help="of the presets on text: small (default) or full (WikiText-103)"
    )
    parser.add_argument(
        "--train", help="text for the small size, a file or a pattern (default: the corpus that Python carries)"
    )
    parser.add_argument("--validation", help="held-out text for the small size")
    parser.add_argument(
        "--words",
        type=lambda text: text.split(","),
        default=[],
        help="of mechanism: words to explain, as river,Christmas (default: some)",
    )
    parser.add_argument(
        "--estimate", action="store_true", help="of the full size: only say how long it takes and how much memory"
    )
    parser.add_argument(
        "--redraw", action="store_true", help="only draw the figures again, from the tables beside them"
    )
    parser.add_argument("--no-train", action="store_true", help="measure the runs that are there")
    parser.add_argument(
        "--outputs", type=Path, default=Path(os.environ.get("BOWS_OUTPUTS", "outputs")), help="where all of it goes"
    )
    given = parser.parse_args(arguments)
    try:
        files, failed = _reproduce(given)
    except BowsError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        return INTERRUPTED
    for file in files:
        print(file)
    if failed:
        small = f"; the small version: python -m bows.reproduce {failed[0]}" if given.size == "full" else ""
        print(
            f"error: {', '.join(failed)}: runs did not all complete (the lines above say why), and what rests on them is not measured; "
            f"the same command goes on{small}",
            file=sys.stderr,
        )
    return 1 if failed else 0


def _reproduce(given: argparse.Namespace) -> tuple[list[Path], list[str]]:
    """The files written, and the figures whose runs did not all complete."""
    # Imported here: --help needs none of them.
    from bows.config.overrides import quoted
    from bows.paper.presets import PRESETS
    from bows.paper.results import write_results

    figures = _figures(given.figures, list(PRESETS))
    if given.estimate and given.size != "full":
        raise SettingError("--estimate: the small size takes minutes; give --size full, or leave --estimate out")
    if given.words and "mechanism" not in figures:
        raise SettingError(
            f"--words={','.join(given.words)}: they are words of the figure mechanism; add it, or leave them out"
        )
    text = _text(given)
    # Of this process and of bows.train: runs say by it where their corpora lie.
    os.environ["BOWS_OUTPUTS"] = str(given.outputs.absolute())
    root = given.outputs.absolute() / "reports" / "paper" / given.size
    if given.redraw:
        return _redrawn(figures, root), []
    found, failed = {}, []
    for figure in figures:
        preset = PRESETS[figure]
        if given.size == "full" and preset.text and (given.estimate or not given.no_train):
            _say_what_it_takes(figure, preset.experiment(figure, given.size))
        if given.estimate:
            continue
        sweep = root / "runs" / (f"{figure}-{_name(given)}" if preset.text else figure)
        words = ["-m", f"experiment={preset.experiment(figure, given.size)}", *(text if preset.text else [])]
        words += ["hydra/launcher=vectorized"] if preset.stacked else []
        command = [*words, f"hydra.sweep.dir={quoted(sweep)}", "logger=none"]
        if not given.no_train:
            commands = [command, [*command, *preset.more]] if preset.more else [command]
            # Every one of them is tried: what one corpus lacks keeps nothing else from being measured.
            if not all([_train(figure, each) for each in commands]):
                failed.append(figure)
        found[figure] = _measured(figure, sweep, root, in_shell(words), given.words)
    return [] if given.estimate else write_results(root, given.size, found), failed


def _measured(figure: str, sweep: Path, root: Path, command: str, words: list[str]) -> Any:
    """What the runs in a sweep's folder say, with their report and their pictures; what is not drawn is said."""
    from bows.paper.drawings import make
    from bows.paper.pictures import pictures
    from bows.paper.presets import PRESETS
    from bows.paper.results import Measurement
    from bows.paper.runs import completed
    from bows.reports.sweep_report import write_sweep_report

    runs = completed(sweep)
    report = write_sweep_report(sweep) if len(runs) > 1 else None
    measured = PRESETS[figure].measure(runs)
    drawn = list(make(figure, runs, root / "figures", words))
    for picture in drawn:
        if picture.file is None:
            print(f"{figure}: not drawn: {picture.caption}: {picture.missing}", file=sys.stderr)
    link = None if report is None else os.path.relpath(report, root)
    return Measurement(measured, _on(runs), command, link, [*drawn, *pictures(figure, sweep, runs)])


def _say_what_it_takes(figure: str, experiment: str) -> None:
    from bows.paper.estimate import estimate

    print(f"{figure}: {estimate([f'experiment={experiment}']).told}", file=sys.stderr, flush=True)


def _redrawn(figures: list[str], root: Path) -> list[Path]:
    """The pictures drawn again from the tables of some figures."""
    from bows.paper.drawings import redraw

    drawn = redraw(figures, root / "figures")
    if not drawn:
        raise SettingError(
            f"--redraw: {root / 'figures'} holds no table of {', '.join(figures)}; leave it out once, so that they are made"
        )
    return drawn


def _figures(asked: list[str], known: list[str]) -> list[str]:
    from bows.config.validate import suggest

    if asked == ["paper"]:
        return known
    for name in asked:
        if name not in known:
            raise SettingError(f"{name}: there is no such figure; {suggest(name, [*known, 'paper'])}")
    return [name for name in known if name in asked]


def _text(given: argparse.Namespace) -> list[str]:
    """Overrides that choose the text."""
    from bows.config.overrides import quoted

    for name in ("train", "validation"):
        if getattr(given, name) is not None and given.size == "full":
            raise SettingError(
                f"--{name}={getattr(given, name)}: the full size is of WikiText-103; leave it out, or use --size small"
            )
    if given.validation is not None and given.train is None:
        raise SettingError(f"--validation={given.validation}: it goes with --train=<text>")
    if given.train is None:
        return []
    chosen = ["data=files", f"data.train={quoted(given.train)}", f"data.name={quoted(_name(given))}"]
    return chosen if given.validation is None else [*chosen, f"data.validation={quoted(given.validation)}"]


def _name(given: argparse.Namespace) -> str:
    """Of the text."""
    if given.size == "full":
        return "wikitext103"
    return "pydoc" if given.train is None else Path(given.train).parent.name or Path(given.train).stem


def _train(figure: str, words: list[str]) -> bool:
    """Whether all runs of a command completed. Raises KeyboardInterrupt where they were interrupted."""
    print(f"{figure}: {in_shell(words)}", file=sys.stderr, flush=True)
    ended = subprocess.run([sys.executable, "-m", "bows.train", *words], stdout=subprocess.DEVNULL)
    if ended.returncode == INTERRUPTED:
        raise KeyboardInterrupt
    return ended.returncode == 0


def in_shell(words: Sequence[str]) -> str:
    """A command of bows.train as one would type it."""
    plain = [f'"{word}"' if "'" in word and not set(word) & set('"$`\\!') else shlex.quote(word) for word in words]
    return f"python -m bows.train {' '.join(plain)}"


def _on(runs: list) -> str:
    """Corpus and size of some runs, in words."""
    if not runs:
        return "–"
    names = sorted({str(run.dials["name"] or run.dials["data"]) for run in runs})
    features = len(runs[0].vocabulary)
    seeds = len({run.dials["seed"] for run in runs})
    return (
        f"{', '.join(names)}; {features:,} words or features; {len(runs)} runs, {seeds} seed{'s' if seeds > 1 else ''}"
    )


def command_line() -> None:
    """python -m bows.reproduce, and bows-reproduce, which is the same."""
    sys.exit(quietly(main))


if __name__ == "__main__":
    command_line()
