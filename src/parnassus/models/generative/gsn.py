"""Chains that spoil and restore vectors, by dense layers."""

from ...errors import SettingError
from ...objectives.generative.denoising_chain import DenoisingChain
from ...registry import model
from ..tables.mlp import MLP
from .unet_diffusion import rows_and_options


@model.variants("generator", choices=("| n_outputs | n_told",))
def gsn(*, in_features: int, n_outputs: int | None, n_told: int | None, hidden: tuple[int, ...] = (128, 128),
        n_modes: int = 8, level: float = 0.5, n_walk: int = 2, n_sampled: int = 100) -> DenoisingChain:  # fmt: skip
    """A generative stochastic network: noise is added to a row, a net draws what the row was, again and again.

    Parameters
    ----------
    hidden : widths of the dense layers.
    n_modes : Gaussians in what the net says of a spoilt row.
    level : deviation of the noise.
    n_walk : rounds of the chain that are learned from at each step.
    n_sampled : rounds until a row is drawn.
    """
    rows, options = rows_and_options(locals())
    if not hidden or any(n < 1 for n in hidden):
        raise SettingError(f"model 'gsn': hidden are widths of at least 1; got {hidden}")
    n_in, n_said = in_features + rows.n_classes + rows.n_told, max(n_modes, 1) * (1 + 2 * in_features)
    net = MLP((n_in, *options.pop("hidden"), n_said), activation="silu")
    return DenoisingChain(net, in_features, rows.n_classes, n_told=rows.n_told, **options)
