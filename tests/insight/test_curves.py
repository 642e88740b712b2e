"""Curves of activations and criteria: the numbers they show, and nothing left behind."""

import matplotlib
import numpy as np
import pytest
import torch

from parnassus.errors import SettingError
from parnassus.functional import activations
from parnassus.insight import curves
from parnassus.insight.style import svg


@pytest.mark.slow
@pytest.mark.parametrize("draw", [lambda: curves.activation_curves(curves.NAMES), curves.saturation_curves])
def test_both_draw_the_same_twice_and_leave_matplotlib_as_it_was(draw):
    before = dict(matplotlib.rcParams)
    assert svg(draw()) == svg(draw())
    assert dict(matplotlib.rcParams) == before


def test_values_are_beside_their_derivatives():
    values, slopes = curves.activation_curves(["tanh", "relu"], reach=3.0).axes
    z = values.lines[0].get_xdata()
    assert np.allclose(values.lines[0].get_ydata(), np.tanh(z))
    assert np.allclose(slopes.lines[0].get_ydata(), 1 - np.tanh(z) ** 2)
    assert np.allclose(slopes.lines[1].get_ydata(), np.asarray(z) > 0)


@pytest.mark.parametrize("name", curves.NAMES)
def test_the_derivatives_drawn_are_autograds(name):
    z = torch.linspace(-5, 5, 402, dtype=torch.float64).requires_grad_()
    value = getattr(activations, name)(z)
    (slope,) = torch.autograd.grad(value.sum(), z)
    torch.testing.assert_close(getattr(activations, f"{name}_derivative")(z.detach()), slope)


def test_an_unknown_activation_is_refused():
    with pytest.raises(SettingError, match="'softplus'"):
        curves.activation_curves(["softpluss"])
