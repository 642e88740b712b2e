"""Closed forms against scikit-learn and scipy; separation by its certificates; bounds by the runs they bound."""

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression, Ridge, RidgeClassifier
from sklearn.multiclass import OneVsOneClassifier
from sklearn.svm import LinearSVC
from torch import Tensor

from parnassus.byhand.perceptron import perceptron_rule
from parnassus.errors import DataError
from parnassus.functional import linear


def drawn(n: int = 40, d: int = 3, m: int = 2, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=g, dtype=torch.float64) + 5
    return x, torch.randn(n, m, generator=g, dtype=torch.float64), torch.rand(n, generator=g, dtype=torch.float64)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_normal_equation_is_scikit_learns_regression(weighted: bool) -> None:
    x, t, weight = drawn()
    peer = LinearRegression().fit(x.numpy(), t.numpy(), sample_weight=weight.numpy() if weighted else None)
    w, b = linear.normal_equation(x, t, weight=weight if weighted else None)
    assert np.allclose(w, peer.coef_, atol=1e-10)
    assert np.allclose(b, peer.intercept_, atol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "d"), [(40, 3), (6, 15)], ids=["tall", "wide"])
@pytest.mark.parametrize("l2", [0.01, 3.0])
def test_ridge_is_scikit_learns(l2: float, n: int, d: int, weighted: bool) -> None:
    x, t, weight = drawn(n, d)
    peer = Ridge(alpha=l2).fit(x.numpy(), t.numpy(), sample_weight=weight.numpy() if weighted else None)
    w, b = linear.ridge(x, t, l2=l2, weight=weight if weighted else None)
    assert np.allclose(w, peer.coef_, atol=1e-8)
    assert np.allclose(b, peer.intercept_, atol=1e-8)


@pytest.mark.parametrize("case", ["repeated column", "constant column", "more columns than rows"])
def test_dependent_columns_get_the_smallest_weights(case: str) -> None:
    x, t, _ = drawn(5 if case == "more columns than rows" else 40, 8)
    if case == "repeated column":
        x = torch.cat([x, x[:, :2]], 1)
    if case == "constant column":
        x[:, 2] = 7.0
    centred = (x - x.mean(0)).numpy()
    expected = np.linalg.lstsq(centred, (t - t.mean(0)).numpy(), rcond=1e-12)[0]
    w, b = linear.normal_equation(x, t)
    assert np.allclose(w.T, expected, atol=1e-9)
    assert torch.allclose(b, t.mean(0) - x.mean(0) @ w.T)


@pytest.mark.parametrize("l2", [0.0, 2.0])
def test_sums_of_products_solve_to_the_same_weights(l2: float) -> None:
    x, t, _ = drawn()
    xc, tc = x - x.mean(0), t - t.mean(0)
    w = linear.solve_moments(xc.T @ xc, xc.T @ tc, l2=l2)
    assert torch.allclose(w.T, linear.ridge(x, t, l2=l2)[0], atol=1e-10)


def test_single_precision_data_are_solved_in_double() -> None:
    x, t, _ = drawn()
    w, b = linear.normal_equation((x + 1e4).float(), t.float())
    exact = linear.normal_equation((x + 1e4).float().double(), t.float().double())[0]
    assert w.dtype == b.dtype == torch.float32
    assert torch.allclose(w.double(), exact, rtol=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_a_verdict_on_separability_carries_its_proof(seed: int) -> None:
    x = drawn(12, 2, seed=seed)[0] - 5
    y = (x @ torch.tensor([1.0, -2.0], dtype=torch.float64) > 0.3).long()
    if seed % 2:
        y[seed % 12] = 1 - y[seed % 12]
    found = linear.separation(x, y)
    if found.separable:
        assert (((2 * y - 1) * (x @ found.weight + found.bias)) >= 1 - 1e-7).all()
    else:
        assert (found.mixture >= 0).all()
        assert found.mixture[y == 1].sum().item() == pytest.approx(1)
        assert found.mixture[y == 0].sum().item() == pytest.approx(1)
        assert torch.allclose(found.mixture[y == 1] @ x[y == 1], found.mixture[y == 0] @ x[y == 0], atol=1e-8)


@pytest.mark.parametrize("labels", [(0, 1), (-1, 1)])
def test_classes_far_apart_are_separable_and_one_class_is_too(labels: tuple[int, int]) -> None:
    x = torch.tensor([[0.0], [1.0], [5.0], [6.0]])
    low, high = labels
    assert linear.separation(x, torch.tensor([low, low, high, high])).separable
    assert linear.separation(x, torch.tensor([high] * 4)).separable
    assert not linear.separation(x, torch.tensor([low, high, low, high])).separable


@pytest.mark.parametrize("seed", range(5))
def test_the_margin_is_the_hard_svms_and_the_bound_holds(seed: int) -> None:
    x = drawn(15, 2, seed=seed)[0] - 5
    y = (x @ torch.tensor([1.0, 1.0], dtype=torch.float64) > 0.2).double() * 2 - 1
    keep = (x @ torch.tensor([1.0, 1.0], dtype=torch.float64) - 0.2).abs() > 0.4
    x, y = x[keep], y[keep]
    bound = linear.novikoff_bound(x, y)
    augmented = np.column_stack([x.numpy(), np.ones(len(x))])
    svm = LinearSVC(C=1e6, loss="hinge", fit_intercept=False, max_iter=10_000_000, tol=1e-10, random_state=0)
    svm.fit(augmented, y.numpy())
    assert bound.margin == pytest.approx(1 / np.linalg.norm(svm.coef_), rel=1e-3)
    assert len(perceptron_rule(x, y).changes) < bound.n_changes


def test_a_given_planes_bound_is_no_smaller_than_the_best() -> None:
    x, y = torch.tensor([[1.0], [2.0]]), torch.tensor([-1, 1])
    given = linear.novikoff_bound(x, y, weight=torch.tensor([1.0]), bias=-1.4)
    assert given.margin == pytest.approx(0.4 / (1 + 1.4**2) ** 0.5)
    assert given.n_changes > linear.novikoff_bound(x, y).n_changes


def test_no_bound_is_given_where_no_plane_separates() -> None:
    corners, xor = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), torch.tensor([-1, 1, 1, -1])
    with pytest.raises(DataError, match="no bound"):
        linear.novikoff_bound(corners, xor)
    with pytest.raises(DataError, match="no bound"):
        linear.novikoff_bound(corners, xor, weight=torch.tensor([1.0, 1.0]), bias=-0.5)


def test_distances_and_lines_agree() -> None:
    weight, bias = torch.tensor([2.0, -1.0], dtype=torch.float64), 3.0
    slope, intercept = linear.boundary_line(weight, bias)
    on_line = torch.tensor([[t, slope * t + intercept] for t in (-1.0, 0.0, 2.5)], dtype=torch.float64)
    assert torch.allclose(
        linear.boundary_distance(on_line, weight=weight, bias=bias), torch.zeros(3, dtype=torch.float64)
    )
    step = on_line + 1.5 * weight / weight.norm()
    assert torch.allclose(linear.boundary_distance(step, weight=weight, bias=bias), torch.full((3,), 1.5).double())


def test_an_upright_boundary_has_no_slope() -> None:
    with pytest.raises(DataError, match=r"x1 = 1\.5"):
        linear.boundary_line(torch.tensor([2.0, 0.0]), -3.0)


def test_the_bayes_boundary_is_lda_and_its_error_is_a_normal_tail() -> None:
    m0, m1, std = torch.tensor([0.0, 1.0]), torch.tensor([2.0, 2.0]), 0.8
    found = linear.bayes_boundary(m0, m1, std=std)
    assert found.error == pytest.approx(norm.sf(float((m1 - m0).norm()) / (2 * std)), rel=1e-6)
    noise = std * torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
    x = torch.cat([m0 + noise, m1 - noise]).numpy()
    y = np.repeat([0, 1], 4000)
    lda = LinearDiscriminantAnalysis().fit(x, y)
    ours = ((x @ found.weight.numpy() + found.bias) > 0).astype(int)
    assert (ours == lda.predict(x)).mean() > 0.99
    assert (ours != y).mean() == pytest.approx(found.error, abs=0.01)


def test_ties_of_a_decision_say_one() -> None:
    assert linear.decide(torch.tensor([0.49, 0.5, 0.51])).tolist() == [0, 1, 1]
    assert linear.decide(torch.tensor([0.49, 0.5, 0.51]), threshold=0.505).tolist() == [0, 0, 1]


def test_duels_are_counted_as_scikit_learn_counts_them() -> None:
    g = torch.Generator().manual_seed(4)
    x = torch.randn(90, 2, generator=g).numpy()
    y = (np.arctan2(x[:, 1], x[:, 0]) // 1.5708).astype(int) + 2
    peer = OneVsOneClassifier(RidgeClassifier()).fit(x, y)
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    scores = -torch.from_numpy(np.column_stack([e.decision_function(x) for e in peer.estimators_]))
    assert (linear.one_vs_one_vote(scores, pairs, n_classes=4).numpy() == peer.predict(x)).all()


def test_a_circle_of_duels_goes_to_the_highest_sum_of_scores() -> None:
    scores = torch.tensor([[1.0, -3.0, 0.5], [3.0, -1.0, 0.5]])  # 0 beats 1, 2 beats 0, 1 beats 2: a vote each
    assert linear.one_vs_one_vote(scores, [(0, 1), (0, 2), (1, 2)], n_classes=3).tolist() == [2, 0]
