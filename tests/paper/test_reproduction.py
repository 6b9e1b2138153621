"""python -m bows.reproduce: what it asks bows.train for, and what it says without runs."""

import shlex
import subprocess
from types import SimpleNamespace

import pytest

from bows import reproduce
from bows.paper import estimate as paper_estimate
from bows.paper import reproduction


@pytest.fixture
def asked(monkeypatch):
    """The words that bows.train would be given."""
    words: list[list[str]] = []

    def run(command, **settings):
        words.append(command[3:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(reproduction.subprocess, "run", run)
    return words


def test_without_runs_nothing_is_measured_and_nothing_holds(tmp_path, capsys):
    assert reproduce.main(["paper", "--no-train", "--outputs", str(tmp_path)]) == 0
    page, table = map(str.strip, capsys.readouterr().out.splitlines())
    assert page.endswith("reports/paper/small/index.html")
    text = (tmp_path / "reports" / "paper" / "small" / "results.md").read_text()
    assert table.endswith("results.md")
    verdicts = [line.split(" | ")[-1].removesuffix(" |") for line in text.splitlines() if line.startswith("| ")]
    assert set(verdicts) == {"verdict", "---", "not measured here"}


def test_each_figure_is_one_sweep_in_a_folder_of_its_own(tmp_path, asked):
    reproduce.main(["months", "synthetic", "city_map", "--train", "a b/text.txt", "--outputs", str(tmp_path)])
    runs = tmp_path / "reports" / "paper" / "small" / "runs"
    months = ["-m", "experiment=paper/small/months", "data=files", "data.train='a b/text.txt'", "data.name='a b'"]
    assert asked[0] == [*months, "hydra/launcher=vectorized", f"hydra.sweep.dir='{runs}/months-a b'", "logger=none"]
    assert asked[1][:2] == ["-m", "experiment=paper/synthetic"]
    assert asked[2][:2] == ["-m", "experiment=paper/city_map"]
    assert not any("launcher" in word for word in asked[2])
    text = (tmp_path / "reports" / "paper" / "small" / "results.md").read_text()
    assert f"`python -m bows.train {shlex.join(asked[2][:2])}`" in text


@pytest.fixture(autouse=True)
def expected(monkeypatch):
    """What is text of time and memory, without timing anything."""
    monkeypatch.setattr(paper_estimate, "estimate", lambda words: SimpleNamespace(text=f"two days for {words[0]}"))


def test_the_full_size_takes_the_presets_as_they_are_and_says_first_how_long(tmp_path, asked, capsys):
    reproduce.main(["umap", "--size", "full", "--outputs", str(tmp_path)])
    assert asked[0][1] == "experiment=paper/umap"
    assert (tmp_path / "reports" / "paper" / "full" / "results.md").is_file()
    text = capsys.readouterr().err.splitlines()
    assert text[0] == "umap: two days for experiment=paper/umap"
    assert text[1].startswith("umap: python -m bows.train -m experiment=paper/umap")


def test_an_estimate_alone_trains_and_writes_nothing(tmp_path, asked, capsys):
    assert reproduce.main(["months", "synthetic", "--size", "full", "--estimate", "--outputs", str(tmp_path)]) == 0
    assert asked == []
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().err.splitlines() == ["months: two days for experiment=paper/months"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["mnths"], "error: mnths: there is no such figure; did you mean months?"),
        (["months", "--validation", "x.txt"], "error: --validation=x.txt: it needs --train=<text>"),
        (["months", "--size", "full", "--train", "x.txt"], "error: --train=x.txt: the full size is of WikiText-103"),
        (["months", "--estimate"], "error: --estimate: the small size takes minutes; give --size full"),
        (["months", "--redraw"], "error: --redraw: "),
        (
            ["months", "--words", "river,sea"],
            "error: --words=river,sea: only the figure mechanism explains words; add it",
        ),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, words, line):
    assert reproduce.main([*words, "--outputs", str(tmp_path)]) == 2
    (text,) = capsys.readouterr().err.strip().splitlines()
    assert text.startswith(line)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", ["small", "full"])
def test_runs_that_fail_keep_nothing_else_from_being_measured(tmp_path, monkeypatch, capsys, size):
    codes = iter([1, 0])
    monkeypatch.setattr(
        reproduction.subprocess, "run", lambda command, **settings: subprocess.CompletedProcess(command, next(codes))
    )
    assert reproduce.main(["months", "synthetic", "--size", size, "--outputs", str(tmp_path)]) == 1
    text = capsys.readouterr().err.strip().splitlines()[-1]
    assert text.startswith("error: months: some runs did not complete")
    assert ("python -m bows.reproduce months" in text) is (size == "full")
    text = (tmp_path / "reports" / "paper" / size / "results.md").read_text()
    assert "## synthetic" in text


def test_an_interrupt_ends_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        reproduction.subprocess, "run", lambda command, **settings: subprocess.CompletedProcess(command, 130)
    )
    assert reproduce.main(["months", "umap", "--outputs", str(tmp_path)]) == 130
    assert capsys.readouterr().err.strip().splitlines()[-1] == "interrupted; re-run the same command to resume"


@pytest.mark.slow
@pytest.mark.parametrize("figure", ["months", "umap", "mechanism", "structure", "linear", "controls", "leak"])
def test_each_small_preset_runs_to_its_verdicts(tmp_path, figure, monkeypatch):
    """At toy size: the presets' own settings, but few epochs and a small vocabulary."""
    rows = " ".join(["January December winter summer music war file"] * 9)
    for name, count in (("train", 240), ("validation", 80)):
        (tmp_path / f"{name}.txt").write_text("\n".join(f"{rows} word{chr(97 + at % 26)}" for at in range(count)))
    whole = subprocess.run

    def short(command, **settings):
        return whole(
            [*command, "epochs=1", "seed=1", "data.vocab_size=40", "data.window=4", "latent=4,6,8,10"], **settings
        )

    monkeypatch.setattr(reproduction.subprocess, "run", short)
    text = ["--train", str(tmp_path / "train.txt"), "--validation", str(tmp_path / "validation.txt")]
    # Of the twelve months that paper/controls rewires, this text has two: those runs fail, and say so.
    assert reproduce.main([figure, *text, "--outputs", str(tmp_path / "out")]) == (figure == "controls")
    text = (tmp_path / "out" / "reports" / "paper" / "small" / "results.md").read_text()
    assert f"## {figure}" in text
    assert "no completed run" not in text
