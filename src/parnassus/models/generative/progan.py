"""Progressive growing: a generator and a critic of 4 x 4 pixels to which resolutions are added as they learn."""

import math
from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import DataError, SettingError
from ...functional.styles import pixel_norm, with_variety
from ...objectives.generative.growing import Growing, Stage, doubled, faded
from ...registry import model
from .gan import beside, halvings
from .stylegan import DEEPEST, EvenConv, EvenLinear
from .unet_diffusion import classes_of, rows_and_options

ADAM = {"name": "adam", "lr": 1e-3, "betas": (0.0, 0.99)}
SLOPE = 0.2


def widths_of(n_doublings: int, width: int) -> list[int]:
    """Channels from the first resolution to the last: `width` at the last, twice as many at each before, at most 512.

    >>> widths_of(8, 16)
    [512, 512, 512, 512, 256, 128, 64, 32, 16]
    """
    return [min(width * 2**i, DEEPEST) for i in range(n_doublings, -1, -1)]


class Spread(nn.Module):
    """z (n, n_in) -> maps (n, n_out, *size): a dense map with scaled weights and a bias a channel."""

    def __init__(self, n_in: int, n_out: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out * size[0] * size[1], n_in))
        self.bias, self.size, self.scale = nn.Parameter(torch.zeros(n_out)), size, math.sqrt(2 / n_in)

    def forward(self, z: Tensor) -> Tensor:
        return F.linear(z, self.weight * self.scale).unflatten(1, (-1, *self.size)) + self.bias[:, None, None]


class Normed(nn.Module):
    """LeakyReLU, then each place's numbers at unit mean square."""

    def forward(self, x: Tensor) -> Tensor:
        return pixel_norm(F.leaky_relu(x, SLOPE))


class GrowingGenerator(nn.Module):
    """z (n, d), classes (n, k) or None -> pictures of the stage's size.

    Every resolution has two convolutions and a 1 x 1 one that makes a picture of it. A resolution that is faded in is
    mixed with the picture of the one before, pixels repeated.

    At 1024 x 1024, width 16 and 512 numbers of noise, what the last stage uses has 23,071,507 weights.

    Source: Karras et al. 2018, sections 2 and 4, table 2.
    """

    stage: Stage

    def __init__(self, n_in: int, in_channels: int, image_size: tuple[int, int], *, width: int) -> None:
        super().__init__()
        n, first = halvings(image_size)
        widths = widths_of(n, width)
        self.first = nn.Sequential(
            Spread(n_in, widths[0], first), Normed(), EvenConv(widths[0], widths[0], 3), Normed()
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(EvenConv(a, b, 3), Normed(), EvenConv(b, b, 3), Normed()) for a, b in pairwise(widths)
        )
        self.pictures = nn.ModuleList(EvenConv(w, in_channels, 1, gain=1.0) for w in widths)
        self.stage = n, 1.0

    def parts(self, depth: int) -> Iterable[nn.Module]:
        """What works at a depth."""
        return [self.first, *self.blocks[:depth], *self.pictures[max(depth - 1, 0) : depth + 1]]

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        depth, share = self.stage
        before = h = self.first(pixel_norm(beside(z, condition)))
        for i in range(depth):
            before, h = h, self.blocks[i](doubled(h))
        fine = self.pictures[depth](h)
        return fine if share == 1 else faded(doubled(self.pictures[depth - 1](before)), fine, share)


class GrowingCritic(nn.Module):
    """Pictures of the stage's size, classes or None -> one number each: the generator's mirror image.

    Before the last layers a map says how varied the batch is. A resolution that is faded in is mixed with what the one
    before sees of the picture at half its size.

    Source: Karras et al. 2018, sections 2 and 3, table 2.
    """

    stage: Stage

    def __init__(self, in_channels: int, image_size: tuple[int, int], *, width: int) -> None:
        super().__init__()
        n, last = halvings(image_size)
        widths = widths_of(n, width)
        self.eyes = nn.ModuleList(nn.Sequential(EvenConv(in_channels, w, 1), nn.LeakyReLU(SLOPE)) for w in widths)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                EvenConv(b, b, 3), nn.LeakyReLU(SLOPE), EvenConv(b, a, 3), nn.LeakyReLU(SLOPE), nn.AvgPool2d(2)
            )
            for a, b in pairwise(widths)
        )
        self.varied = EvenConv(widths[0] + 1, widths[0], 3)
        self.dense = EvenLinear(widths[0] * last[0] * last[1], widths[0])
        self.told = EvenLinear(widths[0], 1, gain=1.0)
        self.stage = n, 1.0

    def parts(self, depth: int) -> Iterable[nn.Module]:
        """What works at a depth."""
        return [*self.eyes[max(depth - 1, 0) : depth + 1], *self.blocks[:depth], self.varied, self.dense, self.told]

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        depth, share = self.stage
        x = beside(x, condition)
        h = self.eyes[depth](x)
        for i in range(depth - 1, -1, -1):
            h = self.blocks[i](h)
            if i == depth - 1 and share < 1:
                h = faded(self.eyes[i](F.avg_pool2d(x, 2)), h, share)
        h = F.leaky_relu(self.varied(with_variety(h)), SLOPE)
        return self.told(F.leaky_relu(self.dense(h.flatten(1)), SLOPE))[:, 0]


def growing_game(in_channels: int, image_size: tuple[int, int], n_outputs: int, *, n_told: int = 0, width: int,
                 n_noise: int, strength: float, drift: float) -> Growing:  # fmt: skip
    """A generator and a critic that grow together."""
    n = halvings(image_size)[0]
    if n < 1:
        raise DataError(f"progan doubles pictures up, and these are {image_size}; give even sides of at least 8")
    if width < 1:
        raise SettingError(f"model 'progan': width is at least 1; got {width}")
    k = classes_of(n_outputs)
    maker = GrowingGenerator(n_noise + k + n_told, in_channels, image_size, width=width)
    critic = GrowingCritic(in_channels + k + n_told, image_size, width=width)
    return Growing(maker, critic, (in_channels, *image_size), k, n_told=n_told, n_doublings=n, n_noise=n_noise,
                   game="wasserstein", lipschitz="penalty", strength=strength, drift=drift, optimizer=ADAM)  # fmt: skip


@model.variants("generator", choices=("| n_outputs | n_told",))
def progan(*, in_channels: int, image_size: tuple[int, int], n_outputs: int | None, n_told: int | None,
           width: int = 32, n_noise: int = 64, strength: float = 10.0, drift: float = 0.001) -> Growing:  # fmt: skip
    """Progressive growing: both players begin at 4 x 4 pixels and are doubled as they learn; Wasserstein, by a penalty.

    Parameters
    ----------
    width : channels next to the whole picture; they double with each halving, up to 512.
    n_noise : numbers in z.
    strength : of the penalty that holds the critic's slope near 1.
    drift : how much the critic's squared answer to real pictures costs it, so that answers stay near 0.
    """
    rows, options = rows_and_options(locals())
    return growing_game(in_channels, image_size, rows.n_classes, n_told=rows.n_told, **options)
