"""Noise-conditioned scores of pictures and vectors: the nets of a diffusion, told levels of noise."""

from typing import Any

from ..objectives.noisy_scores import NoisyScores
from ..registry import model
from .unet_diffusion import chosen, classes_of, picture_net, split_options, vector_net


def of_pictures(in_channels: int, image_size: tuple[int, int], n_outputs: int, **options: Any) -> NoisyScores:
    """Scores of pictures."""
    own, _, rest = split_options(options)
    net = picture_net("ncsn", in_channels, image_size, n_outputs, **own)
    return NoisyScores(net, (in_channels, *image_size), classes_of(n_outputs), **rest)


def of_vectors(in_features: int, n_outputs: int, **options: Any) -> NoisyScores:
    """Scores of vectors."""
    _, hidden, rest = split_options(options)
    net = vector_net("ncsn", in_features, n_outputs, hidden)
    return NoisyScores(net, (in_features,), classes_of(n_outputs), **rest)


@model.register("generator", name="ncsn")
def pictures(*, in_channels: int, image_size: tuple[int, int],
             channels: tuple[int, ...] = (32, 64), n_blocks: int = 1, dropout: float = 0.0,
             hidden: tuple[int, ...] = (128, 128, 128), high: float = 10.0, low: float = 0.02,
             n_levels: int = 40, n_steps: int = 5, drop: float = 0.1,
             guidance: float = 1.0) -> NoisyScores:  # fmt: skip
    """Scores at many levels of noise, and Langevin chains along them; a U-Net for pictures, dense layers for tables.

    Parameters
    ----------
    channels : of the U-Net, one a resolution; the coarsest attends.
    n_blocks : residual blocks a resolution.
    dropout : in each residual block.
    hidden : widths of the dense layers, for tables.
    high : the deviation of the most noise; about the largest distance of two rows.
    low : the deviation of the least.
    n_levels : of noise, each the same share of the one before.
    n_steps : of a chain at each level.
    drop : the share of rows whose condition is not told, so that guidance is possible.
    guidance : how strongly samples lean on their condition; 1 is the net's own answer.
    """
    return of_pictures(in_channels, image_size, 0, **chosen(locals()))


@model.register("generator", name="ncsn")
def pictures_by_class(*, in_channels: int, image_size: tuple[int, int], n_outputs: int,
                      channels: tuple[int, ...] = (32, 64), n_blocks: int = 1, dropout: float = 0.0,
                      hidden: tuple[int, ...] = (128, 128, 128), high: float = 10.0, low: float = 0.02,
                      n_levels: int = 40, n_steps: int = 5, drop: float = 0.1,
                      guidance: float = 1.0) -> NoisyScores:  # fmt: skip
    """Scores of pictures, told their class."""
    return of_pictures(in_channels, image_size, n_outputs, **chosen(locals()))


@model.register("generator", name="ncsn")
def vectors(*, in_features: int,
            channels: tuple[int, ...] = (32, 64), n_blocks: int = 1, dropout: float = 0.0,
            hidden: tuple[int, ...] = (128, 128, 128), high: float = 10.0, low: float = 0.02,
            n_levels: int = 40, n_steps: int = 5, drop: float = 0.1,
            guidance: float = 1.0) -> NoisyScores:  # fmt: skip
    """Scores of vectors."""
    return of_vectors(in_features, 0, **chosen(locals()))


@model.register("generator", name="ncsn")
def vectors_by_class(*, in_features: int, n_outputs: int,
                     channels: tuple[int, ...] = (32, 64), n_blocks: int = 1, dropout: float = 0.0,
                     hidden: tuple[int, ...] = (128, 128, 128), high: float = 10.0, low: float = 0.02,
                     n_levels: int = 40, n_steps: int = 5, drop: float = 0.1,
                     guidance: float = 1.0) -> NoisyScores:  # fmt: skip
    """Scores of vectors, told their class."""
    return of_vectors(in_features, n_outputs, **chosen(locals()))
