"""Maps of what answers rest on, against captum, and against nets whose maps are known."""

import torch
from torch import nn

from ..functional import attribution
from ..train.randomness import kept_random
from . import check, gap


def _net_and_pictures() -> tuple[nn.Sequential, torch.Tensor, torch.Tensor]:
    with kept_random(torch.device("cpu"), 0):
        net = nn.Sequential(
            nn.Conv2d(2, 5, 3, padding=1), nn.Tanh(), nn.Conv2d(5, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(4, 3),
        )  # fmt: skip
        return net, torch.rand(3, 2, 6, 8), torch.tensor([0, 2, 1])


@check("occlusion-analysis", "grad-cam", oracle="captum", tolerance=1e-5)
def maps_of_a_small_net() -> float:
    """Occlusion and Grad-CAM of a net with two convolutions, beside captum's."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum's own
        from captum.attr import LayerGradCam, Occlusion

        net, x, target = _net_and_pictures()
        covered = Occlusion(net).attribute(x, target=target, sliding_window_shapes=(2, 2, 2), strides=(2, 2, 2))
        weighed = LayerGradCam(net, net[3]).attribute(x, target=target, relu_attributions=True)
    maps = net[:4](x)
    (slopes,) = torch.autograd.grad(attribution.target_scores(net[4:](maps), target).sum(), maps)
    return max(
        gap(attribution.occlusion(net, x, target, patch=2, stride=2), covered[:, 0]),
        gap(attribution.grad_cam(maps.detach(), slopes), weighed[:, 0]),
    )


@check("class-activation-map", oracle="(closed form)", tolerance=1e-5)
def the_mean_of_a_class_map() -> float:
    """The mean of a class activation map, plus the class's bias, against the net's own output."""
    net, x, target = _net_and_pictures()
    with torch.no_grad():
        dense = net[6]
        assert isinstance(dense, nn.Linear)
        found = attribution.class_activation_map(net[:4](x), dense.weight[target]).mean((1, 2)) + dense.bias[target]
        return gap(found, attribution.target_scores(net(x), target))
