"""A member in a block of its own, trained by exactly the operations of a run alone.

Batched products save the time of starting operations. A model whose products take longer than that gains nothing by them; it is computed as
in a run alone, to the last bit, since different rounding grows over thousands of steps in which words of a ReLU model switch off and on. It
still shares its batches, its optimizer and its loop with the rest of the stack.
"""

from typing import Any

import torch
from torch import Tensor, nn

from bows.model.sparse_loss import SparseLoss
from bows.training.stack.block import Block, Member
from bows.training.stack.stack_data import StackBatch


class Solo(Block):
    """One autoencoder, whose parameters are views of `weights`, each (1, ...)."""

    def __init__(self, member: Member):
        super().__init__([member])
        self.dataset = member.dataset
        self._sparse_loss: SparseLoss | None = None
        self._products = torch.float32
        self.trains_sparsely = False

    @property
    def model(self) -> Any:
        return self._prototype[0]

    def train_sparsely(self, products: torch.dtype) -> None:
        """Train on SparseBags from now on, as SparseLoss does. Requires an autoencoder that `why_dense` accepts."""
        self.trains_sparsely, self._products = True, products

    def bind(self) -> None:
        """Make the model's parameters views of the weights. Call it with the weights on their device, before the first step."""
        if self.trains_sparsely:
            encoder = self.weights[self.names.index(self.model.linear_parameters[0])]
            encoder.data = encoder.data.mT.contiguous().mT  # by word, as SparseLoss stores it
        for name, parameter in self.model.named_parameters():
            parameter.data = self.weights[self.names.index(name)].data[0]
        for number, (_, buffer) in enumerate(self.model.named_buffers()):
            buffer.data = getattr(self, f"buffer{number}")[0]
        self._sparse_loss = SparseLoss(self.model, self._products) if self.trains_sparsely else None

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
