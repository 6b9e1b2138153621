"""Which plane a classifier of residues uses: that with the highest accuracy alone, not the one read best."""

import pytest

from bows.config.validate import check
from bows.figures.style import save
from bows.files import write_json
from bows.paper import residue_rings
from bows.paper.runs import Run
from bows.runs.folder import read_run
from bows.training.run import train

TRAINED = [
    "experiment=paper/residue_rings", "data.modulus=7", "data.val_fraction=0.3", "data.batch_size=8", "latent=6", "epochs=60",
    "trainer=cpu", "logger=none",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory, composed) -> Run:
    folder, config = tmp_path_factory.mktemp("residues"), composed("train", *TRAINED)
    train(check(config), folder, None)
    (folder / ".hydra").mkdir()
    write_json(folder / ".hydra" / "config.yaml", config)
    return Run(read_run(folder), {"seed": 0, "wd": 1, "latent": 6, "model": "pair_classifier"})


def test_the_used_plane_is_at_least_as_sufficient_as_the_probed_one(run, tmp_path):
    table = residue_rings.settings_of_runs([run])
    (row,) = table.to_pylist()
    assert (row["modulus"], row["val_fraction"], row["seed"]) == (7, 0.3, 0)
    assert row["accuracy"] == run.summary["ablation/accuracy_base"]
    assert row["rings"] == run.summary["probe/frequencies"] > 0
    assert row["keep_used"] >= row["keep"] - 1e-9
    assert save(residue_rings.draw(table), tmp_path / "figure")[0].is_file()
