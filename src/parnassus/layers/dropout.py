"""Dropout in every convention of the books; `torch.nn.Dropout` drops by rate, scales in training, shares no mask."""

from typing import Literal

import torch
from torch import Tensor, nn

from ..errors import SettingError
from ..functional.regularization import Scaling, dropout_at_prediction, dropout_at_training

Mask = Literal["example", "batch", "channel", "sequence"]


class Dropout(nn.Module):
    """Units dropped with probability `rate` in training; all of them, at the same mean, in prediction.

    Parameters
    ----------
    rate : the probability to DROP a unit. (A book's p of 0.8 to keep is a rate of 0.2.)
    scaling : "training" divides what is kept by 1 - rate; "prediction" multiplies by 1 - rate afterwards instead, so
        that trained weights mean what they did in the paper. Predictions of the two differ in nothing but the weights.
    mask : what shares a draw. "example": nothing, each number has its own. "batch": one mask of units for the whole
        mini-batch. "channel": whole maps of (batch, channels, ...). "sequence": one mask a row for all its time steps,
        (batch, time, features).

    Systems: dropout
    Source: Srivastava et al. 2014; Gal and Ghahramani 2016 for sequences; Martinez-Ramon 2.3.2 (one mask a mini-batch,
    scaled at prediction), Hifny A14.7, Baker A197, Jaiswal J55, Keras course K60.
    """

    def __init__(self, rate: float = 0.5, *, scaling: Scaling = "training", mask: Mask = "example") -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise SettingError(f"rate is the probability to drop, in [0, 1); got {rate!r}")
        self.rate, self.scaling, self.mask = rate, scaling, mask

    def forward(self, h: Tensor) -> Tensor:
        if not self.training:
            return dropout_at_prediction(h, rate=self.rate, scaling=self.scaling)
        keep = torch.empty(self._shape(h), dtype=h.dtype, device=h.device).bernoulli_(1 - self.rate)
        return dropout_at_training(h, keep, rate=self.rate, scaling=self.scaling)

    def _shape(self, h: Tensor) -> tuple[int, ...]:
        shapes = {
            "example": tuple(h.shape),
            "batch": (1, *h.shape[1:]),
            "channel": (*h.shape[:2], *[1] * (h.ndim - 2)),
            "sequence": (h.shape[0], *[1] * (h.ndim - 2), h.shape[-1]),
        }
        return shapes[self.mask]

    def extra_repr(self) -> str:
        return f"{self.rate}, scaling={self.scaling!r}, mask={self.mask!r}"
