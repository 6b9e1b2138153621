"""A full disk ends a command in one line; once there is space, the same command ends as if nothing had happened."""

import shutil
import subprocess

import pytest

from ..support.campaign import (
    Faults,
    assert_equal,
    contents,
    copied,
    corpus_command,
    jobs,
    open_folder,
    sweep_command,
    train_command,
)  # fmt: skip

COMMANDS = {
    "corpus": corpus_command,
    "train": train_command,
    "stack": lambda faults, outputs: sweep_command(faults, outputs, "vectorized"),
    "sweep": lambda faults, outputs: sweep_command(faults, outputs, "basic"),
}


def fill(faults: Faults, words: list, events: int) -> None:
    """Run a command on a disk that is full from a moment drawn at random on, or that holds no file beyond a size drawn."""
    if faults.random.random() < 0.5:
        faults.fault(words, "full", faults.random.randint(1, events), "disk full from a moment on")
    else:
        faults.fault(words, "size", int(2 ** faults.random.uniform(5, 18)), "disk full at a size")


@pytest.mark.faults
@pytest.mark.parametrize("kind", COMMANDS)
def test_a_command_that_writes(faults, kind):
    command = COMMANDS[kind]
    whole = faults.folder / "whole"
    events = faults.events(command(faults, whole))
    for number in range(6):
        outputs = faults.folder / str(number)
        fill(faults, command(faults, outputs), events)
        done = faults.run(command(faults, outputs))
        if kind == "train" and done.code:
            if "completed run" not in done.error:
                assert f"resume it with resume={outputs / 'run'}" in done.error
                done = faults.run(["bows.train", f"resume={outputs / 'run'}"])
                assert done.code == 0, done.err
        else:
            assert done.code == 0, done.err
        if kind in ("stack", "sweep"):
            for job, folder in jobs(outputs).items():
                assert_equal(folder, contents(jobs(whole)[job]))
        else:
            assert_equal(outputs, contents(whole))


@pytest.mark.faults
@pytest.mark.parametrize("reader", ["bows.analyze", "bows.report", "bows.collect"])
def test_a_command_that_reads_a_run(faults, reader):
    words = train_command(faults, faults.folder / "outputs")
    assert faults.run(words).code == 0
    run = faults.folder / "outputs" / "run"
    for number in range(6):
        folder = copied(run, faults.folder / str(number))
        asked = [f"run={folder}"] if reader == "bows.analyze" else [folder]
        before = contents(folder)
        events = 40 if reader == "bows.analyze" else 3
        fill(faults, [reader, *asked, *(["--output", folder / "tables"] if reader == "bows.collect" else [])], events)
        shutil.rmtree(folder / "tables", ignore_errors=True)
        assert_equal(folder, before)


@pytest.fixture
def small_disk():
    """A disk of its own, of a size to choose; where none can be made, none."""
    folder = open_folder()

    def make(size: int):
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "bows-faults", str(folder)]
        try:
            return folder if subprocess.run(command, capture_output=True).returncode == 0 else None
        except OSError:
            return None

    yield make
    subprocess.run(["umount", str(folder)], capture_output=True)
    folder.rmdir()


@pytest.mark.faults
@pytest.mark.parametrize("number", range(5))
def test_a_disk_of_its_own_that_fills(faults, small_disk, number):
    size = int(2 ** faults.random.uniform(14, 20))
    disk = small_disk(size)
    if disk is None:
        fill(faults, train_command(faults, faults.folder / "outputs"), 100)
        return
    words = train_command(faults, disk / "outputs")
    faults.fault(words, "user", 0, "a real disk that is full")
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    done = faults.run(words)
    if done.code and "completed run" not in done.error:
        done = faults.run(["bows.train", f"resume={disk / 'outputs' / 'run'}"])
        assert done.code == 0, done.err
    expected = faults.folder / "expected"
    assert faults.run(train_command(faults, expected)).code == 0
    assert_equal(disk / "outputs", contents(expected))
