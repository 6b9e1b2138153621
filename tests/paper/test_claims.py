"""Verdicts come from one table of thresholds, and from values that were measured."""

import math
from dataclasses import replace

import pytest

from bows.paper.claims import CLAIMS, Claim, Measured, verdict
from bows.paper.presets import PRESETS
from bows.paper.results import Measurement, lines, rows, write_results

LEAST = Claim("months", "weights", "it is so", "a picture", "share", "random orders", least=0.5)
MOST = Claim("months", "weights", "it is so", "a picture", "p", "random orders", most=0.05)


@pytest.mark.parametrize(
    ("claim", "value", "expected"),
    [
        (LEAST, 0.5, "holds"),
        (LEAST, 0.49, "does not hold"),
        (MOST, 0.05, "holds"),
        (MOST, 0.06, "does not hold"),
        (MOST, None, "not measured here"),
        (LEAST, math.nan, "not measured here"),
    ],
)
def test_a_verdict_is_the_threshold_s(claim, value, expected):
    assert verdict(claim, {"weights": Measured(value, "so much")}) == expected


def test_what_the_runs_do_not_give_is_not_measured():
    assert verdict(LEAST, {}) == "not measured here"


def test_every_claim_is_of_a_figure_and_has_one_threshold():
    assert {claim.figure for claim in CLAIMS} == {name for name, preset in PRESETS.items() if preset.of_paper}
    assert all((claim.least is None) is not (claim.most is None) for claim in CLAIMS)
    assert len({(claim.figure, claim.name) for claim in CLAIMS}) == len(CLAIMS)
    assert all(claim.baseline for claim in CLAIMS)


def test_a_moved_threshold_moves_the_verdict_in_the_files(tmp_path, monkeypatch):
    found = Measurement({"weights": Measured(0.7, "order <b>0.7</b> | p 0.01", "0.1")}, "pydoc", "python -m bows.train")
    for least, expected in ((0.5, "holds"), (0.9, "does not hold")):
        monkeypatch.setattr("bows.paper.results.CLAIMS", (replace(LEAST, least=least),))
        page, table = write_results(tmp_path, "small", {"months": found})
        ours, baseline = "order <b>0.7</b> | p 0.01", "random orders: 0.1"
        row = ("it is so", "a picture", ours, baseline, "pydoc", f"share: at least {least:g}", expected)
        assert rows("months", found) == [row]
        assert f"| {expected} |" in table.read_text()
        assert f"| {baseline} |" in table.read_text()
        assert lines({"months": found}) == [f"months: {expected}: it is so: {ours} (baseline: {baseline})"]
        assert "0.7</b> \\| p" in table.read_text()
        text = page.read_text()
        assert "&lt;b&gt;0.7" in text  # what a corpus says cannot be markup
        assert f">{expected}</td>" in text
        assert f">{baseline}</td>" in text
        assert ">baseline</th>" in text
        assert ("1 hold</strong>" in text) is (expected == "holds")
        assert "<p>pydoc.</p>" in text
