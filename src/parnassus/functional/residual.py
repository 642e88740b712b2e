"""Residual connections and the sub-layers of a Transformer: what is added to what, and where the normaliser stands."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Map = Callable[[Tensor], Tensor]


def residual(x: Tensor, transform: Map) -> Tensor:
    """F(x) + x: what F has to learn is the difference from x.

    Systems: residual-connection
    Source: He et al. 2016; Hifny eqs. 11.15 to 11.19, Baker 6.4, Martinez-Ramon 4.4.4.
    """
    return transform(x) + x


def residual_jacobian(x: Tensor, transform: Map) -> Tensor:
    """dy/dx of y = F(x) + x at one x (width,): J_F + I, so that a slope passes even where J_F vanishes.

    Source: Hifny eqs. 11.15 to 11.19.
    """
    jacobian = torch.func.jacrev(transform)(x)
    return jacobian + torch.eye(len(x), dtype=x.dtype, device=x.device)


def dense_skip(h: Tensor, earlier: Tensor, w: Tensor, w_skip: Tensor, *, activation: Map = torch.relu) -> Tensor:
    """g(W h^[l-1] + W_skip h^[l-2]), or h^[l-3] for a skip of two: a dense layer that sees an earlier one as well.

    h (batch, n), earlier (batch, n_earlier), w (n_out, n), w_skip (n_out, n_earlier).

    Source: Baker 3.7.2 (A064), which reuses the weights of the layer between: their shapes fit only where all widths
    are equal, so the skip has weights of its own.
    """
    return activation(F.linear(h, w) + F.linear(earlier, w_skip))


def add_norm(
    x: Tensor, sublayer: Map, gamma: Tensor | None = None, beta: Tensor | None = None, *, eps: float = 1e-5
) -> Tensor:
    """LN(x + Sub(x)): the sub-layer of the first Transformer, normalised after (post-norm).

    Systems: add-norm-post
    Source: Vaswani et al. 2017; Hifny A11.22 (footnote 3 mixes batch normalisation in), Martinez-Ramon eq. 6.25 (whose
    text normalises before it adds).
    """
    return F.layer_norm(x + sublayer(x), x.shape[-1:], gamma, beta, eps)


def pre_norm(
    x: Tensor, sublayer: Map, gamma: Tensor | None = None, beta: Tensor | None = None, *, eps: float = 1e-5
) -> Tensor:
    """x + Sub(LN(x)): normalised before, so that x itself passes untouched; the last such block needs a norm after it.

    Systems: pre-norm-block
    Source: Xiong et al. 2020; Martinez-Ramon 6.3.2, 6.5.1 and 6.6.
    """
    return x + sublayer(F.layer_norm(x, x.shape[-1:], gamma, beta, eps))


def position_wise(
    x: Tensor, w_1: Tensor, b_1: Tensor, w_2: Tensor, b_2: Tensor, *, activation: Map = torch.relu
) -> Tensor:
    """W_2 g(W_1 x + b_1) + b_2 at every place alike: x (..., width), w_1 (hidden, width), w_2 (width, hidden).

    Systems: position-wise-ffn
    Source: Vaswani et al. 2017; Hifny eq. 11.8 (whose shapes mean x W), Keras course K111; Martinez-Ramon eq. 6.26
    prints W_2 for both matrices.
    """
    return F.linear(activation(F.linear(x, w_1, b_1)), w_2, b_2)
