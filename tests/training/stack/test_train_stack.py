"""A member of a stack against the same model trained alone: weights, metrics, checkpoints, padding, and members that fail."""

import csv
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bows.config.validate import check
from bows.errors import TrainingError
from bows.files import read_json
from bows.runs.status import RunStatus
from bows.runs.weights import make_autoencoder
from bows.tracking.run_labels import Labels
from bows.training.run import train
from bows.training.stack.block import Block, Member, Solo, arrange
from bows.training.stack.stack_data import StackBatch
from bows.training.stack.train_stack import StackJob, train_stack

SMALL = ["lr=1e-2", "epochs=4", "logger=csv", "data.train_rows=600", "data.validation_rows=200", "data.batch_size=64"]
MEMBERS = {
    "tied": ["data=circular", "latent=3"],
    "linear": ["data=iid", "latent=5", "wd=1", "seed=2", "model=linear"],
    "wide": ["data=sphere", "latent=2", "lr=0.02", "wd=6"],
    "untied": ["data=circular", "latent=4", "model=untied", "optimizer.clip_norm=0.05"],
    "no bias": ["data=circular", "latent=3", "model.bias=false"],
    "gain": ["data=circular", "latent=3", "model=gain", "wd=0.1"],
    "deep": ["data=circular", "latent=3", "model=deep"],
    "relu_latent": ["data=figure8", "latent=3", "model=relu_latent", "seed=3"],
    "sigmoid": ["data=circular", "latent=6", "model=sigmoid"],
}


def stack(compose, folder: Path, variants: dict[str, list[str]], *shared: str) -> list:
    jobs = []
    for name, overrides in variants.items():
        config = compose(*SMALL, *shared, *overrides)
        (folder / name).mkdir(parents=True)
        jobs.append(StackJob(folder / name, check(config), Labels(name, "group")))
    return jobs


def alone(job: StackJob, folder: Path) -> None:
    folder.mkdir(parents=True)
    train(job.settings, folder, RunStatus.start(folder, resumed=False))


def table(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))


def assert_same(ours, theirs, path="") -> None:
    """Nested content with the same keys and sizes, numbers to 1e-4."""
    assert isinstance(ours, dict) is isinstance(theirs, dict), path
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys(), path
        for key in ours:
            assert_same(ours[key], theirs[key], f"{path}/{key}")
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs), path
        for place, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(one, other, f"{path}/{place}")
    elif isinstance(ours, torch.Tensor):
        assert ours.shape == theirs.shape, path
        assert torch.allclose(ours.float(), theirs.float(), rtol=1e-4, atol=1e-6), path
    elif isinstance(ours, float):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-7), path
    else:
        assert ours == theirs, path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Every kind of member in one stack, and each alone, of one optimizer each time it is asked for."""
    from hydra import compose, initialize_config_dir

    from bows.config.paths import CONF
    from bows.config.resolve import plain

    root = tmp_path_factory.mktemp("stack")
    done: dict[str, Path] = {}

    def composed(*overrides: str) -> dict:
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
            return plain(compose("train", [f"outputs={root}", *overrides]))

    def of(optimizer: str) -> Path:
        if optimizer not in done:
            folder = done[optimizer] = root / optimizer
            shared = [f"optimizer={optimizer}", "optimizer.warmup_steps=3"]
            shared += ["optimizer.momentum=0.5"] if optimizer == "sgd" else []
            # Metrics and figures do not depend on the optimizer; figures are drawn of a tied decoder and of one of its own.
            measured = ["analysis.looks=2"] if optimizer == "adamw" else ["analysis=none"]
            undrawn = {name: ["analysis.figures=false"] for name in MEMBERS if name not in ("tied", "deep")}
            variants = {name: [*words, *measured, *undrawn.get(name, [])] for name, words in MEMBERS.items()}
            jobs = stack(composed, folder / "stack", variants, *shared)
            outcomes = train_stack(jobs, folder / "scratch")
            assert all(isinstance(outcome, float) for outcome in outcomes)
            for job in jobs:
                alone(job, folder / "alone" / job.folder.name)
        return done[optimizer]

    return of


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize("member", MEMBERS)
def test_weights_metrics_and_checkpoints_are_those_of_the_job_alone(trained, optimizer, member):
    folder = trained(optimizer)
    ours, theirs = folder / "stack" / member, folder / "alone" / member
    weights, expected = (load_file(each / "model.safetensors") for each in (ours, theirs))
    assert weights.keys() == expected.keys()
    for name, weight in weights.items():
        assert (weight - expected[name]).norm() <= 1e-4 * expected[name].norm(), name
    rows, wanted = (table(each) for each in (ours, theirs))
    assert list(rows[0]) == list(wanted[0])
    for row, other in zip(rows, wanted, strict=True):
        for name in row:
            assert bool(row[name]) == bool(other[name]), name
            if row[name] and not name.startswith("speed/"):
                assert float(row[name]) == pytest.approx(float(other[name]), rel=1e-3, abs=1e-4), (row["step"], name)
    for name in ("last.ckpt", "best.ckpt"):
        content, other = (torch.load(each / "checkpoints" / name, weights_only=True) for each in (ours, theirs))
        assert_same(content, other)
    summary, other = (read_json(each / "summary.json") for each in (ours, theirs))
    assert summary.keys() == other.keys()


def test_a_member_leaves_a_run_folder_like_any_other(trained):
    folder = trained("adamw")
    for member in MEMBERS:
        ours, theirs = (
            {path.relative_to(folder / kind / member) for path in (folder / kind / member).rglob("*")}
            for kind in ("stack", "alone")
        )
        # Those a single run's command makes besides: the report; and the checkpoint before the last.
        assert theirs - ours <= {Path("checkpoints/previous.ckpt")}
        assert ours - theirs == {Path("report.html")}
        status = read_json(folder / "stack" / member / "status.json")
        assert status["state"] == "completed"
        assert status["config"]
        assert status["corpus"] == read_json(folder / "alone" / member / "status.json")["corpus"]
    assert not (folder / "scratch").exists()


def test_padding_stays_at_exactly_zero(compose):
    torch.manual_seed(0)
    models = [
        make_autoencoder(compose("latent=4", f"model={kind}")["model"] | {"latent": latent}, 6)
        for kind in ("untied",)
        for latent in (2, 4)
    ]
    block = Block([Member(model, 0) for model in models])
    optimizer = torch.optim.AdamW(block.parameters(), lr=0.1, weight_decay=0.3)
    for _ in range(20):
        bags = (torch.rand(8, 6) < 0.5).float()
        optimizer.zero_grad()
        block.losses(StackBatch(bags.unsqueeze(1), None)).sum().backward()
        optimizer.step()
    encoder, decoder = (block.weights[block.names.index(name)] for name in ("encoder", "decoder"))
    assert torch.equal(encoder[0, 2:], torch.zeros(2, 6))
    assert torch.equal(decoder[0, :, 2:], torch.zeros(6, 2))
    assert (encoder[1] != 0).all()
    assert block.member_state(0)["encoder"].shape == (2, 6)


def test_a_member_whose_loss_is_no_number_fails_and_the_others_are_as_without_it(compose, tmp_path):
    well = {"first": ["data=circular", "latent=3"], "second": ["data=circular", "latent=4", "wd=2"]}
    ill = {"ill": ["data=circular", "latent=5", "lr=1e30"]}
    variants = {"first": well["first"], **ill, "second": well["second"]}
    mixed = stack(compose, tmp_path / "mixed", variants, "analysis=none")
    outcomes = train_stack(mixed, tmp_path / "scratch")
    assert isinstance(outcomes[1], TrainingError)
    status = read_json(mixed[1].folder / "status.json")
    assert status["state"] == "failed"
    assert "the loss is" in status["error"]
    assert "lower wd or lr" in status["error"]
    rows = table(mixed[1].folder)
    failing_step = int(status["error"].partition("at step ")[2].partition(";")[0])
    assert max(int(row["step"]) for row in rows) < max(failing_step, 1)
    assert not (mixed[1].folder / "model.safetensors").exists()
    for job in (mixed[0], mixed[2]):
        assert read_json(job.folder / "status.json")["state"] == "completed"
        alone(job, tmp_path / "alone" / job.folder.name)
        ours, theirs = (
            load_file(each / "model.safetensors") for each in (job.folder, tmp_path / "alone" / job.folder.name)
        )
        for name, weight in ours.items():
            assert (weight - theirs[name]).norm() <= 1e-4 * theirs[name].norm()


def test_blocks_hold_one_kind_and_pad_only_where_that_is_cheap(compose):
    def model(kind: str, latent: int, words: int):
        return make_autoencoder(compose(f"model={kind}")["model"] | {"latent": latent}, words)

    small = [Member(model(kind, latent, 12), 0) for kind in ("tied", "linear") for latent in (2, 12)]
    assert sorted(map(sorted, arrange(small, 256))) == [[0, 1], [2, 3]]
    large = [Member(model("tied", latent, 4000), dataset) for latent in (50, 200) for dataset in (0, 1)]
    assert sorted(map(sorted, arrange(large, 512))) == [[0, 1], [2, 3]]
    assert sorted(map(sorted, arrange(large, 2048))) == [[0], [1], [2], [3]]


def test_members_do_not_drift_from_the_jobs_alone_over_a_thousand_steps(compose, tmp_path):
    """Decay empties directions, and there each step amplifies what rounding left: here, in single precision, to 1e-5."""
    settings = ["data=sphere", "wd=6", "lr=1e-2", "optimizer.clip_norm=1", "epochs=20", "data.train_rows=3200"]
    variants = {"tied": ["latent=12"], "linear": ["model=linear", "latent=5"], "narrow": ["latent=4"]}
    jobs = stack(compose, tmp_path / "stack", variants, *settings, "analysis=none")
    assert all(isinstance(outcome, float) for outcome in train_stack(jobs, tmp_path / "scratch"))
    alone(jobs[0], tmp_path / "alone")
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (jobs[0].folder, tmp_path / "alone"))
    for name, weight in ours.items():
        assert (weight - theirs[name]).norm() <= 1e-6 * theirs[name].norm(), name


@pytest.mark.parametrize("sparsely", [False, True], ids=["dense", "sparse"])
def test_large_members_are_those_alone_to_the_last_bit(compose, tmp_path, monkeypatch, sparsely):
    monkeypatch.setattr("bows.training.stack.block.BLOCK_SECONDS", 0.0)  # every product is a long one
    if sparsely:
        monkeypatch.setattr("bows.model.sparse_loss.LEAST_WORK", 0)
        monkeypatch.setattr("bows.model.sparse_loss.FULLEST", 1.0)
    asked: list[Solo] = []
    monkeypatch.setattr(Solo, "bind", lambda self, bind=Solo.bind: (asked.append(self), bind(self)))
    settings = ["trainer.precision=32-true", "analysis=none"]
    jobs = stack(compose, tmp_path / "stack", MEMBERS, *settings)
    assert all(isinstance(outcome, float) for outcome in train_stack(jobs, tmp_path / "scratch"))
    for job in jobs:
        alone(job, tmp_path / "alone" / job.folder.name)
        ours, theirs = (
            load_file(tmp_path / kind / job.folder.name / "model.safetensors") for kind in ("stack", "alone")
        )
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours), job.folder.name
        content, other = (
            torch.load(tmp_path / kind / job.folder.name / "checkpoints" / "last.ckpt", weights_only=True)
            for kind in ("stack", "alone")
        )
        assert_same(content, other)
    assert len(asked) == len(MEMBERS)
    # The deep, the sigmoid, the gains and the rectified latent have no sparse loss: they see dense bags of the same windows.
    assert sum(solo._sparse_loss is not None for solo in asked) == (5 if sparsely else 0)
