"""Nets that say a tag for each token: recurrent in both directions, with a chain above, and a Transformer."""

import torch
from torch import Tensor, nn

from ..errors import SettingError
from ..functional.attention import padding_mask
from ..layers.cells import LSTM
from ..layers.positions import inside, positions
from ..layers.recurrent import Recurrent
from ..layers.transformer import Encoder, EncoderLayer
from ..objectives.tagging import ChainTagging, TokenTagging
from ..registry import model


class TokenVectors(nn.Module):
    """Ids (batch, time, parts) of a token's word, ending and shape -> one vector, their vectors side by side."""

    def __init__(self, cardinalities: tuple[int, ...], width: int) -> None:
        super().__init__()
        sizes = [width, *(max(width // 2, 1) for _ in cardinalities[2:]), max(width // 4, 1)][: len(cardinalities)]
        self.tables = nn.ModuleList(nn.Embedding(n, d) for n, d in zip(cardinalities, sizes, strict=True))
        self.width = sum(sizes)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([table(part) for table, part in zip(self.tables, x.unbind(-1), strict=True)], -1)


class RecurrentTagger(nn.Module):
    """x (batch, time, parts), lengths (batch,) -> scores (batch, time, n_tags) from states of both directions."""

    def __init__(
        self, cardinalities: tuple[int, ...], n_tags: int, *, width: int, hidden: int, n_layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.vectors, self.dropout = TokenVectors(cardinalities, width), nn.Dropout(dropout)
        self.body = Recurrent(LSTM, self.vectors.width, [hidden] * n_layers, bidirectional=True, dropout=dropout)
        self.head = nn.Linear(self.body.width, n_tags)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return self.head(self.dropout(self.body(self.dropout(self.vectors(x)), lengths)))


class TransformerTagger(nn.Module):
    """x (batch, time, parts), lengths (batch,) -> scores (batch, time, n_tags) of an encoder's vectors."""

    def __init__(
        self, cardinalities: tuple[int, ...], n_tags: int, *, width: int, n_layers: int, n_heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.vectors = TokenVectors(cardinalities, width)
        self.inputs, self.place = nn.Linear(self.vectors.width, width), positions("sinusoidal", width, context=512)
        layers = [
            EncoderLayer(width, n_heads, norm="pre", dropout=dropout, positions=inside("sinusoidal"))
            for _ in range(n_layers)
        ]
        self.encoder, self.head = Encoder(layers, nn.LayerNorm(width)), nn.Linear(width, n_tags)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        h = self.place(self.inputs(self.vectors(x)))
        return self.head(self.encoder(h, mask=padding_mask(lengths, x.shape[1])))


def _checked(name: str, dropout: float, **sizes: int) -> None:
    for setting, value in sizes.items():
        if value < 1:
            raise SettingError(f"model {name!r}: {setting} is at least 1; got {value}")
    if not 0 <= dropout < 1:
        raise SettingError(f"model {name!r}: dropout is in [0, 1); got {dropout}")


def _recurrent(name: str, cardinalities: tuple[int, ...], n_outputs: int, dropout: float, **sizes: int) -> nn.Module:
    _checked(name, dropout, **sizes)
    return RecurrentTagger(cardinalities, n_outputs, dropout=dropout, **sizes)


@model.register("tagger")
def bilstm(
    *, cardinalities: tuple[int, ...], n_outputs: int, width: int = 64, hidden: int = 64, n_layers: int = 1,
    dropout: float = 0.3,
) -> TokenTagging:  # fmt: skip
    """LSTM cells in both directions; each tag is said by itself."""
    sizes = {"width": width, "hidden": hidden, "n_layers": n_layers}
    return TokenTagging(_recurrent("bilstm", cardinalities, n_outputs, dropout, **sizes))


@model.register("tagger")
def bilstm_crf(
    *, cardinalities: tuple[int, ...], n_outputs: int, width: int = 64, hidden: int = 64, n_layers: int = 1,
    dropout: float = 0.3,
) -> ChainTagging:  # fmt: skip
    """LSTM cells in both directions under a linear-chain CRF; the best chain of tags is said."""
    sizes = {"width": width, "hidden": hidden, "n_layers": n_layers}
    return ChainTagging(_recurrent("bilstm_crf", cardinalities, n_outputs, dropout, **sizes), n_outputs)


@model.register("tagger", name="transformer")
def transformer_tagger(
    *, cardinalities: tuple[int, ...], n_outputs: int, width: int = 64, n_layers: int = 2, n_heads: int = 4,
    dropout: float = 0.1,
) -> TokenTagging:  # fmt: skip
    """A Transformer encoder; each tag is said by itself."""
    _checked("transformer", dropout, width=width, n_layers=n_layers, n_heads=n_heads)
    net = TransformerTagger(cardinalities, n_outputs, width=width, n_layers=n_layers, n_heads=n_heads, dropout=dropout)
    return TokenTagging(net)
