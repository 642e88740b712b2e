"""Models with intervals, of so few rows that an interval is a guess: one row is refused, a few are warned of."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.functional.bayes.linear import evidence_maximum

MODELS = {
    "bayesian_linear": {},
    "gaussian_process": {"n_restarts": 0},
    "gaussian_process through points": {"n_restarts": 0, "n_inducing": 2},
    "relevance_vector_machine": {"scale": 2.0},
}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X[:, 0] + RNG.normal(size=40)


@pytest.mark.parametrize("name", MODELS)
def test_one_row_is_refused_a_few_are_warned_of_and_enough_pass(name):
    fitted = pn.Regressor(pn.model(name.split()[0], **MODELS[name]))
    with pytest.raises(pn.DataError, match=r"needs 2 rows or more.* there are 1; give more rows"):
        fitted.fit(X[:1], Y[:1])
    with pytest.raises(pn.DataError, match="there are 1"):
        fitted.fit(X[:5], Y[:5], sample_weight=[0, 3.0, 0, 0, 0])
    with pytest.warns(pn.DataWarning) as said:
        fitted.fit(X[:12], Y[:12])
    assert any("has 12 rows of 3 columns: its noise is a guess" in str(one.message) for one in said)
    assert any("give 13 rows or more" in str(one.message) for one in said)
    fitted.fit(X, Y)  # where a warning would be an error


def test_the_evidence_is_not_asked_of_one_row_or_of_columns_that_say_nothing():
    with pytest.raises(pn.DataError, match="from 2 rows or more; got 1"):
        evidence_maximum(torch.ones(1, 2), torch.ones(1))
    y = torch.arange(4).double() - 1.5
    found = evidence_maximum(torch.zeros(4, 2).double(), y)
    assert found.noise == pytest.approx(float(y.var(correction=0)))
    assert found.mean.tolist() == [0, 0]
