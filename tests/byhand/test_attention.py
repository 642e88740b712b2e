"""Attention, layer normalisation and softmax by hand against torch."""

import numpy as np
import pytest
import torch

from parnassus.byhand import attention as by

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("lead", [(), (3,), (2, 4)], ids=str)
@pytest.mark.parametrize(("n_q", "n_k", "width", "n_v"), [(1, 1, 1, 1), (4, 6, 5, 3), (7, 2, 3, 8)])
def test_scaled_dot_product_is_torchs(lead: tuple[int, ...], n_q: int, n_k: int, width: int, n_v: int) -> None:
    q, k, v = (RNG.normal(size=(*lead, *s)) for s in ((n_q, width), (n_k, width), (n_k, n_v)))
    by_z, mask = RNG.normal(size=(*lead, n_q, n_v)), np.tri(n_q, n_k, dtype=bool)
    attended = by.scaled_dot_product(q, k, v, mask=mask)
    tensors = [torch.tensor(a, requires_grad=True) for a in (q, k, v)]
    z = torch.nn.functional.scaled_dot_product_attention(*tensors, attn_mask=torch.from_numpy(mask))
    z.backward(torch.from_numpy(by_z))
    assert np.allclose(attended.z, z.detach(), rtol=0, atol=1e-10)
    assert np.allclose(attended.weights.sum(-1), 1)
    for found, t in zip(by.scaled_dot_product_backward(by_z, attended, q, k, v), tensors, strict=True):
        assert np.allclose(found, t.grad, rtol=0, atol=1e-10)


def test_the_weights_of_self_attention_have_autograds_gradients() -> None:
    x, by_z = RNG.normal(size=(2, 5, 4)), RNG.normal(size=(2, 5, 3))
    ws = [RNG.normal(size=s) for s in ((4, 6), (4, 6), (4, 3))]
    step = by.self_attention(x, *ws, by_z=by_z)
    tx, *tw = (torch.tensor(a, requires_grad=True) for a in (x, *ws))
    z = torch.nn.functional.scaled_dot_product_attention(*(tx @ w for w in tw))
    z.backward(torch.from_numpy(by_z))
    for found, t in zip((step.by_x, step.by_w_q, step.by_w_k, step.by_w_v), (tx, *tw), strict=True):
        assert np.allclose(found, t.grad, rtol=0, atol=1e-10)
    assert "by w_q" in str(step)
    assert len(step.diagram().boxes) == 5


@pytest.mark.parametrize("shape", [(1, 2), (3, 5), (2, 3, 4)], ids=str)
def test_layer_normalisation_is_torchs(shape: tuple[int, ...]) -> None:
    x, by_z = RNG.normal(size=shape), RNG.normal(size=shape)
    gamma, beta = RNG.normal(size=(2, shape[-1]))
    normalized = by.layer_norm(x, gamma, beta)
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, gamma, beta)]
    z = torch.nn.functional.layer_norm(tensors[0], shape[-1:], *tensors[1:])
    z.backward(torch.from_numpy(by_z))
    assert np.allclose(normalized.z, z.detach(), rtol=0, atol=1e-10)
    for found, t in zip(by.layer_norm_backward(by_z, normalized, gamma), tensors, strict=True):
        assert np.allclose(found, t.grad, rtol=0, atol=1e-10)


def test_the_jacobians_in_closed_form_are_autograds() -> None:
    x = RNG.normal(size=5)
    wanted = torch.autograd.functional.jacobian(lambda t: torch.nn.functional.layer_norm(t, (5,)), torch.from_numpy(x))
    assert np.allclose(by.layer_norm_jacobian(x), wanted, rtol=0, atol=1e-10)
    y = by.softmax(x)
    rows = np.stack([by.softmax_backward(row, y) for row in np.eye(5)])
    assert np.allclose(rows, np.diag(y) - np.outer(y, y))


def test_softmax_bears_large_numbers() -> None:
    assert by.softmax([1000.0, 1000.0]).tolist() == [0.5, 0.5]
