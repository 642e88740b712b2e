"""Linear units that learn row by row: the perceptron, Adaline, and LMS regression."""

from functools import partial
from numbers import Real
from typing import Literal, get_args

from ...errors import SettingError, did_you_mean
from ...functional.linear import as_signs
from ...objectives.rules import LeastMeanSquares, Perceptron
from ...registry import model

Variant = Literal["plain", "averaged", "pocket"]
Multiclass = Literal["kesler", "one_vs_rest"]


@model.register("classifier")
def perceptron(
    *, in_features: int, n_outputs: int, variant: Variant = "plain", multiclass: Multiclass = "kesler"
) -> Perceptron:
    """The perceptron rule: planes that move at mistakes only; plain, averaged or pocket."""
    _one_of("perceptron", "variant", variant, get_args(Variant))
    _one_of("perceptron", "multiclass", multiclass, get_args(Multiclass))
    return Perceptron(in_features, n_outputs, variant=variant, multiclass=multiclass)


@model.register("classifier")
def adaline(*, in_features: int, n_outputs: int, lr: float | None = None) -> LeastMeanSquares:
    """Adaline: linear units trained by LMS on +1 and -1; the sign (or the highest unit) says the class."""
    _positive_rate("adaline", lr)
    return LeastMeanSquares(in_features, n_outputs, lr=lr, targets=partial(as_signs, n_outputs=n_outputs))


@model.register("regressor", name="lms")
def lms_regression(*, in_features: int, n_outputs: int, lr: float | None = None) -> LeastMeanSquares:
    """Linear regression by Widrow and Hoff's rule, one row at a time."""
    _positive_rate("lms", lr)
    return LeastMeanSquares(in_features, n_outputs, lr=lr)


def _one_of(name: str, option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise SettingError(f"model {name!r}: no {option} {value!r}; {did_you_mean(value, known)}")


def _positive_rate(name: str, lr: float | None) -> None:
    if lr is not None and not (isinstance(lr, Real) and lr > 0):
        raise SettingError(f"model {name!r}: lr is a positive number, or None to take it from the data; got {lr!r}")
