"""StyleGAN in small: a mapping net, a constant that styles and noise make into a picture, and its critic."""

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import DataError, SettingError
from ...functional.styles import adaptive_instance_norm, crossed, pixel_norm, truncated, with_variety
from ...objectives.generative.gan import Adversarial
from ...registry import model
from .gan import beside, halvings
from .unet_diffusion import classes_of, rows_and_options

DEEPEST = 512  # channels at most
KEPT = 0.995  # of the mean latent at each step
ADAM = {"name": "adam", "lr": 2e-3, "betas": (0.0, 0.99)}


class EvenLinear(nn.Module):
    """A dense layer whose weights are N(0, 1 / rate^2) and are scaled as they are used, so that all learn at one pace.

    `rate` below 1 slows it. Source: Karras et al. 2018, section 4.1.
    """

    def __init__(
        self, n_in: int, n_out: int, *, rate: float = 1.0, gain: float = math.sqrt(2), bias: float = 0.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) / rate)
        self.bias = nn.Parameter(torch.full((n_out,), bias / rate))
        self.scale, self.rate = gain * rate / math.sqrt(n_in), rate

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias * self.rate)


class EvenConv(nn.Module):
    """A convolution that keeps the size, with the same scaling; a bias unless one comes later."""

    def __init__(self, n_in: int, n_out: int, kernel: int, *, gain: float = math.sqrt(2), bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(n_out)) if bias else None
        self.scale, self.padding = gain / math.sqrt(n_in * kernel * kernel), kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)


class Mapping(nn.Module):
    """z (n, d) -> w (n, width): dense layers with LeakyReLU, at a hundredth of the pace, of a z of unit mean square.

    It is no affine map: the affine layers that make styles of w are others (F8-17).
    """

    def __init__(self, n_in: int, width: int, n_layers: int) -> None:
        super().__init__()
        sizes = [n_in] + [width] * n_layers
        self.layers = nn.ModuleList(EvenLinear(a, b, rate=0.01) for a, b in pairwise(sizes))

    def forward(self, z: Tensor) -> Tensor:
        h = pixel_norm(z)
        for layer in self.layers:
            h = F.leaky_relu(layer(h), 0.2)
        return h


class StyleLayer(nn.Module):
    """Maps (perhaps doubled and convolved), noise of one number a place, LeakyReLU, and the style of w.

    Noise is scaled by a learned number a channel, 0 at first. Styles begin near scale 1 and shift 0.
    """

    def __init__(self, n_in: int, n_out: int, width: int, *, convolves: bool, doubles: bool) -> None:
        super().__init__()
        self.doubles, self.n_out = doubles, n_out
        self.convolution = EvenConv(n_in, n_out, 3, bias=False) if convolves else nn.Identity()
        self.noise, self.bias = nn.Parameter(torch.zeros(n_out)), nn.Parameter(torch.zeros(n_out))
        self.affine = EvenLinear(width, 2 * n_out, gain=1.0)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        if self.doubles:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = self.convolution(x)
        noise = torch.randn(len(x), 1, *x.shape[2:], device=x.device, dtype=x.dtype)
        x = F.leaky_relu(x + self.noise[:, None, None] * noise + self.bias[:, None, None], 0.2)
        scale, shift = self.affine(w).split(self.n_out, 1)
        return adaptive_instance_norm(x, 1 + scale, shift)


class StyleGenerator(nn.Module):
    """z (n, d), classes (n, k) or None -> pictures: a learned constant, two layers a resolution, each with its style.

    Parameters
    ----------
    width : channels next to the picture, doubled with each halving, at most 512.
    n_layers : of the mapping net.
    mixing : the share of pictures in training whose styles come from two latents, changed over at a layer drawn.
    truncation : how far from the mean latent drawn ones may lie: 1 as they are.

    Systems: stylegan
    Source: Karras, Laine and Aila 2019; Martinez-Ramon 8.8.
    """

    mean: Tensor

    def __init__(self, n_in: int, in_channels: int, image_size: tuple[int, int], *, width: int, style: int,
                 n_layers: int, mixing: float, truncation: float) -> None:  # fmt: skip
        super().__init__()
        n, first = halvings(image_size)
        widths = [min(width * 2**i, DEEPEST) for i in range(n, -1, -1)]
        self.mapping = Mapping(n_in, style, n_layers)
        self.constant = nn.Parameter(torch.ones(1, widths[0], *first))
        parts = []
        for i, (a, b) in enumerate(pairwise([widths[0], *widths])):
            parts.append(StyleLayer(a, b, style, convolves=i > 0, doubles=i > 0))
            parts.append(StyleLayer(b, b, style, convolves=True, doubles=False))
        self.layers = nn.ModuleList(parts)
        self.last = EvenConv(widths[-1], in_channels, 1, gain=1.0)
        self.mixing, self.truncation = mixing, truncation
        self.register_buffer("mean", torch.zeros(style))

    def styles(self, z: Tensor, condition: Tensor | None) -> Tensor:
        """The latent of each layer (n, layers, style): mixed while learning, truncated in use."""
        w, n = self.mapping(beside(z, condition)), len(self.layers)
        if not self.training:
            return truncated(w, self.mean, self.truncation)[:, None].expand(-1, n, -1)
        self.mean.copy_(self.mean.lerp(w.detach().mean(0), 1 - KEPT))
        other = self.mapping(beside(torch.randn_like(z), condition))
        at = torch.randint(1, n, (len(z),), device=z.device)
        at = torch.where(torch.rand(len(z), device=z.device) < self.mixing, at, torch.full_like(at, n))
        return crossed(w, other, at, n)

    def pictures(self, styles: Tensor) -> Tensor:
        """Pictures of the latents of each layer (n, layers, style)."""
        x = self.constant.expand(len(styles), -1, -1, -1)
        for layer, w in zip(self.layers, styles.unbind(1), strict=True):
            x = layer(x, w)
        return self.last(x)

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.pictures(self.styles(z, condition))


class StyleCritic(nn.Module):
    """Pictures -> one number each: 3 x 3 convolutions, means of 2 x 2, how varied the batch is, two dense layers.

    Source: Karras et al. 2018, table 2, whose critic StyleGAN keeps.
    """

    sees_batches = True  # how varied they are

    def __init__(self, in_channels: int, image_size: tuple[int, int], *, width: int) -> None:
        super().__init__()
        n, last = halvings(image_size)
        widths = [min(width * 2**i, DEEPEST) for i in range(n + 1)]
        self.first = EvenConv(in_channels, widths[0], 1)
        self.layers = nn.ModuleList(EvenConv(a, b, 3) for a, b in pairwise(widths))
        self.varied = EvenConv(widths[-1] + 1, widths[-1], 3)
        self.dense = EvenLinear(widths[-1] * last[0] * last[1], widths[-1])
        self.told = EvenLinear(widths[-1], 1, gain=1.0)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        h = F.leaky_relu(self.first(beside(x, condition)), 0.2)
        for layer in self.layers:
            h = F.avg_pool2d(F.leaky_relu(layer(h), 0.2), 2)
        h = F.leaky_relu(self.varied(with_variety(h)), 0.2)
        return self.told(F.leaky_relu(self.dense(h.flatten(1)), 0.2))[:, 0]


def style_game(in_channels: int, image_size: tuple[int, int], n_outputs: int, *, n_told: int = 0, width: int,
               style: int, n_noise: int, n_layers: int, mixing: float, truncation: float,
               lipschitz: str = "none", **game: Any) -> Adversarial:  # fmt: skip
    """StyleGAN's generator against its critic."""
    if halvings(image_size)[0] < 1:
        raise DataError(f"stylegan doubles pictures up, and these are {image_size}; give even sides of at least 8")
    if min(width, style, n_layers) < 1 or not 0 <= mixing <= 1 or not 0 <= truncation <= 1:
        raise SettingError(
            "model 'stylegan': width, style and n_layers are at least 1, mixing and truncation shares from 0 to 1; got "
            f"{width}, {style}, {n_layers}, {mixing}, {truncation}"
        )
    if lipschitz not in ("none", "penalty"):
        raise SettingError(
            f"model 'stylegan' scales its critic's weights as they are used, so that lipschitz={lipschitz!r} bounds "
            "nothing; give lipschitz='penalty', or r1="
        )
    k = classes_of(n_outputs)
    maker = StyleGenerator(n_noise + k + n_told, in_channels, image_size, width=width, style=style, n_layers=n_layers,
                           mixing=mixing, truncation=truncation)  # fmt: skip
    critic = StyleCritic(in_channels + k + n_told, image_size, width=width)
    return Adversarial(maker, critic, (in_channels, *image_size), k, n_told=n_told, n_noise=n_noise,
                       lipschitz=lipschitz, **game, optimizer=ADAM)  # fmt: skip


@model.variants("generator", choices=("| n_outputs | n_told",))
def stylegan(*, in_channels: int, image_size: tuple[int, int], n_outputs: int | None, n_told: int | None,
             width: int = 32, style: int = 64, n_noise: int = 64, n_layers: int = 8, mixing: float = 0.9,
             truncation: float = 1.0, game: str = "nonsaturating", n_critic: int = 1, smooth: float = 0.0,
             lipschitz: str = "none", replay: int = 0, r1: float = 1.0, augment: str = "") -> Adversarial:  # fmt: skip
    """StyleGAN: styles and noise put into a constant, at sizes that a CPU trains.

    Parameters
    ----------
    width : channels next to the picture; they double with each halving.
    style : numbers in w; the published net has 512.
    n_noise : numbers in z.
    n_layers : of the mapping net.
    mixing : the share of pictures in training with two latents.
    truncation : how far from the mean drawn latents may lie, from 0 to 1.
    game, n_critic, smooth, replay : as of "dcgan".
    lipschitz : "penalty" holds the critic's slope near 1; give r1=0 with it. Spectral norms are refused: they are of
        weights that are used as they are, and these are scaled as they are used.
    r1 : how much the critic's squared slope on real pictures costs it; the published one is 10, at 1,024 pixels.
    augment : as of "dcgan".

    Systems: stylegan
    """
    rows, options = rows_and_options(locals())
    return style_game(in_channels, image_size, rows.n_classes, n_told=rows.n_told, **options)
