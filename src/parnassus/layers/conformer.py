"""Conformer blocks: attention for what is far, convolution for what is near, between two halves of a dense layer."""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import glu, scaled_dot_product_attention, silu

from ..errors import SettingError
from .recurrent import mask_of


def rotated(x: Tensor) -> Tensor:
    """Vectors (batch, heads, time, size) turned by angles that grow with time, so that products see distances alone.

    Pairs (i, i + size / 2) turn together, by t / 10000^(2 i / size).

    Source: Su et al. 2021 (rotary positions).
    """
    half = x.shape[-1] // 2
    rate = torch.exp(torch.arange(half, device=x.device, dtype=x.dtype) * (-math.log(10_000.0) / half))
    angle = torch.arange(x.shape[-2], device=x.device, dtype=x.dtype)[:, None] * rate
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1)


class FeedForward(nn.Module):
    """A norm, four times the width with SiLU, and back."""

    def __init__(self, width: int, *, dropout: float) -> None:
        super().__init__()
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        self.wide, self.back = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.back(self.dropout(silu(self.wide(self.norm(x))))))


class RotaryAttention(nn.Module):
    """Self-attention of frames within their row's length; positions are rotary, so that only distances count."""

    def __init__(self, width: int, n_heads: int, *, dropout: float) -> None:
        super().__init__()
        if width % (2 * n_heads):
            raise SettingError(f"a Conformer's width is a multiple of twice its heads; got {width} and {n_heads}")
        self.n_heads, self.share = n_heads, dropout
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        self.mixed, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        n, time, width = x.shape
        q, k, v = self.mixed(self.norm(x)).view(n, time, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        seen = mask[:, None, None, :, 0].bool().expand(n, 1, time, time)
        seen = seen | torch.eye(time, dtype=torch.bool, device=x.device)  # a row of nothing but padding sees itself
        share = self.share if self.training else 0.0
        found = scaled_dot_product_attention(rotated(q), rotated(k), v, attn_mask=seen, dropout_p=share)
        return self.dropout(self.out(found.transpose(1, 2).reshape(n, time, width)))


class Convolution(nn.Module):
    """A gate, a convolution of each channel for itself, a norm of each frame, SiLU, and a mix of channels."""

    def __init__(self, width: int, kernel: int, *, dropout: float) -> None:
        super().__init__()
        self.norm, self.gate = nn.LayerNorm(width), nn.Linear(width, 2 * width)
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.inner, self.out, self.dropout = nn.LayerNorm(width), nn.Linear(width, width), nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        gated = glu(self.gate(self.norm(x)), -1) * mask
        near = self.depthwise(gated.transpose(1, 2)).transpose(1, 2)
        return self.dropout(self.out(silu(self.inner(near))))


class ConformerBlock(nn.Module):
    """Half a feed-forward layer, attention, convolution, the other half, a norm; each is added to what it reads.

    The convolution's norm is a layer norm and not a batch norm, so that rows do not see each other.

    Source: Gulati et al. 2020.
    """

    def __init__(self, width: int, *, n_heads: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.first, self.second = FeedForward(width, dropout=dropout), FeedForward(width, dropout=dropout)
        self.attention = RotaryAttention(width, n_heads, dropout=dropout)
        self.convolution = Convolution(width, kernel, dropout=dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x + self.first(x) / 2
        x = x + self.attention(x, mask)
        x = x + self.convolution(x, mask)
        return self.norm(x + self.second(x) / 2) * mask


class Conformer(nn.Module):
    """Blocks on top of each other: x (batch, time, width), lengths (batch,) -> (batch, time, width).

    What stands behind a row's length changes nothing before it, and is 0 in what comes out.
    """

    def __init__(self, width: int, n_layers: int, *, n_heads: int = 4, kernel: int = 15, dropout: float = 0.0) -> None:
        super().__init__()
        self.width = width
        self.blocks = nn.ModuleList(
            ConformerBlock(width, n_heads=n_heads, kernel=kernel, dropout=dropout) for _ in range(n_layers)
        )

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        mask = cast(Tensor, mask_of(x, lengths))
        for block in self.blocks:
            x = block(x, mask)
        return x
