"""Nets for clips: convolutions in space and time (C3D, R3D-18), and frames read one after another (CNN-LSTM)."""

from typing import Any

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...layers.vision import SMALL
from ...registry import model
from .cnn import ConvStack


def _check(name: str, **given: float) -> None:
    for key, value in given.items():
        if not (0 <= value < 1 if key == "dropout" else value > 0):
            raise SettingError(
                f"model {name!r}: {key} is {'in [0, 1)' if key == 'dropout' else 'above 0'}; got {value}"
            )


class ClipNet(nn.Sequential):
    """Layers in a row over clips, whose maps keep their channels last: level to a sixth faster on CPUs."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.contiguous(memory_format=torch.channels_last_3d))


class Block3d(nn.Module):
    """y = relu(F(x) + x), F two convolutions of 3 x 3 x 3 with batch normalisation.

    Source: Tran et al. 2018 (R3D).
    """

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv3d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm3d(n_out)
        self.conv2, self.bn2 = nn.Conv3d(n_out, n_out, 3, 1, 1, bias=False), nn.BatchNorm3d(n_out)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or n_in != n_out:
            self.downsample = nn.Sequential(nn.Conv3d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm3d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(h)) + self.downsample(x))


@model.register("classifier", "regressor")
def r3d18(
    *, in_channels: int, frames: int, image_size: tuple[int, int], n_outputs: int, width: float = 1.0
) -> nn.Module:
    """R3D-18: a residual net of 18 layers whose kernels see three frames; small frames are not halved at once.

    Source: Tran et al. 2018; 33,371,472 parameters for the 400 classes of Kinetics.
    """
    _check("r3d18", width=width)
    widths = [max(round(n * width), 1) for n in (64, 128, 256, 512)]
    step = (1, 1, 1) if min(image_size) < SMALL else (1, 2, 2)
    stem = [nn.Conv3d(in_channels, widths[0], (3, 7, 7), step, (1, 3, 3), bias=False), nn.BatchNorm3d(widths[0])]
    parts: list[nn.Module] = [*stem, nn.ReLU(inplace=True)]
    n_in = widths[0]
    for i, n_out in enumerate(widths):
        parts += [Block3d(n_in, n_out, 2 if i else 1), Block3d(n_out, n_out, 1)]
        n_in = n_out
    return _started(ClipNet(*parts, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(n_in, n_outputs)))


@model.register("classifier", "regressor")
def c3d(
    *,
    in_channels: int,
    frames: int,
    image_size: tuple[int, int],
    n_outputs: int,
    width: float = 1.0,
    head: int = 4096,
    dropout: float = 0.5,
) -> nn.Module:
    """C3D: eight convolutions of 3 x 3 x 3 with pools between, and two wide dense layers.

    The first pool leaves time alone; smaller clips than the paper's 16 frames of 112 x 112 are pooled as far as they
    go.

    Source: Tran et al. 2015.
    """
    _check("c3d", width=width, head=head, dropout=dropout)
    parts: list[nn.Module] = []
    n_in, sides = in_channels, [frames, *image_size]
    for i, block in enumerate(((64,), (128,), (256, 256), (512, 512), (512, 512))):
        for channels in block:
            n_out = max(round(channels * width), 1)
            parts += [nn.Conv3d(n_in, n_out, 3, padding=1), nn.ReLU(inplace=True)]
            n_in = n_out
        steps = [1 if side < 2 or (axis == 0 and i == 0) else 2 for axis, side in enumerate(sides)]
        last = i == 4 and min(image_size) >= SMALL  # 7 x 7 places become 4 x 4, as the paper's net has them
        parts.append(nn.MaxPool3d(steps, steps, (0, 1, 1) if last else 0))  # type: ignore[arg-type]
        sides = [(side + 2 * (last and axis > 0)) // n for axis, (side, n) in enumerate(zip(sides, steps, strict=True))]
    dense: list[nn.Module] = [nn.Linear(n_in * sides[0] * sides[1] * sides[2], head), nn.ReLU(inplace=True)]
    dense += [nn.Dropout(dropout), nn.Linear(head, head), nn.ReLU(inplace=True), nn.Dropout(dropout)]
    return _started(ClipNet(*parts, nn.Flatten(), *dense, nn.Linear(head, n_outputs)))


class FramesThenSteps(nn.Module):
    """A net for each frame, and an LSTM over what it says of them: (batch, c, frames, h, w) -> (batch, n_outputs)."""

    def __init__(self, frame: nn.Module, n_features: int, hidden: int, n_outputs: int) -> None:
        super().__init__()
        self.frame, self.steps = frame, nn.LSTM(n_features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        said = self.frame(x.transpose(1, 2).flatten(0, 1)).unflatten(0, (-1, x.shape[2]))
        return self.head(self.steps(torch.relu(said))[0][:, -1])


@model.register("classifier", "regressor")
def cnn_lstm(
    *,
    in_channels: int,
    frames: int,
    image_size: tuple[int, int],
    n_outputs: int,
    channels: tuple[int, ...] = (32, 64),
    n_features: int = 64,
    hidden: int = 64,
    dropout: float = 0.0,
) -> Any:
    """A small convolutional net on every frame, and an LSTM over the frames."""
    _check("cnn_lstm", n_features=n_features, hidden=hidden, dropout=dropout)
    if not channels or min(channels) < 1:
        raise SettingError(f"model 'cnn_lstm': channels holds at least one width of at least 1; got {channels}")
    frame = ConvStack(
        in_channels=in_channels,
        image_size=image_size,
        n_outputs=n_features,
        channels=tuple(channels),
        hidden=2 * n_features,
        dropout=dropout,
        norm="batch",
        activation="relu",
    )
    return FramesThenSteps(frame, n_features, hidden, n_outputs)


def _started(net: nn.Module) -> nn.Module:
    for part in net.modules():
        if isinstance(part, nn.Conv3d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    return net
