"""Residual connections: their slope, and where the normaliser stands."""

import torch
from torch.nn import functional as F

from parnassus.functional import residual as R


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_jacobian_of_a_residual_map_is_that_of_the_map_plus_one():
    w, x = drawn(4, 4), drawn(4, seed=1)

    def f(h):
        return torch.tanh(w @ h)

    by_hand = torch.diag(1 - f(x) ** 2) @ w
    torch.testing.assert_close(R.residual_jacobian(x, f), by_hand + torch.eye(4).double())
    torch.testing.assert_close(R.residual_jacobian(x, lambda h: 0 * h), torch.eye(4).double())
    torch.testing.assert_close(torch.func.jacrev(lambda h: R.residual(h, f))(x), R.residual_jacobian(x, f))


def test_a_dense_skip_has_weights_of_its_own_so_that_widths_may_differ():
    h, earlier, w, w_skip = drawn(2, 3), drawn(2, 5, seed=1), drawn(4, 3, seed=2), drawn(4, 5, seed=3)
    wanted = torch.relu(torch.stack([w @ a + w_skip @ b for a, b in zip(h, earlier, strict=True)]))
    torch.testing.assert_close(R.dense_skip(h, earlier, w, w_skip), wanted)


def test_norms_after_and_before_are_two_functions():
    x, gamma, beta = drawn(2, 4), drawn(4, seed=1), drawn(4, seed=2)
    after, before = R.add_norm(x, torch.tanh, gamma, beta), R.pre_norm(x, torch.tanh, gamma, beta)
    norm = (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt() * gamma + beta
    torch.testing.assert_close(before, x + torch.tanh(norm))
    torch.testing.assert_close(after, F.layer_norm(x + torch.tanh(x), (4,), gamma, beta))
