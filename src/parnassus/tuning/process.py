"""Settings drawn where a Gaussian process of the trials so far expects most: `pn.tune(..., sampler="process")`."""

import math
from typing import Any

import torch

from ..errors import SettingError
from ..imports import imported
from ..sampling.minimum import next_point

FIRST = 8  # trials drawn at random before there is a process


def process_sampler(seed: int, *, n_metrics: int = 1) -> Any:
    """Optuna's interface around `parnassus.sampling.minimum.next_point`, for numbers; choices are drawn at random.

    Source: Snoek, Larochelle and Adams 2012.
    """
    if n_metrics > 1:
        raise SettingError("sampler='process' makes one metric better; give one, or sampler='nsga2'")
    optuna = imported("optuna")

    class ProcessSampler(optuna.samplers.BaseSampler):  # type: ignore[name-defined]
        """Expected improvement over the numbers that all finished trials share."""

        def __init__(self) -> None:
            self.random = optuna.samplers.RandomSampler(seed=seed)
            self.space = optuna.search_space.IntersectionSearchSpace()

        def reseed_rng(self) -> None:
            self.random.reseed_rng()

        def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
            found = self.space.calculate(study)
            return {k: d for k, d in found.items() if hasattr(d, "low") and not d.single()}

        def sample_relative(self, study: Any, trial: Any, space: dict[str, Any]) -> dict[str, Any]:
            done = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
            done = [t for t in done if all(k in t.params for k in space) and math.isfinite(t.value)]
            if not space or len(done) < FIRST:
                return {}
            down = study.direction == optuna.study.StudyDirection.MINIMIZE
            points = torch.tensor([[_inside(t.params[k], d) for k, d in space.items()] for t in done])
            values = torch.tensor([t.value if down else -t.value for t in done], dtype=torch.float64)
            point = next_point(points.double(), values, seed=seed + trial.number).tolist()
            return {k: _outside(u, d) for u, (k, d) in zip(point, space.items(), strict=True)}

        def sample_independent(self, study: Any, trial: Any, name: str, distribution: Any) -> Any:
            return self.random.sample_independent(study, trial, name, distribution)

    return ProcessSampler()


def _inside(value: float, d: Any) -> float:
    """A setting's place in its range, from 0 to 1."""
    if d.log:
        return math.log(value / d.low) / math.log(d.high / d.low)
    return float((value - d.low) / (d.high - d.low))


def _outside(place: float, d: Any) -> float | int:
    """The setting at a place in its range, on its steps."""
    value = d.low * (d.high / d.low) ** place if d.log else d.low + place * (d.high - d.low)
    step = getattr(d, "step", None)
    if step:
        value = d.low + round((value - d.low) / step) * step
    value = min(max(value, d.low), d.high)
    return value if isinstance(d.low, float) else round(value)
