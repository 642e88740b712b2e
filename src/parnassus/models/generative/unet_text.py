"""A U-Net of a diffusion that looks at a text: cross-attention in every resolution but the coarsest."""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...functional.diffusion.process import step_embedding
from ...layers.normalization import wide_groups
from ..text.text_tower import TextTower
from .unet_diffusion import Doubled, ResidualBlock, down_and_up, normalised

EPS = 1e-5


class CrossAttention(nn.Module):
    """Places attend to `context`, or to each other."""

    def __init__(self, width: int, context: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k, self.to_v = nn.Linear(context, width, bias=False), nn.Linear(context, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        other = x if context is None else context
        q, k, v = (
            part(of).unflatten(2, (self.n_heads, -1)).transpose(1, 2)
            for part, of in ((self.to_q, x), (self.to_k, other), (self.to_v, other))
        )
        return self.to_out[0](F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Gated(nn.Module):
    """A dense layer, one half of it gated by the GELU of the other."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * hidden)

    def forward(self, x: Tensor) -> Tensor:
        h, gate = self.proj(x).chunk(2, -1)
        return h * F.gelu(gate)


class LookingBlock(nn.Module):
    """Places look at each other, then at the text, then each goes through dense layers; pre-norm."""

    def __init__(self, width: int, context: int, n_heads: int) -> None:
        super().__init__()
        self.norm1, self.attn1 = nn.LayerNorm(width), CrossAttention(width, width, n_heads)
        self.norm2, self.attn2 = nn.LayerNorm(width), CrossAttention(width, context, n_heads)
        self.norm3 = nn.LayerNorm(width)
        net = nn.ModuleList([Gated(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width)])
        self.ff = nn.ModuleDict({"net": net})

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        x = x + self.attn1(self.norm1(x))
        x = x + self.attn2(self.norm2(x), context)
        gated, _, last = cast(nn.ModuleList, self.ff["net"])
        return x + last(gated(self.norm3(x)))


class PictureLook(nn.Module):
    """A picture's places through a `LookingBlock`, and a shortcut around it."""

    def __init__(self, n: int, context: int, n_heads: int) -> None:
        super().__init__()
        self.norm, self.proj_in, self.proj_out = normalised(n), nn.Conv2d(n, n, 1), nn.Conv2d(n, n, 1)
        self.transformer_blocks = nn.ModuleList([LookingBlock(n, context, n_heads)])

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        h = self.proj_in(self.norm(x)).flatten(2).mT
        h = self.transformer_blocks[0](h, context)
        return x + self.proj_out(h.mT.unflatten(2, x.shape[2:]))


class Shrunk(nn.Module):
    """A convolution of stride 2."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n, n, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class TextLevel(nn.Module):
    """Residual blocks of one resolution, each with a look at the text where asked for, and the way onward."""

    def __init__(
        self,
        widths: list[tuple[int, int]],
        step: int,
        *,
        context: int,
        n_heads: int,
        onward: nn.Module | None,
        up: bool,
    ) -> None:
        super().__init__()
        n = widths[0][1]
        self.resnets = nn.ModuleList(ResidualBlock(a, b, step, eps=EPS) for a, b in widths)
        self.attentions = nn.ModuleList(PictureLook(n, context, n_heads) for _ in widths if context)
        parts = nn.ModuleList([onward] if onward is not None else [])
        self.upsamplers, self.downsamplers = (parts, nn.ModuleList()) if up else (nn.ModuleList(), parts)

    def block(self, i: int, x: Tensor, step: Tensor, context: Tensor) -> Tensor:
        x = self.resnets[i](x, step)
        return self.attentions[i](x, context) if len(self.attentions) else x


class TextMiddle(nn.Module):
    """Two residual blocks, a look at the text between."""

    def __init__(self, n: int, step: int, context: int, n_heads: int) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(ResidualBlock(n, n, step, eps=EPS) for _ in range(2))
        self.attentions = nn.ModuleList([PictureLook(n, context, n_heads)])

    def forward(self, x: Tensor, step: Tensor, context: Tensor) -> Tensor:
        return self.resnets[1](self.attentions[0](self.resnets[0](x, step), context), step)


class StepVector(nn.Module):
    """The step of each row as one vector (batch, width)."""

    def __init__(self, n_waves: int, width: int) -> None:
        super().__init__()
        self.n_waves = n_waves
        self.linear_1, self.linear_2 = nn.Linear(n_waves, width), nn.Linear(width, width)

    def forward(self, t: Tensor) -> Tensor:
        sines, cosines = step_embedding(t, self.n_waves, shift=0).chunk(2, 1)
        waves = torch.cat([cosines, sines], 1).to(self.linear_1.weight.dtype)
        return self.linear_2(F.silu(self.linear_1(waves)))


class TextUNet(nn.Module):
    """x_t (batch, C, H, W), t (batch,), context (batch, tokens, context) -> (batch, C, H, W): what is noise in it.

    Every resolution but the coarsest looks at the context after each residual block, and so does the middle. The parts
    bear the names of diffusers' UNet2DConditionModel: with 4 channels, channels (320, 640, 1280, 1280), context 768 and
    8 heads it is Stable Diffusion's of 859,520,964 parameters (fixture B8.21).

    Source: Rombach et al. 2022; Martinez-Ramon example 8.10.1.
    """

    def __init__(
        self, in_channels: int, channels: tuple[int, ...], *, context: int, n_heads: int = 8, n_blocks: int = 2
    ) -> None:
        super().__init__()
        step, last = 4 * channels[0], len(channels) - 1
        looks = [context if i < last or not last else 0 for i in range(len(channels))]
        self.conv_in = nn.Conv2d(in_channels, channels[0], 3, padding=1)
        self.time_embedding = StepVector(channels[0], step)
        self.down_blocks, self.up_blocks = nn.ModuleList(), nn.ModuleList()
        skips, width = [channels[0]], channels[0]
        for i, n in enumerate(channels):
            widths = [(width, n)] + [(n, n)] * (n_blocks - 1)
            onward: nn.Module | None = Shrunk(n) if i < last else None
            self.down_blocks.append(TextLevel(widths, step, context=looks[i], n_heads=n_heads, onward=onward, up=False))
            skips, width = skips + [n] * (n_blocks + (i < last)), n
        self.mid_block = TextMiddle(width, step, context, n_heads)
        for i, n in reversed(list(enumerate(channels))):
            widths = []
            for _ in range(n_blocks + 1):
                widths.append((width + skips.pop(), n))
                width = n
            onward = Doubled(n) if i else None
            self.up_blocks.append(TextLevel(widths, step, context=looks[i], n_heads=n_heads, onward=onward, up=True))
        self.conv_norm_out, self.conv_out = normalised(width, EPS), nn.Conv2d(width, in_channels, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        return down_and_up(self, x, self.time_embedding(t), context)


class TextDenoiser(nn.Module):
    """A text tower and a U-Net that looks at what it says: x_t, t (batch,), ids (batch, n_tokens) -> like x_t."""

    def __init__(self, tower: TextTower, unet: TextUNet) -> None:
        super().__init__()
        self.tower, self.unet, self.n_tokens = tower, unet, tower.n_tokens
        wide_groups(self)

    def forward(self, x: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        return self.unet(x, t, self.tower(ids))


def heads_for(channels: tuple[int, ...], n_heads: int) -> int:
    """The most heads, up to n_heads, that divide every width."""
    return math.gcd(n_heads, *channels)
