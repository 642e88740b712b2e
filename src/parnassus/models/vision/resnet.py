"""Residual nets: ResNet-18 to 152 of ImageNet, and the thin ones of 20 to 110 layers for small pictures."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...errors import SettingError, did_you_mean
from ...layers.rectified import Chain, norm_relu
from ...layers.vision import SMALL, GlobalAverage, started
from ...registry import model

STEMS = ("auto", "paper", "small")
# (theirs, ours): torchvision and timm; see `vision_layouts` for transformers
THEIRS = (
    ("conv1.*", "conv1.*"),
    ("bn1.*", "bn1.*"),
    *((f"layer{i + 1}.*", f"stages.{i}.*") for i in range(4)),
    ("fc.*", "head.2.*"),
)
LAYOUTS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
KEYS = {f"resnet{depth}": (THEIRS,) for depth in LAYOUTS}


class Block(nn.Module):
    """y = relu(F(x) + x), F two 3 x 3 convolutions with batch normalisation; the shortcut changes shape where F does.

    `preactivation` normalises and activates before each convolution instead, and adds without an activation after.

    Systems: residual-block
    Source: He et al. 2016 (and its sequel for the pre-activation form); Baker A102 and A103, Jaiswal J92, Keras K79.
    """

    expansion = 1

    def __init__(self, n_in: int, width: int, stride: int, shortcut: nn.Module, *, preactivation: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_in if preactivation else width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample, self.preactivation = shortcut, preactivation

    def forward(self, x: Tensor) -> Tensor:
        if self.preactivation:
            h = norm_relu(self.bn1, x)
            return self.conv2(norm_relu(self.bn2, self.conv1(h))) + self.downsample(x)
        h = norm_relu(self.bn1, self.conv1(x))
        return norm_relu(self.bn2, self.conv2(h), self.downsample(x))


class Bottleneck(nn.Module):
    """The same with F of 1 x 1 to a quarter of the channels, 3 x 3 (with the stride), and 1 x 1 back.

    Systems: bottleneck-block
    Source: He et al. 2016, with the stride in the 3 x 3; Baker A104, Jaiswal J92.
    """

    expansion = 4

    def __init__(self, n_in: int, width: int, stride: int, shortcut: nn.Module, *, preactivation: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(n_in, width, 1, bias=False), nn.BatchNorm2d(n_in if preactivation else width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width if preactivation else 4 * width)
        self.downsample, self.preactivation = shortcut, preactivation

    def forward(self, x: Tensor) -> Tensor:
        if self.preactivation:
            h = self.conv1(norm_relu(self.bn1, x))
            h = self.conv2(norm_relu(self.bn2, h))
            return self.conv3(norm_relu(self.bn3, h)) + self.downsample(x)
        h = norm_relu(self.bn1, self.conv1(x))
        h = norm_relu(self.bn2, self.conv2(h))
        return norm_relu(self.bn3, self.conv3(h), self.downsample(x))


class PaddedShortcut(nn.Module):
    """Every second pixel, with channels of zeros added: a shortcut without weights (option A of the paper)."""

    def __init__(self, stride: int, n_more: int) -> None:
        super().__init__()
        self.stride, self.n_more = stride, n_more

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.pad(x[..., :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.n_more))


class ResNet(nn.Module):
    """Stages of residual blocks: x (batch, in_channels, height, width) -> (batch, n_outputs).

    Parameters
    ----------
    kind : Block or Bottleneck. layout : blocks of each stage. widths : channels of each stage, before expansion.
    stem : "paper" (7 x 7 at stride 2 and a pool) or "small" (3 x 3 at stride 1).
    projection : whether shortcuts that change shape are 1 x 1 convolutions; otherwise they are padded with zeros.
    """

    def __init__(
        self,
        kind: type[Block] | type[Bottleneck],
        layout: Sequence[int],
        widths: Sequence[int],
        *,
        in_channels: int,
        n_outputs: int,
        stem: str,
        projection: bool = True,
        preactivation: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        first = widths[0]
        small = stem == "small"
        self.conv1 = nn.Conv2d(in_channels, first, 3 if small else 7, 1 if small else 2, 1 if small else 3, bias=False)
        self.bn1 = nn.BatchNorm2d(first) if not preactivation else nn.Identity()
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)
        self.preactivation, n_in, stages = preactivation, first, []
        for i, (n_blocks, width) in enumerate(zip(layout, widths, strict=True)):
            blocks = []
            for j in range(n_blocks):
                stride, n_out = 2 if i and not j else 1, width * kind.expansion
                shortcut = _shortcut(n_in, n_out, stride, projection=projection, norm=not preactivation)
                blocks.append(kind(n_in, width, stride, shortcut, preactivation=preactivation))
                n_in = n_out
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.last = Chain(nn.BatchNorm2d(n_in), nn.ReLU()) if preactivation else nn.Identity()
        self.head = nn.Sequential(GlobalAverage(), nn.Dropout(dropout), nn.Linear(n_in, n_outputs))
        started(self)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(x.contiguous(memory_format=torch.channels_last))
        h = h if self.preactivation else norm_relu(self.bn1, h)
        return self.head(self.last(self.stages(self.maxpool(h))))


def _shortcut(n_in: int, n_out: int, stride: int, *, projection: bool, norm: bool) -> nn.Module:
    if stride == 1 and n_in == n_out:
        return nn.Identity()
    if not projection:
        return PaddedShortcut(stride, n_out - n_in)
    conv = nn.Conv2d(n_in, n_out, 1, stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(n_out)) if norm else conv


def stem_for(name: str, stem: str, image_size: tuple[int, int]) -> str:
    """The stem that is meant: "auto" takes the small one for pictures that the paper's would leave too little of."""
    if stem not in STEMS:
        raise SettingError(f"model {name!r}: stem={stem!r}; {did_you_mean(stem, STEMS)}")
    return ("small" if min(image_size) < SMALL else "paper") if stem == "auto" else stem


def refuse_small(name: str, image_size: tuple[int, int], least: int) -> None:
    """Refuses pictures of which the halvings of a net would leave nothing."""
    if min(image_size) < least:
        raise SettingError(
            f"model {name!r} takes pictures of at least {least} pixels a side, or nothing of them is left at its end; "
            f"these are {image_size[0]} x {image_size[1]}: enlarge them by codec=pn.Image(size={least}, "
            "resize='stretch'), or take another model"
        )


def check_width(name: str, width: float, dropout: float) -> None:
    """Refuses a width multiplier that is not above 0, and a dropout that is no rate."""
    if not 0 < width <= 16 or not 0 <= dropout < 1:
        raise SettingError(f"model {name!r}: width is above 0 and dropout in [0, 1); got {width} and {dropout}")


@model.sizes("classifier", "regressor", depth=(18, 20, 32, 34, 44, 50, 56, 101, 110, 152))
def resnet(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    depth: int = 18,
    width: float = 1.0,
    stem: str = "auto",
    preactivation: bool = False,
    dropout: float = 0.0,
) -> nn.Module:
    """A residual net: 18, 34, 50, 101 or 152 layers as for ImageNet, or 20 to 110 thin ones for small pictures.

    With stem="auto" the former start gently on pictures below 64 pixels. The latter have three stages of 16, 32 and 64
    channels, and shortcuts without weights.

    Systems: resnet
    Source: He et al. 2016; Baker A105 (whose prose counts the layers wrongly), Martinez-Ramon A4.17, Jaiswal J92.
    """
    name, thin = f"resnet{depth}", depth not in LAYOUTS
    check_width(name, width, dropout)
    if thin and stem == "paper":
        raise SettingError(f"model {name!r} is for small pictures, and starts gently; leave stem='auto'")
    net = ResNet(
        Block if thin or depth < 50 else Bottleneck,
        ((depth - 2) // 6,) * 3 if thin else LAYOUTS[depth],
        [max(round(n * width), 1) for n in ((16, 32, 64) if thin else (64, 128, 256, 512))],
        in_channels=in_channels,
        n_outputs=n_outputs,
        stem="small" if thin else stem_for(name, stem, image_size),
        projection=not thin,
        preactivation=preactivation,
        dropout=dropout,
    )
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
