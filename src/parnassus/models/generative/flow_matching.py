"""Flow matching of pictures and vectors: the nets of a diffusion, told another thing."""

from ...functional.diffusion.flow import Solver
from ...objectives.generative.flow_matching import FlowMatching
from ...registry import model
from .unet_diffusion import net_of, rows_and_options


@model.variants("generator", choices=("in_channels image_size | in_features", "| n_outputs | n_told"))
def flow_matching(
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
    drop: float = 0.1,
    solver: Solver = "midpoint",
    n_sampled: int = 25,
    guidance: float = 1.0,
) -> FlowMatching:
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
    rows, options = rows_and_options(locals())
    net = net_of("flow_matching", rows, options)
    return FlowMatching(net, rows.shape, rows.n_classes, n_told=rows.n_told, **options)
