"""Every command starts in a Python of its own, and prints its help without importing what takes long."""

import gc
import subprocess
import sys
from importlib import import_module

import pytest
from omegaconf import OmegaConf

from bows.cli import hydra_app

HEAVY = {"torch", "pytorch_lightning", "wandb", "datasets", "pyarrow", "scipy", "sklearn", "pydantic", "matplotlib"}


@pytest.mark.parametrize("name", ["train", "corpus", "analyze", "collect", "report", "dashboard", "reproduce"])
def test_help_is_light(name):
    code = f"""
import runpy, sys
sys.argv = ["bows.{name}", "--help"]
try:
    runpy.run_module("bows.{name}", run_name="__main__")
except SystemExit as ended:
    assert not ended.code
print("imported:", sorted({HEAVY} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    *text, imported = done.stdout.splitlines()
    assert len(text) > 5
    assert imported == "imported: []"


JOBS = {
    "train": "bows.training.run.train_job",
    "analyze": "bows.evaluation.analyze.analyze_job",
    "corpus": "bows.config.validate.check",
}


@pytest.fixture
def collecting(monkeypatch):
    """Whether garbage was being collected whenever one of some functions was called; they do nothing else."""
    found: list[bool] = []
    import_module("bows.cli.preflight")  # binds the functions of the configuration before they are replaced
    for function in (*JOBS.values(), "bows.cli.hydra_app.do"):
        monkeypatch.setattr(function, lambda *arguments: found.append(gc.isenabled()))
    monkeypatch.setattr("bows.data.summary.corpus_summary", lambda corpus: [])
    monkeypatch.setattr("bows.corpus.instantiate_plain", lambda settings: None)
    yield found
    gc.unfreeze()
    gc.enable()


@pytest.mark.parametrize("name", JOBS)
def test_garbage_is_collected_from_the_end_of_the_imports_on(name, collecting):
    gc.disable()
    import_module(f"bows.{name}").main(OmegaConf.create({"data": {}}))
    assert collecting == [True]


@pytest.mark.parametrize(("words", "expected"), [(["-m", "seed=1,2"], True), (["seed=1"], False)])
def test_a_sweep_collects_garbage_and_a_job_does_after_its_own_imports(words, expected, collecting, monkeypatch):
    monkeypatch.setattr("sys.argv", ["bows.train", *words, "logger=none"])
    hydra_app.run(lambda config: None, "train")
    assert collecting == [expected]
    assert gc.isenabled()


def test_a_sweep_whose_reader_left_is_no_failed_sweep(capfd):
    def command():
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):  # which `ignore_broken_pipe` ends with exit code 0
        hydra_app._sweep(command, "train", debug=False)
    assert "failed" not in capfd.readouterr().err
