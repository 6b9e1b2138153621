"""In folders that may not be written or read, a command does what it can, or ends in one line."""

import os
import shutil

import pytest

from ..support.campaign import Faults, corpus_command, open_folder, sweep_command, train_command

NOBODY = 65534


@pytest.fixture
def place():
    folder = open_folder()
    yield folder
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


def as_other(faults: Faults, words: list, what: str):
    """Run a command as a user who owns nothing, where this process may; else as the present user, without permissions."""
    return faults.fault(words, "user", NOBODY if os.getuid() == 0 else 0, what)


def seal(folder, mode: int) -> None:
    """Take permissions from a folder and what is in it: 0o555 cannot be written, 0o000 not be read."""
    for path in [*folder.rglob("*"), folder]:
        path.chmod(mode if path.is_dir() else mode & 0o444)


@pytest.mark.faults
def test_folders_of_results(faults, place):
    (place / "text.txt").write_text((faults.folder / "text.txt").read_text())
    faults.folder = place
    words = train_command(faults, place / "outputs")
    assert faults.run(words).code == 0
    assert faults.run(sweep_command(faults, place / "outputs", "basic")).code == 0
    interrupted = train_command(faults, place / "other")
    faults.run(interrupted, "kill", 60)
    run, stopped = place / "outputs" / "run", place / "other" / "run"
    (sweep,) = (place / "outputs" / "sweeps").glob("*/*")
    same_sweep = sweep_command(faults, place / "outputs", "basic")
    for mode, what in ((0o555, "folders that cannot be written"), (0o000, "folders that cannot be read")):
        seal(run, mode), seal(sweep, mode), seal(stopped, mode)
        for asked in (
            ["bows.analyze", f"run={run}"],
            ["bows.report", run],
            ["bows.collect", run],
            ["bows.train", f"resume={stopped}"],
            words,
            ["bows.report", sweep],
            ["bows.collect", sweep],
            ["bows.train", "-m", f"resume={sweep}"],
            [*same_sweep, f"hydra.sweep.dir={sweep}"],
            [*same_sweep, "outputs=/proc/none"],
            ["bows.corpus", *corpus_command(faults, place)[1:-1], f"outputs={run}"],
        ):
            done = as_other(faults, asked, what)
            if mode == 0 and done.code == 0:
                assert asked[0] == "bows.collect", asked  # its table has the problem
        seal(run, 0o755), seal(sweep, 0o755), seal(stopped, 0o755)
    for folder in (run, sweep):
        assert faults.run(["bows.report", folder]).code == 0


@pytest.mark.faults
def test_corpora_and_texts(faults, place):
    (place / "text.txt").write_text((faults.folder / "text.txt").read_text())
    faults.folder = place
    outputs = place / "outputs"
    words = corpus_command(faults, outputs)
    assert faults.run(words).code == 0
    seal(outputs, 0o555)
    assert as_other(faults, words, "folders that cannot be written").code == 0  # what is built is used
    assert as_other(faults, [*words, "data.window=3"], "folders that cannot be written").code == 0
    assert as_other(faults, [*words, "data.vocab_size=20"], "folders that cannot be written").code == 1
    seal(outputs, 0o000)
    assert as_other(faults, words, "folders that cannot be read").code == 1
    copied_text = place / "text.txt"
    copied_text.chmod(0o000)
    done = as_other(faults, corpus_command(faults, place / "new"), "files that cannot be read")
    assert done.code == 1
    assert str(copied_text) in done.error
