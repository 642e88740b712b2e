"""Linear models: regression, the MMSE classifier, logistic and softmax regression."""

from functools import partial
from typing import Literal, get_args

from torch import nn

from ...errors import SettingError, did_you_mean
from ...functional.linear import as_signs
from ...objectives.rules import LeastSquares
from ...registry import model
from .mlp import MLP

Solver = Literal["normal", "gradient"]


@model.register("regressor", "forecaster")
def linear(*, in_features: int, n_outputs: int, solver: Solver = "normal", l2: float = 0.0) -> nn.Module:
    """Linear regression by the normal equation (with an l2 penalty: ridge), or by gradient descent."""
    if solver not in get_args(Solver):
        raise SettingError(f"model 'linear': no solver {solver!r}; {did_you_mean(solver, get_args(Solver))}")
    _not_negative("linear", l2)
    if solver == "normal":
        return LeastSquares(in_features, n_outputs, l2=l2)
    if l2:
        raise SettingError("model 'linear': l2 is for solver='normal'; by gradient, give the optimizer weight_decay")
    return MLP((in_features, n_outputs))


@model.register("forecaster")
def ridge(*, in_features: int, n_outputs: int, l2: float = 1.0) -> LeastSquares:
    """Linear regression on lags and what is known ahead, its weights held back by an l2 penalty (ridge)."""
    _not_negative("ridge", l2)
    return LeastSquares(in_features, n_outputs, l2=l2)


@model.register("classifier", name="linear")
def linear_classifier(*, in_features: int, n_outputs: int, l2: float = 0.0) -> LeastSquares:
    """The linear MMSE classifier: least squares on +1 and -1 by the normal equation; the sign says the class."""
    _not_negative("linear", l2)
    return LeastSquares(in_features, n_outputs, l2=l2, targets=partial(as_signs, n_outputs=n_outputs))


@model.register("classifier")
def logistic(*, in_features: int, n_outputs: int) -> MLP:
    """Logistic regression: one linear logit an output, trained by binary cross-entropy (softmax for several classes).

    p = sigmoid(w.x + b). Two classes take one output, and several labels one each.

    Systems: logistic-regression, multilabel-sigmoid-net
    Source: Cox 1958; Hifny A5.1 and A7.2, Baker A028, Martinez-Ramon 1.5.2.1, Keras course K15 and K22.
    """
    return MLP((in_features, n_outputs))


@model.register("classifier")
def softmax(*, in_features: int, n_outputs: int) -> MLP:
    """Softmax regression (maximum entropy): a linear logit a class; for two classes it is logistic regression.

    p = softmax(W x + b). With two classes only the difference of the logits counts, so one output carries it.

    Systems: softmax-regression
    Source: Hifny A6.2 and A6.6.
    """
    return MLP((in_features, n_outputs))


def _not_negative(name: str, l2: float) -> None:
    if not l2 >= 0:
        raise SettingError(f"model {name!r}: l2 is 0 or more; got {l2!r}")
