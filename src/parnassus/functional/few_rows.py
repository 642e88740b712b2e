"""x w' + b of a few rows, as when one id after another is written: what it costs is reading w."""

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.functional import linear

from .. import kernels

MOST = 8  # rows that are worth it
NOTHING = torch.empty(0)


def affine(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """x (rows, n_in) w' + b, as torch's `linear`: by kernels/few_rows.cpp where nobody asks for slopes of few rows.

    >>> affine(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0], [5.0, 6.0]]), torch.tensor([0.0, 1.0])).tolist()
    [[11.0, 18.0]]
    """
    plain = type(w) in (Tensor, Parameter) and x.device.type == "cpu" and x.dtype == w.dtype == torch.float32
    few = x.ndim == 2 and 0 < len(x) <= MOST and w.is_contiguous()
    if plain and few and not torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu"):
        compiled = kernels.load("few_rows")
        if compiled is not None:
            y = x.new_empty(len(x), len(w))
            compiled.affine(x.contiguous(), w, NOTHING if b is None else b, y)
            return y
    return linear(x, w, b)
