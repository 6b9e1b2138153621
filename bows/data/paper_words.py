"""Split tokens as the paper's code does: Penn Treebank tokens that are letters throughout, and the numbers.

The paper has no pattern of its own: it calls NLTK's `word_tokenize` and keeps a token where `str.isalpha` holds. The pattern below
separates what the Treebank rules separate. So "Teddy's" gives Teddy, "can't" gives ca, and "well-known", "U.S." and "A/B" give nothing.
NLTK finds ends of sentences with a trained model, which is not used here: a period at the end of a token is always set off, so
"Mr." gives Mr, which the paper drops.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

_SEPARATED = re.compile(r"""[\[\](){}<>;@#$%&?!"“”«»‘’…]|--|[:,](?!\d)|``|''|\.\.\.|\s""")
_CLITIC = re.compile(r"('(s|m|d|ll|re|ve)|n't)$", re.IGNORECASE)


@dataclass(frozen=True)
class PaperRules:
    """The rule `data.words=paper`. It has no settings."""

    trimmed: ClassVar[str] = '[](){}<>;@#$%&?!"'
    lone_clitics: ClassVar[frozenset[str]] = frozenset({"'s", "'m", "'d", "'ll", "'re", "'ve", "n't"})
    possessives: ClassVar[str] = "strip"
    turkish_i: ClassVar[bool] = False

    @property
    def identity(self) -> str:
        return "paper"

    def split(self, tokens: list[str], numbers: frozenset[str]) -> tuple[np.ndarray, pa.Array]:
        """Split tokens into words; see UnicodeRules.split."""
        owners, words = [], []
        for place, token in enumerate(tokens):
            for part in _SEPARATED.sub(" ", token).split():
                part = _CLITIC.sub("", part.removesuffix(".").strip("'"))
                if part.isalpha() or part in numbers:
                    owners.append(place)
                    words.append(part)
        return np.array(owners, np.int64), pa.array(words, pa.large_string())
