"""Normaliser modules: plain keys, plain equations."""

import pytest
import torch
from torch import nn

from parnassus.errors import SettingError
from parnassus.layers.normalization import (
    AdaptiveInstanceNorm,
    StandardizedConv2d,
    dense_norm,
    groups_of,
    picture_norm,
)

pytestmark = pytest.mark.usefixtures("draws")


def test_a_standardised_convolution_does_not_see_the_kernels_scale_or_mean():
    layer, x = StandardizedConv2d(3, 4, 3).double(), torch.randn(2, 3, 6, 6, dtype=torch.float64)
    before = layer(x)
    with torch.no_grad():
        layer.weight.mul_(7.0).add_(2.0)
    torch.testing.assert_close(layer(x), before, rtol=1e-3, atol=1e-3)
    assert list(layer.state_dict()) == list(nn.Conv2d(3, 4, 3).state_dict())


def test_a_style_of_zeros_is_close_to_plain_normalisation_and_styles_move_it():
    layer, x = AdaptiveInstanceNorm(3, 5), torch.randn(2, 3, 6, 6)
    nn.init.zeros_(layer.affine.bias)
    torch.testing.assert_close(layer(x, torch.zeros(2, 5)), nn.InstanceNorm2d(3)(x))
    assert not torch.allclose(layer(x, torch.ones(2, 5)), layer(x, torch.zeros(2, 5)))


@pytest.mark.parametrize(("name", "kind"), [("batch", nn.BatchNorm1d), ("layer", nn.LayerNorm), ("rms", nn.RMSNorm)])
def test_dense_norms_by_name(name, kind):
    assert type(dense_norm(name, 4)) is kind


@pytest.mark.parametrize("name", ["batch", "layer", "instance", "group", "standardized"])
@pytest.mark.parametrize("n_channels", [1, 3, 8, 30])
def test_picture_norms_by_name_take_any_number_of_channels(name, n_channels):
    assert picture_norm(name, n_channels)(torch.randn(2, n_channels, 4, 4)).isfinite().all()
    assert n_channels % groups_of(n_channels) == 0


def test_unknown_norms_are_refused():
    with pytest.raises(SettingError, match="'rms'"):
        dense_norm("group", 4)
    with pytest.raises(SettingError, match="'instance'"):
        picture_norm("rms", 4)
