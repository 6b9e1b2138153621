"""Do the months' ring and the clusters go with the words' correlations?"""

from collections.abc import Sequence

from bows.paper.claims import Measured
from bows.paper.months import nearness, no_set
from bows.paper.runs import Run
from bows.paper.seeds import not_measured, with_interval
from bows.paper.word_lists import MONTHS

ORDER, PURITY = "ring/months/order", "cluster/purity_z"
KINDS = ("as it is", "together", "apart", "shuffled")


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """The values of the claims on decorrelated text."""
    of = {kind: [run for run in runs if treatment(run) == kind] for kind in KINDS}
    return {
        "ring": _ring(of["as it is"], of["apart"]),
        "steps": _steps(of),
        "clusters": _clusters(of["as it is"], of["shuffled"]),
    }


def treatment(run: Run) -> str:
    """What was done to a run's text: `as it is`, `apart` or `together` (months permuted over rows), or `shuffled` (every word)."""
    if run.settings.get("shuffle") is not None:
        return "shuffled"
    rewire = run.settings.get("rewire")
    if rewire is None:
        return "as it is"
    return "together" if rewire.get("together") else "apart"


def _ring(plain: Sequence[Run], apart: Sequence[Run]) -> Measured:
    if not any(ORDER in run.summary for run in plain):
        return not_measured(no_set(plain, MONTHS))
    if not apart:
        return not_measured("no completed run on rewired months")
    before, after = ([run.summary[ORDER] for run in group] for group in (plain, apart))
    p = [run.summary.get(f"{ORDER}_p", 1.0) for run in plain]
    text = f"order {with_interval(before)} as it is, {with_interval(after)} rewired"
    if sum(value < 0.05 for value in p) * 2 <= len(p):
        return not_measured(
            f"there is no ring to lose: p < 0.05 in {sum(value < 0.05 for value in p)} of {len(p)} runs on the text as it is; {text}"
        )
    return Measured(max(after), text)


def _steps(of: dict[str, list[Run]]) -> Measured:
    """What is left of the months' nearness when each is permuted by itself, as a share of what there was."""
    found = {kind: nearness(runs) for kind, runs in of.items() if runs}
    plain, apart = found.get("as it is"), found.get("apart")
    if plain is None:
        return not_measured(no_set(of["as it is"], MONTHS))
    if apart is None:
        return not_measured("no completed run on rewired months")
    text = "; ".join(f"{kind} {both[0]:.2f} (p {both[1]:.2g})" for kind, both in found.items() if both is not None)
    if plain[1] >= 0.05:
        return not_measured(f"there is no nearness to lose: rank correlation {text}")
    return Measured(apart[0] / plain[0], f"rank correlation {text}")


def _clusters(plain: Sequence[Run], shuffled: Sequence[Run]) -> Measured:
    before, after = ([run.summary[PURITY] for run in group if PURITY in run.summary] for group in (plain, shuffled))
    if not before:
        return not_measured("no category has ten words in this corpus's vocabulary" if plain else "no completed run")
    if not after:
        return not_measured("no completed run on shuffled text")
    text = f"z {with_interval(before)} as it is, {with_interval(after)} shuffled"
    return Measured(max(after), text) if min(before) >= 3 else not_measured(f"there are no clusters to lose: {text}")
