"""Summarize a corpus in lines of text: what to check before training on it."""

import textwrap
from typing import Any

import numpy as np

from bows.data.datamodule import BagsDataModule

# Most frequent words printed.
WORDS = 30
WIDTH = 100


def corpus_summary(data: BagsDataModule) -> list[str]:
    """Return lines on the corpus of a DataModule: its splits, what became of its tokens, a row with its words, and the build."""
    corpus = data.corpus
    facts = corpus.facts
    lines = [f"{corpus.name}: {len(corpus.vocabulary):,} words, hash {corpus.hash[:12]}", *_splits(data)]
    lines.append(f"in the validation split: {corpus.held_out_words():.1%} of the vocabulary")
    lines += _wrapped("most frequent", ", ".join(corpus.vocabulary[:WORDS]))
    lines += _tokens(facts)
    if sample := facts.get("sample"):
        lines += _wrapped("a row", sample["row"]) + _wrapped("its words", " ".join(sample["words"]))
    if replaced := facts["source"].get("bytes_replaced"):
        lines.append(f"bytes that are not UTF-8, replaced: {replaced:,}")
    if skipped := facts["source"].get("cells_skipped"):
        lines.append(f"empty cells without a column in the header, skipped: {skipped:,}")
    if build := facts.get("build"):
        size = build["text_bytes"] / 1e6
        lines.append(
            f"built in {build['seconds']:.1f} s, {build['megabytes_per_second']:.1f} MB/s of {size:.1f} MB of text"
        )
    if corpus.folder:
        lines.append(str(corpus.folder))
    return lines


def _splits(data: BagsDataModule) -> list[str]:
    vocabulary = data.corpus.vocabulary
    lines = [f"{'split':<12}{'rows':>12}{'words per row':>15}{'windows':>12}{'words per window':>18}{'density':>10}"]
    for split, bags in data.corpus.splits.items():
        start = f"{split:<12}{bags.rows:>12,}{bags.indptr[-1] / max(bags.rows, 1):>15.1f}"
        if bags.rows >= data.window:
            windows = data.windows(split)
            mean = np.mean([float(part.sum(1).mean()) for part in windows.batches(256, most=1024)])
            lines.append(f"{start}{len(windows):>12,}{mean:>18.1f}{mean / len(vocabulary):>10.2%}")
        else:
            lines.append(f"{start}{'none: shorter than data.window=' + str(data.window):>40}")
    return lines


def _tokens(facts: dict[str, Any]) -> list[str]:
    """Return what became of the tokens, so that a wrong rule of `data.words` is seen; nothing for a corpus without text."""
    if not (tokens := facts.get("tokens")):
        return []
    named = {
        "stop_words": "dropped as stop words", "dropped": "dropped as no words", "split": "split into several words",
        "folded": "folded", "respelt": "respelt",
    }  # fmt: skip
    counts = [f"{tokens[name]:,} {description}" for name, description in named.items() if tokens[name]]
    lines = _wrapped("tokens", f"{tokens['tokens']:,}" + (f", of these {', '.join(counts)}" if counts else ""))
    if most := tokens["most_dropped"]:
        lines += _wrapped("most frequent no words", "  ".join(f"{token} {count:,}" for token, count in most.items()))
    rules = facts["rules"]["words"]
    if tokens["spaceless"] and (rules == "paper" or not rules["dictionary"]):
        lines += _wrapped(
            "without spaces",
            f"{tokens['spaceless']:,} tokens are in scripts without spaces between words and were kept whole; to segment them by "
            "ICU's dictionaries, pip install 'bows[icu]' and leave data.words.dictionary=auto",
        )
    return lines


def _wrapped(title: str, text: str) -> list[str]:
    return textwrap.wrap(
        f"{title}: {text}", WIDTH, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
    )
