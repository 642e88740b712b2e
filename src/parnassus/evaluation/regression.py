"""How good predicted numbers are, beside a constant learned from the training rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from ..functional.metrics.counts import fraction
from ..functional.metrics.inputs import Floats, paired, row_weights
from .bootstrap import Bootstrap, Numbers, Statistic, interval
from .curves import Curve, thinned
from .result import LOWER_IS_BETTER, Evaluation, Metric

NAMES = ["r2", "rmse", "mae", "mse", "mape", "msle"]


def evaluate_regression(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    names: Sequence[str],
    train_mean: ArrayLike,
    train_median: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
) -> Evaluation:
    """Metrics with bootstrap intervals, scores by output, and points of truth against prediction.

    Parameters
    ----------
    y_true, y_pred
        (n,) or (n, m), in the user's units.
    names
        One name an output.
    train_mean, train_median
        Of the training rows, a number or (m,). The baseline answers the mean; for absolute errors it answers the
        median when one is given, since no constant does better there.

    Notes
    -----
    Several outputs are averaged, R squared and the root output by output first. MAPE leaves out entries whose true
    value is 0, and a note says how many; MSLE is given where all values are above -1.

    Systems: regression-metrics
    """
    true, pred = paired(y_true, y_pred)
    true, pred = (np.asarray(a, dtype=np.float64).reshape(len(a), -1) for a in (true, pred))
    if true.shape[1] != len(names):
        raise DataError(f"y_true has {true.shape[1]} outputs, and there are {len(names)} names: {list(names)}")
    for what, values in (("y_true", true), ("y_pred", pred)):
        if not np.isfinite(values).all():
            row = int((~np.isfinite(values)).any(1).argmax())
            raise DataError(f"{what} is {values[row].tolist()} in row {row}; a metric needs finite numbers")
    weight = row_weights(sample_weight, len(true))
    bootstrap = Bootstrap(weight, n_bootstrap, seed)
    point, replicates = bootstrap.run([error_statistic(true, pred)])
    trivial = _baseline(true, weight, train_mean, train_mean if train_median is None else train_median)
    metrics = []
    for name in (n for n in NAMES if n in point and np.isfinite(point[n])):
        low, high = interval(replicates.get(name), confidence)
        metrics.append(Metric(name, float(point[name]), low, high, trivial.get(name), name not in LOWER_IS_BETTER))
    return Evaluation(
        task="regression",
        metrics=metrics,
        n_rows=len(true),
        baseline="always answering the mean of the training rows"
        + ("" if train_median is None else " (for absolute errors their median)"),
        classes=[str(n) for n in names],
        by_class=_output_rows(names, point),
        curves=_scatter(names, true, pred),
        confidence=confidence,
        notes=_notes(true, "mape" in point),
        replicates={m.name: replicates[m.name] for m in metrics if m.name in replicates},
        rows=bootstrap.fingerprint(true),
    )


def error_statistic(true: Floats, pred: Floats) -> Statistic:
    """All metrics as functions of weighted sums over rows: one matrix product."""
    n_outputs = true.shape[1]
    centre = true - true.mean(0)  # keeps the sum of squares free of cancellation
    columns = {"mse": (true - pred) ** 2, "mae": np.abs(true - pred), "mean": centre, "square": centre**2}
    known = true != 0
    if known.any(0).all():
        with np.errstate(over="ignore"):  # relative to next to nothing; kept finite, as a weight of 0 times it is 0
            ratio = np.divide(columns["mae"], np.abs(true), out=np.zeros_like(true), where=known)
        columns["ratio"] = np.minimum(ratio, 1e290)
        columns["known"] = known.astype(np.float64)
    if (true > -1).all() and (pred > -1).all():
        columns["msle"] = (np.log1p(true) - np.log1p(pred)) ** 2
    stacked = np.concatenate([c.T for c in columns.values()])

    def compute(weights: Floats) -> Numbers:
        sums = (stacked @ weights / weights.sum(0)).reshape(len(columns), n_outputs, -1)
        part = dict(zip(columns, sums, strict=True))
        part["rmse"] = np.sqrt(part["mse"])
        spread = part.pop("square") - part.pop("mean") ** 2
        part["r2"] = 1 - fraction(part["mse"], spread, np.nan)
        if "ratio" in part:
            part["mape"] = fraction(part.pop("ratio"), part.pop("known"), np.nan)
        averaged = {name: values.mean(0) for name, values in part.items()}
        return averaged | {f"{name}_by_output": values for name, values in part.items()}

    return Statistic(compute)


def _baseline(true: Floats, weight: Floats, mean: ArrayLike, median: ArrayLike) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for constant, names in ((mean, ("r2", "rmse", "mse", "msle")), (median, ("mae", "mape"))):
        answer = np.broadcast_to(np.asarray(constant, dtype=np.float64), true.shape)
        numbers, _ = Bootstrap(weight, 0).run([error_statistic(true, answer)])
        found |= {n: float(numbers[n]) for n in names if n in numbers and np.isfinite(numbers[n])}
    return found


def _output_rows(names: Sequence[str], point: Numbers) -> list[dict]:
    kept = [n for n in NAMES if f"{n}_by_output" in point]
    return [{"name": str(name)} | {n: float(point[f"{n}_by_output"][i]) for n in kept} for i, name in enumerate(names)]


def _scatter(names: Sequence[str], true: Floats, pred: Floats) -> dict[str, Curve]:
    found = {}
    for i, name in enumerate(names):
        order = np.argsort(true[:, i], kind="stable")  # thinned along the truth, ends included
        found[f"scatter {name}"] = thinned(true=true[order, i], predicted=pred[order, i])
    return found


def _notes(true: Floats, has_mape: bool) -> list[str]:
    zeros = int((true == 0).sum())
    if zeros and has_mape:
        return [f"The percentage error leaves out {zeros:,} of {true.size:,} values that are truly 0."]
    return []
