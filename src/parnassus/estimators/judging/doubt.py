"""How sure a fitted estimator is, put into its evaluation, and classes drawn as new rows would show them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from ...data.answers import number_array
from ...data.gaussians import Gaussians
from ...data.quantiles import Quantiles
from ...data.targets import Multilabel
from ...errors import SettingError
from ...evaluation.doubt import with_intervals, with_mutual_information, with_rhat
from ...evaluation.result import Evaluation
from ...functional.quantiles import mixture_quantiles
from ...objectives.bayes.inference import Sampled
from ...objectives.bayes.posterior import Posterior
from ...objectives.bayes.predictive import SolvedClasses, SolvedNumbers
from ...sampling import split_rhat
from ..fitting.intake import Examples, take_rows
from .moments import is_written_down, moments_of
from .uncertainty import draws_of, numbers_of, of_classes

if TYPE_CHECKING:
    from ..base import Estimator

LEVELS = (50, 80, 95)  # percent
AT_ONCE = 2000  # rows whose draws are held at a time
ASKED = 100  # rows on whose answers chains are to agree


class Agreement(NamedTuple):
    """The largest R-hat of answers and of weights, and of how many chains and draws of each."""

    answers: float
    weights: float
    n_chains: int
    n_draws: int


class _Rows:
    """Of rows, by output (rows, outputs): the probability below the truth, the widest interval, variances."""

    def __init__(self, below: np.ndarray, width: np.ndarray, total: np.ndarray, epistemic: np.ndarray) -> None:
        self.columns = [np.asarray(c, dtype=np.float64).reshape(len(c), -1) for c in (below, width, total, epistemic)]


def with_doubt_of_numbers(estimator: "Estimator", examples: Examples, found: Evaluation) -> Evaluation:
    """A regressor's evaluation with the coverage and width of its intervals, where it has any; R-hat of its chains."""
    objective, target = estimator.objective_, estimator.target_
    more: dict[str, Any] = {"sample_weight": examples.weight, "seed": estimator.seed}
    truth = number_array(examples.y).reshape(len(examples), -1).astype(np.float64)
    if isinstance(target, Quantiles):
        if len(target.quantiles) < 2:
            return found
        low, high = np.moveaxis(estimator.predict_interval(examples.X), -1, 0)
        held = (low.reshape(truth.shape) <= truth) & (truth <= high.reshape(truth.shape))
        level = round(100 * (target.quantiles[-1] - target.quantiles[0]))
        return with_intervals(found, {level: held.mean(1)}, (high - low).reshape(truth.shape).mean(1), **more)
    if not isinstance(objective, Posterior | SolvedNumbers) and not isinstance(target, Gaussians):
        return found
    parts = [part.columns for part in _parts(estimator, examples.X, truth)]
    below, width, total, epistemic = (np.concatenate(column) for column in zip(*parts, strict=True))
    inside = {level: (np.abs(below - 0.5) <= level / 200).mean(1) for level in LEVELS}
    if isinstance(objective, Posterior | SolvedNumbers):
        more |= {"variance": total.mean(1), "epistemic": epistemic.mean(1)}
    found = with_intervals(found, inside, width.mean(1), **more)
    return _with_chains(estimator, examples.X, found)


def _parts(estimator: "Estimator", X: Any, truth: np.ndarray) -> Iterator[_Rows]:
    """Some rows after others, as draws of many rows are many numbers."""
    from scipy.special import ndtr, ndtri

    ends = [(1 - LEVELS[-1] / 100) / 2, (1 + LEVELS[-1] / 100) / 2]
    for first in range(0, len(truth), AT_ONCE):
        rows = np.arange(first, min(first + AT_ONCE, len(truth)))
        some, y = take_rows(X, rows), truth[rows]
        if is_written_down(estimator):
            known = moments_of(estimator, some)
            mean, total = known.mean.reshape(y.shape), known.total.reshape(y.shape)
            width = 2 * ndtri(ends[1]) * total
            yield _Rows(ndtr((y - mean) / total), width, total**2, known.epistemic.reshape(y.shape) ** 2)
            continue
        means, noise = (v.reshape(len(v), *y.shape) for v in numbers_of(estimator, some))
        noise = np.broadcast_to(noise, means.shape)
        found = mixture_quantiles(torch.from_numpy(means), torch.from_numpy(noise.copy()), ends).numpy()
        epistemic = means.var(0)
        total = epistemic + np.square(noise).mean(0)
        yield _Rows(ndtr((y - means) / noise).mean(0), found[..., 1] - found[..., 0], total, epistemic)


def with_doubt_of_classes(estimator: "Estimator", examples: Examples, found: Evaluation) -> Evaluation:
    """A classifier's evaluation with the mutual information of class and weights, where it has draws; R-hat."""
    objective = estimator.objective_
    if not isinstance(objective, Posterior | SolvedClasses):
        return found
    pieces = np.array_split(np.arange(len(examples)), max(1, -(-len(examples) // AT_ONCE)))
    each = [of_classes(estimator, take_rows(examples.X, rows)).epistemic for rows in pieces]
    information = np.concatenate(each).reshape(len(examples), -1).mean(1)  # of several labels their mean
    found = with_mutual_information(found, information, sample_weight=examples.weight, seed=estimator.seed)
    return _with_chains(estimator, examples.X, found)


def _with_chains(estimator: "Estimator", X: Any, found: Evaluation) -> Evaluation:
    """With the largest R-hat where the draws are those of chains, from a file too: the draws are kept."""
    objective = estimator.objective_
    if not isinstance(objective, Sampled):
        return found
    said = draws_of(estimator, take_rows(X, np.arange(min(ASKED, found.n_rows))))
    return with_rhat(found, **agreement(objective, said)._asdict())


def agreement(objective: Sampled, said: torch.Tensor) -> Agreement:
    """How far chains agree on what they said, (draws, ...), and on the weights that are kept."""
    shape = (objective.n_chains, objective.per_chain)
    answers, weights = (_largest(v.double().cpu().numpy().reshape(*shape, -1)) for v in (said, objective.kept))
    return Agreement(answers, weights, *shape)


def _largest(draws: np.ndarray) -> float:
    """The largest R-hat of numbers, (chains, draws, numbers); infinite where one never moved."""
    found = np.array([split_rhat(draws[..., i]) for i in range(draws.shape[2])])
    return float(np.nan_to_num(found, nan=np.inf).max())


def class_samples_of(estimator: "Estimator", X: Any, n: int, seed: int) -> np.ndarray:
    """n labels a row as new rows would show them, each by one draw of the weights: (n, rows).

    Where a row has several labels 1 for each that is there, (n, rows, labels).
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise SettingError(f"n is how many labels to draw, a whole number of at least 1; got {n!r}")
    target = estimator.target_
    each = np.stack([target.probabilities(one) for one in draws_of(estimator, X)])
    rng = np.random.default_rng(seed)
    taken = np.arange(n) * len(each) // n  # every draw alike, or as many of each chain
    if isinstance(target, Multilabel):
        return (rng.random((n, *each.shape[1:])) < each[taken]).astype(np.int8)
    uniform = rng.random((n, each.shape[1], 1))
    places = (each.cumsum(-1)[taken] < uniform).sum(-1)
    return np.asarray(target.classes)[np.minimum(places, each.shape[-1] - 1)]
