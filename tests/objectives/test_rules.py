"""Learning without gradients, as the trainer runs it: against scikit-learn, plain loops and closed forms."""

from functools import partial

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, Ridge, RidgeClassifier
from torch import Tensor

from parnassus.data.rows import Dense
from parnassus.functional.linear import as_signs, bayes_boundary
from parnassus.objectives.rules import LeastMeanSquares, LeastSquares, Perceptron
from parnassus.registry import optimizer, schedule
from parnassus.train.phase import Batch, Objective
from parnassus.train.plan import Plan
from parnassus.train.trainer import Trainer

N, D = 200, 3


def drawn(seed: int = 0, n: int = N) -> tuple[Tensor, Tensor]:
    """Rows, and a number that is linear in them but for noise."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, D, generator=g)
    return x, x @ torch.tensor([1.5, -1.0, 0.5]) + 0.4 + 0.3 * torch.randn(n, generator=g)


def batch_of(x: Tensor, y: Tensor, **more: Tensor) -> Batch:
    return {"x": x, "y": y, **more}


def trained(objective: Objective, batch: Batch, **settings: object) -> Trainer:
    plan = Plan(**{"epochs": 5, "batch_size": 32, **settings})
    trainer = Trainer(
        objective,
        lambda batch, training=False: batch,
        plan=plan,
        optimizer=optimizer("adam"),
        schedule=schedule("constant"),
        n_rows=len(batch["x"]),
    )
    return trainer.fit(Dense(**batch))


@pytest.mark.parametrize("variant", ["plain", "averaged", "pocket"])
@pytest.mark.parametrize("kind", ["binary", "labels", "one_vs_rest", "multilabel"])
def test_a_perceptron_learns_what_planes_can_tell(kind: str, variant: str) -> None:
    x, score = drawn()
    x, score = x[score.abs() > 0.8], score[score.abs() > 0.8]
    if kind == "binary":
        y, n_outputs = (score > 0).float()[:, None], 1
    elif kind == "multilabel":
        y, n_outputs = torch.stack([score > 0, x[:, 0] < 0.1, x[:, 2] > 0], 1).float(), 3
    else:
        y, n_outputs = (score > 0).long() + (score > 2).long(), 3
    multiclass = "one_vs_rest" if kind == "one_vs_rest" else "kesler"
    objective = Perceptron(D, n_outputs, variant=variant, multiclass=multiclass)
    trained(objective, batch_of(x, y), epochs=60)
    measured = objective.evaluate(batch_of(x, y))
    chance = 0.75 if kind == "one_vs_rest" else 0.93  # a middle class is no half-plane's
    assert measured["accuracy"] >= chance
    assert measured["loss"] + measured["accuracy"] == pytest.approx(1)


def test_the_trainers_order_is_the_rules_order() -> None:
    x, score = drawn()
    y = (score > 0).float()[:, None]
    objective = Perceptron(D, 1)
    trainer = trained(objective, batch_of(x, y), epochs=2, batch_size=30)
    w, mistakes = torch.zeros(D + 1), []
    for epoch in range(2):
        wrong = 0
        for k in trainer.order(epoch).tolist():
            row, sign = torch.cat([x[k], torch.ones(1)]), 2 * y[k] - 1
            if (1.0 if w @ row > 0 else -1.0) != sign:
                w, wrong = w + sign * row, wrong + 1
        mistakes.append(wrong / N)
    assert torch.allclose(objective.w[0], w, atol=1e-5)
    assert [epoch["loss"] for epoch in trainer.history] == pytest.approx(mistakes)


@pytest.mark.parametrize(
    "made",
    [
        lambda: Perceptron(D, 1, variant="averaged"),
        lambda: Perceptron(D, 1, variant="pocket"),
        lambda: LeastMeanSquares(D, 1, lr=0.01, targets=partial(as_signs, n_outputs=1)),
        lambda: LeastSquares(D, 1, targets=partial(as_signs, n_outputs=1)),
    ],
)
def test_micro_batches_change_nothing(made) -> None:
    x, score = drawn()
    batch = batch_of(x, (score > 0).float()[:, None])
    whole, cut = made(), made()
    trained(whole, batch)
    trained(cut, batch, micro_batch_size=7)
    assert torch.allclose(whole.outputs(batch), cut.outputs(batch), atol=1e-4)


@pytest.mark.parametrize("variant", ["plain", "averaged", "pocket"])
def test_rows_of_weight_zero_are_not_there(variant: str) -> None:
    x, score = drawn()
    y, kept = (score > 0).float()[:, None], torch.arange(N) % 3 > 0
    with_zeros, without = (Perceptron(D, 1, variant=variant) for _ in range(2))
    with_zeros.correct(batch_of(x, y, weight=kept.float()))
    without.correct(batch_of(x[kept], y[kept]))
    assert torch.allclose(with_zeros.w, without.w, atol=1e-5)


def test_labels_one_against_the_rest_are_as_many_perceptrons() -> None:
    x, score = drawn()
    y = (score > 0).long() + (score > 1).long()
    together = Perceptron(D, 3, multiclass="one_vs_rest")
    together.correct(batch_of(x, y))
    for k in range(3):
        alone = Perceptron(D, 1)
        alone.correct(batch_of(x, (y == k).float()[:, None]))
        assert torch.equal(together.w[k], alone.w[0])


def test_a_perceptron_comes_back_from_its_state() -> None:
    x, score = drawn()
    batch = batch_of(x, (score > 0).float()[:, None])
    first, second = (Perceptron(D, 1, variant="averaged") for _ in range(2))
    first.correct(batch)
    second.load_state_dict(first.state_dict())
    for objective in (first, second):
        objective.correct(batch)
    assert torch.equal(first.outputs(batch), second.outputs(batch))


def test_adaline_approaches_the_mmse_classifier() -> None:
    x, score = drawn()
    batch, targets = batch_of(x, (score > 0).float()[:, None]), partial(as_signs, n_outputs=1)
    adaline, solved = LeastMeanSquares(D, 1, targets=targets), LeastSquares(D, 1, targets=targets)
    trained(adaline, batch, epochs=40)
    trained(solved, batch, epochs=1)
    best = solved.evaluate(batch)["loss"].item()
    # a constant rate keeps the weights in motion: an excess of about lr trace(R) / 2, here 1 % (Widrow)
    assert best < adaline.evaluate(batch)["loss"].item() < 1.03 * best
    assert torch.allclose(adaline.w, solved.w, atol=0.1)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_the_rate_follows_the_datas_size(size: float) -> None:
    x, t = drawn()
    objective = LeastMeanSquares(D, 1)
    batch = batch_of(size * x, t[:, None])
    trained(objective, batch, epochs=30)
    assert torch.isfinite(objective.w).all()
    if size >= 1:
        assert objective.evaluate(batch)["loss"] < 0.3 * t.var()


def test_one_row_far_out_does_not_throw_the_weights_away() -> None:
    x, t = drawn()
    x[7] *= 100
    objective = LeastMeanSquares(D, 1)
    trained(objective, batch_of(x, t[:, None]), epochs=30)
    assert torch.isfinite(objective.w).all()
    assert objective.w.abs().max() < 3


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("l2", [0.0, 5.0])
def test_least_squares_is_scikit_learns(l2: float, weighted: bool) -> None:
    x, t = drawn()
    x, y = x + 100, torch.stack([t, t.square()], 1)
    weight = torch.rand(N, generator=torch.Generator().manual_seed(1)) if weighted else torch.ones(N)
    objective = LeastSquares(D, 2, l2=l2)
    trained(objective, batch_of(x, y, weight=weight), epochs=1, micro_batch_size=64)
    peer = (Ridge(alpha=l2) if l2 else LinearRegression()).fit(x.double(), y.double(), sample_weight=weight.double())
    assert np.allclose(objective.w[:, :-1], peer.coef_, atol=1e-5)
    assert np.allclose(objective.outputs({"x": x}), peer.predict(x.double()), atol=1e-3)
    expected = np.average((peer.predict(x.double()) - y.double().numpy()) ** 2, axis=0, weights=weight).mean()
    assert objective.evaluate(batch_of(x, y, weight=weight))["loss"].item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_least_squares_on_signs_is_scikit_learns_ridge_classifier(n_classes: int) -> None:
    x, score = drawn()
    labels = (score > 0).long() + (score > 1).long() * (n_classes - 2)
    n_outputs = 1 if n_classes == 2 else n_classes
    y = labels.float()[:, None] if n_classes == 2 else labels
    objective = LeastSquares(D, n_outputs, l2=1.0, targets=partial(as_signs, n_outputs=n_outputs))
    trained(objective, batch_of(x, y), epochs=1)
    peer = RidgeClassifier(alpha=1.0).fit(x.double().numpy(), labels.numpy())
    assert np.allclose(objective.w[:, :-1], peer.coef_, atol=1e-5)
    assert np.allclose(objective.w[:, -1], peer.intercept_, atol=1e-5)
    accuracy = objective.evaluate(batch_of(x, y))["accuracy"].item()
    assert accuracy == pytest.approx(peer.score(x.double().numpy(), labels.numpy()))


def test_the_mmse_classifier_of_two_gaussians_finds_the_bayes_boundary() -> None:
    # Martinez-Ramon 2.2: equal isotropic Gaussians, whose least error is Q(d / (2 std))
    m0, m1 = torch.tensor([0.0, 0.0]), torch.tensor([2.0, 1.0])
    noise = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    x, y = torch.cat([m0 + noise, m1 - noise]), torch.arange(40_000).ge(20_000).float()[:, None]
    objective = LeastSquares(2, 1, targets=partial(as_signs, n_outputs=1))
    trained(objective, batch_of(x, y), epochs=1)
    best = bayes_boundary(m0, m1, std=1.0)
    w, b = objective.w[0, :-1], objective.w[0, -1]
    assert torch.allclose(w / w.norm(), best.weight / best.weight.norm(), atol=0.01)
    assert (b / w.norm()).item() == pytest.approx(best.bias / best.weight.norm().item(), abs=0.01)
    assert 1 - objective.evaluate(batch_of(x, y))["accuracy"].item() == pytest.approx(best.error, abs=3e-3)


def test_a_second_fit_starts_its_sums_anew() -> None:
    x, t = drawn()
    once, twice = LeastSquares(D, 1, l2=50.0), LeastSquares(D, 1, l2=50.0)
    trained(once, batch_of(x, t[:, None]), epochs=1)
    trained(twice, batch_of(x, t[:, None]), epochs=3)
    assert torch.allclose(once.w, twice.w, atol=1e-6)


def test_rows_are_added_up_in_blocks_that_change_nothing() -> None:
    x, t = drawn(n=3 * LeastSquares.block // 2)
    batch = batch_of(x, t[:, None])
    objective = LeastSquares(D, 1)
    trained(objective, batch, epochs=1)
    peer = LinearRegression().fit(x.double(), t.double())
    assert np.allclose(objective.w[0, :-1], peer.coef_, atol=1e-6)
