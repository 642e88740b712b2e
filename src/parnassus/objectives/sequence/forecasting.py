"""What a net says of the steps ahead: a number, quantiles, a Gaussian or a Student t each, and how it learns to."""

from collections.abc import Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError, did_you_mean
from ...functional.losses import Loss
from ...functional.quantiles import QuantileLoss, check_quantiles, uncrossed
from ...functional.quantities import LEAST, normal_parameters
from ...layers.writing_forecasts import StepByStep
from ...train.phase import Batch, Objective, Phase
from ..supervised import Supervised

SHARES = np.arange(1, 200) / 200  # at which quantiles are put right for draws
Levels: TypeAlias = Sequence[float] | np.ndarray
DISTRIBUTIONS = ("point", "quantiles", "gaussian", "student_t")


class Head:
    """What `n_parameters` numbers a step mean. Outputs are (batch, horizon n_parameters); y is (batch, horizon).

    All of it is in scaled units. Quantiles of a distribution that was learned are put right by windows that were not:
    that of level a moves by the a-quantile of what lay above it there, so that it holds in the mean over windows,
    however wrong the spread that was learned; from window to window it differs as the distribution says.

    Source: Romano, Patterson and Candes 2019 (conformalized quantile regression), each side by itself.
    """

    n_parameters = 1
    place = 0  # of the parameter that stands for the step's answer, as a net that goes on from it is given it
    apart: tuple[Tensor, np.ndarray] | None = None  # outputs and y of windows that were not learned from

    def split(self, outputs: Tensor) -> Tensor:
        """Outputs as (batch, horizon, n_parameters)."""
        return outputs.unflatten(1, (-1, self.n_parameters))

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """A mean over rows and steps."""
        raise NotImplementedError

    def middle(self, outputs: Tensor) -> Tensor:
        """The answer of each step (batch, horizon)."""
        return outputs

    def mean(self, outputs: Tensor) -> np.ndarray:
        """The answer of each step (batch, horizon) float64, as an array."""
        return _plain(self.middle(outputs))

    def said(self, outputs: Tensor, levels: Levels) -> np.ndarray | None:
        """Quantiles as they were learned (batch, horizon, levels); None where the head says nothing of its errors."""
        return None

    def quantiles(self, outputs: Tensor, levels: Levels) -> np.ndarray | None:
        """(batch, horizon, levels), ascending; None where the head says nothing of its errors."""
        said = self.said(outputs, levels)
        return said if said is None or self.apart is None else np.sort(said + self.offsets(levels), -1)

    def offsets(self, levels: Levels) -> np.ndarray:
        """By how much quantiles move (horizon, levels)."""
        assert self.apart is not None
        outputs, y = self.apart
        above = y[..., None] - np.asarray(self.said(outputs, levels))
        each = [np.quantile(above[..., i], q, axis=0, method="weibull") for i, q in enumerate(levels)]
        return np.stack(each, -1)

    def draw(self, outputs: Tensor, n: int, rng: np.random.Generator) -> np.ndarray | None:
        """n answers (n, batch, horizon), steps drawn apart; None where the head says nothing of its errors."""
        return None


class PointHead(Head):
    """One number a step, and a loss of numbers."""

    def __init__(self, loss: Loss) -> None:
        self.criterion = loss

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        return self.criterion(outputs, y)


class QuantileHead(Head):
    """A number for each level, in any order: they are sorted when they are used."""

    def __init__(self, levels: Sequence[float]) -> None:
        self.levels, self.n_parameters, self.criterion = np.array(levels), len(levels), QuantileLoss(levels)
        self.place = int(np.abs(self.levels - 0.5).argmin())

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        return self.criterion(outputs, y)

    def middle(self, outputs: Tensor) -> Tensor:
        known = uncrossed(self.split(outputs)).double()
        place = float(np.interp(min(max(0.5, self.levels[0]), self.levels[-1]), self.levels, range(len(self.levels))))
        low = int(place)
        high = min(low + 1, len(self.levels) - 1)
        return known[..., low] + (place - low) * (known[..., high] - known[..., low])

    def said(self, outputs: Tensor, levels: Levels) -> np.ndarray:
        """Straight lines between the levels that were learned."""
        wanted = np.asarray(levels)
        if wanted.min() < self.levels[0] - 1e-9 or wanted.max() > self.levels[-1] + 1e-9:
            raise SettingError(
                f"the quantiles {levels} reach beyond those learned, {self.levels[0]:g} to {self.levels[-1]:g}; fit "
                "with wider quantiles="
            )
        known = _plain(uncrossed(self.split(outputs)))
        place = np.interp(wanted, self.levels, np.arange(len(self.levels)))
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, len(self.levels) - 1)
        return known[..., low] + (place - low) * (known[..., high] - known[..., low])

    def draw(self, outputs: Tensor, n: int, rng: np.random.Generator) -> np.ndarray:
        """Beyond the outermost levels the outermost quantile stands."""
        known = np.asarray(self.quantiles(outputs, self.levels))
        shares = rng.random((n, *known.shape[:2]))
        place = np.interp(shares, self.levels, np.arange(len(self.levels)))
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, len(self.levels) - 1)
        rows, steps = np.ogrid[: known.shape[0], : known.shape[1]]
        return known[rows, steps, low] + (place - low) * (known[rows, steps, high] - known[rows, steps, low])


class GaussianHead(Head):
    """Mean and spread of a Gaussian: loss ln s + z^2 / 2 + ln(2 pi) / 2, s = softplus(raw).

    Systems: probabilistic-forecast
    Source: Baker A162; Salinas et al. 2020 (DeepAR), section 3.
    """

    n_parameters = 2

    def parameters(self, outputs: Tensor) -> list[Tensor]:
        """Location, spread, and what else there is, (batch, horizon) each."""
        return [*normal_parameters(outputs)]

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        location, spread = self.parameters(outputs)
        return (spread.log() + 0.5 * ((y - location) / spread).square()).mean() + 0.5 * np.log(2 * np.pi)

    def middle(self, outputs: Tensor) -> Tensor:
        return self.parameters(outputs)[0]

    def said(self, outputs: Tensor, levels: Levels) -> np.ndarray:
        location, spread, *rest = (_plain(p)[..., None] for p in self.parameters(outputs))
        return location + spread * self.standard_quantiles(np.asarray(levels), *rest)

    def draw(self, outputs: Tensor, n: int, rng: np.random.Generator) -> np.ndarray:
        location, spread, *rest = (_plain(p) for p in self.parameters(outputs))
        shape = (n, *location.shape)
        if self.apart is None:
            return location + spread * self.standard_draws(shape, rng, *rest)
        shares = rng.random(shape)
        drawn = location + spread * self.standard_quantiles(shares, *rest)
        for step, moved in enumerate(self._moved):
            drawn[..., step] += np.interp(shares[..., step], SHARES, moved)
        return drawn

    @cached_property
    def _moved(self) -> np.ndarray:
        """Offsets at `SHARES`, which a course that goes step by step asks for again and again."""
        return self.offsets(SHARES)

    def standard_quantiles(self, levels: np.ndarray, *rest: np.ndarray) -> np.ndarray:
        """Of location 0 and spread 1."""
        from scipy.special import ndtri

        return ndtri(levels)

    def standard_draws(self, shape: tuple[int, ...], rng: np.random.Generator, *rest: np.ndarray) -> np.ndarray:
        """Of location 0 and spread 1."""
        return rng.standard_normal(shape)


class StudentHead(GaussianHead):
    """Location, spread and degrees of freedom (above 2) of a Student t, whose tails forgive single large errors.

    Systems: probabilistic-forecast
    Source: Baker A162; Alexandrov et al. 2020 (GluonTS).
    """

    n_parameters = 3

    def parameters(self, outputs: Tensor) -> list[Tensor]:
        location, raw, freedom = self.split(outputs).unbind(2)
        return [location, F.softplus(raw) + LEAST, 2 + LEAST + F.softplus(freedom)]

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        location, spread, freedom = self.parameters(outputs)
        return -torch.distributions.StudentT(freedom, location, spread).log_prob(y).mean()

    def standard_quantiles(self, levels: np.ndarray, *rest: np.ndarray) -> np.ndarray:
        from scipy.special import stdtrit

        return stdtrit(rest[0], levels)

    def standard_draws(self, shape: tuple[int, ...], rng: np.random.Generator, *rest: np.ndarray) -> np.ndarray:
        return rng.standard_t(rest[0], shape)


def head_of(distribution: str, quantiles: Sequence[float], loss: Loss) -> Head:
    """The head that a setting names; `loss` is that of a point."""
    if distribution == "point":
        return PointHead(loss)
    if distribution == "quantiles":
        return QuantileHead(check_quantiles(quantiles))
    if distribution == "gaussian":
        return GaussianHead()
    if distribution == "student_t":
        return StudentHead()
    raise SettingError(f"distribution={distribution!r}; {did_you_mean(distribution, DISTRIBUTIONS)}")


class Forecasts(Objective):
    """A net whose outputs a head reads: one phase, the head's loss.

    A net that says one step from another (`StepByStep`) is given the truth in training, as far as it is taught.

    Systems: multistep-forecaster
    Source: Martinez-Ramon problem 5.1 (direct: all steps at once; recursive: a step on the steps before).
    """

    def __init__(self, model: nn.Module, head: Head) -> None:
        super().__init__()
        self.model, self.head = model, head
        if isinstance(model, StepByStep):
            model.fed = head.place

    def phases(self) -> Sequence[Phase]:
        return [Phase("fit", self.mean_loss, self.model.parameters())]

    def outputs(self, batch: Batch) -> Tensor:
        return self.model(batch["x"])

    def mean_loss(self, batch: Batch) -> Tensor:
        """The head's loss of a batch."""
        if self.training and isinstance(self.model, StepByStep):
            return self.head.loss(self.model.taught(batch["x"], batch["y"]), batch["y"])
        return self.head.loss(self.outputs(batch), batch["y"])


class Taught(Supervised):
    """A net of forecasts as engines of inference take it; one that says step by step is given the truth in training."""

    def outputs(self, batch: Batch) -> Tensor:
        if self.training and isinstance(self.model, StepByStep):
            return self.model.taught(batch["x"], batch["y"])
        return self.model(batch["x"])


class Apart(Objective):
    """The objectives of models of single series, side by side: each has learned by itself.

    Systems: global-forecasting
    Source: Baker A162 (local models learn from one series, global ones across all).
    """

    def __init__(self, parts: Sequence[Objective]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def phases(self) -> Sequence[Phase]:
        return []

    def outputs(self, batch: Batch) -> Tensor:
        raise SettingError("scope='local' keeps a model for each series: take one of `members_`, by the series' name")


def _plain(values: Tensor) -> np.ndarray:
    return values.detach().double().cpu().numpy()
