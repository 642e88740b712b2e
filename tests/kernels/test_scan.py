"""The compiled selective scan against its twin in torch, as training and prediction meet them."""

import pytest
import torch
from torch.nn.functional import softplus

from parnassus import kernels
from parnassus.functional.statespace import selective_scan
from parnassus.layers.mamba import Mamba

pytestmark = pytest.mark.skipif(kernels.load("scan") is None, reason=kernels.status()["scan"])


@pytest.mark.usefixtures("draws")
@pytest.mark.parametrize("time", [1, 31, 32, 33, 200])
def test_a_block_trains_alike_with_and_without_the_compiled_loop(time, monkeypatch):
    layer, x = Mamba(20, n_state=5), torch.randn(3, time, 20)  # 40 channels: a register's width and a part of one
    found = []
    for switch in ("on", "off"):
        monkeypatch.setenv("PARNASSUS_KERNELS", switch)
        layer.zero_grad()
        y = layer(x)
        y.square().mean().backward()
        found.append([y.detach(), *(p.grad.clone() for p in layer.parameters())])
    for one, other in zip(*found, strict=True):
        assert (one - other).abs().max() <= 1e-5 * other.abs().max().clamp(min=1e-6)


def test_inputs_that_are_not_contiguous_are_read_as_they_are():
    g = torch.Generator().manual_seed(0)
    u, delta = (torch.randn(12, 2, 7, generator=g).transpose(0, 1) for _ in range(2))
    b, c = (torch.randn(2, 4, 12, generator=g).mT for _ in range(2))
    a = -torch.rand(4, 7, generator=g).T
    found = selective_scan(u, softplus(delta), a, b, c)
    again = selective_scan(*(x.contiguous() for x in (u, softplus(delta), a, b, c)))
    assert all(torch.equal(one, other) for one, other in zip(found, again, strict=True))


def test_growing_systems_overflow_to_infinity_as_in_torch(monkeypatch):
    u, b = torch.ones(1, 4, 1), torch.ones(1, 4, 1)
    a, delta = torch.full((1, 1), 60.0), torch.ones(1, 4, 1)
    found = selective_scan(u, delta, a, b, b)
    monkeypatch.setenv("PARNASSUS_KERNELS", "off")
    wanted = selective_scan(u, delta, a, b, b)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=0)
    assert torch.isinf(found[0][0, -1, 0])
