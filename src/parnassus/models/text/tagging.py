"""Nets that say a tag for each token or step: a chain, recurrent ones, also under a chain, a Transformer, Mamba."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...functional.attention import padding_mask
from ...layers.cells import GRU, LSTM, Cell
from ...layers.mamba import Bidirectional, Mamba
from ...layers.positions import inside, positions
from ...layers.recurrent import Recurrent
from ...layers.statespace import Residual, SequenceLayer
from ...layers.transformer import Encoder, EncoderLayer
from ...objectives.text.tagging import ChainTagging, TokenTagging
from ...registry import model


class TokenVectors(nn.Module):
    """Ids (batch, time, parts) of a token's word, ending and shape -> one vector, their vectors side by side."""

    def __init__(self, cardinalities: tuple[int, ...], width: int) -> None:
        super().__init__()
        sizes = [width, *(max(width // 2, 1) for _ in cardinalities[2:]), max(width // 4, 1)][: len(cardinalities)]
        self.tables = nn.ModuleList(nn.Embedding(n, d) for n, d in zip(cardinalities, sizes, strict=True))
        self.width = sum(sizes)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([table(part) for table, part in zip(self.tables, x.unbind(-1), strict=True)], -1)


class StepVectors(nn.Module):
    """Numbers (batch, time, step_features) -> vectors of `width`, by a linear layer."""

    def __init__(self, step_features: int, width: int) -> None:
        super().__init__()
        self.linear, self.width = nn.Linear(step_features, width), width

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.to(self.linear.weight.dtype))


class SymbolVectors(nn.Module):
    """Symbols (batch, time) -> their vectors of `width`."""

    def __init__(self, vocab_size: int, width: int) -> None:
        super().__init__()
        self.table, self.width = nn.Embedding(vocab_size, width), width

    def forward(self, x: Tensor) -> Tensor:
        return self.table(x)


Vectors = TokenVectors | StepVectors | SymbolVectors


def vectors_of(
    cardinalities: tuple[int, ...] | None, step_features: int | None, vocab_size: int | None, width: int
) -> Vectors:
    """What makes vectors of steps: of the one of the three facts that there is."""
    if cardinalities is not None:
        return TokenVectors(cardinalities, width)
    if step_features is not None:
        return StepVectors(step_features, width)
    assert vocab_size is not None
    return SymbolVectors(vocab_size, width)


class WindowTagger(nn.Module):
    """x of steps, lengths (batch,) -> scores (batch, time, n_tags), linear in a step's vector and its neighbours'.

    `reach` steps to either side are read; beyond a row's ends stand zeros.
    """

    def __init__(self, vectors: Vectors, n_tags: int, *, reach: int) -> None:
        super().__init__()
        self.vectors, self.reach = vectors, reach
        self.head = nn.Conv1d(vectors.width, n_tags, 2 * reach + 1, padding=reach)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        h = self.vectors(x)
        inside = torch.arange(h.shape[1], device=h.device) < lengths[:, None]
        return self.head((h * inside[..., None]).transpose(1, 2)).transpose(1, 2)


class RecurrentTagger(nn.Module):
    """x of steps, lengths (batch,) -> scores (batch, time, n_tags) from states of one or both directions."""

    def __init__(
        self, vectors: Vectors, n_tags: int, make: Callable[[int, int], Cell], *, hidden: int, n_layers: int,
        dropout: float, bidirectional: bool, truncate: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.vectors, self.dropout = vectors, nn.Dropout(dropout)
        self.body = Recurrent(
            make, vectors.width, [hidden] * n_layers, bidirectional=bidirectional, dropout=dropout, truncate=truncate
        )
        self.head = nn.Linear(self.body.width, n_tags)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return self.head(self.dropout(self.body(self.dropout(self.vectors(x)), lengths)))


class StateSpaceTagger(nn.Module):
    """x of steps, lengths (batch,) -> scores (batch, time, n_tags) of residual layers, each `hidden` wide."""

    def __init__(
        self, vectors: Vectors, n_tags: int, make: Callable[[int], SequenceLayer | Bidirectional], *, hidden: int,
        n_layers: int, dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.vectors, self.enter = vectors, nn.Linear(vectors.width, hidden)
        self.layers = nn.ModuleList(
            Residual(nn.RMSNorm(hidden, eps=1e-5), make(hidden), dropout=dropout)  # type: ignore[arg-type]
            for _ in range(n_layers)
        )
        self.norm, self.head = nn.RMSNorm(hidden, eps=1e-5), nn.Linear(hidden, n_tags)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        h = self.enter(self.vectors(x))
        for layer in self.layers:
            h = layer(h, lengths)
        return self.head(self.norm(h))


class TransformerTagger(nn.Module):
    """x of steps, lengths (batch,) -> scores (batch, time, n_tags) of an encoder's vectors."""

    def __init__(
        self, vectors: Vectors, n_tags: int, *, width: int, n_layers: int, n_heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.vectors = vectors
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


def _recurrent(
    name: str, vectors: Vectors, n_outputs: int, dropout: float, *, both: bool = True, cell: str = "lstm",
    truncate: int | None = None, **sizes: int,
) -> nn.Module:  # fmt: skip
    _checked(name, dropout, **sizes)
    make: Callable[[int, int], Cell] = {"lstm": LSTM, "gru": GRU}[cell]
    return RecurrentTagger(vectors, n_outputs, make, dropout=dropout, bidirectional=both, truncate=truncate, **sizes)


@model.variants("tagger", choices=("cardinalities | step_features | vocab_size",), name="crf")
def crf_tagger(
    *, cardinalities: tuple[int, ...] | None, step_features: int | None, vocab_size: int | None, n_outputs: int,
    width: int = 64, reach: int = 1,
) -> ChainTagging:  # fmt: skip
    """A linear-chain CRF alone: scores linear in a step and `reach` neighbours to either side, no hidden layer.

    Source: Lafferty, McCallum and Pereira 2001.
    """
    _checked("crf", 0.0, width=width)
    if reach < 0:
        raise SettingError(f"model 'crf': reach is at least 0; got {reach}")
    vectors = vectors_of(cardinalities, step_features, vocab_size, width)
    return ChainTagging(WindowTagger(vectors, n_outputs, reach=reach), n_outputs)


@model.variants("tagger", choices=("cardinalities | step_features | vocab_size",))
def bilstm(
    *, cardinalities: tuple[int, ...] | None, step_features: int | None, vocab_size: int | None, n_outputs: int,
    width: int = 64, hidden: int = 64, n_layers: int = 1, dropout: float = 0.3,
) -> TokenTagging:  # fmt: skip
    """LSTM cells in both directions; each tag is said by itself."""
    vectors = vectors_of(cardinalities, step_features, vocab_size, width)
    return TokenTagging(_recurrent("bilstm", vectors, n_outputs, dropout, hidden=hidden, n_layers=n_layers))


@model.variants("tagger", choices=("cardinalities | step_features | vocab_size",))
def bilstm_crf(
    *, cardinalities: tuple[int, ...] | None, step_features: int | None, vocab_size: int | None, n_outputs: int,
    width: int = 64, hidden: int = 64, n_layers: int = 1, dropout: float = 0.3,
) -> ChainTagging:  # fmt: skip
    """LSTM cells in both directions under a linear-chain CRF; the best chain of tags is said."""
    vectors = vectors_of(cardinalities, step_features, vocab_size, width)
    net = _recurrent("bilstm_crf", vectors, n_outputs, dropout, hidden=hidden, n_layers=n_layers)
    return ChainTagging(net, n_outputs)


@model.variants("tagger", choices=("cardinalities | step_features | vocab_size",), name="lstm")
def lstm_tagger(
    *, cardinalities: tuple[int, ...] | None, step_features: int | None, vocab_size: int | None, n_outputs: int,
    width: int = 64, hidden: int = 64, n_layers: int = 1, dropout: float = 0.3,
    truncate: int | None = None,
) -> TokenTagging:  # fmt: skip
    """LSTM cells that read onward: a tag is said of what came so far, and does not wait for the end."""
    vectors = vectors_of(cardinalities, step_features, vocab_size, width)
    net = _recurrent(
        "lstm", vectors, n_outputs, dropout, both=False, truncate=truncate, hidden=hidden, n_layers=n_layers
    )
    return TokenTagging(net)


@model.variants("tagger", choices=("cardinalities | step_features | vocab_size",), name="gru")
def gru_tagger(
    *, cardinalities: tuple[int, ...] | None, step_features: int | None, vocab_size: int | None, n_outputs: int,
    width: int = 64, hidden: int = 64, n_layers: int = 1, dropout: float = 0.3,
    truncate: int | None = None,
) -> TokenTagging:  # fmt: skip
    """GRU cells that read onward: a tag is said of what came so far, and does not wait for the end."""
    vectors = vectors_of(cardinalities, step_features, vocab_size, width)
    net = _recurrent(
        "gru", vectors, n_outputs, dropout, both=False, cell="gru", truncate=truncate, hidden=hidden, n_layers=n_layers
    )
    return TokenTagging(net)


@model.variants("tagger", choices=("cardinalities | step_features | vocab_size",), name="mamba")
def mamba_tagger(
    *, cardinalities: tuple[int, ...] | None, step_features: int | None, vocab_size: int | None, n_outputs: int,
    width: int = 64, hidden: int = 64, n_layers: int = 2, n_state: int = 16, dropout: float = 0.1,
) -> TokenTagging:  # fmt: skip
    """Mamba, which reads onward: a tag is said of what came so far, over thousands of steps."""
    vectors = vectors_of(cardinalities, step_features, vocab_size, width)
    _checked("mamba", dropout, width=width, hidden=hidden, n_layers=n_layers, n_state=n_state)
    make = partial(Mamba, n_state=n_state)
    sizes = {"hidden": hidden, "n_layers": n_layers}
    return TokenTagging(StateSpaceTagger(vectors, n_outputs, make, dropout=dropout, **sizes))


@model.variants("tagger", choices=("cardinalities | step_features | vocab_size",), name="bimamba")
def bimamba_tagger(
    *, cardinalities: tuple[int, ...] | None, step_features: int | None, vocab_size: int | None, n_outputs: int,
    width: int = 64, hidden: int = 64, n_layers: int = 2, n_state: int = 16, dropout: float = 0.1,
) -> TokenTagging:  # fmt: skip
    """Mamba in both directions; each tag is said by itself."""
    vectors = vectors_of(cardinalities, step_features, vocab_size, width)
    _checked("bimamba", dropout, width=width, hidden=hidden, n_layers=n_layers, n_state=n_state)

    def make(n_units: int) -> Bidirectional:
        return Bidirectional(Mamba(n_units, n_state=n_state), Mamba(n_units, n_state=n_state))

    sizes = {"hidden": hidden, "n_layers": n_layers}
    return TokenTagging(StateSpaceTagger(vectors, n_outputs, make, dropout=dropout, **sizes))


@model.variants("tagger", choices=("cardinalities | step_features | vocab_size",), name="transformer")
def transformer_tagger(
    *, cardinalities: tuple[int, ...] | None, step_features: int | None, vocab_size: int | None, n_outputs: int,
    width: int = 64, n_layers: int = 2, n_heads: int = 4, dropout: float = 0.1,
) -> TokenTagging:  # fmt: skip
    """A Transformer encoder; each tag is said by itself."""
    vectors = vectors_of(cardinalities, step_features, vocab_size, width)
    _checked("transformer", dropout, width=width, n_layers=n_layers, n_heads=n_heads)
    net = TransformerTagger(vectors, n_outputs, width=width, n_layers=n_layers, n_heads=n_heads, dropout=dropout)
    return TokenTagging(net)
