"""Nets that say a class for every pixel: pictures (n, channels, h, w) -> scores (n, h, w, n_outputs)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError
from ...layers.rectified import Chain
from ...registry import model


def double(n_in: int, n_out: int, *, norm: bool, padding: int = 1, dilation: int = 1) -> nn.Sequential:
    """Two 3 x 3 convolutions, each with a ReLU, and batch norm before it where asked for."""
    parts: list[nn.Module] = []
    for a, b in ((n_in, n_out), (n_out, n_out)):
        parts.append(nn.Conv2d(a, b, 3, padding=padding * dilation, dilation=dilation, bias=not norm))
        parts += [nn.BatchNorm2d(b)] if norm else []
        parts.append(nn.ReLU(inplace=True))
    return Chain(*parts)


def cropped(x: Tensor, size: Sequence[int]) -> Tensor:
    """The middle of a map (n, c, h, w), of this size."""
    top, left = (x.shape[2] - size[0]) // 2, (x.shape[3] - size[1]) // 2
    return x[:, :, top : top + size[0], left : left + size[1]]


def fitting(x: Tensor, multiple: int) -> Tensor:
    """A picture continued at its right and lower edge up to a multiple of pixels a side."""
    down, across = (-x.shape[2]) % multiple, (-x.shape[3]) % multiple
    return F.pad(x, (0, across, 0, down), mode="replicate") if down or across else x


class UNet(nn.Module):
    """Down by convolutions and pooling, up by 2 x 2 transposed convolutions, the maps of the way down beside those of
    the way up.

    Parameters
    ----------
    widths : channels by level; the published net has (64, 128, 256, 512, 1024).
    norm : batch norm after each convolution, which the published net has not.
    valid : convolutions without padding, as published: 572 x 572 gives 388 x 388, and skips are cropped. Without it
        pictures of any size keep their size.

    Systems: u-net
    Source: Ronneberger, Fischer and Brox 2015; Baker A128, whose open question the way up answers: it brings classes
    back to the pixels (F73).
    """

    def __init__(
        self, in_channels: int, n_outputs: int, *, widths: Sequence[int] = (32, 64, 128), norm: bool = True,
        valid: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if len(widths) < 2 or any(w < 1 for w in widths):
            raise SettingError(f"a U-Net has two levels or more; got widths={tuple(widths)}")
        self.valid, padding = valid, 0 if valid else 1
        before = [in_channels, *widths[:-1]]
        self.down = nn.ModuleList(double(a, b, norm=norm, padding=padding) for a, b in zip(before, widths, strict=True))
        pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in pairs)
        self.joined = nn.ModuleList(double(2 * b, b, norm=norm, padding=padding) for _, b in pairs)
        self.head = nn.Conv2d(widths[0], n_outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        if not self.valid:
            x = fitting(x, 2 ** (len(self.down) - 1))
        kept = []
        for i, stage in enumerate(self.down):
            x = stage(F.max_pool2d(x, 2) if i else x)
            kept.append(x)
        for rise, stage, beside in zip(self.up, self.joined, reversed(kept[:-1]), strict=True):
            x = rise(x)
            x = stage(torch.cat((cropped(beside, x.shape[2:]), x), 1))
        x = self.head(x)
        return (x if self.valid else x[:, :, :height, :width]).permute(0, 2, 3, 1)


class FCN(nn.Module):
    """Convolutions and pooling, 1 x 1 heads at the last three levels, added up from the coarsest: FCN-8s in small.

    Systems: fcn-segmenter
    Source: Long, Shelhamer and Darrell 2015; Martinez-Ramon 8.7.1.
    """

    answering = ("heads",)  # what is drawn anew for other classes

    def __init__(self, in_channels: int, n_outputs: int, *, widths: Sequence[int] = (32, 64, 128, 256)) -> None:
        super().__init__()
        if len(widths) < 3:
            raise SettingError(f"an FCN has three levels or more; got widths={tuple(widths)}")
        before = [in_channels, *widths[:-1]]
        self.stages = nn.ModuleList(double(a, b, norm=True) for a, b in zip(before, widths, strict=True))
        self.heads = nn.ModuleList(nn.Conv2d(w, n_outputs, 1) for w in widths[-3:])

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        x = fitting(x, 2 ** (len(self.stages) - 1))
        whole, kept = x.shape[2:], []
        for i, stage in enumerate(self.stages):
            x = stage(F.max_pool2d(x, 2) if i else x)
            kept.append(x)
        found: Tensor | None = None
        for head, maps in zip(reversed(list(self.heads)), reversed(kept[-3:]), strict=True):
            scores = head(maps)
            found = scores if found is None else scores + _resized(found, scores.shape[2:])
        assert found is not None
        return _resized(found, whole)[:, :, :height, :width].permute(0, 2, 3, 1)


class SegNet(nn.Module):
    """Down by pooling, up by putting each value back where its maximum was, convolutions after both.

    Source: Badrinarayanan, Kendall and Cipolla 2017.
    """

    def __init__(self, in_channels: int, n_outputs: int, *, widths: Sequence[int] = (32, 64, 128)) -> None:
        super().__init__()
        if not widths:
            raise SettingError("a SegNet has one level or more; got none")
        before = [in_channels, *widths[:-1]]
        self.down = nn.ModuleList(double(a, b, norm=True) for a, b in zip(before, widths, strict=True))
        after = [widths[0], *widths[:-1]]
        self.up = nn.ModuleList(double(b, a, norm=True) for a, b in reversed(list(zip(after, widths, strict=True))))
        self.head = nn.Conv2d(widths[0], n_outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        x = fitting(x, 2 ** len(self.down))
        places = []
        for stage in self.down:
            x, where = F.max_pool2d(stage(x), 2, return_indices=True)
            places.append(where)
        for stage, where in zip(self.up, reversed(places), strict=True):
            x = stage(F.max_unpool2d(x, where, [2, 2]))
        return self.head(x)[:, :, :height, :width].permute(0, 2, 3, 1)


class DeepLab(nn.Module):
    """An encoder that pools twice only, then convolutions of several dilations side by side (atrous pyramid).

    Source: Chen et al. 2017 (DeepLabv3).
    """

    def __init__(
        self, in_channels: int, n_outputs: int, *, widths: Sequence[int] = (32, 64, 128),
        dilations: Sequence[int] = (1, 2, 4),
    ) -> None:  # fmt: skip
        super().__init__()
        if len(widths) < 3 or not dilations or any(d < 1 for d in dilations):
            raise SettingError(f"a DeepLab has three levels and dilations from 1; got {tuple(widths)}, {dilations}")
        before = [in_channels, *widths[:-1]]
        self.stages = nn.ModuleList(
            double(a, b, norm=True, dilation=2 if i > 2 else 1)
            for i, (a, b) in enumerate(zip(before, widths, strict=True))
        )
        last = widths[-1]
        self.pyramid = nn.ModuleList(
            nn.Conv2d(last, last // 2, 3 if d > 1 else 1, padding=d if d > 1 else 0, dilation=d) for d in dilations
        )
        self.whole = nn.Conv2d(last, last // 2, 1)
        self.head = Chain(
            nn.Conv2d((len(dilations) + 1) * (last // 2), last, 1), nn.BatchNorm2d(last), nn.ReLU(inplace=True),
            nn.Conv2d(last, n_outputs, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        x = fitting(x, 4)
        whole = x.shape[2:]
        for i, stage in enumerate(self.stages):
            x = stage(F.max_pool2d(x, 2) if i in (1, 2) else x)
        parts = [F.relu(branch(x)) for branch in self.pyramid]
        mean = F.relu(self.whole(x.mean((2, 3), keepdim=True)))
        parts.append(mean.expand(-1, -1, *x.shape[2:]))
        return _resized(self.head(torch.cat(parts, 1)), whole)[:, :, :height, :width].permute(0, 2, 3, 1)


def _resized(x: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(x, list(size), mode="bilinear", align_corners=False)


@model.register("segmenter")
def u_net(*, in_channels: int, n_outputs: int, widths: tuple[int, ...] = (32, 64, 128), norm: bool = True) -> UNet:
    """A U-Net: an encoder, a decoder, and skips between their levels."""
    net = UNet(in_channels, n_outputs, widths=widths, norm=norm)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@model.register("segmenter")
def fcn(*, in_channels: int, n_outputs: int, widths: tuple[int, ...] = (32, 64, 128, 256)) -> FCN:
    """A fully convolutional net: 1 x 1 heads at three levels, added up."""
    net = FCN(in_channels, n_outputs, widths=widths)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@model.register("segmenter")
def segnet(*, in_channels: int, n_outputs: int, widths: tuple[int, ...] = (32, 64, 128)) -> SegNet:
    """A SegNet: the decoder puts values back where pooling found its maxima."""
    net = SegNet(in_channels, n_outputs, widths=widths)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@model.register("segmenter")
def deeplab(
    *,
    in_channels: int,
    n_outputs: int,
    widths: tuple[int, ...] = (32, 64, 128),
    dilations: tuple[int, ...] = (1, 2, 4),
) -> DeepLab:
    """Dilated convolutions side by side over maps that were pooled twice only."""
    net = DeepLab(in_channels, n_outputs, widths=widths, dilations=dilations)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
