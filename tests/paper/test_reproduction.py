"""python -m bows.reproduce: what it asks bows.train for, and what it says without runs."""

import shlex
import subprocess
from types import SimpleNamespace

import pytest

from bows import reproduce
from bows.cli.preflight import composed_sample
from bows.config.overrides import parse
from bows.config.validate import check
from bows.paper import estimate as paper_estimate
from bows.paper import reproduction
from bows.paper.presets import PRESETS


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


def test_figures_without_claims_do_not_replace_the_verdicts(tmp_path, asked):
    root = tmp_path / "reports" / "paper" / "small"
    reproduce.main(["months", "--outputs", str(tmp_path)])
    before = (root / "results.md").read_text()
    assert reproduce.main(["replication", "removal", "--outputs", str(tmp_path)]) == 0
    assert (root / "results.md").read_text() == before
    assert "## replication" in (root / "removal-replication.md").read_text()
    # One trains the runs of the months' preset, in their folder; the other its own, by three commands.
    experiments = [words[1].rpartition("/")[2] for words in asked]
    assert experiments == ["months", "removal", "removal", "removal", "months"]
    assert "data.remove=null" in asked[2]
    assert asked[0][-2] == asked[-1][-2] == f"hydra.sweep.dir='{root}/runs/months-pydoc'"


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
        (["months", "--size", "medium"], "error: --size medium: it needs --train=<text> of 100 MB or so"),
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


def test_too_little_text_for_the_medium_size_is_refused_before_training(tmp_path, asked, capsys):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_bytes(b"x" * 600_000)
    assert (
        reproduce.main(["umap", "--size", "medium", "--train", f"{tmp_path}/*.txt", "--outputs", str(tmp_path / "out")])
        == 2
    )
    text = capsys.readouterr().err
    assert "1.2 MB are too few for the 10,000 words of --size medium, and fit about 1,200; give 10 MB or more" in text
    assert asked == []


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


@pytest.mark.parametrize("figure", [name for name, preset in PRESETS.items() if preset.text and not preset.runs_of])
def test_the_medium_size_keeps_the_vocabulary_of_the_paper_and_three_seeds(compose, figure):
    config = compose(f"experiment=paper/medium/{figure}", "data.train=x.txt")
    check(config)
    data = config["data"]
    assert (data["vocab_size"], data["window"], data["words"], data["batch_size"]) == (10_000, 20, "paper", 512)
    assert {"January", "Monday", "Neptune"} <= set(data["include"])
    # The decay over a run is the same at every stride: learning rate times windows.
    assert config["lr"] / data["stride"] == pytest.approx(5e-4 / 4 if figure != "structure" else 1e-3 / 16)
    assert config["epochs"] == 4
    sample = composed_sample("train", parse([f"experiment=paper/medium/{figure}", "data.train=x.txt"]))
    assert sample.hydra.sweeper.params["seed"] == ("1" if figure == "ring_edge" else "1,2,3")


@pytest.mark.slow
@pytest.mark.parametrize("figure", ["months", "controls", "ring_edge"])
def test_a_medium_preset_runs_at_toy_size(tmp_path, figure, monkeypatch):
    months = "January February March April May June July August September October November December"
    for name, count in (("train", 400), ("validation", 120)):
        rows = [
            f"{months.split()[at % 12]} {months.split()[(at + 1) % 12]} word{chr(97 + at % 26)} river music" * 2
            for at in range(count)
        ]
        (tmp_path / f"{name}.txt").write_text("\n".join(rows))
    monkeypatch.setattr(reproduction, "BYTES_PER_WORD", 1)
    whole = subprocess.run
    toy = ["epochs=1", "seed=1", "data.vocab_size=40", "data.window=4", "data.batch_size=16", "latent=6"]
    monkeypatch.setattr(reproduction.subprocess, "run", lambda command, **settings: whole([*command, *toy], **settings))
    text = ["--train", str(tmp_path / "train.txt"), "--validation", str(tmp_path / "validation.txt")]
    assert reproduce.main([figure, "--size", "medium", *text, "--outputs", str(tmp_path / "out")]) == 0
    name = "ring_edge" if figure == "ring_edge" else "results"
    table = (tmp_path / "out" / "reports" / "paper" / "medium" / f"{name}.md").read_text()
    assert f"experiment=paper/medium/{figure}" in table
    assert "no completed run" not in table


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
