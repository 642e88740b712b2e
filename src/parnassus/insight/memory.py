"""How far back a recurrent net can see: the slope of its state by earlier states, lag by lag."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from ..errors import SettingError
from ..layers.cells import Cell, State
from .style import BLUE, MUTED, VERMILION, canvas, styled
from .watching import batch_of, recurrent_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Memory:
    """Spectral norms of dh_t/dh_(t-lag) of one layer.

    Attributes
    ----------
    norms : (rows, lags + 1), from lag 0, which is 1, on.
    singular, radius : the largest singular value of the recurrent matrix, and the largest size of its eigenvalues; None
        for cells with gates, whose step has no single matrix.
    """

    norms: np.ndarray
    singular: float | None = None
    radius: float | None = None

    @property
    def half_life(self) -> float:
        """The steps after which the typical slope has halved: ln 2 over its mean fall a step; inf where it grows."""
        fall = np.log(np.median(self.norms, 0)[1:].clip(min=1e-300))
        per_step = -np.polyfit(np.arange(1, len(fall) + 1), fall, 1)[0] if len(fall) > 1 else -fall[0]
        return float(np.log(2) / per_step) if per_step > 0 else float("inf")

    @property
    def verdict(self) -> str:
        """Whether slopes vanish, explode or pass."""
        far = float(np.median(self.norms[:, -1]))
        if far < 1e-3:
            return f"vanishing: half of the slope is gone after {self.half_life:.2g} steps"
        return "exploding: clip gradients, or make the recurrent weights smaller" if far > 1e3 else "passing"

    @styled
    def plot(self) -> "Figure":
        """The norm by lag on a log scale: the median row, all rows faintly, and the bound by the singular value."""
        figure, (ax,) = canvas(label="slope of the state by earlier states")
        lags = np.arange(self.norms.shape[1])
        ax.plot(lags, self.norms.T.clip(1e-30), color=BLUE, alpha=0.2, linewidth=0.8)
        ax.plot(lags, np.median(self.norms, 0).clip(1e-30), color=BLUE, label="median row")
        if self.singular is not None:
            bound = float(self.singular) ** lags
            ax.plot(lags, bound, color=VERMILION, linestyle=(0, (4, 3)), linewidth=1, label="bound by |W|")
        ax.axhline(1, color=MUTED, linewidth=0.8)
        ax.set_yscale("log")
        ax.set(xlabel="steps back", title="Slope of the state by an earlier one")
        ax.legend()
        return figure


def state_slopes(cell: Cell, x: Tensor, *, lags: int | None = None) -> Tensor:
    """Spectral norms of d state_T / d state_(T - lag), (batch, lags + 1), over sequences x (batch, time, n_inputs).

    The state is all that a cell carries: h, and of an LSTM h and c. The Jacobians of single steps are multiplied, so
    that nothing is lost to rounding of small gradients.
    """
    with torch.no_grad():
        projected, state = cell.project(x), cell.begin(x)
        jacobians = []
        for z in projected.unbind(1):
            jacobians.append(_jacobian(cell, state, z))
            state = cell.step(z, state)
    product = torch.eye(jacobians[0].shape[-1], dtype=x.dtype, device=x.device).expand_as(jacobians[0])
    norms = [product.new_ones(len(x))]
    for jacobian in reversed(jacobians[len(jacobians) - (lags or len(jacobians)) :]):
        product = product @ jacobian
        norms.append(torch.linalg.matrix_norm(product, ord=2))
    return torch.stack(norms, 1)


def memory(estimator: Any, X: Any, *, layer: int = 0, lags: int | None = None, n_rows: int = 16) -> Memory:
    """How far back a layer of a fitted recurrent estimator sees, on rows of X of one length; of a forecaster X are
    series, and rows the windows inside them. Of two directions it is the forward one.

    Systems: rnn-gradient-analysis
    Source: Pascanu, Mikolov and Bengio 2013; Hifny 10.3 (eqs. 10.25 to 10.33: the bound takes the largest SINGULAR
    value), Baker A141 and A194, Martinez-Ramon 5.4 (whose eqs. 5.28 and 5.29 hold for symmetric matrices alone), Keras
    course K99.
    """
    body, embedding = recurrent_of(estimator)
    if body is None:
        raise SettingError("memory is of a fitted recurrent estimator, such as pn.Classifier('lstm').fit(X, y)")
    batch = batch_of(estimator, X, n_rows)
    if "lengths" in batch and len(batch["lengths"].unique()) > 1:
        raise SettingError("memory compares lags over rows of one length; give rows of one length")
    with torch.no_grad():
        x = batch["x"] if embedding is None else embedding(batch["x"])
        cells = cast(list[Cell], list(body.forwards))
        if not 0 <= layer < len(cells):
            raise SettingError(f"the net has layers 0 to {len(cells) - 1}; got layer={layer}")
        h, cell = body.eval().read_by(layer, x), cells[layer]
        norms = state_slopes(cell, h, lags=lags).double().cpu().numpy()
    matrix = _recurrent_matrix(cell)
    if matrix is None:
        return Memory(norms)
    singular = float(torch.linalg.matrix_norm(matrix, ord=2))
    return Memory(norms, singular, float(torch.linalg.eigvals(matrix).abs().max()))


def _recurrent_matrix(cell: Cell) -> Tensor | None:
    """The matrix between states of a cell without gates."""
    weights = dict(cell.named_parameters())
    if type(cell).__name__ == "Elman":
        return weights["inner.weight_hh_l0"].detach().double()
    return torch.diag(weights["u"].detach().double()) if type(cell).__name__ == "IndRNN" else None


def _jacobian(cell: Cell, state: State, z: Tensor) -> Tensor:
    """d next / d state of every row, (batch, n, n): each row n times over, once for each number of its next state."""
    widths = [part.shape[-1] for part in state]
    n = sum(widths)
    with torch.enable_grad():
        many = torch.cat(state, -1).repeat_interleave(n, 0).requires_grad_()
        following = torch.cat(cell.step(z.repeat_interleave(n, 0), many.split(widths, -1)), -1)
        own = following.view(-1, n, n).diagonal(dim1=1, dim2=2).sum()
        (slopes,) = torch.autograd.grad(own, many)
    return slopes.view(-1, n, n)
