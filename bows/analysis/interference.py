"""Measure what other words add to a word's pre-activation, and what the output activation removes of it."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

IN_CACHE = 1 << 20  # cells of a batch that are processed at once: half the time of 512 bags of 10,000 words together
STRATA = 20  # of the number of other words in a window, equally filled


class InterferenceSums:
    """Float64 sums per word over held-out windows, from which interference and error rates follow.

    With a the pre-activation, b the output bias and M(f) the effective map (W^T W for a tied model with an affine encoder, D E for an
    untied one; see :mod:`bows.analysis.gated_map`), the interference of word i is I_i = a_i - b_i - M_ii(f) f_i: what the other words of
    the bag add to it. Where no unit switches, a_i - I_i is the pre-activation of the bag without the other words. Bags must be binary.

    >>> sums = InterferenceSums(bias=torch.tensor([-1.0, 0.0]), self_terms=torch.tensor([0.5, 1.0]))
    >>> bags = torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    >>> pre_activation = torch.tensor([[0.25, 1.0], [-0.5, 1.0]])
    >>> sums.update(bags, pre_activation, pre_activation.relu())
    >>> sums.when_present().tolist(), sums.when_absent().tolist()  # the second word is in every window
    ([0.75, 0.0], [0.5, None])
    >>> metrics = sums.metrics()
    >>> metrics["interference/gap"], metrics["interference/rescued"], metrics["interference/filtered"]
    (0.25, 1.0, 1.0)
    """

    def __init__(
        self,
        bias: Float[Tensor, " V"],
        self_terms: Float[Tensor, " V"],
        threshold: float = 0.5,
        relu: bool = True,
        edges: Float[Tensor, " edges"] | None = None,
    ):
        """Start with no window.

        Args:
            bias: b.
            self_terms: M_ii, as from :func:`bows.analysis.packing.self_terms`; of a gated encoder each batch brings its own.
            threshold: t, above which a reconstructed word counts as present.
            relu: whether the output activation is a ReLU; what it removes is defined for no other.
            edges: rising, between strata of the number of words in a window, as from :func:`strata_edges`; None for one stratum.
        """
        self.bias = bias.detach().float()
        self.self_terms = self_terms.to(self.bias)
        self.threshold = threshold
        self.relu = relu
        self.windows = 0
        """Number of windows so far."""
        self.edges = torch.zeros(0) if edges is None else edges
        # MPS has no float64: there the sums live on the CPU.
        self._place = torch.device("cpu") if self.bias.device.type == "mps" else self.bias.device
        words = len(self.bias)
        self.present = self._zeros(words)
        """(V,) windows with the word."""
        self._self_present = self._zeros(words)
        self._lifted, self._held, self._pushed, self._named, self._named_present = (
            self._zeros(words) for _ in range(5)
        )
        self._energy_absent, self._energy_kept, self._energy = (self._zeros(1) for _ in range(3))
        # By stratum and word: windows, and sums of the interference, with the word and without it.
        self._counts, self._sums = (self._zeros(2, len(self.edges) + 1, words) for _ in range(2))

    def _zeros(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=torch.float64, device=self._place)

    @torch.no_grad()
    def update(
        self, bags: Tensor, pre_activation: Tensor, reconstruction: Tensor, self_terms: Tensor | None = None
    ) -> None:
        """Add a batch: bags f, pre-activations a, reconstructions f^ and, of a gated encoder, M_ii(f): (B, V) each.

        Raises:
            ValueError: they are not of one shape (B, V).
        """
        shape = (len(bags), len(self.bias))
        if not bags.shape == pre_activation.shape == reconstruction.shape == shape:
            raise ValueError(
                f"bags {tuple(bags.shape)}, pre_activation {tuple(pre_activation.shape)} and reconstruction "
                f"{tuple(reconstruction.shape)} must all be (batch, {len(self.bias)})"
            )
        step = max(1, IN_CACHE // shape[1])
        for start in range(0, len(bags), step):
            part = slice(start, start + step)
            terms = None if self_terms is None else self_terms[part]
            self._add(bags[part].float(), pre_activation[part].float(), reconstruction[part], terms)

    def _add(self, bags: Tensor, pre_activation: Tensor, reconstruction: Tensor, self_terms: Tensor | None) -> None:
        # Few cells: what concerns words that are present is summed over these.
        rows, words = bags.nonzero(as_tuple=True)
        own = self.self_terms[words] if self_terms is None else self_terms[rows, words].to(self.bias)
        others = pre_activation - self.bias  # without the word this is I
        self.windows += len(bags)
        self.present += self._by_word(words)
        self._self_present += self._by_word(words, own)
        self._stratify(bags, others, rows, words, others[rows, words] - own)
        over = (pre_activation > 0).float()
        over_present = over[rows, words]
        self._lifted += self._by_word(words, over_present * (self.bias[words] + own <= 0))
        named = (reconstruction > self.threshold).float()
        self._named += named.sum(0).to(self.present)
        self._named_present += self._by_word(words, named[rows, words])
        squares = pre_activation.square()
        self._energy += others.square().sum(dtype=torch.float64).to(self._energy)
        self._energy_absent += (squares.sum() - squares[rows, words].sum()).to(self._energy)
        if self.relu:
            kept = squares.mul_(over)
            self._energy_kept += (kept.sum() - kept[rows, words].sum()).to(self._energy)
            pushed = (others > 0).float()
            self._pushed += pushed.sum(0).to(self.present) - self._by_word(words, pushed[rows, words])
            held = pushed.mul_(1 - over)
            self._held += held.sum(0).to(self.present) - self._by_word(words, held[rows, words])

    def _by_word(self, words: Tensor, values: Tensor | None = None) -> Tensor:
        """Return sums of values, or counts, of cells by their word: (V,)."""
        weights = None if values is None else values.double().to(self._place)
        return torch.bincount(words.to(self._place), weights, len(self.bias)).to(self.present)

    def _stratify(self, bags: Tensor, others: Tensor, rows: Tensor, words: Tensor, here: Tensor) -> None:
        """Add a batch's windows and interference to the sums by stratum, with the word (the cells rows, words) and without it."""
        strata, count = len(self.edges) + 1, len(self.bias)
        size = bags.sum(1)
        edges = self.edges.to(size)
        # The number of other words: one less where the word is present.
        absent, present = (torch.bucketize(each, edges, right=True) for each in (size, size - 1))
        member = torch.nn.functional.one_hot(absent, strata).float()
        with torch.autocast(bags.device.type, enabled=False):
            self._sums[0] += (member.T @ others).to(self._sums)
        self._counts[0] += member.sum(0).to(self._counts)[:, None]
        for side, stratum, values, sign in ((0, absent, others[rows, words], -1), (1, present, here, 1)):
            cells = (stratum[rows] * count + words).to(self._place)
            sums = torch.bincount(cells, values.double().to(self._place), strata * count)
            self._sums[side] += sign * sums.view(strata, count)
            self._counts[side] += sign * torch.bincount(cells, minlength=strata * count).view(strata, count)

    def frequency(self) -> np.ma.MaskedArray:
        """Return the share of the windows that contain each word: (V,) in [0, 1]."""
        return _share(self.present, torch.full_like(self.present, self.windows))

    def when_present(self) -> np.ma.MaskedArray:
        """Return E[I_i given f_i = 1]: (V,), masked for a word in no window."""
        return _share(self._sums[1].sum(0), self.present)

    def when_absent(self) -> np.ma.MaskedArray:
        """Return E[I_i given f_i = 0]: (V,), masked for a word in every window."""
        return _share(self._sums[0].sum(0), self.windows - self.present)

    def self_term(self) -> np.ma.MaskedArray:
        """Return E[M_ii(f) given f_i = 1]: (V,), masked for a word in no window; M_ii itself for an affine encoder."""
        return _share(self._self_present, self.present)

    def gap(self) -> np.ma.MaskedArray:
        """Return E[I_i given f_i = 1] - E[I_i given f_i = 0]: (V,); above 0 where interference is constructive.

        For the linear optimum it is sum over j != i of P_ij C_ij / C_ii = (P C)_ii / C_ii - P_ii >= 0 on any text, P the projector on the
        principal directions of the covariance C: above 0 alone shows nothing. Compare it with ``interference/gap_pca``.
        """
        return self.when_present() - self.when_absent()

    def gap_stratified(self) -> np.ma.MaskedArray:
        """Return the gap at equal numbers n of other words in the window: (V,).

        sum over strata s of P(n in s given f_i = 1) (E[I_i given f_i = 1, n in s] - E[I_i given f_i = 0, n in s]), over the strata where
        the word is both present and absent; masked where there is none. It removes what long windows alone add.
        """
        absent, present = self._counts
        both = (absent > 0) & (present > 0)
        difference = self._sums[1] / present.clamp_min(1) - self._sums[0] / absent.clamp_min(1)
        weight = present * both
        return _share((weight * difference).sum(0), weight.sum(0))

    def rescued(self) -> np.ma.MaskedArray:
        """Return P(a_i > 0 and b_i + M_ii(f) <= 0 given f_i = 1): (V,) in [0, 1]; context lifts the word over the threshold."""
        return _share(self._lifted, self.present)

    def filtered(self) -> np.ma.MaskedArray:
        """Return P(I_i > 0 and a_i <= 0 given f_i = 0): (V,) in [0, 1]; a ReLU removes what interference added."""
        return _share(self._held, self.windows - self.present)

    def filtered_given_pushed(self) -> np.ma.MaskedArray:
        """Return P(a_i <= 0 given I_i > 0 and f_i = 0): (V,) in [0, 1], masked for a word that is never pushed."""
        return _share(self._held, self._pushed)

    def false_positive_rate(self) -> np.ma.MaskedArray:
        """Return P(f^_i > t given f_i = 0): (V,) in [0, 1]."""
        return _share(self._named - self._named_present, self.windows - self.present)

    def false_negative_rate(self) -> np.ma.MaskedArray:
        """Return P(f^_i <= t given f_i = 1): (V,) in [0, 1]."""
        return _share(self.present - self._named_present, self.present)

    def metrics(self) -> dict[str, float]:
        """Return means over the words seen both present and absent, each of equal weight, and energies pooled over words.

        ``interference/gap``, ``/gap_stratified``, ``/rescued`` and ``/words`` (the number of these words);
        ``interference/absent_energy``: sum of a_i^2 over cells of absent words / sum of (a_i - b_i)^2 over all cells, 0 or more: what the
        model puts on words that are not there, in units of its output's energy without the bias.
        With a ReLU ``interference/filtered``, ``/filtered_given_pushed`` (over the words pushed at least once) and
        ``interference/filtered_energy``: the share of the sum of a_i^2 over absent words where a_i <= 0, in [0, 1]: removed by the ReLU.
        Source: Prieto et al. 2026's theory, f^_i = s(M_ii f_i + I_i + b_i). What is not defined is left out.
        """
        columns = {
            "interference/gap": self.gap(),
            "interference/gap_stratified": self.gap_stratified(),
            "interference/rescued": self.rescued(),
        }
        if self.relu:
            columns["interference/filtered"] = self.filtered()
            columns["interference/filtered_given_pushed"] = self.filtered_given_pushed()
        metrics = self._means(columns, "interference/words")
        if not metrics:
            return {}
        absent, kept, energy = (each.item() for each in (self._energy_absent, self._energy_kept, self._energy))
        if energy > 0:
            metrics["interference/absent_energy"] = absent / energy
        if self.relu and absent > 0:
            metrics["interference/filtered_energy"] = min(max(1 - kept / absent, 0.0), 1.0)
        return metrics

    def error_rates(self) -> dict[str, float]:
        """Return ``reconstruction/false_positive_rate`` and ``/false_negative_rate``: means over the words seen both present and absent."""
        return self._means(
            {
                "reconstruction/false_positive_rate": self.false_positive_rate(),
                "reconstruction/false_negative_rate": self.false_negative_rate(),
            }
        )

    def _means(self, columns: dict[str, np.ma.MaskedArray], count: str | None = None) -> dict[str, float]:
        both = ((self.present > 0) & (self.present < self.windows)).cpu().numpy()
        if not both.any():
            return {}
        means = {name: float(column[both].mean()) for name, column in columns.items() if column[both].count()}
        return means | ({count: float(both.sum())} if count else {})


def strata_edges(sizes: Float[Tensor, " windows"], strata: int = STRATA) -> Float[Tensor, " edges"]:
    """Return the edges between equally filled strata of the number of words in a window; fewer where sizes repeat.

    >>> strata_edges(torch.arange(100.0), strata=4).tolist()
    [25.0, 50.0, 75.0]
    """
    sizes = sizes.sort().values
    places = torch.arange(1, strata) * len(sizes) // strata
    return sizes[places].unique()


def _share(part: Tensor, whole: Tensor) -> np.ma.MaskedArray:
    part_, whole_ = part.cpu().numpy(), whole.cpu().numpy()
    return np.ma.masked_array(part_ / np.where(whole_ > 0, whole_, 1.0), mask=whole_ <= 0)
