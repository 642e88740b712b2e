"""EfficientNet: inverted residuals with channel gates, made deeper, wider and sharper together."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...layers.vision import (
    GlobalAverage,
    SqueezeExcitation,
    StochasticDepth,
    convolution,
    scaled,
    started,
)
from ...registry import model
from .mobilenet import Convention, convention_of, placed, strides_for, timm_keys
from .resnet import check_width

# expansion, kernel, stride, channels, blocks of B0
STAGES = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4),
          (6, 3, 1, 320, 1))  # fmt: skip
# width, depth, dropout; pictures of 224, 240, 260, 300, 380, 456, 528 and 600 pixels
SCALES = ((1.0, 1.0, 0.2), (1.0, 1.1, 0.2), (1.1, 1.2, 0.3), (1.2, 1.4, 0.3), (1.4, 1.8, 0.4), (1.6, 2.2, 0.4),
          (1.8, 2.6, 0.5), (2.0, 3.1, 0.5))  # fmt: skip


def _keys(depth: float) -> list[tuple[str, str]]:
    """torchvision's names: blocks are counted by stage there, and through all stages here."""
    table, i = [("features.0.*", "features.0.*")], 1
    for stage, (*_, n) in enumerate(STAGES, 1):
        for block in range(math.ceil(depth * n)):
            table.append((f"features.{stage}.{block}.block.*", f"features.{i}.body.*"))
            i += 1
    return [*table, (f"features.{len(STAGES) + 1}.*", f"features.{i}.*"), ("classifier.1.*", "head.2.*")]


def _tables(i: int) -> tuple[list[tuple[str, str]], ...]:
    """torchvision's names, and timm's."""
    depth = SCALES[i][1]
    return _keys(depth), timm_keys([math.ceil(depth * n) for *_, n in STAGES], gated=True)


KEYS = {f"efficientnet_b{i}": _tables(i) for i in range(8)}
EPS = 1e-3  # of norms: torchvision's from B5 on
BUILT_WITH: dict[str, tuple[dict[str, str], ...]] = {
    f"efficientnet_b{i}": ({"origin": "torchvision"}, {}) for i in range(5, 8)
}


class MBConv(nn.Module):
    """1 x 1 out, k x k on each channel, gates read off a quarter of the incoming channels, 1 x 1 back; plus x.

    Source: Tan and Le 2019; Martinez-Ramon A4.22.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        kernel: int,
        stride: int,
        expansion: int,
        drop: float,
        convolve: Callable[..., nn.Sequential] = convolution,
    ) -> None:
        super().__init__()
        wide, act = scaled(1.0, n_in * expansion), nn.SiLU
        parts: list[nn.Module] = [convolve(n_in, wide, 1, act=act)] if expansion != 1 else []
        parts.append(convolve(wide, wide, kernel, stride=stride, groups=wide, act=act))
        parts.append(SqueezeExcitation(wide, max(1, n_in // 4), act=act))
        self.body = nn.Sequential(*parts, convolve(wide, n_out, 1, act=None))
        self.adds, self.drop = stride == 1 and n_in == n_out, StochasticDepth(drop)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop(self.body(x)) if self.adds else self.body(x)


class EfficientNet(nn.Module):
    """x (batch, in_channels, height, width) -> (batch, n_outputs)."""

    def __init__(
        self,
        *,
        in_channels: int,
        image_size: tuple[int, int],
        n_outputs: int,
        width: float,
        depth: float,
        dropout: float,
        drop_path: float,
        convention: Convention,
    ) -> None:
        super().__init__()
        self.scales, self.image_size = (width, depth), image_size
        stride, convolve = strides_for(image_size), convention.convolution
        n_in = scaled(width, 32)
        parts: list[nn.Module] = [convolve(in_channels, n_in, 3, stride=stride(2), act=nn.SiLU)]
        repeats = [math.ceil(depth * n) for *_, n in STAGES]
        done = 0
        for (expansion, kernel, step, channels, _), n_blocks in zip(STAGES, repeats, strict=True):
            n_out = scaled(width, channels)
            for i in range(n_blocks):
                drop = drop_path * done / sum(repeats)
                first = stride(step) if not i else 1
                settings = {"kernel": kernel, "stride": first, "expansion": expansion}
                parts.append(MBConv(n_in, n_out, drop=drop, convolve=convolve, **settings))
                n_in, done = n_out, done + 1
        parts.append(convolve(n_in, 4 * n_in, 1, act=nn.SiLU))
        self.features = nn.Sequential(*parts)
        self.head = nn.Sequential(GlobalAverage(), nn.Dropout(dropout), nn.Linear(4 * n_in, n_outputs))
        started(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x.contiguous(memory_format=torch.channels_last)))


def compound(phi: float, *, alpha: float = 1.2, beta: float = 1.1, gamma: float = 1.15) -> tuple[float, float, float]:
    """How much deeper (alpha^phi), wider (beta^phi) and sharper (gamma^phi) a net becomes for 2^phi times the work.

    alpha beta^2 gamma^2 is about 2: work grows with the depth, and with the squares of width and resolution.

    >>> [round(v, 3) for v in compound(1.0)], round(1.2 * 1.1**2 * 1.15**2, 2)
    ([1.2, 1.1, 1.15], 1.92)

    Systems: efficientnet
    Source: Tan and Le 2019, eq. 3; Martinez-Ramon A4.22.
    """
    return alpha**phi, beta**phi, gamma**phi


@model.sizes("classifier", "regressor", size=("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"))
def efficientnet_(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    size: str = "b0",
    width: float = 1.0,
    dropout: float | None = None,
    drop_path: float = 0.2,
    origin: str = "torch",
) -> nn.Module:
    """EfficientNet-B0 to B7; `width` scales channels once more. Pictures below 64 pixels are halved less often.

    origin="tensorflow" computes as the net of weights from there: other padding at strides, norms with eps 0.001.
    "torchvision", of B5 to B7, has that eps alone.

    Systems: efficientnet
    Source: Tan and Le 2019; Martinez-Ramon A4.22.
    """
    wide, deep, usual = SCALES[int(size[1])]
    rate = usual if dropout is None else dropout
    more = {"torchvision": Convention(eps=EPS)} if size >= "b5" else {}
    check_width(f"efficientnet_{size}", width, max(rate, drop_path))
    net = EfficientNet(
        in_channels=in_channels,
        image_size=image_size,
        n_outputs=n_outputs,
        width=wide * width,
        depth=deep,
        dropout=rate,
        drop_path=drop_path,
        convention=convention_of(f"efficientnet_{size}", origin, **more),
    )
    return placed(net)
