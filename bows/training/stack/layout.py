"""Which members of a stack go into one block: those of one kind, padded to one latent size where that costs less than a block more."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from bows.model.autoencoder import Autoencoder
from bows.training.stack.block import Member

# Every block adds about this much to a step, whatever its size; products run about this fast on a CPU.
BLOCK_SECONDS, OPERATIONS_A_SECOND = 3e-4, 2e10
# Cells of bags (models x batch x V) up to which members of several datasets share a block, each with its own copy of its bags.
COPIED_CELLS = 1 << 22


def solos(members: Sequence[Member], batch: int) -> set[int]:
    """Numbers of the members that gain nothing by batched products on a CPU: theirs take longer than starting them."""
    return {
        number
        for number, member in enumerate(members)
        if _operations(batch, member.autoencoder) > BLOCK_SECONDS * OPERATIONS_A_SECOND
    }


def _operations(batch: int, autoencoder: Autoencoder) -> int:
    """Of a step's five products."""
    return 10 * batch * autoencoder.features * autoencoder.latent


def arrange(members: Sequence[Member], batch: int, alone: Collection[int] = ()) -> list[list[int]]:
    """Numbers of the members of each block.

    batch: windows a batch. alone: members that are to be in a block of their own.
    """
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
    """What models of one block have in common: class, names of weights, and every setting that is not a size."""
    settings = {name: value for name, value in vars(autoencoder).items() if isinstance(value, str | bool | float)}
    settings.pop("training", None)
    return (type(autoencoder), autoencoder.features, tuple(sorted(settings.items())))


def by_latent(latents: Sequence[int], features: int, batch: int) -> list[list[int]]:
    """Places of `latents` in groups, each padded to its largest: from the largest down, a size joins while the products over the padding
    take less time than a block of its own.

    >>> by_latent([2, 3, 4], features=12, batch=256)
    [[0, 1, 2]]
    >>> by_latent([50, 50, 200], features=4000, batch=32)
    [[2], [0, 1]]
    """
    places: dict[int, list[int]] = defaultdict(list)
    for place, latent in enumerate(latents):
        places[latent].append(place)
    groups: list[list[int]] = []
    largest = wasted = 0
    for latent in sorted(places, reverse=True):
        # A step's five products are 10 B V m operations.
        wasted += 10 * batch * features * (largest - latent) * len(places[latent])
        if groups and wasted < BLOCK_SECONDS * OPERATIONS_A_SECOND:
            groups[-1] += places[latent]
        else:
            groups.append(list(places[latent]))
            largest, wasted = latent, 0
    return [sorted(group) for group in groups]


def _by_dataset(numbers: list[int], members: Sequence[Member], batch: int) -> list[list[int]]:
    if len(numbers) * batch * members[numbers[0]].autoencoder.features <= COPIED_CELLS:
        return [numbers]
    datasets: dict[int, list[int]] = defaultdict(list)
    for number in numbers:
        datasets[members[number].dataset].append(number)
    return list(datasets.values())
