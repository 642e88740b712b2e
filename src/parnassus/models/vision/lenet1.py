"""LeNet-1, the first of the LeNets: 2,578 parameters that read digits."""

import torch
from torch import Tensor, nn

from ...layers.dense import activation as activation_named
from ...registry import model
from .cnn import framed


class LeNet1(nn.Module):
    """LeNet-1: 4 maps of 5 x 5 kernels, means, 12 maps of which each sees one or two, means, outputs.

    x: (batch, in_channels, height, width) -> (batch, n_outputs). Pictures of another size than 28 x 28 are brought to
    it. Means of 2 x 2 have a factor and a bias a map that are learned. Of the second twelve maps four see one of the
    first four, and eight see two, either the first or the last two. With one channel and ten outputs there are 2,578
    parameters and 98,442 connections, as published.

    Source: LeCun et al. 1990, "Handwritten digit recognition with a back-propagation network", section 4; LeCun,
    Bottou, Bengio and Haffner 1998, section III.C.
    """

    def __init__(self, *, in_channels: int, n_outputs: int, activation: str = "tanh") -> None:
        super().__init__()
        self.conv1, self.mean1 = nn.Conv2d(in_channels, 4, 5), scaled_mean(4)
        self.single, self.pairs = nn.Conv2d(4, 4, 5, groups=4), nn.Conv2d(4, 8, 5, groups=2)
        self.mean2, self.head = scaled_mean(12), nn.Linear(12 * 4 * 4, n_outputs)
        self.activation = activation_named(activation)

    def forward(self, x: Tensor) -> Tensor:
        x = self.activation(self.conv1(framed(x, 28)))
        x = self.activation(self.mean1(x))  # (batch, 4, 12, 12)
        x = self.activation(torch.cat([self.single(x), self.pairs(x)], 1))
        x = self.activation(self.mean2(x))  # (batch, 12, 4, 4)
        return self.head(x.flatten(1))


def scaled_mean(n_channels: int) -> nn.Sequential:
    """Means of 2 x 2 places, times a factor and plus a bias of each map: half the sides."""
    scale = nn.Conv2d(n_channels, n_channels, 1, groups=n_channels)
    nn.init.ones_(scale.weight)
    nn.init.zeros_(scale.bias)  # type: ignore[arg-type]
    return nn.Sequential(nn.AvgPool2d(2), scale)


@model.register("classifier", "regressor")
def lenet1(*, in_channels: int, image_size: tuple[int, int], n_outputs: int, activation: str = "tanh") -> LeNet1:
    """LeNet-1 (LeCun et al. 1990): 2,578 parameters for digits; pictures are brought to 28 x 28."""
    return LeNet1(in_channels=in_channels, n_outputs=n_outputs, activation=activation)
