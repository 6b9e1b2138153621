"""Short lines, quiet libraries, results that fit 60 columns and a log file."""

import io
import logging
import logging.config
import os
import re
import subprocess
import sys
import threading
import warnings

import pytest

from bows import console


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    def make(stream):
        fake = Terminal()
        monkeypatch.setattr(sys, stream, fake)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "60")
        console.console.cache_clear()
        return fake

    yield make
    console.console.cache_clear()


@pytest.fixture
def logger():
    logger = logging.getLogger("bows.test_console")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    yield logger
    logger.handlers.clear()
    logger.propagate = True


def without_colours(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


METRICS = {
    "speed/seconds": 81.23456,
    "reconstruction/r2": 0.4321987,
    "reconstruction/loss": 0.0123456,
    "capacity/features_per_dimension": 12345.678,
    "something/else": 1.0,
}


LABELS = {
    "reconstruction/loss": "Held-out loss (MSE per cell)",
    "reconstruction/r2": "Held-out variance explained (R²)",
    "ring/months/order": "months in cyclic order",
    "capacity/features_per_dimension": "Features per dimension",
    "speed/seconds": "Seconds of training",
}


def test_plain_lines_without_a_terminal(logger, capsys):
    logger.addHandler(console.log_handler())
    logger.info("built %s", "a corpus [red]here[/red]")
    logger.warning("careful")
    captured = capsys.readouterr()
    assert captured.err == "INFO built a corpus [red]here[/red]\nWARNING careful\n"
    assert captured.out == ""


def test_terminal_lines_show_the_level_from_warnings_on(logger, terminal):
    screen = terminal("stderr")
    logger.addHandler(console.log_handler())
    logger.info("built [red]this[/red]")
    logger.warning("careful")
    assert "\x1b[" in screen.getvalue()
    first, second = without_colours(screen.getvalue()).splitlines()
    assert "built [red]this[/red]" in first
    assert "INFO" not in first
    assert "WARNING" in second


def test_the_factory_serves_dict_config(capsys):
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        logging.config.dictConfig(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "handlers": {"console": {"()": "bows.console.log_handler", "level": "WARNING"}},
                "root": {"handlers": ["console"], "level": "INFO"},
            }
        )
        logging.getLogger("bows.test_console.other").info("hidden")
        logging.getLogger("bows.test_console.other").error("seen")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert capsys.readouterr().err == "ERROR seen\n"


def test_libraries_are_quiet_but_their_warnings_pass(caplog):
    with warnings.catch_warnings():
        console.quiet_libraries()
        warnings.warn("The 'train_dataloader' does not have many workers which ...", stacklevel=1)
    with caplog.at_level(logging.INFO):
        for name in ("pytorch_lightning.utilities.rank_zero", "lightning_fabric.utilities.seed", "wandb", "httpx"):
            logging.getLogger(name).info("chatter")
        logging.getLogger("pytorch_lightning.utilities.rank_zero").warning("real")
    assert [record.message for record in caplog.records] == ["real"]
    assert not logging.getLogger("pytorch_lightning").handlers


def test_results_in_a_log_are_plain_aligned_text(capsys):
    folder = "/runs/" + "long/" * 30 + "end"
    console.print_results(METRICS, LABELS, folder)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == folder
    assert [line.split() for line in lines[:-1]] == [
        ["reconstruction/loss", "0.01235"],
        ["reconstruction/r2", "0.4322"],
        ["capacity/features_per_dimension", "12346"],
        ["speed/seconds", "81.23"],
    ]
    assert len({len(line) for line in lines[:-1]}) == 1
    assert all(line.isascii() and len(line) <= 60 for line in lines[:-1])


def test_results_fit_a_narrow_terminal_with_every_number_whole(terminal):
    screen = terminal("stdout")
    console.print_results(METRICS, LABELS, "/runs/" + "x" * 80)
    text = screen.getvalue()
    for number in ("0.01235", "0.4322", "12346", "81.23"):
        assert number in text
    *rows, folder = text.splitlines()
    assert folder == "/runs/" + "x" * 80
    assert all(len(without_colours(row)) <= 60 for row in rows)


def test_results_with_no_metrics_still_name_the_folder(capsys):
    console.print_results({}, LABELS, "/runs/a")
    assert capsys.readouterr().out == "/runs/a\n"


def test_a_long_step_logs_its_seconds_and_a_short_one_nothing(monkeypatch, caplog):
    monkeypatch.setattr(console, "on_terminal", lambda: False)
    monkeypatch.setattr(console, "FIRST_SECONDS", 3600.0)
    with caplog.at_level(logging.INFO), console.working("a short step"):
        pass
    assert caplog.records == []
    logged = threading.Event()

    class Listener(logging.Handler):
        def emit(self, record):
            logged.set()

    monkeypatch.setattr(console, "FIRST_SECONDS", 0.001)
    listener = Listener()
    console.log.addHandler(listener)
    try:
        with caplog.at_level(logging.INFO), console.working("searching"):
            assert logged.wait(600)
    finally:
        console.log.removeHandler(listener)
    assert caplog.records[0].getMessage() == "searching: 0 s so far"
    assert "working" not in {thread.name for thread in threading.enumerate()}


def test_a_job_of_a_sweep_ends_well_where_nobody_reads_its_line():
    code = (
        "import sys; from bows.console import print_line\n"
        "print_line('first'); print_line('second'); print('more', flush=True); sys.stderr.write('ran on')"
    )
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run([sys.executable, "-c", code], stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "ran on")
