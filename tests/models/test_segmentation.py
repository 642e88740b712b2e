"""Segmentation nets: sizes, parameters in closed form, and what skips carry."""

import itertools

import pytest
import torch

from parnassus.errors import SettingError
from parnassus.models.detection.segmentation import FCN, DeepLab, SegNet, UNet

NETS = {"u_net": UNet, "fcn": FCN, "segnet": SegNet, "deeplab": DeepLab}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("size", [(32, 32), (30, 45), (9, 8)])
def test_every_pixel_gets_scores_whatever_the_size(draws, name, size):
    net = NETS[name](2, 5, widths=(4, 6, 8)).eval()
    assert net(torch.randn(2, 2, *size)).shape == (2, *size, 5)


def test_the_published_u_net_has_its_sizes_and_parameters(draws):
    net = UNet(1, 2, widths=(64, 128, 256, 512, 1024), norm=False, valid=True)
    widths = [1, 64, 128, 256, 512, 1024]
    expected = sum(9 * a * b + b + 9 * b * b + b for a, b in itertools.pairwise(widths))
    for a, b in zip(widths[:1:-1], widths[-2:0:-1], strict=True):
        expected += 4 * a * b + b + 9 * 2 * b * b + b + 9 * b * b + b
    expected += 64 * 2 + 2
    assert sum(p.numel() for p in net.parameters()) == expected == 31_030_658
    small = UNet(1, 2, widths=(2, 2, 2, 2, 2), norm=False, valid=True)
    assert small(torch.zeros(1, 1, 572, 572)).shape == (1, 388, 388, 2)


def test_skips_bring_detail_that_the_bottom_has_not(draws):
    net = UNet(1, 2, widths=(4, 8, 16)).eval()
    x = torch.randn(1, 1, 16, 16)
    with_detail = net(x)
    for stage in net.joined:
        stage[0].weight.data[:, : stage[0].in_channels // 2] = 0  # what comes by the skip
    assert not torch.allclose(with_detail, net(x))


def test_values_go_back_to_where_they_were_the_largest(draws):
    net = SegNet(1, 1, widths=(1,))
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 1, 2] = 5.0
    pooled, where = torch.nn.functional.max_pool2d(x, 2, return_indices=True)
    back = torch.nn.functional.max_unpool2d(pooled, where, 2)
    assert back[0, 0, 1, 2] == 5.0
    assert net(x).shape == (1, 4, 4, 1)


@pytest.mark.parametrize(("make", "words"), [
    (lambda: UNet(1, 2, widths=(4,)), "two levels"),
    (lambda: FCN(1, 2, widths=(4, 4)), "three levels"),
    (lambda: SegNet(1, 2, widths=()), "one level"),
    (lambda: DeepLab(1, 2, dilations=(0,)), "dilations from 1"),
])  # fmt: skip
def test_nets_that_cannot_be_are_refused(make, words):
    with pytest.raises(SettingError, match=words):
        make()
