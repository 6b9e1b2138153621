"""The paper's claims: the value measured for each, its baseline, and the threshold at which it holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["holds", "does not hold", "not measured here"]


@dataclass(frozen=True)
class Measured:
    """The measurement of a claim."""

    value: float | None
    """None where it could not be measured."""
    text: str
    """The value with its intervals; or the reason why it was not measured."""
    baseline: str = ""
    """The value of the claim's baseline, where it is measured."""


@dataclass(frozen=True)
class Claim:
    """One claim. It holds where the value is at least `least`, or at most `most`."""

    figure: str
    """Its preset."""
    name: str
    statement: str
    paper: str
    """The paper's own figure."""
    quantity: str
    """The measured value in words."""
    baseline: str
    """What the value is compared with."""
    least: float | None = None
    most: float | None = None

    @property
    def threshold(self) -> str:
        """Return the condition as text."""
        return f"{self.quantity}: {'at least' if self.most is None else 'at most'} {self.most if self.least is None else self.least:g}"


def verdict(claim: Claim, measured: Mapping[str, Measured]) -> Verdict:
    """Return whether a claim holds, by its threshold alone."""
    value = measured[claim.name].value if claim.name in measured else None
    if value is None or value != value:
        return "not measured here"
    holds = value >= claim.least if claim.least is not None else value <= claim.most  # type: ignore[operator]
    return "holds" if holds else "does not hold"


READER = " (from a reader's notes)"
RING = (
    "share of seeds whose months are a ring: order at least 0.5 with p at most 0.05, closure at least 0.5, more variance in their plane "
    "than orthogonal directions have"
)
ORDERS = "random orders, and the planarity of orthogonal directions"
CIRCLE = "with an order of at least 0.9 and a closure of at least 0.5"
CLAIMS: tuple[Claim, ...] = (
    Claim("months", "text", "months near each other in the year co-occur more in the text", "a correlation matrix",
          "p of the rank correlation of their phi with nearness in the year", "months permuted", most=0.05),
    Claim("months", "steps", "and their directions are nearer in the weights", "a polygon, no score",
          "p of the same for their cosines, mean over seeds", "months permuted; principal components", most=0.05),
    Claim("months", "weights", "the months lie in order on a circle in the weights", "a polygon, no score", RING,
          f"{ORDERS}; principal components of the same m", least=0.5),
    Claim("months", "pca", "and in the data's principal components", "a polygon, no score", RING, ORDERS, least=0.5),
    Claim("months", "seasons", "words of a season lie near its months", "a picture",
          "p of the angle between seasonal words and their months", "months permuted", most=0.05),
    Claim("months", "used", "words associated with the months are reconstructed through the months' plane", "not in the paper",
          "largest p, over seeds and both nulls, of what they lose without it",
          "random planes, and planes of random sets of the same frequencies", most=0.05),
    Claim("umap", "purity", "words of one category cluster under the largest weight decay", "a picture",
          "lowest z of the purity of the 10 nearest, over seeds", "labels permuted within frequency deciles", least=3),
    Claim("umap", "growth", "and more so than without decay", "a picture", "lowest gain of that z over seeds",
          "the smallest weight decay", least=0),
    Claim("mechanism", "context", "words are reconstructed better in natural contexts than alone", "81 % of contexts of Beatles" + READER,
          "share of represented words whose R² in natural windows is above that of the word alone", "the word alone", least=0.5),
    Claim("mechanism", "constructive", "interference is larger where the word is present, among windows with as many other words",
          "bars for single words", "share of represented words with a gap above 0 within strata of bag size",
          "the gap of PCA and of independent words", least=0.95),
    Claim("mechanism", "filtered", "the ReLU removes false positives that interference leaves", "a histogram",
          "share of a word's absences with positive interference that the ReLU removes", "independent words", least=0.05),
    Claim("mechanism", "filtered_more", "and more of them than with independent words of the same frequencies", "not in the paper",
          "that share over all words, less the same on independent words", "independent words", least=0),
    Claim("structure", "norm", "structure decreases as m grows: the off-diagonal norm of the Gram matrix falls", "a falling curve",
          "rank correlation of the norm with m", "no trend", most=-0.8),
    Claim("structure", "norm_free", "and cosines fall faster than those of random directions", "not in the paper",
          "rank correlation with m of the cosines' root mean square over that of random directions, 1/√m", "random directions", most=-0.8),
    Claim("structure", "months_first", "months become orthogonal at smaller m than Roman numerals", "two curves",
          "m from which the root mean square of the months' cosines is below 0.1, over that of the numerals", "random directions",
          most=0.99),
    Claim("linear", "months", "a linear read-out of the latent reconstructs the months",
          "R² 0.98" + READER, "mean R² of the linear read-out over the months", "the model; principal components", least=0.9),
    Claim("linear", "split", "most words are not linear", "522 linear, 4,073 nonlinear" + READER,
          "share of linear words among linear and mixed", "words of a linear model, all linear but for the rule's error", most=0.5),
    Claim("linear", "frequent", "the linear words are the frequent ones", "522 frequent words" + READER,
          "median frequency of linear words over that of the others", "equal frequencies", least=1),
    Claim("controls", "ring", "the months' ring vanishes when their co-occurrences are removed", "not in the paper",
          "the smaller of order and closure, largest over seeds, the months permuted over rows", "the text as it is", most=0.5),
    Claim("controls", "steps", "and so does the correlation of their cosines with nearness in the year", "not in the paper",
          "rank correlation of their cosines with nearness in the year, the months permuted over rows, over that on the text as it is",
          "the text as it is", most=0.5),
    Claim("controls", "clusters", "clusters vanish when all co-occurrences are removed", "not in the paper",
          "largest z of purity over seeds, every word permuted over rows", "the text as it is", most=2),
    Claim("leak", "split", "holding out a random tenth of overlapping windows, as the paper's code does, understates the loss",
          "its losses are of that split", "held-out documents' loss over that of the leaking split, lowest of all runs",
          "equal losses", least=1),
    Claim("synthetic", "linear_circle", "a linear autoencoder on circular data is a circle at every m", "at every m",
          f"share of m from 2 to 12 {CIRCLE}, wd 1", "independent features", least=1),
    Claim("synthetic", "relu_circle", "a ReLU one is a circle for m below 6", "m < 6" + READER,
          f"share of m from 2 to 5 {CIRCLE}, wd 1", "independent features", least=1),
    Claim("synthetic", "antipodal", "a ReLU one is antipodal at m from 6 to 10", "m 6 to 10" + READER,
          "mean share of features in antipodal pairs at m from 6 to 10, wd 1", "independent features", least=0.5),
    Claim("synthetic", "identity", "a ReLU one is nearly the identity at m = 12", "m near 12" + READER,
          "largest |cosine| of two features at m = 12, wd 1", "independent features", most=0.1),
    Claim("synthetic", "decay", "weight decay 6 keeps the circle up to larger m", "longer",
          f"values of m {CIRCLE} under wd 6, less those under wd 1 (ReLU)", "weight decay 1", least=1),
    Claim("city_map", "base", "the direction from one city to another is learned", "97.94 %", "accuracy", "the most frequent class",
          least=0.95),
    Claim("city_map", "probe", "a linear probe reads the coordinates of held-out cities", "R² 0.98", "R²", "cities permuted", least=0.95),
    Claim("city_map", "keep", "the probed plane alone is nearly sufficient", "93.16 %", "accuracy with the plane alone", "random planes",
          least=0.9),
    Claim("city_map", "remove", "without it accuracy is low", "22.43 %", "accuracy without the plane", "random planes", most=0.3),
    Claim("modular_addition", "base", "sums of residues are learned", "100 %" + READER, "accuracy", "the most frequent class", least=0.99),
    Claim("modular_addition", "keep", "one plane alone nearly suffices", "93.99 %" + READER, "accuracy with the plane alone",
          "random planes", least=0.9),
    Claim("modular_addition", "remove", "without it accuracy is near chance", "3.11 %" + READER, "accuracy without the plane",
          "random planes", most=0.1),
)  # fmt: skip
"""The thresholds are bows' own: the paper gives pictures and single figures, but no bounds."""
