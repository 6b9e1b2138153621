"""Time and memory of a full-size preset, from steps whose times are known."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from bows.paper import estimate as estimating
from bows.paper.estimate import ROWS, estimate

BATCHES = math.ceil((ROWS["wikitext103"] - 19) / 512)
SIZES = [50, 75, 100, 125, 150, 200, 250, 300, 400, 600, 800, 1000, 2000, 4000, 6000, 10000]


@pytest.fixture
def timed(monkeypatch):
    """Latent sizes that were timed; a step takes 0.1 s and 2 ms a latent dimension."""
    sizes = []

    def time_training(corpus, latent, batch, window, warm_up, timed):
        assert len(corpus.vocabulary) == 10_000
        assert (batch, window) == (512, 20)
        sizes.append(latent)
        return SimpleNamespace(steps=np.full(timed, 0.1 + 0.002 * latent))

    monkeypatch.setattr(estimating, "time_training", time_training)
    monkeypatch.setattr(estimating, "free_bytes", lambda accelerator: 8 * 10**9)
    return sizes


def test_the_time_of_every_size_follows_from_two(timed):
    found = estimate(["experiment=paper/structure"])
    assert timed == [50, 1000]
    assert (found.jobs, found.closed) == (48, 0)
    assert found.seconds == pytest.approx(3 * 10 * BATCHES * sum(0.1 + 0.002 * size for size in SIZES))
    assert found.step_seconds == {50: pytest.approx(0.2), 10_000: pytest.approx(20.1)}
    # Half of what is free bounds a stack, but the largest model has to fit: weights, gradients and two moments of 10,000 x 10,000.
    assert found.memory >= 4 * 4 * 10_000 * 10_000
    assert "48 models, about" in found.text
    assert "days of training" in found.text


def test_models_in_closed_form_are_not_timed(timed):
    found = estimate(["experiment=paper/months"])
    assert timed == [1000]
    assert (found.jobs, found.closed) == (2, 1)
    assert found.seconds == pytest.approx(10 * BATCHES * 2.1)
    assert "(1 of them in closed form, not timed)" in found.text
    assert found.text.count("at m =") == 1


@pytest.mark.parametrize("figure", ["umap", "mechanism", "linear", "controls", "leak"])
def test_every_preset_on_text_can_be_estimated(timed, figure):
    assert estimate([f"experiment=paper/{figure}"]).seconds > 3600
