"""Figures drawn in processes beside this one."""

import os
import time
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

from bows.figures.gram import gram_heat_map
from bows.figures.render_pool import Drawers, Picture, draw

from ..support.commands import HUNG, wait_for


def _picture(value=1.0):
    return Picture(gram_heat_map, (np.full((2, 2), value), ["a", "b"], "Gram"))


@pytest.fixture(scope="module")
def drawers():
    with Drawers(2) as started:
        yield started


def test_the_files_are_those_drawn_here(tmp_path, drawers):
    here = draw(tmp_path / "here", {"gram": _picture()})
    there = [drawers.draw(tmp_path / f"there{place}", {"gram": _picture(place + 1.0)}) for place in range(5)]
    assert [each.result()["gram"] for each in there] == [tmp_path / f"there{n}" / "gram.png" for n in range(5)]
    for ending in ("png", "pdf", "svg"):
        same = (tmp_path / "there0" / f"gram.{ending}").read_bytes()
        assert same == here["gram"].with_suffix(f".{ending}").read_bytes()
        assert same != (tmp_path / "there4" / f"gram.{ending}").read_bytes()


def test_an_error_is_raised_where_the_figure_was_asked_for_and_harms_no_other(tmp_path, drawers):
    bad = drawers.draw(tmp_path, {"gram": Picture(gram_heat_map, (np.eye(2), ["a"]))})
    good = drawers.draw(tmp_path, {"gram": _picture()})
    with pytest.raises(ValueError, match="does not fit 1 words"):
        bad.result()
    assert good.result()["gram"].exists()


def test_a_killed_process_is_an_error_where_the_figure_was_asked_for(tmp_path):
    with Drawers(1) as drawers:
        drawers.draw(tmp_path, {"gram": _picture()}).result()
        (process,) = drawers._executor._processes.values()
        process.kill()
        process.join()
        with pytest.raises(BrokenProcessPool):
            drawers.draw(tmp_path, {"gram": _picture()}).result()


def test_the_processes_end_with_the_one_that_began_them(tmp_path, run_command):
    script = (
        "import sys, time; from pathlib import Path; from bows.figures.render_pool import Drawers; d = Drawers(2);"
        "Path(sys.argv[1]).write_text(' '.join(map(str, d._executor._processes)) + ' '); time.sleep(1e6)"
    )
    file = tmp_path / "pids"
    parent = run_command.popen(["-c", script, file])
    wait_for(parent, lambda: file.exists() and file.read_text().endswith(" "))
    pids = [int(pid) for pid in file.read_text().split()]
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    end = time.monotonic() + HUNG
    while any(_lives(pid) for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.02)


def _lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"
