"""What lies beyond the edge."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import SettingError, did_you_mean

MODES = ("zero", "reflect", "symmetric", "replicate", "circular")
TORCH = {"zero": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def same_amounts(
    size: int, kernel: int, *, stride: int = 1, dilation: int = 1, convention: str = "torch"
) -> tuple[int, int]:
    """How much an axis gets before and after, so that the output has as many places as the input (at stride 1).

    "torch": d (f - 1) // 2 on both sides whatever the stride, which keeps the size for odd kernels, and one less before
    than after for even ones. "tensorflow": what ceil(n / s) outputs need, the odd one after. With stride 2 the two see
    other places: the book's Keras example is torch's, and Keras itself gives other numbers.

    >>> same_amounts(4, 3, stride=2), same_amounts(4, 3, stride=2, convention="tensorflow")
    ((1, 1), (0, 1))

    Systems: padding-modes
    Source: Keras course K66 and K67 with its exercise 4.5; TensorFlow's "SAME"; Martinez-Ramon A4.5 (total padding).
    """
    wide = dilation * (kernel - 1)
    if convention == "torch":
        return wide // 2, wide - wide // 2
    if convention != "tensorflow":
        raise SettingError(f"convention={convention!r}; {did_you_mean(convention, ('torch', 'tensorflow'))}")
    total = max((-(-size // stride) - 1) * stride + wide + 1 - size, 0)
    return total // 2, total - total // 2


def padded(x: Tensor, amounts: Sequence[tuple[int, int]], *, mode: str = "zero") -> Tensor:
    """x (batch, channels, *places) with (before, after) more places on each axis.

    "zero"; "reflect": the edge is the mirror, and stands once; "symmetric": the mirror lies beyond it, so that it
    stands twice; "replicate": the edge goes on; "circular": the other side goes on.

    >>> row = torch.tensor([[[1.0, 2, 3]]])
    >>> [padded(row, [(2, 0)], mode=m).tolist()[0][0][:2] for m in ("reflect", "symmetric", "replicate", "circular")]
    [[3.0, 2.0], [2.0, 1.0], [1.0, 1.0], [2.0, 3.0]]

    Systems: padding-modes
    Source: Baker A073 to A076, Jaiswal J72; numpy.pad's names for "reflect" and "symmetric".
    """
    if mode not in MODES:
        raise SettingError(f"mode={mode!r}; {did_you_mean(mode, MODES)}")
    if len(amounts) != x.ndim - 2:
        raise SettingError(f"amounts has a pair (before, after) for each of {x.ndim - 2} axes; got {list(amounts)}")
    limit = {"reflect": -1, "symmetric": 0, "circular": 0}.get(mode)
    for axis, (before, after) in enumerate(amounts):
        size = x.shape[axis + 2]
        if min(before, after) < 0 or (limit is not None and max(before, after) > size + limit):
            most = "0 or more" if limit is None else f"0 to {size + limit} for {mode!r} of {size} places"
            raise SettingError(f"axis {axis} gets {(before, after)}; expected {most}")
    if mode == "symmetric":
        for axis, (before, after) in enumerate(amounts):
            n = x.shape[axis + 2]
            at = torch.cat([torch.arange(before - 1, -1, -1), torch.arange(n), torch.arange(n - 1, n - 1 - after, -1)])
            x = x.index_select(axis + 2, at.to(x.device))
        return x
    flat = [n for pair in reversed(amounts) for n in pair]
    return F.pad(x, flat, mode=TORCH[mode])
