"""Do the months' ring and the clusters depend on the words' correlations?"""

from collections.abc import Sequence

import pyarrow as pa

from bows.paper.claims import Measured
from bows.paper.months import RING, nearness
from bows.paper.runs import NotMeasured, Run, first
from bows.paper.seeds import mean_row, try_measure, with_interval
from bows.paper.word_lists import MONTHS

ORDER, CLOSURE, PURITY = f"{RING}order", f"{RING}closure", "cluster/purity_z"
NEARNESS = "months: cosine and nearness"
TREATMENTS = {
    "as it is": "the text as it is",
    "together": "months permuted together",
    "apart": "each month permuted by itself",
    "shuffled": "every word permuted by itself",
}


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """Measure the claims on text whose correlations were removed."""
    of = {kind: [run for run in runs if treatment(run) == kind] for kind in TREATMENTS}
    return {
        name: try_measure(claim, of) for name, claim in (("ring", _ring), ("steps", _steps), ("clusters", _clusters))
    }


def treatment(run: Run) -> str:
    """Return the key of TREATMENTS that names how a run's text was changed."""
    if run.settings.get("shuffle") is not None:
        return "shuffled"
    rewire = run.settings.get("rewire")
    if rewire is None:
        return "as it is"
    return "together" if rewire.get("together") else "apart"


def _ring(of: dict[str, list[Run]]) -> Measured:
    """Return the largest, over seeds of rewired months, of the smaller of order and closure: a ring has both of at least 0.5."""
    before, after = (_order_and_closure(of[kind]) for kind in ("as it is", "apart"))
    if not before:
        first(of["as it is"]).indices(MONTHS)
    if not after:
        raise NotMeasured("no completed run on rewired months")
    significant = [run.summary.get(f"{ORDER}_p", 1.0) < 0.05 for run in of["as it is"] if ORDER in run.summary]
    found = sum(p and closed >= 0.5 for p, (_, closed) in zip(significant, before, strict=True))
    if found * 2 <= len(before):
        raise NotMeasured(
            f"there is no ring to lose: p < 0.05 and closure of at least 0.5 in {found} of {len(before)} runs on the text as it is; "
            f"{_in_words(before)} as it is, {_in_words(after)} rewired"
        )
    return Measured(max(map(min, after)), _in_words(after), f"the text as it is {_in_words(before)}")


def _order_and_closure(runs: Sequence[Run]) -> list[tuple[float, float]]:
    """Return both of each run with an order; closure 0 where it is not defined, since neighbours are no nearer than other months."""
    return [(run.summary[ORDER], run.summary.get(CLOSURE, 0.0)) for run in runs if ORDER in run.summary]


def _in_words(scores: Sequence[tuple[float, float]]) -> str:
    orders, closures = zip(*scores, strict=True)
    return f"order {with_interval(orders)}, closure {with_interval(closures)}"


def _steps(of: dict[str, list[Run]]) -> Measured:
    """Return the share of the months' nearness that is left where each is permuted by itself."""
    first(of["as it is"])
    if not of["apart"]:
        raise NotMeasured("no completed run on rewired months")
    found = {kind: nearness(runs) for kind, runs in of.items() if runs}
    text = {kind: f"{kind} {rho:.2f} (p {p:.2g})" for kind, (rho, p) in found.items()}
    rho, p = found["as it is"]
    if p >= 0.05:
        raise NotMeasured(f"there is no nearness to lose: rank correlation {'; '.join(text.values())}")
    before = text.pop("as it is")
    return Measured(found["apart"][0] / rho, f"rank correlation {'; '.join(text.values())}", f"the text {before}")


def _clusters(of: dict[str, list[Run]]) -> Measured:
    before, after = _values(of["as it is"], PURITY), _values(of["shuffled"], PURITY)
    first(of["as it is"])
    if not before:
        raise NotMeasured("no category has ten words in this corpus's vocabulary")
    if not after:
        raise NotMeasured("no completed run on shuffled text")
    if min(before) < 3:
        raise NotMeasured(
            f"there are no clusters to lose: z {with_interval(before)} as it is, {with_interval(after)} shuffled"
        )
    return Measured(max(after), f"z {with_interval(after)}", f"the text as it is {with_interval(before)}")


def _values(runs: Sequence[Run], metric: str) -> list[float]:
    return [run.summary[metric] for run in runs if metric in run.summary]


def scores(runs: Sequence[Run]) -> pa.Table:
    """Return the months' ring order, their nearness in the year and purity z in each text: means over seeds with their intervals."""
    rows = []
    for kind in TREATMENTS:
        own = [run for run in runs if treatment(run) == kind]
        for metric in (ORDER, CLOSURE, PURITY, NEARNESS):
            found = [_nearness(run) if metric == NEARNESS else run.summary.get(metric) for run in own]
            if values := [value for value in found if value is not None]:
                rows.append(mean_row(values, text=kind, metric=metric))
    if not rows:
        raise NotMeasured("no completed run with months or categories")
    return pa.Table.from_pylist(rows)


def _nearness(run: Run) -> float | None:
    try:
        return nearness([run])[0]
    except NotMeasured:
        return None
