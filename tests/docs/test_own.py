"""What the pages on bringing one's own show is written into a copy of the project, and does there what they say."""

import json

import numpy as np
import pytest
from bows_docs.blocks import Block, marked
from safetensors.numpy import load_file

BROUGHT = [
    pytest.param(block, marks=[pytest.mark.slow] if "slow" in block.marks else [], id=f"{block.page.stem}-{block.line}")
    for block in marked("toy")
]


@pytest.mark.parametrize("block", BROUGHT)
def test_what_one_brings_runs(block: Block, commands):
    (words,) = block.commands
    done = commands(*words, *block.marks["toy"].split(), *commands.measured, "logger=none")
    assert done.code == 0, done.output
    assert "Traceback" not in done.output
    if check := CHECKS.get(block.page.stem):
        check(done)


def unit_directions(done) -> None:
    weight = load_file(done.folder / "model.safetensors")["encoder.weight"]
    np.testing.assert_allclose(np.linalg.norm(weight, axis=0), 1, rtol=1e-6)


def norm_spread(done) -> None:
    lengths = np.linalg.norm(load_file(done.folder / "model.safetensors")["encoder.weight"].astype(float), axis=0)
    summary = json.loads((done.folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["capacity/norm_spread"] == pytest.approx(lengths.std() / lengths.mean(), rel=1e-5)
    header = (done.folder / "metrics.csv").read_text(encoding="utf-8").partition("\n")[0]
    assert "capacity/norm_spread" in header.split(",")


def last_first(done) -> None:
    started = [done.output.index(f"#{number} : ") for number in (2, 1, 0)]
    assert started == sorted(started)


CHECKS = {"model": unit_directions, "metric": norm_spread, "launcher": last_first}


def test_the_test_of_the_metric_passes(commands):
    file = commands.project / "tests" / "analysis" / "test_norm_spread.py"
    done = commands(
        "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--rootdir", str(commands.project), str(file)
    )
    assert done.code == 0, done.output
    assert "3 passed" in done.output


def test_every_file_that_is_shown_is_used():
    """A page that shows a file or a change also has a command that needs it."""
    shown = {block.page for mark in ("file", "patch") for block in marked(mark)}
    assert shown
    assert shown <= {block.page for block in marked("toy")}
