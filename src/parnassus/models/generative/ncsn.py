"""Noise-conditioned scores of pictures and vectors: the nets of a diffusion, told levels of noise."""

from ...objectives.generative.noisy_scores import NoisyScores
from ...registry import model
from .unet_diffusion import net_of, rows_and_options


@model.variants("generator", choices=("in_channels image_size | in_features", "| n_outputs | n_told"))
def ncsn(
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
    high: float = 10.0,
    low: float = 0.02,
    n_levels: int = 40,
    n_steps: int = 5,
    drop: float = 0.1,
    guidance: float = 1.0,
) -> NoisyScores:
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
    rows, options = rows_and_options(locals())
    net = net_of("ncsn", rows, options)
    return NoisyScores(net, rows.shape, rows.n_classes, n_told=rows.n_told, **options)
