"""Any estimator, this library's or one in scikit-learn's manner, asked the same: its task, copies, fits, its size."""

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...data.draws import seeded_globally
from ...errors import SettingError
from ..base import Estimator
from ..fitting.intake import Examples
from ..fitting.together import fit_together
from ..protocol import Settings


@dataclass(frozen=True)
class Size:
    """What a fitted model holds: parameters where they can be counted, and bytes of arrays."""

    n_parameters: int | None
    n_bytes: int

    def __str__(self) -> str:
        if self.n_parameters is not None:
            return f"{self.n_parameters:,} parameters"
        for unit, size in (("MB", 1e6), ("kB", 1e3)):
            if self.n_bytes >= size:
                return f"{self.n_bytes / size:.3g} {unit}"
        return f"{self.n_bytes} B"


def task_of(estimator: Any) -> str:
    """What an estimator does: "classifier", "regressor", or another task's name; "" where it does not say."""
    if isinstance(estimator, Settings):
        return estimator.task
    if not (hasattr(estimator, "fit") and hasattr(estimator, "get_params")):
        raise SettingError(
            f"{estimator!r} is no estimator: give one of parnassus, such as pn.Classifier('mlp'), or of scikit-learn"
        )
    from sklearn.base import is_classifier, is_regressor

    return "classifier" if is_classifier(estimator) else "regressor" if is_regressor(estimator) else ""


def copies(estimator: Any, n: int, **settings: Any) -> list[Any]:
    """Unfitted copies, with some settings changed; a run folder gets a folder in it for each."""
    from sklearn.base import clone

    made = []
    for i in range(n):
        copy = clone(estimator)
        if settings:
            copy.set_params(**settings)
        if isinstance(copy, Estimator) and copy.out is not None:
            copy.set_params(out=str(Path(copy.out) / f"fold-{i}"))
        made.append(copy)
    return made


def fit_all(estimators: Sequence[Any], parts: Sequence[Examples], *, seed: int = 0) -> list[float]:
    """Fit each estimator on its part, together where they can be; the seconds that each took.

    The seed is that of estimators which were given none of their own.
    """
    with told_once(len(estimators)):
        together = [isinstance(e, Estimator) and hasattr(e, "_take") for e in estimators]
        if all(together):
            fit_together(estimators, [{"X": p.X, "y": p.y, "sample_weight": p.weight} for p in parts])
            return [float(e.seconds_ or 0.0) for e in estimators]
        seconds = []
        for estimator, part in zip(estimators, parts, strict=True):
            started = time.perf_counter()
            with seeded_globally(seed):
                estimator.fit(part.X, part.y, **_weighted(estimator, part.weight))
            seconds.append(time.perf_counter() - started)
        return seconds


def _weighted(estimator: Any, weight: np.ndarray | None) -> dict[str, np.ndarray]:
    """The keyword by which an estimator takes weights; a pipeline hands them to its last step."""
    if weight is None:
        return {}
    from sklearn.utils.validation import has_fit_parameter

    steps = getattr(estimator, "steps", None)
    last = steps[-1][1] if steps else estimator
    if not has_fit_parameter(last, "sample_weight"):
        raise SettingError(f"{type(last).__name__} takes no sample_weight; leave it out, or leave the estimator out")
    return {f"{steps[-1][0]}__sample_weight" if steps else "sample_weight": weight}


@contextmanager
def told_once(n_fits: int) -> Iterator[None]:
    """Warnings that many fits share are given once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    counts: dict[tuple[type[Warning], str], int] = {}
    for one in caught:
        key = (one.category, str(one.message))
        counts[key] = counts.get(key, 0) + 1
    for (category, text), n in counts.items():
        warnings.warn(f"{text} (in {n} of {n_fits} fits)" if n_fits > 1 else text, category, stacklevel=6)


def size_of(estimator: Any) -> Size:
    """How large a fitted estimator is."""
    if hasattr(estimator, "objective_"):
        objective = estimator.objective_
        held = list(objective.parameters()) or [b for b in objective.buffers() if b.is_floating_point()]
        return Size(sum(p.numel() for p in held), sum(p.nbytes for p in held))
    return Size(None, _bytes(estimator, {}))


def _bytes(value: Any, seen: dict[int, Any]) -> int:
    """Bytes of the arrays that an object holds, each counted once; what is seen is kept, lest its id be used again."""
    if id(value) in seen or isinstance(value, str | bytes | int | float | type):
        return 0
    seen[id(value)] = value
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.nbytes
    if isinstance(value, dict):
        return sum(_bytes(v, seen) for v in value.values())
    if isinstance(value, list | tuple | set | np.ndarray):
        return sum(_bytes(v, seen) for v in value)
    if hasattr(value, "data") and hasattr(value, "indptr"):  # a sparse matrix
        return value.data.nbytes + value.indices.nbytes + value.indptr.nbytes
    if hasattr(value, "named_parameters"):
        return sum(p.nbytes for p in value.parameters())
    if type(value).__module__.startswith(("sklearn", "parnassus")) and not callable(value):
        held = vars(value) if hasattr(value, "__dict__") else value.__getstate__()
        return _bytes(held, seen)
    return 0
