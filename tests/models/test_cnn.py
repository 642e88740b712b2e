"""The published shapes and counts of LeNet-1 and LeNet-5, and the plain stack."""

import pytest
import torch

import parnassus as pn
from parnassus.models.vision.cnn import LeNet5, framed
from parnassus.models.vision.lenet1 import LeNet1

pytestmark = pytest.mark.usefixtures("draws")


def built(name, **facts):
    with torch.random.fork_rng():
        return pn.model(name).builders("classifier")[0].make(**facts, **pn.model(name).get_params())


def test_lenet5_has_its_61706_parameters_layer_by_layer():
    # Hifny A9.14 and Baker B11: 156 + 2,416 + 48,120 + 10,164 + 850
    net = built("lenet", in_channels=1, image_size=(32, 32), n_outputs=10)
    counts = [sum(p.numel() for p in m.parameters()) for m in (net.conv1, net.conv2, net.fc1, net.fc2, net.fc3)]
    assert counts == [156, 2_416, 48_120, 10_164, 850]
    assert sum(counts) == 61_706


def test_lenet5_has_the_papers_shapes():
    # Baker B11: 28 -> 14 -> 10 -> 5, flattened 400
    net, seen = LeNet5(in_channels=1, n_outputs=10), []
    for part in (net.conv1, net.conv2, net.pool):
        part.register_forward_hook(lambda m, i, o: seen.append(tuple(o.shape[1:])))
    assert net(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert seen == [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5)]


def test_lenet1_has_the_2578_parameters_and_98442_connections_of_1990():
    """LeCun et al. 1990, section 4: each place of a map has the map's weights, a bias among them."""
    net, places = built("lenet1", in_channels=1, image_size=(28, 28), n_outputs=10), {}
    for name in ("conv1", "mean1", "single", "pairs", "mean2"):
        keep = lambda m, i, o, name=name: places.update({name: o[0, 0].numel()})  # noqa: E731
        getattr(net, name).register_forward_hook(keep)
    assert net(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert places == {"conv1": 24 * 24, "mean1": 12 * 12, "single": 8 * 8, "pairs": 8 * 8, "mean2": 4 * 4}
    counts = {name: sum(p.numel() for p in getattr(net, name).parameters()) for name in (*places, "head")}
    assert sum(counts.values()) == sum(p.numel() for p in net.parameters()) == 2_578
    taken = {"mean1": (4 * 5, 144), "mean2": (12 * 5, 16)}  # four weights that are one, and a bias
    found = sum(n * k for n, k in (taken.get(name, (counts[name], places[name])) for name in places))
    assert found + counts["head"] == 98_442


def test_of_lenet1_s_second_maps_four_see_one_and_eight_see_two():
    net = built("lenet1", in_channels=1, image_size=(28, 28), n_outputs=10)
    seen = []
    for k in range(12):
        x = torch.rand(1, 4, 12, 12, generator=torch.Generator().manual_seed(0)).requires_grad_()
        torch.cat([net.single(x), net.pairs(x)], 1)[0, k].sum().backward()
        seen.append([j for j in range(4) if x.grad[0, j].any()])
    assert seen == [[0], [1], [2], [3], *[[0, 1]] * 4, *[[2, 3]] * 4]


def test_lenet1_s_means_are_scaled():
    part = LeNet1(in_channels=1, n_outputs=2).mean1
    x = torch.rand(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(part(x), x.view(2, 4, 3, 2, 3, 2).mean((3, 5)))
        part[1].weight.fill_(4.0)
        part[1].bias.fill_(1.0)
        torch.testing.assert_close(part(x), x.view(2, 4, 3, 2, 3, 2).sum((3, 5)) + 1)


@pytest.mark.parametrize("size", [(32, 32), (28, 28), (8, 8), (64, 48), (31, 31)])
def test_pictures_of_any_size_are_brought_to_the_frame(size):
    x = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    assert framed(x, 32).shape == (2, 3, 32, 32)


def test_a_picture_of_28_is_framed_by_its_background_and_not_stretched():
    x = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 0.5
    y = framed(x, 32)
    torch.testing.assert_close(y[..., 2:-2, 2:-2], x)
    torch.testing.assert_close(y[..., 0, 0], x.amin((-2, -1)))


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (3, 5), (1, 1)])
def test_the_stack_takes_tiny_pictures(size):
    net = built("cnn", in_channels=2, image_size=size, n_outputs=4).eval()
    assert net(torch.zeros(1, 2, *size)).shape == (1, 4)


@pytest.mark.parametrize("options", [{"channels": ()}, {"channels": (0,)}, {"hidden": 0}, {"dropout": 1.0}])
def test_values_out_of_range_are_refused_by_name(options):
    spec = pn.model("cnn", **options)
    with pytest.raises(pn.SettingError, match="model 'cnn'"):
        spec.builders()[0].make(in_channels=1, image_size=(8, 8), n_outputs=2, **spec.get_params())
