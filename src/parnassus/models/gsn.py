"""Chains that spoil and restore vectors, by dense layers."""

from typing import Any

from ..errors import SettingError
from ..objectives.denoising_chain import DenoisingChain
from ..registry import model
from .mlp import MLP
from .unet_diffusion import chosen, classes_of


def chain_of_vectors(in_features: int, n_outputs: int, hidden: tuple[int, ...], **options: Any) -> DenoisingChain:
    """A chain of vectors."""
    if not hidden or any(n < 1 for n in hidden):
        raise SettingError(f"model 'gsn': hidden are widths of at least 1; got {hidden}")
    k, n_said = classes_of(n_outputs), max(options["n_modes"], 1) * (1 + 2 * in_features)
    net = MLP((in_features + k, *hidden, n_said), activation="silu")
    return DenoisingChain(net, in_features, k, **options)


@model.register("generator")
def gsn(*, in_features: int, hidden: tuple[int, ...] = (128, 128), n_modes: int = 8, level: float = 0.5,
        n_walk: int = 2, n_sampled: int = 100) -> DenoisingChain:  # fmt: skip
    """A generative stochastic network: noise is added to a row, a net draws what the row was, again and again.

    Parameters
    ----------
    hidden : widths of the dense layers.
    n_modes : Gaussians in what the net says of a spoilt row.
    level : deviation of the noise.
    n_walk : rounds of the chain that are learned from at each step.
    n_sampled : rounds until a row is drawn.
    """
    return chain_of_vectors(in_features, 0, **chosen(locals()))


@model.register("generator", name="gsn")
def gsn_by_class(*, in_features: int, n_outputs: int, hidden: tuple[int, ...] = (128, 128), n_modes: int = 8,
                 level: float = 0.5, n_walk: int = 2, n_sampled: int = 100) -> DenoisingChain:  # fmt: skip
    """The same, told the class."""
    return chain_of_vectors(in_features, n_outputs, **chosen(locals()))
