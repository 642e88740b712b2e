"""How unsure an answer is: what the data leave open, and what the weights do."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from ...data.gaussians import Gaussians
from ...data.rows import batches as batches_of
from ...errors import SettingError, check_level
from ...functional.quantities import normal_parameters
from ...objectives.bayes.posterior import Posterior
from ...objectives.bayes.predictive import SolvedClasses
from ...train.randomness import kept_random
from ...train.timetable import cuts_of
from ..answers.using import EVALUATED, outputs_of
from ..fitting.assembly import device_under
from ..fitting.training import threads_for
from ..protocol import fitted
from .moments import is_written_down, moments_of, normal_interval, normal_samples

if TYPE_CHECKING:
    from ..base import Estimator


class Uncertainty(NamedTuple):
    """Of each row, (rows,) or (rows, outputs).

    Of numbers, standard deviations in the units of y: `aleatoric` of the noise, `epistemic` of what the draws of the
    weights say, and `total`, whose square is the sum of both squares; of one set of weights, by loss="gaussian_nll",
    `epistemic` is 0. Of classes, entropies in nats: `total` of the mean probability, `aleatoric` the mean entropy of
    the draws, and `epistemic` their difference.

    Systems: mc-predictive
    Source: Martinez-Ramon 9.3 and 9.3.4 (oracles B9.11 and B9.16).
    """

    total: np.ndarray
    aleatoric: np.ndarray
    epistemic: np.ndarray


def posterior_of(estimator: "Estimator") -> Posterior:
    """The fitted posterior; an estimator without one is told how to get it."""
    objective = fitted(estimator).objective_
    if not isinstance(objective, Posterior):
        raise SettingError(_without_doubt(estimator))
    return objective


def _without_doubt(estimator: "Estimator") -> str:
    return (
        f"{type(estimator).__name__} was fitted with one set of weights, which says nothing of its uncertainty; "
        f"fit it with inference='vi', 'laplace', 'mc_dropout' or 'hmc', choose model 'gaussian_process', or wrap it in "
        f"pn.Conformal"
    )


def draws_of(estimator: "Estimator", X: Any) -> torch.Tensor:
    """What each draw of the weights says of raw rows, (draws, rows, outputs) on the CPU, as the target decodes it."""
    objective, codec = fitted(estimator).objective_, estimator.codec_
    if not isinstance(objective, Posterior | SolvedClasses):
        raise SettingError(_without_doubt(estimator))
    rows, device = codec.encode(X), device_under(objective)
    objective.eval()
    parts = []
    with torch.inference_mode(), threads_for(objective, EVALUATED), kept_random(device, estimator.seed, "use"):
        for taken in batches_of(rows, torch.arange(len(rows)), cuts_of(len(rows), EVALUATED)):
            batch = codec.prepare({k: t.to(device) for k, t in taken.items()}, estimator.view_)
            parts.append(objective.draws(batch).float().cpu())
    return torch.cat(parts, 1)


def numbers_of(estimator: "Estimator", X: Any) -> tuple[np.ndarray, np.ndarray]:
    """Each draw's numbers in the units of y, and the noise's deviation around them: (draws, rows[, outputs]) both."""
    target = fitted(estimator).target_
    if isinstance(target, Gaussians) and not isinstance(estimator.objective_, Posterior):
        means, deviations = normal_parameters(outputs_of(estimator, X)[None])
    else:
        means, deviations = posterior_of(estimator).numbers(draws_of(estimator, X))
    values, noise = means.double().numpy() * target.scale + target.center, deviations.double().numpy() * target.scale
    return (values[..., 0], noise[..., 0]) if target.flat else (values, noise)


def of_numbers(estimator: "Estimator", X: Any) -> Uncertainty:
    """The standard deviations of a regressor's rows."""
    if is_written_down(estimator):
        found = moments_of(estimator, X)
        return Uncertainty(found.total, found.aleatoric, found.epistemic)
    values, noise = numbers_of(estimator, X)
    epistemic, aleatoric = values.std(0), np.sqrt(np.square(noise).mean(0))
    return Uncertainty(np.sqrt(epistemic**2 + aleatoric**2), aleatoric, epistemic)


def of_classes(estimator: "Estimator", X: Any) -> Uncertainty:
    """The entropies of a classifier's rows, (rows,), or where a row has several labels of each, (rows, labels)."""
    target = estimator.target_
    each = np.stack([target.probabilities(one) for one in draws_of(estimator, X)])
    if target.loss_kind == "multilabel":  # each label is there or not
        each = np.stack([each, 1 - each], -1)
    total, aleatoric = _entropy(each.mean(0)), _entropy(each).mean(0)
    return Uncertainty(total, aleatoric, np.maximum(total - aleatoric, 0.0))


def samples_of(estimator: "Estimator", X: Any, n: int, seed: int) -> np.ndarray:
    """n answers a row as new data would show them, noise included: (n, rows[, outputs])."""
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise SettingError(f"n is how many answers to draw, a whole number of at least 1; got {n!r}")
    if is_written_down(estimator):
        return normal_samples(moments_of(estimator, X), n, seed)
    values, noise = numbers_of(estimator, X)
    rng = np.random.default_rng(seed)
    taken = np.arange(n) * len(values) // n  # every draw alike, or as many of each chain
    return values[taken] + np.broadcast_to(noise, values.shape)[taken] * rng.normal(size=(n, *values.shape[1:]))


def interval_of(estimator: "Estimator", X: Any, level: float | None) -> np.ndarray:
    """The ends between which a new answer lies with probability `level`, .95 where it is None: (rows[, outputs], 2)."""
    share = 0.95 if level is None else check_level(level)
    if is_written_down(estimator):
        return normal_interval(moments_of(estimator, X), share)
    drawn = samples_of(estimator, X, max(1000, 10 * getattr(estimator.objective_, "n_draws", 0)), estimator.seed)
    return np.moveaxis(np.quantile(drawn, [(1 - share) / 2, (1 + share) / 2], axis=0), 0, -1)


def _entropy(p: np.ndarray) -> np.ndarray:
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(-1)
