"""Other forms of the same product: causal, separable, of one tap, untied, transposed, and as a matrix."""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import SettingError
from .products import Axes, Padding, at, correlate, padding_of, per_axis
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


def locally_connected(
    x: Tensor, w: Tensor, b: Tensor | None = None, *, stride: Axes = 1, taps: Axes | None = None
) -> Tensor:
    """The connections of a convolution without its sharing: w is (places of the output, n_out, n_in * taps).

    Over one, two or three axes. Places lie row by row, and taps channel by channel, as torch.nn.functional.unfold has
    them; b is (n_out, places), or (n_out, 1) where places share it. `taps` are the kernel's, one number an axis; None
    means as many along each.

    Systems: locally-connected
    Source: LeCun 1989; Jaiswal J76.
    """
    n_axes, n_in, (sites, n_out, n_taps) = x.ndim - 2, x.shape[1], w.shape
    strides = per_axis("stride", stride, n_axes)
    sides = per_axis("taps", round((n_taps / n_in) ** (1 / n_axes)) if taps is None else taps, n_axes)
    patches = x
    for axis, (side, step) in enumerate(zip(sides, strides, strict=True)):
        if side > x.shape[axis + 2]:
            raise SettingError(f"a kernel of {sides} taps does not fit places of {tuple(x.shape[2:])}")
        patches = patches.unfold(axis + 2, side, step)  # (batch, n_in, *places, *taps)
    places = patches.shape[2 : 2 + n_axes]
    patches = patches.movedim(1, 1 + n_axes).flatten(1, n_axes).flatten(2)  # (batch, sites, n_in taps)
    if patches.shape[1:] != (sites, n_taps):
        raise SettingError(
            f"w has kernels for {sites} places of {n_taps} numbers; x {tuple(x.shape)} at stride {strides} and {sides} "
            f"taps has {patches.shape[1]} places of {patches.shape[2]}; kernels that are not as long along every axis "
            "want taps="
        )
    z = torch.einsum("bst,sot->bos", patches, w)
    return (z if b is None else z + b).view(len(x), n_out, *places)


def transposed(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    stride: Axes = 1,
    padding: int | Sequence[int] = 0,
    dilation: Axes = 1,
    groups: int = 1,
    more: int | Sequence[int] = 0,
) -> Tensor:
    """Each place of x stamps its value times the kernel into the output, s apart; overlaps add up.

    w is (n_in, n_out / groups, *taps), as torch has it. `padding` is cut off on each side, `more` places are added at
    the end (see `transposed_size`). It is the backward pass of `correlate` by its input, and its matrix is the
    transposed one; it undoes sizes, not values.

    >>> a = torch.tensor([[[[0.0, 1], [2, 3]]]])
    >>> transposed(a, a)[0, 0].tolist()
    [[0.0, 0.0, 1.0], [0.0, 4.0, 6.0], [4.0, 12.0, 9.0]]

    Systems: transposed-conv
    Source: Zeiler et al. 2010; Baker A129, Martinez-Ramon A8.9, Keras course K89.
    """
    n_axes = x.ndim - 2
    if n_axes not in (1, 2, 3) or w.ndim != x.ndim or x.shape[1] != w.shape[0] or x.shape[1] % groups:
        raise SettingError(
            f"x is (batch, n_in, *places) and w (n_in, n_out / groups, *taps) with one to three axes; got "
            f"{tuple(x.shape)} and {tuple(w.shape)} in {groups} groups"
        )
    strides, dilations = per_axis("stride", stride, n_axes), per_axis("dilation", dilation, n_axes)
    product: Callable[..., Tensor] = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[n_axes - 1]
    return product(x, w, b, strides, padding, more, groups, dilations)


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


def as_matrix(
    w: Tensor, places: Sequence[int], *, stride: Axes = 1, padding: Padding = "valid", dilation: Axes = 1
) -> Tensor:
    """The sparse matrix (outputs, inputs) whose product with vec(x) is vec(correlate(x, w)), channels first.

    A kernel of k taps makes rows of k n_in numbers, the same in every row: a convolution is a dense layer that is
    sparse and tied. With the kernel turned round it is a Toeplitz matrix (block-Toeplitz over two axes). Padding is of
    zeros: taps that lie there are left out.

    Systems: conv-sparse-matrix
    Source: Martinez-Ramon A4.9 and eqs. 4.8 to 4.10, Jaiswal J73.
    """
    taps, (n_out, n_in) = w.shape[2:], w.shape[:2]
    strides, dilations = per_axis("stride", stride, len(places)), per_axis("dilation", dilation, len(places))
    amounts = padding_of(padding, places, taps, strides, dilations)
    axes = zip(places, taps, strides, amounts, dilations, strict=True)
    out = [output_size(n, f, stride=s, padding=p, dilation=d) for n, f, s, p, d in axes]
    if min(out) < 1:
        raise SettingError(f"a kernel of {tuple(taps)} taps does not fit places of {tuple(places)}")
    n_places = torch.Size(places).numel()
    inside = F.pad(torch.arange(1, n_places + 1).view(*places), [n for pair in reversed(amounts) for n in pair])
    sites = torch.arange(torch.Size(out).numel())
    rows, columns, values = [], [], []
    for tap in every_place(taps):
        window = [slice(t * d, t * d + s * n, s) for t, d, s, n in zip(tap, dilations, strides, out, strict=True)]
        seen = at(inside, window).reshape(-1)  # 1 is the first place, 0 is padding
        there = seen > 0
        for k, j in itertools.product(range(n_out), range(n_in)):
            rows.append((sites + k * len(sites))[there])
            columns.append((seen - 1 + j * n_places)[there])
            values.append(w[(k, j, *tap)].expand(len(rows[-1])))
    where = torch.stack([torch.cat(rows), torch.cat(columns)]).to(w.device)
    shape = (n_out * len(sites), n_in * n_places)
    return torch.sparse_coo_tensor(where, torch.cat(values), shape, check_invariants=False).coalesce()
