"""Nets for pictures and clips: published sizes and costs, and weights of transformers' nets."""

from typing import Any

import torch

from ..functional.distillation import distillation
from ..functional.patches import from_patches, image_patches
from ..imports import imported
from ..insight.zoo import net_costs
from ..layouts import LAYOUTS, translate, whole
from ..registry import model
from ..train.randomness import kept_random
from . import check, gap
from .published import built


@check("inception-v3", "auxiliary-classifiers", "video-tensor", oracle="(published)", tolerance=0)
def published_numbers_of_parameters_of_later_nets() -> float:
    """Inception v3 and v4, GoogLeNet with side heads, ConvNeXt-T, BiT-R50x1, R3D-18, C3D: torchvision and timm."""
    due: dict[tuple[str, int, tuple[tuple[str, Any], ...]], int] = {
        ("inception_v3", 1000, (("auxiliary", 0.3),)): 27_161_264,
        ("inception_v3", 1000, ()): 23_834_568,
        ("inception_v4", 1000, ()): 42_679_816,
        ("googlenet", 1000, (("auxiliary", 0.3), ("norm", False))): 13_378_280,
        ("convnext_t", 1000, ()): 28_589_128,
        ("bit_resnet50", 1000, ()): 25_549_352,
        ("r3d18", 400, ()): 33_371_472,
        ("c3d", 101, ()): 78_409_573,
    }
    worst = 0.0
    for (name, n_outputs, options), published in due.items():
        spec = model(name, **dict(options))
        builder, side = spec.builders("classifier")[0], 299 if "inception" in name else 112 if "3d" in name else 224
        facts = {"in_channels": 3, "image_size": (side, side), "n_outputs": n_outputs, "frames": 16}
        with torch.device("meta"):
            net = builder.make(**{k: facts[k] for k in builder.facts}, **spec.get_params(task="classifier"))
        worst = max(worst, gap(sum(p.numel() for p in net.parameters()), published))
    return worst


@check("inception-v3", oracle="(published)", tolerance=0)
def parameters_of_bn_inception() -> float:
    """Inception v2 without its last layer, counted as TF-Slim counts its own: 10,173,112.

    Their first layer is separable, with a bias and no norm; of norms they count shifts, means and variances.
    """
    net = built("inception_v2")
    kernels = sum(m.weight.numel() for m in net.modules() if isinstance(m, torch.nn.Conv2d))
    channels = sum(m.num_features for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d))
    first = 7 * 7 * 3 * 8 + 24 * 64 + 64
    return gap(kernels - 7 * 7 * 3 * 64 + first + 3 * (channels - 64), 10_173_112)


@check("flop-counter", "cnn-registry", oracle="(published)", tolerance=0.006)
def published_multiply_adds_in_billions() -> float:
    """Of AlexNet, VGG, ResNet, DenseNet, MobileNet v2 and Inception v3, as torchvision has them."""
    due = {"alexnet": 0.71, "vgg16": 15.47, "vgg19": 19.63, "resnet18": 1.81, "resnet50": 4.09, "resnet152": 11.51,
           "densenet121": 2.83, "mobilenet_v2": 0.30, "inception_v3": 5.71}  # fmt: skip
    return max(gap(one.n_products / 1e9, due[one.name]) for one in net_costs(list(due)))


def spread(net: torch.nn.Module) -> torch.nn.Module:
    """The net with weights and statistics that carry a picture to its logits: those of transformers fade to 0."""
    for name, value in net.state_dict().items():
        if value.ndim > 1:
            value.normal_(std=(2 / value[0].numel()) ** 0.5)
        elif value.is_floating_point():
            value.uniform_(0.5, 1.5) if name.endswith(("weight", "var")) else value.normal_(std=0.1)
    return net


@check(
    "resnet",
    "weight-standardisation",
    "mobilenet-v1",
    "mobilenet-v2",
    "efficientnet",
    oracle="transformers",
    tolerance=1e-10,
)
def logits_of_transformers_nets_with_their_weights() -> float:
    """Nets of transformers with drawn weights (residual, ConvNeXt, mobile, EfficientNet): the same logits here."""
    transformers = imported("transformers")
    model.names()  # so that the layouts are known
    settings: dict[str, dict[str, Any]] = {
        "ResNet": {"hidden_sizes": [32, 64], "embedding_size": 8, "depths": [1, 2]},
        "ConvNext": {"hidden_sizes": [8, 12], "depths": [2, 1], "num_stages": 2},
        "Bit": {"hidden_sizes": [32, 64], "embedding_size": 8, "depths": [1, 2], "num_groups": 4},
        "MobileNetV1": {"depth_multiplier": 0.25},
        "MobileNetV2": {"depth_multiplier": 0.5},
        "EfficientNet": {"width_coefficient": 0.5, "depth_coefficient": 0.3, "hidden_dim": 640, "image_size": 64},
    }
    worst = 0.0
    for kind, given in settings.items():
        with kept_random(torch.device("cpu"), 0), torch.no_grad():
            config = getattr(transformers, f"{kind}Config")(**given, num_labels=3)
            theirs = spread(getattr(transformers, f"{kind}ForImageClassification")(config).double().eval())
            layout = LAYOUTS[config.model_type]
            ours = layout.make(config.to_dict(), "class", {}).double().eval()
            ours.load_state_dict(whole(translate(theirs.state_dict(), layout.table(ours, "class"))))
            x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
            due = theirs(x).logits
            worst = max(worst, gap(ours(x), due) / float(due.abs().max()))
    return worst


@check("transfer-learning", oracle="torch", tolerance=1e-6)
def soft_targets_against_torchs_divergence() -> float:
    """T^2 KL of softened answers, a mean over rows, against torch.nn.functional.kl_div."""
    generator = torch.Generator().manual_seed(0)
    outputs, teacher = (torch.randn(16, 5, generator=generator).double() for _ in range(2))
    t = 3.0
    due = t**2 * torch.nn.functional.kl_div(
        (outputs / t).log_softmax(1), (teacher / t).softmax(1), reduction="batchmean"
    )
    return gap(distillation(outputs, teacher, temperature=t).mean(), due)


@check("image-patches", oracle="torch", tolerance=0)
def patches_against_unfold() -> float:
    """Squares of random pictures against torch.nn.functional.unfold, and back."""
    x = torch.rand(2, 3, 12, 8, generator=torch.Generator().manual_seed(0))
    found = image_patches(x, 4)
    due = torch.nn.functional.unfold(x, 4, stride=4).mT.reshape(found.shape)
    return max(gap(found, due), gap(from_patches(found, (12, 8)), x))
