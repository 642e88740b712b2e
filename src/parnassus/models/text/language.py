"""Language models: ids (batch, time) -> logits of the id that follows each (batch, time, vocab_size)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError, did_you_mean
from ...functional.attention import causal_mask, scaled_dot_product
from ...layers.attention import Attending
from ...layers.cells import GRU, LSTM, Cell, Elman, GRUResetBefore, State
from ...layers.embedding import looked_up
from ...layers.recurrent import Recurrent
from ...objectives.text.language import NGramCounting
from ...registry import model
from .gpt import GPT


class RecurrentLM(nn.Module):
    """An embedding, recurrent layers, a linear layer; `begin`, `run` and `step` read on in memory that does not grow.

    Source: Hifny A11.13; Mikolov et al. 2010; Baker A192.
    """

    def __init__(
        self,
        make: Callable[[int, int], Cell],
        vocab_size: int,
        *,
        width: int,
        hidden: int,
        n_layers: int,
        dropout: float,
        truncate: int | None = None,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)
        self.body = Recurrent(make, width, [hidden] * n_layers, dropout=dropout, truncate=truncate)
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(hidden, vocab_size)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.head(self.dropout(self.body(looked_up(self.embedding, x))))

    def begin(self, x: Tensor) -> list[State]:
        """The states before the first id, for as many rows as x has."""
        like = self.embedding.weight.new_zeros(len(x), 1)
        return [cell.begin(like) for cell in cast(Sequence[Cell], self.body.forwards)]

    def run(self, x: Tensor, states: Sequence[State]) -> tuple[Tensor, list[State]]:
        """Logits (batch, time, vocab_size) of ids x (batch, time) that follow states, and the states after them."""
        h, _, after = self.body.run(looked_up(self.embedding, x), None, states)
        return self.head(h), after

    def step(self, x: Tensor, states: Sequence[State]) -> tuple[Tensor, list[State]]:
        """Logits (batch, vocab_size) after ids x (batch,), and the next states."""
        logits, after = self.run(x[:, None], states)
        return logits[:, 0], after


class FeedForwardLM(nn.Module):
    """The last `window` ids as one long vector: h = tanh(W_h x + b_h), z = W_o h + b_o.

    Before the start of a row stands the id that fills rows, 0, which has a vector as others have.

    Systems: ffn-lm
    Source: Bengio et al. 2003; Hifny A11.12.
    """

    def __init__(self, vocab_size: int, *, window: int, width: int, hidden: int) -> None:
        super().__init__()
        self.window, self.embedding = window, nn.Embedding(vocab_size, width)
        self.inner, self.outer = nn.Linear(window * width, hidden), nn.Linear(hidden, vocab_size)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        e = looked_up(self.embedding, F.pad(x, (self.window - 1, 0)))
        seen = torch.cat([e[:, i : i + x.shape[1]] for i in range(self.window)], -1)
        return self.outer(self.inner(seen).tanh())


class MaskedAttentionLM(Attending):
    """One layer of attention to the left, with heads whose width is free, then a logistic layer and a linear one.

    embed -> softmax(Q K^T / sqrt(size)) V of each head, side by side -> sigmoid(linear) -> logits. There are no
    positions: within what it may see the net knows what there is, not where.

    Systems: masked-attention-lm
    Source: Martinez-Ramon example 6.2.3 (30 symbols, width 32, 16 heads of 16); Hifny A11.14, whose last matrix must be
    (d_v, V).
    """

    def __init__(self, vocab_size: int, *, width: int, n_heads: int, size: int) -> None:
        super().__init__()
        self.n_heads, self.size = n_heads, size
        self.embedding = nn.Embedding(vocab_size, width)
        self.qkv = nn.Linear(width, 3 * n_heads * size, bias=False)
        self.inner, self.outer = nn.Linear(n_heads * size, width), nn.Linear(width, vocab_size)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        n, time = x.shape
        q, k, v = (
            self.qkv(looked_up(self.embedding, x)).view(n, time, 3, self.n_heads, self.size).permute(2, 0, 3, 1, 4)
        )
        if self.kept is not None:
            self.kept.append(scaled_dot_product(q, k, v, mask=causal_mask(time, device=x.device)).weights.detach())
        z = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.outer(self.inner(z.transpose(1, 2).flatten(2)).sigmoid())


def _sized(name: str, **sizes: int) -> None:
    for setting, value in sizes.items():
        if value < 1:
            raise SettingError(f"model {name!r}: {setting} is at least 1; got {value}")


OPTIONS_OF_COUNTS: dict[str, tuple[tuple[str, ...], float]] = {  # whose they are, and the largest
    "k": (("lidstone",), 1e9),
    "discount": (("absolute", "kneser_ney"), 1.0),
    "weight": (("interpolation",), 1.0),
}


@model.register("language_model")
def ngram(
    *, vocab_size: int, n_samples: int, order: int = 3, smoothing: str = "modified_kneser_ney",
    k: float | None = None, discount: float | None = None, weight: float | None = None,
) -> NGramCounting:  # n_samples is a fact of the view "stream" alone, whose blocks follow each other  # fmt: skip
    """Counts of n-grams; smoothing is "mle", "laplace", "good_turing", "witten_bell", "absolute", "kneser_ney", ....

    `k` is what "lidstone" adds to each count, 1 unless told otherwise; `discount` what "absolute" and "kneser_ney" take
    off, estimated by counts of counts unless told; `weight` that of each order's shares in "interpolation" beside those
    of shorter contexts, an own one an order unless told, the likeliest where each n-gram is left out of its counts.
    """
    options = {
        name: value for name, value in (("k", k), ("discount", discount), ("weight", weight)) if value is not None
    }
    for name, value in options.items():
        users, most = OPTIONS_OF_COUNTS[name]
        if smoothing not in users:
            raise SettingError(f"model 'ngram': {name} is of smoothing {' and '.join(users)}; got {smoothing!r}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise SettingError(f"model 'ngram': {name} is from 0 to {most:g}; got {value!r}")
    return NGramCounting(vocab_size, order=order, smoothing=smoothing, **options)


@model.register("language_model")
def ffn_lm(*, vocab_size: int, window: int = 5, width: int = 60, hidden: int = 100) -> nn.Module:
    """Bengio's feed-forward net: the vectors of the last few ids, a tanh layer, a softmax."""
    _sized("ffn_lm", window=window, width=width, hidden=hidden)
    return FeedForwardLM(vocab_size, window=window, width=width, hidden=hidden)


@model.register("language_model")
def masked_attention(*, vocab_size: int, width: int = 32, n_heads: int = 16, size: int = 16) -> nn.Module:
    """One layer of masked attention with 16 heads of 16, as for characters in Martinez-Ramon's example 6.2.3."""
    _sized("masked_attention", width=width, n_heads=n_heads, size=size)
    return MaskedAttentionLM(vocab_size, width=width, n_heads=n_heads, size=size)


def _recurrent(
    name: str, make: Callable[..., Cell], vocab_size: int, *, width: int, hidden: int, n_layers: int, dropout: float,
    truncate: int | None,
) -> nn.Module:  # fmt: skip
    _sized(name, width=width, hidden=hidden, n_layers=n_layers)
    if not 0 <= dropout < 1:
        raise SettingError(f"model {name!r}: dropout is in [0, 1); got {dropout}")
    sizes = {"width": width, "hidden": hidden, "n_layers": n_layers}
    return RecurrentLM(make, vocab_size, **sizes, dropout=dropout, truncate=truncate)


@model.register("language_model", name="rnn")
def rnn_language_model(
    *, vocab_size: int, width: int = 64, hidden: int = 256, activation: str = "tanh", n_layers: int = 1,
    dropout: float = 0.0, truncate: int | None = None,
) -> nn.Module:  # fmt: skip
    """Elman's recurrent net over ids."""
    make = partial(Elman, activation=activation)
    sizes = {"width": width, "hidden": hidden, "n_layers": n_layers}
    return _recurrent("rnn", make, vocab_size, **sizes, dropout=dropout, truncate=truncate)


@model.register("language_model", name="lstm")
def lstm_language_model(
    *, vocab_size: int, width: int = 64, hidden: int = 256, forget_bias: float = 1.0, n_layers: int = 1,
    dropout: float = 0.0, truncate: int | None = None,
) -> nn.Module:  # fmt: skip
    """Long short-term memory over ids."""
    make = partial(LSTM, forget_bias=forget_bias)
    sizes = {"width": width, "hidden": hidden, "n_layers": n_layers}
    return _recurrent("lstm", make, vocab_size, **sizes, dropout=dropout, truncate=truncate)


@model.register("language_model", name="gru")
def gru_language_model(
    *, vocab_size: int, width: int = 64, hidden: int = 256, reset: str = "after", n_layers: int = 1,
    dropout: float = 0.0, truncate: int | None = None,
) -> nn.Module:  # fmt: skip
    """Gated recurrent units over ids, reset "after" the product with the state or "before"."""
    cells: dict[str, Callable[..., Cell]] = {"after": GRU, "before": GRUResetBefore}
    if reset not in cells:
        raise SettingError(f"model 'gru': reset={reset!r}; {did_you_mean(reset, cells)}")
    sizes = {"width": width, "hidden": hidden, "n_layers": n_layers}
    return _recurrent("gru", cells[reset], vocab_size, **sizes, dropout=dropout, truncate=truncate)


@model.register("language_model", name="gpt")
def gpt_language_model(
    *, vocab_size: int, max_length: int, width: int = 128, n_layers: int = 4, n_heads: int = 4,
    hidden: int | None = None, dropout: float = 0.0, activation: str = "gelu_tanh", positions: str = "learned",
    tied: bool = True, bias: bool = True, eps: float = 1e-5,
) -> nn.Module:  # fmt: skip
    """A Transformer that looks to the left, in GPT-2's layout; width 384, 6 layers and 6 heads are the book's.

    Systems: char-transformer
    Source: Martinez-Ramon example 6.3.1: `n_layers=6, n_heads=6, width=384, activation="relu", tied=False, bias=False`
    with a context of 256.
    """
    return GPT(
        vocab_size, context=max_length, width=width, n_layers=n_layers, n_heads=n_heads, hidden=hidden, dropout=dropout,
        activation=activation, positions=positions, tied=tied, bias=bias,
        eps=eps,
    )  # fmt: skip
