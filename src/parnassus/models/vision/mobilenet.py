"""MobileNet: depthwise separable convolutions, plain (v1) and as inverted residuals (v2)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from ...errors import SettingError, did_you_mean
from ...layers.vision import SMALL, GlobalAverage, convolution, scaled, started
from ...registry import model
from .resnet import check_width

V1 = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
# expansion, channels, blocks, stride of the first
V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def timm_keys(repeats: Sequence[int], *, gated: bool) -> list[tuple[str, str]]:
    """timm's names for stages of inverted residuals, the first without expansion; here blocks are counted through."""
    table = [("conv_stem.*", "features.0.0.*"), ("bn1.*", "features.0.1.*")]
    stages = [stage for stage, n in enumerate(repeats) for _ in range(n)]
    for i, stage in enumerate(stages, 1):
        theirs = f"blocks.{stage}.{i - 1 - stages.index(stage)}"
        convolutions = ("conv_pw", "conv_dw", "conv_pwl") if stage else ("conv_dw", "conv_pw")
        for k, name in enumerate(convolutions):
            ours = f"features.{i}.body.{k + (gated and name == convolutions[-1])}"  # the gates stand before the last
            table += [(f"{theirs}.{name}.*", f"{ours}.0.*"), (f"{theirs}.bn{k + 1}.*", f"{ours}.1.*")]
        gates = f"features.{i}.body.{len(convolutions) - 1}"
        table += [(f"{theirs}.se.conv_reduce.*", f"{gates}.fc1.*"), (f"{theirs}.se.conv_expand.*", f"{gates}.fc2.*")]
    last = f"features.{len(stages) + 1}"
    return [*table, ("conv_head.*", f"{last}.0.*"), ("bn2.*", f"{last}.1.*"), ("classifier.*", "head.2.*")]


def _v1_keys() -> list[tuple[str, str]]:
    """timm's names of v1: pairs of convolutions by stage, which begins at a stride."""
    table, stage, block = [("conv_stem.*", "features.0.0.*"), ("bn1.*", "features.0.1.*")], 0, -1
    for i, (_, stride) in enumerate(V1):
        stage, block = (stage + 1, 0) if stride == 2 else (stage, block + 1)
        for k, (conv, norm) in enumerate((("conv_dw", "bn1"), ("conv_pw", "bn2"))):
            ours = f"features.{2 * i + 1 + k}"
            table += [(f"blocks.{stage}.{block}.{conv}.*", f"{ours}.0.*")]
            table += [(f"blocks.{stage}.{block}.{norm}.*", f"{ours}.1.*")]
    return [*table, ("classifier.*", "head.2.*")]


KEYS = {  # torchvision's names, and timm's
    "mobilenet_v1": (_v1_keys(),),
    "mobilenet_v2": (
        [
            ("features.0.*", "features.0.*"),
            ("features.1.conv.0.*", "features.1.body.0.*"),
            ("features.1.conv.1.*", "features.1.body.1.0.*"),
            ("features.1.conv.2.*", "features.1.body.1.1.*"),
            ("features.18.*", "features.18.*"),
            ("features.*.conv.0.*", "features.*.body.0.*"),
            ("features.*.conv.1.*", "features.*.body.1.*"),
            ("features.*.conv.2.*", "features.*.body.2.0.*"),
            ("features.*.conv.3.*", "features.*.body.2.1.*"),
            ("classifier.1.*", "head.2.*"),
        ],
        timm_keys([n for *_, n, _ in V2], gated=False),
    ),
}


@dataclass(frozen=True)
class Convention:
    """What papers leave open, and libraries decide: how strides are padded, eps of norms, v1's activation."""

    padding: str = "even"
    eps: float = 1e-5
    act: Callable[[], nn.Module] = nn.ReLU

    @property
    def convolution(self) -> Callable[..., nn.Sequential]:
        """`layers.vision.convolution` of this convention."""
        return partial(convolution, padding=self.padding, eps=self.eps)


CONVENTIONS = {"torch": Convention(), "tensorflow": Convention("tensorflow", 1e-3, nn.ReLU6)}


def convention_of(name: str, origin: str, **more: Convention) -> Convention:
    """The convention of this name, of which a model may have more; another is refused."""
    known = CONVENTIONS | more
    if origin not in known:
        raise SettingError(f"model {name!r}: origin={origin!r}; {did_you_mean(origin, known)}")
    return known[origin]


class InvertedResidual(nn.Module):
    """1 x 1 to `expansion` times the channels, 3 x 3 on each of them, 1 x 1 back without an activation.

    x is added where shapes agree: the shortcut joins the thin ends, not the thick middle.

    Systems: mobilenet-v2
    Source: Sandler et al. 2018; Martinez-Ramon A4.20.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        stride: int,
        expansion: int,
        convolve: Callable[..., nn.Sequential] = convolution,
    ) -> None:
        super().__init__()
        wide, act = n_in * expansion, nn.ReLU6
        parts = [convolve(n_in, wide, 1, act=act)] if expansion != 1 else []
        parts.append(convolve(wide, wide, 3, stride=stride, groups=wide, act=act))
        self.body = nn.Sequential(*parts, convolve(wide, n_out, 1, act=None))
        self.adds = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.adds else self.body(x)


class MobileNet(nn.Module):
    """A stack of parts, the channels' means, and a linear layer: (batch, in_channels, h, w) -> (batch, n_outputs)."""

    def __init__(self, parts: list[nn.Module], n_last: int, n_outputs: int, *, width: float, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.features = nn.Sequential(*parts)
        self.head = nn.Sequential(GlobalAverage(), nn.Dropout(dropout), nn.Linear(n_last, n_outputs))
        started(self)

    @classmethod
    def v1(
        cls,
        *,
        in_channels: int,
        image_size: tuple[int, int],
        n_outputs: int,
        width: float,
        dropout: float,
        convention: Convention,
    ) -> "MobileNet":
        """Thirteen depthwise separable convolutions behind a plain one."""
        stride, convolve = strides_for(image_size), convention.convolution
        n_in, act = scaled(width, 32), convention.act
        parts: list[nn.Module] = [convolve(in_channels, n_in, 3, stride=stride(2), act=act)]
        for channels, step in V1:
            n_out = scaled(width, channels)
            parts.append(convolve(n_in, n_in, 3, stride=stride(step), groups=n_in, act=act))
            parts.append(convolve(n_in, n_out, 1, act=act))
            n_in = n_out
        return cls(parts, n_in, n_outputs, width=width, dropout=dropout)

    @classmethod
    def v2(
        cls,
        *,
        in_channels: int,
        image_size: tuple[int, int],
        n_outputs: int,
        width: float,
        dropout: float,
        convention: Convention,
    ) -> "MobileNet":
        """Seventeen inverted residuals between a plain convolution and a wide 1 x 1."""
        stride, convolve = strides_for(image_size), convention.convolution
        n_in = scaled(width, 32)
        parts: list[nn.Module] = [convolve(in_channels, n_in, 3, stride=stride(2), act=nn.ReLU6)]
        for expansion, channels, n_blocks, step in V2:
            n_out = scaled(width, channels)
            for i in range(n_blocks):
                first = stride(step) if not i else 1
                parts.append(InvertedResidual(n_in, n_out, stride=first, expansion=expansion, convolve=convolve))
                n_in = n_out
        n_last = scaled(max(1.0, width), 1280)
        parts.append(convolve(n_in, n_last, 1, act=nn.ReLU6))
        return cls(parts, n_last, n_outputs, width=width, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x.contiguous(memory_format=torch.channels_last)))


@model.register("classifier", "regressor")
def mobilenet_v1(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    width: float = 1.0,
    dropout: float = 0.001,
    origin: str = "torch",
) -> nn.Module:
    """MobileNet v1: thirteen depthwise separable convolutions; `width` is the paper's multiplier alpha.

    The first stride (and those that small pictures cannot bear) is 1 below 64 pixels. The resolution multiplier is the
    size that the codec makes pictures: `codec=pn.Image(size=160)`. origin="tensorflow" computes as the net of weights
    from there: other padding at strides, norms with eps 0.001, activations cut at 6; "timm" with the last alone.

    Systems: mobilenet-v1
    Source: Howard et al. 2017; Martinez-Ramon A4.20.
    """
    check_width("mobilenet_v1", width, dropout)
    net = MobileNet.v1(
        in_channels=in_channels,
        image_size=image_size,
        n_outputs=n_outputs,
        width=width,
        dropout=dropout,
        convention=convention_of("mobilenet_v1", origin, timm=Convention(act=nn.ReLU6)),
    )
    return placed(net)


@model.register("classifier", "regressor")
def mobilenet_v2(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    width: float = 1.0,
    dropout: float = 0.2,
    origin: str = "torch",
) -> nn.Module:
    """MobileNet v2: seventeen inverted residual blocks with thin, linear ends; `width` is the paper's multiplier.

    origin="tensorflow" computes as the net of weights from there: other padding at strides, norms with eps 0.001.

    Systems: mobilenet-v2
    Source: Sandler et al. 2018; Martinez-Ramon A4.20.
    """
    check_width("mobilenet_v2", width, dropout)
    net = MobileNet.v2(
        in_channels=in_channels,
        image_size=image_size,
        n_outputs=n_outputs,
        width=width,
        dropout=dropout,
        convention=convention_of("mobilenet_v2", origin),
    )
    return placed(net)


def strides_for(image_size: tuple[int, int]) -> "Strides":
    """The strides of a net that halves pictures again and again: on small ones the first halvings are left out."""
    return Strides(min(image_size))


class Strides:
    """Says, halving by halving, which of a paper's strides a picture can bear; 224 pixels bear all five."""

    def __init__(self, size: int) -> None:
        halvings = max(size.bit_length() - 3, 0) if size < SMALL else 5  # down to 4 pixels or more
        self.left_out = max(5 - halvings, 0)

    def __call__(self, stride: int) -> int:
        """The stride to take where the paper takes this one."""
        if stride == 2 and self.left_out:
            self.left_out -= 1
            return 1
        return stride


def placed(net: nn.Module) -> nn.Module:
    """The net with its weights as channels-last convolutions want them."""
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
