"""bows: how networks arrange more features than dimensions, when the features are correlated as in real text.

The public interface; its parts are imported on first use, so that `import bows` is quick:

- `load_run(folder)`: a finished run: weights, vocabulary, word table, configuration, metrics, and `.evaluate(...)`.
- `evaluate(autoencoder, data, ...)`: evaluate any autoencoder on the held-out windows of any data.
- `Autoencoder`: the interface of every model. `Corpus`: bags of words on disk.
"""

import logging
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bows.data.corpus import Corpus
    from bows.evaluation.evaluate import Evaluation, evaluate
    from bows.evaluation.load_run import Run, load_run
    from bows.model.autoencoder import Autoencoder

__version__ = "0.1.0"
__all__ = ["Autoencoder", "Corpus", "Evaluation", "Run", "__version__", "evaluate", "load_run"]

# matplotlib warns where its cache folder cannot be made (HOME unset or not writable), and uses a temporary one, which serves.
# Set here, since pytorch_lightning imports it before bows.figures does.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

_MODULES = {
    "Autoencoder": "bows.model.autoencoder",
    "Corpus": "bows.data.corpus",
    "Evaluation": "bows.evaluation.evaluate",
    "Run": "bows.evaluation.load_run",
    "evaluate": "bows.evaluation.evaluate",
    "load_run": "bows.evaluation.load_run",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with warnings.catch_warnings():
        # tqdm, which Lightning imports, warns in a notebook without ipywidgets. Nothing here shows its bars.
        warnings.filterwarnings("ignore", message="IProgress not found")
        return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
