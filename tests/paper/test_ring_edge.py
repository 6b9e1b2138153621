"""The table of the ring's limit over m and weight decay, and its figures, from runs made by hand."""

import numpy as np
import pytest
import torch

from bows.paper import ring_edge
from bows.paper.drawings import make
from bows.paper.presets import measure
from bows.paper.runs import NotMeasured
from bows.paper.tables import markdown
from bows.paper.word_lists import MONTHS


@pytest.fixture
def runs(make_run):
    """Two sizes x two decays x two kinds; the months' planarity is 1 / m + wd / 100."""
    made = []
    for model in ("tied", "linear"):
        for latent in (4, 8):
            for decay in (0, 4):
                generator = torch.Generator().manual_seed(latent + decay)
                encoder = torch.randn(latent, 13, generator=generator)
                summary = {
                    "ring/months/order": 0.5,
                    "ring/months/planarity": 1 / latent + decay / 100,
                    "ring/months/shape": 3.0,
                }
                settings = {"model": model, "latent": latent, "wd": decay, "seed": 1}
                made.append(make_run(summary, encoder=encoder, vocabulary=[*MONTHS, "war"], **settings))
    return made


def test_a_row_has_the_models_settings_metrics_and_shares(runs):
    rows = ring_edge.models(runs[::-1]).to_pylist()
    assert [(row["model"], row["latent"], row["wd"]) for row in rows] == [
        (model, latent, decay) for model in ("linear", "tied") for latent in (4, 8) for decay in (0, 4)
    ]
    assert rows[3]["months_planarity"] == pytest.approx(1 / 8 + 0.04)
    assert (rows[0]["months_shape"], rows[0]["purity_z"]) == ("ring", None)
    columns = runs[-1].encoder[:, :12].double().numpy()
    values = np.sort(np.linalg.eigvalsh(np.cov(columns)))[::-1]
    assert rows[-1]["months_variance"] == pytest.approx(values[:2].sum() / values.sum())
    assert ring_edge.plane_share(np.ones((3, 5))) is None


def test_both_figures_are_drawn_and_the_table_is_written(runs, tmp_path):
    polygons, mapped = make("ring_edge", runs, tmp_path)
    assert polygons.file is not None
    assert polygons.table is None
    panels = set(ring_edge.polygons(runs)["panel"].to_pylist())
    assert {panel.partition("\n")[0] for panel in panels} == {
        f"m = {latent}, weight decay {decay}, planarity {1 / latent + decay / 100:.2f}"
        for latent in (4, 8)
        for decay in (0, 4)
    }
    assert mapped.table is not None
    assert mapped.table.read_text() == markdown(ring_edge.models(runs))
    header, *lines = mapped.table.with_suffix(".csv").read_text().splitlines()
    assert header.startswith('"model","latent","wd","seed","months_order"')
    assert len(lines) == len(runs)


def test_a_text_without_the_months_is_refused_in_one_line(make_run):
    runs = [make_run(vocabulary=MONTHS[:11])]
    with pytest.raises(NotMeasured, match=r"^11 of the 12 words are in this corpus's vocabulary; missing: December$"):
        measure("ring_edge", runs)
    assert measure("ring_edge", []) == {}
