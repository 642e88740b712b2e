"""Pictures into pictures: translators of residual blocks, a U-Net with skips, critics that judge patches."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ...errors import DataError, SettingError
from ...objectives.generative.image_translation import CycleConsistent, Paired
from ...registry import model

LARGE = 128  # pixels a side from which on the published sizes are taken


def weighted(net: nn.Module) -> nn.Module:
    """The net with weights of N(0, 0.02) and biases of 0; batch norms' scales of N(1, 0.02)."""
    for part in net.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, 0.0, 0.02)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1.0, 0.02)
    return net


class Untouched(nn.Module):
    """A picture beside what two convolutions with instance norm add to it; edges are mirrored."""

    def __init__(self, n: int) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        for last in (False, True):
            parts += [nn.ReflectionPad2d(1), nn.Conv2d(n, n, 3), nn.InstanceNorm2d(n)]
            parts += [] if last else [nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class ResNetTranslator(nn.Module):
    """(n, c, h, w) -> (n, c', h, w) in (-1, 1): halved, changed by residual blocks, doubled again.

    A 7 x 7 convolution, `n_halvings` of stride 2, `n_blocks` residual blocks, as many transposed ones, a 7 x 7
    convolution and tanh; instance norm throughout. With 3 channels, width 64, two halvings and 9 blocks (for pictures
    of 256 pixels a side; 6 for 128) it has 11,378,179 parameters.

    Systems: cyclegan
    Source: Johnson et al. 2016; Zhu et al. 2017, appendix 7.2; Martinez-Ramon 8.7.1.
    """

    def __init__(self, n_in: int, n_out: int, *, width: int = 64, n_blocks: int = 9, n_halvings: int = 2) -> None:
        super().__init__()
        parts: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(n_in, width, 7), *normed(width)]
        widths = [width * 2**i for i in range(n_halvings + 1)]
        for a, b in pairwise(widths):
            parts += [nn.Conv2d(a, b, 3, 2, 1), *normed(b)]
        parts += [Untouched(widths[-1]) for _ in range(n_blocks)]
        for a, b in pairwise(reversed(widths)):
            parts += [nn.ConvTranspose2d(a, b, 3, 2, 1, output_padding=1), *normed(b)]
        parts += [nn.ReflectionPad2d(3), nn.Conv2d(width, n_out, 7), nn.Tanh()]
        self.net = weighted(nn.Sequential(*parts))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


def normed(n: int) -> list[nn.Module]:
    """Instance norm without weights, and a ReLU."""
    return [nn.InstanceNorm2d(n), nn.ReLU(inplace=True)]


def patch_critic(n_in: int, *, width: int = 64, n_strided: int = 3, norm: Callable[[int], nn.Module]) -> nn.Module:
    """(n, c, h, w) -> (n, 1, h', w'): how real each patch looks; of 70 x 70 pixels with three layers of stride 2.

    Kernels of 4: strides 2, 2, 2, 1, 1, channels 64, 128, 256, 512, 1, LeakyReLU of 0.2, no norm on the first. With 3
    channels and instance norm it has 2,764,737 parameters, with 6 and batch norm 2,768,705.

    Systems: patchgan
    Source: Isola et al. 2017, section 3.2.2; Zhu et al. 2017, appendix 7.2; Martinez-Ramon 8.7, 8.7.1 (B8.9).
    """
    widths = [width * min(2**i, 8) for i in range(n_strided + 1)]
    biased = not isinstance(norm(1), nn.BatchNorm2d)
    parts: list[nn.Module] = [nn.Conv2d(n_in, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for i, (a, b) in enumerate(pairwise(widths)):
        stride = 2 if i < n_strided - 1 else 1
        parts += [nn.Conv2d(a, b, 4, stride, 1, bias=biased), norm(b), nn.LeakyReLU(0.2)]
    return weighted(nn.Sequential(*parts, nn.Conv2d(widths[-1], 1, 4, 1, 1)))


class Level(nn.Module):
    """One level of the U-Net: down, what lies below, up, and beside it what came in."""

    def __init__(self, n_in: int, n_below: int, below: nn.Module | None, *, dropout: float) -> None:
        super().__init__()
        down: list[nn.Module] = [nn.LeakyReLU(0.2), nn.Conv2d(n_in, n_below, 4, 2, 1, bias=False)]
        down += [nn.BatchNorm2d(n_below)] if below is not None else []
        risen = n_below * (2 if below is not None else 1)
        up = [nn.ReLU(), nn.ConvTranspose2d(risen, n_in, 4, 2, 1, bias=False), nn.BatchNorm2d(n_in)]
        self.net = nn.Sequential(*down, *([below] if below is not None else []), *up, nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.net(x)], 1)


class SkipTranslator(nn.Module):
    """(n, c, h, w) -> (n, c', h, w) in (-1, 1): a U-Net of kernels of 4 and strides of 2, down to one pixel at best.

    With 3 channels, width 64 and 8 levels (pictures of 256 pixels a side) it has 54,413,955 parameters.

    Systems: pix2pix
    Source: Isola et al. 2017, appendix 6.1.
    """

    def __init__(self, n_in: int, n_out: int, *, width: int = 64, n_levels: int = 8, dropout: float = 0.5) -> None:
        super().__init__()
        widths = [width * min(2**i, 8) for i in range(n_levels)]
        below: nn.Module | None = None
        for i in range(n_levels - 1, 0, -1):
            inner = 4 <= i < n_levels - 1  # where the published net drops units
            below = Level(widths[i - 1], widths[i], below, dropout=dropout if inner else 0.0)
        assert below is not None
        last = nn.ConvTranspose2d(2 * width, n_out, 4, 2, 1)
        self.net = weighted(
            nn.Sequential(nn.Conv2d(n_in, width, 4, 2, 1, bias=False), below, nn.ReLU(), last, nn.Tanh())
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


# --- sizes --------------------------------------------------------------------------------------------


def levels(image_size: Sequence[int]) -> int:
    """How often both sides can be halved evenly, at most 8 times.

    >>> levels((256, 256)), levels((8, 8)), levels((48, 64)), levels((28, 28))
    (8, 3, 4, 2)
    """
    height, width = image_size
    n = 0
    while height % 2 == width % 2 == 0 and n < 8:
        height, width, n = height // 2, width // 2, n + 1
    return n


def strided(image_size: Sequence[int]) -> int:
    """Layers of stride 2 in a critic: the published 3 from 64 pixels a side, fewer below, so that patches are left."""
    return min(max(min(image_size).bit_length() - 4, 1), 3)


def check_size(name: str, image_size: Sequence[int], least: int) -> int:
    """The levels of pictures, which are refused where they are too small or cannot be halved evenly."""
    found = levels(image_size)
    if found < 2 or min(image_size) < least:
        raise DataError(
            f"{name} halves and doubles pictures, and these are {tuple(image_size)}; sides are multiples of 4, at "
            f"least {least}: give codec=pn.Image(size=32)"
        )
    return found


@model.register("image_translator")
def cyclegan(*, in_channels: int, image_size: tuple[int, int], n_outputs: int, width: int | None = None,
             n_blocks: int | None = None, cycle: float = 10.0, identity: float = 0.5, game: str = "least_squares",
             n_past: int = 50) -> CycleConsistent:  # fmt: skip
    """Two translators of residual blocks and two patch critics, for pictures of two kinds that are no pairs.

    Parameters
    ----------
    width : channels next to the picture; None takes the published 64 from 128 pixels a side, else 32.
    n_blocks : residual blocks; None takes 9 from 256 pixels a side, 6 from 128, else 3.
    cycle : how much the way there and back counts.
    identity : how much a picture's own side counts, times `cycle`; 0 where pictures of A and B differ in channels.
    game : what the players lose.
    n_past : made pictures that critics are shown again.

    Systems: cyclegan
    """
    check_size("cyclegan", image_size, 8)
    side = min(image_size)
    wide = (64 if side >= LARGE else 32) if width is None else width
    n = (9 if side >= 2 * LARGE else 6 if side >= LARGE else 3) if n_blocks is None else n_blocks
    if wide < 1 or n < 1:
        raise SettingError(f"model 'cyclegan': width and n_blocks are at least 1; got {wide} and {n}")
    own = {"width": wide, "n_blocks": n, "n_halvings": 2 if side >= 32 else 1}
    critics = [patch_critic(c, width=wide, n_strided=strided(image_size), norm=nn.InstanceNorm2d)
               for c in (in_channels, n_outputs)]  # fmt: skip
    return CycleConsistent(
        ResNetTranslator(in_channels, n_outputs, **own), ResNetTranslator(n_outputs, in_channels, **own), *critics,
        cycle=cycle, identity=identity if in_channels == n_outputs else 0.0, game=game, n_past=n_past,  # type: ignore[arg-type]
    )  # fmt: skip


@model.register("image_translator")
def pix2pix(*, in_channels: int, image_size: tuple[int, int], n_outputs: int, width: int | None = None,
            dropout: float = 0.5, closeness: float = 100.0, game: str = "nonsaturating") -> Paired:  # fmt: skip
    """A U-Net with skips and a patch critic that sees both pictures, for pairs.

    Parameters
    ----------
    width : channels next to the picture; None takes the published 64 from 128 pixels a side, else 32.
    dropout : of the inner levels going up, of pictures of 64 pixels a side or more.
    closeness : how much the mean absolute difference from the right picture counts.
    game : what the players lose.

    Systems: pix2pix
    """
    n_levels = check_size("pix2pix", image_size, 4)
    wide = (64 if min(image_size) >= LARGE else 32) if width is None else width
    if wide < 1:
        raise SettingError(f"model 'pix2pix': width is at least 1; got {wide}")
    critic = patch_critic(in_channels + n_outputs, width=wide, n_strided=strided(image_size), norm=nn.BatchNorm2d)
    net = SkipTranslator(in_channels, n_outputs, width=wide, n_levels=n_levels, dropout=dropout)
    return Paired(net, critic, closeness=closeness, game=game)  # type: ignore[arg-type]
