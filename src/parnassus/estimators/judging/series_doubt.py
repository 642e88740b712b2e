"""What draws of a net's weights say of the steps ahead: means and noises, and what each of them leaves open."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...data.rows import Batch
from ...data.timeseries.series import Panel
from ...data.timeseries.series_windows import Spans
from ...errors import SettingError
from ...functional.quantiles import mixture_quantiles
from ...objectives.bayes.inference import Sampled
from ...objectives.bayes.posterior import Posterior
from ...objectives.sequence.forecasting import Apart, Taught
from ...objectives.sequence.local_forecasting import of_series
from ...registry import loss
from ...train.phase import Objective
from ..protocol import fitted
from .doubt import Agreement, agreement

if TYPE_CHECKING:
    from ..forecaster import Forecaster

SERVED = ("point", "gaussian")  # distributions that are likelihoods of an engine
SHARED = 8  # courses of each draw of the weights that tell what weights leave open, step on step


def check_inference(self: "Forecaster", *, local: bool) -> None:
    """Refuses settings beside which weights have no distribution."""
    if self.inference is None:
        return
    if local:
        raise no_net(self)
    if self.distribution not in SERVED:
        raise SettingError(
            f"inference takes distribution='point' (Gaussian noise, one for each step ahead, which is learned) or "
            f"'gaussian' (noise of each window's steps); got {self.distribution!r}"
        )
    if self.loss is not None:
        raise SettingError(
            f"inference learns Gaussian noise: leave out loss={self.loss!r}; distribution='gaussian' learns the noise "
            "of each window's steps"
        )
    if self.n_cross_fits:
        raise SettingError(
            f"n_cross_fits={self.n_cross_fits} is for intervals made of errors, and inference={self.inference!r} "
            "learns the noise; leave n_cross_fits=None"
        )


def check_doubt(self: "Forecaster") -> None:
    """Refuses deviations where no weights have a distribution."""
    if fitted(self).inference is None:
        raise SettingError(
            f"{self.model_name} was fitted with one set of weights, which tells no noise from doubt; fit a net with "
            "inference='laplace', 'vi' or 'hmc', or take predict(quantiles=(0.1, 0.9)) of this one"
        )


def no_net(self: "Forecaster") -> SettingError:
    """The refusal of inference for a model that is none of a net's weights."""
    return SettingError(
        f"inference={self.inference!r} is of the weights of a net, and model {self.model!r} learns by an objective of "
        "its own, with intervals by its errors; leave inference=None, or choose a net such as 'mlp' or 'gru'"
    )


def inferred(self: "Forecaster", made: torch.nn.Module) -> Posterior:
    """The engine around a net that says the horizon's numbers of a window, with a noise each."""
    if isinstance(made, Objective):
        raise no_net(self)
    kind, name = ("gaussians", "gaussian_nll") if self.distribution == "gaussian" else ("numbers", "squared_error")
    taught = Taught(made, loss(name).make(task=kind), kind=kind, n_outputs=self.codec_.horizon)
    return self.spec("inference", self.inference).make(taught, seed=int(self.seed))


class Doubt:
    """Means and the noise's deviations around them by each draw of the weights, (draws, windows, horizon), scaled."""

    def __init__(self, means: Tensor, deviations: Tensor) -> None:
        self.means, self.deviations = means.double(), deviations.double()

    def mean(self) -> np.ndarray:
        """(windows, horizon)."""
        return self.means.mean(0).numpy()

    def quantiles(self, levels: tuple[float, ...]) -> np.ndarray:
        """Of the mixture over draws, (windows, horizon, levels)."""
        return mixture_quantiles(self.means, self.deviations, levels).numpy()

    def paths(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n courses (n, windows, horizon), each by one draw of the weights for all its steps, noise drawn anew."""
        taken = np.arange(n) * len(self.means) // n
        noise = rng.standard_normal((n, *self.means.shape[1:]))
        return self.means.numpy()[taken] + self.deviations.numpy()[taken] * noise

    def parts(self, center: np.ndarray, spread: np.ndarray, *, log: bool) -> np.ndarray:
        """Deviations total, of the noise and of the weights (windows, horizon, 3), in the units that come after `log`.

        center, spread : (windows, 1).
        """
        means, variances = self.means.numpy() * spread + center, np.square(self.deviations.numpy() * spread)
        if log:  # moments of lognormals
            means = np.exp(means + variances / 2)
            variances = np.expm1(variances) * np.square(means)
        return deviations_of(variances.mean(0), means.var(0))


def doubt_of(self: "Forecaster", spans: Spans) -> tuple[Doubt, np.ndarray, np.ndarray]:
    """What draws say of windows, and center and spread (windows, 1) that take it back."""
    from ..answers.outlooks import answers

    objective = self.objective_
    assert isinstance(objective, Posterior)

    def say(batch: Batch) -> Tensor:
        return objective.draws(batch).transpose(0, 1)

    said, center, spread = answers(self, spans, say)
    return Doubt(*objective.numbers(said.transpose(0, 1))), center, spread


def agreement_of(self: "Forecaster", past: Panel, ahead: list[np.ndarray]) -> Agreement | None:
    """How far the chains agree on the steps that follow `past`; None where weights were not drawn by chains."""
    from ..answers.outlooks import at_the_end

    objective = self.objective_
    if isinstance(objective, Apart):
        each = [(of_series(self.members_, t.name), past.only(i), ahead[i]) for i, t in enumerate(past.tracks)]
        found = [agreement_of(member, panel, [known]) for member, panel, known in each]
        return max((f for f in found if f is not None), default=None)
    if not isinstance(objective, Sampled):
        return None
    return agreement(objective, doubt_of(self, at_the_end(self, past, ahead))[0].means)


def next_step(
    objective: Posterior, batch: Batch, n_paths: int, rng: np.random.Generator, *, alike: int = 1
) -> np.ndarray:
    """The next step (rows, 1), scaled, of courses side by side, course by course; each keeps to one draw.

    alike : how many times the same noise is met, one stretch of the courses after another.
    """
    means, deviations = (part.double().numpy() for part in objective.numbers(objective.draws(batch).cpu()))
    rows = np.arange(means.shape[1])
    taken = (rows // (len(rows) // n_paths)) * len(means) // n_paths
    noise = np.tile(rng.standard_normal((len(rows) // alike, means.shape[2])), (alike, 1))
    return means[taken, rows] + deviations[taken, rows] * noise


def parts_of_courses(courses: np.ndarray, alike: np.ndarray, n_draws: int) -> np.ndarray:
    """Deviations total, of the noise and of the weights (horizon, 3).

    courses : (n, horizon), each with noise of its own.
    alike : (draws `SHARED`, horizon), draw after draw, each of which meets the same noise: by as much as the means of
        draws differ, weights do.
    """
    weights = alike.reshape(n_draws, -1, alike.shape[1]).mean(1).var(0)
    return deviations_of(np.maximum(courses.var(0, ddof=1) - weights, 0.0), weights)


def deviations_of(noise: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Deviations total, of the noise and of the weights, (..., 3), of the variances of both."""
    return np.sqrt(np.stack([noise + weights, noise, weights], -1))
