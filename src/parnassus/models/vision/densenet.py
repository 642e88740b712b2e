"""DenseNet: every layer of a block sees the maps of all layers before it."""

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...layers.rectified import Chain
from ...layers.vision import GlobalAverage, started
from ...registry import model
from .resnet import refuse_small, stem_for

LEAST = {"small": 8, "paper": 29}  # pixels a side, of which each halving leaves something
LAYOUTS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}


def _keys(layout: tuple[int, ...]) -> list[tuple[str, str]]:
    """The names of torchvision and timm; files of their first years have a dot more in those of a layer."""
    table, i = [("features.conv0.*", "features.0.*"), ("features.norm0.*", "features.1.*")], 4
    for b, n_layers in enumerate(layout, 1):
        for layer in range(1, n_layers + 1):
            theirs = f"features.denseblock{b}.denselayer{layer}"
            for part, k in (("norm1", 0), ("conv1", 2), ("norm2", 3), ("conv2", 5)):
                ours = f"features.{i}.body.{k}.*"
                table += [(f"{theirs}.{part}.*", ours), (f"{theirs}.{part[:-1]}.{part[-1]}.*", ours)]
            i += 1
        if b < len(layout):
            theirs = f"features.transition{b}"
            table += [(f"{theirs}.norm.*", f"features.{i}.*"), (f"{theirs}.conv.*", f"features.{i + 2}.*")]
            i += 4
    return [*table, ("features.norm5.*", f"features.{i}.*"), ("classifier.*", "head.2.*")]


KEYS = {f"densenet{depth}": (_keys(layout),) for depth, layout in LAYOUTS.items()}


class DenseLayer(nn.Module):
    """norm, relu, 1 x 1 to four times the growth, norm, relu, 3 x 3 to the growth; joined to what came in.

    Source: Huang et al. 2017 (DenseNet-B); Martinez-Ramon A4.21.
    """

    def __init__(self, n_in: int, growth: int) -> None:
        super().__init__()
        self.body = Chain(
            nn.BatchNorm2d(n_in),
            nn.ReLU(inplace=True),
            nn.Conv2d(n_in, 4 * growth, 1, bias=False),
            nn.BatchNorm2d(4 * growth),
            nn.ReLU(inplace=True),
            nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.body(x)], 1)


class DenseNet(nn.Module):
    """Dense blocks with transitions that compress: x (batch, in_channels, height, width) -> (batch, n_outputs).

    Layer l of a block that k_0 maps enter sees k_0 + growth (l - 1) maps; a transition keeps floor(compression n).
    """

    def __init__(
        self,
        layout: tuple[int, ...],
        *,
        in_channels: int,
        n_outputs: int,
        growth: int,
        compression: float,
        stem: str,
        dropout: float,
    ) -> None:
        super().__init__()
        n, small = 2 * growth, stem == "small"
        first = [nn.Conv2d(in_channels, n, 3 if small else 7, 1 if small else 2, 1 if small else 3, bias=False)]
        parts: list[nn.Module] = [*first, nn.BatchNorm2d(n), nn.ReLU(inplace=True)]
        parts += [] if small else [nn.MaxPool2d(3, 2, 1)]
        for i, n_layers in enumerate(layout):
            if i:
                kept = int(n * compression)
                transition = [nn.BatchNorm2d(n), nn.ReLU(inplace=True), nn.Conv2d(n, kept, 1, bias=False)]
                parts += [*transition, nn.AvgPool2d(2)]
                n = kept
            for _ in range(n_layers):
                parts.append(DenseLayer(n, growth))
                n += growth
        self.features = Chain(*parts, nn.BatchNorm2d(n), nn.ReLU(inplace=True))
        self.head = nn.Sequential(GlobalAverage(), nn.Dropout(dropout), nn.Linear(n, n_outputs))
        started(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x.contiguous(memory_format=torch.channels_last)))


@model.sizes("classifier", "regressor", depth=(121, 169, 201))
def densenet(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    depth: int = 121,
    growth: int = 32,
    compression: float = 0.5,
    stem: str = "auto",
    dropout: float = 0.0,
) -> nn.Module:
    """DenseNet-121, 169 or 201: `growth` maps a layer, blocks compressed to a share of their maps (DenseNet-BC).

    Systems: densenet
    Source: Huang et al. 2017; Martinez-Ramon A4.21.
    """
    name = f"densenet{depth}"
    if growth < 1 or not 0 < compression <= 1 or not 0 <= dropout < 1:
        raise SettingError(
            f"model {name!r}: growth is at least 1, compression in (0, 1] and dropout in [0, 1); got {growth}, "
            f"{compression} and {dropout}"
        )
    stem = stem_for(name, stem, image_size)
    refuse_small(name, image_size, LEAST[stem])
    net = DenseNet(
        LAYOUTS[depth],
        in_channels=in_channels,
        n_outputs=n_outputs,
        growth=growth,
        compression=compression,
        stem=stem,
        dropout=dropout,
    )
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
