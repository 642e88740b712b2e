"""Nets that read a row of ids and write another: builders for the task "translator"."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from ...errors import SettingError, did_you_mean
from ...layers.cells import GRU, LSTM, Cell, State
from ...layers.embedding import looked_up
from ...layers.recurrent import Recurrent, mask_of, reversed_rows
from ...layers.transformer import dropped
from ...objectives.text.translation import ProfessorForcing, Translation
from ...registry import model
from .transformer import Transformer

KERNELS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}
CELLS: dict[str, Callable[[int, int], Cell]] = {"lstm": LSTM, "gru": GRU}
HEADS = ("maxout", "linear")
Step = Callable[[Tensor, Any], tuple[tuple[Tensor, Tensor], Any]]


class Heard(NamedTuple):
    """What an encoder leaves: the decoder's first state, and where there is attention the states and their keys."""

    state: State
    memory: Tensor | None = None  # (batch, n, width)
    keys: Tensor | None = None  # (batch, n, hidden)
    mask: Tensor | None = None  # (batch, n), True for what is real


@dataclass
class RecurrentWriting:
    """A text under way: the decoder's state, rows along `axis` of each part, and what was heard, a row a sentence."""

    heard: Heard
    state: State
    axis: int

    def select(self, rows: Tensor) -> None:
        """Keep these rows, in this order; rows stay with their sentence, whose memory is shared."""
        self.state = tuple(part.index_select(self.axis, rows) for part in self.state)


class RecurrentTranslator(nn.Module):
    """What recurrent nets share: how they run step by step. `advance` is one step without its scores."""

    hidden: int
    targets: nn.Embedding
    axis = 0

    def encode(self, source: Tensor, lengths: Tensor | None = None) -> tuple[Heard]:
        """What is heard of sources (batch, n)."""
        raise NotImplementedError

    def advance(self, e: Tensor, state: State, heard: Heard) -> tuple[Tensor, Tensor, State]:
        """What the head reads, the state that shows, and the next state, after vectors e (rows, width)."""
        raise NotImplementedError

    def scores(self, features: Tensor) -> Tensor:
        """Scores of ids of what `advance` gave the head."""
        raise NotImplementedError

    def begin(self, heard: Heard, *, n_steps: int = 0) -> RecurrentWriting:
        """What `step` goes on from."""
        return RecurrentWriting(heard, heard.state, self.axis)

    def step(self, ids: Tensor, writing: RecurrentWriting) -> Tensor:
        """Scores (rows, n_ids) of what follows the newest ids (rows,)."""
        features, _, writing.state = self.advance(looked_up(self.targets, ids), writing.state, writing.heard)
        return self.scores(features)

    def steps(self, heard: Heard) -> tuple[Step, State]:
        """A step from (ids, state) to ((scores, shown state), state), and the first state."""

        def step(ids: Tensor, state: State) -> tuple[tuple[Tensor, Tensor], State]:
            features, shown, state = self.advance(looked_up(self.targets, ids), state, heard)
            return (self.scores(features), shown), state

        return step, heard.state


class Seq2Seq(RecurrentTranslator):
    """An encoder whose last states are the decoder's first, layer by layer: ids (batch, n), (batch, m) -> scores.

    Parameters
    ----------
    cell : "lstm" or "gru", torch's kernels. bias : of the scores.
    reverse : read sources from their last id to their first, their ends aside.
    spread : first weights are drawn evenly from [-spread, spread]; 0 leaves torch's own.

    Padding of either side changes nothing.

    Systems: seq2seq-rnn
    Source: Cho et al. 2014; Sutskever et al. 2014; Hifny A11.16; Martinez-Ramon 5.7.5, which writes of states
    "concatenated with _BOS" where they are copied (F41); Jaiswal J111; Keras course 6.4.
    """

    axis = 1

    def __init__(
        self,
        source_vocab_size: int,
        target_vocab_size: int,
        *,
        cell: str = "lstm",
        width: int,
        hidden: int,
        n_layers: int,
        dropout: float = 0.0,
        reverse: bool = False,
        spread: float = 0.0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.hidden, self.reverse = hidden, reverse
        self.sources, self.targets = nn.Embedding(source_vocab_size, width), nn.Embedding(target_vocab_size, width)
        between = dropout if n_layers > 1 else 0.0
        make = KERNELS[cell]
        self.encoder, self.decoder = (
            make(width, hidden, n_layers, batch_first=True, dropout=between) for _ in range(2)
        )
        self.dropout, self.head = dropped(dropout), nn.Linear(hidden, target_vocab_size, bias=bias)
        for parameter in self.parameters() if spread else ():
            nn.init.uniform_(parameter, -spread, spread)

    def encode(self, source: Tensor, lengths: Tensor | None = None) -> tuple[Heard]:
        if self.reverse:
            source = backwards(source, lengths)
        e: Any = self.dropout(looked_up(self.sources, source))
        if lengths is not None:
            e = pack_padded_sequence(e, lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, state = self.encoder(e)
        return (Heard(state if isinstance(state, tuple) else (state,)),)

    def forward(self, source: Tensor, given: Tensor, lengths: Tensor | None = None) -> Tensor:
        (heard,) = self.encode(source, lengths)
        h, _ = self.decoder(self.dropout(looked_up(self.targets, given)), self._told(heard.state))
        return self.scores(h)

    def _told(self, state: State) -> Any:
        return state if isinstance(self.decoder, nn.LSTM) else state[0]

    def advance(self, e: Tensor, state: State, heard: Heard) -> tuple[Tensor, Tensor, State]:
        state = tuple(part.contiguous() for part in state)
        h, after = self.decoder(self.dropout(e)[:, None], self._told(state))
        return h[:, 0], h[:, 0], after if isinstance(after, tuple) else (after,)

    def scores(self, features: Tensor) -> Tensor:
        return self.head(self.dropout(features))


class RNNSearch(RecurrentTranslator):
    """An encoder both ways, and a decoder that looks at its states before each id: ids -> scores of ids.

        e_ti = v' tanh(W s_(t-1) + U h_i),  alpha_t = softmax(e_t)
        c_t = sum_i alpha_ti h_i,           s_t = f(s_(t-1), y_(t-1), c_t)

    head : "maxout" of W [s_(t-1); y_(t-1); c_t], two and two, then a linear layer, as published; "linear" of s_t.
    cell : "gru" as published, whose first state is tanh(W_s h) of the backward state h at the source's beginning, or
        "lstm", whose first state and cell are linear maps of both directions' last states.

    `kept`, where it is a list, is given the weights of every step (batch, n).

    Systems: rnnsearch
    Source: Bahdanau et al. 2015, appendix A; Martinez-Ramon eqs. 6.5 to 6.8 and example 6.2.4 (`cell="lstm",
    head="linear", width=256, hidden=512, dropout=0.5`), which maps the cells where this maps states.
    """

    kept: list[Tensor] | None = None

    def __init__(
        self,
        source_vocab_size: int,
        target_vocab_size: int,
        *,
        cell: str = "gru",
        width: int,
        hidden: int,
        n_layers: int = 1,
        head: str = "maxout",
        n_maxout: int = 64,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        make = CELLS[cell]
        self.hidden, self.kind = hidden, head
        self.sources, self.targets = nn.Embedding(source_vocab_size, width), nn.Embedding(target_vocab_size, width)
        self.encoder = Recurrent(make, width, [hidden] * n_layers, bidirectional=True, dropout=dropout)
        self.cell = make(width + 2 * hidden, hidden)
        n_from = hidden if cell == "gru" else 2 * hidden
        self.starts = nn.ModuleList(nn.Linear(n_from, hidden) for _ in range(self.cell.n_states))
        self.of_state, self.of_memory = nn.Linear(hidden, hidden, bias=False), nn.Linear(2 * hidden, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)
        self.inner = nn.Linear(3 * hidden + width, 2 * n_maxout) if head == "maxout" else None
        self.head = nn.Linear(n_maxout if head == "maxout" else hidden, target_vocab_size)
        self.dropout = dropped(dropout)

    def encode(self, source: Tensor, lengths: Tensor | None = None) -> tuple[Heard]:
        memory, last, _ = self.encoder.run(self.dropout(looked_up(self.sources, source)), lengths)
        inside = mask_of(memory, lengths)
        first = last if self.cell.n_states > 1 else last[:, self.hidden :]
        state = tuple(start(first) for start in self.starts)
        if self.cell.n_states == 1:
            state = tuple(torch.tanh(part) for part in state)
        return (Heard(state, memory, self.of_memory(memory), None if inside is None else inside[..., 0].bool()),)

    def forward(self, source: Tensor, given: Tensor, lengths: Tensor | None = None) -> Tensor:
        (heard,) = self.encode(source, lengths)
        state, seen = heard.state, []
        for e in looked_up(self.targets, given).unbind(1):
            features, _, state = self.advance(e, state, heard)
            seen.append(features)
        return self.scores(torch.stack(seen, 1))

    def advance(self, e: Tensor, state: State, heard: Heard) -> tuple[Tensor, Tensor, State]:
        e, before = self.dropout(e), state[0]
        context = self._context(before, heard)
        state = self.cell.step(self.cell.project(torch.cat([e, context], 1)), state)
        return (state[0] if self.inner is None else torch.cat([before, e, context], 1)), state[0], state

    def _context(self, before: Tensor, heard: Heard) -> Tensor:
        assert heard.memory is not None
        assert heard.keys is not None
        n = len(heard.memory)
        asked = self.of_state(before).view(n, -1, 1, self.hidden)  # several rows of one sentence share its keys
        energy = self.score(torch.tanh(heard.keys[:, None] + asked))[..., 0]
        if heard.mask is not None:
            energy = energy.masked_fill(~heard.mask[:, None], torch.finfo(energy.dtype).min)
        weights = energy.softmax(-1)
        if self.kept is not None:
            self.kept.append(weights.flatten(0, 1).detach())
        return (weights @ heard.memory).flatten(0, 1)

    def scores(self, features: Tensor) -> Tensor:
        if self.inner is not None:
            features = self.inner(features).unflatten(-1, (-1, 2)).amax(-1)
        return self.head(self.dropout(features))


def backwards(source: Tensor, lengths: Tensor | None) -> Tensor:
    """Rows of ids from the last to the first, their ends where they were.

    >>> backwards(torch.tensor([[3, 4, 5, 9], [6, 9, 0, 0]]), torch.tensor([4, 2])).tolist()
    [[5, 4, 3, 9], [6, 9, 0, 0]]
    """
    if lengths is None:
        lengths = torch.full((len(source),), source.shape[1], device=source.device)
    return reversed_rows(source[..., None], lengths - 1)[..., 0]


def _checked(name: str, cell: str, kinds: Any, dropout: float, **sizes: int) -> None:
    if cell not in kinds:
        raise SettingError(f"model {name!r}: cell={cell!r}; {did_you_mean(cell, kinds)}")
    for setting, value in sizes.items():
        if value < 1:
            raise SettingError(f"model {name!r}: {setting} is at least 1; got {value}")
    if not 0 <= dropout < 1:
        raise SettingError(f"model {name!r}: dropout is in [0, 1); got {dropout}")


def _taught(
    net: nn.Module, n_ids: int, *, smoothing: float, forcing: str = "teacher", decay: float = 1.0
) -> Translation:
    if forcing == "professor":
        return ProfessorForcing(net, n_ids, smoothing=smoothing)
    return Translation(net, n_ids, smoothing=smoothing, forcing=forcing, decay=decay)


@model.register("translator")
def seq2seq(
    *, source_vocab_size: int, target_vocab_size: int, cell: str = "lstm", width: int = 64, hidden: int = 128,
    n_layers: int = 1, dropout: float = 0.0, reverse: bool = False, spread: float = 0.0, bias: bool = True,
    smoothing: float = 0.0, forcing: str = "teacher", decay: float = 1000.0,
) -> Translation:  # fmt: skip
    """An encoder and a decoder, LSTM or GRU, with nothing but a state between them.

    `forcing` is "teacher", "free", "linear", "exponential", "inverse_sigmoid" (by `decay` steps) or "professor".
    """
    _checked("seq2seq", cell, KERNELS, dropout, width=width, hidden=hidden, n_layers=n_layers)
    net = Seq2Seq(
        source_vocab_size, target_vocab_size, cell=cell, width=width, hidden=hidden, n_layers=n_layers,
        dropout=dropout, reverse=reverse, spread=spread, bias=bias,
    )  # fmt: skip
    return _taught(net, target_vocab_size, smoothing=smoothing, forcing=forcing, decay=decay)


@model.register("translator")
def deep_lstm(
    *, source_vocab_size: int, target_vocab_size: int, width: int = 1000, hidden: int = 1000, n_layers: int = 4,
    spread: float = 0.08, reverse: bool = True,
) -> Translation:  # fmt: skip
    """Four LSTM layers of 1000 cells a side, sources reversed, weights begun evenly in [-0.08, 0.08].

    With 160,000 and 80,000 ids it has 384,032,000 weights, 64,032,000 of them recurrent, and 64,000 more than that
    because torch keeps two biases a gate. As published it is trained with
    `optimizer=pn.optimizer("sgd"), lr=0.7, clip_norm=5, batch_size=128,
    schedule=pn.schedule("decay", gamma=0.5, every=0.5, after=5, unit="epochs", shape="stairs")` for 7.5 epochs.

    Systems: deep-lstm-seq2seq
    Source: Sutskever et al. 2014; Martinez-Ramon 5.7.5, which has momentum 0.7 where the rate was 0.7, and a norm of
    weights where that of gradients was held (F45).
    """
    _checked("deep_lstm", "lstm", KERNELS, 0.0, width=width, hidden=hidden, n_layers=n_layers)
    net = Seq2Seq(
        source_vocab_size, target_vocab_size, width=width, hidden=hidden, n_layers=n_layers, reverse=reverse,
        spread=spread, bias=False,
    )  # fmt: skip
    return _taught(net, target_vocab_size, smoothing=0.0)


@model.register("translator")
def rnnsearch(
    *, source_vocab_size: int, target_vocab_size: int, cell: str = "gru", width: int = 64, hidden: int = 128,
    n_layers: int = 1, head: str = "maxout", n_maxout: int = 64, dropout: float = 0.0, smoothing: float = 0.0,
    forcing: str = "teacher", decay: float = 1000.0,
) -> Translation:  # fmt: skip
    """An encoder both ways and a decoder with additive attention; width=620, hidden=1000, n_maxout=500 as published."""
    _checked("rnnsearch", cell, CELLS, dropout, width=width, hidden=hidden, n_layers=n_layers, n_maxout=n_maxout)
    if head not in HEADS:
        raise SettingError(f"model 'rnnsearch': head={head!r}; {did_you_mean(head, HEADS)}")
    net = RNNSearch(
        source_vocab_size, target_vocab_size, cell=cell, width=width, hidden=hidden, n_layers=n_layers, head=head,
        n_maxout=n_maxout, dropout=dropout,
    )  # fmt: skip
    return _taught(net, target_vocab_size, smoothing=smoothing, forcing=forcing, decay=decay)


@model.register("translator", name="transformer")
def transformer_translator(
    *, source_vocab_size: int, target_vocab_size: int, width: int = 128, n_layers: int = 2, n_heads: int = 4,
    feed_forward: int | None = None, norm: str = "pre", activation: str = "relu", positions: str = "sinusoidal",
    context: int = 512, dropout: float = 0.1, tied: str = "none", smoothing: float = 0.1,
) -> Translation:  # fmt: skip
    """The encoder-decoder Transformer; tied "none", "targets" or "all", which asks for `shared=True`.

    The base model is width=512, n_layers=6, n_heads=8, norm="post", tied="all", trained with
    `optimizer=pn.optimizer("adam", betas=(0.9, 0.98), eps=1e-9), lr=1.0, schedule=pn.schedule("noam", width=512)`.

    Systems: transformer-nmt
    Source: Vaswani et al. 2017; Hifny A11.26, Baker 7.1, Martinez-Ramon 6.3 and problem 6.3, Jaiswal 5.1.
    """
    _checked("transformer", "lstm", KERNELS, dropout, width=width, n_layers=n_layers, n_heads=n_heads, context=context)
    net = Transformer(
        source_vocab_size, target_vocab_size, width=width, n_heads=n_heads, n_layers=n_layers,
        hidden=4 * width if feed_forward is None else feed_forward, norm=norm, activation=activation,
        positions=positions, context=context, dropout=dropout, tied=tied,
    )  # fmt: skip
    return _taught(net, target_vocab_size, smoothing=smoothing)
