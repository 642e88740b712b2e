"""Latent diffusion of pictures, told a text, a class or nothing."""

from typing import Any

from ...data.audio.transcripts import Units
from ...errors import SettingError
from ...functional.diffusion.samplers import Sampler
from ...functional.diffusion.schedules import Kind
from ...objectives.generative.latent_diffusion import LatentDiffusion
from ...registry import model
from ..text.text_tower import TextTower
from .latent_coder import LatentCoder
from .unet_diffusion import rows_and_options
from .unet_text import TextDenoiser, TextUNet, heads_for


def _made(in_channels: int, image_size: tuple[int, int], n_conditions: int, **options: Any) -> LatentDiffusion:
    """The coder, the tower and the U-Net as one objective."""
    coder, channels, width = options.pop("coder"), options.pop("channels"), options.pop("width")
    n_latent, n_layers, n_tokens = options.pop("n_latent"), options.pop("n_layers"), options.pop("n_tokens")
    if not coder or not channels or min(*coder, *channels) < 2 or min(width, n_latent, n_layers, n_tokens) < 1:
        raise SettingError(
            f"model 'latent_diffusion': coder and channels are widths of at least 2, one a resolution, and width, "
            f"n_latent, n_layers and n_tokens at least 1; got {coder}, {channels}, {width}, {n_latent}, {n_layers} and "
            f"{n_tokens}"
        )
    least = 2 ** (len(coder) + len(channels) - 2)
    if min(image_size) < least:
        raise SettingError(f"model 'latent_diffusion': these widths need pictures of {least} pixels; got {image_size}")
    tower = TextTower(n_conditions + 1, width, n_layers=n_layers, n_heads=heads_for((width,), 4), n_tokens=n_tokens)
    unet = TextUNet(n_latent, channels, context=width, n_heads=heads_for(channels, 4), n_blocks=1)
    maps = LatentCoder(in_channels, coder, n_blocks=1, n_latent=n_latent)
    return LatentDiffusion(maps, TextDenoiser(tower, unet), (in_channels, *image_size), n_conditions, **options)


@model.variants("generator", choices=("| n_outputs | units",))
def latent_diffusion(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int | None,
    units: Units | None,
    coder: tuple[int, ...] = (32, 64),
    n_latent: int = 4,
    channels: tuple[int, ...] = (64, 128),
    width: int = 64,
    n_layers: int = 2,
    n_tokens: int = 16,
    coding: float = 0.4,
    divergence: float = 0.001,
    schedule: Kind = "scaled_linear",
    n_steps: int = 1000,
    drop: float = 0.1,
    sampler: Sampler = "ddim",
    n_sampled: int = 50,
    guidance: float = 1.0,
) -> LatentDiffusion:
    """A diffusion of small maps that pictures become and come back from; it may be told texts or classes.

    Parameters
    ----------
    coder : widths of the autoencoder, one a resolution: each after the first halves the picture.
    n_latent : numbers a place of a map.
    channels : widths of the U-Net, one a resolution; all but the coarsest look at the text.
    width, n_layers : of the text tower.
    n_tokens : words that are read.
    coding : the share of the training that goes to the autoencoder.
    divergence : what it is charged for maps that are not N(0, I).
    schedule, n_steps, sampler, n_sampled : of the diffusion, as in "ddpm".
    drop : the share of rows whose condition is not told, so that guidance is possible.
    guidance : how strongly samples lean on their condition; 1 is the net's own answer.
    """
    rows, options = rows_and_options(locals())
    n_conditions = rows.n_classes if units is None else len(units) - 1
    return _made(in_channels, image_size, n_conditions, **options)
