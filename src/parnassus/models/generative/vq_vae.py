"""VQ-VAE: pictures as grids of whole numbers, each of a vector in a book."""

import math
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import DataError
from ...functional.autoencoding import Criterion
from ...objectives.generative.quantized import Quantized
from ...registry import model
from .autoencoder import check_sizes


class Residual(nn.Module):
    """x + W1 relu(W3 relu(x)), a 3 x 3 and a 1 x 1 convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.wide, self.point = (
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.Conv2d(width, width, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.point(F.relu(self.wide(F.relu(x))))


class PictureQuantizer(nn.Module):
    """Strided 4 x 4 convolutions and residual blocks to a vector a place, and back.

    x (batch, C, H, W) <-> z (batch, h w, width), h = H / 2^levels rounded up. Two levels of 256 channels with two
    blocks are the published net.

    Source: van den Oord, Vinyals and Kavukcuoglu 2017, 4.1.
    """

    def __init__(
        self, in_channels: int, image_size: tuple[int, int], channels: tuple[int, ...], width: int, n_blocks: int
    ) -> None:
        super().__init__()
        self.image_size, self.halvings = image_size, len(channels)
        self.grid = tuple(math.ceil(side / 2 ** len(channels)) for side in image_size)
        self.n_places = math.prod(self.grid)
        down: list[nn.Module] = []
        for n_in, n_out in pairwise((in_channels, *channels)):
            down += [nn.Conv2d(n_in, n_out, 4, 2, 1), nn.ReLU()]
        self.encoder = nn.Sequential(
            *down[:-1], *(Residual(channels[-1]) for _ in range(n_blocks)), nn.ReLU(), nn.Conv2d(channels[-1], width, 1)
        )
        up: list[nn.Module] = []
        for n_in, n_out in pairwise((*channels[::-1], in_channels)):
            up += [nn.ReLU(), nn.ConvTranspose2d(n_in, n_out, 4, 2, 1)]
        self.decoder = nn.Sequential(
            nn.Conv2d(width, channels[-1], 3, padding=1), *(Residual(channels[-1]) for _ in range(n_blocks)), *up
        )

    def encode(self, x: Tensor) -> Tensor:
        step = 2**self.halvings
        x = F.pad(x, (0, -x.shape[3] % step, 0, -x.shape[2] % step), mode="replicate")
        return self.encoder(x).flatten(2).mT

    def decode(self, e: Tensor) -> Tensor:
        height, width = self.image_size
        return self.decoder(e.mT.unflatten(2, self.grid))[:, :, :height, :width]


@model.register("autoencoder")
def vq_vae(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    channels: tuple[int, ...] = (32, 64),
    n_blocks: int = 2,
    n_codes: int = 128,
    width: int = 16,
    beta: float = 0.25,
    criterion: Criterion = "squared_error",
) -> Quantized:
    """A vector-quantised autoencoder of pictures: a code is a grid of whole numbers, each one of `n_codes` vectors.

    Parameters
    ----------
    channels : of the levels, each of which halves the picture; (256, 256) with n_codes=512 and width=64 as published.
    n_blocks : residual blocks at the smallest size. n_codes, width : vectors in the book, and numbers in each.
    beta : what the encoder is charged for the way to the nearest vector.

    Source: van den Oord, Vinyals and Kavukcuoglu 2017.
    """
    check_sizes("vq_vae", min(width, n_blocks + 1), channels)
    if not channels or min(image_size) < 2 ** len(channels):
        raise DataError(
            f"model 'vq_vae' halves pictures {len(channels)} times, and they are {image_size}; give fewer channels="
        )
    net = PictureQuantizer(in_channels, image_size, channels, width, n_blocks)
    return Quantized(net, n_codes=n_codes, width=width, beta=beta, criterion=criterion)
