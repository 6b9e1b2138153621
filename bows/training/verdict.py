"""State what is wrong with the result of a completed run, and what to try."""

from collections.abc import Iterable, Mapping, Sequence

# The held-out loss has risen where its last value is above its lowest by more than this share.
RISE = 0.02

BELOW_ZERO = (
    "held-out R² is {r2:.2g}: worse than predicting each word by its frequency; more text, a smaller data.vocab_size, a larger latent, "
    "more wd or fewer epochs may help"
)
ROSE = (
    "the held-out loss rose from {lowest:.4g} at step {step} to {last:.4g}: the model fits its training text only; fewer epochs or more wd "
    "may help, and trainer.weights=best measures the weights of the lowest loss"
)


def held_out_losses(rows: Iterable[tuple[int, Mapping[str, float]]]) -> list[tuple[int, float]]:
    """Return the step and the held-out loss of each validation, from pairs of a step and what was logged there.

    To be called before the final evaluation is logged, which replaces the last value by one over more windows.
    """
    return [(step, row["reconstruction/loss"]) for step, row in rows if "reconstruction/loss" in row]


def verdicts(summary: Mapping[str, float], losses: Sequence[tuple[int, float]], best: bool) -> list[str]:
    """Return a line per problem of a run's result; none where there is no problem.

    Args:
        summary: The metrics of the run.
        losses: Those of `held_out_losses`.
        best: Whether the weights with the lowest held-out loss are measured: then a rise is no problem.
    """
    found = []
    if (r2 := summary.get("reconstruction/r2", 0.0)) < 0:
        found.append(BELOW_ZERO.format(r2=r2))
    if losses and not best:
        (step, lowest), (_, last) = min(losses, key=lambda pair: pair[1]), losses[-1]
        if last > (1 + RISE) * lowest:
            found.append(ROSE.format(lowest=lowest, step=step, last=last))
    return found
