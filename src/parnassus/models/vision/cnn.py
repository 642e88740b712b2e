"""Convolutional nets for small pictures: LeNet-5 and a plain stack."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError
from ...layers.dense import activation as activation_named
from ...layers.normalization import StandardizedConv2d, picture_norm
from ...layers.rectified import Chain
from ...registry import model

POOLINGS = {"average": nn.AvgPool2d, "max": nn.MaxPool2d}
# (theirs, ours): LeNet-5 written as two nn.Sequential, `features` and `classifier`
KEYS = {
    "lenet": (
        (
            ("features.0.*", "conv1.*"),
            ("features.3.*", "conv2.*"),
            ("classifier.1.*", "fc1.*"),
            ("classifier.3.*", "fc2.*"),
            ("classifier.5.*", "fc3.*"),
        ),
    )
}


class LeNet5(nn.Module):
    """LeNet-5 in its modern form: conv 6, pool, conv 16, pool, dense 120, 84, outputs; 61,706 parameters for digits.

    x: (batch, in_channels, height, width) -> (batch, n_outputs). Pictures of another size than 32 x 32 are brought to
    it: 28 x 28 by a border of two pixels, as the paper frames its digits, and all others by bilinear resizing.

    The second convolution sees all six maps (the paper's sees chosen subsets, 60,000 parameters), and the last layer
    is dense (the paper's is an RBF).

    Systems: lenet5
    Source: LeCun, Bottou, Bengio and Haffner 1998, section II.B; Hifny A9.14; Baker A082, whose 2 x 2 kernels cannot
    give the 28 x 28 maps it states (5 x 5 do).
    """

    def __init__(self, *, in_channels: int, n_outputs: int, activation: str = "tanh", pooling: str = "average") -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(in_channels, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, n_outputs)
        self.activation, self.pool = activation_named(activation), POOLINGS[pooling](2)

    def forward(self, x: Tensor) -> Tensor:
        x = framed(x, 32)
        x = self.pool(self.activation(self.conv1(x)))  # (batch, 6, 14, 14)
        x = self.pool(self.activation(self.conv2(x)))  # (batch, 16, 5, 5)
        x = self.activation(self.fc1(x.flatten(1)))
        return self.fc3(self.activation(self.fc2(x)))


def framed(x: Tensor, size: int) -> Tensor:
    """Pictures as size x size: by a border of the lowest value where they are a little smaller, else resized."""
    height, width = x.shape[-2:]
    if height == width == size:
        return x
    if height == width and 0 < size - height <= 4:
        before = (size - height) // 2
        border = (before, size - height - before) * 2
        return F.pad(x - x.amin((-2, -1), keepdim=True), border) + x.amin((-2, -1), keepdim=True)
    return F.interpolate(x, (size, size), mode="bilinear", antialias=height > size or width > size)


class ConvStack(nn.Module):
    """Blocks of 3 x 3 convolution, normalisation, activation and 2 x 2 max pooling, then a dense head with dropout.

    x: (batch, in_channels, height, width) -> (batch, n_outputs). A block pools as long as a side of at least four
    remains, so that tiny pictures work. The maps are held channels last. `norm` is "batch", "layer" (the whole row),
    "instance", "group", "standardized" (groups, and kernels that are standardised too) or "none".
    """

    def __init__(
        self,
        *,
        in_channels: int,
        image_size: tuple[int, int],
        n_outputs: int,
        channels: tuple[int, ...],
        hidden: int,
        dropout: float,
        norm: str,
        activation: str,
        padding: str = "same",
    ) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        border = int(padding == "same")
        height, width, n_in = *image_size, in_channels
        for n_out in channels:
            convolution = StandardizedConv2d if norm == "standardized" else nn.Conv2d
            if not border and min(height, width) < 3:
                raise SettingError(
                    f"model 'cnn': padding='valid' leaves {height} x {width} before layer {len(parts)}, and a kernel "
                    f"needs 3 x 3; give fewer channels, larger pictures, or padding='same'"
                )
            parts.append(convolution(n_in, n_out, 3, padding=border, bias=norm == "none"))
            height, width = height - 2 + 2 * border, width - 2 + 2 * border
            parts += [picture_norm(norm, n_out)] if norm != "none" else []
            parts.append(in_place(activation))
            if min(height, width) >= 4:
                parts.append(nn.MaxPool2d(2))
                height, width = height // 2, width // 2
            n_in = n_out
        self.features = Chain(*parts)
        head: list[nn.Module] = [nn.Flatten(), nn.Linear(n_in * height * width, hidden), in_place(activation)]
        self.head = nn.Sequential(*head, nn.Dropout(dropout), nn.Linear(hidden, n_outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x.contiguous(memory_format=torch.channels_last)))


def in_place(activation: str) -> nn.Module:
    """The activation of this name; ReLU overwrites its input, which the layers here do not need again."""
    return nn.ReLU(inplace=True) if activation == "relu" else activation_named(activation)


@model.register("classifier", "regressor")
def lenet(
    *, in_channels: int, image_size: tuple[int, int], n_outputs: int, activation: str = "tanh", pooling: str = "average"
) -> LeNet5:
    """LeNet-5 (LeCun et al. 1998): two convolutions, three dense layers; pictures are brought to 32 x 32."""
    if pooling not in POOLINGS:
        raise SettingError(f"model 'lenet': pooling is {' or '.join(POOLINGS)}; got {pooling!r}")
    return LeNet5(in_channels=in_channels, n_outputs=n_outputs, activation=activation, pooling=pooling)


@model.register("classifier", "regressor")
def cnn(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    channels: tuple[int, ...] = (32, 64),
    hidden: int = 128,
    dropout: float = 0.25,
    normalize: bool = True,
    norm: str = "batch",
    activation: str = "relu",
    padding: str = "same",
) -> Any:
    """A plain convolutional net: 3 x 3 convolutions with normalisation, ReLU and pooling, then a dense head.

    `channels` is a width a layer. channels=(32, 64, 128), norm="none", padding="valid" is a book's net for CIFAR-10.

    Systems: generic-cnn
    Source: Baker 4.8.1 and 5.2, Martinez-Ramon 4.3.2 to 4.3.5 and example 4.3.1, Jaiswal 3.5.
    """
    if padding not in ("same", "valid"):
        raise SettingError(f"model 'cnn': padding is 'same' or 'valid'; got {padding!r}")
    if not normalize and norm not in ("batch", "none"):
        raise SettingError(f"model 'cnn': normalize=False leaves norm={norm!r} without effect; give one of them")
    if not channels or any(not isinstance(n, int) or n < 1 for n in channels):
        raise SettingError(f"model 'cnn': channels holds at least one width of at least 1; got {channels}")
    if hidden < 1 or not 0 <= dropout < 1:
        raise SettingError(f"model 'cnn': hidden is at least 1 and dropout in [0, 1); got {hidden} and {dropout}")
    net = ConvStack(
        in_channels=in_channels,
        image_size=image_size,
        n_outputs=n_outputs,
        channels=channels,
        hidden=hidden,
        dropout=dropout,
        norm=norm if normalize else "none",
        activation=activation,
        padding=padding,
    )
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
