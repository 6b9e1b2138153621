"""Arrange the members of a stack in blocks: those of one kind, padded to one latent size if that costs less than another block."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from bows.model.autoencoder import Autoencoder
from bows.training.stack.block import Member

# The time that a block of any size adds to a step, and the speed of products on a CPU, both approximate.
BLOCK_SECONDS, OPERATIONS_A_SECOND = 3e-4, 2e10
# The largest number of cells (models x batch x V) at which members of several datasets share a block, each with a copy of its bags.
COPIED_CELLS = 1 << 22


def solos(members: Sequence[Member], batch: int) -> set[int]:
    """Return the numbers of the members that gain nothing by batched products on a CPU, since theirs take longer than starting them."""
    models = [member.autoencoder for member in members]
    return {
        number for number, model in enumerate(models) if _seconds(batch, model.features, model.latent) > BLOCK_SECONDS
    }


def _seconds(batch: int, features: int, latent: int) -> float:
    """Return the time of a step's five products, each of 2 B V m operations."""
    return 10 * batch * features * latent / OPERATIONS_A_SECOND


def arrange(members: Sequence[Member], batch: int, alone: Collection[int] = ()) -> list[list[int]]:
    """Return the numbers of the members of each block, for batches of so many windows; those in `alone` get a block of their own."""
    kinds: dict[tuple, list[int]] = defaultdict(list)
    for number, member in enumerate(members):
        if number not in alone:
            kinds[kind(member.autoencoder)].append(number)
    blocks = [[number] for number in sorted(alone)]
    for numbers in kinds.values():
        for same in by_latent(
            [members[number].autoencoder.latent for number in numbers], members[0].autoencoder.features, batch
        ):
            blocks += _by_dataset([numbers[place] for place in same], members, batch)
    return blocks


def kind(autoencoder: Autoencoder) -> tuple:
    """Return what the models of a block have in common: the class, V, and every setting that is not a size."""
    settings = {name: value for name, value in vars(autoencoder).items() if isinstance(value, str | bool | float)}
    settings.pop("training", None)
    return (type(autoencoder), autoencoder.features, tuple(sorted(settings.items())))


def by_latent(latents: Sequence[int], features: int, batch: int) -> list[list[int]]:
    """Return the places of `latents` in groups, each padded to its largest.

    From the largest down, a size joins the group while the products over the padding take less time than a block of its own.

    >>> by_latent([2, 3, 4], features=12, batch=256)
    [[0, 1, 2]]
    >>> by_latent([50, 50, 200], features=4000, batch=32)
    [[2], [0, 1]]
    """
    places: dict[int, list[int]] = defaultdict(list)
    for place, latent in enumerate(latents):
        places[latent].append(place)
    groups: list[list[int]] = []
    largest, wasted = 0, 0.0
    for latent in sorted(places, reverse=True):
        wasted += _seconds(batch, features, largest - latent) * len(places[latent])
        if groups and wasted < BLOCK_SECONDS:
            groups[-1] += places[latent]
        else:
            groups.append(list(places[latent]))
            largest, wasted = latent, 0.0
    return [sorted(group) for group in groups]


def _by_dataset(numbers: list[int], members: Sequence[Member], batch: int) -> list[list[int]]:
    if len(numbers) * batch * members[numbers[0]].autoencoder.features <= COPIED_CELLS:
        return [numbers]
    datasets: dict[int, list[int]] = defaultdict(list)
    for number in numbers:
        datasets[members[number].dataset].append(number)
    return list(datasets.values())
