"""How far back the answer of a net for sequences depends on what it read: slopes by inputs, lag by lag."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import SettingError
from .style import BLUE, canvas, styled
from .watching import batch_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Reach:
    """Sizes of the slopes of the answer by the input `lag` steps before the last one.

    Attributes
    ----------
    slopes : (rows, time), from lag 0, the last step, on.
    """

    slopes: np.ndarray

    def steps(self, share: float = 0.9) -> int:
        """How many of the last steps hold this share of the slope of the typical row."""
        if not 0 < share <= 1:
            raise SettingError(f"share is above 0 and at most 1; got {share}")
        typical = np.median(self.slopes, 0)
        held = np.cumsum(typical) / max(typical.sum(), np.finfo(float).tiny)
        return int(np.searchsorted(held, share * held[-1] - 1e-12) + 1)

    @styled
    def plot(self) -> "Figure":
        """The slope by lag on a log scale: the median row, and all rows faintly."""
        figure, (ax,) = canvas(label="slope of the answer by earlier inputs")
        lags = np.arange(self.slopes.shape[1])
        floor = max(float(self.slopes.max()) * 1e-8, 1e-30)
        ax.plot(lags, self.slopes.T.clip(floor), color=BLUE, alpha=0.2, linewidth=0.8)
        ax.plot(lags, np.median(self.slopes, 0).clip(floor), color=BLUE, label="median row")
        ax.set_yscale("log")
        ax.set(xlabel="steps before the last", title="Slope of the answer by an earlier input")
        ax.legend()
        return figure


def input_slopes(net: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Frobenius norms of d outputs / d x_(last - lag), (batch, time), of a net from (batch, time, n) to (batch, m)."""
    with torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        outputs = net(x).flatten(1)
        total = torch.zeros_like(x[..., 0])
        for i in range(outputs.shape[1]):
            (slope,) = torch.autograd.grad(outputs[:, i].sum(), x, retain_graph=i + 1 < outputs.shape[1])
            total += slope.square().sum(-1)
    return total.sqrt().flip(1)


def reach(estimator: Any, X: Any, *, n_rows: int = 16) -> Reach:
    """How far back the answers of a fitted net for sequences see, on rows of X of one length.

    `memory` follows the state of a recurrent net; this follows inputs to answers, through any net. Of ids it takes the
    vectors that they become. Of a forecaster X are series, and rows the windows inside them.
    """
    objective = getattr(estimator, "objective_", None)
    net = getattr(objective, "model", None)
    if net is None or ("step_features" not in estimator.facts_ and "vocab_size" not in estimator.facts_):
        raise SettingError("reach is of a fitted estimator of sequences, such as pn.Classifier('s4d').fit(X, y)")
    batch = batch_of(estimator, X, n_rows)
    if "lengths" in batch and len(batch["lengths"].unique()) > 1:
        raise SettingError("reach compares lags over rows of one length; give rows of one length")
    net.eval()
    embedding = getattr(net, "embedding", None)
    if "vocab_size" in estimator.facts_ and embedding is None:
        raise SettingError(f"reach needs a net whose ids go through an embedding; {type(net).__name__} has none")
    x = batch["x"] if embedding is None else embedding(batch["x"])
    inner = net if embedding is None else net.net
    n = int(batch["lengths"][0]) if "lengths" in batch else x.shape[1]
    return Reach(input_slopes(inner, x[:, :n]).double().cpu().numpy())
