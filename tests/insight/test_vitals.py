"""Layers on some rows: numbers that follow from weights set by hand, and from autograd."""

import copy

import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.insight.vitals import vitals_of
from parnassus.objectives.supervised import Supervised

X = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))


def supervised(*parts: nn.Module) -> Supervised:
    return Supervised(nn.Sequential(*parts), pn.loss("squared_error").make(task="numbers"), kind="numbers")


def by_name(objective: Supervised, y: torch.Tensor | None = None) -> dict:
    return {v.name: v for v in vitals_of(objective, {"x": X, "y": torch.zeros(50, 1) if y is None else y})}


def linear(weight: list, bias: list) -> nn.Linear:
    made = nn.Linear(len(weight[0]), len(weight))
    made.weight.data, made.bias.data = torch.tensor(weight), torch.tensor(bias)
    return made


def test_units_that_are_zero_on_every_row_are_dead(draws):
    first = linear([[1.0, 0, 0], [0, 1, 0], [0, 0, 0], [1, 1, 1]], [0.0, -100, -1, 100])
    found = by_name(supervised(first, nn.ReLU(), nn.Linear(4, 1)))
    assert found["1"].dead == 0.5
    assert found["1"].zeros == pytest.approx((100 + int((X[:, 0] < 0).sum())) / 200)
    assert found["0"].dead is None


@pytest.mark.parametrize(("made", "edge"), [(nn.Tanh(), 2.178), (nn.Sigmoid(), 4.357)])
def test_outputs_where_the_slope_is_a_twentieth_of_the_steepest_are_saturated(made, edge, draws):
    # tanh'(z) = 0.05 at z = atanh(sqrt(0.95)) = 2.178; sigmoid'(z) = 0.0125 at z = 4.357
    within = linear([[0.0, 0, 0], [0, 0, 0]], [edge - 0.01, -(edge - 0.01)])
    beyond = linear([[0.0, 0, 0], [0, 0, 0]], [edge + 0.01, 0.0])
    assert by_name(supervised(within, made, nn.Linear(2, 1)))["1"].saturated == 0
    assert by_name(supervised(beyond, made, nn.Linear(2, 1)))["1"].saturated == 0.5


def test_the_gradient_is_that_of_each_rows_own_loss(draws):
    objective = supervised(linear([[1.0, 0, 0]], [0.0]))
    y = torch.ones(50, 1)
    slope = 2 * (X[:, :1] - y)  # of (x_1 - y)^2
    assert by_name(objective, y)["0"].gradient == pytest.approx(float(slope.square().mean().sqrt()), rel=1e-5)


def test_what_is_written_in_place_does_not_change_what_the_layer_before_gave(draws):
    first = nn.Linear(3, 8)
    net = supervised(first, nn.ReLU(inplace=True), nn.Linear(8, 1))
    expected = first(X).detach()
    found = by_name(net)
    assert found["0"].mean == pytest.approx(float(expected.mean()), rel=1e-5)
    assert found["1"].mean == pytest.approx(float(expected.relu().mean()), rel=1e-5)


def test_correlations_are_numpys_and_nan_for_units_that_never_change(draws):
    import numpy as np

    first = nn.Linear(3, 4)
    first.weight.data[2] = 0
    found = by_name(supervised(first, nn.Tanh(), nn.Linear(4, 1)))["1"].correlation
    expected = np.corrcoef(torch.tanh(first(X)).detach().double().numpy()[:, [0, 1, 3]].T)
    np.testing.assert_allclose(found[[0, 1, 3]][:, [0, 1, 3]], expected, atol=1e-6)
    assert found[2].isnan().all()


def test_the_objective_is_left_as_it_was(draws):
    objective = supervised(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 1)).train()
    before = copy.deepcopy(objective.state_dict())
    by_name(objective)
    assert all(torch.equal(v, before[k]) for k, v in objective.state_dict().items())
    assert objective.training
    assert all(p.grad is None for p in objective.parameters())
    assert not any(m._forward_hooks for m in objective.modules())
