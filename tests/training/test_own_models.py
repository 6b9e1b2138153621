"""A subclass of the user's own, in a module of their own, takes the branch of its base class: sparse, stacked, fitted, of pairs."""

import sys
import types
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bows.config.validate import check
from bows.model.pair_classifier import PairClassifier
from bows.model.pca import PrincipalComponents
from bows.model.sparse_loss import why_dense
from bows.model.tied import Tied
from bows.sweep.units import may_not_stack, member_bytes
from bows.tracking.run_labels import Labels
from bows.training.run import task_of, train
from bows.training.stack.block import Block, Member
from bows.training.stack.squared_error import SquaredErrors, can_train
from bows.training.stack.stack_data import StackBatch
from bows.training.stack.train_stack import StackJob, train_stack


class Own(Tied):
    """Tied under another name."""


class OwnShifted(Tied):
    """Changes the formula, and does not state that it can be stacked."""

    def encode(self, bags):
        return super().encode(bags) + 1


class OwnFit(PrincipalComponents):
    """PCA under another name."""


class OwnPairs(PairClassifier):
    """The pair classifier under another name."""


@pytest.fixture(autouse=True)
def own_module(monkeypatch):
    module = types.ModuleType("own_models")
    for kind in (Own, OwnShifted, OwnFit, OwnPairs):
        setattr(module, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, "own_models", module)


SMALL = [
    "data=circular",
    "latent=3",
    "epochs=2",
    "logger=none",
    "analysis=none",
    "data.train_rows=400",
    "data.batch_size=64",
]
PAIRS = [
    "data=modular_addition", "model=pair_classifier", "data.modulus=11", "data.batch_size=8", "latent=6", "epochs=1", "logger=none",
    "analysis=none",
]  # fmt: skip


def weights_of(compose, folder: Path, *overrides: str) -> dict[str, torch.Tensor]:
    folder.mkdir()
    config = compose(*overrides)
    train(check(config), folder, None)
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize(
    ("settings", "own"),
    [
        (SMALL, "Own"),
        ([*SMALL, "trainer.precision=32-true"], "Own"),
        ([*SMALL, "model=pca"], "OwnFit"),
        (PAIRS, "OwnPairs"),
    ],
    ids=["double", "single", "closed form", "pairs"],
)
def test_it_is_trained_as_its_base(compose, tmp_path, monkeypatch, settings, own):
    monkeypatch.setattr("bows.model.sparse_loss.LEAST_WORK", 0)
    monkeypatch.setattr("bows.model.sparse_loss.FULLEST", 1.0)
    base = weights_of(compose, tmp_path / "base", *settings)
    theirs = weights_of(compose, tmp_path / "own", *settings, f"model._target_=own_models.{own}")
    assert base.keys() == theirs.keys()
    assert all(torch.equal(base[name], theirs[name]) for name in base)


def test_it_trains_by_the_sparsity_of_the_bags_unless_it_changes_the_formula(monkeypatch):
    monkeypatch.setattr("bows.model.sparse_loss.fast_products", lambda: True)
    with torch.device("meta"):
        own, shifted = Own(10_000, 1000), OwnShifted(10_000, 1000)
    assert why_dense(own, 0.04, 512, torch.device("cpu"), "32-true", False) is None
    assert why_dense(shifted, 0.04, 512, torch.device("cpu"), "32-true", False) == "the encoder is not linear"


def test_it_is_stacked_by_the_fused_loss_unless_it_changes_the_formula(compose, tmp_path, monkeypatch):
    fused = []
    apply = SquaredErrors.apply
    monkeypatch.setattr(SquaredErrors, "apply", lambda *arguments: fused.append(1) or apply(*arguments))
    assert can_train(Own(12, 3))
    assert not can_train(OwnShifted(12, 3))
    bags = StackBatch((torch.rand(8, 1, 12) < 0.5).float(), None)
    torch.manual_seed(0)
    models = [kind(12, 3) for kind in (Own, OwnShifted)]
    for model, expected in zip(models, (1, 1), strict=True):
        losses = Block([Member(model, 0)]).losses(bags)
        assert losses.item() == pytest.approx(model.loss(model(bags.of_all[:, 0]), bags.of_all[:, 0]).item(), rel=1e-5)
        assert len(fused) == expected


def test_it_is_a_member_like_its_base(compose, tmp_path):
    jobs = []
    for name, own in (("base", []), ("own", ["model._target_=own_models.Own"])):
        config = compose(*SMALL, *own)
        (tmp_path / name).mkdir()
        jobs.append(StackJob(tmp_path / name, check(config), Labels(name, "group")))
    assert all(isinstance(outcome, float) for outcome in train_stack(jobs, tmp_path / "scratch"))
    base, own = (load_file(tmp_path / name / "model.safetensors") for name in ("base", "own"))
    assert all(torch.equal(base[name], own[name]) for name in base)


def test_a_sweep_groups_it_as_its_base(compose):
    def config(*overrides: str) -> dict:
        return compose(*SMALL, *overrides)

    assert may_not_stack(config("model._target_=own_models.Own")) is None
    assert member_bytes(config("model._target_=own_models.Own")) == member_bytes(config())
    assert "OwnShifted" in may_not_stack(config("model._target_=own_models.OwnShifted"))
    assert "closed form" in may_not_stack(config("model=pca", "model._target_=own_models.OwnFit"))
    assert "not an autoencoder" in may_not_stack(compose(*PAIRS, "model._target_=own_models.OwnPairs"))


def test_its_task_is_that_of_its_base(compose):
    base, own = (check(compose(*PAIRS, *more)) for more in ([], ["model._target_=own_models.OwnPairs"]))
    assert task_of(base) is task_of(own)
    assert task_of(base).objective == "classification/loss"
