"""The U-Net of diffusions: the published size, and diffusers' answers with diffusers' weights."""

import copy

import pytest
import torch
from torch import nn

from parnassus.models.generative.unet_diffusion import DiffusionMLP, DiffusionUNet, picture_net

pytestmark = pytest.mark.usefixtures("draws")


def test_the_cifar_layout_has_its_published_size():
    with torch.device("meta"):
        net = DiffusionUNet(3, (128, 256, 256, 256), attends=(False, True, False, False))
    assert sum(p.numel() for p in net.parameters()) == 35_746_307


@pytest.mark.parametrize("size", [16, 8])
def test_with_diffusers_weights_it_gives_diffusers_answers(size):
    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed; it is the oracle here")
    theirs = diffusers.UNet2DModel(
        sample_size=size, in_channels=2, out_channels=2, layers_per_block=2, block_out_channels=(32, 64, 64),
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"), downsample_padding=0, attention_head_dim=None,
        flip_sin_to_cos=False, freq_shift=1, norm_eps=1e-6, center_input_sample=False,
    ).eval()  # fmt: skip
    ours = DiffusionUNet(2, (32, 64, 64), attends=(False, True, False)).eval()
    ours.load_state_dict(theirs.state_dict())
    x, t = torch.randn(2, 2, size, size), torch.tensor([3, 700])
    with torch.no_grad():
        torch.testing.assert_close(ours(x, t), theirs(x, t).sample, rtol=1e-4, atol=1e-5)


def test_pictures_of_odd_sizes_come_back_in_their_size():
    net = DiffusionUNet(1, (8, 16), attends=(False, True), n_blocks=1)
    assert net(torch.zeros(2, 1, 9, 7), torch.tensor([1, 2])).shape == (2, 1, 9, 7)


def test_the_step_and_the_class_change_the_answer():
    net, x = DiffusionMLP(3, (16, 16), n_classes=2), torch.randn(2, 3)
    first = net(x, torch.tensor([1, 1]), torch.tensor([0, 0]))
    assert not torch.allclose(first, net(x, torch.tensor([900, 900]), torch.tensor([0, 0])))
    assert not torch.allclose(first, net(x, torch.tensor([1, 1]), torch.tensor([1, 1])))
    assert torch.equal(net(x, torch.tensor([1, 1])), net(x, torch.tensor([1, 1]), torch.tensor([2, 2])))


def narrow(*channels):
    """A net of small pictures of ten classes, with a last layer that says something."""
    net = picture_net("ddpm", 1, (8, 8), 10, 0, channels=channels, n_blocks=1, dropout=0.0)
    nn.init.normal_(net.conv_out.weight)
    return net.eval()


def moved_by(net):
    """How far another step, and another class, move an answer, as shares of its length."""
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        first, later, other = (net(x, torch.full((4,), t), torch.full((4,), c)) for t, c in ((1, 0), (900, 0), (1, 1)))
    return float((later - first).norm() / first.norm()), float((other - first).norm() / first.norm())


@pytest.mark.parametrize("channels", [(16,), (8, 16), (32,)])
def test_a_narrow_net_hears_its_step_and_its_class(channels):
    net = narrow(*channels)
    deaf = copy.deepcopy(net)
    for norm in deaf.modules():
        if isinstance(norm, nn.GroupNorm):
            norm.num_groups = norm.num_channels
    for now, before in zip(moved_by(net), moved_by(deaf), strict=True):
        assert before < 1e-5
        assert now > 0.02


def test_groups_have_four_channels_and_those_of_published_widths_are_32():
    groups = {(norm.num_channels, norm.num_groups) for norm in narrow(8, 64, 128).modules()
              if isinstance(norm, nn.GroupNorm)}  # fmt: skip
    assert {(8, 2), (64, 16), (128, 32)} < groups
    assert all(n // of >= 4 for n, of in groups)


def test_weights_that_say_nothing_are_of_up_to_32_groups_and_others_bring_their_own():
    net = narrow(16)
    of_today = copy.deepcopy(net.state_dict())
    said = moved_by(net)
    net.load_state_dict({name: tensor for name, tensor in of_today.items() if name != "least"})
    assert {norm.num_groups for norm in net.modules() if isinstance(norm, nn.GroupNorm)} == {16, 32}
    assert max(moved_by(net)) < 1e-5
    assert int(net.state_dict()["least"]) == 1
    net.load_state_dict(of_today)
    assert moved_by(net) == said
