"""Choose the number of CPU threads by the size of the matrix products."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

log = logging.getLogger(__name__)

# The multiplications of a training step's largest product (batch x V x m) from which several threads are used. Below it a step takes
# under 6 ms on one core, and threads that wait for each other cost more than they save: on two cores that others use too, a step of 4
# million takes 1 ms by one thread and 460 ms by two, and the default run 25 s of CPU by one and 102 s by two.
TRAINING_WORK = 25_000_000
# The same for an evaluation, whose largest product is of every word with every word (V x V x m).
EVALUATION_WORK = 1_000_000_000


def suited_threads(asked: int | None, work: float, least: float = TRAINING_WORK) -> int:
    """Return the number of threads to use: `asked` (`trainer.threads`) if given, else one for small products, else torch's number.

    Args:
        asked: The number that the settings ask for.
        work: Multiplications of the largest product.
        least: The work from which all threads are used.
    """
    return asked or (1 if work < least else torch.get_num_threads())


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Use a number of threads inside the block, and the number before it afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def log_threads(number: int, asked: int | None, work: float) -> None:
    """Log the number of threads of a training, with its reason."""
    size, limit = f"products of {work / 1e6:,.3g} million multiplications", f"{TRAINING_WORK / 1e6:.0f} million"
    most = os.environ.get("OMP_NUM_THREADS")
    if asked:
        reason = "trainer.threads"
    elif work < TRAINING_WORK:
        reason = f"{size}, under {limit}"
    else:
        reason = f"{size}, at least {limit}" + (f"; OMP_NUM_THREADS={most}" if most else "")
    log.info("training on %d CPU thread%s (%s)", number, "" if number == 1 else "s", reason)
