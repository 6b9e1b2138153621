"""The plane that a classifier of residues uses: that with the highest accuracy alone, not the one read best."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from bows.config.resolve import instantiate_plain
from bows.config.validate import check
from bows.figures.style import save
from bows.files import write_json
from bows.paper import residue_rings
from bows.paper.runs import Run
from bows.runs.folder import read_run
from bows.training.run import train

TRAINED = [
    "experiment=paper/residue_rings", "data.modulus=13", "data.val_fraction=0.3", "data.batch_size=32", "latent=6", "epochs=40", "wd=0",
    "trainer=cpu", "logger=none",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory, composed) -> Run:
    """A trained classifier whose embeddings are then two rings: of frequency 1, and of frequency 2, twice as wide, with noise."""
    folder, config = tmp_path_factory.mktemp("residues"), composed("train", *TRAINED)
    train(check(config), folder, None)
    (folder / ".hydra").mkdir()
    write_json(folder / ".hydra" / "config.yaml", config)
    weights = load_file(folder / "model.safetensors")
    turn = 2 * torch.pi * torch.arange(13) / 13
    rings = [turn.cos(), turn.sin(), 2 * (2 * turn).cos(), 2 * (2 * turn).sin(), torch.zeros(13), torch.zeros(13)]
    noise = 0.01 * torch.randn(13, 2, generator=torch.Generator().manual_seed(0))
    weights["embedding.weight"] = torch.stack(rings, dim=1)
    weights["embedding.weight"][:, :2] += noise
    save_file(weights, folder / "model.safetensors")
    return Run(read_run(folder), {"seed": 0, "wd": 1, "latent": 6, "model": "pair_classifier"})


def accuracy(run: Run, removed: list[int]) -> float:
    """By hand: dimensions of the embeddings at their means."""
    weights = {name: value.numpy() for name, value in load_file(run.folder / "model.safetensors").items()}
    embedding = weights["embedding.weight"].copy()
    embedding[:, removed] = embedding[:, removed].mean(0)
    rows = instantiate_plain(run.files.config["data"]).task.splits["validation"].rows.numpy()
    both = np.concatenate([embedding[rows[:, 0]], embedding[rows[:, 1]]], axis=1)
    hidden = np.maximum(both @ weights["hidden.weight"].T + weights["hidden.bias"], 0)
    return float(((hidden @ weights["output.weight"].T + weights["output.bias"]).argmax(1) == rows[:, 2]).mean())


def test_the_used_plane_is_the_most_sufficient_of_all_rings(run, tmp_path):
    table = residue_rings.settings_of_runs([run])
    (row,) = table.to_pylist()
    assert (row["modulus"], row["val_fraction"], row["seed"], row["rings"]) == (13, 0.3, 0, 2)
    assert row["accuracy"] == run.summary["ablation/accuracy_base"]
    kept = {
        ring: accuracy(run, [dimension for dimension in range(6) if dimension not in ring]) for ring in ((0, 1), (2, 3))
    }
    assert len(set(kept.values())) == 2
    best = max(kept, key=kept.__getitem__)
    assert row["keep_used"] == pytest.approx(
        kept[best], abs=0.021
    )  # one pair of 51: rings of the probe are not quite these axes
    assert row["remove_used"] == pytest.approx(accuracy(run, list(best)), abs=0.021)
    assert save(residue_rings.draw(table), tmp_path / "figure")[0].is_file()
