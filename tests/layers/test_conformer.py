"""Conformer blocks: padding stays out, distances count and not places; numbers are the layer's own on other inputs."""

import pytest
import torch

from parnassus.errors import SettingError
from parnassus.layers.conformer import Conformer, RotaryAttention, rotated


@pytest.fixture(autouse=True)
def seeded(draws):
    """Modules are made inside the tests, from one seed."""


def test_padding_never_changes_what_comes_out_and_is_zero():
    net = Conformer(8, 2, n_heads=2, kernel=5).double().eval()
    x, lengths = torch.randn(3, 9, 8, dtype=torch.float64), torch.tensor([9, 4, 1])
    out = net(x, lengths)
    for row, n in enumerate(lengths.tolist()):
        torch.testing.assert_close(net(x[row : row + 1, :n], lengths[row : row + 1]), out[row : row + 1, :n])
        assert (out[row, n:] == 0).all()
    spoilt = x.clone()
    spoilt[1, 4:] = 1e3
    torch.testing.assert_close(net(spoilt, lengths), out)


def test_products_of_rotated_vectors_see_distances_alone():
    q, k = torch.randn(2, 1, 1, 1, 6, dtype=torch.float64).expand(2, 1, 1, 12, 6)
    products = rotated(q)[0, 0] @ rotated(k)[0, 0].T
    for distance in (-3, 0, 2):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    assert (products.diagonal(1)[0] - products.diagonal(3)[0]).abs() > 1e-6


def test_attention_is_softmax_of_products_within_the_row():
    net = RotaryAttention(4, 1, dropout=0.0).double().eval()
    x, mask = torch.randn(1, 5, 4, dtype=torch.float64), torch.ones(1, 5, 1, dtype=torch.float64)
    mask[0, 3:] = 0
    q, k, v = net.mixed(net.norm(x))[0].chunk(3, -1)
    weights = (rotated(q[None, None])[0, 0] @ rotated(k[None, None])[0, 0].T / 2)[:3, :3].softmax(-1)
    torch.testing.assert_close(net(x, mask)[0, :3], net.out(weights @ v[:3]))


def test_a_row_without_frames_is_no_reason_for_nan():
    net = Conformer(4, 1, n_heads=1, kernel=3)
    out = net(torch.randn(2, 3, 4), torch.tensor([3, 0]))
    assert out.isfinite().all()


def test_a_width_that_heads_do_not_share_is_refused():
    with pytest.raises(SettingError, match="twice its heads"):
        Conformer(6, 1, n_heads=2)
