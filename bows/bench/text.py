"""Generate text and bags with the statistics of an encyclopaedia, so that the measures run anywhere."""

from pathlib import Path

import numpy as np

from bows.data.corpus import Bags, Corpus

# Words that can occur. Their probabilities fall as the Zipf-Mandelbrot law 1 / (rank + 2.7), and faster beyond rank 3,000.
DISTINCT = 4_000_000
TOKENS_A_ROW = 80
_CONSONANTS, _VOWELS = "bcdfglmnprst", "aeiou"
# What surrounds a word, with its probability.
_AROUND = [("{}", 0.88), ("{},", 0.066), ("{}.", 0.036), ("({})", 0.018)]
_CAPITALS = 0.1


def zipf(words: int, knee: int = 5000, steeper: float = 0.8) -> np.ndarray:
    """Return (words,) probabilities that fall as 1 / rank, and faster beyond a rank (two regimes: Ferrer i Cancho & Sole 2001).

    Two million draws with the defaults give about 73,000 distinct words; WikiText-2, of that length, has 76,616.
    """
    rank = np.arange(words)
    weight = 1 / (rank + 2.7) / (1 + rank / knee) ** steeper
    return weight / weight.sum()


def write_text(path: Path, megabytes: float, seed: int = 0) -> None:
    """Write rows of words, one a line, with capitals and punctuation, until the file is this large.

    Distinct tokens grow with the length of the text as those of English Wikipedia do (Heaps' law): its first 2.9 million tokens are
    242,000 different ones, its first 8.7 million 499,000; here they are 249,000 and 503,000.
    """
    generator = np.random.default_rng(seed)
    cumulative = np.cumsum(zipf(DISTINCT, 3000, 0.5))
    around = np.cumsum([share for _, share in _AROUND])
    spelt: dict[int, str] = {}
    written = 0
    with path.open("w", encoding="utf-8") as file:
        while written < megabytes * 1e6:
            size = 2000 * TOKENS_A_ROW
            rank = np.minimum(np.searchsorted(cumulative, generator.random(size)), DISTINCT - 1)
            form = np.minimum(np.searchsorted(around, generator.random(size)), len(_AROUND) - 1)
            keys, place = np.unique(
                (rank * len(_AROUND) + form) * 2 + (generator.random(size) < _CAPITALS), return_inverse=True
            )
            for key in keys.tolist():
                if key not in spelt:
                    spelt[key] = _token(key)
            tokens = np.array([spelt[key] for key in keys.tolist()], dtype=object)[place]
            # As in WikiText, two fifths of the rows are empty or headings.
            full = [" ".join(part) for part in tokens.reshape(2000, TOKENS_A_ROW)]
            rows = ["" if number % 5 < 2 else row for number, row in enumerate(full)]
            written += file.write("\n".join(rows) + "\n")


def _token(key: int) -> str:
    """Return a word as it is written in a text: the rank in syllables, its capital and its punctuation."""
    capital, form, rank = key % 2, key // 2 % len(_AROUND), key // 2 // len(_AROUND)
    word = ""
    while rank >= 0:
        rank, syllable = divmod(rank, len(_CONSONANTS) * len(_VOWELS))
        word += _CONSONANTS[syllable // len(_VOWELS)] + _VOWELS[syllable % len(_VOWELS)]
        rank -= 1
    return _AROUND[form][0].format(word.capitalize() if capital else word)


def make_corpus(words: int, rows: int, words_a_row: int, seed: int = 0, validation_rows: int | None = None) -> Corpus:
    """Return a corpus in memory: rows of distinct words drawn by Zipf's law; a tenth of the rows is held out by default."""
    generator = np.random.default_rng(seed)

    def bags(count: int) -> Bags:
        drawn = generator.choice(words, size=(count, words_a_row), p=zipf(words))
        keys = np.unique(np.arange(count)[:, None] * words + drawn)
        lengths = np.bincount(keys // words, minlength=count)
        return Bags(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), (keys % words).astype(np.uint16))

    splits = {"train": bags(rows), "validation": bags(validation_rows or max(rows // 10, 50))}
    return Corpus("generated", [f"word{number}" for number in range(words)], splits, "generated")
