"""A corpus in a few lines: what one checks before training on it."""

import textwrap

import numpy as np

from bows.data.datamodule import BagsDataModule

# Most frequent words shown.
WORDS = 30


def print_facts(data: BagsDataModule) -> None:
    """Print rows, words, density of rows and of windows, most frequent words, and how fast the corpus was built."""
    corpus = data.corpus
    vocabulary = corpus.vocabulary
    print(f"{corpus.name}: {len(vocabulary):,} words, hash {corpus.hash[:12]}")
    print(f"{'split':<12}{'rows':>12}{'words a row':>14}{'windows':>12}{'words a window':>16}{'density':>10}")
    for split, bags in corpus.splits.items():
        a_row = f"{bags.indptr[-1] / max(bags.rows, 1):.1f}"
        if bags.rows >= data.window:
            windows = data.windows(split)
            mean = np.mean([float(part.sum(1).mean()) for part in windows.batches(256, most=1024)])
            print(
                f"{split:<12}{bags.rows:>12,}{a_row:>14}{len(windows):>12,}{mean:>16.1f}{mean / len(vocabulary):>10.2%}"
            )
        else:
            print(f"{split:<12}{bags.rows:>12,}{a_row:>14}{'none: shorter than data.window=' + str(data.window):>38}")
    words = ", ".join(vocabulary[:WORDS])
    print(textwrap.fill(f"most frequent: {words}", 100, subsequent_indent="  "))
    facts = corpus.facts
    if replaced := facts["source"].get("bytes_replaced"):
        print(f"bytes that are not UTF-8, replaced: {replaced:,}")
    if build := facts.get("build"):
        print(
            f"built in {build['seconds']:.1f} s, {build['megabytes_per_second']:.1f} MB/s of {build['text_bytes'] / 1e6:.1f} MB of text"
        )
    if corpus.folder:
        print(corpus.folder)
