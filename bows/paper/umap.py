"""Do words of one category come to lie together as weight decay grows?"""

from collections.abc import Sequence

from bows.paper.claims import Measured
from bows.paper.runs import Run, chosen
from bows.paper.seeds import not_measured, with_interval

PURITY = "cluster/purity_z"


def measure(runs: Sequence[Run]) -> dict[str, Measured]:
    """The values of the claims on clusters."""
    by_decay = {decay: {run.settings["seed"]: run.summary[PURITY] for run in chosen(runs, wd=decay) if PURITY in run.summary}
                for decay in sorted({run.settings["wd"] for run in runs})}  # fmt: skip
    by_decay = {decay: of_seeds for decay, of_seeds in by_decay.items() if of_seeds}
    if not by_decay:
        return dict.fromkeys(
            ("purity", "growth"),
            not_measured("no category has ten words in this corpus's vocabulary" if runs else "no completed run"),
        )
    scores = "; ".join(
        f"wd {decay:g}: z {with_interval(list(of_seeds.values()))}" for decay, of_seeds in by_decay.items()
    )
    least, most = min(by_decay), max(by_decay)
    gains = [by_decay[most][seed] - by_decay[least][seed] for seed in by_decay[most] if seed in by_decay[least]]
    return {
        "purity": Measured(min(by_decay[most].values()), scores),
        "growth": Measured(min(gains), f"gain {with_interval(gains)}")
        if most > least and gains
        else not_measured("one weight decay only"),
    }
