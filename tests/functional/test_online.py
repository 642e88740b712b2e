"""Row-by-row rules: kernel and twin against a plain loop, scikit-learn and the definitions."""

import pytest
import torch
from sklearn.linear_model import Perceptron as SklearnPerceptron
from sklearn.linear_model import SGDClassifier, SGDRegressor
from torch import Tensor

from parnassus.errors import DataError
from parnassus.functional import online
from parnassus.functional.online import PerceptronState

SIGNS = [online.perceptron_signs, online.perceptron_signs_twin]
LABELS = [online.perceptron_labels, online.perceptron_labels_twin]
LMS = [online.lms, online.lms_twin]
N, D, K = 600, 4, 3  # more rows than the twins' block


def drawn(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Rows, noisy signs, labels and weights."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(N, D, generator=g, dtype=torch.float64)
    noisy = x @ torch.randn(D, generator=g, dtype=torch.float64) + 0.5 * torch.randn(
        N, generator=g, dtype=torch.float64
    )
    weight = torch.rand(N, generator=g, dtype=torch.float64)
    return x, noisy.sign(), torch.bucketize(noisy, torch.tensor([-0.7, 0.7], dtype=torch.float64)), weight


def by_loop(x: Tensor, y: Tensor, weight: Tensor, n_outputs: int) -> dict[str, object]:
    """The rule a row at a time, with every w kept: their mean, and the w of the longest run of right answers."""
    w = torch.zeros(n_outputs, D + 1, dtype=torch.float64)
    every, mistakes, run, longest, pocket = [], 0.0, 0.0, 0.0, w.clone()
    for row, target, share in zip(torch.cat([x, x.new_ones(len(x), 1)], 1), y, weight, strict=True):
        scores = w @ row
        if n_outputs == 1:
            wrong = (1.0 if scores[0] > 0 else -1.0) != target
            change = target * share * row[None]
        else:
            best = int(scores.argmax())
            wrong = best != target
            change = torch.zeros_like(w)
            change[target], change[best] = share * row, -share * row
        if wrong:
            mistakes, run, w = mistakes + float(share), 0.0, w + change
        else:
            run += float(share)
            if run > longest:
                longest, pocket = run, w
        every.append(w)
    return {"plain": w, "averaged": torch.stack(every).mean(0), "pocket": pocket, "mistakes": mistakes}


def zeros(n_outputs: int, variant: str, dtype: torch.dtype = torch.float64) -> PerceptronState:
    return PerceptronState.zeros(n_outputs, D, variant=variant, dtype=dtype)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("variant", online.VARIANTS)
@pytest.mark.parametrize("rule", SIGNS)
def test_signs_are_learnt_as_by_the_loop(rule, variant: str, weighted: bool) -> None:
    x, y, _, weight = drawn()
    weight = weight if weighted else torch.ones_like(weight)
    expected, state = by_loop(x, y, weight, 1), zeros(1, variant)
    assert rule(x, y, state, weight=weight) == pytest.approx(expected["mistakes"])
    assert torch.allclose(state.read(), expected[variant], atol=1e-9)


@pytest.mark.parametrize("variant", online.VARIANTS)
@pytest.mark.parametrize("rule", LABELS)
def test_labels_are_learnt_as_by_the_loop(rule, variant: str) -> None:
    x, _, y, weight = drawn()
    expected, state = by_loop(x, y, weight, K), zeros(K, variant)
    assert rule(x, y, state, weight=weight) == pytest.approx(expected["mistakes"])
    assert torch.allclose(state.read(), expected[variant], atol=1e-9)


@pytest.mark.parametrize("variant", online.VARIANTS)
@pytest.mark.parametrize("rule", SIGNS)
def test_windows_give_what_one_pass_gives(rule, variant: str) -> None:
    x, y, _, _ = drawn()
    whole, parts = zeros(1, variant), zeros(1, variant)
    mistakes = rule(x, y, whole)
    assert sum(rule(a, b, parts) for a, b in zip(x.split(70), y.split(70), strict=True)) == mistakes
    assert torch.allclose(whole.read(), parts.read(), atol=1e-9)


@pytest.mark.parametrize("rule", SIGNS)
def test_the_plain_rule_is_scikit_learns(rule) -> None:
    x, y, _, _ = drawn()
    x, y = torch.cat([x[y > 0][:1], x]), torch.cat([y.new_ones(1), y])  # at 0 scikit-learn moves for either label
    peer = SklearnPerceptron(max_iter=3, tol=None, shuffle=False, random_state=0).fit(x.numpy(), y.numpy())
    state = zeros(1, "plain")
    for _ in range(3):
        rule(x, y, state)
    assert torch.allclose(state.w[0, :-1], torch.from_numpy(peer.coef_[0]), atol=1e-9)
    assert state.w[0, -1].item() == pytest.approx(peer.intercept_[0])


@pytest.mark.parametrize("rule", SIGNS)
def test_the_mean_of_the_weights_is_scikit_learns(rule) -> None:
    x, y, _, _ = drawn()
    x, y = torch.cat([x[y > 0][:1], x]), torch.cat([y.new_ones(1), y])
    peer = SGDClassifier(
        loss="perceptron",
        learning_rate="constant",
        eta0=1.0,
        penalty=None,
        average=True,
        shuffle=False,
        random_state=0,
        max_iter=2,
        tol=None,
    ).fit(x.numpy(), y.numpy())
    state = zeros(1, "averaged")
    for _ in range(2):
        rule(x, y, state)
    assert torch.allclose(state.read()[0, :-1], torch.from_numpy(peer.coef_[0]), atol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rule", LMS)
def test_lms_is_the_loop_over_rows(rule, weighted: bool) -> None:
    x, sign, _, weight = drawn()
    weight = weight if weighted else torch.ones_like(weight)
    y = torch.stack([sign, 2 * x[:, 0] + 1], 1)
    w, expected, errors = torch.zeros(2, D + 1, dtype=torch.float64), torch.zeros(2, D + 1, dtype=torch.float64), 0.0
    for row, target, share in zip(torch.cat([x, x.new_ones(N, 1)], 1), y, weight, strict=True):
        error = expected @ row - target
        errors += float(share * error @ error)
        expected = expected - 0.02 * share * error[:, None] * row
    assert rule(x, y, w, lr=0.02, weight=weight) == pytest.approx(errors, rel=1e-10)
    assert torch.allclose(w, expected, atol=1e-10)


@pytest.mark.parametrize("rule", LMS)
def test_lms_is_scikit_learns_constant_rate_descent(rule) -> None:
    x, y, _, _ = drawn()
    peer = SGDRegressor(
        penalty=None, learning_rate="constant", eta0=0.01, shuffle=False, random_state=0, max_iter=2, tol=None
    ).fit(x.numpy(), y.numpy())
    w = torch.zeros(1, D + 1, dtype=torch.float64)
    for _ in range(2):
        rule(x, y[:, None], w, lr=0.01)
    assert torch.allclose(w[0, :-1], torch.from_numpy(peer.coef_), atol=1e-9)


@pytest.mark.parametrize("rule", [*SIGNS, *LABELS])
def test_no_rows_change_nothing(rule) -> None:
    state = zeros(K if rule in LABELS else 1, "averaged")
    y = torch.zeros(0, dtype=torch.int64 if rule in LABELS else torch.float64)
    assert rule(torch.zeros(0, D, dtype=torch.float64), y, state) == 0
    assert not state.read().any()


@pytest.mark.parametrize("rule", LABELS)
@pytest.mark.parametrize("bad", [-1, K])
def test_labels_out_of_range_are_refused(rule, bad: int) -> None:
    with pytest.raises(DataError, match=f"labels are 0 to {K - 1}"):
        rule(torch.zeros(2, D), torch.tensor([0, bad]), zeros(K, "plain", torch.float32))


@pytest.mark.parametrize("rule", SIGNS)
def test_shapes_that_do_not_fit_are_refused(rule) -> None:
    with pytest.raises(DataError, match=r"takes x \(n, 4\)"):
        rule(torch.zeros(3, D + 1), torch.ones(3), zeros(1, "plain", torch.float32))
    with pytest.raises(DataError, match="and y"):
        rule(torch.zeros(3, D), torch.ones(2), zeros(1, "plain", torch.float32))


def test_a_memory_of_single_precision_is_refused() -> None:
    with pytest.raises(DataError, match="float64"):
        PerceptronState(torch.zeros(1, 3), torch.zeros(1, 3), torch.zeros(3, dtype=torch.float64))
