"""Nets that look at a picture and write a text: builders for the task "image_captioner"."""

from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ...errors import SettingError, did_you_mean
from ...layers.attention import KeyValueCache
from ...layers.embedding import looked_up
from ...layers.positions import LearnedPositions
from ...layers.transformer import Decoder, DecoderLayer, dropped
from ...objectives.text.translation import Translation
from ...registry import model
from ..vision.vit import ViT, patch_for
from .transformer import Writing

ENCODERS = ("vit", "cnn")


class ConvEncoder(nn.Module):
    """A picture (batch, C, H, W) -> a vector for each place of a map that was halved three times, (batch, n, width)."""

    def __init__(self, in_channels: int, image_size: tuple[int, int], width: int) -> None:
        super().__init__()
        widths = [in_channels, max(8, width // 4), max(8, width // 2), width]
        parts: list[nn.Module] = []
        for n_in, n_out in pairwise(widths):
            parts += [nn.Conv2d(n_in, n_out, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
        self.maps = nn.Sequential(*parts)
        self.grid = (-(-image_size[0] // 8), -(-image_size[1] // 8))
        self.place = nn.Parameter(torch.zeros(1, self.grid[0] * self.grid[1], width))
        nn.init.normal_(self.place, std=0.02)

    def states(self, x: Tensor) -> Tensor:
        """The places in reading order."""
        return self.maps(x).flatten(2).mT + self.place


class Captioner(nn.Module):
    """A picture and ids (batch, m) -> scores of what follows each (batch, m, n_ids).

    The encoder's places, mapped to the decoder's width where it is another, are what a pre-norm decoder looks at before
    each word: GPT-2's blocks with cross-attention between, positions learned, the output's matrix the embedding's.

    Systems: vit-gpt2-captioner
    Source: Martinez-Ramon 6.6.1 and example 6.6.1; Radford et al. 2019; Dosovitskiy et al. 2021.
    """

    def __init__(
        self,
        encoder: Any,
        n_seen: int,
        n_ids: int,
        *,
        width: int,
        n_layers: int,
        n_heads: int,
        context: int,
        dropout: float = 0.0,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.encoder, self.context = encoder, context
        self.bridge = nn.Linear(n_seen, width) if n_seen != width else nn.Identity()
        self.targets, self.place = nn.Embedding(n_ids, width), LearnedPositions(context, width)
        layers = [
            DecoderLayer(width, n_heads, norm="pre", activation="gelu_tanh", dropout=dropout, eps=eps)
            for _ in range(n_layers)
        ]
        self.decoder = Decoder(layers, nn.LayerNorm(width, eps=eps))
        self.dropout = dropped(dropout)
        nn.init.normal_(self.targets.weight, std=0.02)

    def forward(self, x: Tensor, given: Tensor, lengths: Tensor | None = None) -> Tensor:
        (memory,) = self.encode(x, lengths)
        h = self.dropout(self.place(looked_up(self.targets, given)))
        return self.decoder(h, memory) @ self.targets.weight.T

    def encode(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor]:
        """What is seen (batch, places, width)."""
        return (self.bridge(self.encoder.states(x)),)

    def begin(self, memory: Tensor, *, n_steps: int) -> Writing:
        """Room to write `n_steps` ids for each picture."""
        layers = [layer for layer in self.decoder.layers if isinstance(layer, DecoderLayer)]
        size = layers[0].attention.size
        caches = [
            KeyValueCache.empty(len(memory), layer.attention.n_groups, n_steps, size, like=memory) for layer in layers
        ]
        return Writing(caches, [layer.cross.answered(memory) for layer in layers], None)

    def step(self, ids: Tensor, writing: Writing) -> Tensor:
        """Scores (rows, n_ids) of what follows the newest ids (rows,)."""
        h = self.dropout(self.place(self.targets(ids)[:, None], writing.caches[0].length))
        h = self.decoder(h, writing.memory, caches=writing.caches)
        return h[:, 0] @ self.targets.weight.T


@model.register("image_captioner")
def vit_gpt(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    target_vocab_size: int,
    encoder: Literal["vit", "cnn"] = "vit",
    width: int = 128,
    n_layers: int = 2,
    n_heads: int = 4,
    patch_size: int | None = None,
    context: int = 64,
    dropout: float = 0.0,
    smoothing: float = 0.0,
) -> Translation:
    """A Vision Transformer, or convolutions (encoder="cnn"), and a decoder like GPT-2 that looks at what they see.

    Parameters
    ----------
    width, n_layers, n_heads : of both halves; 768, 12 and 12 are the published ones.
    patch_size : None takes 16 pixels, or less on small pictures.
    context : units of the longest text.
    smoothing : the share of each target's weight that is spread over all ids.
    """
    if encoder not in ENCODERS:
        raise SettingError(f"model 'vit_gpt': encoder={encoder!r}; {did_you_mean(str(encoder), ENCODERS)}")
    if min(width, n_layers, n_heads, context) < 1 or width % n_heads or not 0 <= dropout < 1:
        raise SettingError(
            f"model 'vit_gpt': width, n_layers, n_heads and context are at least 1, heads divide the width, dropout is "
            f"in [0, 1); got {width}, {n_layers}, {n_heads}, {context} and {dropout}"
        )
    if encoder == "cnn":
        seen: nn.Module = ConvEncoder(in_channels, image_size, width)
    else:
        patch = patch_size or patch_for(image_size, 16)
        seen = ViT(
            in_channels=in_channels, image_size=image_size, n_outputs=0, patch=patch, width=width, n_layers=n_layers,
            n_heads=n_heads, hidden=4 * width, dropout=dropout,
        )  # fmt: skip
    net = Captioner(
        seen, width, target_vocab_size, width=width, n_layers=n_layers, n_heads=n_heads, context=context,
        dropout=dropout,
    )  # fmt: skip
    return Translation(net, target_vocab_size, smoothing=smoothing)
