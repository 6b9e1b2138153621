"""What a run and a sweep print from their first line to their last, with numbers masked."""

import re

import pytest

SMALL = ["data=files", "data.vocab_size=60", "data.window=4", "data.min_chars=20", "data.batch_size=16", "latent=4", "epochs=2",
         "analysis.figures=false", "logger=none", "analysis.nearest_to=[December]"]  # fmt: skip

RUN_LOG = """\
WARNING data.include (by default days, months and planets): not in the training rows, left out: Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday, Mercury, Venus, Earth, Mars, Jupiter, Saturn, Uranus, Neptune
WARNING data.vocab_size=# the training rows hold only # words; using all of them
INFO # windows of # rows, # per batch
INFO the validation split contains # % of the vocabulary: nothing is measured of the other words on held-out text; give a smaller data.vocab_size or more data.validation
INFO ordered sets without a word in the vocabulary: weekdays, seasons, times_of_day, # more
INFO training on # CPU thread (products of # million multiplications, under # million)
INFO training uses dense bags: precision is #-true
INFO training: # steps
INFO training done in # # windows/s
INFO ordered sets with words that are in no held-out window: months # of #
INFO nearest to December: <words>
WARNING held-out R² is # worse than predicting each word by its frequency; more text, a smaller data.vocab_size, a larger latent, more wd or fewer epochs may help
"""  # noqa: E501
RUN_RESULT = """\
reconstruction/r# #
reconstruction/loss #
packing/interference_rms #
packing/coherence #
capacity/features_per_dimension #
capacity/represented_fraction #
ring/months/order #
speed/windows_per_second #
speed/seconds #
speed/peak_memory_mb #
warning: held-out R² is # worse than predicting each word by its frequency; more text, a smaller data.vocab_size, a larger latent, more wd or fewer epochs may help
R² # on held-out text; # principal components # (#)
best ordered set: <set>, order # (p #)
clusters: not measured (fewer than two categories have ten words here)
nearest to December: <words>
nearest to music: <words>
nearest to city: <words>
report: <folder>/run/report.html
next: python -m bows.analyze run=<folder>/run (every metric; scan=true searches for rings, lines and clusters)
<folder>/run
"""  # noqa: E501
SWEEP_RESULT = """\
<folder>/sweep/<job> model=tied seed=# loss # R² #
<folder>/sweep/<job> model=tied seed=# loss # R² #
<folder>/sweep/<job> model=linear seed=# loss # R² #
<folder>/sweep/<job> model=linear seed=# loss # R² #
model seeds Held-out variance explained (R²) R² of PCA Held-out loss (MSE per cell)
tied # # ± # # ± # # ± #
linear # # ± # # ± # # ± #
"""


def masked(text: str, *places) -> str:
    """Paths, words that training chooses, and numbers as placeholders."""
    for place in places:
        text = text.replace(str(place), "<folder>")
    text = "".join(
        line for line in text.splitlines(True) if not re.search(r"s so far$|\d left$", line)
    )  # of slow machines
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
    assert sorted(lines.splitlines()) == sorted(SWEEP_RESULT.splitlines())  # the best first, whichever it is
    alone = run_command(
        [*words, "-m", "seed=1,2", "model=linear", f"outputs={tmp_path}", f"hydra.sweep.dir={tmp_path / 'two'}"]
    )
    started = [line for line in masked(alone.stderr, tmp_path).splitlines() if "job #" in line]
    assert started == ["INFO job # of # ## : seed=#", "INFO job # of # about # left: ## : seed=#"]
