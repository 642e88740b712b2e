"""VGG nets: 3 x 3 convolutions in blocks, a pool after each, and three dense layers."""

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...layers.rectified import Chain
from ...layers.vision import SMALL, started
from ...registry import model
from .resnet import check_width

BLOCKS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)
THEIRS = [  # torchvision's names are ours; timm has the first dense layers as kernels
    ("features.*", "features.*"),
    ("pre_logits.fc1.*", "classifier.0.*"),
    ("pre_logits.fc2.*", "classifier.3.*"),
    ("head.fc.*", "classifier.6.*"),
]
KEYS = {f"vgg{depth}": (THEIRS,) for depth in BLOCKS}


class VGG(nn.Module):
    """x (batch, in_channels, height, width) -> (batch, n_outputs); five blocks, each halving the sides where it can.

    `head` is the width of the two dense layers before the last; `norm` puts batch normalisation after convolutions, and
    `response` local response normalisation after the first. With `pointwise` the third convolution of a block is 1 x 1.
    """

    def __init__(
        self,
        n_convolutions: tuple[int, ...],
        *,
        in_channels: int,
        image_size: tuple[int, int],
        n_outputs: int,
        width: float,
        head: int,
        norm: bool,
        response: bool,
        pointwise: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        n_in, (height, wide) = in_channels, image_size
        local = [nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)] if response else []
        for n, channels in zip(n_convolutions, CHANNELS, strict=True):
            n_out = max(round(channels * width), 1)
            for k in range(n):
                side = 1 if pointwise and k == 2 else 3
                parts += [nn.Conv2d(n_in, n_out, side, padding=side // 2), *([nn.BatchNorm2d(n_out)] if norm else [])]
                parts += [nn.ReLU(inplace=True), *local]
                n_in, local = n_out, []
            if min(height, wide) >= 2:
                parts.append(nn.MaxPool2d(2))
                height, wide = height // 2, wide // 2
        self.features = Chain(*parts)
        # the paper's dense layers see 7 x 7 places; other sizes of its scale are brought to them, small ones stay
        self.pool = nn.AdaptiveAvgPool2d(7) if min(image_size) >= SMALL else nn.Identity()
        places = 49 if min(image_size) >= SMALL else height * wide
        layers = [nn.Linear(n_in * places, head), nn.ReLU(inplace=True), nn.Dropout(dropout)]
        layers += [nn.Linear(head, head), nn.ReLU(inplace=True), nn.Dropout(dropout), nn.Linear(head, n_outputs)]
        self.classifier = nn.Sequential(*layers)
        started(self)

    def forward(self, x: Tensor) -> Tensor:
        h = self.features(x.contiguous(memory_format=torch.channels_last))
        return self.classifier(self.pool(h).flatten(1))


@model.sizes("classifier", "regressor", depth=(11, 13, 16, 19))
def vgg(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    depth: int = 16,
    width: float = 1.0,
    head: int = 4096,
    norm: bool = False,
    response: bool = False,
    pointwise: bool = False,
    dropout: float = 0.5,
) -> nn.Module:
    """VGG-11, 13, 16 or 19 (configurations A, B, D, E): deep and plain; norm=True makes it train far more easily.

    response=True puts local response normalisation after the first layer, which with 11 layers is the A-LRN of the
    paper; it did not help there. pointwise=True makes the third convolution of a block 1 x 1: with 16 layers that is
    configuration C.

    Systems: vgg
    Source: Simonyan and Zisserman 2015; Baker A098, Martinez-Ramon A4.14, Jaiswal J89, Keras course K77 and K78.
    """
    check_width(f"vgg{depth}", width, dropout)
    if pointwise and depth != 16:
        raise SettingError(
            f"model 'vgg{depth}': pointwise=True is configuration C of the paper, which has 16 layers; take 'vgg16'"
        )
    if head < 1:
        raise SettingError(f"model 'vgg{depth}': head is at least 1; got {head}")
    net = VGG(
        BLOCKS[depth],
        in_channels=in_channels,
        image_size=image_size,
        n_outputs=n_outputs,
        width=width,
        head=head,
        norm=norm,
        response=response,
        pointwise=pointwise,
        dropout=dropout,
    )
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
