"""A language model that reads each beginning whole, both ways, before it says the next word."""

from functools import partial

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...layers.cells import LSTM
from ...layers.embedding import looked_up
from ...layers.recurrent import Recurrent
from ...registry import model


class PrefixLM(nn.Module):
    """Ids (batch, time) -> logits (batch, time, vocab_size) of what follows each beginning x_1 .. x_t of a row.

    Embedding, LSTM cells in both directions, dropout, LSTM cells, a dense layer, a linear one. The cells that read
    backwards begin at x_t, so that every beginning is a row of its own: t steps for each t, time^2 / 2 in all, and
    nothing of what follows is ever seen. Beginnings of one length are read together.

    Systems: rnn-lm
    Source: Martinez-Ramon example 5.7.2 (A5.19): 150 cells a direction, dropout 0.2, 100 cells, a dense layer whose
    size is not given; the book fills beginnings with 0 in front, which its net reads as words, and here nothing is
    filled. Hifny 11.4.2 and Baker A192 read in one direction: the models "rnn", "lstm" and "gru".
    """

    def __init__(self, vocab_size: int, *, width: int, hidden: int, upper: int, dense: int, dropout: float) -> None:
        super().__init__()
        make = partial(LSTM, forget_bias=1.0)
        self.embedding = nn.Embedding(vocab_size, width)
        self.both = Recurrent(make, width, [hidden], bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.upper = Recurrent(make, self.both.width, [upper])
        self.head = nn.Sequential(nn.Linear(upper, dense), nn.ReLU(), nn.Linear(dense, vocab_size))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        e = looked_up(self.embedding, x)
        return torch.stack([self._after(e[:, : t + 1]) for t in range(x.shape[1])], 1)

    def _after(self, e: Tensor) -> Tensor:
        """Logits (batch, vocab_size) of what follows rows (batch, t, width) of vectors."""
        return self.head(self.upper.run(self.dropout(self.both(e)))[1])


@model.register("language_model")
def story(
    *, vocab_size: int, width: int = 100, hidden: int = 150, upper: int = 100, dense: int = 100, dropout: float = 0.2
) -> nn.Module:
    """Words from whole beginnings read both ways, as the book's teller of stories; give `unit="words"`."""
    sizes = {"width": width, "hidden": hidden, "upper": upper, "dense": dense}
    for name, value in sizes.items():
        if value < 1:
            raise SettingError(f"model 'story': {name} is at least 1; got {value}")
    if not 0 <= dropout < 1:
        raise SettingError(f"model 'story': dropout is in [0, 1); got {dropout}")
    return PrefixLM(vocab_size, dropout=dropout, **sizes)
