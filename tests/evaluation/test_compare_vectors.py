"""bows.analyze against= with word vectors and closed forms: planted agreement, shared words, the file, and what is refused."""

import csv
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bows.errors import SettingError
from bows.evaluation.compare_vectors import word_lists
from bows.files import read_json
from bows.reports.findings import READERS
from bows.runs.folder import find_run


@pytest.fixture(scope="module")
def made(outputs, wide_text, trained) -> Path:
    settings = [
        "data.vocab_size=100",
        "data.window=4",
        "data.min_chars=20",
        "data.batch_size=16",
        "latent=8",
        "epochs=2",
        "lr=1e-2",
    ]
    words = ["data=files", f"data.train={wide_text}", *settings, "analysis=none", "trainer=cpu", "logger=none"]
    return trained(outputs / "run", f"outputs={outputs}", *words)


FAST = ["analysis.groups=[ring]", "analysis.permutations=99", "analysis.null_permutations=19", "analysis.figures=false"]


def vectors_of(run: Path) -> tuple[list[str], np.ndarray]:
    return find_run(run).vocabulary, load_file(run / "model.safetensors")["encoder.weight"].T


def rows_of(folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (folder / "comparison_geometry.csv").open(newline="") as file:
        return {(row["model"], row["measure"]): row for row in csv.DictReader(file)}


def test_vectors_that_are_the_runs_own_turned_in_another_order_and_case_agree(made, outputs, tmp_path, look, capsys):
    words, vectors = vectors_of(made)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
    order = np.random.default_rng(1).permutation(len(words))
    lines = [f"{words[place].lower()} {' '.join(map(str, (3 * vectors[place] @ turn).tolist()))}\n" for place in order]
    (tmp_path / "own.txt").write_text("".join(lines) + "further " + "1 " * 8 + "\n")
    noise = np.random.default_rng(2).normal(size=(len(words), 12)).astype(np.float32)
    np.savez(tmp_path / "noise.npz", matrix=noise, words=np.array(words))
    given = f"against=[{tmp_path / 'own.txt'},{tmp_path / 'noise.npz'}]"
    folder = look(made / "analysis" / "a", f"run={made}", f"outputs={outputs}", given, *FAST)
    with (folder / "comparison_geometry.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = {(row["reference"], row["model"], row["measure"]): row for row in rows}
    label = find_run(made).label
    for measure in ("rsa", "cka", "neighbours", "eigenspace_5"):
        row = found["own", label, measure]
        assert float(row["value"]) == pytest.approx(1, abs=1e-4)
        assert float(row["p"]) == 1 / 20
        assert row["words"] == str(len(words))
        assert 12 <= int(row["moved"]) <= len(words)  # the months, at least
        assert float(row["null"]) < float(row["category_null"]) < float(row["value"])
        assert float(row["category_p"]) == 1 / 20
        unrelated = found["noise", label, measure]
        assert abs(float(unrelated["z"])) < 4
        assert float(unrelated["low"]) < float(unrelated["value"]) < float(unrelated["high"])
    angle = found["own", label, "angle/months"]
    assert float(angle["value"]) < 0.1
    assert float(angle["low"]) <= float(angle["value"]) <= float(angle["high"]) < 1
    assert found["own", label, "order/months"]["low"] == ""
    for model in ("own", label):
        assert 0 < float(found["own", model, "order/months"]["value"]) <= 1
    assert not (folder / "comparison.csv").exists()  # no other model
    printed = capsys.readouterr().out
    assert "geometry of own" in printed
    assert f"{len(words)} shared words" in printed
    finding = READERS["comparison_geometry.csv"](folder)  # of the report
    assert finding.title == "Geometry compared with own, noise"
    assert len(finding.rows) == len(rows)


def test_a_word_belongs_to_the_first_set_that_has_it_then_to_its_category():
    categories = {"time": ["May", "June", "hour"], "sky": ["star", "moon"], "none": ["absent"]}
    words = ["hour", "may", "june", "star", "table", "moon"]
    lists = word_lists(categories, {"months": [1, 2], "bodies": [2, 5]}, words).tolist()
    assert lists[1] == lists[2] != lists[5]  # months, and bodies without June
    assert len({lists[0], lists[1], lists[3], lists[5], -1}) == 5
    assert lists[4] == -1
    assert word_lists({}, {}, words).tolist() == [-1] * 6


def test_closed_forms_of_the_runs_corpus(made, outputs, tmp_path, look):
    folder = look(tmp_path / "a", f"run={made}", f"outputs={outputs}", "against=[pca,pmi,mstar]", *FAST)
    with (folder / "comparison.csv").open(newline="") as file:
        assert next(csv.reader(file))[1:] == [find_run(made).label, "pca", "pca_relu", "pmi", "mstar"]
    rows = rows_of(folder)
    assert {model for model, _ in rows} >= {"pca", "pmi", "mstar"}
    assert ("pca_relu", "rsa") not in rows
    # M* and positive PMI are near each other; the months' ring is in both.
    assert float(rows["mstar", "order/months"]["value"]) > 0.8
    assert float(rows["pmi", "order/months"]["value"]) > 0.8


def test_a_folder_of_measured_vectors(made, outputs, tmp_path, look):
    words, vectors = vectors_of(made)
    folder = tmp_path / "vectors"
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "config.yaml").write_text("matrix: x.npy\n")
    (folder / "vocabulary.txt").write_text("".join(f"{word}\n" for word in words[:60]))
    save_file({"embedding.weight": np.ascontiguousarray(vectors[:60])}, folder / "model.safetensors")
    found = rows_of(look(tmp_path / "a", f"run={made}", f"outputs={outputs}", f"against=[{folder}]", *FAST))
    own = found[find_run(made).label, "cka"]
    assert (own["words"], float(own["value"])) == ("60", pytest.approx(1, abs=1e-4))


def test_bad_input(made, outputs, tmp_path, look):
    words, vectors = vectors_of(made)

    def refused(given: str, message: str) -> None:
        with pytest.raises(SettingError, match=message):
            look(tmp_path / "refused", f"run={made}", f"outputs={outputs}", f"against=[{given}]", *FAST)

    few = tmp_path / "few.npz"
    np.savez(few, matrix=vectors[:19], words=np.array(words[:19]))
    refused(str(few), rf"few.npz: 19 of the run's {len(words)} words have a vector in it; 20 or more are needed")
    np.savez(few, matrix=vectors[:30], words=np.array([f"{word}xq" for word in words[:30]]))
    refused(str(few), r"few.npz: 0 of the run's")
    refused("word2vec", r"against=word2vec: there is no such folder or file; give .* pca, pmi, mstar")
    (tmp_path / "own.pkl").write_bytes(b"")
    refused(str(tmp_path / "own.pkl"), "a pickle is not read")
    assert read_json(made / "status.json")["state"] == "completed"
