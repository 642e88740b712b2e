"""Why a model errs: what it misses however often it is trained, and what each training set changes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError
from .result import json_values, shown


@dataclass(frozen=True)
class BiasVariance:
    """The expected loss over training sets and rows, and its parts.

    error = bias + variance + noise. For squared loss `bias` is the mean of squared biases. For 0-1 loss `variance` is
    the net one, `unbiased_variance` minus `biased_variance`: where the main answer is wrong, changing it helps.
    """

    loss: str
    error: float
    bias: float
    variance: float
    noise: float
    n_draws: int
    n_rows: int
    unbiased_variance: float | None = None
    biased_variance: float | None = None

    def table(self) -> str:
        """Aligned text."""
        what = "squared bias" if self.loss == "squared" else "bias"
        rows = [("expected loss", self.error), (what, self.bias), ("variance", self.variance), ("noise", self.noise)]
        if self.unbiased_variance is not None:
            rows += [
                ("variance where the main answer is right", self.unbiased_variance),
                ("variance where it is wrong, which helps", self.biased_variance or 0.0),
            ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {shown(value) or '0'}" for name, value in rows)

    def __str__(self) -> str:
        return self.table()

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return json_values(vars(self))


def squared_decomposition(y_true: ArrayLike, predictions: ArrayLike, *, noise: float = 0.0) -> BiasVariance:
    """Squared error of predictions (draws, rows), each from another training set, as bias^2 + variance + noise.

    E (y - f)^2 = (f0 - E f)^2 + E (f - E f)^2 + noise, where f0 is the noiseless truth. Where `y_true` is f0, give the
    noise's variance. Where it is a noisy y, noise=0, and `bias` holds the noise too: one y a row does not tell them
    apart.

    Systems: bias-variance
    Source: Hifny A14.2, equations 14.1 to 14.3. The third line of its 14.2 has f^2 + 2 f E + E^2; the square of f - E f
    is f^2 - 2 f E + E^2 (0:F40).

    >>> found = squared_decomposition([1.0], [[0.0], [3.0]])
    >>> found.error, found.bias, found.variance
    (2.5, 0.25, 2.25)
    """
    true, made = _checked(y_true, predictions, np.float64)
    mean = made.mean(0)
    bias = float(((true - mean) ** 2).mean())
    variance = float(((made - mean) ** 2).mean())
    error = float(((made - true) ** 2).mean()) + noise
    return BiasVariance("squared", error, bias, variance, noise, len(made), made.shape[1])


def zero_one_decomposition(y_true: ArrayLike, predictions: ArrayLike) -> BiasVariance:
    """Errors of answers (draws, rows), each from another training set, as bias + net variance.

    The main answer of a row is its commonest one, the least of several. Bias is 1 where it is wrong. Variance is the
    share of draws that answer otherwise; it adds to the error where the main answer is right, and where it is wrong it
    takes away the share of draws that are right.

    Systems: bias-variance
    Source: Domingos (2000), theorems 2 and 3; labels are taken as free of noise.
    """
    true, made = _checked(y_true, predictions, None)
    classes, code = np.unique(np.concatenate([true[None], made]), return_inverse=True)
    code = code.reshape(len(made) + 1, -1)
    counts = (code[1:, :, None] == np.arange(len(classes))).sum(0)
    main = counts.argmax(1)
    biased = main != code[0]
    changed = (code[1:] != main).mean(0)
    right = (code[1:] == code[0]).mean(0)
    adds, helps = float(np.where(biased, 0, changed).mean()), float(np.where(biased, right, 0).mean())
    error, bias = float((code[1:] != code[0]).mean()), float(biased.mean())
    return BiasVariance("zero-one", error, bias, adds - helps, 0.0, len(made), made.shape[1], adds, helps)


def _checked(y_true: ArrayLike, predictions: ArrayLike, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    true, made = np.asarray(y_true, dtype=dtype), np.asarray(predictions, dtype=dtype)
    if made.ndim < 2 or made.shape[1:] != true.shape or len(made) < 2:
        raise DataError(
            f"predictions are (draws, rows) for two draws or more; got {made.shape} for y_true of {true.shape}"
        )
    return true, made
