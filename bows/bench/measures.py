"""Measure the parts of bows. Each measure runs in a process of its own, so that its peak memory is its own."""

import time
from collections.abc import Callable

import numpy as np
import torch

from bows.analysis.geometry import geometry
from bows.analysis.shape_search import scan
from bows.bench.calibration import calibration
from bows.bench.commands import Row, default_run, pages, start, synthetic_sweep, text_sweep
from bows.bench.corpora import corpus, large
from bows.bench.text import make_corpus, zipf
from bows.bench.timing import time_training
from bows.config.schema import Analysis
from bows.data.datamodule import BagsDataModule
from bows.evaluation.evaluate import evaluate
from bows.evaluation.request import compose_analysis
from bows.model.tied import Tied
from bows.training.callbacks.throughput import peak_memory_bytes

FEATURES, LATENT, BATCH, WINDOW = 10_000, 1000, 512, 20


def step() -> list[Row]:
    """Measure a training step through Lightning, and its five matrix products alone, in turn."""
    made = make_corpus(FEATURES, BATCH * 40, words_a_row=34)
    chosen = time_training(made, LATENT, BATCH, WINDOW)
    peak = peak_memory_bytes()
    full = time_training(made, LATENT, BATCH, WINDOW, precision="32-true")
    dense = time_training(made, LATENT, BATCH, WINDOW, dense=True)
    narrow, narrow_full = (time_training(made, 100, BATCH, WINDOW, precision=each) for each in ("auto", "32-true"))
    encoder = torch.randn(LATENT, FEATURES)
    evaluations = []
    for _ in range(3):
        began = time.perf_counter()
        geometry(encoder, None, {"ring": list(range(12))}, 9999, 0)
        evaluations.append(time.perf_counter() - began)
    one, alone, batch = (float(np.median(kept)) for kept in (chosen.steps, chosen.products, chosen.batches))
    return [
        ("words per window", chosen.filled, f"of {FEATURES}"),
        ("five dense products alone", alone * 1e3, "ms"),
        (f"step through Lightning, {'sparse' if chosen.sparse else 'dense'} bags", one * 1e3, "ms"),
        ("step / products", one / alone, "times (at most 0.3 with bfloat16 instructions, else 1.0)"),
        ("the same in float32", float(np.median(full.steps) / np.median(full.products)), "times (at most 1.0)"),
        ("the same on dense bags", float(np.median(dense.steps) / np.median(dense.products)), "times (at most 1.25)"),
        ("share of data in a step", batch / one, "(at most 0.10)"),
        ("windows per second", BATCH / one, ""),
        ("windows per second at m = 100", BATCH / float(np.median(narrow.steps)), ""),
        (
            "relative to float32",
            float(np.median(narrow_full.steps) / np.median(narrow.steps)),
            "times (at least 2 with bfloat16)",
        ),
        ("peak memory", peak / 1e6, "MB"),
        ("one evaluation of the geometry during training", float(np.median(evaluations)) / one, "steps"),
    ]


def analysis() -> list[Row]:
    """Measure analysis=full on 20,000 held-out windows at V = 10,000, m = 1000, and on a small model."""
    small_seconds, _ = _time_analysis(words=2000, latent=32, windows=1000, words_a_row=10, window=3)
    seconds, memory = _time_analysis(FEATURES, LATENT, windows=20_000, words_a_row=34, window=WINDOW)
    return [
        ("analysis=full, V = 2,000, m = 32, 1,000 windows", small_seconds, "s (at most 3)"),
        ("analysis=full, V = 10,000, m = 1000, 20,000 windows", seconds, "s (at most 75)"),
        ("its peak memory above corpus and model", memory / 1e6, "MB (at most 3000)"),
    ]


def _time_analysis(words: int, latent: int, windows: int, words_a_row: int, window: int) -> tuple[float, int]:
    """Return seconds and bytes of analysis=full; half of the vocabulary are words of its sets and categories."""
    settings = Analysis(**compose_analysis("run=none", "analysis=full")["analysis"])
    named = [*settings.sets.values(), *settings.categories.values()]
    chosen = list(dict.fromkeys(word for group in named for word in group or []))[: words // 2]
    rows = windows + window - 1
    made = make_corpus(words, rows, words_a_row, validation_rows=rows)
    made.vocabulary[: len(chosen)] = chosen
    data = BagsDataModule(lambda: made, window, 1, BATCH, seed=0)
    torch.manual_seed(0)
    model = Tied(words, latent)
    before = peak_memory_bytes()
    began = time.perf_counter()
    evaluate(model, data, analysis=settings)
    return time.perf_counter() - began, peak_memory_bytes() - before


def scanner() -> list[Row]:
    """Measure the search for shapes at V = 10,000, m = 1000."""
    generator = torch.Generator().manual_seed(0)
    encoder = torch.randn(LATENT, FEATURES, generator=generator)
    # Twelve words on a ring around a direction they share: one shape to find.
    angles = torch.arange(12) * 2 * torch.pi / 12
    ring = torch.zeros(LATENT, 12)
    ring[0], ring[1], ring[2] = angles.cos(), angles.sin(), 1.0
    encoder[:, 100:112] = ring * LATENT**0.5
    vocabulary = [f"word{number}" for number in range(FEATURES)]
    before = peak_memory_bytes()
    began = time.perf_counter()
    found = scan(encoder, vocabulary, 1 - (1 - zipf(FEATURES)) ** 500, seed=0)
    seconds = time.perf_counter() - began
    rows = [row for row in found.to_pylist() if row["kind"] == "ring" and len(row["words"]) == 12 and row["q"] < 0.05]
    return [
        ("scan of V = 10,000, m = 1000", seconds, "s (at most 120)"),
        ("planted rings found, of 1", len(rows), ""),
        ("peak memory above the model", (peak_memory_bytes() - before) / 1e6, "MB (at most 3000)"),
    ]


MEASURES: dict[str, Callable[[], list[Row]]] = {
    measure.__name__: measure
    for measure in (
        corpus,
        step,
        start,
        default_run,
        analysis,
        scanner,
        synthetic_sweep,
        text_sweep,
        pages,
        large,
        calibration,
    )
}
USUAL = ["corpus", "step", "start", "default_run", "analysis", "scanner"]
