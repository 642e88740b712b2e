"""Flow matching of pictures and vectors: the nets of a diffusion, told another thing."""

from typing import Any

from ..functional.diffusion.flow import Solver
from ..objectives.flow_matching import FlowMatching
from ..registry import model
from .unet_diffusion import chosen, classes_of, picture_net, split_options, vector_net


def of_pictures(
    in_channels: int, image_size: tuple[int, int], n_outputs: int, n_told: int = 0, **options: Any
) -> FlowMatching:
    """Flow matching of pictures."""
    own, _, rest = split_options(options)
    net = picture_net("flow_matching", in_channels, image_size, n_outputs, **own, n_told=n_told)
    return FlowMatching(net, (in_channels, *image_size), classes_of(n_outputs), n_told=n_told, **rest)


def of_vectors(in_features: int, n_outputs: int, n_told: int = 0, **options: Any) -> FlowMatching:
    """Flow matching of vectors."""
    _, hidden, rest = split_options(options)
    net = vector_net("flow_matching", in_features, n_outputs, hidden, n_told)
    return FlowMatching(net, (in_features,), classes_of(n_outputs), n_told=n_told, **rest)


@model.register("generator", name="flow_matching")
def pictures(*, in_channels: int, image_size: tuple[int, int], channels: tuple[int, ...] = (32, 64), n_blocks: int = 1,
             dropout: float = 0.0, hidden: tuple[int, ...] = (128, 128, 128), drop: float = 0.1,
             solver: Solver = "midpoint", n_sampled: int = 25, guidance: float = 1.0) -> FlowMatching:  # fmt: skip
    """A field that carries noise to rows along straight lines; a U-Net for pictures, dense layers for tables.

    Parameters
    ----------
    channels : of the U-Net, one a resolution; the coarsest attends.
    n_blocks : residual blocks a resolution.
    dropout : in each residual block.
    hidden : widths of the dense layers, for tables.
    drop : the share of rows whose condition is not told, so that guidance is possible.
    solver : "midpoint" asks the net twice a step, "euler" once.
    n_sampled : steps from noise to rows.
    guidance : how strongly samples lean on their condition; 1 is the net's own answer.
    """
    return of_pictures(in_channels, image_size, 0, **chosen(locals()))


@model.register("generator", name="flow_matching")
def pictures_by_class(*, in_channels: int, image_size: tuple[int, int], n_outputs: int,
                      channels: tuple[int, ...] = (32, 64), n_blocks: int = 1, dropout: float = 0.0,
                      hidden: tuple[int, ...] = (128, 128, 128), drop: float = 0.1, solver: Solver = "midpoint",
                      n_sampled: int = 25, guidance: float = 1.0) -> FlowMatching:  # fmt: skip
    """Flow matching of pictures, told their class."""
    return of_pictures(in_channels, image_size, n_outputs, **chosen(locals()))


@model.register("generator", name="flow_matching")
def vectors(*, in_features: int, channels: tuple[int, ...] = (32, 64), n_blocks: int = 1, dropout: float = 0.0,
            hidden: tuple[int, ...] = (128, 128, 128), drop: float = 0.1, solver: Solver = "midpoint",
            n_sampled: int = 25, guidance: float = 1.0) -> FlowMatching:  # fmt: skip
    """Flow matching of vectors."""
    return of_vectors(in_features, 0, **chosen(locals()))


@model.register("generator", name="flow_matching")
def vectors_by_class(*, in_features: int, n_outputs: int, channels: tuple[int, ...] = (32, 64), n_blocks: int = 1,
                     dropout: float = 0.0, hidden: tuple[int, ...] = (128, 128, 128), drop: float = 0.1,
                     solver: Solver = "midpoint", n_sampled: int = 25,
                     guidance: float = 1.0) -> FlowMatching:  # fmt: skip
    """Flow matching of vectors, told their class."""
    return of_vectors(in_features, n_outputs, **chosen(locals()))
