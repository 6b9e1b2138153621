"""Measure what other words add to a word's pre-activation, and what the output activation removes of it."""

import numpy as np
import torch
from torch import Tensor


class InterferenceSums:
    """Float64 sums per word over held-out windows, from which interference and error rates follow.

    With a = M f + b the pre-activation and M_ii the self term (|w_i|^2 where encoder and decoder are tied), the interference of word
    i is I_i = a_i - b_i - M_ii f_i: what the other words of the bag add to it. For an encoder that is not linear, M is its effective
    map and I_i is all that bias and self term do not explain. Bags must be binary.

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

    def __init__(self, bias: Tensor, self_terms: Tensor, threshold: float = 0.5):
        """
        Args:
            bias: (V,) b.
            self_terms: (V,) M_ii, as from :func:`bows.analysis.packing.self_terms`.
            threshold: t, above which a reconstructed word counts as named.
        """
        self.bias = bias.detach().float()
        self.self_terms = self_terms.to(self.bias)
        self.threshold = threshold
        self.windows = 0
        """How many windows were seen."""
        # MPS has no float64: there the sums live on the CPU.
        place = torch.device("cpu") if self.bias.device.type == "mps" else self.bias.device
        zeros = [torch.zeros(len(self.bias), dtype=torch.float64, device=place) for _ in range(8)]
        self.present, self.interference, self.interference_present = zeros[:3]
        """(V,) windows with the word; sum of I over all windows, and over those with the word."""
        self._over, self._lifted, self._held, self._named, self._named_present = zeros[3:]

    @torch.no_grad()
    def update(self, bags: Tensor, pre_activation: Tensor, reconstruction: Tensor) -> None:
        """Add a batch: bags f, pre-activations a and reconstructions f^, each (B, V).

        Raises:
            ValueError: if the three are not of one shape (B, V).
        """
        shape = (len(bags), len(self.bias))
        if not bags.shape == pre_activation.shape == reconstruction.shape == shape:
            raise ValueError(
                f"bags {tuple(bags.shape)}, pre_activation {tuple(pre_activation.shape)} and reconstruction "
                f"{tuple(reconstruction.shape)} must all be (batch, {len(self.bias)})"
            )
        bags, pre_activation = bags.float(), pre_activation.float()
        interference = torch.addcmul(pre_activation, bags, self.self_terms, value=-1).sub_(self.bias)
        self.windows += len(bags)
        self.present += bags.sum(0).to(self.present)
        self.interference += interference.sum(0).to(self.present)
        self.interference_present += _sum_where(interference, bags).to(self.present)
        over = (pre_activation > 0).float()
        self._over += over.sum(0).to(self.present)
        self._lifted += _sum_where(over, bags).to(self.present)
        # Without the word I = a - b, so that "I > 0 and a <= 0" is counted on the cells where over is 0.
        held = interference.gt_(0).mul_(1 - over)
        self._held += (held.sum(0) - _sum_where(held, bags)).to(self.present)
        named = (reconstruction > self.threshold).float()
        self._named += named.sum(0).to(self.present)
        self._named_present += _sum_where(named, bags).to(self.present)

    def frequency(self) -> np.ma.MaskedArray:
        """Return the share of the windows that contain each word: (V,) in [0, 1]."""
        return self._share(self.present, torch.full_like(self.present, self.windows))

    def when_present(self) -> np.ma.MaskedArray:
        """Return E[I_i given f_i = 1]: (V,), masked for a word in no window."""
        return self._share(self.interference_present, self.present)

    def when_absent(self) -> np.ma.MaskedArray:
        """Return E[I_i given f_i = 0]: (V,), masked for a word in every window."""
        return self._share(self.interference - self.interference_present, self.windows - self.present)

    def gap(self) -> np.ma.MaskedArray:
        """E[I_i given f_i = 1] - E[I_i given f_i = 0]: (V,); above 0 where interference is constructive."""
        return self.when_present() - self.when_absent()

    def rescued(self) -> np.ma.MaskedArray:
        """Return P(a_i > 0 and b_i + M_ii <= 0 given f_i = 1): (V,) in [0, 1]; context lifts the word over the threshold."""
        needs_help = (self.bias.double() + self.self_terms.double() <= 0).to(self.present)
        return self._share(self._lifted * needs_help, self.present)

    def filtered(self) -> np.ma.MaskedArray:
        """Return P(I_i > 0 and a_i <= 0 given f_i = 0): (V,) in [0, 1]; a ReLU removes what interference added."""
        return self._share(self._held, self.windows - self.present)

    def false_positive_rate(self) -> np.ma.MaskedArray:
        """Return P(f^_i > t given f_i = 0): (V,) in [0, 1]."""
        return self._share(self._named - self._named_present, self.windows - self.present)

    def false_negative_rate(self) -> np.ma.MaskedArray:
        """Return P(f^_i <= t given f_i = 1): (V,) in [0, 1]."""
        return self._share(self.present - self._named_present, self.present)

    def metrics(self) -> dict[str, float]:
        """Return means over the words seen both present and absent, each of equal weight.

        ``interference/gap``, ``/rescued``, ``/filtered`` and ``/words`` (how many words they rest on). Source: metrics of
        interference by Prieto et al. 2026's theory, f^_i = s(|w_i|^2 f_i + I_i + b_i). Left out where no word is seen both ways.
        """
        return self._means(
            {
                "interference/gap": self.gap(),
                "interference/rescued": self.rescued(),
                "interference/filtered": self.filtered(),
            },
            "interference/words",
        )

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
        means = {name: float(column[both].mean()) for name, column in columns.items()}
        return means | ({count: float(both.sum())} if count else {})

    @staticmethod
    def _share(part: Tensor, whole: Tensor) -> np.ma.MaskedArray:
        part_, whole_ = part.cpu().numpy(), whole.cpu().numpy()
        return np.ma.masked_array(part_ / np.where(whole_ > 0, whole_, 1.0), mask=whole_ <= 0)


def _sum_where(values: Tensor, bags: Tensor) -> Tensor:
    """Return column sums of the values in cells whose word is present: (V,)."""
    return torch.linalg.vecdot(values, bags, dim=0)
