"""A damaged file of a run, a sweep or a corpus gives one line that names it, or the right result; never a wrong one."""

import json
import shutil
from pathlib import Path

import pytest

from ..support.campaign import (
    DAMAGES,
    Ended,
    Faults,
    assert_equal,
    contents,
    contract_files,
    copied,
    corpus_command,
    damage,
    jobs,
    sweep_command,
    train_command,
)  # fmt: skip


def damaged(faults: Faults, folder: Path, target: Path, name: str, kind: str) -> Path:
    """Return a copy of a folder in which a file is damaged."""
    copy = copied(folder, target)
    damage(copy / name, kind, faults.random)
    return copy


def ask(faults: Faults, words: list, name: str, kind: str) -> Ended:
    """Run a command on a damaged folder; its error must name the file, or the one that no longer fits it."""
    done = faults.fault(words, "user", 0, f"damaged files: {kind}")
    if done.code:
        assert Path(name).name in done.error or Path(name).parent.name in done.error, (name, kind, done.error)
    return done


def of_a_run(faults: Faults, kinds: list[str]) -> None:
    assert faults.run(train_command(faults, faults.folder / "outputs")).code == 0
    run, copy = faults.folder / "outputs" / "run", faults.folder / "outputs" / "copy"
    files = contract_files(run)
    assert {"status.json", "model.safetensors", "metrics.csv", ".hydra/config.yaml"} <= set(files)
    copied(run, copy)
    done = faults.run(["bows.analyze", f"run={copy}"])
    assert done.code == 0, done.err
    (analysis,) = copy.glob("analysis/*")
    expected = contents(analysis)
    metrics = json.loads((run / "summary.json").read_text())
    for name in files:
        for kind in kinds:
            damaged(faults, run, copy, name, kind)
            if ask(faults, ["bows.analyze", f"run={copy}", "analysis.figures=false"], name, kind).code == 0:
                (analysis,) = copy.glob("analysis/*")
                assert_equal(analysis, expected)
            assert ask(faults, ["bows.report", copy], name, kind).code == 0  # a note takes the place of what is damaged
            done = ask(faults, ["bows.collect", copy, "--output", copy / "tables"], name, kind)
            if done.code == 0:
                (row,) = pyarrow_rows(copy / "tables" / "results.parquet")
                numbers = {key: value for key, value in row.items() if key in metrics}
                assert numbers == metrics or Path(name).name in done.out, (name, kind, done.out)


def pyarrow_rows(path: Path) -> list[dict]:
    from pyarrow import parquet

    return parquet.read_table(path).to_pylist()


def test_weights_with_a_flipped_bit_are_not_used(faults):
    assert faults.run([*train_command(faults, faults.folder / "outputs"), "analysis=none"]).code == 0
    run = damaged(
        faults, faults.folder / "outputs" / "run", faults.folder / "outputs" / "copy", "model.safetensors", "flip"
    )
    assert ask(faults, ["bows.analyze", f"run={run}"], "model.safetensors", "flip").code == 1


@pytest.mark.faults
@pytest.mark.parametrize("kind", DAMAGES)
def test_files_of_a_run(faults, kind):
    of_a_run(faults, [kind])


@pytest.mark.faults
def test_files_of_an_interrupted_run(faults):
    expected = faults.folder / "expected"
    events = faults.events(train_command(faults, expected))
    outputs = faults.folder / "outputs"
    faults.run(train_command(faults, outputs), "kill", events // 2)
    run, copy = outputs / "run", faults.folder / "copies" / "run"
    for name in contract_files(run):
        for kind in DAMAGES:
            damaged(faults, run, copy, name, kind)
            done = ask(faults, ["bows.train", f"resume={copy}"], name, kind)
            if done.code == 0:
                found = contents(copy)
                for file, value in contents(expected / "run").items():
                    # A table that still grows has no checksum yet: what is changed in it before the run is resumed stays.
                    of_the_table = name == "metrics.csv" and file in ("metrics.csv", "summary.json")
                    assert repr(found[file]) == repr(value) or of_the_table, (name, kind, file)


@pytest.mark.faults
def test_files_of_a_sweep(faults):
    outputs = faults.folder / "outputs"
    assert faults.run(sweep_command(faults, outputs, "basic")).code == 0
    (sweep,) = (outputs / "sweeps").glob("*/*")
    expected = {job: contents(folder) for job, folder in jobs(outputs).items()}
    files = [name for name in contract_files(sweep) if "/" not in name] + [f"{min(expected)}/status.json"]
    assert {"jobs.json", "multirun.yaml", "results.parquet"} <= set(files)
    copy = sweep.parent / "99-99-99-999999"
    for name in files:
        for kind in DAMAGES:
            damaged(faults, sweep, copy, name, kind)
            for words in (["bows.collect", copy], ["bows.report", copy]):
                ask(faults, words, name, kind)
            damaged(faults, sweep, copy, name, kind)
            done = ask(faults, [*sweep_command(faults, outputs, "basic"), f"hydra.sweep.dir={copy}"], name, kind)
            if done.code == 0:
                for job, value in expected.items():
                    assert_equal(copy / job, value)
    shutil.rmtree(copy)


@pytest.mark.faults
def test_files_of_a_corpus(faults):
    outputs = faults.folder / "outputs"
    assert faults.run(train_command(faults, outputs)).code == 0
    (corpus,) = (path for path in (outputs / "corpora").glob("*") if path.is_dir())
    expected, safe = contents(corpus), copied(corpus, faults.folder / "safe")
    run = outputs / "run"
    for name in contract_files(safe):
        for kind in DAMAGES:
            for words in (corpus_command(faults, outputs), ["bows.analyze", f"run={run}", "analysis.figures=false"]):
                damaged(faults, safe, corpus, name, kind)
                done = ask(faults, words, name, kind)
                assert done.code == 0, done.err  # it is built again from the text
                assert_equal(corpus, expected)
