"""EM as a game: what a fit must never take for its end, and starts that wait for every class."""

import pytest
import torch

from parnassus import Diverged
from parnassus.functional.mixtures import responsibilities
from parnassus.objectives.probabilistic.em import EM, shares_of


class Falling(EM):
    """A model whose likelihood is written down beforehand."""

    def __init__(self, values):
        super().__init__(1, tol=1e-3)
        self.values = list(values)

    def start(self, batch, n_rows):
        pass

    def gather(self, x, share):
        return [share.sum(0) * self.values[int(self.n_iter)]]

    def maximise(self, sums, kept):
        return torch.zeros(1, dtype=torch.bool)


def run(values):
    objective, batch = Falling(values), {"x": torch.zeros(5, 2)}
    objective.begin(batch)
    for _ in values:
        objective.add(batch)
        objective.advance()
    return objective


def test_a_gain_below_the_tolerance_is_the_end():
    assert not run([-5.0, -3.0]).finished
    assert run([-5.0, -3.0, -2.9999]).finished


def test_a_fall_is_an_error_and_not_the_end():
    with pytest.raises(Diverged, match=r"EM iteration 2: the mean log-likelihood fell from -3 to -3\.0001"):
        run([-5.0, -3.0, -3.0001])


def test_a_fall_within_rounding_is_none():
    assert run([-5.0, -3.0, -3.0 - 1e-12]).finished


def test_shares_are_the_responsibilities_times_the_weights():
    g = torch.Generator().manual_seed(0)
    scores = torch.randn(6, 2, 3, dtype=torch.float64, generator=g) * 200
    share = torch.rand(6, 2, dtype=torch.float64, generator=g)
    gamma, log_p = responsibilities(scores)
    found, found_p = shares_of(scores.flatten(1).clone(), share)
    torch.testing.assert_close(found.view(6, 2, 3), gamma * share[..., None], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found_p, log_p, rtol=1e-12, atol=1e-12)
