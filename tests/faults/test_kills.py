"""Killed at any moment, a command that is given again ends with the files of one that was not disturbed."""

from pathlib import Path

import pytest

from ..support.campaign import Ended, Faults, assert_equal, contents, corpus_command, jobs, sweep_command, train_command


def kill(faults: Faults, words: list[str], events: int) -> Ended:
    """Kill a command before an event drawn at random; or, one time in four, as it writes the bytes drawn of a file."""
    if faults.random.random() < 0.25:
        return faults.fault(words, "tear", int(2 ** faults.random.uniform(6, 18)), "kills in the middle of a write")
    return faults.fault(words, "kill", faults.random.randint(1, events), "kills between two operations")


def again(faults: Faults, words: list[str], events: int, run: Path | None = None) -> None:
    """Kill a command, sometimes repeatedly, then give it again until it has ended well, following the advice of its error lines."""
    done = kill(faults, words, events)
    while done.code:
        words = words if done.code < 0 else advised(done.error, run)
        if not words:
            return
        done = kill(faults, words, events) if faults.random.random() < 0.3 else faults.run(words)


def advised(error: str, run: Path | None) -> list[str]:
    """Return the command that an error line advises; none where the run is completed."""
    if "this run is completed" in error or "a completed run" in error:
        return ["bows.report", str(run)] if f"python -m bows.report {run}" in error else []
    assert f"resume it with resume={run}" in error, error
    return ["bows.train", f"resume={run}"]


def survive(faults: Faults) -> None:
    faults.counts["kills survived, bit-equal"] += faults.counts["processes killed"]


def kill_corpus(faults: Faults, kills: int) -> None:
    whole = faults.folder / "whole"
    events = faults.events(corpus_command(faults, whole))
    expected = contents(whole)
    for number in range(kills):
        again(faults, corpus_command(faults, faults.folder / str(number)), events)
        assert_equal(faults.folder / str(number), expected)
        assert not list((faults.folder / str(number)).rglob(".*building*"))
    survive(faults)


def kill_training(faults: Faults, kills: int) -> None:
    whole = faults.folder / "whole"
    events = faults.events(train_command(faults, whole))
    expected = contents(whole)
    for number in range(kills):
        folder = faults.folder / str(number)
        again(faults, train_command(faults, folder), events, folder / "run")
        assert_equal(folder, expected)
        assert (folder / "run" / "report.html").is_file()
    survive(faults)


def kill_sweep(faults: Faults, kills: int, launcher: str) -> None:
    whole = faults.folder / "whole"
    events = faults.events(sweep_command(faults, whole, launcher))
    expected = jobs(whole)
    assert len(expected) == 2
    for number in range(kills):
        again(faults, sweep_command(faults, faults.folder / str(number), launcher), events)
        found = jobs(faults.folder / str(number))
        assert found.keys() == expected.keys()
        for job, folder in found.items():
            assert_equal(folder, contents(expected[job]))
            assert (folder / "report.html").is_file()
    survive(faults)


def test_a_few_kills_of_a_corpus_and_of_a_run(faults):
    kill_corpus(faults, 2)
    kill_training(faults, 1)


@pytest.mark.faults
@pytest.mark.parametrize("part", range(2))
def test_corpora(faults, part):
    kill_corpus(faults, 6)


@pytest.mark.faults
@pytest.mark.parametrize("part", range(3))
def test_training(faults, part):
    kill_training(faults, 4)


@pytest.mark.faults
@pytest.mark.parametrize("launcher", ["basic", "vectorized"])
def test_sweeps(faults, launcher):
    kill_sweep(faults, 6, launcher)
