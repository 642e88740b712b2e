"""Numbers of parameters of named nets, against those that their papers and libraries publish."""

from typing import Any

import torch
from torch import nn

from ..functional.convolution import costs
from ..layers.vision import SqueezeExcitation
from ..models.vision.highway import Highway
from ..models.vision.resnet import Bottleneck
from ..registry import model
from ..train.randomness import kept_random
from . import check, gap

Count = tuple[str, dict[str, Any], int]


def built(name: str, *, n_outputs: int = 1000, size: int = 224, **options: Any) -> nn.Module:
    """A net for colour pictures, without memory for its weights."""
    spec = model(name, **options)
    builder = spec.builders("classifier")[0]
    facts = {"in_channels": 3, "image_size": (size, size), "n_outputs": n_outputs}
    with torch.device("meta"):
        return builder.make(**facts, **spec.get_params(task="classifier"))


def parameters(net: nn.Module) -> int:
    """How many numbers are learned."""
    return sum(p.numel() for p in net.parameters())


def worst(counts: list[Count]) -> float:
    """The largest difference from the published counts."""
    return max(gap(parameters(built(name, **options)), due) for name, options, due in counts)


@check("alexnet", "zfnet", oracle="(published)", tolerance=0)
def parameters_of_alexnet_and_zfnet() -> float:
    """AlexNet as torchvision has it, with two towers by the table of 2012, with one; ZFNet."""
    return worst(
        [
            ("alexnet", {}, 61_100_840),
            ("alexnet", {"variant": "two-towers"}, 60_965_224),
            ("alexnet", {"variant": "one-tower"}, 62_378_344),
            ("zfnet", {}, 62_357_608),
        ]
    )


@check("vgg", oracle="(published)", tolerance=0)
def parameters_of_vgg() -> float:
    """VGG of 11 to 19 layers, of 16 with batch norm, and A-LRN, which has no more than A: torchvision's."""
    sizes = {11: 132_863_336, 13: 133_047_848, 16: 138_357_544, 19: 143_667_240}
    plain: list[Count] = [(f"vgg{depth}", {}, due) for depth, due in sizes.items()]
    return worst([*plain, ("vgg16", {"norm": True}, 138_365_992), ("vgg11", {"response": True}, sizes[11])])


@check("googlenet", "inception-module", "xception", oracle="(published)", tolerance=0)
def parameters_of_googlenet_and_xception() -> float:
    """GoogLeNet without side heads (the 5 million of a book are 7.0), and Xception as Keras has it."""
    return worst([("googlenet", {"norm": False}, 6_998_552), ("xception", {}, 22_855_952)])


@check("residual-block", "resnet", oracle="(published)", tolerance=0)
def parameters_of_residual_nets() -> float:
    """ResNet of 18 to 152 layers: torchvision's; and of 20 to 110 for small pictures, in the paper's hundredths."""
    sizes = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}
    thin = {20: 27, 32: 46, 44: 66, 56: 85}
    off = [gap(round(parameters(built(f"resnet{n}", n_outputs=10, size=32)) / 1e4), due) for n, due in thin.items()]
    return max(worst([(f"resnet{depth}", {}, due) for depth, due in sizes.items()]), *off)


@check("bottleneck-block", oracle="(book)", tolerance=0)
def weights_and_products_of_a_bottleneck() -> float:
    """256 channels through 64: 16,384, 36,864 and 16,384 weights, and their products at 56 x 56 places."""
    with torch.device("meta"):
        block = Bottleneck(256, 64, 1, nn.Identity(), preactivation=False)
    weights = [m.weight.numel() for m in block.modules() if isinstance(m, nn.Conv2d)]
    layers = ((256, 64, 1), (64, 64, 3), (64, 256, 1))
    products = [costs(n_in, n_out, (k, k), (56, 56))[1] for n_in, n_out, k in layers]
    due = [16_384, 36_864, 16_384, 51_380_224, 115_605_504, 51_380_224]
    return gap([*weights, *products], due)


@check("densenet", oracle="(published)", tolerance=0)
def parameters_of_densenet() -> float:
    """DenseNet of 121, 169 and 201 layers: torchvision's."""
    sizes = {121: 7_978_856, 169: 14_149_480, 201: 20_013_928}
    return worst([(f"densenet{depth}", {}, due) for depth, due in sizes.items()])


@check("mobilenet-v1", "mobilenet-v2", oracle="(published)", tolerance=0)
def parameters_of_mobilenets() -> float:
    """MobileNet v1 as Keras has it, without the moving statistics, and v2 as torchvision has it."""
    return worst([("mobilenet_v1", {}, 4_231_976), ("mobilenet_v2", {}, 3_504_872)])


@check("efficientnet", oracle="(published)", tolerance=0)
def parameters_of_efficientnet() -> float:
    """EfficientNet B0 to B7: torchvision's."""
    sizes = (5_288_548, 7_794_184, 9_109_994, 12_233_232, 19_341_616, 30_389_784, 43_040_704, 66_347_960)
    return worst([(f"efficientnet_b{i}", {}, due) for i, due in enumerate(sizes)])


@check("squeeze-excitation", "highway-network", oracle="(closed form)", tolerance=1e-6)
def gates_by_hand() -> float:
    """Channels times sigmoid gates read off their means, and a highway that mixes its input by its gate."""
    with kept_random(torch.device("cpu"), 0), torch.no_grad():
        x = torch.randn(2, 6, 4, 5)
        squeeze = SqueezeExcitation(6, 3)
        first, second = (nn.Linear(6, 3), nn.Linear(3, 6))
        for layer, flat in ((squeeze.fc1, first), (squeeze.fc2, second)):
            flat.load_state_dict({"weight": layer.weight[:, :, 0, 0], "bias": layer.bias})
        gate = torch.sigmoid(second(first(x.mean((2, 3))).relu()))
        transform, opening = nn.Linear(5, 5), nn.Linear(5, 5)
        road = Highway(transform, opening)
        t = torch.sigmoid(opening(x))
        mixed = t * transform(x).relu() + (1 - t) * x
        return max(gap(squeeze(x), x * gate[:, :, None, None]), gap(road(x), mixed))
