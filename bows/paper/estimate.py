"""Estimate the time and memory of a preset on text from a few steps on generated bags, before hours of training begin."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydra.core.override_parser.overrides_parser import OverridesParser

from bows.bench.text import make_corpus
from bows.bench.timing import time_training
from bows.cli.preflight import composed_sample
from bows.config.hydra_internals import BasicSweeper
from bows.config.overrides import parse
from bows.config.resolve import plain, trait
from bows.sweep.units import free_bytes, member_bytes

# Rows of the training split; windows overlap, so that there are nearly as many.
ROWS = {"wikitext103": 1_801_350}
WORDS_A_ROW = 34  # of the vocabulary of 10,000: windows of 20 rows are then 4 % full, as WikiText-103's are
WARM_UP, TIMED = 2, 4
LARGEST = 1000  # latent dimensions that are timed; a step's time grows linearly beyond


@dataclass(frozen=True)
class Estimate:
    """The time and memory of a preset."""

    jobs: int
    closed: int
    """Jobs fitted in closed form (pca), whose time is left out."""
    seconds: float
    """Of training, all jobs one after another."""
    step_seconds: dict[int, float]
    """Smallest and largest latent size -> seconds of a step."""
    memory: int
    """Bytes."""

    @property
    def text(self) -> str:
        """Return the estimate in one line."""
        steps = " to ".join(f"{seconds:.2g} s at m = {size:,}" for size, seconds in self.step_seconds.items())
        without = f" ({self.closed} of them in closed form, not timed)" if self.closed else ""
        return (
            f"{self.jobs} models{without}, about {_span(self.seconds)} of training on this machine and "
            f"{self.memory / 1e9:.1f} GB of memory "
            f"(a step takes {steps}, timed on generated bags)"
        )


def estimate(words: Sequence[str]) -> Estimate:
    """Estimate a command of bows.train -m, such as experiment=paper/structure, with data of ROWS, from a few steps at two latent sizes."""
    sample = composed_sample("train", parse(words))
    swept = [f"{name}={values}" for name, values in (sample.hydra.sweeper.params or {}).items()]
    (jobs,) = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(swept), None) if swept else ([()],)
    # Only these settings change the time and the memory of a job.
    own = [tuple(word for word in job if word.startswith(("latent=", "model="))) for job in jobs]
    known = {each: plain(composed_sample("train", parse([*words, *each]))) for each in dict.fromkeys(own)}
    configs = [known[each] for each in own]
    trained = [config for config in configs if not trait(config["model"], "closed_form") and config["epochs"] > 0]
    first = trained[0]
    sizes = sorted({int(config["model"]["latent"]) for config in trained})
    data = first["data"]
    batch, window = data["batch_size"], data["window"]
    timed = sorted({sizes[0], min(sizes[-1], max(LARGEST, sizes[0]))})
    bags = make_corpus(data["vocab_size"], batch * (WARM_UP + TIMED + 2), WORDS_A_ROW)
    seconds = [
        float(np.median(time_training(bags, size, batch, window, warm_up=WARM_UP, timed=TIMED).steps)) for size in timed
    ]
    slope, start = np.polyfit(timed, seconds, 1) if len(timed) > 1 else (0.0, seconds[0])
    step = {size: max(float(start + slope * size), min(seconds)) for size in sizes}
    batches = -(-(ROWS[data["name"]] - window + 1) // batch)
    memory = [member_bytes(config) for config in configs]
    return Estimate(
        jobs=len(jobs),
        closed=len(configs) - len(trained),
        seconds=sum(step[int(config["model"]["latent"])] * batches * config["epochs"] for config in trained),
        step_seconds={size: step[size] for size in (sizes[0], sizes[-1])},
        # As the launcher cuts stacks: half of the free memory at a time, and at least one model.
        memory=max(max(memory), min(sum(memory), free_bytes(first["trainer"]["accelerator"]) // 2)),
    )


def _span(seconds: float) -> str:
    """Return a time in minutes, hours or days.

    >>> _span(40), _span(600), _span(9000), _span(500000)
    ('1 min', '10 min', '2.5 h', '5.8 days')
    """
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"
