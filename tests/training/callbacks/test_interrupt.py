"""A loss that is not finite stops training with its cause; a signal stops it between two steps."""

import os
import signal
import threading

import pytest
import pytorch_lightning as pl
import torch

from bows.errors import Interrupted, TrainingError
from bows.training.callbacks.checkpoints import BestCheckpoint, LastCheckpoint
from bows.training.callbacks.interrupt import InterruptGuard
from bows.training.callbacks.nan_guard import LossGuard, likely_cause
from bows.training.checkpoint_files import AtomicCheckpointIO

V, BATCHES = 6, 4


class Batches:
    """Dense batches in a fixed order, which a checkpoint can take up again in the middle."""

    def __init__(self):
        self.data = torch.rand(BATCHES, 3, V, generator=torch.Generator().manual_seed(0)).round()
        self.position = 0

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        self.position %= len(self.data)
        while self.position < len(self.data):
            self.position += 1
            yield self.data[self.position - 1]

    def state_dict(self):
        return {"position": self.position}

    def load_state_dict(self, state):
        self.position = state["position"]


class Tiny(pl.LightningModule):
    """A linear map that calls `at[step]()` in the middle of a training step."""

    def __init__(self, at=None, lr=0.05, wd=0.1, poison=None):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(V, V)
        self.at, self.lr, self.wd, self.poison = at or {}, lr, wd, poison
        self.during_validation = None

    def training_step(self, batch, batch_idx):
        loss = (self.layer(batch) - batch).square().mean()
        self.at.pop(self.global_step, lambda: None)()
        return loss * float("nan") if self.global_step == self.poison else loss

    def validation_step(self, batch, batch_idx):
        if self.during_validation and not self.trainer.sanity_checking:
            self.during_validation()
            self.during_validation = None
        self.log("reconstruction/loss", (self.layer(batch) - batch).square().mean(), batch_size=len(batch))

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=self.lr, weight_decay=self.wd)


def make_trainer(folder, callbacks, epochs=3, every_steps=None, pause=0.0, **kwargs):
    saving = [BestCheckpoint(folder / "checkpoints"), LastCheckpoint(folder / "checkpoints", every_steps, pause)]
    return pl.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[*callbacks, *saving], plugins=[AtomicCheckpointIO()],
        default_root_dir=folder, **kwargs,
    )  # fmt: skip


def fit(folder, model, callbacks=(), resume=None, **kwargs):
    trainer = make_trainer(folder, callbacks, **kwargs)
    validation = torch.utils.data.DataLoader(Batches().data[:1], batch_size=None)
    trainer.fit(model, Batches(), validation, ckpt_path=resume)
    return trainer


def interruptible(folder):
    return InterruptGuard(folder / "checkpoints")


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def send(signum):
    return lambda: os.kill(os.getpid(), signum)


pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")


@pytest.fixture(autouse=True)
def handlers():
    """Whatever happens, the signals' handlers are as before."""
    before = [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)]
    yield
    assert [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_loss_that_is_no_number_names_the_step_before_it_harms_the_weights(tmp_path):
    model = Tiny(poison=6)
    with pytest.raises(TrainingError, match=r"loss is nan at step 6; .*try lr=0.005") as stopped:
        fit(tmp_path, model, [LossGuard()])
    assert "\n" not in str(stopped.value)
    assert torch.isfinite(weights(model)).all()
    assert torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 4


def test_a_sound_run_is_left_alone(tmp_path):
    assert fit(tmp_path, Tiny(), [LossGuard()]).global_step == 12


class Elsewhere(LossGuard):
    """The guard as on an accelerator: losses that do not say they are on the CPU."""

    def on_before_backward(self, trainer, pl_module, loss):
        class Loss:
            device = torch.device("cuda")

            def detach(self):
                return loss.detach()

        super().on_before_backward(trainer, pl_module, Loss())


@pytest.mark.parametrize(("poison", "covered"), [(1, "0 to 2"), (5, "4 to 6"), (2, "0 to 2")])
def test_on_an_accelerator_the_exact_step_among_those_covered(tmp_path, poison, covered):
    with pytest.raises(TrainingError, match=rf"at step {poison} \(steps {covered} checked together\)"):
        fit(tmp_path, Tiny(poison=poison), [Elsewhere(every=3)])


def test_on_an_accelerator_nothing_poisoned_is_saved_between_two_looks(tmp_path):
    with pytest.raises(TrainingError, match="at step 5"):
        fit(tmp_path, Tiny(poison=5), [Elsewhere(every=50)])
    for path in (tmp_path / "checkpoints").iterdir():
        assert torch.load(path, weights_only=True)["global_step"] == 4


def test_saving_looks_at_the_losses_first(tmp_path):
    with pytest.raises(TrainingError, match="loss is nan at step 5"):
        fit(tmp_path, Tiny(poison=5), [Elsewhere(every=50)], every_steps=1)
    assert torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 5


def test_weights_that_are_no_numbers_are_not_saved(tmp_path):
    model = Tiny()

    def harm():
        model.layer.weight.register_hook(lambda gradient: gradient * float("inf"))

    model.at = {7: harm}
    with pytest.raises(TrainingError, match=r"weights layer.weight are not finite after step 8"):
        fit(tmp_path, model, [LossGuard()])
    assert torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 4


def test_accumulated_gradients_are_counted_in_steps(tmp_path):
    with pytest.raises(TrainingError, match=r"at step 1 \(steps 0 to 1 checked together\)"):
        fit(tmp_path, Tiny(poison=1), [Elsewhere(every=4)], accumulate_grad_batches=2)


def test_the_likely_cause_is_the_product_of_rate_and_decay_where_that_is_one_or_more(tmp_path):
    with pytest.raises(TrainingError, match=r"lr \* wd = 0.5 \* 4 = 2 per step.*change their sign") as stopped:
        fit(tmp_path, Tiny(lr=0.5, wd=4.0, poison=2), [LossGuard()])
    assert "learning rate is too high" not in str(stopped.value)


def test_the_likely_cause_names_half_precision():
    class Half:
        precision = "bf16-mixed"
        optimizers = (torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.5, weight_decay=4.0),)

    assert "trainer.precision=32-true" in likely_cause(Half())
    assert "try lr=0.05" in likely_cause(Half())


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("step", [0, 2, 3, 5, 7])
def test_a_signal_ends_the_step_saves_and_resumes_bit_equal(tmp_path, capfd, signum, code, step):
    unbroken, broken, resumed = Tiny(), Tiny(at={step: send(signum)}), Tiny()
    fit(tmp_path / "unbroken", unbroken)
    guard = interruptible(tmp_path / "broken")
    with pytest.raises(Interrupted) as stopped:
        fit(tmp_path / "broken", broken, [guard])
    assert guard.interrupted
    assert stopped.value.exit_code == code
    path = tmp_path / "broken" / "checkpoints" / "last.ckpt"
    assert stopped.value.checkpoint == path
    assert f"resume={tmp_path / 'broken'}" in str(stopped.value)
    assert torch.load(path, weights_only=True)["global_step"] == step + 1
    assert "Stopping" in capfd.readouterr().err
    fit(tmp_path / "broken", resumed, [interruptible(tmp_path / "broken")], resume=path)
    assert torch.equal(weights(unbroken), weights(resumed))


def test_a_signal_during_validation_waits_for_its_end(tmp_path):
    model = Tiny()
    model.during_validation = send(signal.SIGINT)
    with pytest.raises(Interrupted):
        fit(tmp_path, model, [interruptible(tmp_path)])
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 4
    assert saved["callbacks"]["BestCheckpoint"]["best"] is not None


def test_a_signal_in_an_epoch_s_last_step_waits_for_its_validation(tmp_path):
    with pytest.raises(Interrupted):
        fit(tmp_path, Tiny(at={3: send(signal.SIGINT)}), [interruptible(tmp_path)])
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 4
    assert saved["callbacks"]["BestCheckpoint"]["best"] is not None


def test_a_signal_in_the_last_epoch_s_last_step(tmp_path):
    with pytest.raises(Interrupted):
        fit(tmp_path, Tiny(at={11: send(signal.SIGTERM)}), [interruptible(tmp_path)])
    assert torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 12


def test_with_accumulated_gradients_the_optimizer_moves_first(tmp_path):
    with pytest.raises(Interrupted):
        fit(tmp_path, Tiny(at={0: send(signal.SIGINT)}), [interruptible(tmp_path)], accumulate_grad_batches=2)
    assert torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 1


def test_a_second_signal_stops_at_once(tmp_path):
    passed = []

    def twice():
        send(signal.SIGINT)()
        send(signal.SIGINT)()
        passed.append(True)

    with pytest.raises(Interrupted, match="at once at step 5") as stopped:
        fit(tmp_path, Tiny(at={5: twice}), [interruptible(tmp_path)])
    assert not passed
    assert stopped.value.exit_code == 130
    assert stopped.value.checkpoint is None
    assert torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 4


def test_a_signal_before_training_is_known_too(tmp_path):
    class Early(Tiny):
        def setup(self, stage):
            raise KeyboardInterrupt

    guard = interruptible(tmp_path)
    with pytest.raises(Interrupted):
        fit(tmp_path, Early(), [guard])
    assert guard.interrupted


def test_a_run_that_fails_puts_the_handlers_back_and_was_not_interrupted(tmp_path):
    def fail():
        raise RuntimeError("something else")

    guard = interruptible(tmp_path)
    with pytest.raises(RuntimeError, match="something else"):
        fit(tmp_path, Tiny(at={2: fail}), [guard])
    assert not guard.interrupted


def test_outside_the_main_thread_no_handler_is_touched(tmp_path):
    seen = []

    def train():
        fit(tmp_path, Tiny(at={1: lambda: seen.append(signal.getsignal(signal.SIGINT))}), [interruptible(tmp_path)])

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert seen == [before]
