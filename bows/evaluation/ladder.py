"""The ladder of interference of a run: its ledger by word, and its bias and gains against their closed forms."""

import torch
from torch import Tensor
from torch.nn import functional

from bows.analysis.closed_forms import closed_forms
from bows.analysis.interference_ledger import interference_ledger
from bows.data.windows import spread
from bows.evaluation.context import SAMPLE, Context
from bows.model.autoencoder import activate

# V times the words of all windows that a ledger may rest on, at 1 to 6 ns each; fewer than SAMPLE windows above it.
MOST_CELLS = 1_000_000_000


def ledger(context: Context) -> dict:
    """Return the columns `helped_by`, `hurt_by`, `helped` and `hurt`.

    They rest on evenly spaced held-out windows: at most 2,000, fewer of a large vocabulary. Nothing is returned for an encoder with
    rectified units, whose terms differ from bag to bag.
    """
    autoencoder, windows = context.autoencoder, context.data.windows("validation")
    if context.gated is not None:
        return {}
    work = autoencoder.features * max(windows.density(), 1 / autoencoder.features) * autoencoder.features
    numbers = spread(len(windows), max(1, min(SAMPLE, int(MOST_CELLS / work))))
    bags, outputs = [], []
    for some in numbers.split(context.data.evaluation_batch_size):
        bags.append(windows.multi_hot(some, context.device))
        outputs.append(autoencoder(bags[-1]).pre_activation)

    def losses(pre_activation: Tensor, bags: Tensor) -> Tensor:
        if autoencoder.loss_name == "cross_entropy":
            return functional.binary_cross_entropy_with_logits(pre_activation, bags, reduction="none")
        return (activate(pre_activation, autoencoder.output_activation) - bags).square_()

    decoder = None if context.decoder is None else context.decoder.cpu()
    of_bags, of_outputs = (torch.cat(each).float().cpu() for each in (bags, outputs))
    found = interference_ledger(of_bags, of_outputs, context.encoder.cpu(), decoder, losses)
    vocabulary = context.data.corpus.vocabulary
    return {
        "helped_by": found.text(vocabulary, helping=True),
        "hurt_by": found.text(vocabulary, helping=False),
        "helped": found.total_helped,
        "hurt": found.total_hurt,
    }


def against_closed_forms(context: Context) -> tuple[dict[str, float], dict]:
    """Return the metrics of closed forms, and the columns `bias_optimal`, `gain` and `gain_optimal`.

    Nothing is returned for an encoder with rectified units, or for sigmoid outputs, whose bias is in log-odds.
    """
    if context.gated is not None or context.autoencoder.output_activation == "sigmoid":
        return {}, {}
    found = closed_forms(context.encoder, context.decoder, context.autoencoder.bias.cpu(), context.cooccurrence)
    columns = {"bias_optimal": found.bias_optimal, "gain": found.gain, "gain_optimal": found.gain_optimal}
    return found.metrics(), columns
