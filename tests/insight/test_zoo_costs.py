"""What nets cost, against published figures and the books' worked ones."""

import json
import subprocess
import sys

import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.insight.summary import summarize
from parnassus.insight.zoo import cost_of, n_floats, net_costs, picture_nets

pytestmark = pytest.mark.usefixtures("draws")


@pytest.mark.parametrize(
    ("name", "parameters", "billions"),
    [
        # torchvision's documentation gives operations of its first weights in billions of multiply-adds
        ("alexnet", 61_100_840, 0.71), ("vgg16", 138_357_544, 15.47), ("vgg19", 143_667_240, 19.63),
        ("resnet18", 11_689_512, 1.81), ("resnet50", 25_557_032, 4.09), ("resnet101", 44_549_160, 7.80),
        ("resnet152", 60_192_808, 11.51), ("densenet121", 7_978_856, 2.83), ("mobilenet_v2", 3_504_872, 0.30),
        ("efficientnet_b1", 7_794_184, 0.69), ("efficientnet_b3", 12_233_232, 1.83),
        ("efficientnet_b5", 30_389_784, 10.27), ("efficientnet_b7", 66_347_960, 37.75),
        ("efficientnet_b0", 5_288_548, 0.39), ("inception_v3", 23_834_568, 5.71), ("convnext_t", 28_589_128, 4.46),
    ],
)  # fmt: skip
def test_parameters_and_multiply_adds_are_the_published_ones(name, parameters, billions):
    (found,) = net_costs([name])
    assert found.n_parameters == parameters
    assert found.n_products / 1e9 == pytest.approx(billions, abs=0.006)


def test_lenet_by_hand():
    """28 x 28 x 6 kernels of 25, 10 x 10 x 16 of 150, then 400, 120 and 84 inputs."""
    (found,) = net_costs(["lenet"], size=32, in_channels=1, n_outputs=10)
    assert found.n_parameters == 61_706
    assert found.n_products == 28 * 28 * 6 * 25 + 10 * 10 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10


def test_2b_B11_a_picture_in_vgg_16_takes_61_megabytes_and_not_96():
    (found,) = net_costs(["vgg16"])
    assert (found.n_bytes // 4 - found.n_parameters) * 4 == 60_950_432  # 15,237,608 floats, the picture among them


def test_1_B18_skips_save_no_operations():
    """ResNet-34 has 3.664e9 with 1 x 1 shortcuts, 3.644e9 without; a plain net of its layers as many as the latter."""
    with torch.device("meta"):
        spec = pn.model("resnet34")
        net = spec.builders("classifier")[0].make(
            in_channels=3, image_size=(224, 224), n_outputs=1000, **spec.get_params(task="classifier")
        )
    whole = cost_of(net, "resnet34", 224, 3).n_products
    for block in net.modules():
        if isinstance(getattr(block, "downsample", None), nn.Sequential):
            stride, n_out = block.conv1.stride, block.conv2.out_channels
            block.downsample = nn.Sequential(nn.AvgPool2d(stride, stride), nn.ZeroPad2d((0, 0, 0, 0)))
            block.downsample.append(_Widened(n_out))
    assert whole / 1e9 == pytest.approx(3.664, abs=5e-4)
    assert cost_of(net, "plain", 224, 3).n_products / 1e9 == pytest.approx(3.644, abs=5e-4)


class _Widened(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.n = n

    def forward(self, x):
        return nn.functional.pad(x, (0, 0, 0, 0, 0, self.n - x.shape[1]))


def test_activations_and_views_take_no_memory():
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3))
    told = summarize(net, lambda: net(torch.zeros(1, 1, 4, 4)))
    assert [n_floats(layer) for layer in told.layers] == [32, 0, 8, 0, 3]


@pytest.mark.slow
def test_every_net_for_pictures_is_counted_and_the_command_prints_it():
    names = picture_nets()
    assert {"lenet", "resnet50", "vit_b", "convnext_t", "inception_v4"} <= set(names)
    with pytest.raises(pn.SettingError, match="takes no pictures"):
        net_costs(["gru"])
    command = [sys.executable, "-m", "parnassus", "models", "--costs", "--size", "7"]
    assert "at least 8" in subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_2b_A4_12_the_books_net_for_cifar_has_160202_parameters():
    """2b B8: 32, 30, 15, 13, 6, 4, 2 pixels; the page's "12 channels" are 128 and its "32 x 30" is 30 x 30."""
    spec = pn.model("cnn", channels=(32, 64, 128), hidden=128, norm="none", padding="valid")
    builder = spec.builders("classifier")[0]
    net = builder.make(in_channels=3, image_size=(32, 32), n_outputs=10, **spec.get_params(task="classifier"))
    told = summarize(net, lambda: net(torch.zeros(1, 3, 32, 32)))
    assert told.n_parameters == 160_202
    shapes = [layer.outputs for layer in told.layers if layer.kind in ("Conv2d", "MaxPool2d")]
    assert [s[1] for s in shapes] == [30, 15, 13, 6, 4, 2]
    assert [layer.n_parameters for layer in told.layers if layer.n_parameters] == [896, 18_496, 73_856, 65_664, 1_290]
    with pytest.raises(pn.SettingError, match="needs 3 x 3"):
        builder.make(in_channels=3, image_size=(8, 8), n_outputs=10, **spec.get_params(task="classifier"))


@pytest.mark.slow
def test_the_command_gives_json():
    command = [sys.executable, "-m", "parnassus", "models", "--costs", "--size", "32", "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert {"name", "n_parameters", "n_products", "n_bytes", "top1"} <= found[0].keys()
