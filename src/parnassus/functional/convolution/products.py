"""Cross-correlation and true convolution over one, two or three axes."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from ...errors import SettingError
from .padding import padded, same_amounts
from .sizes import every_place, output_size

Axes = int | Sequence[int]
Padding = str | int | Sequence[int] | Sequence[tuple[int, int]]


def correlate(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    stride: Axes = 1,
    padding: Padding = "valid",
    mode: str = "zero",
    dilation: Axes = 1,
    groups: int = 1,
    flip: bool = False,
) -> Tensor:
    """Z_k[i] = b_k + sum_j sum_t X_j[i s + t d] W_jk[t]: what layers call a convolution, (batch, n_out, *places).

    Parameters
    ----------
    x : (batch, n_in, *places), of one, two or three axes.
    w : (n_out, n_in / groups, *taps).
    padding : "valid" (none), "same" (torch's: f - 1 together, for odd kernels half on each side), "same-tensorflow",
        "full" (d (f - 1) on each side: every overlap counts), a number of places a side, one an axis, or pairs
        (before, after).
    mode : what the padding holds; see `padded`.
    groups : channels in groups that do not see each other; n_in groups are a depthwise convolution.
    flip : turn the kernel round along every axis first: the true convolution; see `convolve`.

    Systems: cross-correlation, conv2d-layer, dilated-conv
    Source: Hifny eqs. 9.3 to 9.5 and A9.7 to A9.9, Baker A069, A070, A080, A147, Martinez-Ramon eqs. 4.3 and 4.7,
    Jaiswal J71 and J78, Keras course K64 and K65.
    """
    n_axes = x.ndim - 2
    if n_axes not in (1, 2, 3) or w.ndim != x.ndim or x.shape[1] != w.shape[1] * groups or w.shape[0] % groups:
        raise SettingError(
            f"x is (batch, n_in, *places) and w (n_out, n_in / groups, *taps) with one to three axes; got "
            f"{tuple(x.shape)} and {tuple(w.shape)} in {groups} groups"
        )
    strides, dilations = per_axis("stride", stride, n_axes), per_axis("dilation", dilation, n_axes)
    amounts = padding_of(padding, x.shape[2:], w.shape[2:], strides, dilations)
    sizes = zip(x.shape[2:], w.shape[2:], strides, amounts, dilations, strict=True)
    if any(output_size(n, f, stride=s, padding=p, dilation=d) < 1 for n, f, s, p, d in sizes):
        raise SettingError(
            f"a kernel of {tuple(w.shape[2:])} taps with dilation {dilations} does not fit places of "
            f"{tuple(x.shape[2:])} with padding {amounts}"
        )
    x = padded(x, amounts, mode=mode) if any(map(any, amounts)) else x
    w = w.flip(tuple(range(2, w.ndim))) if flip else w
    product = (F.conv1d, F.conv2d, F.conv3d)[n_axes - 1]
    return product(x, w, b, strides, 0, dilations, groups)


def convolve(x: Tensor, w: Tensor, b: Tensor | None = None, **settings: object) -> Tensor:
    """The true convolution: `correlate` with the kernel turned round, Z[i] = sum_t X[i - t] W[t].

    It is commutative and associative (with padding="full"), which correlation is not. For kernels that are learned the
    two differ in nothing but how weights are written down.

    >>> from torch import tensor
    >>> x, w = tensor([[[1.0, 2, 3, 4]]]), tensor([[[1.0, 0, -1]]])
    >>> convolve(x, w).tolist(), correlate(x, w).tolist()
    ([[[2.0, 2.0]]], [[[-2.0, -2.0]]])

    Systems: true-convolution
    Source: Hifny eqs. 9.1 and 9.2, Baker A068 and A145, Martinez-Ramon A4.2 and A4.3, Jaiswal J70, Keras course K63.
    """
    return correlate(x, w, b, flip=True, **settings)  # type: ignore[arg-type]


def correlate_slowly(x: Tensor, w: Tensor, b: Tensor | None = None, *, stride: Axes = 1, dilation: Axes = 1) -> Tensor:
    """`correlate` without padding and groups, one output and one tap at a time: the slow twin."""
    n_axes = x.ndim - 2
    strides, dilations = per_axis("stride", stride, n_axes), per_axis("dilation", dilation, n_axes)
    shape = [
        output_size(n, f, stride=s, dilation=d)
        for n, f, s, d in zip(x.shape[2:], w.shape[2:], strides, dilations, strict=True)
    ]
    z = x.new_zeros(len(x), len(w), *shape)
    for out in every_place(shape):
        total = x.new_zeros(len(x), len(w))
        for tap in every_place(w.shape[2:]):
            place = [o * s + t * d for o, s, t, d in zip(out, strides, tap, dilations, strict=True)]
            total = total + at(x, place) @ at(w, tap).T
        at(z, out).copy_(total if b is None else total + b)
    return z


def at(x: Tensor, place: Sequence[int | slice]) -> Tensor:
    """x (..., *places) at a place, or in a window of slices: a view."""
    index: Any = (..., *place)
    return x[index]


def per_axis(name: str, given: Axes, n_axes: int) -> tuple[int, ...]:
    """A setting for each axis."""
    found = (given,) * n_axes if isinstance(given, int) else tuple(given)
    if len(found) != n_axes or min(found) < 1:
        raise SettingError(f"{name} is a number of at least 1, or one for each of {n_axes} axes; got {given!r}")
    return found


def padding_of(
    padding: Padding, places: Sequence[int], taps: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[tuple[int, int]]:
    """(before, after) of each axis."""
    if padding == "valid":
        return [(0, 0)] * len(places)
    if padding == "full":
        return [(d * (f - 1), d * (f - 1)) for f, d in zip(taps, dilations, strict=True)]
    if isinstance(padding, str):
        if padding not in ("same", "same-tensorflow"):
            raise SettingError(
                f"padding is 'valid', 'same', 'same-tensorflow', 'full', numbers or pairs of them; got {padding!r}"
            )
        convention = "torch" if padding == "same" else "tensorflow"
        axes = zip(places, taps, strides, dilations, strict=True)
        return [same_amounts(n, f, stride=s, dilation=d, convention=convention) for n, f, s, d in axes]
    given: list = [padding] * len(places) if isinstance(padding, int) else list(padding)
    if len(given) != len(places):
        raise SettingError(f"padding is a number, or one (or a pair) for each of {len(places)} axes; got {padding!r}")
    return [(p, p) if isinstance(p, int) else (int(p[0]), int(p[1])) for p in given]


def shift_gap(function: Callable[[Tensor], Tensor], x: Tensor, shift: Sequence[int]) -> float:
    """The largest size of f(shifted x) - shifted f(x), shifts being circular: 0 says that f is equivariant.

    A correlation with circular padding commutes with shifts; with other padding it does inside, and not at the edges.
    Pooling with a stride commutes with shifts by its stride alone: it is invariant to small shifts at best.

    Systems: equivariance-test
    Source: Baker A071 and A079, Jaiswal J75.
    """
    axes = tuple(range(2, 2 + len(shift)))
    moved, still = function(x.roll(tuple(shift), axes)), function(x)
    scale = [n // m for n, m in zip(x.shape[2:], still.shape[2:], strict=True)]
    if any(s % k for s, k in zip(shift, scale, strict=True)):
        raise SettingError(f"a shift of {tuple(shift)} is no whole number of the output's steps, {tuple(scale)}")
    by = tuple(s // k for s, k in zip(shift, scale, strict=True))
    return float((moved - still.roll(by, axes)).abs().max())
