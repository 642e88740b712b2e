"""Generators and critics: dense layers for vectors, DCGAN for pictures."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import DataError, SettingError
from ...objectives.generative.gan import Adversarial
from ...registry import model
from ..tables.mlp import MLP
from .unet_diffusion import classes_of, rows_and_options

ADAM = {"name": "adam", "lr": 2e-4, "betas": (0.5, 0.999)}


def beside(x: Tensor, condition: Tensor | None) -> Tensor:
    """x with the condition (n, classes) beside it; on pictures, as maps of one value."""
    if condition is None:
        return x
    if x.ndim == 4:
        condition = condition[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, condition], 1)


class Told(nn.Module):
    """A net on rows beside their condition; a critic's single number comes as (n,)."""

    def __init__(self, net: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.net, self.shape = net, shape

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.net(beside(x, condition)).reshape(len(x), *self.shape)


def halvings(image_size: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    """How often a picture can be halved evenly down to sides of at least 4, and what is left.

    >>> halvings((64, 64)), halvings((28, 28))
    ((4, (4, 4)), (2, (7, 7)))
    """
    height, width = image_size
    n = 0
    while height % 2 == width % 2 == 0 and min(height, width) >= 8:
        height, width, n = height // 2, width // 2, n + 1
    return n, (height, width)


def weighted(net: nn.Sequential) -> nn.Sequential:
    """The net with weights of N(0, 0.02), and batch norms' scales of N(1, 0.02)."""
    for part in net:
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, 0.0, 0.02)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1.0, 0.02)
    return net


class DCGANGenerator(nn.Module):
    """z (batch, n_noise) -> pictures in (-1, 1): transposed convolutions, batch norm and ReLU, tanh at the end.

    With 64 x 64 x 3, 100 numbers of noise and width 64 it has 3,576,704 parameters. No convolution has a bias. Pictures
    that can be halved once only (8 x 8) get a 3 x 3 convolution more, here and in the critic: with a single hidden
    layer on either side their shapes stay loose.

    Systems: dcgan
    Source: Radford, Metz and Chintala 2016; Martinez-Ramon 8.5.
    """

    def __init__(self, n_noise: int, in_channels: int, image_size: tuple[int, int], width: int) -> None:
        super().__init__()
        n, first = halvings(image_size)
        shallow = n == 1
        widths = [width * 2**i for i in range(n - 1 + shallow, -1, -1)]
        parts: list[nn.Module] = [nn.ConvTranspose2d(n_noise, widths[0], first, bias=False)]
        for n_in, n_out in pairwise(widths):
            parts += [nn.BatchNorm2d(n_in), nn.ReLU(), nn.ConvTranspose2d(n_in, n_out, 4, 2, 1, bias=False)]
        parts += [
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, in_channels, 3, 1, 1, bias=False)
            if shallow
            else nn.ConvTranspose2d(width, in_channels, 4, 2, 1, bias=False),
            nn.Tanh(),
        ]
        self.net = weighted(nn.Sequential(*parts))

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.net(beside(z, condition)[:, :, None, None])


def dcgan_critic(
    in_channels: int, image_size: tuple[int, int], width: int, norm: Callable[[int], nn.Module]
) -> nn.Sequential:
    """Strided convolutions, norm and LeakyReLU, no norm on the first; 2,765,568 parameters for 64 x 64 x 3, width 64.

    Systems: dcgan
    """
    n, last = halvings(image_size)
    shallow = n == 1
    widths = [width * 2**i for i in range(n + shallow)]
    first = (3, 1, 1) if shallow else (4, 2, 1)
    parts: list[nn.Module] = [nn.Conv2d(in_channels, width, *first, bias=False), nn.LeakyReLU(0.2)]
    for n_in, n_out in pairwise(widths):
        parts += [nn.Conv2d(n_in, n_out, 4, 2, 1, bias=False), norm(n_out), nn.LeakyReLU(0.2)]
    return weighted(nn.Sequential(*parts, nn.Conv2d(widths[-1], 1, last, bias=False)))


def norm_of(lipschitz: str) -> Callable[[int], nn.Module]:
    """A critic's norms over the batch, or none: they undo a bound of the slope of each row."""
    return nn.Identity if lipschitz in ("penalty", "spectral") else nn.BatchNorm2d


def critic_features(critic: nn.Sequential, x: Tensor, *, grid: int = 4) -> Tensor:
    """What a critic's convolutions see in pictures, as vectors: the largest of each of grid x grid places.

    The first layer is left out where there are others: the published 28,672 numbers are 16 (256 + 512 + 1,024), without
    the 128 maps of the first, though the text says all layers (B8.6).

    Systems: dcgan-features-svm
    Source: Radford, Metz and Chintala 2016, section 5.1; Martinez-Ramon 8.5.1.
    """
    maps = []
    for part in critic:
        x = part(x)
        if isinstance(part, nn.LeakyReLU):
            maps.append(x)
    pooled = [nn.functional.adaptive_max_pool2d(m, grid).flatten(1) for m in (maps[1:] or maps)]
    return torch.cat(pooled, 1)


def dense_game(
    in_features: int, n_outputs: int, hidden: tuple[int, ...], n_noise: int, n_told: int = 0, **game: Any
) -> Adversarial:
    """Dense layers against dense layers."""
    if any(not isinstance(n, int) or n < 1 for n in hidden):
        raise SettingError(f"a GAN's hidden are widths of at least 1; got {hidden}")
    k = classes_of(n_outputs)
    maker = Told(MLP([n_noise + k + n_told, *hidden, in_features]), (in_features,))
    critic = Told(MLP([in_features + k + n_told, *hidden, 1], activation="leaky_relu"), ())
    return Adversarial(maker, critic, (in_features,), k, n_told=n_told, n_noise=n_noise, **game)


def picture_game(
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    width: int,
    n_noise: int,
    n_told: int = 0,
    **game: Any,
) -> Adversarial:
    """DCGAN's generator against its critic."""
    if halvings(image_size)[0] < 1:
        raise DataError(
            f"DCGAN doubles pictures up from at least 4 x 4, and these are {image_size}; give even sides >= 8"
        )
    if width < 1:
        raise SettingError(f"model 'dcgan': width is at least 1; got {width}")
    k = classes_of(n_outputs)
    critic = Told(dcgan_critic(in_channels + k + n_told, image_size, width, norm_of(game["lipschitz"])), ())
    maker = DCGANGenerator(n_noise + k + n_told, in_channels, image_size, width)
    made = Adversarial(maker, critic, (in_channels, *image_size), k, n_told=n_told, n_noise=n_noise, **game)
    return made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@model.variants("generator", choices=("| n_outputs | n_told",))
def gan(*, in_features: int, n_outputs: int | None, n_told: int | None, hidden: tuple[int, ...] = (128, 128),
        n_noise: int = 16, game: str = "nonsaturating", n_critic: int = 1, smooth: float = 0.0,
        lipschitz: str = "none", replay: int = 0) -> Adversarial:  # fmt: skip
    """Dense generator and critic; game "minimax", "nonsaturating", "least_squares" or "hinge".

    Parameters
    ----------
    hidden : widths of both nets.
    n_noise : numbers in z.
    game : what the players lose.
    n_critic : moves of the critic to one of the generator.
    smooth : taken from the label 1 of real rows; "hinge" has none.
    lipschitz : "spectral" divides each layer's weights of the critic by their largest singular value, as "hinge" is
        published; "none" lets them be.
    replay : made rows of earlier steps that the critic is shown again, in place of half of the new ones.

    Systems: conditional-gan
    """
    rows, options = rows_and_options(locals())
    return dense_game(in_features, rows.n_classes, n_told=rows.n_told, **options, optimizer=ADAM | {"lr": 1e-3})


@model.variants("generator", choices=("| n_outputs | n_told",))
def wgan(*, in_features: int, n_outputs: int | None, n_told: int | None, hidden: tuple[int, ...] = (128, 128),
         n_noise: int = 16, n_critic: int = 5, bound: float = 0.01) -> Adversarial:  # fmt: skip
    """A Wasserstein GAN whose critic's weights are held in [-bound, bound].

    Systems: wgan
    """
    rows, options = rows_and_options(locals())
    options |= {"n_told": rows.n_told, "optimizer": {"name": "rmsprop", "lr": 5e-4}}
    return dense_game(in_features, rows.n_classes, **options, game="wasserstein", lipschitz="clip")


@model.variants("generator", choices=("| n_outputs | n_told",))
def wgan_gp(*, in_features: int, n_outputs: int | None, n_told: int | None, hidden: tuple[int, ...] = (128, 128),
            n_noise: int = 16, n_critic: int = 5, strength: float = 1.0) -> Adversarial:  # fmt: skip
    """A Wasserstein GAN whose critic's slope is held near 1 by a penalty; the strength of 10 is that of pictures.

    Systems: wgan-gp
    """
    rows, options = rows_and_options(locals())
    options |= {"n_told": rows.n_told, "optimizer": {"name": "adam", "lr": 1e-3, "betas": (0.0, 0.9)}}
    return dense_game(in_features, rows.n_classes, **options, game="wasserstein", lipschitz="penalty")


@model.variants("generator", choices=("| n_outputs | n_told",))
def dcgan(*, in_channels: int, image_size: tuple[int, int], n_outputs: int | None, n_told: int | None, width: int = 64,
          n_noise: int = 100, game: str = "nonsaturating", n_critic: int = 1, smooth: float = 0.0,
          lipschitz: str = "none", replay: int = 0, r1: float = 0.0, augment: str = "") -> Adversarial:  # fmt: skip
    """DCGAN: transposed convolutions against strided ones; a condition stands beside z, and as maps beside the picture.

    Parameters
    ----------
    width : channels next to the picture; they double with each halving.
    n_noise : numbers in z.
    game : what the players lose.
    n_critic : moves of the critic to one of the generator; 5 is usual with lipschitz="penalty".
    smooth : taken from the label 1 of real pictures; "hinge" and "wasserstein" have none.
    lipschitz : of the critic: "spectral" divides the weights of each layer by their largest singular value, as "hinge"
        is published; "penalty" and game="wasserstein" are WGAN-GP. Neither has the critic's batch norms.
    replay : made pictures of earlier steps that the critic is shown again, in place of half of the new ones.
    r1 : how much the critic's squared slope on real pictures costs it.
    augment : random changes, real and made pictures alike, of what the critic sees: "move", "cut" and "colour" with
        commas between; for few pictures.

    Systems: conditional-gan, dcgan
    """
    rows, options = rows_and_options(locals())
    return picture_game(in_channels, image_size, rows.n_classes, n_told=rows.n_told, **options, optimizer=ADAM)
