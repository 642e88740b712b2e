"""Generators that are told numbers, with the options of those that are told classes."""

from ..functional.diffusion.flow import Solver
from ..functional.diffusion.process import Target
from ..functional.diffusion.samplers import Sampler
from ..functional.diffusion.schedules import Kind
from ..objectives.diffusion import Diffusion, Weighting
from ..objectives.flow_matching import FlowMatching
from ..objectives.gan import Adversarial
from ..registry import model
from .dit import dit_of
from .flow_matching import of_pictures, of_vectors
from .gan import ADAM, dense_game, picture_game
from .unet_diffusion import chosen, ddpm_of_pictures, ddpm_of_vectors


@model.register("generator", name="ddpm")
def ddpm_pictures_by_numbers(*, in_channels: int, image_size: tuple[int, int], n_told: int,
                             channels: tuple[int, ...] = (32, 64), n_blocks: int = 1, dropout: float = 0.0,
                             hidden: tuple[int, ...] = (128, 128, 128), schedule: Kind = "linear",
                             n_steps: int = 1000, target: Target = "noise", weighting: Weighting = "simple",
                             drop: float = 0.1, sampler: Sampler = "ddim", n_sampled: int = 50,
                             guidance: float = 1.0) -> Diffusion:  # fmt: skip
    """A denoising diffusion of pictures, told numbers."""
    return ddpm_of_pictures(in_channels, image_size, 0, n_told, **chosen(locals()))


@model.register("generator", name="ddpm")
def ddpm_vectors_by_numbers(*, in_features: int, n_told: int, channels: tuple[int, ...] = (32, 64),
                            n_blocks: int = 1, dropout: float = 0.0, hidden: tuple[int, ...] = (128, 128, 128),
                            schedule: Kind = "linear", n_steps: int = 1000, target: Target = "noise",
                            weighting: Weighting = "simple", drop: float = 0.1, sampler: Sampler = "ddim",
                            n_sampled: int = 50, guidance: float = 1.0) -> Diffusion:  # fmt: skip
    """A denoising diffusion of vectors, told numbers."""
    return ddpm_of_vectors(in_features, 0, n_told, **chosen(locals()))


@model.register("generator", name="dit")
def dit_by_numbers(*, in_channels: int, image_size: tuple[int, int], n_told: int, patch_size: int = 2,
                   width: int = 128, n_layers: int = 4, n_heads: int = 4, schedule: Kind = "linear",
                   n_steps: int = 1000, target: Target = "noise", weighting: Weighting = "simple",
                   drop: float = 0.1, sampler: Sampler = "ddim", n_sampled: int = 50,
                   guidance: float = 1.0) -> Diffusion:  # fmt: skip
    """A denoising diffusion of pictures by a transformer, told numbers."""
    return dit_of(in_channels, image_size, 0, n_told, **chosen(locals()))


@model.register("generator", name="flow_matching")
def flow_of_pictures_by_numbers(*, in_channels: int, image_size: tuple[int, int], n_told: int,
                                channels: tuple[int, ...] = (32, 64), n_blocks: int = 1, dropout: float = 0.0,
                                hidden: tuple[int, ...] = (128, 128, 128), drop: float = 0.1,
                                solver: Solver = "midpoint", n_sampled: int = 25,
                                guidance: float = 1.0) -> FlowMatching:  # fmt: skip
    """Flow matching of pictures, told numbers."""
    return of_pictures(in_channels, image_size, 0, n_told, **chosen(locals()))


@model.register("generator", name="flow_matching")
def flow_of_vectors_by_numbers(*, in_features: int, n_told: int, channels: tuple[int, ...] = (32, 64),
                               n_blocks: int = 1, dropout: float = 0.0,
                               hidden: tuple[int, ...] = (128, 128, 128), drop: float = 0.1,
                               solver: Solver = "midpoint", n_sampled: int = 25,
                               guidance: float = 1.0) -> FlowMatching:  # fmt: skip
    """Flow matching of vectors, told numbers."""
    return of_vectors(in_features, 0, n_told, **chosen(locals()))


@model.register("generator", name="gan")
def gan_by_numbers(*, in_features: int, n_told: int, hidden: tuple[int, ...] = (128, 128), n_noise: int = 16,
                   game: str = "nonsaturating", n_critic: int = 1, smooth: float = 0.0) -> Adversarial:  # fmt: skip
    """Dense generator and critic, both told numbers."""
    return dense_game(in_features, 0, n_told=n_told, **chosen(locals()), optimizer=ADAM | {"lr": 1e-3})


@model.register("generator", name="dcgan")
def dcgan_by_numbers(*, in_channels: int, image_size: tuple[int, int], n_told: int, width: int = 64,
                     n_noise: int = 100, game: str = "nonsaturating", smooth: float = 0.0, r1: float = 0.0,
                     augment: str = "") -> Adversarial:  # fmt: skip
    """DCGAN, both players told numbers: beside z, and as maps beside the picture."""
    return picture_game(in_channels, image_size, 0, n_told=n_told, **chosen(locals()), optimizer=ADAM)
