"""Curvature behind a recurrence that has first slopes alone is refused, not taken for 0."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.functional.independent import independent_scan


@pytest.mark.parametrize(
    ("name", "options"), [("rnn", {"cell": "indrnn", "hidden": 3}), ("mamba", {}), ("s4", {}), ("s5", {})]
)
@pytest.mark.parametrize("setting", ["on", "off"])
def test_second_order_optimizers_are_refused_with_what_to_choose(name, options, setting, monkeypatch):
    monkeypatch.setenv("PARNASSUS_KERNELS", setting)
    X, y = np.random.default_rng(0).normal(size=(8, 5, 2)), np.arange(8) % 2
    net = pn.Classifier(pn.model(name, **options), optimizer="hessian_free", epochs=1)
    with pytest.raises(pn.SettingError, match="first order, such as 'adam'"):
        net.fit(X, y)


def test_first_slopes_are_given():
    a, u = torch.ones(1, 3, 2, requires_grad=True), torch.full((2,), 0.5)
    (slope,) = torch.autograd.grad(independent_scan(a, u).sum(), a)
    torch.testing.assert_close(slope[0, :, 0], torch.tensor([1.75, 1.5, 1.0]))
    (again,) = torch.autograd.grad(independent_scan(a, u).sum(), a, create_graph=False)
    assert not again.requires_grad
