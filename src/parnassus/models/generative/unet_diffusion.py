"""Nets that are told a step of a diffusion, and a condition: a U-Net for pictures, dense layers for vectors."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import DataError, SettingError, did_you_mean
from ...functional.diffusion.process import Target, step_embedding
from ...functional.diffusion.samplers import Sampler
from ...layers.conditioning import NumbersTold
from ...layers.normalization import published_groups, wide_groups
from ...objectives.generative.diffusion import Diffusion, Scheduled, Weighting
from ...registry import model

Guide = Literal["free", "classifier"]
EPS = 1e-6


def normalised(n: int, eps: float = EPS) -> nn.GroupNorm:
    """A group norm of at most 32 groups."""
    return nn.GroupNorm(published_groups(n), n, eps=eps)


class StepEmbedding(nn.Module):
    """The step of each row, and its class or numbers where there are some, as one vector (batch, width).

    Class `n_classes` is that of no condition, and so are numbers that are NaN.
    """

    def __init__(self, n_waves: int, width: int, n_classes: int = 0, n_told: int = 0) -> None:
        super().__init__()
        self.n_waves, self.n_classes = n_waves, n_classes
        self.linear_1, self.linear_2 = nn.Linear(n_waves, width), nn.Linear(width, width)
        self.classes = nn.Embedding(n_classes + 1, width) if n_classes else None
        self.numbers = NumbersTold(n_told, width) if n_told else None

    def forward(self, t: Tensor, condition: Tensor | None = None) -> Tensor:
        h = self.linear_2(F.silu(self.linear_1(step_embedding(t, self.n_waves).to(self.linear_1.weight.dtype))))
        if self.numbers is not None:
            return h + (self.numbers.nothing if condition is None else self.numbers(condition))
        if self.classes is None:
            return h
        return h + self.classes(torch.full_like(t, self.n_classes) if condition is None else condition)


class ResidualBlock(nn.Module):
    """Norm, SiLU, convolution, twice, the step's vector added between (width 0 has none); around both a shortcut."""

    def __init__(self, n_in: int, n_out: int, width: int, dropout: float = 0.0, *, eps: float = EPS) -> None:
        super().__init__()
        self.norm1, self.conv1 = normalised(n_in, eps), nn.Conv2d(n_in, n_out, 3, padding=1)
        self.time_emb_proj = nn.Linear(width, n_out) if width else None
        self.norm2, self.conv2 = normalised(n_out, eps), nn.Conv2d(n_out, n_out, 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.conv_shortcut = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()

    def forward(self, x: Tensor, step: Tensor | None = None) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        if self.time_emb_proj is not None and step is not None:
            h = h + self.time_emb_proj(F.silu(step))[:, :, None, None]
        return self.conv_shortcut(x) + self.conv2(self.dropout(F.silu(self.norm2(h))))


class PixelAttention(nn.Module):
    """Every pixel attends to every other, one head; around it a shortcut."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.group_norm = normalised(n)
        self.to_q, self.to_k, self.to_v = nn.Linear(n, n), nn.Linear(n, n), nn.Linear(n, n)
        self.to_out = nn.ModuleList([nn.Linear(n, n)])

    def forward(self, x: Tensor) -> Tensor:
        h = self.group_norm(x).flatten(2).mT
        h = F.scaled_dot_product_attention(self.to_q(h), self.to_k(h), self.to_v(h))
        return x + self.to_out[0](h).mT.unflatten(2, x.shape[2:])


class Halved(nn.Module):
    """A convolution of stride 2 that looks one pixel beyond the right and the bottom."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n, n, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Doubled(nn.Module):
    """Nearest neighbours in a larger grid, and a convolution."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n, n, 3, padding=1)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        return self.conv(F.interpolate(x, size=size, mode="nearest"))


class Level(nn.Module):
    """Residual blocks of one resolution, each with attention where asked for, and the way to the next resolution."""

    def __init__(self, widths: list[tuple[int, int]], step: int, *, attends: bool, onward: nn.Module | None, up: bool,
                 dropout: float) -> None:  # fmt: skip
        super().__init__()
        n = widths[0][1]
        self.resnets = nn.ModuleList(ResidualBlock(a, b, step, dropout) for a, b in widths)
        self.attentions = nn.ModuleList(PixelAttention(n) for _ in widths if attends)
        parts = nn.ModuleList([onward] if onward is not None else [])
        self.upsamplers, self.downsamplers = (parts, nn.ModuleList()) if up else (nn.ModuleList(), parts)

    def block(self, i: int, x: Tensor, step: Tensor) -> Tensor:
        x = self.resnets[i](x, step)
        return self.attentions[i](x) if len(self.attentions) else x


class Middle(nn.Module):
    """Two residual blocks, attention between."""

    def __init__(self, n: int, step: int, dropout: float) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(ResidualBlock(n, n, step, dropout) for _ in range(2))
        self.attentions = nn.ModuleList([PixelAttention(n)])

    def forward(self, x: Tensor, step: Tensor | None = None) -> Tensor:
        return self.resnets[1](self.attentions[0](self.resnets[0](x, step)), step)


class DiffusionUNet(nn.Module):
    """x_t (batch, C, H, W), t (batch,) and perhaps classes (batch,) -> (batch, C, H, W): what is noise in it.

    Parameters
    ----------
    channels : of each resolution, from the finest; each is half the one before.
    attends : whether each resolution attends.
    n_blocks : residual blocks a resolution going down; one more going up.

    The parts bear the names of diffusers' UNet2DModel, so that its weights load as they are: with 3 channels,
    channels=(128, 256, 256, 256), attends=(False, True, False, False) it is the CIFAR layout of 35,746,307 parameters.

    Systems: time-conditioned-denoiser
    Source: Ho et al. 2020, appendix B; Martinez-Ramon 8.10.3, which names no net (F8-18).
    """

    def __init__(
        self,
        in_channels: int,
        channels: tuple[int, ...],
        *,
        attends: tuple[bool, ...],
        n_blocks: int = 2,
        n_classes: int = 0,
        n_told: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        step, last = 4 * channels[0], len(channels) - 1
        self.conv_in = nn.Conv2d(in_channels, channels[0], 3, padding=1)
        self.time_embedding = StepEmbedding(channels[0], step, n_classes, n_told)
        self.down_blocks, self.up_blocks = nn.ModuleList(), nn.ModuleList()
        skips, width = [channels[0]], channels[0]
        for i, n in enumerate(channels):
            widths = [(width, n)] + [(n, n)] * (n_blocks - 1)
            onward: nn.Module | None = Halved(n) if i < last else None
            self.down_blocks.append(Level(widths, step, attends=attends[i], onward=onward, up=False, dropout=dropout))
            skips, width = skips + [n] * (n_blocks + (i < last)), n
        self.mid_block = Middle(width, step, dropout)
        for i, n in reversed(list(enumerate(channels))):
            widths = []
            for _ in range(n_blocks + 1):
                widths.append((width + skips.pop(), n))
                width = n
            onward = Doubled(n) if i else None
            self.up_blocks.append(Level(widths, step, attends=attends[i], onward=onward, up=True, dropout=dropout))
        self.conv_norm_out, self.conv_out = normalised(width), nn.Conv2d(width, in_channels, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, t: Tensor, condition: Tensor | None = None) -> Tensor:
        return down_and_up(self, x, self.time_embedding(t, condition))


def down_and_up(net: Any, x: Tensor, step: Tensor, *told: Tensor) -> Tensor:
    """x through a U-Net's levels, the coarser ones first made and then joined with what was kept of the finer ones.

    Its blocks are given the step's vector (batch, width), and what else they are `told`.
    """
    h = net.conv_in(x)
    skips = [h]
    for level in net.down_blocks:
        for i in range(len(level.resnets)):
            h = level.block(i, h, step, *told)
            skips.append(h)
        for onward in level.downsamplers:
            h = onward(h)
            skips.append(h)
    h = net.mid_block(h, step, *told)
    for level in net.up_blocks:
        for i in range(len(level.resnets)):
            h = level.block(i, torch.cat([h, skips.pop()], 1), step, *told)
        for onward in level.upsamplers:
            h = onward(h, skips[-1].shape[2:])
    return net.conv_out(F.silu(net.conv_norm_out(h)))


class DiffusionMLP(nn.Module):
    """x_t (batch, d), t (batch,) and perhaps classes -> (batch, d): residual dense layers, the step added in each.

    Systems: time-conditioned-denoiser
    """

    def __init__(self, n_features: int, hidden: tuple[int, ...], n_classes: int = 0, n_told: int = 0) -> None:
        super().__init__()
        width = hidden[0]
        self.time_embedding = StepEmbedding(64, width, n_classes, n_told)
        self.first = nn.Linear(n_features, width)
        self.layers = nn.ModuleList(nn.Linear(n_in, n) for n_in, n in zip(hidden, hidden, strict=True))
        self.last = nn.Linear(width, n_features)

    def forward(self, x: Tensor, t: Tensor, condition: Tensor | None = None) -> Tensor:
        step, h = self.time_embedding(t, condition), self.first(x)
        for layer in self.layers:
            h = h + layer(F.silu(h + step))
        return self.last(F.silu(h))


def classes_of(n_outputs: int) -> int:
    """How many classes a condition of labels has: two are one number."""
    return max(n_outputs, 2) if n_outputs else 0


def picture_net(name: str, in_channels: int, image_size: tuple[int, int], n_classes: int, n_told: int, *,
                channels: tuple[int, ...], n_blocks: int, dropout: float) -> DiffusionUNet:  # fmt: skip
    """The U-Net of a model of pictures by this name; groups of its norms are wide enough that it hears its step."""
    if not channels or any(n < 2 or n % 2 for n in channels):
        raise SettingError(f"model {name!r}: channels are even widths, one a resolution; got {channels}")
    if min(image_size) < 2 ** (len(channels) - 1):
        raise DataError(
            f"model {name!r} halves pictures {len(channels) - 1} times, and they are {image_size}; give fewer channels="
        )
    attends, told = tuple(i == len(channels) - 1 for i in range(len(channels))), {"n_classes": n_classes}
    net = DiffusionUNet(
        in_channels, channels, attends=attends, n_blocks=n_blocks, **told, n_told=n_told, dropout=dropout
    )
    wide_groups(net)
    return net


def vector_net(name: str, in_features: int, n_classes: int, n_told: int, hidden: tuple[int, ...]) -> DiffusionMLP:
    """The dense layers of a model of vectors by this name."""
    if not hidden or any(n != hidden[0] or n < 1 for n in hidden):
        raise SettingError(f"model {name!r}: hidden are equal widths of at least 1, one a layer; got {hidden}")
    return DiffusionMLP(in_features, hidden, n_classes, n_told)


ABSENT: dict[str, Any] = dict.fromkeys(("in_channels", "image_size", "in_features", "n_outputs", "n_told", "units"))


@dataclass(frozen=True)
class RowFacts:
    """What a builder's facts say of rows: their shape, and of how many classes, or numbers, they may be asked to be."""

    shape: tuple[int, ...]
    n_classes: int
    n_told: int


def rows_and_options(given: Mapping[str, Any]) -> tuple[RowFacts, dict[str, Any]]:
    """What a builder's keywords say of rows, and its options."""
    known = ABSENT | {name: value for name, value in given.items() if name in ABSENT}
    shape = (known["in_features"],) if known["in_channels"] is None else (known["in_channels"], *known["image_size"])
    rows = RowFacts(shape, classes_of(known["n_outputs"] or 0), known["n_told"] or 0)
    return rows, {name: value for name, value in given.items() if name not in ABSENT}


def net_of(name: str, rows: RowFacts, options: dict[str, Any]) -> nn.Module:
    """The net of a model by this name, for its rows, by those of its options that are of nets, which are taken out."""
    of_pictures, hidden = {key: options.pop(key) for key in ("channels", "n_blocks", "dropout")}, options.pop("hidden")
    if len(rows.shape) == 1:
        return vector_net(name, rows.shape[0], rows.n_classes, rows.n_told, hidden)
    n, *size = rows.shape
    return picture_net(name, n, (size[0], size[1]), rows.n_classes, rows.n_told, **of_pictures)


def guided_diffusion(name: str, rows: RowFacts, options: dict[str, Any]) -> Diffusion:
    """A diffusion by these options, its net told the condition, or led by a namer of classes."""
    from .step_classifier import namer_of

    guide, told = options.pop("guide"), rows
    if guide not in get_args(Guide):
        raise SettingError(f"model {name!r}: guide={guide!r}; {did_you_mean(str(guide), get_args(Guide))}")
    if guide == "classifier":
        if rows.n_told or not rows.n_classes:
            what = "numbers" if rows.n_told else "none"
            raise SettingError(
                f"model {name!r}: guide='classifier' leans on classes, and was told {what}; give classes as y, or "
                "guide='free'"
            )
        told = replace(rows, n_classes=0)
    own = {key: options[key] for key in ("channels", "n_blocks", "dropout", "hidden")}
    net = net_of(name, told, options)
    namer = namer_of(rows, **own) if guide == "classifier" else None
    return Diffusion(net, rows.shape, rows.n_classes, n_told=rows.n_told, namer=namer, **options)


@model.variants("generator", choices=("in_channels image_size | in_features", "| n_outputs | n_told"))
def ddpm(
    *,
    in_channels: int | None,
    image_size: tuple[int, int] | None,
    in_features: int | None,
    n_outputs: int | None,
    n_told: int | None,
    channels: tuple[int, ...] = (32, 64),
    n_blocks: int = 1,
    dropout: float = 0.0,
    hidden: tuple[int, ...] = (128, 128, 128),
    schedule: Scheduled = "linear",
    n_steps: int = 1000,
    target: Target = "noise",
    weighting: Weighting = "simple",
    guide: Guide = "free",
    drop: float = 0.1,
    sampler: Sampler = "ddim",
    n_sampled: int = 50,
    guidance: float = 1.0,
) -> Diffusion:
    """A denoising diffusion: noise, taken away step by step; a U-Net for pictures, dense layers for tables.

    Parameters
    ----------
    channels : of the U-Net, one a resolution; the coarsest attends.
    n_blocks : residual blocks a resolution.
    dropout : in each residual block.
    hidden : widths of the dense layers, for tables.
    schedule : of the noise: "linear", "scaled_linear", "cosine", or "learned" beside the net.
    n_steps : into noise.
    target : what the net says: the "noise", the "clean" row or the "velocity".
    weighting : of the steps: "simple" alike, or as the "bound" has it.
    guide : "free" tells the net classes or numbers; "classifier" tells it none, and a second net, which learns to name
        the classes of noised rows, leads samples to theirs.
    drop : the share of rows whose condition is not told, so that guidance is possible; of guide="free".
    sampler : "ddpm", "ddim", "plms" or "dpm++".
    n_sampled : steps taken back.
    guidance : how strongly samples lean on their condition; 1 is the net's own answer, or the namer's.
    """
    rows, options = rows_and_options(locals())
    return guided_diffusion("ddpm", rows, options)
