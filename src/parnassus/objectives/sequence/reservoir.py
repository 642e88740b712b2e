"""A recurrent net whose own weights stay as they were drawn, and least squares on its states: an echo-state network."""

import torch
from torch import Tensor

from ...train.phase import Batch
from ..rules import LeastSquares, Targets

ROWS = 1024  # that go through the reservoir at once


class Reservoir(LeastSquares):
    """Ridge regression on the states of a drawn recurrent net: h' = (1 - leak) h + leak tanh(W_x x + W_h h + b).

    Nothing inside is learned, so that no gradient goes through time, which could vanish or explode. W_h is sparse, and
    scaled to a spectral radius below 1, with which old inputs usually die away (echo states); W_x and b are uniform.

    Parameters
    ----------
    hidden : units of the reservoir.
    radius : the largest absolute eigenvalue of W_h: how long inputs are heard.
    leak : the share of the new state, from slow (near 0) to plain (1).
    gain : W_x is of U(-gain, gain), and b of a tenth of that.
    n_inbound : how many units each unit hears.
    pooling : the readout sees the "last" state, or the "mean" over a row's steps; and the last input.

    What stands behind a row's length changes nothing.

    Source: Jaeger 2001; Lukosevicius 2012.
    """

    def __init__(
        self, step_features: int, n_outputs: int, *, hidden: int, radius: float, leak: float, gain: float,
        n_inbound: int, pooling: str, l2: float, targets: Targets,
    ) -> None:  # fmt: skip
        super().__init__(hidden + step_features, n_outputs, l2=l2, targets=targets)
        self.leak, self.pooling = leak, pooling
        self.register_buffer("w_x", (torch.rand(hidden, step_features) * 2 - 1) * gain)
        self.register_buffer("w_h", drawn(hidden, radius, min(n_inbound, hidden)))
        self.register_buffer("b", (torch.rand(hidden) * 2 - 1) * gain / 10)

    w_x: Tensor
    w_h: Tensor
    b: Tensor

    def inputs(self, batch: Batch) -> Tensor:
        """(batch, hidden + step_features): the summary of the states, and the last input."""
        x = batch["x"].to(self.w_x.dtype)
        lengths = batch["lengths"] if "lengths" in batch else torch.full((x.shape[0],), x.shape[1], device=x.device)
        if torch.compiler.is_exporting():  # rows of any number, at once
            return self._of_rows(x, lengths)
        return torch.cat([self._of_rows(*some) for some in zip(x.split(ROWS), lengths.split(ROWS), strict=True)])

    def _of_rows(self, x: Tensor, lengths: Tensor) -> Tensor:
        h = total = x.new_zeros(x.shape[0], len(self.w_h))
        written = torch.compiler.is_exporting()  # then nothing may depend on the lengths that were tried
        ragged = written or bool((lengths < x.shape[1]).any())
        for t in range(x.shape[1] if written else int(lengths.max())):
            drive = torch.addmm(self.b, x[:, t], self.w_x.T)
            new = torch.lerp(h, torch.addmm(drive, h, self.w_h.T).tanh_(), self.leak)
            inside = (t < lengths)[:, None] if ragged else None
            h = new if inside is None else torch.where(inside, new, h)
            if self.pooling == "mean":
                total = total + (h if inside is None else torch.where(inside, h, 0.0))
        last = x[torch.arange(x.shape[0], device=x.device), (lengths - 1).clamp(min=0)]
        return torch.cat([h if self.pooling == "last" else total / lengths[:, None].clamp(min=1), last], 1)

    def begin(self, batch: Batch) -> None:
        """Nothing: states need no shift."""


def drawn(n_units: int, radius: float, n_inbound: int) -> Tensor:
    """W_h (units, units) with `n_inbound` numbers of U(-1, 1) a row, scaled to a spectral radius."""
    heard = torch.rand(n_units, n_units).argsort(1)[:, :n_inbound]
    weight = torch.zeros(n_units, n_units).scatter_(1, heard, torch.rand(n_units, n_inbound) * 2 - 1)
    found = float(torch.linalg.eigvals(weight.double()).abs().max())
    return weight * (radius / found) if found > 0 else weight
