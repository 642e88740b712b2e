"""Transformer layers, normalised after each sub-layer (as first published) or before it, and stacks of them."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import SettingError, did_you_mean
from .attention import KeyValueCache, MultiHeadAttention

Norm = Literal["post", "pre"]
NORMS = ("post", "pre")
DIVIDED = {  # how ranks divide an `EncoderLayer`: by heads and units, each layer's outputs the next one's inputs
    "attention.qkv": "heads",
    "attention.out": "rows",
    "feed_forward.inner": "columns",
    "feed_forward.outer": "rows",
}


def _gelu_tanh(z: Tensor) -> Tensor:
    return F.gelu(z, approximate="tanh")


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": F.silu,
    "tanh": torch.tanh,
}


def activation_of(name: str) -> Callable[[Tensor], Tensor]:
    """The activation of this name."""
    if name not in ACTIVATIONS:
        raise SettingError(f"activation={name!r}; {did_you_mean(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]


def dropped(rate: float) -> nn.Module:
    """Dropout at this rate; at rate 0 a module that costs nothing."""
    if not 0 <= rate < 1:
        raise SettingError(f"dropout is in [0, 1); got {rate}")
    return nn.Dropout(rate) if rate else nn.Identity()


class FeedForward(nn.Module):
    """W_2 g(W_1 x + b_1) + b_2 at every place alike: (batch, time, width) kept, `hidden` wide between.

    With `gated`, what is between is g(W_1 x + b_1) times V x + c (Shazeer 2020); without `bias`, no b is.

    Systems: position-wise-ffn
    Source: Vaswani et al. 2017; Hifny 11.3.1, Baker 6.4, Martinez-Ramon 6.3 (eq. 6.26 prints W_2 twice), Keras course
    6.5.5.
    """

    def __init__(
        self, width: int, hidden: int, *, activation: str = "relu", dropout: float = 0.0, gated: bool = False,
        bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if hidden < 1:
            raise SettingError(f"a feed-forward layer has at least one unit; got {hidden}")
        self.inner, self.outer = nn.Linear(width, hidden, bias=bias), nn.Linear(hidden, width, bias=bias)
        self.gate = nn.Linear(width, hidden, bias=bias) if gated else None
        self.kind, self.activation, self.dropout = activation, activation_of(activation), dropped(dropout)

    def forward(self, x: Tensor) -> Tensor:
        h = self.activation(self.inner(x))
        return self.outer(self.dropout(h if self.gate is None else h * self.gate(x)))


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward layer, each with its residual sum and its norm: (batch, time, width) kept.

    Parameters
    ----------
    hidden : of the feed-forward layer; None takes 4 width.
    norm : "post" is LN(x + Sub(x)), "pre" is x + Sub(LN(x)), after the last of which a norm is wanted.
    dropout : of what each sub-layer adds. attention_dropout : of attention's weights. inner_dropout : inside the
        feed-forward layer, where torch's layers have the same rate as elsewhere and the paper none.
    eps : of the norms. n_groups, positions, bias : see `MultiHeadAttention`.

    With `causal=True` it is the layer of a decoder-only net.

    Systems: transformer-encoder-layer, add-norm-post, pre-norm-block
    Source: Vaswani et al. 2017; Hifny A11.24, Martinez-Ramon eq. 6.25, Jaiswal J134; Xiong et al. 2020 (pre-norm).
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        *,
        hidden: int | None = None,
        norm: str = "post",
        activation: str = "relu",
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        inner_dropout: float = 0.0,
        eps: float = 1e-5,
        n_groups: int | None = None,
        positions: str | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if norm not in NORMS:
            raise SettingError(f"norm={norm!r}; {did_you_mean(norm, NORMS)}")
        self.norm = norm
        self.attention = MultiHeadAttention(
            width, n_heads, n_groups=n_groups, dropout=attention_dropout, positions=positions, bias=bias
        )
        self.feed_forward = FeedForward(
            width, 4 * width if hidden is None else hidden, activation=activation, dropout=inner_dropout
        )
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=eps), nn.LayerNorm(width, eps=eps)
        self.dropout = dropped(dropout)

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, causal: bool = False, cache: KeyValueCache | None = None
    ) -> Tensor:
        if self.norm == "pre":
            x = x + self.dropout(self.attention(self.norm1(x), mask=mask, causal=causal, cache=cache))
            return x + self.dropout(self.feed_forward(self.norm2(x)))
        x = self.norm1(x + self.dropout(self.attention(x, mask=mask, causal=causal, cache=cache)))
        return self.norm2(x + self.dropout(self.feed_forward(x)))


class DecoderLayer(nn.Module):
    """Causal self-attention, attention to an encoder's outputs, a feed-forward layer: (batch, time, width) kept.

    Parameters as of `EncoderLayer`; `memory_width` is the encoder's, where it is another.

    Systems: transformer-decoder-layer, cross-attention
    Source: Vaswani et al. 2017; Hifny A11.25, Jaiswal J134; Martinez-Ramon 6.3, where the mask is said to hide
    "consecutive" places (subsequent ones) and the encoder to give "the key and the query" (keys and values).
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        *,
        hidden: int | None = None,
        memory_width: int | None = None,
        norm: str = "post",
        activation: str = "relu",
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        inner_dropout: float = 0.0,
        eps: float = 1e-5,
        positions: str | None = None,
    ) -> None:
        super().__init__()
        if norm not in NORMS:
            raise SettingError(f"norm={norm!r}; {did_you_mean(norm, NORMS)}")
        self.norm = norm
        self.attention = MultiHeadAttention(width, n_heads, dropout=attention_dropout, positions=positions)
        self.cross = MultiHeadAttention(width, n_heads, context_width=memory_width, dropout=attention_dropout)
        self.feed_forward = FeedForward(
            width, 4 * width if hidden is None else hidden, activation=activation, dropout=inner_dropout
        )
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width, eps=eps) for _ in range(3))
        self.dropout = dropped(dropout)

    def forward(
        self,
        y: Tensor,
        memory: Tensor | tuple[Tensor, Tensor],
        *,
        memory_mask: Tensor | None = None,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """The next states of y (batch, time, width), padded on the right or not at all.

        `memory` is (batch, n, memory_width), or the keys and values that `cross.answered(memory)` made of it: then one
        step of several beams a sentence may be read, y (sentences x beams, 1, width).
        """

        def heard(h: Tensor) -> Tensor:
            return self.cross.heard(h, memory, mask=memory_mask)

        if self.norm == "pre":
            y = y + self.dropout(self.attention(self.norm1(y), causal=True, cache=cache))
            y = y + self.dropout(heard(self.norm2(y)))
            return y + self.dropout(self.feed_forward(self.norm3(y)))
        y = self.norm1(y + self.dropout(self.attention(y, causal=True, cache=cache)))
        y = self.norm2(y + self.dropout(heard(y)))
        return self.norm3(y + self.dropout(self.feed_forward(y)))


class Encoder(nn.Module):
    """Layers on top of each other: x (batch, time, width) -> the same.

    `last` normalises the end, which layers with norms before their sub-layers need.
    """

    def __init__(self, layers: Sequence[EncoderLayer], last: nn.Module | None = None) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.last = nn.Identity() if last is None else last

    def forward(
        self,
        x: Tensor,
        *,
        mask: Tensor | None = None,
        causal: bool = False,
        caches: Sequence[KeyValueCache] | None = None,
    ) -> Tensor:
        for i, layer in enumerate(self.layers):
            x = layer(x, mask=mask, causal=causal, cache=None if caches is None else caches[i])
        return self.last(x)


class Decoder(nn.Module):
    """Layers on top of each other: y (batch, time, width) and a memory -> the shape of y."""

    def __init__(self, layers: Sequence[DecoderLayer], last: nn.Module | None = None) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.last = nn.Identity() if last is None else last

    def forward(
        self,
        y: Tensor,
        memory: Tensor | Sequence[tuple[Tensor, Tensor]],
        *,
        memory_mask: Tensor | None = None,
        caches: Sequence[KeyValueCache] | None = None,
    ) -> Tensor:
        """`memory` is the encoder's outputs, or for each layer the keys and values made of them."""
        for i, layer in enumerate(self.layers):
            heard = memory if isinstance(memory, Tensor) else memory[i]
            y = layer(y, heard, memory_mask=memory_mask, cache=None if caches is None else caches[i])
        return self.last(y)
