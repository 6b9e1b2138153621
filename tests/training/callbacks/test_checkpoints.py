"""Checkpoints: never torn, never missing, refused when damaged; a resumed run ends like an unbroken one."""

import builtins
import errno
import io
import os
import zipfile
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from bows.errors import DataError, SettingError, TrainingError
from bows.training.callbacks.checkpoints import BestCheckpoint, LastCheckpoint
from bows.training.checkpoint_files import AtomicCheckpointIO, last_checkpoint

# Quieted by bows.console in a run.
pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")

V, BATCHES = 6, 4


class Batches:
    """Dense batches in a fixed order, which a checkpoint can take up again in the middle."""

    def __init__(self, count=BATCHES):
        self.data = torch.rand(count, 3, V, generator=torch.Generator().manual_seed(0)).round()
        self.position = 0

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        # Lightning leaves an epoch's iterator after its last batch, without asking for one more.
        self.position %= len(self.data)
        while self.position < len(self.data):
            self.position += 1
            yield self.data[self.position - 1]

    def state_dict(self):
        return {"position": self.position}

    def load_state_dict(self, state):
        self.position = state["position"]


class Tiny(pl.LightningModule):
    """A linear map; `scores` are what validation logs, in turn, or its loss where there are none."""

    def __init__(self, scores=(), fail_at=None):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(V, V)
        self.scores, self.fail_at, self.validated = list(scores), fail_at, 0

    def training_step(self, batch, batch_idx):
        if self.global_step == self.fail_at:
            raise RuntimeError("killed")
        return (self.layer(batch) - batch).square().mean()

    def validation_step(self, batch, batch_idx):
        value = (self.layer(batch) - batch).square().mean()
        if self.scores and batch_idx == 0:
            value = torch.tensor(self.scores[self.current_epoch])
        self.log("reconstruction/loss", value, batch_size=len(batch))

    def on_validation_epoch_end(self):
        self.validated += not self.trainer.sanity_checking

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=0.05, weight_decay=0.1)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def fit(folder, model, epochs=3, every_steps=None, resume=None, pause=0.0, **kwargs):
    trainer = pl.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[BestCheckpoint(folder / "checkpoints"), LastCheckpoint(folder / "checkpoints", every_steps, pause)],
        plugins=[AtomicCheckpointIO()],
        default_root_dir=folder, **kwargs,
    )  # fmt: skip
    validation = torch.utils.data.DataLoader(Batches(1).data, batch_size=None)
    trainer.fit(model, Batches(), validation, ckpt_path=resume)
    return trainer


def load(path):
    return torch.load(path, weights_only=True)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def damage(path, at=0.5):
    content = bytearray(path.read_bytes())
    content[int(len(content) * at)] ^= 0xFF
    path.write_bytes(content)


def test_a_run_leaves_last_best_and_the_one_before(tmp_path):
    fit(tmp_path, Tiny(scores=[0.5, 0.25, 0.75]))
    folder = tmp_path / "checkpoints"
    assert sorted(os.listdir(folder)) == ["best.ckpt", "last.ckpt", "previous.ckpt"]
    assert not any(path.is_symlink() for path in folder.iterdir())
    steps = {path.name: load(path)["global_step"] for path in folder.iterdir()}
    assert steps == {"best.ckpt": 8, "last.ckpt": 12, "previous.ckpt": 8}


def test_a_value_that_is_no_number_is_never_the_best(tmp_path):
    fit(tmp_path, Tiny(scores=[float("nan"), 0.5, float("nan")]))
    assert load(tmp_path / "checkpoints" / "best.ckpt")["global_step"] == 8


def test_every_steps_saves_in_the_middle_of_an_epoch(tmp_path):
    with pytest.raises(RuntimeError, match="killed"):
        fit(tmp_path, Tiny(fail_at=7), every_steps=3)
    assert load(tmp_path / "checkpoints" / "last.ckpt")["global_step"] == 6
    assert load(tmp_path / "checkpoints" / "previous.ckpt")["global_step"] == 4


@pytest.mark.parametrize(("every_steps", "killed_at"), [(1, 1), (1, 3), (1, 4), (1, 6), (3, 8), (2, 9), (None, 11)])
def test_a_run_killed_anywhere_ends_with_the_same_weights(tmp_path, every_steps, killed_at):
    unbroken = Tiny()
    fit(tmp_path / "unbroken", unbroken)
    broken = Tiny(fail_at=killed_at)
    with pytest.raises(RuntimeError, match="killed"):
        fit(tmp_path / "broken", broken, every_steps=every_steps)
    resumed = Tiny()
    trainer = fit(tmp_path / "broken", resumed, every_steps=every_steps, resume=last_checkpoint(tmp_path / "broken"))
    assert trainer.global_step == 12
    assert trainer.current_epoch == 3
    assert torch.equal(weights(unbroken), weights(resumed))
    # Each epoch was validated, by one of the two.
    assert broken.validated + resumed.validated == 3
    best = [load(tmp_path / name / "checkpoints" / "best.ckpt") for name in ("unbroken", "broken")]
    assert best[0]["global_step"] == best[1]["global_step"]
    assert best[0]["callbacks"]["BestCheckpoint"] == best[1]["callbacks"]["BestCheckpoint"]


def test_a_resumed_run_does_not_take_a_worse_state_for_the_best(tmp_path):
    fit(tmp_path, Tiny(scores=[0.25, 0.5]), epochs=2)
    fit(tmp_path, Tiny(scores=[0.25, 0.5, 0.3, 0.2]), epochs=3, resume=last_checkpoint(tmp_path))
    assert load(tmp_path / "checkpoints" / "best.ckpt")["global_step"] == 4
    fit(tmp_path, Tiny(scores=[0.25, 0.5, 0.3, 0.2]), epochs=4, resume=last_checkpoint(tmp_path))
    assert load(tmp_path / "checkpoints" / "best.ckpt")["global_step"] == 16


def test_the_best_can_be_resumed_too(tmp_path):
    fit(tmp_path, Tiny(scores=[0.5, 0.25, 0.75]))
    unbroken = Tiny()
    fit(tmp_path / "unbroken", unbroken)
    resumed = Tiny(scores=[0.5, 0.25, 0.75])
    trainer = fit(tmp_path, resumed, resume=tmp_path / "checkpoints" / "best.ckpt")
    assert trainer.global_step == 12
    assert torch.equal(weights(unbroken), weights(resumed))


def test_accumulated_gradients_save_only_between_steps(tmp_path):
    with pytest.raises(RuntimeError, match="killed"):
        fit(tmp_path / "broken", Tiny(fail_at=3), every_steps=1, accumulate_grad_batches=2)
    unbroken, resumed = Tiny(), Tiny()
    fit(tmp_path / "unbroken", unbroken, accumulate_grad_batches=2)
    path = last_checkpoint(tmp_path / "broken")
    assert load(path)["global_step"] == 3
    fit(tmp_path / "broken", resumed, every_steps=1, accumulate_grad_batches=2, resume=path)
    assert torch.equal(weights(unbroken), weights(resumed))


def test_a_run_killed_in_the_validation_of_an_epoch_repeats_it(tmp_path):
    class Killed(Tiny):
        def on_validation_epoch_end(self):
            if not self.trainer.sanity_checking:
                raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        fit(tmp_path, Killed(), every_steps=1)
    resumed = Tiny()
    fit(tmp_path, resumed, every_steps=1, resume=last_checkpoint(tmp_path))
    assert resumed.validated == 3


def test_steps_are_saved_once_each_and_never_in_the_middle_of_one(tmp_path, monkeypatch):
    saved = []
    save = AtomicCheckpointIO.save_checkpoint

    def record(plugin, checkpoint, path, storage_options=None):
        saved.append((os.path.basename(path), checkpoint["global_step"]))
        save(plugin, checkpoint, path, storage_options)

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", record)
    fit(tmp_path, Tiny(), every_steps=1, accumulate_grad_batches=2)
    assert [step for name, step in saved if name == "last.ckpt"] == [1, 2, 3, 4, 5, 6]


def test_validation_without_the_loss_is_named(tmp_path):
    class Silent(Tiny):
        def validation_step(self, batch, batch_idx):
            return None

    with pytest.raises(TrainingError, match="reconstruction/loss"):
        fit(tmp_path, Silent())


def test_every_steps_below_one_is_refused(tmp_path):
    with pytest.raises(SettingError, match="every_steps=0"):
        LastCheckpoint(tmp_path, 0)


def test_last_is_there_at_every_moment(tmp_path, monkeypatch):
    """Break off before each rename and removal: last.ckpt is whole, old or new."""
    path = tmp_path / "last.ckpt"
    plugin = AtomicCheckpointIO()
    plugin.save_checkpoint({"step": 0}, path)
    plugin.save_checkpoint({"step": 1}, path)
    seen = []

    def watch(name):
        real = getattr(os, name)

        def watched(*args, **kwargs):
            seen.append((load(path)["step"], load(tmp_path / "previous.ckpt")["step"]))
            return real(*args, **kwargs)

        monkeypatch.setattr(os, name, watched)

    for name in ("replace", "link", "fsync"):
        watch(name)
    plugin.save_checkpoint({"step": 2}, path)
    assert seen == [(1, 0), (1, 0), (1, 0), (1, 1), (2, 1)]
    assert (load(path)["step"], load(tmp_path / "previous.ckpt")["step"]) == (2, 1)
    assert sorted(os.listdir(tmp_path)) == ["last.ckpt", "previous.ckpt"]


def test_a_file_system_without_links_keeps_the_one_before_too(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    plugin = AtomicCheckpointIO()
    for step in range(3):
        plugin.save_checkpoint({"step": step}, tmp_path / "last.ckpt")
    assert load(tmp_path / "previous.ckpt")["step"] == 1
    assert sorted(os.listdir(tmp_path)) == ["last.ckpt", "previous.ckpt"]


def test_a_full_disk_is_one_line_and_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    plugin = AtomicCheckpointIO()
    plugin.save_checkpoint({"step": 0}, tmp_path / "last.ckpt")
    real_open = type(tmp_path).open

    class Full:
        """Writes to a device that is always full, as torch.save meets it."""

        def __init__(self, *args):
            self.file = open("/dev/full", "wb")  # noqa: SIM115

        def __enter__(self):
            return self.file.__enter__()

        def __exit__(self, *args):
            return self.file.__exit__(*args)

    def open_(path, mode="r", *args, **kwargs):
        if path.name.endswith(".tmp"):
            real_open(path, mode).close()
            return Full()
        return real_open(path, mode, *args, **kwargs)

    monkeypatch.setattr(type(tmp_path), "open", open_)
    with pytest.raises(DataError, match=r"last\.ckpt: No space left"):
        plugin.save_checkpoint({"weights": torch.zeros(500_000)}, tmp_path / "last.ckpt")
    assert os.listdir(tmp_path) == ["last.ckpt"]
    assert load(tmp_path / "last.ckpt")["step"] == 0


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write the checkpoint"):
        AtomicCheckpointIO().save_checkpoint({}, tmp_path / "file" / "last.ckpt")


def two_checkpoints(folder):
    (folder / "checkpoints").mkdir()
    path = folder / "checkpoints" / "last.ckpt"
    for step in range(2):
        AtomicCheckpointIO().save_checkpoint({"step": step, "w": torch.arange(1000.0)}, path)
    return path, path.with_name("previous.ckpt")


@pytest.mark.parametrize("how", ["flipped", "cut", "empty", "text"])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_offered(tmp_path, how):
    path, previous = two_checkpoints(tmp_path)
    assert last_checkpoint(tmp_path) == path
    assert AtomicCheckpointIO().load_checkpoint(path)["step"] == 1
    if how == "flipped":
        damage(path)
    else:
        path.write_bytes({"cut": path.read_bytes()[:-300], "empty": b"", "text": b"no checkpoint"}[how])
    with pytest.raises(TrainingError, match="damaged") as refused:
        AtomicCheckpointIO().load_checkpoint(path)
    assert str(path) in str(refused.value)
    assert str(previous) in str(refused.value)
    damage(previous)
    with pytest.raises(TrainingError, match="damaged") as refused:
        AtomicCheckpointIO().read(path)
    assert "previous.ckpt" not in str(refused.value)


def test_flips_are_found_wherever_tensors_lie(tmp_path):
    path, _ = two_checkpoints(tmp_path)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        tensors = [info for info in archive.infolist() if "/data/" in info.filename]
    assert tensors
    for info in tensors:
        start = info.header_offset + 200
        for offset in range(start, start + info.file_size - 200, 997):
            content = bytearray(whole)
            content[offset] ^= 1
            path.write_bytes(content)
            with pytest.raises(TrainingError, match="damaged"):
                AtomicCheckpointIO().load_checkpoint(path)


def test_a_flipped_bit_anywhere_gives_the_content_or_one_line(tmp_path):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"step": 1, "w": torch.arange(4.0)}, path)
    whole = path.read_bytes()
    refused = 0
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        path.write_bytes(content)
        line = f"{path} is damaged"
        try:
            read = AtomicCheckpointIO().load_checkpoint(path)
        except TrainingError as error:
            line = str(error)
            refused += 1
        else:
            assert (read["step"], read["w"].tolist()) == (1, [0, 1, 2, 3])
        assert str(path) in line
        assert "\n" not in line
    assert refused > 100


def test_a_run_without_a_checkpoint_restarts_and_one_without_its_last_is_refused(tmp_path, caplog):
    with caplog.at_level("INFO", logger="bows"):
        assert last_checkpoint(tmp_path) is None
    assert "no checkpoint found: restarting from step 0" in caplog.text
    path, previous = two_checkpoints(tmp_path)
    path.unlink()
    with pytest.raises(TrainingError, match="copy") as refused:
        last_checkpoint(tmp_path)
    assert str(previous) in str(refused.value)
    damage(previous)
    with pytest.raises(TrainingError, match="start the run anew"):
        last_checkpoint(tmp_path)


def test_a_checkpoint_is_read_from_the_disk_once(tmp_path, monkeypatch):
    path, _ = two_checkpoints(tmp_path)
    opened, real_open = [], open

    def counted(file, *args, **kwargs):
        opened.extend([file] if str(file).startswith(str(tmp_path)) else [])
        return real_open(file, *args, **kwargs)

    monkeypatch.setattr(io, "open", counted)
    monkeypatch.setattr(builtins, "open", counted)
    files = AtomicCheckpointIO()
    step = files.read(path)["step"]
    assert files.load_checkpoint(path)["step"] == step == 1
    assert opened == [path]
    files.load_checkpoint(path)  # no longer the content kept for the one load
    assert opened == [path, path]


def test_a_checkpoint_that_could_run_code_is_refused(tmp_path):
    class Foreign:
        def __reduce__(self):
            return (os.getcwd, ())

    torch.save({"code": Foreign()}, tmp_path / "last.ckpt")
    with pytest.raises(TrainingError, match="other than tensors"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "last.ckpt")


def test_ends_of_short_epochs_are_passed_over_but_not_the_last(tmp_path, monkeypatch):
    saved = []
    whole = AtomicCheckpointIO.save_checkpoint

    def note(self, checkpoint, path, storage_options=None):
        saved.append((Path(path).name, checkpoint["global_step"]))
        whole(self, checkpoint, path, storage_options)

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", note)
    fit(tmp_path, Tiny(), epochs=5, pause=3600.0)
    assert [step for name, step in saved if name == "last.ckpt"] == [4, 20]


def test_a_checkpoint_that_takes_long_to_write_is_written_less_often(tmp_path, monkeypatch):
    """1,000 s a writing, on a clock that only writing moves: the next is due 20,000 s later."""
    now, saved = [0.0], []
    monkeypatch.setattr("bows.training.callbacks.checkpoints.time.monotonic", lambda: now[0])

    def slow(self, checkpoint, path, storage_options=None):
        saved.append((Path(path).name, checkpoint["global_step"]))
        now[0] += 1000.0

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", slow)
    scores = [9.0 - epoch for epoch in range(30)]  # each epoch is the best so far, and best.ckpt is written: 1,000 s
    fit(tmp_path, Tiny(scores), epochs=30, pause=1.0)
    assert [step for name, step in saved if name == "last.ckpt"] == [4, 84, 120]


def test_torchs_own_words_for_a_full_disk_are_understood(tmp_path, monkeypatch):
    def full(*_):
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 324096 vs 324048")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(DataError, match="No space left on device"):
        AtomicCheckpointIO().save_checkpoint({}, tmp_path / "last.ckpt")
    assert not list(tmp_path.iterdir())
