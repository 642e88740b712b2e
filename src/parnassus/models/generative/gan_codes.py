"""Critics of two answers: auxiliary-classifier GANs, told classes, and InfoGANs, which find kinds by themselves."""

from typing import Any

import torch
from torch import nn

from ...errors import DataError, SettingError
from ...objectives.generative.gan_codes import Answering, AuxiliaryClassifier, InformationGAN
from ...registry import model
from ..tables.mlp import MLP
from .gan import ADAM, DCGANGenerator, Told, dcgan_critic, halvings, norm_of
from .unet_diffusion import RowFacts, rows_and_options

DENSE = ADAM | {"lr": 1e-3}


def dense_players(
    name: str, in_features: int, n_given: int, n_said: int, hidden: tuple[int, ...], n_noise: int
) -> tuple[Told, Answering]:
    """A generator that is given so many numbers beside z, and a critic that says so many of a row."""
    if not hidden or any(n < 1 for n in hidden):
        raise SettingError(f"model {name!r}: hidden are widths of at least 1; got {hidden}")
    maker = Told(MLP([n_noise + n_given, *hidden, in_features]), (in_features,))
    body = nn.Sequential(MLP([in_features, *hidden], activation="leaky_relu"), nn.LeakyReLU())
    return maker, Answering(body, nn.Linear(hidden[-1], 1), nn.Linear(hidden[-1], n_said))


def picture_players(
    name: str, in_channels: int, image_size: tuple[int, int], n_given: int, n_said: int, width: int, n_noise: int,
    *, lipschitz: str = "none",
) -> tuple[DCGANGenerator, Answering]:  # fmt: skip
    """The same of pictures, by DCGAN's convolutions."""
    if halvings(image_size)[0] < 1:
        raise DataError(
            f"model {name!r} doubles pictures up from at least 4 x 4, and these are {image_size}; give even sides >= 8"
        )
    if width < 1:
        raise SettingError(f"model {name!r}: width is at least 1; got {width}")
    critic = dcgan_critic(in_channels, image_size, width, norm_of(lipschitz))
    body, judge = critic[:-1], critic[-1]
    with torch.no_grad():
        n = body(torch.zeros(2, in_channels, *image_size)).shape[1:].numel()
    maker = DCGANGenerator(n_noise + n_given, in_channels, image_size, width)
    return maker, Answering(body, judge, nn.Linear(n, n_said))


def players_of(
    name: str, rows: RowFacts, n_given: int, options: dict[str, Any]
) -> tuple[Told | DCGANGenerator, Answering, dict[str, Any]]:
    """Players for these rows, as many numbers given as said, and the options of their game; nets' are taken out."""
    hidden, width, n_noise = options.pop("hidden"), options.pop("width"), options["n_noise"]
    if len(rows.shape) == 1:
        players = dense_players(name, rows.shape[0], n_given, n_given, hidden, n_noise)
        return *players, options | {"optimizer": DENSE}
    n, *size = rows.shape
    lipschitz = options["lipschitz"]
    pictures = picture_players(name, n, (size[0], size[1]), n_given, n_given, width, n_noise, lipschitz=lipschitz)
    return *pictures, options | {"optimizer": ADAM}


@model.variants("generator", choices=("in_channels image_size | in_features",))
def ac_gan(
    *,
    in_channels: int | None,
    image_size: tuple[int, int] | None,
    in_features: int | None,
    n_outputs: int,
    hidden: tuple[int, ...] = (128, 128),
    width: int = 64,
    n_noise: int = 16,
    game: str = "nonsaturating",
    n_critic: int = 1,
    smooth: float = 0.0,
    lipschitz: str = "none",
    replay: int = 0,
    naming: float = 1.0,
) -> AuxiliaryClassifier:
    """A GAN told classes, whose critic names the class of a row instead of being told it.

    Parameters
    ----------
    hidden : widths of both nets, for tables.
    width : channels next to the picture, for pictures; they double with each halving.
    n_noise : numbers in z.
    game : what the players lose.
    n_critic, smooth, lipschitz, replay : as of "gan" and "dcgan"; a bound leaves the layer that names classes free.
    naming : what a wrongly named class costs both.
    """
    rows, options = rows_and_options(locals())
    maker, critic, own = players_of("ac_gan", rows, rows.n_classes, options)
    return AuxiliaryClassifier(maker, critic, rows.shape, rows.n_classes, **own)


@model.variants("generator", choices=("in_channels image_size | in_features",))
def info_gan(
    *,
    in_channels: int | None,
    image_size: tuple[int, int] | None,
    in_features: int | None,
    n_kinds: int = 10,
    n_numbers: int = 0,
    hidden: tuple[int, ...] = (128, 128),
    width: int = 64,
    n_noise: int = 16,
    game: str = "nonsaturating",
    n_critic: int = 1,
    smooth: float = 0.0,
    lipschitz: str = "none",
    replay: int = 0,
    informing: float = 1.0,
) -> InformationGAN:
    """A GAN told nothing, whose generator is given a code that the critic can read off what it makes.

    Parameters
    ----------
    n_kinds : of which the code names one.
    n_numbers : from -1 to 1 in the code, beside it.
    hidden : widths of both nets, for tables.
    width : channels next to the picture, for pictures; they double with each halving.
    n_noise : numbers in z.
    game : what the players lose.
    n_critic, smooth, lipschitz, replay : as of "gan" and "dcgan"; a bound leaves the reader's layer free.
    informing : how much a code that can be read is worth.
    """
    rows, options = rows_and_options(locals())
    maker, critic, own = players_of("info_gan", rows, n_kinds + n_numbers, options)
    return InformationGAN(maker, critic, rows.shape, 0, **own)
