"""The books' numbers for activations, a test an oracle: 0 Hifny, 1 Baker, 2 Martinez-Ramon, 3 Jaiswal, 4 Keras."""

import numpy as np
import pytest
import torch
from torch import Tensor

from parnassus.functional import activations as a
from parnassus.functional import losses


def tensor(values: object) -> Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float64)


def test_0_B36_softmax_of_1_2_3() -> None:
    z, t = tensor([1, 2, 3]), tensor([0, 1, 0])
    y = a.softmax(z)
    assert np.allclose(y, [0.0900305732, 0.2447284711, 0.6652409558], atol=1e-10)
    jacobian = a.softmax_jacobian(z)
    assert np.allclose(jacobian[0], [0.0819250691, -0.0220330445, -0.0598920245], atol=1e-10)
    assert np.allclose(jacobian.sum(1), 0, atol=1e-15)
    assert losses.categorical_cross_entropy(y, t).item() == pytest.approx(1.4076059644, abs=1e-10)
    assert np.allclose(y - t, [0.0900305732, -0.7552715289, 0.6652409558], atol=1e-10)


def test_1_B01_softmax_of_two_logits() -> None:
    z = tensor([1.2, 0.3])
    y = a.softmax(z)
    assert np.allclose(y, [0.7109495026, 0.2890504974], atol=1e-10)
    assert y[0].item() == pytest.approx(a.sigmoid(tensor(0.9)).item(), abs=1e-15)
    assert np.allclose(a.softmax_jacobian(z), [[0.2055003, -0.2055003], [-0.2055003, 0.2055003]], atol=1e-7)
    each = [losses.softmax_cross_entropy(z[None], torch.tensor([k])).item() for k in (0, 1)]
    assert each == pytest.approx([0.3411539, 1.2411539], abs=1e-7)
    assert (y - tensor([1, 0])).tolist() == pytest.approx([-0.2890505, 0.2890505], abs=1e-7)


def test_1_B25_values_and_slopes() -> None:
    assert (a.sigmoid(tensor(0)).item(), a.sigmoid_derivative(tensor(0)).item()) == (0.5, 0.25)
    assert a.sigmoid(tensor(1.2)).item() == pytest.approx(0.7685248, abs=1e-7)
    assert a.sigmoid_derivative(tensor(5)).item() == pytest.approx(0.0066481, abs=1e-7)
    assert a.tanh_derivative(tensor(5)).item() == pytest.approx(0.00018158, abs=1e-8)
    assert a.sigmoid_derivative(tensor(0)).item() ** 10 == pytest.approx(9.5367e-7, rel=1e-5)
    assert a.relu_derivative(tensor(0)).item() == 0


def test_1_B69_softmax_at_a_thousand() -> None:
    assert a.softmax(tensor([1000, 1000])).tolist() == [0.5, 0.5]
    loss = losses.softmax_cross_entropy(tensor([[1000, 1000]]), torch.tensor([0])).item()
    assert 1000 + loss == pytest.approx(1000.693147, abs=1e-6)  # the log-sum-exp


TANH_AND_SIGMOID = {
    -2: (-0.9640275801, 0.0706508249, 0.1192029220, 0.1049935854),
    -1: (-0.7615941560, 0.4199743416, 0.2689414214, 0.1966119332),
    0: (0, 1, 0.5, 0.25),
    0.5: (0.4621171573, 0.7864477330, 0.6224593312, 0.2350037122),
    2: (0.9640275801, 0.0706508249, 0.8807970780, 0.1049935854),
}


@pytest.mark.parametrize("z", TANH_AND_SIGMOID)
def test_2a_B4_tanh_and_sigmoid_with_slopes(z: float) -> None:
    at = tensor(z)
    found = [f(at).item() for f in (a.tanh, a.tanh_derivative, a.sigmoid, a.sigmoid_derivative)]
    assert found == pytest.approx(TANH_AND_SIGMOID[z], abs=1e-10)


def test_2a_B4_relation_leaky_relu_and_maxout() -> None:
    assert ((1 + a.tanh(tensor(1))) / 2).item() == pytest.approx(0.8807970780, abs=1e-10)
    assert a.leaky_relu(tensor([-2, 2])).tolist() == pytest.approx([-0.02, 2])
    x, weight, bias = tensor([1, -2]), tensor([[[1, 0]], [[0, 1]], [[-1, -1]]]), tensor([[0], [0.5], [0.25]])
    pieces = a.maxout_pieces(x, weight, bias)[:, 0]
    assert pieces.tolist() == [1, -1.5, 1.25]
    assert a.maxout(x, weight, bias).item() == 1.25
    assert pieces.argmax().item() == 2
    assert a.maxout_derivative(x, weight, bias)[0].tolist() == [-1, -1]


def test_2a_B27_a_softmax_of_one_unit_is_one_and_log_softmax_is_idempotent() -> None:
    z = tensor([[-3], [7]])
    assert a.softmax(z).tolist() == [[1], [1]]
    assert not a.softmax_jacobian(z).any()
    once = tensor([2, 1, 0.1]).log_softmax(0)
    assert once.tolist() == pytest.approx([-0.4170300163, -1.4170300163, -2.3170300163], abs=1e-10)
    twice = losses.softmax_cross_entropy(once[None], torch.tensor([0])).item()
    assert twice == pytest.approx(0.4170300163, abs=1e-10)


def test_2c_B9_15_softplus_slope() -> None:
    assert a.softplus_derivative(tensor(0.3)).item() == pytest.approx(0.574443, abs=1e-6)
    numeric = (a.softplus(tensor(0.3 + 1e-6)) - a.softplus(tensor(0.3 - 1e-6))) / 2e-6
    assert numeric.item() == pytest.approx(0.574443, abs=1e-6)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (a.sigmoid, [0.119203, 0.377541, 0.5, 0.622459, 0.880797]),
        (a.tanh, [-0.964028, -0.462117, 0, 0.462117, 0.964028]),
        (a.relu, [0, 0, 0, 0.5, 2]),
        (a.softplus, [0.126928, 0.474077, 0.693147, 0.974077, 2.126928]),
        (a.hard_tanh, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_3_B3_activation_table(f, expected: list[float]) -> None:
    assert f(tensor([-2, -0.5, 0, 0.5, 2])).tolist() == pytest.approx(expected, abs=1e-6)


def test_3_B3_slopes_at_zero() -> None:
    found = [f(tensor(0)).item() for f in (a.sigmoid_derivative, a.tanh_derivative, a.relu_derivative)]
    assert found == [0.25, 1, 0]


def test_3_B4_softmax_of_three_classes() -> None:
    z = tensor([5, 4, 2])  # not printed; they round to the printed .71, .26 and .04, which sum to 1.01
    y = a.softmax(z)
    assert y.tolist() == pytest.approx([0.7054, 0.2595, 0.0351], abs=5e-5)
    each = [losses.softmax_cross_entropy(z[None], torch.tensor([k])).item() for k in range(3)]
    assert each == pytest.approx([0.3490, 1.3490, 3.3490], abs=5e-5)
    jacobian = [[0.207817, -0.183045, -0.024772], [-0.183045, 0.192158, -0.009113], [-0.024772, -0.009113, 0.033886]]
    assert np.allclose(a.softmax_jacobian(z), jacobian, atol=1e-6)
    assert (y - tensor([1, 0, 0])).tolist() == pytest.approx([-0.294615, 0.259496, 0.035119], abs=1e-6)
    assert a.softmax(tensor([4, 2, 8])).tolist() == pytest.approx([0.0179, 0.0024, 0.9796], abs=5e-5)
    assert a.softmax(tensor([4, 4, 1])).tolist() == pytest.approx([0.4879, 0.4879, 0.0243], abs=5e-5)


def test_3_B5_softmax_of_large_logits() -> None:
    assert a.softmax(tensor([1000, 1001, 1002])).tolist() == pytest.approx([0.0900, 0.2447, 0.6652], abs=5e-5)


def test_4_B19_identities_and_leaky_values() -> None:
    z = tensor([0.5])
    assert a.tanh(z).item() == pytest.approx(0.462117, abs=1e-6)
    assert (2 * a.sigmoid(2 * z) - 1).item() == pytest.approx(0.462117, abs=1e-6)
    assert a.leaky_relu(tensor([-2, -0.5, 0])).tolist() == pytest.approx([-0.02, -0.005, 0])
