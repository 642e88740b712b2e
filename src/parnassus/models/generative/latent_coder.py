"""Pictures as small maps of numbers and back: the outer part of a latent diffusion."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .unet_diffusion import Doubled, Halved, Middle, ResidualBlock, normalised


class Stage(nn.Module):
    """Residual blocks of one resolution, and the way to the next."""

    def __init__(self, widths: list[tuple[int, int]], *, onward: nn.Module | None, up: bool) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(ResidualBlock(a, b, 0) for a, b in widths)
        parts = nn.ModuleList([onward] if onward is not None else [])
        self.upsamplers, self.downsamplers = (parts, nn.ModuleList()) if up else (nn.ModuleList(), parts)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.resnets:
            x = block(x)
        for onward in self.downsamplers:
            x = onward(x)
        for onward in self.upsamplers:
            x = onward(x, (2 * x.shape[2], 2 * x.shape[3]))
        return x


class PictureEncoder(nn.Module):
    """x (batch, C, H, W) -> (batch, 2 n_latent, h, w): means and ln variances."""

    def __init__(self, in_channels: int, channels: tuple[int, ...], n_blocks: int, n_latent: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(in_channels, channels[0], 3, padding=1)
        self.down_blocks, width = nn.ModuleList(), channels[0]
        for i, n in enumerate(channels):
            widths = [(width, n)] + [(n, n)] * (n_blocks - 1)
            onward = Halved(n) if i < len(channels) - 1 else None
            self.down_blocks.append(Stage(widths, onward=onward, up=False))
            width = n
        self.mid_block = Middle(width, 0, 0.0)
        self.conv_norm_out, self.conv_out = normalised(width), nn.Conv2d(width, 2 * n_latent, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv_in(x)
        for stage in self.down_blocks:
            h = stage(h)
        return self.conv_out(F.silu(self.conv_norm_out(self.mid_block(h))))


class PictureDecoder(nn.Module):
    """z (batch, n_latent, h, w) -> (batch, C, H, W)."""

    def __init__(self, in_channels: int, channels: tuple[int, ...], n_blocks: int, n_latent: int) -> None:
        super().__init__()
        width = channels[-1]
        self.conv_in = nn.Conv2d(n_latent, width, 3, padding=1)
        self.mid_block, self.up_blocks = Middle(width, 0, 0.0), nn.ModuleList()
        for i, n in reversed(list(enumerate(channels))):
            widths = [(width, n)] + [(n, n)] * n_blocks
            self.up_blocks.append(Stage(widths, onward=Doubled(n) if i else None, up=True))
            width = n
        self.conv_norm_out, self.conv_out = normalised(width), nn.Conv2d(width, in_channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.mid_block(self.conv_in(z))
        for stage in self.up_blocks:
            h = stage(h)
        return self.conv_out(F.silu(self.conv_norm_out(h)))


class LatentCoder(nn.Module):
    """A variational autoencoder of pictures: x (batch, C, H, W) <-> z (batch, n_latent, H / 2^k, W / 2^k).

    channels : of each resolution, from the finest; each after the first halves the picture.

    The parts bear the names of diffusers' AutoencoderKL: with channels (128, 256, 512, 512), 2 blocks and 4 numbers a
    place it is Stable Diffusion's.

    Source: Rombach et al. 2022, appendix G; Martinez-Ramon example 8.10.1.
    """

    def __init__(self, in_channels: int, channels: tuple[int, ...], *, n_blocks: int = 2, n_latent: int = 4) -> None:
        super().__init__()
        self.n_latent, self.n_halvings = n_latent, len(channels) - 1
        self.encoder = PictureEncoder(in_channels, channels, n_blocks, n_latent)
        self.quant_conv = nn.Conv2d(2 * n_latent, 2 * n_latent, 1)
        self.post_quant_conv = nn.Conv2d(n_latent, n_latent, 1)
        self.decoder = PictureDecoder(in_channels, channels, n_blocks, n_latent)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and ln variance of q(z | x)."""
        mean, log_variance = self.quant_conv(self.encoder(x)).chunk(2, 1)
        return mean, log_variance.clamp(-30, 20)

    def decode(self, z: Tensor) -> Tensor:
        """Pictures of z."""
        return self.decoder(self.post_quant_conv(z))

    def loss(self, x: Tensor, weight: float) -> Tensor:
        """Of each row the mean squared error from one draw of z, and `weight` times KL(q(z | x) | N(0, I)) an entry."""
        mean, log_variance = self.posterior(x)
        made = self.decode(mean + (0.5 * log_variance).exp() * torch.randn_like(mean))
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).flatten(1).sum(1)
        return (made - x).square().flatten(1).mean(1) + weight * divergence / x[0].numel()
