"""The real command, on a tiny text: the run folder and its contract, seeds, resuming, sweeps, errors."""

import csv
import json
import re
import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from bows.config.validate import check
from bows.errors import BowsError
from bows.files import read_json
from bows.training.autoencoder import open_bags

from ..support.commands import Paused, fresh, wandb_records


@pytest.fixture(scope="module")
def finished(outputs, words) -> tuple[Path, subprocess.CompletedProcess]:
    """A finished run with the default logger, without a key: its folder and what it printed."""
    done = fresh(["bows.train", *words, "wd=0.1", "name=whole", f"outputs={outputs}"])
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip().splitlines()[-1]), done


def test_the_run_folder_is_complete(finished, outputs):
    folder, _ = finished
    assert folder.parent.parent == outputs / "runs"
    assert folder.name.endswith("-whole")
    for name in ["config.yaml", "overrides.yaml"]:
        assert (folder / ".hydra" / name).is_file()
    assert "wd=0.1" in (folder / ".hydra" / "overrides.yaml").read_text()
    files = ["status.json", "summary.json", "metrics.csv", "model.safetensors", "vocabulary.txt", "words.parquet"]
    files += ["checkpoints/last.ckpt", "checkpoints/best.ckpt", "report.html", "train.log"]
    files += [f"figures/{name}.{end}" for name in ("training_curves", "gram", "ring_months") for end in ("png", "pdf")]
    assert [name for name in files if not (folder / name).is_file()] == []
    assert not [path for path in folder.rglob("*") if ".tmp" in path.name]


def test_status_tells_how_it_ended(finished, outputs):
    status = read_json(finished[0] / "status.json")
    assert status["state"] == "completed"
    assert status["error"] is None
    assert status["seconds"] > 0
    assert status["started"] <= status["finished"]
    assert status["versions"]["torch"] == torch.__version__
    manifest = next((outputs / "corpora").glob("files-*/manifest.json"))
    assert status["corpus"] == read_json(manifest)["hash"]


def test_weights_fit_the_vocabulary(finished):
    folder, _ = finished
    weights = load_file(folder / "model.safetensors")
    vocabulary = (folder / "vocabulary.txt").read_text(encoding="utf-8").splitlines()
    assert set(weights) == {"encoder.weight", "decoder.bias"}
    assert weights["encoder.weight"].shape == (4, len(vocabulary))
    assert weights["decoder.bias"].shape == (len(vocabulary),)
    assert all(tensor.dtype == torch.float32 for tensor in weights.values())
    assert pq.read_table(folder / "words.parquet")["word"].to_pylist() == vocabulary


def held_out_bags(outputs: Path, window: int) -> np.ndarray:
    """Bags of every held-out window, by a loop over the corpus's files: none of bows' own code."""
    folder = next((outputs / "corpora").glob("files-*"))
    indptr = np.load(folder / "validation" / "indptr.npy")
    indices = np.load(folder / "validation" / "indices.npy")
    words = len((folder / "vocabulary.txt").read_text(encoding="utf-8").splitlines())
    rows = len(indptr) - 1
    bags = np.zeros((rows - window + 1, words))
    for start in range(rows - window + 1):
        for row in range(start, start + window):
            bags[start, indices[indptr[row] : indptr[row + 1]]] = 1
    return bags


def test_the_summary_can_be_recomputed_from_the_folder(finished, outputs):
    folder, _ = finished
    summary = read_json(folder / "summary.json")
    weights = load_file(folder / "model.safetensors")
    weight, bias = weights["encoder.weight"].double().numpy(), weights["decoder.bias"].double().numpy()
    bags = held_out_bags(outputs, window=4)
    rebuilt = np.maximum(bags @ weight.T @ weight + bias, 0)
    assert summary["reconstruction/loss"] == pytest.approx(((bags - rebuilt) ** 2).mean(), rel=1e-5)
    r2 = 1 - ((bags - rebuilt) ** 2).sum() / ((bags - bags.mean(0)) ** 2).sum()
    assert summary["reconstruction/r2"] == pytest.approx(r2, abs=1e-5)
    assert summary["capacity/features_per_dimension"] == pytest.approx((weight**2).sum() / 4, rel=1e-5)
    gram = weight.T @ weight
    off_diagonal = gram - np.diag(gram.diagonal())
    assert summary["packing/off_diagonal_norm"] == pytest.approx(np.linalg.norm(off_diagonal), rel=1e-5)
    assert {"ring/months/order", "ring/months/order_p", "ring/months/circulance"} <= set(summary)
    assert {"speed/windows_per_second", "speed/seconds", "speed/peak_memory_mb"} <= set(summary)
    assert all(np.isfinite(value) for value in summary.values())


def test_it_learnt_something(finished):
    summary = read_json(finished[0] / "summary.json")
    assert summary["reconstruction/r2"] > 0.1


def test_metrics_run_over_steps_and_end_in_the_summary(finished):
    folder, _ = finished
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    steps = [int(row["step"]) for row in rows]
    assert steps == sorted(set(steps))
    for name, value in read_json(folder / "summary.json").items():
        last = [row[name] for row in rows if row[name]][-1]
        assert float(last) == pytest.approx(value, rel=1e-9)
    assert sum(bool(row["reconstruction/r2"]) for row in rows) == 6
    losses = [float(row["train/loss"]) for row in rows if row["train/loss"]]
    assert np.mean(losses[-10:]) < np.mean(losses[:10])


def test_it_prints_a_short_table_and_the_folder_and_no_chatter(finished):
    folder, done = finished
    lines = done.stdout.strip().splitlines()
    assert lines[-1] == str(folder)
    assert sum(re.match(r"[a-z]+/", line) is not None for line in lines) < 14  # the table
    assert len(lines) < 24  # with what was found, and the next command
    assert any(line.startswith("reconstruction/r2") for line in lines)
    assert "W&B: offline" in done.stderr
    assert "wandb sync" in done.stderr
    assert "Warning" not in done.stderr
    assert "warn" not in done.stderr


def test_the_offline_wandb_run_holds_metrics_config_and_figures(finished, run_command):
    folder, _ = finished
    records = wandb_records(run_command, folder)
    text = "\n".join(json.dumps(record) for record in records if record["type"] == "history")
    for name in [
        "reconstruction/r2",
        "packing/coherence",
        "ring/months/order",
        "train/loss",
        "figures/gram",
        "tables/words",
    ]:
        assert f'"{name}"' in text or name in text
    assert "vocab_size" in json.dumps(records)
    assert list(folder.glob("wandb/offline-run-*/files/media/images/**/*.png"))


def test_one_seed_gives_identical_weights_and_another_does_not(finished, outputs, words, run):
    again = Path(run(outputs, *words, "wd=0.1", "logger=none", "analysis=none").stdout.strip().splitlines()[-1])
    first, second = (load_file(folder / "model.safetensors") for folder in (finished[0], again))
    assert all(torch.equal(first[name], second[name]) for name in first)
    summary = read_json(again / "summary.json")
    # Whatever the analysis and the logger.
    assert {"reconstruction/loss", "reconstruction/r2", "speed/windows_per_second", "speed/seconds"} <= set(summary)
    assert not any(name.startswith(("capacity", "packing", "ring")) for name in summary)
    other = Path(
        run(outputs, *words, "wd=0.1", "seed=1", "logger=none", "analysis=none").stdout.strip().splitlines()[-1]
    )
    assert not torch.equal(first["encoder.weight"], load_file(other / "model.safetensors")["encoder.weight"])


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_run_stopped_in_the_middle_resumes_to_the_same_weights(
    finished, outputs, words, stop, tmp_path, run, run_command
):
    folder = tmp_path / "stopped run"  # with a space, as folders have
    quoted = f"hydra.run.dir='{folder}'"
    asked = [*words, "wd=0.1", "logger=none", "analysis.figures=false", "trainer.checkpoint_every_steps=5", quoted]
    with (tmp_path / "stderr").open("w") as stderr:
        start = partial(run_command.popen, stderr=stderr)
        command = ["bows.train", *asked, f"outputs={outputs}"]
        code = Paused(start, "step:37", tmp_path / "paused", command).end_by(stop)
    said = (tmp_path / "stderr").read_text()
    status = read_json(folder / "status.json")
    if stop == signal.SIGINT:
        assert code == 130
        assert status["state"] == "failed"
        assert "resume=" in status["error"]
        assert "resume=" in said
        assert "Traceback" not in said
    else:
        assert code == -signal.SIGKILL
        assert status["state"] == "running"
    step = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
    assert step in ((37, 38) if stop == signal.SIGINT else (35,))  # the interrupt may wait for one batch to end

    refused = run(outputs, f"resume='{folder}'", "wd=3")
    assert refused.returncode == 2
    assert "wd=3: a resumed run keeps its own settings" in refused.stderr

    resumed = run(outputs, f"resume='{folder}'")
    assert resumed.returncode == 0, resumed.stderr
    assert read_json(folder / "status.json")["state"] == "completed"
    first, second = (load_file(place / "model.safetensors") for place in (finished[0], folder))
    assert all(torch.equal(first[name], second[name]) for name in first)
    tables = []
    for place in (finished[0], folder):
        with (place / "metrics.csv").open(newline="") as file:
            tables.append([(row["step"], row["train/loss"], row["reconstruction/r2"]) for row in csv.DictReader(file)])
    assert tables[0] == tables[1]

    once_more = run(outputs, f"resume='{folder}'")
    assert once_more.returncode == 2
    assert "this run is completed" in once_more.stderr


def test_a_damaged_checkpoint_is_refused_by_name_and_the_one_before_offered(finished, outputs, tmp_path, run):
    folder = tmp_path / "damaged"
    shutil.copytree(finished[0], folder)
    status = read_json(folder / "status.json")
    (folder / "status.json").write_text(json.dumps({**status, "state": "failed"}))
    checkpoint = folder / "checkpoints" / "last.ckpt"
    shutil.copy(checkpoint, checkpoint.with_name("previous.ckpt"))
    content = bytearray(checkpoint.read_bytes())
    checkpoint.write_bytes(content[: len(content) // 2])
    done = run(outputs, f"resume={folder}")
    assert done.returncode == 1
    line = done.stderr.strip().splitlines()[-1]
    assert str(checkpoint) in line
    assert "previous.ckpt" in line


def test_a_sweep_goes_on_past_a_failing_job(outputs, words, run, run_command):
    grid = ["epochs=1", "model=tied,linear", "wd=0,-1", "analysis.figures=false"]
    done = run(outputs, "-m", *words, *grid, f"hydra.sweep.dir={outputs / 'sweep'}")
    assert done.returncode == 1
    folders = [next((outputs / "sweep").glob(f"{number}-*")) for number in range(4)]
    states = [read_json(folder / "status.json") for folder in folders]
    assert [status["state"] for status in states] == ["completed", "failed", "completed", "failed"]
    assert "wd=-1 is not allowed" in states[1]["error"]
    assert "Traceback" in (folders[1] / "train.log").read_text()
    assert "SettingError" in (folders[1] / "train.log").read_text()
    assert (folders[2] / "report.html").is_file()
    found = [wandb_records(run_command, folder) for folder in (folders[0], folders[2])]
    starts = [next(record["run"] for record in records if record["type"] == "run") for records in found]
    assert starts[0]["run_id"] != starts[1]["run_id"]
    for records, label in zip(found, ["model=tied", "model=linear"], strict=True):
        text = json.dumps(records)
        assert label in text
        assert '"sweep"' in text  # the group: the sweep's folder


@pytest.fixture
def train_here(compose, words, tmp_path):
    """Trains in this process, which saves the seconds of starting another: returns the run folder."""
    from bows.training.run import train

    def trained(*more: str) -> Path:
        config = compose(*words, "logger=none", *more)
        folder = tmp_path / "run"
        folder.mkdir()
        train(check(config), folder, None)
        return folder

    return trained


def test_pca_is_a_run_like_any_other(train_here):
    folder = train_here("model=pca")
    assert (folder / "checkpoints" / "last.ckpt").is_file()
    weight = load_file(folder / "model.safetensors")["encoder.weight"]
    assert torch.allclose(weight @ weight.T, torch.eye(4), atol=1e-5)
    summary = read_json(folder / "summary.json")
    assert summary["capacity/features_per_dimension"] == pytest.approx(1)
    assert {"speed/windows_per_second", "speed/seconds", "speed/peak_memory_mb"} <= set(summary)
    assert (folder / "words.parquet").is_file()


@pytest.mark.parametrize("model", ["untied", "gain", "deep", "sigmoid", "linear", "relu_latent"])
def test_other_models_leave_the_contract_too(train_here, model):
    drawn = "analysis.figures=" + ("true" if model == "deep" else "false")  # those of a decoder of its own
    folder = train_here(f"model={model}", "epochs=1", "logger=tensorboard", drawn)
    weights = load_file(folder / "model.safetensors")
    size = weights["decoder.bias"].shape[0]
    assert weights["encoder.weight"].shape == (4, size)
    assert ("decoder.weight" in weights) == (model in {"untied", "gain", "deep"})
    if model in {"untied", "gain", "deep"}:
        assert weights["decoder.weight"].shape == (size, 4)
    assert list((folder / "tensorboard").glob("events*"))


@pytest.mark.parametrize(("model", "started"), [("sigmoid", True), ("tied", False)])
def test_sigmoid_outputs_start_at_the_words_log_odds(train_here, compose, words, model, started):
    folder = train_here(f"model={model}", "epochs=1", "lr=1e-9", "analysis=none")
    bags = torch.cat(list(open_bags(check(compose(*words))).windows("train").batches(512)))
    share = (bags.sum(0) + 0.5) / (len(bags) + 1)
    expected = torch.log(share / (1 - share)) if started else torch.zeros_like(share)
    assert load_file(folder / "model.safetensors")["decoder.bias"].tolist() == pytest.approx(
        expected.tolist(), abs=1e-5
    )


@pytest.mark.parametrize(
    ("precision", "kept"),
    [
        ("32-true", torch.float32),
        ("64-true", torch.float64),
        ("bf16-true", torch.bfloat16),
        ("bf16-mixed", torch.float32),
    ],
)
def test_every_precision_trains_and_leaves_a_float32_model(train_here, precision, kept):
    folder = train_here(
        f"trainer.precision={precision}", "epochs=1", "trainer=cpu", "model=untied", "analysis.figures=false"
    )
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert {value.dtype for value in state.values()} == {kept}
    assert {value.dtype for value in load_file(folder / "model.safetensors").values()} == {torch.float32}
    assert read_json(folder / "summary.json")["reconstruction/loss"] > 0


def test_small_vocabularies_train_in_double_precision_on_a_cpu(compose):
    from bows.config.validate import check
    from bows.training.task import DOUBLE_PRECISION_WORDS, chosen_precision

    on_cpu, asked = (check(compose("trainer=cpu", *more)).trainer for more in ([], ["trainer.precision=bf16-mixed"]))
    few = DOUBLE_PRECISION_WORDS
    assert [chosen_precision(on_cpu, words) for words in (few, few + 1, None)] == ["64-true", "32-true", "32-true"]
    assert chosen_precision(asked, few) == "bf16-mixed"


BAD = {
    "data.window=100": "data.window=100 is longer than the validation split, which has 40 rows; allowed: 1 to 40",
    "data.train=nowhere.txt": "data.train=nowhere.txt: there is no such file",
    "lr=1e30": "the loss is ",
    "data.min_chars=100000": "data.min_chars=100000",
    "trainer=mps": "trainer.accelerator=mps",
}


@pytest.mark.parametrize("word", BAD)
def test_bad_input_ends_in_one_line_and_nothing_half_written(train_here, tmp_path, word):
    if word == "trainer=mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has an Apple GPU")
    with pytest.raises(BowsError) as caught:
        train_here(word)
    assert BAD[word] in str(caught.value)
    assert "\n" not in str(caught.value)
    corpora = [path for path in (tmp_path / "outputs" / "corpora").glob("*") if path.is_dir()]
    assert all((path / "manifest.json").is_file() for path in corpora)


def test_an_error_of_a_single_run_is_printed_once(outputs, words, run):
    done = run(outputs, *words, "data.train=nowhere.txt")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("error: data.train=nowhere.txt: there is no such file")
    assert done.stderr.count("nowhere.txt") == 1


def test_debug_shows_the_traceback(outputs, words, run_command):
    done = run_command(["bows.train", *words, "latent=0", "debug=true", f"outputs={outputs}"])
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "latent=0 is not allowed" in done.stderr


@pytest.mark.parametrize("place", ["file/below", "file"])
def test_outputs_that_cannot_be_written_are_named(tmp_path, words, place, run):
    (tmp_path / "file").write_text("in the way")
    done = run(tmp_path / place, *words)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("error: outputs: ")
    assert "outputs=<folder>" in done.stderr


def test_a_full_disk_at_the_end_is_a_failed_run(tmp_path, monkeypatch):
    """Whatever fails to be written: one line, the state failed, also where the new status has no room of its own."""
    import errno

    import bows.runs.status as runs
    from bows.training.run import as_expected

    status = runs.RunStatus.start(tmp_path, resumed=False)

    def full(path, value):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(runs, "write_json", full)
    said = as_expected(OSError(errno.ENOSPC, "No space left on device", "report.html"), tmp_path)
    assert isinstance(said, BowsError)
    assert "report.html cannot be written (No space left on device)" in str(said)
    assert f"resume={tmp_path}" in str(said)
    status.write_failed(str(said))
    assert read_json(tmp_path / "status.json")["state"] == "failed"
    assert read_json(tmp_path / "status.json")["error"] == str(said)


def test_ctrl_c_anywhere_says_how_to_go_on(tmp_path):
    from bows.training.run import as_expected

    said = as_expected(KeyboardInterrupt(), tmp_path)
    assert said.exit_code == 130
    assert f"resume={tmp_path}" in str(said)
    error = ValueError("anything else")
    assert as_expected(error, tmp_path) is error


@pytest.mark.parametrize(
    ("experiment", "small"),
    [("paper/months", "paper/small/months"), ("paper/synthetic", None), ("paper/small/months", None), (None, None)],
)
def test_a_preset_whose_corpus_cannot_be_had_names_its_small_version(tmp_path, experiment, small):
    from bows.errors import UnavailableError
    from bows.training.run import as_expected

    (tmp_path / ".hydra").mkdir()
    chosen = f"{{experiment: {experiment}}}" if experiment else "{}"
    (tmp_path / ".hydra" / "hydra.yaml").write_text(f"hydra: {{runtime: {{choices: {chosen}}}}}")
    said = str(as_expected(UnavailableError("dataset x: cannot be had"), tmp_path))
    ending = f"; the small version of this preset: python -m bows.train -m experiment={small} hydra/launcher=vectorized"
    assert said == "dataset x: cannot be had" + (ending if small else "")


def test_figures_drawn_in_two_processes_are_those_of_one(tmp_path):
    from bows.figures.gram import gram_heat_map
    from bows.figures.render_pool import Drawers, Picture
    from bows.training.run import _draw

    names = ["one", "two", "three"]
    pictures = {name: Picture(gram_heat_map, (np.eye(3) * size, names, name)) for size, name in enumerate(names, 1)}
    alone = _draw(tmp_path / "alone", pictures, None)
    with Drawers(1) as drawer:
        shared = _draw(tmp_path / "shared", pictures, drawer)
    assert alone.keys() == shared.keys() == set(names)
    assert all(alone[name].read_bytes() == shared[name].read_bytes() for name in names)


@pytest.mark.parametrize(
    ("threads", "sweep", "more", "expected"),
    [(2, None, [], True), (1, None, [], False), (2, "sweep", [], False), (2, None, ["analysis=none"], False)],
)
def test_a_single_run_with_a_second_core_starts_a_process_that_draws(
    compose, monkeypatch, threads, sweep, more, expected
):
    from bows.config.validate import check
    from bows.training import run

    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(run, "Drawers", lambda processes, modules: f"{processes} process")
    started = run._second_drawer(check(compose(*more)), sweep)
    assert started == "1 process" if expected else started.__enter__() is None


@pytest.mark.parametrize(("rows", "logged"), [("apple pear\n" * 9, True), ("apple pear plum\n" * 9, False)])
def test_a_validation_split_with_few_of_the_words_is_logged(compose, tmp_path, caplog, rows, logged):
    train, validation = tmp_path / "train.txt", tmp_path / "validation.txt"
    train.write_text("apple pear plum\n" * 60)
    validation.write_text(rows)
    settings = compose(
        "data=files", f"data.train={train}", f"data.validation={validation}", "data.min_chars=1", "data.window=2"
    )
    with caplog.at_level("INFO"):
        open_bags(check(settings))
    assert ("the validation split contains 67 % of the vocabulary" in caplog.text) == logged
