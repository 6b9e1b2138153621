"""Sweeps over what does not exist, and into folders that cannot be written, end in one line before anything is made."""

import subprocess
import sys

import pytest

from bows.cli.preflight import check_command_line
from bows.config.launchers import register_launchers
from bows.errors import SettingError


@pytest.fixture(autouse=True)
def launchers():
    register_launchers()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("model=tied,nope", "model=nope: there is no such option; .*tied"),
        ("wdd=1,2", "wdd: there is no such setting; did you mean wd?"),
        ("wd=range(1,1)", "wd=range(1,1): there is no value in it to sweep over"),
        ("model=glob(*)", "model=glob(*): glob is not known here"),
        ("hydra/launcher=vectorised", "hydra/launcher=vectorised: there is no such option; options: basic, vectorized"),
        (
            "hydra.launcher.stack_member=3",
            "hydra.launcher.stack_member: basic has no such setting; did you mean stack_members?",
        ),
        ("hydra.launcher.n_jobs=3", "hydra.launcher.n_jobs: basic has no such setting; known: "),
    ],
)
def test_a_sweep_over_what_does_not_exist(word, said):
    with pytest.raises(SettingError) as raised:
        check_command_line("train", [word], multirun=True)
    start, _, rest = said.partition(".*")
    assert str(raised.value).startswith(start)
    assert rest in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_other_sweepers_and_engines_need_is_let_through():
    check_command_line(
        "train", ["wd=interval(0,1)", "hydra/launcher=joblib", "+hydra.launcher.verbose=1"], multirun=True
    )


def test_a_folder_that_cannot_be_written(tmp_path, run_command):
    (tmp_path / "file").touch()
    words = ["-m", "data=circular", "wd=1,2", f"hydra.sweep.dir={tmp_path / 'file' / 'sweep'}"]
    done = run_command(["bows.train", *words])
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"error: outputs: {tmp_path / 'file' / 'sweep'} cannot be written")


def test_a_setting_of_the_group_swept_over_is_told_with_two_plus_signs(tmp_path, run_command):
    words = ["-m", "data=circular,iid", "data.train_rows=600", f"hydra.sweep.dir={tmp_path / 'sweep'}"]
    done = run_command(["bows.train", *words])
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.endswith("In a sweep over its group write ++data.train_rows=600")


@pytest.mark.parametrize("words", [["--help"], ["--cfg", "job"]])
def test_a_reader_that_stops_is_no_error(words):
    with subprocess.Popen(
        [sys.executable, "-m", "bows.train", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_an_unknown_flag_is_refused(run_command):
    done = run_command(["bows.train", "--foo"])
    assert done.returncode == 2
    assert "unrecognized arguments: --foo" in done.stderr
