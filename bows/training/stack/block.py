"""Train autoencoders of one kind together: weights with a leading dimension of models, and batched matrix products.

Members may differ in latent size: the matrices of the smaller ones are padded with zeros to the largest. A row of zeros in the encoder
gives a latent of zero, which passes no gradient to the decoder, whose zeros pass none back: padding stays exactly zero without a mask,
under any of the optimizers, decay and clipping.

Members of one kind share a block, padded to one latent size if that costs less than another block.
"""

import copy
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from bows.model.autoencoder import Autoencoder, AutoencoderOutput
from bows.model.sparse_loss import SparseLoss
from bows.training.stack.squared_error import LinearSquaredErrors, SquaredErrors, can_train
from bows.training.stack.stack_data import StackBatch

# The time that a block of any size adds to a step, and the speed of products on a CPU, both approximate.
BLOCK_SECONDS, OPERATIONS_A_SECOND = 3e-4, 2e10
# The largest number of cells (models x batch x V) at which members of several datasets share a block, each with a copy of its bags.
COPIED_CELLS = 1 << 22


class Member(NamedTuple):
    """One of the models of a stack."""

    autoencoder: Autoencoder
    """Its initial weights are copied."""
    dataset: int
    """Which of the stack's datasets it reads."""


class Block(nn.Module):
    """K autoencoders of one class and one kind of output and loss, with their own weights, latent size and dataset.

    `weights[i]` is (K, ...): the i-th weight of each member, padded with zeros where a member is smaller.
    """

    def __init__(self, members: Sequence[Member]):
        super().__init__()
        models = [member.autoencoder for member in members]
        # In a list, so that its weights are not parameters of this module: only their names and shapes are used.
        self._prototype = [copy.deepcopy(models[0])]
        self.names = [name for name, _ in models[0].named_parameters()]
        self.buffer_names = [name for name, _ in models[0].named_buffers()]
        self.shapes = [{name: value.shape for name, value in model.state_dict().items()} for model in models]
        states = [dict(model.state_dict()) for model in models]
        self.weights = nn.ParameterList(
            [nn.Parameter(_padded([state[name] for state in states])) for name in self.names]
        )
        for place, name in enumerate(self.buffer_names):
            self.register_buffer(f"buffer{place}", _padded([state[name] for state in states]))
        self.datasets: Tensor
        self.register_buffer("datasets", torch.tensor([member.dataset for member in members]), persistent=False)
        self._one_dataset = members[0].dataset if len({member.dataset for member in members}) == 1 else None

    def __len__(self) -> int:
        return len(self.shapes)

    def bags(self, bags: Tensor) -> Tensor:
        """Return the bags of each member, (K, batch, V), or (batch, V) if members share them, of all bags (batch, datasets, V)."""
        if self._one_dataset is not None:
            return bags[:, self._one_dataset]
        return bags.transpose(0, 1).index_select(0, self.datasets)

    def forward(self, bags: Tensor) -> AutoencoderOutput:
        """Return latents (K, batch, m), pre-activations and reconstructions (K, batch, V) of (K, batch, V) or (batch, V) bags."""
        prototype = self._prototype[0]
        prototype.training = self.training
        return functional_call(prototype, self._state(), (bags,))

    def bind(self) -> None:
        """Prepare for the weights, which are on their device, before the first step."""

    def forget_gradients(self) -> None:
        for weight in self.weights:
            weight.grad = None

    def collect_gradients(self) -> None:
        """Set the gradients of `weights`, after a backward pass."""

    def clip_gradients(self, limits: Tensor) -> None:
        """Scale each member's gradients to at most its norm of the (K,) limits, as clip_grad_norm_ does for one model."""
        gradients = [weight.grad for weight in self.weights if weight.grad is not None]
        norm = torch.linalg.vector_norm(torch.cat([gradient.flatten(1) for gradient in gradients], dim=1), dim=1)
        factor = (limits.to(norm) / (norm + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient *= factor.view(-1, *[1] * (gradient.ndim - 1))

    def losses(self, batch: StackBatch) -> Tensor:
        """Return each member's loss on its bags, (K,)."""
        model, bags = self._prototype[0], batch.of_all
        if not can_train(model) or torch.is_autocast_enabled(bags.device.type):
            own = self.bags(bags)
            return model.losses(self(own), own)
        state = self._state()
        encoder, decoder = (*(state[name] for name in model.linear_parameters), None)[:2]
        # Not in float32, where the moments would lose digits.
        if model.output_activation == "identity" and bags.dtype == torch.float64 and model.features <= len(bags):
            own = [moments.index_select(0, self.datasets) for moments in batch.moments]
            return LinearSquaredErrors.apply(*own, encoder, decoder, state["bias"])  # type: ignore[return-value]
        shared = self._one_dataset
        turned = batch.turned.index_select(0, self.datasets) if shared is None else batch.turned[shared]
        return SquaredErrors.apply(turned, encoder, decoder, state["bias"], model.output_activation == "relu")  # type: ignore[return-value]

    def member_state(self, place: int) -> dict[str, Tensor]:
        """Return views of a member's weights, without padding, under the names of its own class."""
        return {
            name: unpadded(value[place], self.shapes[place][name]).detach() for name, value in self._state().items()
        }

    def _state(self) -> dict[str, Tensor]:
        state: dict[str, Tensor] = dict(zip(self.names, self.weights, strict=True))
        for number, name in enumerate(self.buffer_names):
            state[name] = getattr(self, f"buffer{number}")
        return state


class Solo(Block):
    """A member in a block of its own, trained by exactly the operations of a run alone; its parameters are views of `weights`, (1, ...).

    Batched products save the time of starting operations. A model whose products take longer than that gains nothing by them; it is
    computed as in a run alone, to the last bit, since different rounding grows over thousands of steps in which words of a ReLU model
    switch off and on. It still shares its batches, its optimizer and its loop with the rest of the stack.
    """

    def __init__(self, member: Member):
        super().__init__([member])
        self.dataset = member.dataset
        self.model: Any = self._prototype[0]
        self.products: torch.dtype | None = None
        """The type of the products of SparseLoss, to train on SparseBags; requires an autoencoder that `why_dense` accepts."""
        self._sparse_loss: SparseLoss | None = None

    def bind(self) -> None:
        if self.products:
            encoder = self.weights[self.names.index(self.model.linear_parameters[0])]
            encoder.data = encoder.data.mT.contiguous().mT  # by word, as SparseLoss stores it
        for name, parameter in self.model.named_parameters():
            parameter.data = self.weights[self.names.index(name)].data[0]
        for number, (_, buffer) in enumerate(self.model.named_buffers()):
            buffer.data = getattr(self, f"buffer{number}")[0]
        self._sparse_loss = SparseLoss(self.model, self.products) if self.products else None

    def losses(self, batch: StackBatch) -> Tensor:
        if self._sparse_loss is not None:
            assert batch.sparse is not None
            return self._sparse_loss(batch.sparse[self.dataset]).unsqueeze(0)
        self.model.training = self.training
        bags = self.bags(batch.of_all)
        return self.model.loss(self.model(bags), bags).unsqueeze(0)

    def clip_gradients(self, limits: Tensor) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), float(limits))

    def forget_gradients(self) -> None:
        if self._sparse_loss is not None:
            self._sparse_loss.keep_gradients()
        self.model.zero_grad()
        super().forget_gradients()

    def collect_gradients(self) -> None:
        for name, parameter in self.model.named_parameters():
            self.weights[self.names.index(name)].grad = parameter.grad.unsqueeze(0)


def unpadded(value: Tensor, shape: torch.Size) -> Tensor:
    """Return the part of a padded weight that belongs to a member of this shape."""
    return value[tuple(slice(size) for size in shape)]


def _padded(values: Sequence[Tensor]) -> Tensor:
    """Return tensors of one rank as (K, ...), each in the first corner of the largest shape, padded with zeros."""
    shape = [max(sizes) for sizes in zip(*(value.shape for value in values), strict=True)]
    padded = values[0].new_zeros(len(values), *shape)
    for place, value in enumerate(values):
        unpadded(padded[place], value.shape).copy_(value)
    return padded


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
