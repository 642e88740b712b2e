"""Masked autoencoders of pictures: a Vision Transformer that learns without labels."""

import torch
from torch import Tensor, nn

from ...errors import SettingError, check_count, did_you_mean
from ...layers.transformer import Encoder, EncoderLayer
from ...objectives.generative.masked_pictures import MaskedPictures
from ...registry import model
from ..vision.vit import SIZES, ViT, patch_for


class PatchWriter(nn.Module):
    """A small Transformer that says every patch's pixels: states (n, 1 + seen, width_in) -> (n, places, pixels).

    Patches that were not seen stand as one learned vector, at their places; the first state is of no patch.

    Source: He et al. 2022, section 3.
    """

    def __init__(self, width_in: int, n_places: int, pixels: int, *, width: int, n_layers: int, n_heads: int) -> None:
        super().__init__()
        self.narrow, self.hidden = nn.Linear(width_in, width), nn.Parameter(torch.zeros(1, 1, width))
        self.place = nn.Parameter(torch.empty(1, n_places + 1, width))
        layers = [
            EncoderLayer(width, n_heads, hidden=4 * width, norm="pre", activation="gelu", dropout=0.0)
            for _ in range(n_layers)
        ]
        self.encoder, self.said = Encoder(layers, nn.LayerNorm(width)), nn.Linear(width, pixels)
        nn.init.trunc_normal_(self.hidden, std=0.02, a=-0.04, b=0.04)

    def forward(self, states: Tensor, order: Tensor) -> Tensor:
        h = self.narrow(states)
        n_hidden = order.shape[1] + 1 - h.shape[1]
        h = torch.cat([h, self.hidden.expand(len(h), n_hidden, -1)], 1)
        places = self.place[0][torch.cat([torch.zeros_like(order[:, :1]), order + 1], 1)]
        return self.said(self.encoder(h + places)[:, 1:])


@model.register("autoencoder")
def mae(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    size: str = "ti",
    n_layers: int | None = 4,
    patch_size: int | None = None,
    share: float = 0.75,
    decoder_width: int = 64,
    decoder_layers: int = 2,
) -> MaskedPictures:
    """A masked autoencoder: a Vision Transformer sees a quarter of a picture's patches, and a small one tells the rest.

    `Classifier(pn.model("vit_ti", n_layers=4), start=this)` goes on from what it has learned.

    Parameters
    ----------
    size, n_layers, patch_size : of the Vision Transformer, as of "vit_ti" and its sisters; None is as published.
    share : of the patches that are hidden.
    decoder_width, decoder_layers : of the Transformer that tells them, of four heads; other tasks have no use for it.

    Source: He, Chen, Xie, Li, Dollar and Girshick 2022.
    """
    if size not in SIZES:
        raise SettingError(f"model 'mae': size={size!r}; {did_you_mean(str(size), SIZES)}")
    width, n_published, n_heads, hidden, published = SIZES[size]
    patch = patch_for(image_size, published) if patch_size is None else patch_size
    if not 1 <= patch <= min(image_size):
        raise SettingError(f"model 'mae': patch_size is from 1 to the picture's {min(image_size)}; got {patch}")
    layers = n_published if n_layers is None else check_count("model 'mae': n_layers, unless it is None,", n_layers)
    if decoder_width < 4 or decoder_width % 4:
        raise SettingError(f"model 'mae': decoder_width is a multiple of its four heads; got {decoder_width}")
    seer = ViT(  # its places, and the writer's, begin as sines in `MaskedPictures`
        in_channels=in_channels, image_size=image_size, n_outputs=0, patch=patch, width=width, n_layers=layers,
        n_heads=n_heads, hidden=hidden,
    )  # fmt: skip
    writer = PatchWriter(
        width, seer.grid[0] * seer.grid[1], in_channels * patch**2, width=decoder_width,
        n_layers=check_count("model 'mae': decoder_layers", decoder_layers), n_heads=4,
    )  # fmt: skip
    return MaskedPictures(seer, writer, share=share)
