"""Couplings against autograd's Jacobian and torch's distributions."""

import pytest
import torch

from parnassus.functional.flows import couple, flow_log_density, uncouple, written_out_log_det
from parnassus.models.generative.flows import RealNVP

pytestmark = pytest.mark.usefixtures("draws")


def shaken(d=5, n_couplings=4, hidden=(16,)):
    """A flow whose couplings do something."""
    net = RealNVP(d, n_couplings, hidden).double()
    for p in net.parameters():
        p.data += 0.3 * torch.randn_like(p)
    return net


@pytest.mark.parametrize("d", [2, 3, 5])
def test_volumes_are_those_of_the_jacobian_and_the_way_back_is_exact(d):
    net, x = shaken(d), torch.randn(6, d, dtype=torch.float64)
    z, log_det = net(x)
    assert not torch.allclose(z, x, atol=0.1)
    torch.testing.assert_close(log_det, written_out_log_det(lambda r: net(r)[0], x), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(net.back(z), x, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(net(net.back(x))[0], x, rtol=1e-9, atol=1e-9)


def test_a_coupling_leaves_what_its_mask_holds_and_every_column_is_changed_by_some():
    net, x = shaken(5), torch.randn(4, 5, dtype=torch.float64)
    changed = torch.zeros(5)
    for coupling in net.couplings:
        y, _ = coupling(x)
        held = coupling.mask.bool()
        assert torch.equal(y[:, held], x[:, held])
        changed += 1 - coupling.mask.float()
    assert (changed > 0).all()


def test_a_scale_and_shift_of_constants_is_torchs_transformed_distribution():
    s, t = torch.tensor([0.4, -0.7], dtype=torch.float64), torch.tensor([1.0, -2.0], dtype=torch.float64)
    x = torch.randn(7, 2, dtype=torch.float64)
    z, log_det = couple(x, torch.zeros(2, dtype=torch.float64), s.expand(7, 2), t.expand(7, 2))
    base = torch.distributions.Normal(torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64))
    back = torch.distributions.AffineTransform(t, s.exp()).inv
    theirs = torch.distributions.TransformedDistribution(base, [back]).log_prob(x).sum(1)
    torch.testing.assert_close(flow_log_density(z, log_det), theirs, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(uncouple(z, torch.zeros(2).double(), s.expand(7, 2), t.expand(7, 2)), x)


def test_a_new_flow_changes_nothing():
    x = torch.randn(3, 4)
    z, log_det = RealNVP(4, 6, (8,))(x)
    assert torch.equal(z, x)
    assert not log_det.any()
