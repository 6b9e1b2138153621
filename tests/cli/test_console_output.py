"""What a run and a sweep print from their first line to their last, with numbers masked."""

import re

import pytest

SMALL = ["data=files", "data.vocab_size=60", "data.window=4", "data.min_chars=20", "data.batch_size=16", "latent=4", "epochs=2",
         "analysis.figures=false", "logger=none", "analysis.nearest_to=[December]"]  # fmt: skip

RUN_LOG = """\
"""
RUN_RESULT = """\
"""
SWEEP_RESULT = """\
"""


def masked(text: str, *places) -> str:
    """Paths, words that training chooses, and numbers as placeholders."""
    for place in places:
        text = text.replace(str(place), "<folder>")
    text = re.sub(r"(nearest to \S+): .*", r"\1: <words>", text)
    text = re.sub(r"best ordered set: \w+", "best ordered set: <set>", text)
    text = re.sub(r"[-+]?\d[\d,.:]*(e-?\d+)?", "#", text)
    return re.sub(r" +", " ", text)


@pytest.fixture(scope="module")
def words(tiny_text):
    return ["bows.train", *SMALL, f"data.train={tiny_text}"]


def test_a_run(words, tmp_path, run_command):
    done = run_command([*words, f"outputs={tmp_path}", f"hydra.run.dir={tmp_path / 'run'}"])
    assert done.returncode == 0, done.stderr
    assert masked(done.stderr, tmp_path) == RUN_LOG
    assert masked(done.stdout, tmp_path) == RUN_RESULT


def test_a_sweep(words, tmp_path, run_command):
    sweep = tmp_path / "sweep"
    done = run_command([*words, "-m", "model=tied,linear", "seed=1,2", "hydra/launcher=vectorized", f"outputs={tmp_path}",
                        f"hydra.sweep.dir={sweep}"])  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = masked(re.sub(r"/\d-[0-9a-f]{8}", "/<job>", done.stdout), tmp_path)
    assert lines == SWEEP_RESULT
    alone = run_command(
        [*words, "-m", "seed=1,2", "model=linear", f"outputs={tmp_path}", f"hydra.sweep.dir={tmp_path / 'two'}"]
    )
    started = [line for line in masked(alone.stderr, tmp_path).splitlines() if "job #" in line]
    assert started == ["INFO job # of #: ## : seed=#", "INFO job # of #, about # left: ## : seed=#"]
