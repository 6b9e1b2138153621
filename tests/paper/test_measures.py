"""What each figure's runs say, from run folders made by hand."""

import json

import numpy as np
import pytest
import torch

from bows.analysis.cycle_plane import angles_in_plane
from bows.paper import structure
from bows.paper.claims import CLAIMS
from bows.paper.presets import PRESETS, measure
from bows.paper.runs import Run, completed
from bows.paper.word_lists import MONTHS, SEASONAL


def ring_of_months(seasonal: dict[str, int], turn: int = 0) -> tuple[torch.Tensor, list[str]]:
    """(3, V): months on a circle, tilted out of the plane; seasonal words `turn` months off their own."""
    places = [*range(12), *[(place + turn) % 12 for place in seasonal.values()]]
    angles = 2 * torch.pi * torch.tensor(places, dtype=torch.float64) / 12
    flat = torch.stack([angles.cos(), angles.sin(), torch.full_like(angles, 0.5)])
    return torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64)).Q @ flat, [*MONTHS, *seasonal]


def test_months_count_seeds_with_order_p_closure_and_planarity(make_run):
    """An open arc in order is no ring, nor are nearly orthogonal directions in order, nor a run of unknown closure."""
    rings = [(0.9, 0.001, 0.9, 0.5), (0.5, 0.049, 0.5, 0.3)]
    others = [
        (0.9, 0.2, 0.9, 0.5),
        (0.4, 0.001, 0.9, 0.5),
        (0.9, 0.001, 0.4, 0.5),
        (0.9, 0.001, None, 0.5),
        (0.98, 0.001, 0.9, 0.22),
    ]
    runs = []
    for seed, (order, p, closed, planarity) in enumerate([*rings, *others]):
        scores = {"order": order, "order_p": p, "planarity": planarity} | (
            {} if closed is None else {"closure": closed}
        )
        runs.append(make_run({f"ring/months/{name}": value for name, value in scores.items()}, seed=seed))
    found = measure("months", runs)["weights"]
    assert found.value == pytest.approx(2 / 7)
    assert "order 0.90 (p 0.001, closure 0.40, planarity 0.50)" in found.text
    assert "planarity of orthogonal directions 0.18" in found.baseline
    assert measure("months", runs)["pca"].value is None


def test_seasonal_words_beside_their_months_are_found_and_turned_ones_are_not(make_run):
    for turn, near in ((0, True), (6, False)):
        encoder, vocabulary = ring_of_months(SEASONAL, turn)
        between = angles_in_plane((encoder / encoder.norm(dim=0)).float()[:, :13], 12)
        assert between[0, turn] == pytest.approx(0, abs=1e-3)  # "winter" at January, or at July
        assert between[0, (turn + 3) % 12] == pytest.approx(np.pi / 2, abs=1e-3)
        run = make_run(encoder=encoder, vocabulary=vocabulary)
        found = measure("months", [run])["seasons"]
        assert found.value is not None
        assert (found.value < 0.01) is near
        assert found.value > 0


def test_a_month_that_is_no_word_is_said_with_the_count(make_run):
    found = measure("months", [make_run(vocabulary=MONTHS[:7])])
    missing = "August, September, October, November, December"
    text = f"7 of the 12 words are in this corpus's vocabulary; missing: {missing}"
    assert found["weights"].value is None
    assert found["weights"].text == text
    assert found["seasons"].text == text


def test_purity_takes_the_worst_seed_and_pairs_seeds(make_run):
    z = {(0, 1): 2.0, (0, 2): 5.0, (4, 1): 3.5, (4, 2): 6.0}
    runs = [make_run({"cluster/purity_z": value}, wd=wd, seed=seed) for (wd, seed), value in z.items()]
    found = measure("umap", runs)
    assert found["purity"].value == 3.5
    assert found["growth"].value == pytest.approx(1.0)
    assert measure("umap", runs[:2])["growth"].value is None


def word_columns(count: int, regimes: list[str | None]) -> dict[str, list]:
    return {
        "word": [f"word{place}" for place in range(count)],
        "regime": regimes,
        "frequency": [1.0 / (1 + place) for place in range(count)],
        "r2": [0.5] * count,
        "r2_one_hot": [0.4 if place % 4 else 0.6 for place in range(count)],
        "r2_linear": [0.25] * count,
        "gap_stratified": [0.1 if place % 10 else -0.1 for place in range(count)],
        "filtered": [0.3] * count,
        "nearest": [["a"]] * count,
    }


def test_mechanism_counts_represented_words_only(make_run):
    columns = word_columns(400, ["mixed"] * 200 + ["absent"] * 200)
    columns["r2"] = [0.5] * 200 + [0.0] * 200
    chance = {"interference/filtered": 0.3, "interference/filtered_independent": 0.34, "interference/gap_pca": 0.02}
    found = measure("mechanism", [make_run(chance, words=columns)])
    assert found["context"].value == pytest.approx(0.75)
    assert found["constructive"].value == pytest.approx(0.9)
    assert found["filtered"].value == pytest.approx(0.3)
    assert found["filtered_more"].value == pytest.approx(-0.04)
    assert "PCA's, above 0 by theorem, 0.02" in found["constructive"].baseline
    few = measure("mechanism", [make_run(words=word_columns(50, ["mixed"] * 50))])
    assert few["context"].value is None
    assert "50 words are represented, 100 are needed" in few["context"].text


def test_linear_words_are_counted_against_mixed_ones(make_run):
    regimes = ["linear"] * 10 + ["mixed"] * 30 + ["absent"] * 60
    vocabulary = [*MONTHS, *map(str, range(88))]
    found = measure("linear", [make_run(words=word_columns(100, regimes), vocabulary=vocabulary)])
    assert found["split"].value == pytest.approx(0.25)
    assert found["months"].value == pytest.approx(0.25)
    frequency = 1 / np.arange(1, 101)
    assert found["frequent"].value == pytest.approx(np.median(frequency[:10]) / np.median(frequency[10:]))


def test_structure_is_a_rank_correlation_and_months_against_numerals(make_run):
    vocabulary = [*MONTHS, *structure.NUMERALS]
    runs = []
    for size in (20, 40, 60, 80):
        encoder = torch.zeros(size, len(vocabulary))
        encoder[torch.arange(12), torch.arange(12)] = 1.0  # months orthogonal, numerals all alike
        encoder[12, 12:] = 1.0
        summary = {"packing/off_diagonal_norm": 1 / size, "packing/interference_rms": size}
        runs.append(make_run(summary, encoder=encoder, vocabulary=vocabulary, latent=size))
    found = measure("structure", runs)
    assert found["norm"].value == pytest.approx(-1)
    assert found["norm_free"].value == pytest.approx(1)
    # Cosines that fall as those of random directions do, by 1 / sqrt(m), show no structure that fades.
    for run in runs:
        run.summary["packing/interference_rms"] = run.settings["latent"] ** -0.5
    assert measure("structure", runs)["norm_free"].value != pytest.approx(-1)
    # Months are orthogonal from the smallest m on, numerals at none.
    assert found["months_first"].value == 0
    assert "months from m = 20, numerals at no m (9 of them)" in found["months_first"].text
    assert measure("structure", runs[:3])["norm"].value is None


def test_synthetic_reads_circles_by_size_and_decay(make_run):
    runs = []
    for model in ("linear", "tied"):
        for decay in (1, 6):
            for size in range(2, 13):
                order = 0.95 if decay == 6 or (model, size) == ("tied", 2) else 0.1
                summary = {
                    "ring/features/order": order,
                    "ring/features/closure": 0.2 if (model, size, decay) == ("tied", 3, 6) else 1.0,
                    "packing/antipodal_fraction": size / 10,
                    "packing/coherence": 1 / size,
                }
                runs.append(make_run(summary, model=model, wd=decay, latent=size, data="circular"))
    found = measure("synthetic", runs)
    assert found["linear_circle"].value == 0
    assert found["relu_circle"].value == 0.25
    assert found["antipodal"].value == pytest.approx(0.8)
    assert found["identity"].value == pytest.approx(1 / 12)
    assert found["decay"].value == 9  # of ten sizes one is an open arc
    assert all(each.value is None for each in measure("synthetic", runs[1:]).values())


def test_controls_need_a_ring_and_clusters_to_lose(make_run):
    def runs(p: float, z: float, closed: float = 0.9) -> list[Run]:
        found = []
        for seed in (1, 2):
            plain = {
                "ring/months/order": 0.8,
                "ring/months/closure": closed,
                "ring/months/order_p": p,
                "cluster/purity_z": z,
            }
            found.append(make_run(plain, seed=seed, shuffle=None, rewire=None))
            for together, order in ((False, 0.1 * seed), (True, 0.9)):
                rewire = {"words": ["May"], "together": together}
                found.append(make_run({**plain, "ring/months/order": order}, seed=seed, shuffle=None, rewire=rewire))
            shuffled = {"ring/months/order": 0.7, "cluster/purity_z": 0.5 * seed}
            found.append(make_run(shuffled, seed=seed, shuffle="within_word", rewire=None))
        return found

    found = measure("controls", runs(0.01, 5.0))
    assert found["ring"].value == pytest.approx(0.2)
    assert found["clusters"].value == pytest.approx(1.0)
    without = measure("controls", runs(0.2, 1.0))
    assert without["ring"].value is None
    assert "p < 0.05 and closure of at least 0.5 in 0 of 2 runs" in without["ring"].text
    # An open arc is no ring that could vanish, and none that is left.
    assert measure("controls", runs(0.01, 5.0, closed=0.3))["ring"].value is None
    opened = runs(0.01, 5.0)
    for run in opened:
        if run.settings["rewire"] and not run.settings["rewire"]["together"]:
            run.summary.update({"ring/months/order": 0.9, "ring/months/closure": 0.3})
    assert measure("controls", opened)["ring"].value == pytest.approx(0.3)
    assert without["clusters"].value is None


def test_accuracies_are_those_of_the_summary(make_run):
    summary = {"ablation/accuracy_base": 0.98, "ablation/accuracy_keep": 0.93, "ablation/accuracy_remove": 0.22,
               "ablation/accuracy_keep_random": 0.25, "probe/r2": 0.99, "probe/p": 0.001}  # fmt: skip
    found = measure("city_map", [make_run(summary)])
    assert {name: each.value for name, each in found.items()} == {
        "base": 0.98,
        "keep": 0.93,
        "remove": 0.22,
        "probe": 0.99,
    }
    assert (found["keep"].text, found["keep"].baseline) == ("93.00 %", "random planes 25.0 %")


def test_every_claim_is_measured_and_nothing_without_runs():
    for figure in PRESETS:
        found = measure(figure, [])
        assert {claim.name for claim in CLAIMS if claim.figure == figure} <= set(found)
        assert all(each.value is None for each in found.values())


def test_only_completed_runs_count(tmp_path):
    for number, state in enumerate(("completed", "failed", "running")):
        folder = tmp_path / str(number)
        (folder / ".hydra").mkdir(parents=True)
        (folder / ".hydra" / "config.yaml").write_text("seed: 3\nwd: 2\nlatent: 5\n")
        (folder / ".hydra" / "overrides.yaml").write_text("[]\n")
        (folder / ".hydra" / "hydra.yaml").write_text("hydra:\n  runtime:\n    choices: {model: tied, data: files}\n")
        (folder / "status.json").write_text(json.dumps({"state": state, "corpus": "abc"}))
        (folder / "summary.json").write_text('{"reconstruction/loss": 0.1}')
    (run,) = completed(tmp_path)
    assert run.settings == {
        "seed": 3,
        "wd": 2,
        "latent": 5,
        "model": "tied",
        "data": "files",
        "shuffle": None,
        "name": None,
        "rewire": None,
        "remove": None,
    }
    assert completed(tmp_path / "nowhere") == []
