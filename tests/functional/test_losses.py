"""Loss equations against torch's own, scikit-learn's, or loops written from the equation."""

import math

import pytest
import torch
from sklearn.metrics import hinge_loss
from torch.nn import functional as F

from parnassus.functional import losses

Z = torch.randn(40, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
T = torch.randn(40, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
BITS = (T > 0).double()
LABELS = torch.randint(0, 5, (40,), generator=torch.Generator().manual_seed(3))

# each pair is this library's element form and torch's, whose reductions are switched off
PAIRS = [
    (losses.squared_error(Z, T), F.mse_loss(Z, T, reduction="none")),
    (losses.absolute_error(Z, T), F.l1_loss(Z, T, reduction="none")),
    (losses.huber(Z - T, delta=0.7), F.huber_loss(Z, T, delta=0.7, reduction="none")),
    (losses.huber(Z - T, delta=0.7) / 0.7, F.smooth_l1_loss(Z, T, beta=0.7, reduction="none")),
    (losses.poisson(Z, BITS), F.poisson_nll_loss(Z, BITS, log_input=True, reduction="none")),
    (losses.poisson_from_rate(Z.exp(), BITS), F.poisson_nll_loss(Z, BITS, log_input=True, reduction="none")),
    (losses.softmax_cross_entropy(Z, LABELS), F.cross_entropy(Z, LABELS, reduction="none")),
    (losses.categorical_cross_entropy(Z.softmax(1), T.softmax(1)), F.cross_entropy(Z, T.softmax(1), reduction="none")),
    (
        losses.binary_cross_entropy_from_probabilities(Z.sigmoid(), BITS),
        F.binary_cross_entropy(Z.sigmoid(), BITS, reduction="none"),
    ),
]


@pytest.mark.parametrize(("ours", "torchs"), PAIRS)
def test_an_equation_equals_torchs(ours: torch.Tensor, torchs: torch.Tensor) -> None:
    assert torch.allclose(ours, torchs, rtol=1e-12, atol=1e-12)


def test_binary_cross_entropy_is_a_softplus_and_a_two_logit_softmax() -> None:
    ours = losses.binary_cross_entropy(Z, BITS)
    softplus = torch.logaddexp((1 - 2 * BITS) * Z, torch.zeros_like(Z))
    two_logits = losses.softmax_cross_entropy(
        torch.stack([torch.zeros_like(Z), Z], -1).view(-1, 2), BITS.long().view(-1)
    )
    assert torch.allclose(ours, softplus, atol=1e-12)
    assert torch.allclose(ours.view(-1), two_logits, atol=1e-12)


def test_cross_entropies_stay_finite_at_huge_logits() -> None:
    z = torch.tensor([1000.0, -1000.0], dtype=torch.float64)
    assert losses.binary_cross_entropy(z, torch.tensor([1.0, 1.0], dtype=torch.float64)).tolist() == [0.0, 1000.0]
    assert losses.softmax_cross_entropy(torch.diag(z), torch.tensor([0, 1])).tolist() == [0.0, 1000.0]


def test_certain_probabilities_cost_nothing_where_right_and_everything_where_wrong() -> None:
    one = torch.tensor([1.0, 0.0, 0.0, 1.0])
    y = torch.tensor([1.0, 0.0, 1.0, 0.0])
    assert losses.binary_cross_entropy_from_probabilities(one, y).tolist() == [0.0, 0.0, math.inf, math.inf]


def test_hinge_equals_scikit_learns() -> None:
    ours = losses.hinge(Z[:, 0], BITS[:, 0]).mean()
    assert float(ours) == pytest.approx(hinge_loss(BITS[:, 0].numpy(), Z[:, 0].numpy()), abs=1e-12)
    many = losses.multiclass_hinge(Z, LABELS).mean()
    assert float(many) == pytest.approx(hinge_loss(LABELS.numpy(), Z.numpy(), labels=range(5)), abs=1e-12)


@pytest.mark.parametrize("power", [1, 2])
def test_slopes_of_both_hinges_are_autograds(power: int) -> None:
    for loss, slope, y in (
        (losses.hinge, losses.hinge_derivative, BITS),
        (losses.multiclass_hinge, losses.multiclass_hinge_derivative, LABELS),
    ):
        z = Z.clone().requires_grad_()
        (wanted,) = torch.autograd.grad(loss(z, y, power=power).sum(), z)
        assert torch.allclose(slope(Z, y, power=power), wanted)
    kink = losses.hinge_derivative(torch.tensor([1.0]), torch.tensor([1.0]), power=power)
    assert float(kink) == 0


def test_squared_hinges_are_squares() -> None:
    assert torch.allclose(losses.hinge(Z, BITS, power=2), losses.hinge(Z, BITS).square())
    assert torch.allclose(losses.multiclass_hinge(Z, LABELS, power=2), losses.multiclass_hinge(Z, LABELS).square())


def test_the_squared_error_of_a_softmax_is_the_sum_over_one_hot_targets() -> None:
    expected = (Z.softmax(1) - F.one_hot(LABELS, 5)).square().sum(1)
    assert torch.allclose(losses.softmax_squared_error(Z, LABELS), expected, atol=1e-12)


def test_sequence_cross_entropy_skips_what_is_ignored() -> None:
    logits, y = Z.view(4, 10, 5), LABELS.view(4, 10).clone()
    y[1, 6:] = losses.IGNORED
    each = losses.softmax_cross_entropy(logits, y)
    assert each.shape == (4, 10)
    assert each[1, 6:].tolist() == [0.0] * 4
    assert float(each.sum()) == pytest.approx(float(F.cross_entropy(logits.view(-1, 5), y.view(-1), reduction="sum")))


DERIVATIVES = [
    (losses.squared_error, losses.squared_error_derivative, T),
    (losses.absolute_error, losses.absolute_error_derivative, T),
    (losses.poisson, losses.poisson_derivative, BITS),
    (losses.binary_cross_entropy, losses.binary_cross_entropy_derivative, BITS),
    (losses.sigmoid_squared_error, losses.sigmoid_squared_error_derivative, BITS),
    (losses.softmax_squared_error, losses.softmax_squared_error_derivative, LABELS),
    (losses.hinge, losses.hinge_derivative, BITS),
    (losses.multiclass_hinge, losses.multiclass_hinge_derivative, LABELS),
]


@pytest.mark.parametrize(("equation", "derivative", "y"), DERIVATIVES, ids=[e.__name__ for e, _, _ in DERIVATIVES])
def test_a_derivative_equals_central_differences(equation, derivative, y) -> None:
    step, ours = 1e-6, derivative(Z, y)
    for column in range(Z.shape[1]):
        shift = torch.zeros_like(Z)
        shift[:, column] = step
        moved = (equation(Z + shift, y) - equation(Z - shift, y)) / (2 * step)
        numeric = moved[:, column] if moved.ndim == 2 else moved
        assert torch.allclose(ours[:, column], numeric, atol=1e-7)
