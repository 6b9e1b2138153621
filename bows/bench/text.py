"""Generated text and bags with the statistics of an encyclopaedia, so that the measures run anywhere."""

from pathlib import Path

import numpy as np

from bows.data.corpus import Bags, Corpus

# About as in WikiText-103: 80 tokens a paragraph, two fifths of the rows empty or headings.
DISTINCT = 400_000
TOKENS_A_ROW = 80
FORM_OF_WORDS = "etaoinshrdlcumwfgypbvk"


def zipf(words: int) -> np.ndarray:
    """(words,) probabilities that fall as 1 / rank, and faster beyond rank 5,000 (two regimes: Ferrer i Cancho & Sole 2001).

    Two million draws give about 73,000 distinct words; WikiText-2, of that length, has 76,616.
    """
    rank = np.arange(words)
    weight = 1 / (rank + 2.7) / (1 + rank / 5000) ** 0.8
    return weight / weight.sum()


def write_text(path: Path, megabytes: float, seed: int = 0) -> None:
    """Write rows of words, one a line, with capitals, punctuation as tokens of its own and some hyphens, until the file is this large."""
    generator = np.random.default_rng(seed)
    lengths = np.clip(generator.poisson(3 + np.log2(np.arange(DISTINCT) + 2) / 2.5), 2, 14)
    letters = generator.choice(list(FORM_OF_WORDS), size=int(lengths.sum()))
    ends = np.cumsum(lengths)
    words = ["".join(letters[end - length : end]) for end, length in zip(ends, lengths, strict=True)]
    for place in range(0, DISTINCT, 7):
        words[place] = words[place].capitalize()
    for place in range(5, DISTINCT, 97):
        words[place] += "-" + words[place - 1]
    tokens = np.array([".", ",", "@-@", "=", "(", ")", *words], dtype=object)
    cumulative = np.cumsum(np.concatenate([[0.04, 0.05, 0.005, 0.002, 0.005, 0.005], zipf(DISTINCT) * 0.893]))
    written = 0
    with path.open("w", encoding="utf-8") as file:
        while written < megabytes * 1e6:
            drawn = tokens[
                np.minimum(np.searchsorted(cumulative, generator.random(2000 * TOKENS_A_ROW)), len(tokens) - 1)
            ]
            full = [" " + " ".join(part) + " " for part in drawn.reshape(2000, TOKENS_A_ROW)]
            rows = ["" if number % 5 < 2 else row for number, row in enumerate(full)]
            written += file.write("\n".join(rows) + "\n")


def make_corpus(words: int, rows: int, words_a_row: int, seed: int = 0, validation_rows: int | None = None) -> Corpus:
    """Return a corpus in memory: rows of distinct words drawn by Zipf's law; a tenth of the rows is held out by default."""
    generator = np.random.default_rng(seed)

    def bags(count: int) -> Bags:
        drawn = generator.choice(words, size=(count, words_a_row), p=zipf(words))
        keys = np.unique(np.arange(count)[:, None] * words + drawn)
        lengths = np.bincount(keys // words, minlength=count)
        return Bags(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), (keys % words).astype(np.uint16))

    vocabulary = [f"word{number}" for number in range(words)]
    return Corpus(
        "generated",
        vocabulary,
        {"train": bags(rows), "validation": bags(validation_rows or max(rows // 10, 50))},
        "generated",
    )
