"""Penalties, projections, softened targets and gates: closed forms, and what must hold."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from torch import nn
from torch.nn import functional as F

import parnassus as pn
from parnassus.data.rows import Dense
from parnassus.errors import SettingError
from parnassus.functional import regularization as r
from parnassus.train.phase import Objective, Phase
from parnassus.train.plan import Plan
from parnassus.train.trainer import Trainer


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("convention", ["half", "whole"])
def test_the_slopes_are_autograds(convention) -> None:
    w = drawn(4, 3).requires_grad_()
    (g,) = torch.autograd.grad(r.l2_penalty(w, strength=0.3, convention=convention), w)
    torch.testing.assert_close(r.l2_slope(w.detach(), strength=0.3, convention=convention), g)
    (g,) = torch.autograd.grad(r.l1_penalty(w, strength=0.3), w)
    torch.testing.assert_close(r.l1_slope(w.detach(), strength=0.3), g)


def test_the_soft_threshold_is_the_proximal_step() -> None:
    """It minimises (v - w)^2 / 2 + step |v|, found here on a grid."""
    grid = torch.linspace(-3, 3, 60001, dtype=torch.float64)
    for w in (-2.0, -0.3, 0.0, 0.4, 1.7):
        best = grid[((grid - w).square() / 2 + 0.5 * grid.abs()).argmin()]
        assert r.soft_threshold(torch.tensor(w), 0.5).item() == pytest.approx(best.item(), abs=1e-4)
    assert r.soft_threshold(torch.tensor([0.3, -0.3]), 0.5).tolist() == [0.0, 0.0]


def test_max_norm_bounds_each_unit_and_leaves_short_ones_alone() -> None:
    w = drawn(8, 3, 2, 2) * torch.arange(8).view(-1, 1, 1, 1) / 4
    bounded = r.max_norm(w, limit=1.5)
    norms, before = bounded.flatten(1).norm(dim=1), w.flatten(1).norm(dim=1)
    assert (norms <= 1.5 + 1e-12).all()
    assert torch.equal(bounded[before <= 1.5], w[before <= 1.5])
    torch.testing.assert_close(F.normalize(bounded[1:].flatten(1)), F.normalize(w[1:].flatten(1)))


def test_best_subset_is_the_least_cost_of_scikit_learns_fits() -> None:
    x, noise = drawn(40, 6), drawn(40, seed=1)
    y = 2 * x[:, 1] - x[:, 4] + 0.3 * x[:, 5] + 5 + 0.5 * noise
    costs = {(): float((y - y.mean()).square().sum())}
    for size in range(1, 7):
        for s in itertools.combinations(range(6), size):
            fitted = LinearRegression().fit(x[:, s], y)
            costs[s] = float(((fitted.predict(x[:, s]) - y.numpy()) ** 2).sum()) + 2.0 * size
    ours = r.best_subset(x, y, strength=2.0)
    assert ours.support == min(costs, key=costs.get)
    assert ours.cost == pytest.approx(min(costs.values()))
    best = LinearRegression().fit(x[:, ours.support], y)
    assert ours.weights[list(ours.support)].numpy() == pytest.approx(best.coef_)
    assert float(ours.intercept) == pytest.approx(best.intercept_)


def test_on_orthogonal_columns_best_subset_is_a_hard_threshold() -> None:
    q, _ = np.linalg.qr(np.column_stack([np.ones(30), drawn(30, 5).numpy()]))
    x, w = torch.from_numpy(q[:, 1:].copy()), torch.tensor([3.0, 0.9, -1.1, 0.1, -2.0], dtype=torch.float64)
    assert r.best_subset(x, x @ w, strength=1.0).support == tuple(i for i in range(5) if w[i] ** 2 > 1.0)


def test_best_subset_refuses_what_it_cannot_count() -> None:
    with pytest.raises(SettingError, match=r"2\^21"):
        r.best_subset(drawn(30, 21), drawn(30), strength=1.0)


def test_smoothing_is_mixing_with_the_even_law() -> None:
    t = F.one_hot(torch.tensor([0, 3, 2]), 5).double()
    torch.testing.assert_close(r.smooth_targets(t, rate=0.2), 0.8 * t + 0.2 * torch.full((5,), 0.2).double())
    others = r.smooth_targets(t, rate=0.2, over="others")
    torch.testing.assert_close(others, 0.8 * t + 0.2 / 4 * (1 - t))
    torch.testing.assert_close(others.sum(1), torch.ones(3).double())
    with pytest.raises(SettingError, match=r"at most 0\.8"):
        r.smooth_targets(t, rate=0.9, over="others")


@pytest.mark.parametrize("scaling", ["training", "prediction"])
def test_the_mean_over_masks_is_the_prediction(scaling) -> None:
    """Exactly, over all 2^4 masks with their probabilities."""
    h, rate = drawn(4), 0.3
    total = torch.zeros(4, dtype=torch.float64)
    for bits in itertools.product([0.0, 1.0], repeat=4):
        keep = torch.tensor(bits, dtype=torch.float64)
        share = float(torch.where(keep > 0, 1 - rate, rate).prod())
        total += share * r.dropout_at_training(h, keep, rate=rate, scaling=scaling)
    torch.testing.assert_close(total, r.dropout_at_prediction(h, rate=rate, scaling=scaling))


def test_a_cut_is_a_square_that_may_hang_over_the_edge() -> None:
    pictures = torch.ones(3, 2, 6, 8)
    cut = r.cut_out(pictures, torch.tensor([[3, 4], [0, 0], [5, 7]]), size=4)
    holes = (cut == 0).sum((1, 2, 3)) // 2
    assert holes.tolist() == [16, 4, 9]
    assert (cut[0, :, 1:5, 2:6] == 0).all()
    assert (pictures == 1).all()


def test_gates_are_open_as_often_as_they_say() -> None:
    g = torch.Generator().manual_seed(0)
    for log_alpha in (-2.0, 0.0, 1.5):
        noise = torch.rand(200_000, generator=g, dtype=torch.float64)
        gates = r.hard_concrete(torch.tensor(log_alpha, dtype=torch.float64), noise)
        assert float((gates > 0).double().mean()) == pytest.approx(
            r.open_probability(torch.tensor(log_alpha)).item(), abs=5e-3
        )
        assert 0 <= gates.min() <= gates.max() <= 1
    assert r.hard_concrete_at_prediction(torch.tensor([-9.0, 9.0])).tolist() == [0.0, 1.0]


def test_a_mixture_is_exact_at_both_ends() -> None:
    x, other = drawn(3), drawn(3, seed=1)
    assert torch.equal(r.mixed(x, other, 0.0), other)
    torch.testing.assert_close(r.mixed(x, other, 1.0), x)
    torch.testing.assert_close(r.mixed(x, other, 0.3), 0.3 * x + 0.7 * other)


class Scripted(Objective):
    """Its validation losses are a list; its weight counts the steps."""

    def __init__(self, losses):
        super().__init__()
        self.losses, self.w = iter(losses), nn.Parameter(torch.zeros(1))

    def phases(self):
        return [Phase("fit", lambda batch: -self.w.sum(), [self.w])]

    def evaluate(self, batch):
        return {"loss": torch.tensor(next(self.losses))}


@pytest.mark.parametrize("patience", [1, 2, 3, 7])
@pytest.mark.parametrize("seed", range(5))
def test_training_stops_where_the_rule_says_and_keeps_its_best_weights(patience, seed):
    losses = np.random.default_rng(seed).integers(0, 12, 20) / 8  # with ties
    objective, rows = Scripted(losses.tolist()), Dense(x=torch.zeros(4, 1))
    trainer = Trainer(
        objective, lambda b, training=False: b, plan=Plan(epochs=20, batch_size=4, patience=patience),
        optimizer=pn.optimizer("sgd", lr=1.0), schedule=pn.schedule("constant"), n_rows=4,
    ).fit(rows, validation=rows)  # fmt: skip
    expected = r.early_stop(losses, patience=patience)
    assert len(trainer.history) - 1 == (19 if expected.after is None else expected.after)
    assert objective.w.item() == expected.best + 1
