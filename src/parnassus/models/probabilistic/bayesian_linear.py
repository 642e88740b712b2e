"""Bayesian linear models: weights with a distribution, and no penalty to choose."""

from ...errors import SettingError
from ...objectives.bayes.bayesian_linear import BayesianLinear, BayesianLogistic
from ...registry import model

MOST_WEIGHTS = 2_000  # whose covariance is a table of 32 MB


@model.register("regressor")
def bayesian_linear(*, in_features: int, n_outputs: int) -> BayesianLinear:
    """Bayesian linear regression: noise and penalty by the evidence, and standard deviations of what it says.

    Systems: conjugate-gaussian
    Source: MacKay 1992; Martinez-Ramon problem 9.3.
    """
    _check("bayesian_linear", in_features, "linear")
    return BayesianLinear(in_features, n_outputs)


@model.register("classifier")
def bayesian_logistic(*, in_features: int, n_outputs: int) -> BayesianLogistic:
    """Bayesian logistic (softmax) regression: the penalty by the evidence, probabilities averaged over the weights.

    Source: MacKay 1992; Bishop 2006, section 4.5.
    """
    _check("bayesian_logistic", (in_features + 1) * n_outputs, "logistic")
    return BayesianLogistic(in_features, n_outputs)


def _check(name: str, n_weights: int, other: str) -> None:
    if n_weights > MOST_WEIGHTS:
        raise SettingError(
            f"model {name!r}: {n_weights:,} weights, and the covariance of {MOST_WEIGHTS:,} is the most that is solved "
            f"for; give fewer columns, or choose {other!r}"
        )
