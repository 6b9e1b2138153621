"""The training loss computed by the sparsity of the bags: the value and gradients of the dense path, with less work.

With bags f, h = W f, a = D h + b, f^ = s(a) and the mean squared error over all cells, a step has five products of size
batch x V x m. Two of them have the bags as a factor: h, and the encoder's gradient, (dL/dh)^T f. Bags are a few percent full, so these
are sums of few rows. The other three (the decoder's, and both its gradients) stay dense; dense bags are never created, since the
error f^ - f differs from f^ only where a bag is filled.

The dense products can be computed in bfloat16, with sums in float32. Weights, latents, the sums over bags and the gradients that the
optimizer reads stay float32.

The encoder's weight is stored by word: its memory holds each word's m values next to each other, so that a sum over the words of a bag
reads contiguous memory. Only the strides change: shapes, names, checkpoints and files stay the same.
"""

import platform
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from bows.model.autoencoder import Autoencoder
from bows.sparse_bags import SparseBags

# The limits at which a sparse step takes as long as a dense one, with a margin. Measured on two cores at batch 512 and V = 10,000: bags
# that are 4, 9, 16 and 26 % full take 0.62, 0.73, 0.89 and 1.19 of the dense step at m = 1000, and 9 and 16 % take 0.79 and 0.95 at
# m = 50; bags 4 % full take 0.91 at 26 million multiplications per product (batch x V x m), and 1.02 at 8 million.
FULLEST = 0.13
LEAST_WORK = 25_000_000
# The work (batch x V x m) from which `auto` computes products in bfloat16: below it their share of a step is small.
LEAST_WORK_BFLOAT16 = 100_000_000


def why_dense(
    autoencoder: Autoencoder, density: float, batch: int, device: torch.device, precision: str, compiled: bool
) -> str | None:
    """Return why a training would gain nothing by the sparsity of its bags, as text for the log; None if it would gain.

    `density` is the share of the cells of the bags that are filled, 0 to 1; `batch`, bags per step; `precision`, Lightning's name of it.
    """
    if not autoencoder.is_linear:
        return "the encoder is not linear"
    if autoencoder.loss_name != "squared_error" or autoencoder.output_activation == "sigmoid":
        return f"the loss is {autoencoder.loss_name.replace('_', ' ')} of {autoencoder.output_activation} outputs"
    if device.type != "cpu":
        return f"training is on {device.type}"
    if precision not in {"32-true", "bf16-mixed"}:
        return f"precision is {precision}"
    if compiled:
        return "the forward pass is compiled"
    if not fast_products():
        return "this machine's torch has no fast sparse products"
    if density > FULLEST:
        return f"they are {density:.1%} full"
    if batch * autoencoder.features * autoencoder.latent < LEAST_WORK:
        return "the model is small"
    return None


def fast_products() -> bool:
    """Return whether torch has threaded sparse products (MKL) and sums of rows (FBGEMM), as it has on x86 processors."""
    return torch.backends.mkl.is_available() and platform.machine().lower() in {"x86_64", "amd64"}


def fast_bfloat16() -> bool:
    """Return whether the processor multiplies matrices of bfloat16 by instructions of its own (AMX or AVX512-BF16)."""
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def product_type(autoencoder: Autoencoder, batch: int, precision: str) -> torch.dtype:
    """Return the type in which SparseLoss computes its dense products.

    Args:
        autoencoder: The model.
        batch: Bags per step.
        precision: The setting `trainer.precision`. bf16-mixed asks for bfloat16; auto takes it for large models where it is fast.
    """
    large = batch * autoencoder.features * autoencoder.latent >= LEAST_WORK_BFLOAT16
    reduced = precision == "bf16-mixed" or (precision == "auto" and large and fast_bfloat16())
    return torch.bfloat16 if reduced else torch.float32


class SparseLoss:
    """The squared error of a linear autoencoder (`Autoencoder.is_linear`) on SparseBags.

    Creating one stores the encoder's weight by word. Calling `keep_gradients` before gradients are reset lets
    the next step write into their memory: new memory of that size costs a thirtieth of a step.

    Args:
        autoencoder: The model, in float32.
        products: Type of the dense products, float32 or bfloat16.
    """

    def __init__(self, autoencoder: Autoencoder, products: torch.dtype = torch.float32):
        self.autoencoder = autoencoder
        self.products = products
        self._spare: list[Tensor] = []
        keep_by_word(autoencoder.encoder_weight)

    def __call__(self, bags: SparseBags) -> Tensor:
        """Return the scalar loss: the mean over all cells."""
        model = self.autoencoder
        encoder = model.encoder_weight.T
        decoder = encoder if model.tied else model.decoder_weight
        rectified = model.output_activation == "relu"
        spare = self._spare
        return _SquaredError.apply(bags, encoder, decoder, model.bias, rectified, self.products, spare)  # type: ignore[return-value]

    def keep_gradients(self) -> None:
        """Keep the memory of the current gradients for the next step."""
        model = self.autoencoder
        by_word = [None if (gradient := model.encoder_weight.grad) is None else gradient.T]
        by_word += [] if model.tied else [model.decoder_weight.grad]
        self._spare[:] = [gradient for gradient in by_word if gradient is not None and gradient.is_contiguous()]


class _SquaredError(torch.autograd.Function):
    """The loss as an autograd function.

    Arguments of `apply`: encoder and decoder, (V, m), contiguous, the same tensor if tied; bias (V,); rectified, whether
    outputs are; products, the type of the dense products; spare, contiguous (V, m) memory for
    the gradients.
    """

    @staticmethod
    def forward(
        ctx,
        bags: SparseBags,
        encoder: Tensor,
        decoder: Tensor,
        bias: Tensor,
        rectified: bool,
        products: torch.dtype,
        spare: list[Tensor],
    ) -> Tensor:
        latent = bags.sum_words(encoder)
        factor = decoder.to(products)
        cells = torch.addmm(bias.to(products), latent.to(products), factor.T)
        if rectified:
            cells.relu_()
        # From here on in place: the reconstruction becomes half the gradient of the summed squared error.
        flat, filled = cells.view(-1), torch.from_numpy(bags.positions())
        values = flat.index_select(0, filled)
        missed = (values <= 0) & rectified  # words that are present, with the ReLU inactive
        flat.index_copy_(0, filled, torch.where(missed, 0, values - 1))
        # A missed word has an error of 1 and no gradient. Summed in double precision, row by row.
        errors = torch.linalg.vector_norm(cells, dim=1, dtype=bias.dtype).double().square().sum() + int(missed.sum())
        ctx.bags, ctx.tied, ctx.spare = bags, encoder is decoder, spare
        ctx.save_for_backward(encoder, decoder, factor, latent, cells)
        return (errors / cells.numel()).to(bias.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, loss_gradient: Tensor):
        bags: SparseBags = ctx.bags
        encoder, decoder, factor, latent, cells = ctx.saved_tensors
        scale = loss_gradient * (2 / cells.numel())
        bias_gradient = (torch.ones(1, len(bags), dtype=cells.dtype) @ cells).view(-1).to(decoder.dtype).mul_(scale)
        latent_gradient = torch.mm(cells, factor).to(decoder.dtype).mul_(scale)
        decoder_gradient, scaled = _memory(ctx.spare, decoder), (latent * scale).to(cells.dtype)
        if cells.dtype == decoder.dtype:
            torch.mm(cells.T, scaled, out=decoder_gradient)
        else:
            decoder_gradient.copy_(torch.mm(cells.T, scaled))
        by_word = _matrix(bags.word_offsets, bags.bags, torch.ones(len(bags.bags)), (bags.words, len(bags)))
        if ctx.tied:
            # Into the same memory, which saves a second gradient of that size and the pass that adds them.
            torch.addmm(decoder_gradient, by_word, latent_gradient, out=decoder_gradient)
            return None, decoder_gradient, None, bias_gradient, None, None, None
        encoder_gradient = _memory(ctx.spare, encoder)
        torch.addmm(encoder_gradient, by_word, latent_gradient, beta=0, out=encoder_gradient)
        return None, encoder_gradient, decoder_gradient, bias_gradient, None, None, None


def _matrix(offsets: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return a sparse matrix in CSR format."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(offsets, columns, values, shape, check_invariants=False)


def _memory(spare: list[Tensor], like: Tensor) -> Tensor:
    return spare.pop() if spare else torch.empty_like(like)


def keep_by_word(weight: Tensor) -> None:
    """Store an (m, V) parameter by word, in place. Its gradient and optimizer states, created later, follow."""
    weight.data = weight.data.T.contiguous().T


class MemoryOrder:
    """Presents each parameter, its gradient and its states to an optimizer as contiguous memory, all in one order.

    torch's fused optimizers on a CPU read memory linearly: if a weight and its state differ in order (a state from a checkpoint of a run
    with the other order), they silently pair wrong values; if both are stored by word, they are seven times slower (torch 2.13).
    """

    def __init__(self) -> None:
        self._turned: list[nn.Parameter] = []

    def before_update(self, optimizer: torch.optim.Optimizer) -> None:
        """Transpose what is stored by word. Call it with the gradients computed, just before the optimizer updates."""
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                state = optimizer.state.get(parameter, {})
                if not parameter.is_contiguous():
                    _turn(parameter, state)
                    self._turned.append(parameter)
                if parameter.grad is not None:
                    parameter.grad = parameter.grad.contiguous()
                for name, value in state.items():
                    if isinstance(value, Tensor):
                        state[name] = value.contiguous()

    def after_update(self, optimizer: torch.optim.Optimizer, *arguments: Any) -> None:
        """Restore the shape of each transposed parameter."""
        while self._turned:
            parameter = self._turned.pop()
            _turn(parameter, optimizer.state[parameter])


def _turn(parameter: nn.Parameter, state: dict[str, Any]) -> None:
    """Exchange the last two dimensions of a parameter, its gradient and its states."""
    gradient, parameter.grad = parameter.grad, None
    parameter.data = parameter.data.mT
    parameter.grad = None if gradient is None else gradient.mT
    for name, value in state.items():
        if isinstance(value, Tensor) and value.ndim >= 2:
            state[name] = value.mT
