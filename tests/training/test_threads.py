"""The number of CPU threads follows from the size of the products; results do not depend on it."""

import logging

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from bows.training import threads as module
from bows.training.run import train
from bows.training.threads import suited_threads, threads


@pytest.fixture
def four_cores(monkeypatch):
    """A machine whose torch uses four threads unless set otherwise."""
    used = [4]
    monkeypatch.setattr(torch, "get_num_threads", lambda: used[-1])
    monkeypatch.setattr(torch, "set_num_threads", used.append)
    return used


@pytest.mark.parametrize(
    ("asked", "work", "expected"),
    [(None, 64 * 2000 * 32, 1), (None, 24_999_999, 1), (None, 25_000_000, 4), (None, 512 * 10_000 * 100, 4), (3, 1, 3), (1, 1e12, 1)],
)  # fmt: skip
def test_small_products_get_one_thread_large_ones_all_and_a_setting_its_own(four_cores, asked, work, expected):
    assert suited_threads(asked, work) == expected


def test_the_number_is_restored_after_the_block_and_after_an_error(four_cores):
    def fail():
        with threads(2):
            assert torch.get_num_threads() == 2
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert torch.get_num_threads() == 4


def test_a_run_trains_on_the_number_it_logs_and_leaves_the_number_of_its_process(
    tiny_text, tmp_path, compose, four_cores, caplog, monkeypatch
):
    from bows.config.validate import check
    from bows.training.autoencoder import AutoencoderTask

    during = []
    fit, evaluate = AutoencoderTask.fit, AutoencoderTask.evaluate
    monkeypatch.setattr(AutoencoderTask, "fit", lambda *a: (during.append(torch.get_num_threads()), fit(*a))[1])
    monkeypatch.setattr(AutoencoderTask, "evaluate", lambda *a: (during.append(torch.get_num_threads()), evaluate(*a))[1])  # fmt: skip
    words = ["data=files", f"data.train={tiny_text}", "data.vocab_size=60", "data.window=4", "data.min_chars=20",
             "data.batch_size=16", "latent=4", "epochs=1", "logger=none", "analysis.figures=false"]  # fmt: skip
    with caplog.at_level(logging.INFO):
        train(check(compose(*words)), tmp_path / "small", None)
        # The limit of large products lowered to this model's batch x V x m.
        work = 16 * 4 * len((tmp_path / "small" / "vocabulary.txt").read_text().split())
        monkeypatch.setattr(module, "TRAINING_WORK", work)
        monkeypatch.setattr(suited_threads, "__defaults__", (work,))
        train(check(compose(*words)), tmp_path / "large", None)
        train(check(compose(*words, "trainer.threads=2")), tmp_path / "asked", None)
    assert during == [1, 1, 4, 1, 2, 2]
    assert torch.get_num_threads() == 4
    lines = [record.getMessage() for record in caplog.records if "CPU thread" in record.getMessage()]
    assert [line.split(" (")[0] for line in lines] == [
        "training on 1 CPU thread", "training on 4 CPU threads", "training on 2 CPU threads"
    ]  # fmt: skip
    assert f"products of {work / 1e6:.3g} million multiplications, under 25 million" in lines[0]
    assert lines[2].endswith("(trainer.threads)")


def test_weights_do_not_depend_on_the_number_beyond_rounding(tiny_text, tmp_path, compose):
    from bows.config.validate import check

    words = ["data=files", f"data.train={tiny_text}", "data.vocab_size=60", "data.window=4", "data.min_chars=20",
             "data.batch_size=16", "latent=4", "epochs=2", "logger=none", "analysis=none"]  # fmt: skip
    weights = []
    for number in (1, 2):
        train(check(compose(*words, f"trainer.threads={number}")), tmp_path / str(number), None)
        weights.append(load_file(tmp_path / str(number) / "model.safetensors")["encoder.weight"].numpy())
    np.testing.assert_allclose(weights[0], weights[1], rtol=0, atol=1e-5)
