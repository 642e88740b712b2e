"""StackGAN in small: a rough picture of half the size, then a second net that corrects and doubles it."""

import torch
from torch import Tensor, nn

from ...data.audio.transcripts import Units
from ...errors import DataError, SettingError
from ...layers.conditioning import ConditioningAugmentation
from ...objectives.generative.stacked_gan import Stacked
from ...registry import model
from .gan import ADAM, DCGANGenerator, Told, dcgan_critic, halvings, norm_of
from .unet_diffusion import classes_of


class Sketch(nn.Module):
    """Stage I: (z, what is asked for) -> (pictures of half the size, KL): condition drawn, joined with z, doubled up.

    Systems: stackgan
    """

    def __init__(self, n_noise: int, n_told: int, n_condition: int, in_channels: int, size: tuple[int, int],
                 width: int) -> None:  # fmt: skip
        super().__init__()
        self.condition = ConditioningAugmentation(n_told, n_condition)
        self.net = DCGANGenerator(n_noise + n_condition, in_channels, size, width)

    def forward(self, z: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
        c, divergence = self.condition(told)
        return self.net(torch.cat([z, c], 1)), divergence


class Corrected(nn.Module):
    """Maps beside what two convolutions with batch norm add to them."""

    def __init__(self, n: int) -> None:
        super().__init__()
        parts = [nn.Conv2d(n, n, 3, 1, 1, bias=False), nn.BatchNorm2d(n), nn.ReLU()]
        self.body = nn.Sequential(*parts, nn.Conv2d(n, n, 3, 1, 1, bias=False), nn.BatchNorm2d(n))

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.body(x)).relu()


class Refinement(nn.Module):
    """Stage II: (small pictures, what is asked for) -> (pictures of twice the size, KL).

    A convolution, the condition (drawn by a layer of its own) as maps beside it, residual blocks, doubled, and tanh.

    Systems: stackgan
    """

    def __init__(self, n_told: int, n_condition: int, in_channels: int, width: int, n_blocks: int) -> None:
        super().__init__()
        self.condition = ConditioningAugmentation(n_told, n_condition)
        self.first = nn.Sequential(nn.Conv2d(in_channels, width, 3, 1, 1), nn.ReLU())
        self.joined = nn.Sequential(
            nn.Conv2d(width + n_condition, 2 * width, 3, 1, 1, bias=False), nn.BatchNorm2d(2 * width), nn.ReLU()
        )
        self.blocks = nn.Sequential(*(Corrected(2 * width) for _ in range(n_blocks)))
        self.last = nn.Sequential(
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, in_channels, 3, 1, 1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, small: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
        c, divergence = self.condition(told)
        maps = c[:, :, None, None].expand(-1, -1, *small.shape[2:])
        return self.last(self.blocks(self.joined(torch.cat([self.first(small), maps], 1)))), divergence


@model.variants("generator", choices=("n_outputs | units",))
def stackgan(*, in_channels: int, image_size: tuple[int, int], n_outputs: int | None, units: Units | None,
             width: int = 32, n_noise: int = 32, n_condition: int = 16, n_blocks: int = 2,
             weight: float = 1.0, game: str = "nonsaturating", n_critic: int = 1, smooth: float = 0.0,
             lipschitz: str = "none", replay: int = 0) -> Stacked:  # fmt: skip
    """StackGAN: small pictures of a class or a text in the first half of training, larger ones of them in the second.

    Parameters
    ----------
    width : channels next to the picture.
    n_noise : numbers in z.
    n_condition : numbers that are drawn around what is asked for.
    n_blocks : residual blocks of the second stage; the published net has 4, at 256 pixels a side.
    weight : of the divergence of conditions from N(0, I).
    game, n_critic, smooth, lipschitz, replay : of both stages, as of "dcgan"; real pictures of another class count as
        made ones do in every game.

    Of a text (condition="text") it is told which words it holds, not in which order.

    Systems: stackgan
    """
    if halvings(image_size)[0] < 2:
        raise DataError(
            f"stackgan draws at half the size first, and these are {image_size}; give sides that are multiples of 4, "
            "at least 16, as codec=pn.Image(size=16) makes them"
        )
    if min(width, n_condition, n_blocks) < 1:
        raise SettingError(
            f"model 'stackgan': width, n_condition and n_blocks are at least 1; got {width}, {n_condition}, {n_blocks}"
        )
    half = image_size[0] // 2, image_size[1] // 2
    k = len(units) - 1 if units is not None else classes_of(n_outputs or 1)
    critics = [Told(dcgan_critic(in_channels + k, size, width, norm_of(lipschitz)), ()) for size in (half, image_size)]
    makers = [Sketch(n_noise, k, n_condition, in_channels, half, width),
              Refinement(k, n_condition, in_channels, width, n_blocks)]  # fmt: skip
    rules = {"game": game, "n_critic": n_critic, "smooth": smooth, "lipschitz": lipschitz}
    return Stacked(makers, critics, (in_channels, *image_size), k, n_noise=n_noise, weight=weight,
                   words=units is not None, replay=replay, optimizer=ADAM, **rules)  # fmt: skip
