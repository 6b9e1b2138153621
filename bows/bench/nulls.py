"""Draw one p value of each test that bows reports, from data without an effect, or with a stated one."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from bows.analysis.alignment import mantel
from bows.analysis.clusters import clusters
from bows.analysis.comparison import gain_interval, mean_interval
from bows.analysis.cooccurrence import Cooccurrence
from bows.analysis.cooccurrence_clusters import cooccurrence_ami
from bows.analysis.cycle_plane import angles_in_plane, nearness_to_places
from bows.analysis.cyclic_steps import step_correlation
from bows.analysis.explanation import random_contexts
from bows.analysis.probe import fit_probe
from bows.analysis.ring import SHAPES, ring
from bows.analysis.ring_null import order_p_sets
from bows.analysis.shape_search import scan
from bows.data.corpus import Bags, Corpus
from bows.data.datamodule import BagsDataModule
from bows.evaluation.ablate import ablate_plane
from bows.evaluation.context import LoadedRun
from bows.model.pca import RectifiedPrincipalComponents

PERMUTATIONS = 99
TOPICS = 6
LATENT = 30


class Null(NamedTuple):
    """A test, and the data that it is run on."""

    name: str
    """Of its metric, or where the p value is shown."""
    null: str
    """The data without an effect."""
    effect: str
    """The data with one; empty where power is not asked."""
    draw: Callable[[Generator, bool], float]
    """p of one data set, with an effect or without; for an interval 0 where it misses the truth, else 1."""
    share: float = 1.0
    """Of the draws: less where one takes long."""
    conservative: bool = False
    """Whether the rate may be far below the level by design."""


def gaussian(generator: Generator, *shape: int) -> Tensor:
    """Return standard normal numbers."""
    return torch.from_numpy(generator.standard_normal(shape))


def ordered(generator: Generator, count: int, linear: bool, noise: float = 1.0) -> Tensor:
    """Return directions (30, n) whose cosines fall with the distance around a ring, or along a line, with noise of that norm each."""
    apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    kernel = np.exp(-(apart**2) / 8) if linear else np.exp(2 * (np.cos(2 * np.pi * apart / count) - 1))
    values, vectors = np.linalg.eigh(kernel)
    columns = gaussian(generator, LATENT, count) * noise / LATENT**0.5
    columns[:count] += torch.from_numpy((vectors * np.sqrt(np.clip(values, 0, None))).T)
    return columns


def _ring(score: str, count: int, linear: bool) -> Callable[[Generator, bool], float]:
    def draw(generator: Generator, effect: bool) -> float:
        columns = ordered(generator, count, linear) if effect else gaussian(generator, LATENT, count)
        scores = ring(columns, None, range(count), PERMUTATIONS, int(generator.integers(1 << 31)), linear)
        return scores[score] if score != "shape" else float(scores["shape"] == SHAPES.index("none"))

    return draw


def _of_like_frequency(permuted: bool) -> Callable[[Generator, bool], float]:
    """Words in order of frequency, whose directions bend with frequency: in order, but so is any such set of other words."""

    def draw(generator: Generator, effect: bool) -> float:
        frequency = np.sort(generator.random(300))
        turn = torch.from_numpy(1.5 * np.pi * frequency)
        columns = gaussian(generator, LATENT, 300) / LATENT**0.5
        columns[:2] += torch.stack([turn.cos(), turn.sin()])
        words = [int(generator.integers(start, start + 30)) for start in range(0, 300, 30)]
        if effect:
            columns[:, words] = ordered(generator, len(words), linear=False, noise=0.5)
        seed = int(generator.integers(1 << 31))
        if permuted:
            return ring(columns, None, words, PERMUTATIONS, seed)["order_p"]
        return order_p_sets(columns, {"words": words}, frequency, seed)["ring/words/order_p_sets"]

    return draw


def topical(generator: Generator, windows: int, words: int, topics: int = TOPICS) -> Tensor:
    """Return bags (windows, V) of words of six topics, three of ten windows about each; beyond `topics` of them words are independent."""
    topic = np.arange(words) % TOPICS
    shown = generator.random((windows, words)) < 0.3
    shown[:, topic < topics] = (generator.random((windows, TOPICS)) < 0.3)[:, topic[topic < topics]]
    share = np.where(shown, 0.5, 0.1) * generator.uniform(0.3, 1.2, words)
    return torch.from_numpy(generator.random((windows, words)) < share).float()


def _mantel(score: str, words: int = 330) -> Callable[[Generator, bool], float]:
    def draw(generator: Generator, effect: bool) -> float:
        bags = topical(generator, 200, words)
        weights = gaussian(generator, LATENT, words)
        if score.endswith("deciles"):  # what frequency alone explains is no effect
            weights *= bags.mean(0) ** 0.5
        if effect:
            weights[:TOPICS] += (
                0.8 * torch.nn.functional.one_hot(torch.arange(words) % TOPICS, TOPICS).T * weights.std()
            )
        together = Cooccurrence(lambda: [bags], words)
        return mantel(weights, None, together, PERMUTATIONS, int(generator.integers(1 << 31)))[f"alignment/{score}"]

    return draw


def _clusters(score: str) -> Callable[[Generator, bool], float]:
    def draw(generator: Generator, effect: bool) -> float:
        words, labels, frequency = 120, np.arange(120) % TOPICS, generator.random(120)
        columns = gaussian(generator, LATENT, words)
        if effect:
            columns[:TOPICS] += 1.5 * torch.nn.functional.one_hot(torch.from_numpy(labels), TOPICS).T
        seed = int(generator.integers(1 << 31))
        if score == "cooccurrence_ami":
            alike = np.where(labels[:, None] == labels, 0.2, 0.0) + 0.1 * np.abs(
                generator.standard_normal((words, words))
            )
            found = cooccurrence_ami(columns, (alike + alike.T) / 2, TOPICS, frequency, PERMUTATIONS, seed)
        else:
            found = clusters(columns, labels, frequency, PERMUTATIONS, seed)
        return found[f"cluster/{score}_p"]

    return draw


def _steps(generator: Generator, effect: bool) -> float:
    columns = ordered(generator, 12, linear=False) if effect else gaussian(generator, LATENT, 12)
    return step_correlation((columns.T @ columns).numpy(), PERMUTATIONS, int(generator.integers(1 << 31)))[1]


def _seasons(generator: Generator, effect: bool) -> float:
    """Return p of eight words near their months; with an effect the months lie on a ring, and each word by its month."""
    places = np.arange(8) * 3 // 2
    columns = gaussian(generator, LATENT, 20)
    if effect:
        columns[:, :12] = ordered(generator, 12, linear=False)
        columns[:, 12:] = columns[:, :12][:, places] + gaussian(generator, LATENT, 8) / LATENT**0.5
    between = angles_in_plane(torch.nn.functional.normalize(columns, dim=0), 12)
    return nearness_to_places(between, places, PERMUTATIONS)[2]


def _seeds(generator: Generator, effect: bool) -> float:
    """Return 0 where the interval over three seeds leaves out the mean of all seeds, 0; with an effect that mean is 3 deviations."""
    low, high = mean_interval(list(generator.standard_normal(3) + (3 if effect else 0)))
    return float(low <= 0 <= high)


def _scan(generator: Generator, effect: bool) -> float:
    """Return the lowest q of a search, 1 where nothing is found."""
    columns = gaussian(generator, 20, 60)
    if effect:
        columns[:, :12] = 4.5 * ordered(generator, 12, linear=False, noise=0.2)[:20]
    names, frequency = [f"word{number}" for number in range(60)], generator.random(60)
    found = scan(columns, names, frequency, seed=int(generator.integers(1 << 31)), draws=PERMUTATIONS, surrogates=40)
    return min(found.column("q").to_pylist(), default=1.0)


def _context(generator: Generator, effect: bool) -> float:
    """Return p of a context of five words of a window without the word; with an effect all are of the topic that raises it most."""
    bags = topical(generator, 400, 60).numpy()
    windows, of_topic = [np.flatnonzero(bag) for bag in bags], generator.standard_normal(TOPICS)
    add = of_topic[np.arange(60) % TOPICS] + 0.3 * generator.standard_normal(60)
    long = [window for window in windows if len(window) > 4]
    context = generator.choice(long[generator.integers(len(long))], 5, replace=False).tolist()
    if effect:
        context = generator.choice(
            np.flatnonzero(np.arange(60) % TOPICS == of_topic.argmax()), 5, replace=False
        ).tolist()
    drawn = random_contexts(windows, bags.mean(0), context, PERMUTATIONS, generator)
    assert drawn is not None
    return (1 + np.count_nonzero(add[drawn.words].sum(1) >= add[context].sum() - 1e-9)) / (1 + PERMUTATIONS)


def _probe(generator: Generator, effect: bool) -> float:
    embeddings, coordinates = gaussian(generator, 60, 10), generator.standard_normal((1, 60, 2))
    if effect:
        coordinates[0] += embeddings[:, :2].numpy()
    found = fit_probe(
        embeddings, coordinates, np.arange(60) % 3 == 0, 1.0, PERMUTATIONS, int(generator.integers(1 << 31))
    )
    assert found.p is not None
    return found.p


def _gain(generator: Generator, effect: bool) -> float:
    """Return 0 where the interval of the gain over 1,000 overlapping windows leaves 0 out; with an effect the gain is 0.3 deviations."""
    rows = generator.standard_normal((2, 1002)) + np.array([[0.0], [0.3 if effect else 0.0]])
    errors, others = np.stack([rows[:, start : start + 1000] for start in range(3)]).mean(0)
    low, high = gain_interval(errors, others, 1000.0, 20, 500, generator)
    return float(low <= 0 <= high)


@cache
def _model() -> LoadedRun:
    """Return relu(PCA) of text with two topics among a third of its words: a model with one plane that words use."""
    generator, words = np.random.default_rng(0), 240
    splits = {}
    for split, rows in (("train", 1200), ("validation", 300)):
        bags = topical(generator, rows, words, topics=2).numpy()
        offsets = np.concatenate([[0], bags.sum(1).cumsum()]).astype(np.int64)
        splits[split] = Bags(offsets, np.flatnonzero(bags).astype(np.int64) % words)
    splits = {name: replace(bags, indices=bags.indices.astype(np.uint16)) for name, bags in splits.items()}
    corpus = Corpus("topical", [f"word{number}" for number in range(words)], splits, "topical")
    data = BagsDataModule(lambda: corpus, 1, 1, 512, seed=0)
    model = RectifiedPrincipalComponents(words, 24)
    model.fit(data.windows("train").batches(512))
    run: Any = SimpleNamespace(vocabulary=corpus.vocabulary)
    return LoadedRun(run, model.eval(), data, data, torch.device("cpu"), 0)


@cache  # the three scores of an ablation are those of the same draws
def _ablated(words: tuple[int, ...], seed: int) -> dict[str, float]:
    return ablate_plane(replace(_model(), seed=seed), "set", list(words), 0.5).metrics


def _ablation(score: str) -> Callable[[Generator, bool], float]:
    """Random sets of words have no plane of their own; the words of two topics have one, in which the topics differ."""

    def draw(generator: Generator, effect: bool) -> float:
        seed = int(generator.integers(1 << 31))
        words = generator.choice(240, 6, replace=False)
        if effect:
            words = generator.choice(40, 6, replace=False) * TOPICS + np.arange(6) % 2
        found = _ablated(tuple(words.tolist()), seed)
        return float(not found[score]) if score == "companions_used" else found[score]

    return draw


RANDOM = "random directions"
NULLS = (
    Null("ring/<set>/order_p, 12 words", RANDOM, "a ring, noise as large as the words", _ring("order_p", 12, False)),
    Null("ring/<set>/order_p, 5 words", RANDOM, "a ring, noise as large as the words", _ring("order_p", 5, False), conservative=True),
    Null("ring/<set>/line_order_p, 10 words", RANDOM, "a line, noise as large as the words", _ring("line_order_p", 10, True)),
    Null("ring/<set>/shape, 12 words, cyclic", RANDOM, "a ring, noise as large as the words", _ring("shape", 12, False)),
    Null("ring/<set>/shape, 10 words, linear", RANDOM, "a line, noise as large as the words", _ring("shape", 10, True)),
    Null("ring/<set>/order_p_sets", "10 words in order of frequency, directions bending with it", "a ring, noise half as large",
         _of_like_frequency(False)),
    Null("alignment/rsa_p", "topical bags, random directions", "directions with the topics", _mantel("rsa_p")),
    Null("alignment/rsa_p_within_deciles", "topical bags, directions with the words' frequencies", "directions with the topics",
         _mantel("rsa_p_within_deciles")),
    Null("cluster/purity_p", RANDOM, "directions with the categories", _clusters("purity")),
    Null("cluster/silhouette_p", RANDOM, "directions with the categories", _clusters("silhouette")),
    Null("cluster/cooccurrence_ami_p", RANDOM, "directions with the clusters of the text", _clusters("cooccurrence_ami")),
    Null("nearness around a cycle (bows.reproduce)", RANDOM, "a ring, noise as large as the words", _steps),
    Null("words of a season near its months (bows.reproduce)", RANDOM, "a ring, each word by its month", _seasons),
    Null("scan=true, lowest q", RANDOM, "a ring of 12 words", _scan, 0.2, conservative=True),
    Null("word=, context=: p", "words of a window without the word", "words of one topic", _context),
    Null("probe/p", "random embeddings", "coordinates, half of which two dimensions hold", _probe),
    Null("ablation/<set>/set/drop_random_set_p", "random sets of words, two topics in the text", "words of two topics",
         _ablation("set/drop_random_set_p"), 0.5),
    Null("ablation/<set>/companions/drop_random_set_p", "random sets of words, two topics in the text", "words of two topics",
         _ablation("companions/drop_random_set_p"), 0.5),
    Null("ablation/<set>/companions_used", "random sets of words, two topics in the text", "words of two topics",
         _ablation("companions_used"), 0.5, conservative=True),
    Null("against=: interval of the gain", "two models of equal error", "errors apart by 0.3 deviations", _gain),
    Null("bows.reproduce: interval over seeds", "three seeds, normal", "a mean of 3 deviations", _seeds),
)  # fmt: skip
# Compares the plane of a set with planes that belong to no words. Words use their plane: its p is low for random sets of words as well.
PLANE = Null("ablation/<set>/set/drop_random_plane_p", "random sets of words, two topics in the text", "words of two topics",
             _ablation("set/drop_random_plane_p"), 0.2)  # fmt: skip
