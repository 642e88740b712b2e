"""Activations with weights: their equations, their starts, and XOR."""

import pytest
import torch
from torch import nn

from parnassus.layers.activations import Maxout, RadialBasis
from parnassus.layers.multidimensional import MultidimensionalLinear

pytestmark = pytest.mark.usefixtures("draws")


def test_maxout_of_one_piece_is_a_dense_layer_and_of_two_can_be_relu():
    layer, x = Maxout(3, 4, n_pieces=1), torch.randn(5, 3)
    torch.testing.assert_close(layer(x), x @ layer.weight[0].T + layer.bias[0])
    relu = Maxout(3, 3)
    with torch.no_grad():
        relu.weight.copy_(torch.stack([torch.eye(3), torch.zeros(3, 3)]))
        relu.bias.zero_()
    torch.testing.assert_close(relu(x), x.relu())


def test_a_radial_unit_is_1_at_its_centre_and_everything_learns():
    layer = RadialBasis(3, 4, width=2.0)
    torch.testing.assert_close(layer(layer.centers).diagonal(), torch.ones(4))
    layer(torch.randn(5, 3)).sum().backward()
    assert layer.centers.grad.abs().min() > 0


def test_a_layer_between_arrays_is_a_dense_layer_on_flat_ones():
    layer, x = MultidimensionalLinear((3, 3), (9, 9)), torch.randn(5, 3, 3)
    assert sum(p.numel() for p in layer.parameters()) == 729 + 81  # Martinez-Ramon, figure 1.18
    flat = nn.functional.linear(x.flatten(1), layer.weight.view(9, 81).T, layer.bias.flatten())
    torch.testing.assert_close(layer(x).flatten(1), flat)
