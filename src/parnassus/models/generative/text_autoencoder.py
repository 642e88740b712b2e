"""Autoencoders of texts: recurrent nets with one vector between."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from ...errors import SettingError
from ...objectives.generative.text_autoencoder import END, TextReconstruction
from ...registry import model
from .autoencoder import check_sizes


class TextAutoencoder(nn.Module):
    """Ids (batch, time) -> a code (batch, n_code) -> ids: a GRU both ways reads, a GRU that is told the code writes.

    The code is a linear map of both last states; the writer starts from tanh of a linear map of it, and is given it
    beside each id.
    """

    def __init__(self, vocab_size: int, width: int, hidden: int, n_code: int, dropout: float) -> None:
        super().__init__()
        self.n_code = n_code
        self.table = nn.Embedding(vocab_size, width)
        self.reader = nn.GRU(width, hidden, batch_first=True, bidirectional=True)
        self.code, self.start = nn.Linear(2 * hidden, n_code), nn.Linear(n_code, hidden)
        self.writer = nn.GRU(width + n_code, hidden, batch_first=True)
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(hidden, vocab_size)

    def encode(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The code of each row."""
        x = x if x.shape[1] else torch.full((len(x), 1), END, device=x.device)  # an empty text is read as its end
        e: Tensor | nn.utils.rnn.PackedSequence = self.table(x)
        if lengths is not None:
            e = pack_padded_sequence(e, lengths.cpu().clamp(min=1), batch_first=True, enforce_sorted=False)  # type: ignore[arg-type]
        _, last = self.reader(e)
        return self.code(last.transpose(0, 1).flatten(1))

    def write(self, codes: Tensor, given: Tensor) -> Tensor:
        """Scores (batch, time, vocab_size) of what follows each given id; the first given is the end."""
        return self._said(codes, given, self._first(codes))[0]

    def greedy(self, codes: Tensor, n: int) -> Tensor:
        """The likeliest ids (batch, n), one after the other."""
        state, ids = self._first(codes), torch.full((len(codes), 1), END, device=codes.device)
        found = []
        for _ in range(n):
            scores, state = self._said(codes, ids, state)
            ids = scores.argmax(-1)
            found.append(ids)
        return torch.cat(found, 1)

    def _first(self, codes: Tensor) -> Tensor:
        return self.start(codes).tanh()[None].contiguous()

    def _said(self, codes: Tensor, given: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        beside = codes[:, None].expand(-1, given.shape[1], -1)
        h, state = self.writer(torch.cat([self.dropout(self.table(given)), beside], 2), state)
        return self.head(self.dropout(h)), state


@model.register("autoencoder")
def text_ae(
    *, vocab_size: int, pad_id: int, width: int = 64, hidden: int = 128, n_latent: int = 32, dropout: float = 0.0
) -> TextReconstruction:
    """A text through one vector and back: a GRU both ways reads it, another writes it again from the vector alone.

    Parameters
    ----------
    width : of the vectors of ids.
    hidden : units a direction.
    n_latent : numbers in the code.
    dropout : of what the writer is told and says, so that it leans on the code.
    """
    check_sizes("text_ae", n_latent, (width, hidden))
    if pad_id != END:
        raise SettingError(f"model 'text_ae' ends rows with what fills them, id {END}; these data fill with {pad_id}")
    if not 0 <= dropout < 1:
        raise SettingError(f"model 'text_ae': dropout is a probability in [0, 1); got {dropout}")
    return TextReconstruction(TextAutoencoder(vocab_size, width, hidden, n_latent, dropout))
