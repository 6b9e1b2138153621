"""The LightningModule in a real Trainer: the steps it takes are those of a plain loop."""

import math

import pytest
import pytorch_lightning as pl
import torch

from bows.data.datamodule import BagsDataModule
from bows.data.sources.synthetic import synthetic_corpus
from bows.model.deep import Deep
from bows.model.lightning import BagsModule
from bows.model.optimizers import OptimizerSettings
from bows.model.tied import Tied
from bows.model.untied import Untied

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*is deprecated.*"),
]


def data() -> BagsDataModule:
    return BagsDataModule(lambda: synthetic_corpus("c", "circular", 12, 96, 32, 10.0, 0.0, 0), 1, 1, 32, seed=5)


def trainer(epochs: int = 2, **options) -> pl.Trainer:
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return pl.Trainer(accelerator="cpu", max_epochs=epochs, num_sanity_val_steps=0, **quiet, **options)


def tied() -> Tied:
    torch.manual_seed(0)
    return Tied(12, 4)


@pytest.mark.parametrize("clip", [None, 0.02])
def test_lightning_takes_the_steps_of_a_plain_loop(clip):
    settings = OptimizerSettings(lr=0.02, weight_decay=3.0, warmup_steps=2, clip_norm=clip)
    model = tied()
    trainer(3).fit(BagsModule(model, settings, steps=9), datamodule=data())

    plain = tied()
    optimizer = torch.optim.AdamW(plain.parameters(), lr=0.02, weight_decay=3.0)
    step, clipped, losses = 0, 0, []
    batches = data().train_dataloader()
    for epoch in range(3):
        batches.set_epoch(epoch)
        for batch in batches:
            bags = batch.bags()
            rate = (step + 1) / 2 if step < 2 else (1 + math.cos(math.pi * (step - 2) / 7)) / 2
            optimizer.param_groups[0]["lr"] = 0.02 * rate
            optimizer.zero_grad()
            loss = (torch.relu(bags @ plain.weight.T @ plain.weight + plain.bias) - bags).square().mean()
            loss.backward()
            norm = sum(parameter.grad.square().sum() for parameter in plain.parameters()).sqrt()
            if clip and norm > clip:
                clipped += 1
                for parameter in plain.parameters():
                    parameter.grad *= clip / norm
            optimizer.step()
            losses.append(loss.item())
            step += 1
    assert step == 9
    assert bool(clipped) == bool(clip)
    torch.testing.assert_close(model.weight, plain.weight, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(model.bias, plain.bias, rtol=1e-4, atol=1e-6)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize(
    "make",
    [tied, lambda: Tied(12, 4, "sigmoid", loss="cross_entropy"), lambda: Untied(12, 4), lambda: Deep(12, 4, 6)],
    ids=["tied", "sigmoid", "untied", "deep"],
)
def test_bf16_trains_with_and_without_clipping(make, clip):
    model = make()
    before = model.encoder_weight.detach().clone()
    trainer(1, precision="bf16-mixed").fit(
        BagsModule(model, OptimizerSettings(clip_norm=clip), steps=3), datamodule=data()
    )
    assert model.encoder_weight.dtype == torch.float32
    assert model.encoder_weight.isfinite().all()
    assert not torch.equal(model.encoder_weight, before)


def test_clipping_scales_all_gradients_together():
    model = tied()
    module = BagsModule(model, OptimizerSettings(clip_norm=1.0), steps=9)
    model.weight.grad, model.bias.grad = torch.full((4, 12), 3.0), torch.full((12,), 4.0)
    module.configure_gradient_clipping(None)
    norm = math.sqrt(48 * 9 + 12 * 16)
    torch.testing.assert_close(model.weight.grad, torch.full((4, 12), 3 / norm))
    torch.testing.assert_close(model.bias.grad, torch.full((12,), 4 / norm))
    module = BagsModule(model, OptimizerSettings(), steps=9)
    model.bias.grad = torch.full((12,), 400.0)
    module.configure_gradient_clipping(None)
    assert model.bias.grad.max() == 400


def test_a_loss_scale_is_undone_before_clipping():
    """Fused optimizers undo it in their step, after clipping: under 16-mixed with clipping they are not used."""
    fused = {}
    for precision in ("32-true", "bf16-mixed", "16-mixed"):
        for clip in (None, 1.0):
            module = BagsModule(tied(), OptimizerSettings(clip_norm=clip), steps=10)
            module._trainer = type("Trainer", (), {"precision": precision})()
            module._fabric = None
            optimizer = module.configure_optimizers()["optimizer"]
            fused[precision, clip] = bool(optimizer.defaults["fused"])
    assert [key for key, value in fused.items() if not value] == [("16-mixed", 1.0)]


def test_names_of_weights_do_not_depend_on_compilation(monkeypatch):
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, *arguments: None)
    assert set(BagsModule(tied(), OptimizerSettings(), steps=9, compile=True).state_dict()) == {
        "autoencoder.weight",
        "autoencoder.bias",
    }
