"""A Transformer over patches of a window: some steps side by side are one place."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError, did_you_mean
from ...layers.transformer import Encoder, EncoderLayer, dropped
from ...registry import model

NORMS = ("batch", "layer")
ENDS = ("repeated", "cut")
LEAST = 1e-5  # added to the variance of a window


class NormOverRows(nn.Module):
    """Batch normalisation of each of `width` features, over rows and places alike: (rows, places, width) kept."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.mT).mT


def n_patches(history: int, length: int, stride: int, end: str) -> int:
    """How many patches a window has: floor((history - length) / stride) + 1, one more where its end is repeated.

    >>> n_patches(336, 16, 8, "repeated"), n_patches(512, 16, 8, "repeated")
    (42, 64)
    """
    return (history - length) // stride + 1 + (end == "repeated")


class PatchTransformer(nn.Module):
    """x (batch, history, channels) -> (batch, channels, n_said): every channel by itself, with the same weights.

    Parameters
    ----------
    history : steps of x.
    n_said : numbers said of each channel.
    length, stride : steps of a patch, and from one to the next.
    beside : numbers a step that every channel's patches hold beside its own: covariates. x then has them last.
    end : the last value stands `stride` more times, as published ("repeated"), or old steps that fill no patch are
        "cut" off.
    norm : after each sub-layer, over the rows of a batch ("batch", as published) or over features ("layer", before it).
    instance : whether each channel's window has its own mean and spread taken off, and given back to what is said.

    With P = length, N patches, width D, feed-forward layers F wide and L layers it has P D + D + N D + L (4 D (D + 1)
    + 2 D F + F + D + 4 D) + (N D + 1) n_said weights, and 2 D more with norm="layer".

    Source: Nie, Nguyen, Sinthong and Kalagnanam 2023 (PatchTST), 3.1; Kim et al. 2022 (instance normalisation).
    """

    def __init__(
        self,
        history: int,
        n_said: int,
        *,
        length: int = 16,
        stride: int = 8,
        width: int = 128,
        n_layers: int = 3,
        n_heads: int = 16,
        hidden: int = 256,
        beside: int = 0,
        end: Literal["repeated", "cut"] = "repeated",
        norm: Literal["batch", "layer"] = "batch",
        dropout: float = 0.2,
        instance: bool = True,
    ) -> None:
        super().__init__()
        self.length, self.stride, self.end, self.beside, self.instance = length, stride, end, beside, instance
        count = n_patches(history, length, stride, end)
        self.inputs = nn.Linear(length * (1 + beside), width)
        self.places = nn.Parameter(torch.empty(count, width).uniform_(-0.02, 0.02))
        kind: Literal["post", "pre"] = "post" if norm == "batch" else "pre"
        layers = [
            EncoderLayer(
                width, n_heads, hidden=hidden, norm=kind, activation="gelu", dropout=dropout, inner_dropout=dropout
            )
            for _ in range(n_layers)
        ]
        if norm == "batch":
            for layer in layers:
                layer.norm1, layer.norm2 = NormOverRows(width), NormOverRows(width)  # type: ignore[assignment]
        self.encoder = Encoder(layers, nn.LayerNorm(width) if norm == "layer" else None)
        self.dropout = dropped(dropout)
        self.head = nn.Linear(count * width, n_said)

    def forward(self, x: Tensor) -> Tensor:
        own, beside = (x, None) if not self.beside else (x[..., : -self.beside], x[..., -self.beside :])
        center, spread = self._scales(own)
        scaled = (own - center) / spread
        h = self.patches(scaled.mT.flatten(0, 1)[..., None], beside, n_channels=own.shape[2])
        h = self.encoder(self.dropout(self.inputs(h) + self.places))
        said = self.head(h.flatten(1)).unflatten(0, (x.shape[0], -1))
        return said * spread.mT + center.mT

    def _scales(self, own: Tensor) -> tuple[Tensor, Tensor]:
        """Center and spread (batch, 1, channels) of each window."""
        if not self.instance:
            return own.new_zeros(1, 1, 1), own.new_ones(1, 1, 1)
        return own.mean(1, keepdim=True), (own.var(1, correction=0, keepdim=True) + LEAST).sqrt()

    def patches(self, own: Tensor, beside: Tensor | None, *, n_channels: int) -> Tensor:
        """Channels (batch n_channels, history, 1) as (batch n_channels, patches, length (1 + beside))."""
        if beside is not None:
            own = torch.cat([own, beside.repeat_interleave(n_channels, 0)], 2)
        if self.end == "repeated":
            own = F.pad(own.mT, (0, self.stride), mode="replicate").mT
        rest = (own.shape[1] - self.length) % self.stride
        cut = own[:, rest:] if self.end == "cut" else own
        return cut.unfold(1, self.length, self.stride).flatten(2)


class OneChannel(nn.Module):
    """A patch transformer whose first channel is forecast: (batch, history, step_features) -> (batch, n_outputs)."""

    def __init__(self, net: PatchTransformer) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)[:, 0]


@model.register("forecaster")
def patch_transformer(
    *,
    step_features: int,
    n_outputs: int,
    history: int,
    patch: int = 16,
    stride: int = 8,
    hidden: int = 128,
    n_layers: int = 3,
    n_heads: int = 16,
    feed_forward: int = 256,
    norm: str = "batch",
    dropout: float = 0.2,
) -> OneChannel:
    """PatchTST: a Transformer whose places are patches of steps; each series by itself, with the same weights.

    Several series are windows of one net, which is channel independence; `Forecaster(scaling="window")` is its instance
    normalisation. Covariates lie in the patches beside the series.

    Parameters
    ----------
    patch, stride : steps of a patch, and from one patch to the next; the last value is repeated to fill one more.
    norm : "batch" after each sub-layer, as published, or "layer" before it.
    """
    if norm not in NORMS:
        raise SettingError(f"model 'patch_transformer': norm={norm!r}; {did_you_mean(norm, NORMS)}")
    if patch < 1 or stride < 1 or n_layers < 1:
        raise SettingError(
            f"model 'patch_transformer': patch, stride and n_layers are at least 1; got {patch}, {stride}, {n_layers}"
        )
    if history < patch:
        raise SettingError(
            f"model 'patch_transformer': a patch has {patch} steps, and the window {history}; give a longer history=, "
            "or a shorter patch="
        )
    net = PatchTransformer(
        history,
        n_outputs,
        length=patch,
        stride=stride,
        width=hidden,
        n_layers=n_layers,
        n_heads=n_heads,
        hidden=feed_forward,
        beside=step_features - 1,
        norm="batch" if norm == "batch" else "layer",
        dropout=dropout,
        instance=False,  # the windows of a forecaster are scaled already
    )
    return OneChannel(net)
