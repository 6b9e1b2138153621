"""Sweeps over what does not exist, and into folders that cannot be written, end in one line before anything is made."""

import os
import subprocess
import sys

import pytest

from bows.cli.preflight import check_command_line
from bows.config.launchers import register_launchers
from bows.config.overrides import normalized, parse
from bows.errors import SettingError

from ..support.commands import REPOSITORY


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


@pytest.mark.parametrize("words", [["train", "--help"], ["train", "--cfg", "job"], ["corpus", "data=circular"]])
def test_a_reader_that_stops_is_no_error(words):
    command, *words = words
    with subprocess.Popen(
        [sys.executable, "-m", f"bows.{command}", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["optimizer=adamW"], "optimizer=adamW: there is no such option; did you mean adamw?"),
        (["optimizer.momentum=0.5"], "options of optimizer that have it: sgd (chosen: adamw)"),
        (["model.hidden=3"], "options of model that have it: deep, pair_classifier (chosen: tied)"),
        (["data=circular", "data.window=3"], "options of data that have it: files, hub, openwebtext, pydoc, wiki"),
        (
            ["data=circular", "data.stopwords=null"],
            "did you mean data.stop_words? options of data that have it: files, hub, openwebtext, pydoc, wiki",
        ),
        (["learning_rate=1"], "learning_rate: there is no such setting; did you mean lr?"),
        (["=4"], "=4: there is no name of a setting before =; write setting=value"),
        (["+=4"], "+=4: there is no name of a setting before =; write setting=value"),
        ([f"name={'é' * 101}"], "is not allowed (longer than 200 bytes); allowed: text without slashes"),
        (["name=5"], "name=5 is not allowed; allowed: text without slashes or line breaks, 1 to 200 bytes; as text: \"name='5'\""),
        (["data.include=[nan,null]"], "; as text: \"data.include=['nan','null']\""),
        (["+analysis.sets.d=[a,a,b]"], "analysis.sets.d=['a', 'a', 'b'] is not allowed (a word twice); allowed: a list"),
        (["+analysis.sets.d=[é,e\u0301,b]"], "is not allowed (a word twice); allowed: a list"),
        (["+analysis.sets={a/b: [a,b,c]}"], "analysis.sets.a/b: this name is not allowed; allowed: text without slashes"),
        (["analysis.sets={../../evil: [a,b,c]}"], "analysis.sets.../../evil: this name is not allowed"),
        (["trainer.strategy=ddpp"], "trainer.strategy=ddpp is not allowed; did you mean ddp?"),
        (["trainer.strategy=nothing_like_it"], "trainer.strategy=nothing_like_it is not allowed; known: auto, ddp, "),
        (["outputs="], "outputs= is empty; give a folder"),
        (["outputs='  '"], "outputs= is empty; give a folder"),
        (["hydra.mode=MULTIRUN"], "hydra.mode=MULTIRUN: leave it out; a sweep is chosen by -m"),
    ],
)  # fmt: skip
def test_a_setting_that_is_not_allowed(words, said):
    with pytest.raises(SettingError) as raised:
        check_command_line("train", words)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_sweep_does_not_write_into_the_root_folder():
    with pytest.raises(SettingError, match="outputs= is empty"):
        check_command_line("train", ["outputs=", "wd=1,2"], multirun=True)


@pytest.mark.parametrize("word", ["nan", "inf", "1e5", "-2.5"])
def test_a_word_that_hydra_takes_for_a_number(word):
    with pytest.raises(SettingError) as raised:
        check_command_line("analyze", ["run=x", f"word={word}"])
    assert str(raised.value) == f"word={word} is a number; for the word {word} itself write \"word='{word}'\""
    check_command_line("analyze", ["run=x", f"word='{word}'"])


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("name=naïve", "naïve"),
        ("name=日本 語", "日本 語"),
        ("data.include=[café, thé,'été',milk]", ["café", "thé", "été", "milk"]),
        ("data.stop_words=données/é't.txt", "données/é't.txt"),
        ("data.rewire={words:[é,b]}", {"words": ["é", "b"]}),
    ],
)
def test_values_outside_ascii_need_no_quotes(word, value):
    (override,) = parse(normalized([word]))
    assert override.value() == value
    assert normalized(normalized([word])) == normalized([word])


def test_a_sweep_over_values_outside_ascii():
    (override,) = parse(normalized(["name=é,ü"]))
    assert list(override.sweep_string_iterator()) == ["'é'", "'ü'"]


def test_a_run_is_not_written_into_the_folder_of_another(tmp_path):
    (tmp_path / "status.json").write_text('{"state": "completed"}')
    report = f"write its report with python -m bows.report {tmp_path}, or "
    for remedy in (report, ""):
        line = f"^hydra.run.dir={tmp_path}: this folder contains a completed run; {remedy}choose another folder$"
        with pytest.raises(SettingError, match=line):
            check_command_line("train", ["seed=5", f"hydra.run.dir={tmp_path}"])
        (tmp_path / "report.html").write_text("")
    (tmp_path / "status.json").write_text('{"state": "failed"}')
    with pytest.raises(
        SettingError, match=f"contains a failed run; resume it with resume={tmp_path}, or choose another"
    ):
        check_command_line("train", ["seed=5", f"hydra.run.dir={tmp_path}"])
    check_command_line("train", [f"hydra.run.dir={tmp_path / 'other'}"])


@pytest.mark.parametrize(("words", "command"), [([], "train"), (["-m", "wd=1,2"], "train")])
def test_a_folder_that_cannot_be_made(words, command, run_command):
    done = run_command([f"bows.{command}", *words, "data=circular", "outputs=/proc/x"])
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "/proc/x" in done.stderr


def test_an_empty_environment_variable_is_no_folder(monkeypatch):
    monkeypatch.setenv("BOWS_OUTPUTS", "")
    done = subprocess.run(
        [sys.executable, "-m", "bows.train", "--cfg", "job"], capture_output=True, text=True, check=True, timeout=300
    )
    assert "outputs: ${oc.env:BOWS_OUTPUTS,outputs}" in done.stdout


def test_output_in_ascii_is_escaped(run_command):
    code = (
        "import io, sys; from bows.cli import ignore_broken_pipe; out = sys.stdout = io.TextIOWrapper(io.BytesIO(), 'ascii'); "
        "ignore_broken_pipe(lambda: print('R²')); sys.stderr.write(out.buffer.getvalue().decode())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert done.stderr.strip() == r"R\xb2"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_file_gets_the_number_of_a_closed_stream(tmp_path, closed):
    code = (
        "import os, sys; from bows.cli import ignore_broken_pipe; from pathlib import Path; "
        "ignore_broken_pipe(lambda: os.write(os.open('file', os.O_CREAT | os.O_RDWR), b'data')); os.write(2, b'noise'); "
        "print('out'); print('err', file=sys.stderr); sys.exit(3)"
    )
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, code],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert (tmp_path / "file").read_text() == "data"
    assert done.stdout == ("" if " >" in f" {closed}" else "out\n")
    assert done.stderr == ("" if "2>" in closed else "noiseerr\n")


def test_an_unknown_flag_is_refused(run_command):
    done = run_command(["bows.train", "--foo"])
    assert done.returncode == 2
    assert "unrecognized arguments: --foo" in done.stderr
