"""Time-delay nets: convolutions over time with holes, statistics over all frames, dense layers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...functional.signal.normalization import moments, valid_frames
from ...layers.dense import activation as activation_named
from ...registry import model

NORMS = ("layer", "batch", "none")


class FrameNorm(nn.Module):
    """Frames (batch, channels, time) normalised: each for itself ("layer"), or by the batch ("batch")."""

    def __init__(self, norm: str, n_channels: int) -> None:
        super().__init__()
        self.inner = nn.LayerNorm(n_channels) if norm == "layer" else nn.BatchNorm1d(n_channels)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        frames = x.transpose(1, 2)
        if isinstance(self.inner, nn.LayerNorm):
            return self.inner(frames).transpose(1, 2)
        valid = mask[:, 0].bool()  # padding must not enter the batch's moments
        found = torch.zeros_like(frames).masked_scatter(valid[..., None], self.inner(frames[valid]))
        return found.transpose(1, 2)


class TimeDelay(nn.Module):
    """One frame-level layer: a convolution with holes over time, activation, norm; frames behind a row's end are 0.

    x: (batch, n_in, time), mask: (batch, 1, time) of 1 and 0 -> (batch, n_out, time). A row's ends see zeros, as if
    silence were around it.
    """

    def __init__(self, n_in: int, n_out: int, *, kernel: int, dilation: int, activation: str, norm: str) -> None:
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.convolution = nn.Conv1d(n_in, n_out, kernel, dilation=dilation, padding=padding)
        self.activation = activation_named(activation)
        self.norm = FrameNorm(norm, n_out) if norm != "none" else None

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.activation(self.convolution(x))
        return (x if self.norm is None else self.norm(x, mask)) * mask


class TDNN(nn.Module):
    """A time-delay net with statistics pooling; its next to last layers are embeddings of the recording (x-vectors).

    x: (batch, time, step_features), lengths: (batch,) -> (batch, n_outputs). Frames go through `channels` layers of
    odd `kernels` and `dilations`; mean and standard deviation over a row's frames go through the layers `hidden`.
    Padding never changes what comes out.

    Source: Waibel et al. 1989 (time delays); Snyder et al. 2018 (statistics pooling, x-vectors).
    """

    def __init__(
        self,
        *,
        step_features: int,
        n_outputs: int,
        channels: Sequence[int],
        kernels: Sequence[int],
        dilations: Sequence[int],
        hidden: Sequence[int],
        dropout: float = 0.0,
        activation: str = "relu",
        norm: str = "layer",
    ) -> None:
        super().__init__()
        widths = [step_features, *channels]
        self.frames = nn.ModuleList(
            TimeDelay(n_in, n_out, kernel=kernel, dilation=dilation, activation=activation, norm=norm)
            for n_in, n_out, kernel, dilation in zip(widths, channels, kernels, dilations, strict=False)
        )
        parts: list[nn.Module] = []
        n_in = 2 * channels[-1]
        for n_out in hidden:
            parts += [nn.Linear(n_in, n_out), activation_named(activation), nn.Dropout(dropout)]
            n_in = n_out
        self.segment, self.head = nn.Sequential(*parts), nn.Linear(n_in, n_outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.head(self.segment(self.pooled(x, lengths)))

    def pooled(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Mean and standard deviation of the last frame-level layer over each row's frames: (batch, 2 channels)."""
        mask = valid_frames(x, lengths).transpose(1, 2)
        x = x.transpose(1, 2) * mask
        for layer in self.frames:
            x = layer(x, mask)
        mean, std = moments(x.transpose(1, 2), lengths, eps=1e-5)
        return torch.cat([mean, std], 1)

    def embedding(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The first segment-level layer before its activation, which stands for the recording: the x-vector."""
        pooled = self.pooled(x, lengths)
        return self.segment[0](pooled) if len(self.segment) else pooled


@model.register("classifier", "regressor")
def tdnn(
    *,
    step_features: int,
    n_outputs: int,
    channels: tuple[int, ...] = (64, 64, 64, 128),
    kernels: tuple[int, ...] = (5, 3, 3, 1),
    dilations: tuple[int, ...] = (1, 2, 3, 1),
    hidden: tuple[int, ...] = (64,),
    dropout: float = 0.1,
    activation: str = "relu",
    norm: str = "layer",
) -> TDNN:
    """A time-delay net over frames of sound: convolutions with holes, mean and deviation over time, dense layers.

    The x-vector's layout is channels=(512, 512, 512, 512, 1500), kernels=(5, 3, 3, 1, 1), dilations=(1, 2, 3, 1, 1),
    hidden=(512, 512), norm="batch".
    """
    if not channels or not len(channels) == len(kernels) == len(dilations):
        raise SettingError(
            f"model 'tdnn': channels, kernels and dilations have a number a layer, one layer at least; got "
            f"{len(channels)}, {len(kernels)} and {len(dilations)}"
        )
    if min(*channels, *kernels, *dilations, *(hidden or (1,))) < 1 or any(k % 2 == 0 for k in kernels):
        raise SettingError("model 'tdnn': widths and dilations are at least 1, and kernels odd")
    if norm not in NORMS or not 0 <= dropout < 1:
        raise SettingError(f"model 'tdnn': norm is one of {', '.join(NORMS)} and dropout in [0, 1); got {norm!r}")
    return TDNN(
        step_features=step_features, n_outputs=n_outputs, channels=channels, kernels=kernels, dilations=dilations,
        hidden=hidden, dropout=dropout, activation=activation, norm=norm,
    )  # fmt: skip
