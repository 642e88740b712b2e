"""AlexNet, in the two towers of 2012, in one, and as the later single column; and ZFNet."""

import torch
from torch import Tensor, nn

from ...errors import SettingError, did_you_mean
from ...layers.vision import SMALL, started
from ...registry import model
from .resnet import check_width

VARIANTS = ("two-towers", "one-tower", "column")


class AlexNet(nn.Module):
    """Five convolutions with overlapping pools and local response normalisation, then three dense layers.

    Pictures of the paper's scale are seen by 11 x 11 at stride 4 (7 x 7 at stride 2 in ZFNet); small ones by 3 x 3.
    """

    def __init__(
        self,
        channels: tuple[int, int, int, int, int],
        *,
        groups: int,
        first: tuple[int, int, int],
        second: tuple[int, int],
        response: bool,
        places: int,
        in_channels: int,
        n_outputs: int,
        head: int,
        dropout: float,
        pools: bool,
    ) -> None:
        super().__init__()
        a, b, c, d, e = channels
        kernel, stride, padding = first

        def rest() -> list[nn.Module]:
            norm = [nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)] if response else []
            return [nn.ReLU(inplace=True), *norm, *([nn.MaxPool2d(3, 2)] if pools else [])]

        self.features = nn.Sequential(
            nn.Conv2d(in_channels, a, kernel, stride, padding),
            *rest(),
            nn.Conv2d(a, b, 5, second[0], second[1], groups=groups),
            *rest(),
            nn.Conv2d(b, c, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(c, d, 3, padding=1, groups=groups),
            nn.ReLU(inplace=True),
            nn.Conv2d(d, e, 3, padding=1, groups=groups),
            nn.ReLU(inplace=True),
            *([nn.MaxPool2d(3, 2)] if pools else []),
        )
        self.pool = nn.AdaptiveAvgPool2d(places)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(e * places**2, head),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(head, head),
            nn.ReLU(inplace=True),
            nn.Linear(head, n_outputs),
        )
        started(self)

    def forward(self, x: Tensor) -> Tensor:
        h = self.features(x.contiguous(memory_format=torch.channels_last))
        return self.classifier(self.pool(h).flatten(1))


@model.register("classifier", "regressor")
def alexnet(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    variant: str = "column",
    width: float = 1.0,
    head: int = 4096,
    dropout: float = 0.5,
) -> nn.Module:
    """AlexNet: "two-towers" (2012, groups of channels on two devices), "one-tower" (without groups) or "column" (2014).

    Systems: alexnet
    Source: Krizhevsky et al. 2012 and Krizhevsky 2014; Martinez-Ramon A4.13, Jaiswal J87, Keras course K76.
    """
    check_width("alexnet", width, dropout)
    if variant not in VARIANTS:
        raise SettingError(f"model 'alexnet': variant={variant!r}; {did_you_mean(variant, VARIANTS)}")
    column = variant == "column"
    given = (64, 192, 384, 256, 256) if column else (96, 256, 384, 384, 256)
    return _net(
        given,
        width,
        groups=2 if variant == "two-towers" else 1,
        first=(11, 4, 2),
        second=(1, 2),
        response=not column,
        least=SMALL,
        in_channels=in_channels,
        image_size=image_size,
        n_outputs=n_outputs,
        head=head,
        dropout=dropout,
    )


@model.register("classifier", "regressor")
def zfnet(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    width: float = 1.0,
    head: int = 4096,
    dropout: float = 0.5,
) -> nn.Module:
    """ZFNet: AlexNet that first looks through 7 x 7 at stride 2, to keep what 11 x 11 at stride 4 loses.

    Systems: zfnet
    Source: Zeiler and Fergus 2014; Jaiswal J88.
    """
    check_width("zfnet", width, dropout)
    return _net(
        (96, 256, 384, 384, 256),
        width,
        groups=1,
        first=(7, 2, 1),
        second=(2, 0),
        response=True,
        least=73,  # of fewer pixels a side the published start leaves nothing
        in_channels=in_channels,
        image_size=image_size,
        n_outputs=n_outputs,
        head=head,
        dropout=dropout,
    )


def _net(
    channels: tuple[int, ...],
    width: float,
    *,
    groups: int,
    first: tuple[int, int, int],
    second: tuple[int, int],
    response: bool,
    least: int,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    head: int,
    dropout: float,
) -> nn.Module:
    """The net, its channels scaled (even, so that two groups divide them), its start fitted to the pictures."""
    small = min(image_size) < least
    net = AlexNet(
        tuple(max(2 * round(n * width / 2), 2) for n in channels),  # type: ignore[arg-type]
        groups=groups,
        first=(3, 1, 1) if small else first,
        second=(1, 2) if small else second,
        response=response,
        places=min(6, *image_size) if small else 6,
        in_channels=in_channels,
        n_outputs=n_outputs,
        head=head,
        dropout=dropout,
        pools=min(image_size) >= 32,
    )
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
