"""A plane taken from a finished run: the numbers from the run folder alone, its nulls, and what is refused."""

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.decomposition import PCA

from bows.data.factories import files
from bows.errors import BowsError
from bows.evaluation.ablate import scores
from bows.runs.folder import find_run
from bows.runs.reload import load_autoencoder

WINDS = ["north", "east", "south", "west"]
SMALL = [
    "data=files", "data.vocab_size=200", "data.window=3", "data.min_chars=20", "data.batch_size=32", "latent=8",
    "epochs=4", "lr=1e-2", "wd=0.01", "trainer=cpu", "logger=none", "analysis=none",
    f"+analysis.sets.winds=[{','.join(WINDS)}]",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("ablating")


@pytest.fixture(scope="module")
def words(place) -> list[str]:
    """A text whose words each go with one of four winds, which change from row to row."""
    generator = random.Random(0)
    invented = [
        a + b + c for a in ("ka", "to", "mi", "su") for b in "lnrpvd" for c in ("an", "en", "il", "or", "ut", "ax")
    ]
    rows = []
    for number in range(900):
        wind = number // 5 % 4
        own = [word for place, word in enumerate(invented) if place % 4 == wind]
        words = [*generator.choices(own, k=6), *generator.choices(invented, k=4)]
        words += [WINDS[wind]] * (generator.random() < 0.3)
        rows.append(" ".join(words))
    path = place / "winds.txt"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return [f"outputs={place}", f"data.train={path}", *SMALL]


@pytest.fixture(scope="module")
def tied(place, words, trained) -> Path:
    return trained(place / "tied", *words, "seed=3")


@pytest.fixture(scope="module")
def looked(tied, place, look) -> Path:
    return look(place / "looked", f"run={tied}", f"outputs={place}", "plane=winds")


def read(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))


def bags_of(run: Path, split: str) -> np.ndarray:
    data = files(**{key: value for key, value in find_run(run).config["data"].items() if key != "_target_"})
    return np.concatenate([part.numpy() for part in data.windows(split).batches(64)]).astype(float)


def recomputed(run: Path, folder: Path) -> None:
    """All that rests on the set's own plane, anew: h by the model, the rest by numpy and scikit-learn."""
    autoencoder = load_autoencoder(find_run(run))
    with torch.no_grad():
        encoder, decoder, bias = (
            each.detach().double().numpy()
            for each in (autoencoder.encoder_weight, autoencoder.decoder_weight, autoencoder.bias)
        )
        held_out, training = bags_of(run, "validation"), bags_of(run, "train")
        latent, mean = (
            autoencoder.encode(torch.from_numpy(bags).float()).double().numpy() for bags in (held_out, training)
        )
    mean = mean.mean(0)
    vocabulary = find_run(run).vocabulary
    winds = [vocabulary.index(word) for word in WINDS]
    unit = encoder[:, winds] / np.linalg.norm(encoder[:, winds], axis=0)
    axes = PCA(2).fit(unit.T).components_
    projector = axes.T @ axes
    total = ((held_out - held_out.mean(0)) ** 2).sum(0)

    table = {row["word"]: row for row in pq.read_table(folder / "ablation.parquet").to_pylist()}
    assert set(table) == set(vocabulary)
    varying = np.flatnonzero(training.std(0) > 0)
    correlation = np.corrcoef(training[:, varying].T)

    def companions_of(chosen):
        closest = correlation[np.isin(varying, chosen)].max(0)
        closest[np.isin(varying, chosen)] = -2
        return [int(varying[each]) for each in np.argsort(-closest, kind="stable")[:30]]

    near = companions_of(winds)
    assert {word for word, row in table.items() if row["group"] == "companions"} == {vocabulary[each] for each in near}
    assert {word for word, row in table.items() if row["group"] == "set"} == set(WINDS)
    rows = pq.read_table(folder / "ablation_null.parquet").to_pylist()
    drawn = [row for row in rows if row["words"] and row["group"] == "companions" and not row["mean_kept"]]
    assert {row["null"] for row in drawn} == {"random_set"}
    differing = 0
    for row in drawn[::10]:
        chosen = [vocabulary.index(word) for word in row["words"]]
        columns = encoder[:, chosen]
        basis = PCA(2).fit((columns / np.linalg.norm(columns, axis=0)).T).components_
        own = companions_of(chosen)  # the set's own companions, as the real set's are its own
        differing += own != near
        for name, changed in (
            ("r2", latent), ("r2_removed", latent - latent @ basis.T @ basis), ("r2_kept", latent @ basis.T @ basis)
        ):  # fmt: skip
            error = ((held_out - np.maximum(changed @ decoder.T + bias, 0)) ** 2).sum(0)[own].sum()
            assert row[name] == pytest.approx(1 - error / total[own].sum(), abs=2e-5)
    assert differing == len(drawn[::10])
    summary = read(folder)
    for name, changed in {
        "r2": latent,
        "r2_removed": latent - latent @ projector,
        "r2_kept": latent @ projector,
        "r2_removed_mean_kept": latent - (latent - mean) @ projector,
        "r2_kept_mean_kept": mean + (latent - mean) @ projector,
    }.items():
        error = ((held_out - np.maximum(changed @ decoder.T + bias, 0)) ** 2).sum(0)
        for group in ("set", "companions", "other"):
            of = [index for index, word in enumerate(vocabulary) if table[word]["group"] == group]
            expected = 1 - error[of].sum() / total[of].sum()
            assert summary[f"ablation/winds/{group}/{name}"] == pytest.approx(expected, abs=2e-5), (group, name)
        for index, word in enumerate(vocabulary):
            assert table[word][name] == pytest.approx(1 - error[index] / total[index], abs=2e-4)


def test_the_numbers_follow_from_the_run_folder_alone(tied, looked):
    recomputed(tied, looked)


@pytest.mark.parametrize(("model", "further"), [("untied", []), ("deep", ["model.hidden=12"])])
def test_of_models_with_a_decoder_of_their_own_too(model, further, words, place, tmp_path, trained, look):
    run = trained(tmp_path / model, *words, f"model={model}", *further)
    recomputed(
        run, look(tmp_path / "looked", f"run={run}", f"outputs={place}", "plane=winds", "analysis.figures=false")
    )
    assert not (tmp_path / "looked" / "figures").exists()


def test_the_p_values_are_those_of_the_drops_drawn(looked):
    summary, rows = read(looked), pq.read_table(looked / "ablation_null.parquet").to_pylist()
    assert len(rows) == 2 * 50 * 3 * 2
    for variant in ("", "_mean_kept"):
        beyond = []
        for group in ("set", "companions", "other"):
            key = f"ablation/winds/{group}"
            drop = summary[f"{key}/r2"] - summary[f"{key}/r2_removed{variant}"]
            assert summary[f"{key}/drop{variant}"] == pytest.approx(drop)
            for null in ("random_plane", "random_set"):
                drops = [
                    row["r2"] - row["r2_removed"]
                    for row in rows
                    if (row["null"], row["group"], row["mean_kept"]) == (null, group, variant != "")
                ]
                assert len(drops) == 50
                p = (1 + sum(each >= drop for each in drops)) / 51
                assert summary[f"{key}/drop{variant}_{null}_p"] == pytest.approx(p)
                assert summary[f"{key}/drop{variant}_{null}_null"] == pytest.approx(np.mean(drops))
                if group == "companions":
                    beyond.append(p < 0.05 and drop > 0)
        assert summary[f"ablation/winds/companions_used{variant}"] == all(beyond)
    assert min(value for name, value in summary.items() if name.endswith("_p")) >= 1 / 51
    # The winds are what the text is about, and their own words suffer more than under any plane of chance.
    assert summary["ablation/winds/set/drop_random_set_p"] == pytest.approx(1 / 51)
    drawn = {tuple(row["words"]) for row in rows if row["null"] == "random_set"}
    group = {row["word"]: row["group"] for row in pq.read_table(looked / "ablation.parquet").to_pylist()}
    assert len(drawn) > 40
    assert {group[word] for words in drawn for word in words} == {"other"}


class Told:
    """Stands for sums whose metrics are known."""

    def __init__(self, metrics: dict[str, float]):
        self._metrics = metrics

    def metrics(self, groups) -> dict[str, float]:
        return dict(self._metrics)


@pytest.mark.parametrize(
    ("drop", "of_planes", "of_sets", "used"),
    [
        (0.2, 0.1, 0.1, 1.0),
        (0.2, 0.1, 0.3, 0.0),  # no more than random sets
        (0.2, 0.3, 0.1, 0.0),  # no more than random planes
        (-0.1, -0.2, -0.2, 0.0),  # it gains, if less than by chance
    ],
)
def test_the_claim_holds_beyond_both_nulls_only(drop, of_planes, of_sets, used):
    own = {"companions/r2": 0.5, "companions/r2_removed": 0.5 - drop, "companions/drop": drop}
    rows = [
        {"null": null, "group": "companions", "mean_kept": mean_kept, "r2": 0.5, "r2_removed": 0.5 - of + 1e-4 * draw}
        for null, of in (("random_plane", of_planes), ("random_set", of_sets))
        for mean_kept in (False, True)
        for draw in range(50)
    ]
    told: Any = {"": Told(own), "_mean_kept": Told(own)}
    found = scores(told, pa.Table.from_pylist(rows), {"companions": np.arange(3)})
    assert found["companions_used"] == found["companions_used_mean_kept"] == used
    assert found["companions/drop_random_plane_p"] == pytest.approx(1 if of_planes > drop else 1 / 51)
    assert found["companions/drop_mean_kept_random_set_p"] == pytest.approx(1 if of_sets > drop else 1 / 51)


def test_the_same_seed_gives_the_same_nulls_and_another_one_others(tied, looked, place, tmp_path, look):
    asked = [f"run={tied}", f"outputs={place}", "plane=winds", "analysis.figures=false"]
    again, other = look(tmp_path / "again", *asked), look(tmp_path / "other", *asked, "seed=11")
    null, ours, theirs = (pq.read_table(each / "ablation_null.parquet") for each in (looked, again, other))
    assert null.equals(ours)
    assert not null.equals(theirs)
    assert read(looked) == read(again)
    assert pq.read_table(looked / "ablation.parquet").equals(pq.read_table(other / "ablation.parquet"))


def test_what_is_printed_and_drawn(tied, place, tmp_path, capsys, look):
    folder = look(tmp_path / "a", f"run={tied}", f"outputs={place}", "plane=winds")
    assert {path.name for path in (folder / "figures").iterdir()} == {
        f"plane_winds.{kind}" for kind in ("png", "pdf", "svg")
    }
    printed = capsys.readouterr().out
    summary = read(folder)
    for group in ("set", "companions", "other"):
        r2 = f"{summary[f'ablation/winds/{group}/r2']:.4f}"
        assert re.search(rf"{group} +{re.escape(r2)}", printed)
    verdict = "holds" if summary["ablation/winds/companions_used"] else "does not hold"
    assert f"companions use the plane beyond chance (both p < 0.05): {verdict}" in printed
    assert "words.parquet" not in {path.name for path in folder.iterdir()}  # nothing else was asked for


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["plane=wind"], r"plane=wind: there is no such set in analysis.sets; did you mean winds\?"),
        (["plane=months"], "plane=months: the run's vocabulary lacks January, February, March, 9 more; sets that it has: winds"),
        (["plane=few", "+analysis.sets.few=[north,east,wets]"], "plane=few: the run's vocabulary lacks wets; sets that it has: "),
        (["plane=two", "+analysis.sets.two=[north,North,east]"], "plane=two: two words of the set are one word"),
    ],
)  # fmt: skip
def test_sets_that_have_no_plane(tied, place, tmp_path, asked, said, look):
    with pytest.raises(BowsError, match=said) as error:
        look(tmp_path / "a", f"run={tied}", f"outputs={place}", *asked)
    assert "\n" not in str(error.value)
    assert list((tmp_path / "a").iterdir()) == []


def test_runs_too_small_for_a_plane(words, place, tmp_path, trained, look):
    flat = trained(tmp_path / "flat", *words, "latent=2", "epochs=1")
    with pytest.raises(BowsError, match=r"plane=winds: the run has 2 latent dimensions, .* latent=3 or more"):
        look(tmp_path / "a", f"run={flat}", f"outputs={place}", "plane=winds")
    few = trained(tmp_path / "few", *words, "data.vocab_size=36", f"data.include=[{','.join(WINDS)}]", "epochs=1")
    with pytest.raises(BowsError, match=r"need a vocabulary of 38 words, the run has 36; .* larger data.vocab_size"):
        look(tmp_path / "b", f"run={few}", f"outputs={place}", "plane=winds")
