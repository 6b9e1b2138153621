"""A classifier of pairs of items: what it knows of an item is the item's embedding."""

import torch
from torch import Tensor, nn


class PairClassifier(nn.Module):
    """logits = B relu(A [e_a, e_b] + c) + d for the pair (a, b), where e_i is row i of the embedding.

    items: how many there are. classes: how many answers. latent: width m of an embedding. hidden: width of the hidden layer.
    Embeddings start as standard normal numbers, the layers as torch's linear layers do.
    """

    def __init__(self, items: int, classes: int, latent: int, hidden: int):
        super().__init__()
        self.embedding = nn.Embedding(items, latent)
        self.hidden = nn.Linear(2 * latent, hidden)
        self.output = nn.Linear(hidden, classes)

    def forward(self, pairs: Tensor, embeddings: Tensor | None = None) -> Tensor:
        """Logits (batch, classes) of pairs (batch, 2) int64; with other embeddings (items, m) in the place of its own, where given."""
        weight = self.embedding.weight if embeddings is None else embeddings
        both = nn.functional.embedding(pairs, weight).flatten(1)
        return self.output(torch.relu(self.hidden(both)))
