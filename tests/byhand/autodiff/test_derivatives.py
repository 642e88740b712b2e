"""Jacobians, gradient checks, paths and the graph's picture."""

import numpy as np
import pytest
import torch

from parnassus.byhand import autodiff as ad
from parnassus.byhand.attention import layer_norm_jacobian
from parnassus.byhand.autodiff import nets

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(3,), (2, 3)], ids=str)
def test_a_jacobian_is_torchs(shape: tuple[int, ...]) -> None:
    x, w = RNG.normal(size=shape), RNG.normal(size=(3, 4))
    found = ad.jacobian(lambda v: ad.tanh(v @ w), x)
    wanted = torch.autograd.functional.jacobian(lambda t: torch.tanh(t @ torch.from_numpy(w)), torch.from_numpy(x))
    assert found.shape == (*shape[:-1], 4, *shape)
    assert np.allclose(found, wanted, rtol=0, atol=1e-10)


def test_the_jacobians_of_softmax_and_layer_norm_are_the_closed_forms() -> None:
    z = RNG.normal(size=5)
    y = np.exp(z) / np.exp(z).sum()
    assert np.allclose(ad.jacobian(ad.softmax, z), np.diag(y) - np.outer(y, y), rtol=0, atol=1e-12)
    found = ad.jacobian(lambda v: nets.layer_norm(v, np.ones(5), np.zeros(5)), z)
    assert np.allclose(found, layer_norm_jacobian(z), rtol=0, atol=1e-10)


def test_a_residual_connection_adds_the_identity() -> None:
    # Hifny eqs. 11.15 to 11.19: y = F(x) + x has Jacobian J_F + I
    x, w = RNG.normal(size=4), RNG.normal(size=(4, 4))
    plain = ad.jacobian(lambda v: ad.tanh(v @ w), x)
    assert np.allclose(ad.jacobian(lambda v: ad.tanh(v @ w) + v, x), plain + np.eye(4))


def test_what_does_not_depend_on_x_has_a_jacobian_of_zeros() -> None:
    assert (ad.jacobian(lambda v: ad.Variable([1.0, 2.0]), [1.0, 2.0, 3.0]) == np.zeros((2, 3))).all()


def test_a_gradient_check_tells_a_wrong_slope_from_a_right_one() -> None:
    from parnassus.byhand.autodiff.variable import made, variable

    def wrong(x: ad.Variable) -> ad.Variable:
        x = variable(x)
        return made("wrong", x.value**2, (x, lambda g: g * x.value)).sum()

    x, y = RNG.normal(size=3), RNG.normal(size=(2, 3))
    assert ad.gradient_check(lambda a, b: (ad.sigmoid(a * b) ** 2).sum(), x, y) < 1e-8
    assert ad.gradient_check(wrong, x) > 0.1


def test_1_B21_four_paths_lead_through_two_inner_functions() -> None:
    # Baker L1043: f(u(x, y), v(x, y)) with x and y functions of w and z: 2 x 2 terms each
    w, z = ad.Variable(0.3), ad.Variable(0.7)
    x, y = w * z, w + z
    u, v = x * y, x + y
    f = u * v
    assert ad.count_paths(f, w) == ad.count_paths(f, z) == 4
    assert ad.count_paths(f, x) == 2
    assert ad.count_paths(w, f) == 0


def test_the_picture_places_every_node_right_of_what_made_it() -> None:
    x, w = ad.Variable([1.0, 2.0], name="x"), ad.Variable([3.0, 4.0], name="w")
    diagram = ad.graph(ad.tanh((x * w).sum()))
    assert [box.text.split("\n")[0] for box in diagram.boxes] == ["x", "w", "*", "sum", "tanh"]
    for line in diagram.lines:
        assert diagram.boxes[line.start].column < diagram.boxes[line.end].column
    assert len({(box.column, box.row) for box in diagram.boxes}) == 5


def test_gradients_of_what_is_not_reached_are_zeros() -> None:
    x, other = ad.Variable([1.0, 2.0]), ad.Variable([5.0])
    found = ad.gradients((x * x).sum(), [x, other])
    assert [g.tolist() for g in found] == [[2, 4], [0]]
