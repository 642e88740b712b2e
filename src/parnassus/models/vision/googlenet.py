"""GoogLeNet: branches of several kernel sizes side by side."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import SettingError, did_you_mean
from ...layers.rectified import Chain
from ...layers.vision import AuxiliaryHead, GlobalAverage, scaled, started
from ...registry import model
from .resnet import check_width, refuse_small, stem_for

# 1x1; 3x3 reducer, 3x3; 5x5 reducer, 5x5; after the pool. Modules 3a to 5b, with pools after 3b and 4e.
MODULES = (
    (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), None,
    (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128), None,
    (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
)  # fmt: skip
NAMES = ("3a", "3b", None, "4a", "4b", "4c", "4d", "4e", None, "5a", "5b")


def _keys() -> list[tuple[str, str]]:
    """torchvision's names: each layer has its own there, and all are in one row here."""
    parts = (("conv", 0), ("bn", 1))
    table = [(f"conv{k}.{part}.*", f"features.{i}.{j}.*") for k, i in ((1, 0), (2, 2), (3, 3)) for part, j in parts]
    for i, name in enumerate(NAMES, 5):
        theirs, ours = f"inception{name}.branch", f"features.{i}.branch"
        if name is not None:
            table += [(f"{theirs}1.{part}.*", f"{ours}1.{j}.*") for part, j in parts]
            table += [(f"{theirs}*.*.{part}.*", f"{ours}*.*.{j}.*") for part, j in parts]
    return [*table, ("fc.*", "head.2.*")]


KEYS = {"googlenet": (_keys(),)}
BUILT_WITH = {"googlenet": {"origin": "torch", "norm": True, "auxiliary": 0.0}}  # side heads have norms there
SPARE = {"googlenet": (r"aux[12]\..*",)}


@dataclass(frozen=True)
class Convention:
    """What a library made otherwise: the third branch's kernel, the places of the last pool, eps of norms."""

    third: int = 5
    pool: int = 3
    eps: float = 1e-5


CONVENTIONS = {"paper": Convention(), "torch": Convention(third=3, pool=2, eps=1e-3)}
# pixels a side, of which each pool leaves something
LEAST = {("paper", "small"): 4, ("paper", "paper"): 31, ("torch", "small"): 2, ("torch", "paper"): 15}


class Inception(nn.Module):
    """Four branches, joined along the channels: 1 x 1; 1 x 1 then 3 x 3; 1 x 1 then 5 x 5; a pool then 1 x 1.

    The 1 x 1 reducers before the wide kernels take most of their cost away.

    Systems: inception-module
    Source: Szegedy et al. 2015; Baker A099 and A101 (joined, not added), Martinez-Ramon A4.15, Jaiswal J90.
    """

    def __init__(
        self,
        n_in: int,
        channels: tuple[int, int, int, int, int, int],
        *,
        norm: bool = False,
        convention: Convention = CONVENTIONS["paper"],
    ) -> None:
        super().__init__()
        one, reduce3, three, reduce5, five, after = channels
        told: dict[str, Any] = {"norm": norm, "eps": convention.eps}
        self.branch1 = unit(n_in, one, 1, **told)
        self.branch2 = nn.Sequential(unit(n_in, reduce3, 1, **told), unit(reduce3, three, 3, **told))
        self.branch3 = nn.Sequential(unit(n_in, reduce5, 1, **told), unit(reduce5, five, convention.third, **told))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), unit(n_in, after, 1, **told))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in (self.branch1, self.branch2, self.branch3, self.branch4)], 1)


def unit(
    n_in: int, n_out: int, kernel: int, *, stride: int = 1, norm: bool = False, eps: float = 1e-5
) -> nn.Sequential:
    """A convolution that keeps the size, normalised where asked for, and ReLU."""
    conv = nn.Conv2d(n_in, n_out, kernel, stride, (kernel - 1) // 2, bias=not norm)
    return Chain(conv, *([nn.BatchNorm2d(n_out, eps=eps)] if norm else []), nn.ReLU(inplace=True))


class GoogLeNet(nn.Module):
    """A stem, nine modules, channel means, one linear layer: (batch, in_channels, h, w) -> (batch, n_outputs)."""

    def __init__(
        self,
        *,
        in_channels: int,
        n_outputs: int,
        width: float,
        stem: str,
        norm: bool,
        dropout: float,
        auxiliary: float = 0.0,
        convention: Convention = CONVENTIONS["paper"],
    ) -> None:
        super().__init__()
        small = stem == "small"
        told: dict[str, Any] = {"norm": norm, "eps": convention.eps}
        first, second = scaled(width, 64), scaled(width, 192)
        parts: list[nn.Module] = [unit(in_channels, first, 3 if small else 7, stride=1 if small else 2, **told)]
        parts += [] if small else [nn.MaxPool2d(3, 2, ceil_mode=True)]
        parts += [unit(first, first, 1, **told), unit(first, second, 3, **told)]
        parts += [] if small else [nn.MaxPool2d(3, 2, ceil_mode=True)]
        n = second
        self.sides = nn.ModuleDict()  # by the number of the part behind which each looks: modules 4a and 4d
        pools = iter((3, convention.pool))
        for given in MODULES:
            if given is None:
                parts.append(nn.MaxPool2d(next(pools), 2, ceil_mode=True))
                continue
            channels = tuple(scaled(width, c) for c in given)
            parts.append(Inception(n, channels, norm=norm, convention=convention))  # type: ignore[arg-type]
            n = channels[0] + channels[2] + channels[4] + channels[5]
            if auxiliary and given in (MODULES[3], MODULES[6]):
                wide, maps = max(round(1024 * width), 1), scaled(width, 128)
                self.sides[str(len(parts) - 1)] = AuxiliaryHead.of_dense(n, maps, wide, n_outputs, weight=auxiliary)
        self.features = nn.Sequential(*parts)
        self.head = nn.Sequential(GlobalAverage(), nn.Dropout(dropout), nn.Linear(n, n_outputs))
        started(self)

    def forward(self, x: Tensor) -> Tensor:
        h = x.contiguous(memory_format=torch.channels_last)
        for i, part in enumerate(self.features):
            h = part(h)
            if str(i) in self.sides:
                self.sides[str(i)](h)
        return self.head(h)


@model.register("classifier", "regressor")
def googlenet(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    width: float = 1.0,
    stem: str = "auto",
    norm: bool = True,
    dropout: float = 0.4,
    auxiliary: float = 0.0,
    origin: str = "paper",
) -> nn.Module:
    """GoogLeNet: nine Inception modules; norm=False leaves batch normalisation out, as the paper of 2014 had to.

    With `auxiliary` (the paper's is 0.3) two side heads learn too, and are absent in use. origin="torch" computes as
    the net of torchvision's weights: 3 x 3 in place of 5 x 5, a last pool of 2 x 2, norms with eps 0.001.

    Systems: googlenet
    Source: Szegedy et al. 2015; Baker A099, Martinez-Ramon A4.15 (5M parameters are 7.0M), Jaiswal J90.
    """
    check_width("googlenet", width, dropout)
    if not 0 <= auxiliary < 10:
        raise SettingError(f"model 'googlenet': auxiliary is the weight of the side heads, from 0; got {auxiliary}")
    if origin not in CONVENTIONS:
        raise SettingError(f"model 'googlenet': origin={origin!r}; {did_you_mean(origin, CONVENTIONS)}")
    stem = stem_for("googlenet", stem, image_size)
    refuse_small("googlenet", image_size, LEAST[origin, stem])
    net = GoogLeNet(
        in_channels=in_channels,
        n_outputs=n_outputs,
        width=width,
        stem=stem,
        norm=norm,
        dropout=dropout,
        auxiliary=auxiliary,
        convention=CONVENTIONS[origin],
    )
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
