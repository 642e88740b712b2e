"""One linear system three ways: step by step, as a convolution with its kernel, and that by the fast transform."""

import torch
from torch import Tensor

from ...errors import DataError
from .scan import refuse_no_steps


def recurrent(
    a: Tensor, b: Tensor, c: Tensor, x: Tensor, d: Tensor | None = None, h: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """h_k = Abar h_(k-1) + Bbar x_k, y_k = C h_k + D x_k: outputs (batch, time, n_outputs), the last state (batch, n).

    x is (batch, time, n_inputs); a (n, n), b (n, n_inputs), c (n_outputs, n), d (n_outputs, n_inputs) are the discrete
    system's. `h` is the state before the first step, 0 where not given. One state is kept, whatever the length.

    Systems: ssm-recurrent-mode
    Source: Hifny A12.4 and eq. 12.11.
    """
    h = x.new_zeros(len(x), a.shape[0]) if h is None else h
    shown = []
    for now in x.unbind(1):
        h = h @ a.T + now @ b.T
        shown.append(h @ c.T)
    y = torch.stack(shown, 1)
    return (y if d is None else y + x @ d.T), h


def kernel(a: Tensor, b: Tensor, c: Tensor, length: int) -> Tensor:
    """K = [C Bbar, C Abar Bbar, ..., C Abar^(length - 1) Bbar] (length, n_outputs, n_inputs).

    Powers are doubled: with K_0 to K_(m - 1) and Abar^m at hand the next m are K_i with C Abar^m for C.

    >>> kernel(torch.tensor([[0.5]]), torch.tensor([[1.0]]), torch.tensor([[2.0]]), 3).flatten().tolist()
    [2.0, 1.0, 0.5]

    Systems: ssm-conv-mode
    Source: Hifny eqs. 12.12 and 12.13 (which print Abar Bbar under one bar).
    """
    if length < 1:
        raise DataError(f"a kernel has at least one step; got length={length}")
    rows, power = c[None], a  # rows: C Abar^i, (m, n_outputs, n)
    while len(rows) < length:
        rows, power = torch.cat([rows, rows @ power]), power @ power
    return rows[:length] @ b


def causal_convolution(x: Tensor, k: Tensor) -> Tensor:
    """y_t = sum_(i <= t) k_i x_(t - i) of x (..., channels, time) with kernels k (channels, time): the slow twin."""
    shown = [(x[..., : t + 1] * k[..., : t + 1].flip(-1)).sum(-1) for t in range(x.shape[-1])]
    return torch.stack(shown, -1)


def fft_convolution(x: Tensor, k: Tensor) -> Tensor:
    """`causal_convolution` in O(L log L): the product of transforms, both padded with zeros to 2 L.

    Without the zeros the product is the circular convolution, in which the end of a row runs into its beginning.

    >>> fft_convolution(torch.tensor([1.0, 0.0, 2.0]), torch.tensor([1.0, 0.5, 0.25])).round(decimals=4).tolist()
    [1.0, 0.5, 2.25]

    Systems: fft-convolution
    Source: Hifny eq. 12.14, which leaves the zeros out: B53's un-padded numbers are wrong.
    """
    length = x.shape[-1]
    refuse_no_steps(length)
    size = fast_size(2 * length)
    product = torch.fft.rfft(x, n=size) * torch.fft.rfft(k[..., :length], n=size)
    return torch.fft.irfft(product, n=size)[..., :length]


def fast_size(n: int) -> int:
    """The least number from n up that is 2^i, 3 2^i or 5 2^i: transforms of other sizes take longer.

    >>> fast_size(1), fast_size(33), fast_size(41), fast_size(100)
    (1, 40, 48, 128)
    """
    sizes = [odd << max(0, (-(-n // odd) - 1).bit_length()) for odd in (1, 3, 5)]
    return min(sizes)


def states_of(a: Tensor, x: Tensor) -> Tensor:
    """h_t = A h_(t-1) + x_t for all x (batch, time, n) at once: ceil(log2 time) levels, each with the next power of A.

    It asks no eigenvectors of A (n, n), which LagT has one of, and LegS nearly parallel ones.

    >>> states_of(torch.tensor([[0.5]]), torch.tensor([[[1.0], [0.0], [2.0]]])).flatten().tolist()
    [1.0, 0.5, 2.25]

    Source: Hillis and Steele 1986.
    """
    refuse_no_steps(x.shape[1])
    reach, power = 1, a
    while reach < x.shape[1]:
        x = torch.cat([x[:, :reach], x[:, reach:] + x[:, :-reach] @ power.T], 1)
        reach, power = 2 * reach, power @ power
    return x


def modes(a: Tensor, b: Tensor, c: Tensor, x: Tensor, d: Tensor | None = None) -> dict[str, Tensor]:
    """The outputs (batch, time) of a system of one input and one output in every mode, by name; all are equal.

    Parameters
    ----------
    a, b, c, d : the discrete system, (n, n), (n, 1), (1, n) and (1, 1).
    x : (batch, time).
    """
    k = kernel(a, b, c, x.shape[1])[:, 0, 0]
    states = states_of(a, x[..., None] * b[:, 0])
    skip = 0 if d is None else d[0, 0] * x
    return {
        "recurrent": recurrent(a, b, c, x[..., None], d)[0][..., 0],
        "convolution": causal_convolution(x, k) + skip,
        "fft": fft_convolution(x, k) + skip,
        "scan": states @ c[0] + skip,
    }
