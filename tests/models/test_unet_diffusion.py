"""The U-Net of diffusions: the published size, and diffusers' answers with diffusers' weights."""

import pytest
import torch

from parnassus.models.unet_diffusion import DiffusionMLP, DiffusionUNet

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
