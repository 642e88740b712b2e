"""Nets that name the class of rows that noise was added to, told the step: they guide a diffusion."""

from torch import Tensor, nn
from torch.nn import functional as F

from ...layers.normalization import wide_groups
from .unet_diffusion import DiffusionMLP, Halved, Level, Middle, RowFacts, StepEmbedding, normalised


class PictureNamer(nn.Module):
    """x_t (batch, C, H, W), t (batch,) -> logits (batch, n_classes): the first half of a U-Net, and means over places.

    Source: Dhariwal and Nichol 2021, section 4, which pools by attention.
    """

    def __init__(
        self, in_channels: int, channels: tuple[int, ...], n_classes: int, *, n_blocks: int, dropout: float
    ) -> None:
        super().__init__()
        step, last, width = 4 * channels[0], len(channels) - 1, channels[0]
        self.conv_in = nn.Conv2d(in_channels, width, 3, padding=1)
        self.time_embedding = StepEmbedding(width, step)
        self.down_blocks = nn.ModuleList()
        for i, n in enumerate(channels):
            onward: nn.Module | None = Halved(n) if i < last else None
            widths = [(width, n)] + [(n, n)] * (n_blocks - 1)
            level = Level(widths, step, attends=i == last, onward=onward, up=False, dropout=dropout)
            self.down_blocks.append(level)
            width = n
        self.mid_block, self.norm = Middle(width, step, dropout), normalised(width)
        self.last = nn.Linear(width, n_classes)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        step, h = self.time_embedding(t), self.conv_in(x)
        for level in self.down_blocks:
            assert isinstance(level, Level)
            for i in range(len(level.resnets)):
                h = level.block(i, h, step)
            for onward in level.downsamplers:
                h = onward(h)
        return self.last(F.silu(self.norm(self.mid_block(h, step))).mean((2, 3)))


def namer_of(
    rows: RowFacts, channels: tuple[int, ...], n_blocks: int, dropout: float, hidden: tuple[int, ...]
) -> nn.Module:
    """A namer of noised rows, of the widths of the net that it guides."""
    if len(rows.shape) == 1:
        net = DiffusionMLP(rows.shape[0], hidden)
        net.last = nn.Linear(hidden[0], rows.n_classes)
        return net
    made = PictureNamer(rows.shape[0], channels, rows.n_classes, n_blocks=n_blocks, dropout=dropout)
    wide_groups(made)
    return made
