"""The nets that won on ImageNet: what each costs, and what becomes of them on small digits."""

from typing import Any

import torch
from torch import Tensor, nn

from .. import registry
from ..estimators.classifier import Classifier
from ..insight.zoo import cost_of, net_costs
from ..models.vision.resnet import LAYOUTS, Block, ResNet
from . import Size, Table, recipe
from .digit_sets import Digits, digits_of
from .drawn import curves

# experiment: what the book gives, and published counts of parameters where the book has none
SAID = {
    "alexnet": "won in 2012 after about six days of training", "zfnet": "better than AlexNet, 7 x 7 first filters",
    "vgg16": "popular, not first", "vgg19": "19.6 G operations; not first", "resnet34": "3.6 G operations",
    "resnet50": "award winning",
}  # fmt: skip


class Nothing(nn.Module):
    """A shortcut that adds nothing."""

    def forward(self, x: Tensor) -> Tensor:
        """Zero."""
        return x.new_zeros(())


def without_shortcuts(net: nn.Module) -> nn.Module:
    """The net with every shortcut taken out of its residual blocks."""
    for block in net.modules():
        if isinstance(block, Block):
            block.downsample = Nothing()
    return net


def thirty_four() -> ResNet:
    """ResNet-34 for ImageNet, its shortcuts padded with zeros."""
    return ResNet(
        Block, LAYOUTS[34], (64, 128, 256, 512), in_channels=3, n_outputs=1000, stem="paper", projection=False
    )


def alexnet(*, variant: str) -> nn.Module:
    """AlexNet for ImageNet."""
    builder = registry.model("alexnet", variant=variant).builders("classifier")[0]
    return builder.make(
        in_channels=3, image_size=(227, 227), n_outputs=1000, **{**builder.defaults, "variant": variant}
    )


def thin(layout: tuple[int, ...]) -> ResNet:
    """A residual net of 8, 16 and 32 channels for small pictures."""
    return ResNet(Block, layout, (8, 16, 32), in_channels=1, n_outputs=10, stem="small", projection=False)


@recipe(
    "costs-of-image-nets",
    source="Baker 3.7.2, Jaiswal 3.6",
    figure="VGG-19 19.6 G operations, plain and residual nets of 34 layers 3.6 G",
    experiments="baker-2 jaiswal-7 jaiswal-8 jaiswal-9",
)
def costs(size: Size) -> Table:
    """Parameters and multiply-adds of the nets on one picture of 224 pixels, by shapes alone; small ones at work."""
    rows: list[tuple] = [
        (c.name, SAID.get(c.name, ""), c.n_parameters / 1e6, c.n_products / 1e9, "" if c.top1 is None else c.top1)
        for c in net_costs(list(SAID) if size == "full" else list(SAID)[:2])
    ]
    with torch.random.fork_rng(), torch.device("meta"):
        others = {
            "alexnet on two devices (2012)": (alexnet(variant="two-towers"), SAID["alexnet"]),
            "alexnet without groups": (alexnet(variant="one-tower"), ""),
            "resnet34, shortcuts without weights": (thirty_four(), "3.6 G operations"),
            "plain-34": (without_shortcuts(thirty_four()), "3.6 G operations; worse than shallower nets"),
        }
    for name, (net, said) in others.items():
        cost = cost_of(net, name, 227 if name.startswith("alex") else 224, 3)
        rows.append((name, said, cost.n_parameters / 1e6, cost.n_products / 1e9, ""))
    digits = digits_of(None, **({"n_train": 80, "n_test": 40} if size == "tiny" else {}))
    small: dict[str, dict[str, Any]] = {
        "alexnet": {"width": 0.25, "head": 256},
        "zfnet": {"width": 0.25, "head": 256},
        "vgg16": {"width": 0.25, "head": 256, "norm": True},
    }
    for name, options in small.items() if size == "full" else ():
        rows.append((f"{name} of a quarter of the width, on digits", "", *read(digits, name, options)))
    notes = [
        "Operations are multiply-adds of one picture, which the notes call operations per second. Shortcuts save none: "
        "the plain net of 34 layers has as many as the residual one; what it lacks is a way for the gradient.",
        "The last column is the published accuracy on ImageNet (first guess), quoted; of the small nets it is that on "
        f"{len(digits.y_test)} digits they had not seen, after {len(digits.y)} digits and a dozen epochs.",
    ]
    columns = ("net", "the book", "million parameters", "billion multiply-adds", "accuracy, %")
    return Table("What the nets of ImageNet cost", columns, rows, notes, {"pixels": 224, "seed": 0})


def read(digits: Digits, name: str, options: dict[str, Any]) -> tuple[float, str, float]:
    """Million parameters of a small net, nothing, and its accuracy on unseen digits in per cent."""
    model = registry.model(name, **options)
    made = Classifier(model, epochs=12, lr=1e-3, schedule="cosine", batch_size=64, progress=False)
    made.fit(digits.X, digits.y)
    n = sum(p.numel() for p in made.objective_.parameters())
    return n / 1e6, "", 100 * float(made.score(digits.X_test, digits.y_test))


@recipe(
    "plain-and-residual",
    source="Baker 3.7.2, Jaiswal 3.6.5",
    figure="deeper plain nets do worse, deeper residual nets do not; SGD .9, rate .1 on a plateau, batch 256",
    experiments="baker-2 jaiswal-10",
)
def plain_and_residual(size: Size) -> Table:
    """Thin nets of growing depth on digits, with and without shortcuts, by the recipe of ResNet."""
    depths, epochs = ((8,), 1) if size == "tiny" else ((8, 20, 44), 14)
    digits = digits_of(None, **({"n_train": 64, "n_test": 40} if size == "tiny" else {}))
    rows, losses = [], {}
    for depth in depths:
        for kind in ("plain", "residual"):
            layout = ((depth - 2) // 6,) * 3
            with torch.random.fork_rng():
                torch.manual_seed(0)
                net: nn.Module = thin(layout)
            made = Classifier(
                net if kind == "residual" else without_shortcuts(net), epochs=epochs,
                batch_size=256 if size == "full" else 32,
                optimizer=registry.optimizer("sgd", lr=0.1, momentum=0.9, weight_decay=1e-4), init="he_normal",
                schedule=registry.schedule("plateau"), view="image", progress=False,
            ).fit(digits.X, digits.y)  # fmt: skip
            losses[f"{kind}, {depth} layers"] = [e["loss"] for e in made.history_]
            found = made.score(digits.X, digits.y), made.score(digits.X_test, digits.y_test)
            rows.append((kind, depth, made.history_[-1]["loss"], *found))
    notes = [
        f"{digits.name}; weights from He's initialisation, batch normalisation in every block, no dropout, rate .1 "
        "with a momentum of .9, cut where the loss stalls.",
        "Jaiswal has a weight decay of 1e-5 where the paper, and this run, have 1e-4.",
    ]
    shown = {
        "The training loss by epoch.": lambda: curves(
            {name: (range(1, len(v) + 1), v) for name, v in losses.items()}, across="epoch", up="loss", log="y"
        )
    }
    columns = ("net", "layers", "training loss", "training accuracy", "accuracy, unseen")
    return Table(
        "Plain and residual nets by depth", columns, rows, notes, {"epochs": epochs, "seed": 0}, pictures=shown
    )
