"""Texts through one vector and back: a decoder writes again what an encoder read."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...train.phase import Batch, Phase
from .autoencoder import Autoencoding, mean_over

END = 0  # what fills rows ends them


class TextReconstruction(Autoencoding):
    """-ln p of each id of a row and of its end, given the row's code and the ids before; a mean over them.

    Parameters
    ----------
    net : has `n_code`, `encode(ids, lengths)`, `write(codes, given)` giving scores of ids after each given one, and
        `greedy(codes, n)`, the likeliest ids one by one.

    In use nothing but the code is told: `rebuilt` writes until the end, or as long as the longest row of training.

    Systems: seq2seq-ae
    Source: Martinez-Ramon problems 7.7 and 7.8: the target is the input, and the state between is what is wanted;
    a plain encoder-decoder writes something else, and its state is thrown away.
    """

    longest: Tensor

    def __init__(self, net: nn.Module) -> None:
        super().__init__(int(net.n_code))  # type: ignore[arg-type]
        self.net = net
        self.register_buffer("longest", torch.ones((), dtype=torch.int64))

    def phases(self) -> Sequence[Phase]:
        return [Phase("reconstruct", self.loss, self.parameters())]

    def due(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The ids to write, the end behind them, and which count: (n, time + 1) both."""
        x = batch["x"]
        lengths = batch["lengths"] if "lengths" in batch else torch.full((len(x),), x.shape[1], device=x.device)
        inside = torch.arange(x.shape[1] + 1, device=x.device) <= lengths[:, None]
        return F.pad(x, (0, 1), value=END) * inside, inside

    def row_losses(self, batch: Batch) -> Tensor:
        """-ln p of each row, a mean over its ids and its end (n,)."""
        y, inside = self.due(batch)
        scores = self.net.write(self.codes(batch), F.pad(y[:, :-1], (1, 0), value=END))  # type: ignore[operator]
        each = F.cross_entropy(scores.flatten(0, 1), y.flatten(), reduction="none").view_as(y)
        return (each * inside).sum(1) / inside.sum(1)

    def loss(self, batch: Batch) -> Tensor:
        """The mean over rows."""
        if self.training:
            self.longest.copy_(torch.maximum(self.longest, torch.tensor(batch["x"].shape[1])))
        return mean_over(self.row_losses(batch), batch)

    def codes(self, batch: Batch) -> Tensor:
        return self.net.encode(batch["x"], batch.get("lengths"))  # type: ignore[operator]

    def decoded(self, codes: Tensor) -> Tensor:
        """The likeliest ids (n, longest), 0 behind each end."""
        ids = self.net.greedy(codes, int(self.longest))  # type: ignore[operator]
        return ids * (ids != END).cumprod(1)

    def rebuilt(self, batch: Batch) -> Tensor:
        return self.decoded(self.codes(batch))

    def scores(self, batch: Batch) -> Tensor:
        return self.row_losses(batch)

    def wrong(self, batch: Batch) -> Tensor:
        """The share of each row's ids that are not written again in their places (n,)."""
        y, inside = self.due(batch)
        made = self.rebuilt(batch)
        made = F.pad(made, (0, max(0, y.shape[1] - made.shape[1])), value=END)[:, : y.shape[1]]
        return ((made != y) & inside).sum(1) / inside.sum(1)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        return {"loss": mean_over(self.row_losses(batch), batch)}
