"""The real command on pairs: a whole run folder whose numbers can be computed again, resuming, and what is refused."""

import csv
import signal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from bows.files import read_json

from ..support.commands import Paused

RESIDUES = [
    "data=modular_addition", "model=pair_classifier", "data.modulus=11", "data.batch_size=8", "latent=6", "epochs=12", "lr=2e-2",
    "trainer=cpu",
]  # fmt: skip
CITIES = [
    "data=cities", "model=pair_classifier", "data.population=400000", "data.train_pairs=1500", "data.validation_pairs=400",
    "data.batch_size=64", "data.probe_largest=5", "latent=8", "epochs=4", "lr=2e-2", "wd=0", "logger=none", "trainer=cpu",
]  # fmt: skip


@pytest.fixture(scope="module")
def finished(run, outputs):
    def finished_run(words: list[str]) -> Path:
        done = run(outputs, *words)
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.strip().splitlines()[-1])

    return finished_run


@pytest.fixture(scope="module")
def residues(finished) -> Path:
    return finished([*RESIDUES, "name=whole"])


@pytest.fixture(scope="module")
def cities(finished) -> Path:
    return finished(CITIES)


@pytest.mark.parametrize("kind", ["residues", "cities"])
def test_the_run_folder_is_complete(request, kind):
    folder = request.getfixturevalue(kind)
    files = [
        ".hydra/config.yaml",
        ".hydra/overrides.yaml",
        "status.json",
        "summary.json",
        "metrics.csv",
        "model.safetensors",
    ]
    files += [
        "vocabulary.txt",
        "words.parquet",
        "checkpoints/last.ckpt",
        "checkpoints/best.ckpt",
        "report.html",
        "train.log",
    ]
    drawn = "city_map" if kind == "cities" else "residue_ring"
    files += [f"figures/{name}.{end}" for name in ("training_curves", "ablation", drawn) for end in ("png", "pdf")]
    files += [f"figures/{name}.parquet" for name in ("ablation", drawn)]
    assert [name for name in files if not (folder / name).is_file()] == []
    status = read_json(folder / "status.json")
    assert status["state"] == "completed"
    assert status["corpus"].startswith("cities-" if kind == "cities" else "modular_addition-")
    assert "ablation/accuracy_keep" in (folder / "report.html").read_text(encoding="utf-8")


def logits(weights: dict, first: np.ndarray, second: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
    w = {name: value.double().numpy() for name, value in weights.items()}
    both = np.concatenate([embeddings[first], embeddings[second]], axis=1)
    hidden = np.maximum(both @ w["hidden.weight"].T + w["hidden.bias"], 0)
    return hidden @ w["output.weight"].T + w["output.bias"]


def test_accuracies_of_residues_can_be_computed_again(residues):
    """From the folder alone, but for which pairs were held out."""
    from bows.data.sources.modular_addition import modular_addition_task

    weights, summary = load_file(residues / "model.safetensors"), read_json(residues / "summary.json")
    first, second, classes = (
        modular_addition_task("modular_addition", 11, 0.3, 0.3, seed=0).splits["validation"].rows.numpy().T
    )
    embeddings = weights["embedding.weight"].double().numpy()

    def accuracy(given: np.ndarray) -> float:
        return float((logits(weights, first, second, given).argmax(1) == classes).mean())

    assert (
        summary["ablation/accuracy_base"] == summary["classification/accuracy"] == pytest.approx(accuracy(embeddings))
    )
    table = pq.read_table(residues / "words.parquet").to_pydict()
    assert table["word"] == [str(residue) for residue in range(11)]
    turns = int(summary["probe/frequency"]) * np.arange(11) / 11
    assert table["cosine"] == pytest.approx(np.cos(2 * np.pi * turns))
    # The plane is that of the probed coordinates as a function of the embeddings.
    probed = np.column_stack([table["probed_cosine"], table["probed_sine"]])
    directions = np.linalg.lstsq(np.column_stack([embeddings, np.ones(11)]), probed, rcond=None)[0][:-1]
    plane = np.linalg.qr(directions)[0]
    centred = embeddings - embeddings.mean(0)
    kept = embeddings.mean(0) + centred @ plane @ plane.T
    assert summary["ablation/accuracy_keep"] == pytest.approx(accuracy(kept))
    assert summary["ablation/accuracy_remove"] == pytest.approx(accuracy(embeddings - centred @ plane @ plane.T))
    held_out = np.array(table["held_out"])
    true = np.column_stack([table["cosine"], table["sine"]])[held_out]
    spread = ((true - true.mean(0)) ** 2).sum()
    assert summary["probe/r2"] == pytest.approx(1 - ((true - probed[held_out]) ** 2).sum() / spread)


def test_what_a_summary_holds(residues, cities):
    both = {
        "classification/loss", "classification/accuracy", "probe/r2", "probe/p", "train/loss", "ablation/accuracy_base",
        "ablation/accuracy_keep", "ablation/accuracy_remove", "ablation/accuracy_keep_random", "ablation/accuracy_keep_random_sd",
        "ablation/accuracy_remove_random", "ablation/accuracy_remove_random_sd", "ablation/accuracy_majority",
    }  # fmt: skip
    assert both <= set(read_json(cities / "summary.json"))
    of_residues = {"ring/residues/order", "ring/residues/order_p", "probe/frequency", "probe/frequencies"}
    assert both | of_residues <= set(read_json(residues / "summary.json"))
    assert not of_residues & set(read_json(cities / "summary.json"))


def test_learning_shows_over_epochs(cities):
    with (cities / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["classification/accuracy"]]
    accuracies = [float(row["classification/accuracy"]) for row in rows]
    assert len(accuracies) == 4
    assert accuracies[-1] > accuracies[0]
    summary = read_json(cities / "summary.json")
    assert accuracies[-1] == summary["classification/accuracy"] > summary["ablation/accuracy_majority"]


def test_the_same_seed_gives_the_same_weights_and_a_stopped_run_resumes(outputs, residues, run, run_command, tmp_path):
    folder = tmp_path / "stopped"
    words = [
        *RESIDUES,
        "logger=none",
        "analysis.figures=false",
        "trainer.checkpoint_every_steps=50",
        f"outputs={outputs}",
        f"hydra.run.dir={folder}",
    ]
    paused = Paused(run_command.popen, "step:70", tmp_path / "paused", ["bows.train", *words])
    assert paused.end_by(signal.SIGINT) == 130
    assert read_json(folder / "status.json")["state"] == "failed"
    assert not (folder / "model.safetensors").exists()
    done = run(outputs, f"resume={folder}")
    assert done.returncode == 0, done.stderr
    whole = load_file(residues / "model.safetensors")
    resumed = load_file(folder / "model.safetensors")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_runs_are_collected(residues, cities, tmp_path, run_command):
    done = run_command(["bows.collect", residues, cities, "--output", tmp_path])
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "results.parquet").to_pylist()
    assert [row["state"] for row in table] == ["completed", "completed"]
    assert all(row["ablation/accuracy_keep"] is not None for row in table)


def test_it_is_no_run_to_be_analyzed(outputs, residues, run):
    done = run(outputs, f"run={residues}", door="analyze")
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0
    assert f"error: run={residues}: this run trained model=pair_classifier, which is not an autoencoder" in done.stderr
    assert not (residues / "analysis").exists()


@pytest.mark.parametrize(
    ("door", "words", "said"),
    [
        ("train", ["data=cities"], "data=cities: these are pairs, and the model Tied reads bags of words; add model=pair_classifier"),
        ("train", ["model=pair_classifier"], "model=pair_classifier reads pairs, and data pydoc are bags of words; add data=cities"),
        ("train", [*RESIDUES[:2], "trainer=ddp"], "trainer.strategy=ddp with trainer.devices=2: model=pair_classifier trains in one"),
        ("train", [*RESIDUES[:2], "latent=2"], "model.latent=2 is not allowed; allowed: a whole number, 3 or more"),
        ("corpus", ["data=modular_addition"], "data=modular_addition: these are pairs, not bags of words; train on them"),
    ],
)  # fmt: skip
def test_what_does_not_belong_together_is_refused_before_anything_is_made(tmp_path, door, words, said, run):
    done = run(tmp_path / "none", *words, door=door)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {said}")
    assert done.stderr.strip().count("\n") == 0
    assert not (tmp_path / "none").exists()


def test_a_sweep_trains_each_pair_job_alone(outputs, run):
    done = run(
        outputs, "-m", "hydra/launcher=vectorized", *RESIDUES, "epochs=1", "seed=0,1", "logger=none", "analysis=none"
    )
    assert done.returncode == 0, done.stderr
    assert "model PairClassifier is not an autoencoder; it trains alone" in done.stderr
    summaries = [read_json(path) for path in (outputs / "sweeps").rglob("summary.json")]
    assert len(summaries) == 2
    assert all("probe/p" not in summary for summary in summaries)  # analysis=none asks for no permutations


PRESETS = {"city_map": ("cities", 50, 40), "modular_addition": ("modular_addition", 50, None)}


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_compose(compose, preset):
    from bows.config.validate import check

    settings = check(compose(f"experiment=paper/{preset}"))
    name, latent, epochs = PRESETS[preset]
    assert settings.data["name"] == name
    assert settings.model["latent"] == latent
    assert epochs in (None, settings.epochs)
    if preset == "city_map":
        assert (settings.optimizer.name, settings.optimizer.lr, settings.optimizer.weight_decay) == ("adam", 1e-3, 0)
