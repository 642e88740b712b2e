"""Other forms of the same product: causal, separable, of one tap, untied, transposed, and as a matrix."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import SettingError
from .products import Axes, at, correlate, per_axis
from .sizes import every_place, output_size


def causal(x: Tensor, w: Tensor, b: Tensor | None = None, *, dilation: int = 1) -> Tensor:
    """Over time (batch, n_in, time): z[t] sees x[t], x[t - d], ..., never what comes later, (batch, n_out, time).

    The last tap of w stands at time t, as in torch after padding on the left; the books write that tap first.

    >>> x = torch.arange(1.0, 6)[None, None]
    >>> [round(v, 4) for v in causal(x, torch.tensor([[[0.2, 0.3, 0.5]]]))[0, 0].tolist()]
    [0.5, 1.3, 2.3, 3.3, 4.3]

    Systems: causal-conv
    Source: van den Oord et al. 2016 (WaveNet); Baker A146.
    """
    return correlate(x, w, b, padding=[((w.shape[-1] - 1) * dilation, 0)], dilation=dilation)


def pointwise(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """A kernel of one tap: the same linear map of channels at every place; w is (n_out, n_in).

    Systems: conv-1x1
    Source: Lin, Chen and Yan 2014 (network in network); Baker A100, Martinez-Ramon A4.16.
    """
    return correlate(x, w.view(*w.shape, *[1] * (x.ndim - 2)), b)


def depthwise_separable(
    x: Tensor, depthwise: Tensor, mixing: Tensor, b: Tensor | None = None, **settings: object
) -> Tensor:
    """One kernel for each channel (n_in, 1, *taps), then a mixing of channels (n_out, n_in).

    It takes 1 / n_out + 1 / taps of the multiplications of a full convolution, and is one whose kernels are products:
    W_jk[t] = mixing_kj depthwise_j[t].

    Systems: depthwise-separable-conv
    Source: Sifre 2014, Howard et al. 2017; Martinez-Ramon A4.19.
    """
    return pointwise(correlate(x, depthwise, groups=x.shape[1], **settings), mixing, b)  # type: ignore[arg-type]


def locally_connected(x: Tensor, w: Tensor, b: Tensor | None = None, *, stride: Axes = 1) -> Tensor:
    """The connections of a convolution without its sharing: w is (places of the output, n_out, n_in * taps).

    Places lie row by row, and taps channel by channel, as torch.nn.functional.unfold has them; two axes.

    Systems: locally-connected
    Source: LeCun 1989; Jaiswal J76.
    """
    strides, sites = per_axis("stride", stride, 2), w.shape[0]
    side = round((w.shape[2] / x.shape[1]) ** 0.5)
    patches = F.unfold(x, side, stride=strides)  # (batch, n_in taps, sites)
    if patches.shape[1:] != (w.shape[2], sites):
        raise SettingError(
            f"w has kernels for {sites} places of {w.shape[2]} numbers; x {tuple(x.shape)} at stride {strides} has "
            f"{patches.shape[2]} places of {patches.shape[1]}; kernels are square"
        )
    z = torch.einsum("bts,sot->bos", patches, w)
    rows, columns = (output_size(n, side, stride=s) for n, s in zip(x.shape[2:], strides, strict=True))
    return (z if b is None else z + b).view(len(x), -1, rows, columns)


def transposed(x: Tensor, w: Tensor, b: Tensor | None = None, *, stride: Axes = 1, padding: int = 0) -> Tensor:
    """Each place of x stamps its value times the kernel into the output, s apart; overlaps add up.

    w is (n_in, n_out, *taps), as torch has it. It is the backward pass of `correlate` by its input, and its matrix is
    the transposed one; it undoes sizes, not values.

    >>> a = torch.tensor([[[[0.0, 1], [2, 3]]]])
    >>> transposed(a, a)[0, 0].tolist()
    [[0.0, 0.0, 1.0], [0.0, 4.0, 6.0], [4.0, 12.0, 9.0]]

    Systems: transposed-conv
    Source: Zeiler et al. 2010; Baker A129, Martinez-Ramon A8.9, Keras course K89.
    """
    n_axes = x.ndim - 2
    strides = per_axis("stride", stride, n_axes)
    return (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[n_axes - 1](x, w, b, strides, padding)


def transposed_slowly(x: Tensor, w: Tensor, *, stride: Axes = 1) -> Tensor:
    """`transposed` without padding and bias, one stamp at a time: the slow twin."""
    strides, taps = per_axis("stride", stride, x.ndim - 2), w.shape[2:]
    shape = [(n - 1) * s + f for n, s, f in zip(x.shape[2:], strides, taps, strict=True)]
    z = x.new_zeros(len(x), w.shape[1], *shape)
    for place in every_place(x.shape[2:]):
        window = [slice(p * s, p * s + f) for p, s, f in zip(place, strides, taps, strict=True)]
        at(z, window).add_(torch.einsum("bi,io...->bo...", at(x, place), w))
    return z


def upsampled(x: Tensor, factor: Axes) -> Tensor:
    """Every place repeated `factor` times along each axis (nearest neighbour): (batch, channels, *factor * places).

    With a convolution after it, it replaces a transposed convolution without its chequerboard.

    >>> upsampled(torch.tensor([[[[2.0, 0], [5, 1]]]]), (2, 3))[0, 0].tolist()[1:3]
    [[2.0, 2.0, 2.0, 0.0, 0.0, 0.0], [5.0, 5.0, 5.0, 1.0, 1.0, 1.0]]

    Systems: upsampling
    Source: Keras course K90; Odena et al. 2016.
    """
    for axis, n in enumerate(per_axis("factor", factor, x.ndim - 2)):
        x = x.repeat_interleave(n, axis + 2)
    return x


def as_matrix(w: Tensor, places: Sequence[int], *, stride: Axes = 1) -> Tensor:
    """The sparse matrix (outputs, inputs) whose product with vec(x) is vec(correlate(x, w)), channels first.

    A kernel of k taps makes rows of k n_in numbers, the same in every row: a convolution is a dense layer that is
    sparse and tied. With the kernel turned round it is a Toeplitz matrix (block-Toeplitz over two axes).

    Systems: conv-sparse-matrix
    Source: Martinez-Ramon A4.9 and eqs. 4.8 to 4.10, Jaiswal J73.
    """
    strides = per_axis("stride", stride, len(places))
    n_out, n_in = w.shape[:2]
    out = [output_size(n, f, stride=s) for n, f, s in zip(places, w.shape[2:], strides, strict=True)]
    number = torch.arange(torch.Size(places).numel()).view(*places)
    sites = torch.arange(torch.Size(out).numel())
    rows, columns, values = [], [], []
    for tap in every_place(w.shape[2:]):
        window = tuple(slice(t, t + s * n, s) for t, s, n in zip(tap, strides, out, strict=True))
        seen = number[window].reshape(-1)
        for k, j in itertools.product(range(n_out), range(n_in)):
            rows.append(sites + k * len(sites))
            columns.append(seen + j * number.numel())
            values.append(w[(k, j, *tap)].expand(len(sites)))
    shape = (n_out * len(sites), n_in * number.numel())
    where = torch.stack([torch.cat(rows), torch.cat(columns)]).to(w.device)
    return torch.sparse_coo_tensor(where, torch.cat(values), shape, check_invariants=False).coalesce()
