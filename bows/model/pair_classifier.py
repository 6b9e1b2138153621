"""A classifier of pairs of items that represents each item by an embedding."""

from typing import Annotated, ClassVar

import torch
from pydantic import Field, Strict
from torch import Tensor, nn

from bows.setting_types import Count

# A plane of the embeddings is kept and removed, so they have more than two dimensions.
PairLatent = Annotated[int, Strict(), Field(ge=3)]


class PairClassifier(nn.Module):
    """logits = B relu(A [e_a, e_b] + c) + d for the pair (a, b), where e_i, m = `latent` values, is row i of the embedding.

    Embeddings start standard normal, the layers as torch's linear layers do.
    """

    trains_on: ClassVar[str] = "pairs"

    def __init__(self, items: int, classes: int, latent: PairLatent, hidden: Count):
        super().__init__()
        self.embedding = nn.Embedding(items, latent)
        self.hidden = nn.Linear(2 * latent, hidden)
        self.output = nn.Linear(hidden, classes)

    def forward(self, pairs: Tensor, embeddings: Tensor | None = None) -> Tensor:
        """Return the logits (batch, classes) of pairs (batch, 2) int64; `embeddings` (items, m), if given, replace the model's own."""
        weight = self.embedding.weight if embeddings is None else embeddings
        both = nn.functional.embedding(pairs, weight).flatten(1)
        return self.output(torch.relu(self.hidden(both)))
