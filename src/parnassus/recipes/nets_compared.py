"""The book's comparison of picture nets by size, and its first adversarial net, on a single column of numbers."""

from functools import partial
from typing import Any

import numpy as np

from .. import registry
from ..estimators.generator import Generator
from ..insight.plots import histogram
from ..insight.zoo import net_costs
from . import Size, Table, recipe

Rows = list[tuple[Any, ...]]
SAID: dict[str, Any] = {  # millions of parameters that the book states
    "alexnet": "", "vgg16": 138.0, "vgg19": 143.0, "googlenet": 5.0, "resnet34": "", "resnet50": "", "xception": "",
    "mobilenet_v1": 4.2, "densenet121": "", "efficientnet_b0": 5.3,
}  # fmt: skip


@recipe(
    "picture-nets-compared",
    source="Martinez-Ramon 4.4.10, figures 4.26 and 4.27",
    figure="accuracies, parameters and operations of nets from AlexNet to EfficientNet",
    experiments="martinez-ramon-31",
)
def picture_nets_compared(size: Size) -> Table:
    """Parameters and multiply-adds of the book's nets, counted on the nets themselves, beside what it states."""
    names = list(SAID)[:2] if size == "tiny" else list(SAID)
    rows: Rows = []
    for cost in net_costs(names):
        said = SAID[cost.name]
        near = "" if said == "" else abs(cost.n_parameters / 1e6 - float(said)) < 0.05 * float(said)
        shown = ["" if v is None else v for v in (cost.top1, cost.top5)]
        rows.append((cost.name, said, cost.n_parameters / 1e6, near, cost.n_products / 1e9, *shown))
    notes = [
        "The book's five million for GoogLeNet are too few: its convolutions alone have nearly six. Accuracies are "
        "published ones of ImageNet, quoted and not measured here; the counts are of the nets here.",
        "Operations are multiply-adds of one picture of the net's own size.",
    ]
    columns = ("net", "the book, millions", "million parameters", "as the book", "billion multiply-adds",
               "first guess, %", "five guesses, %")  # fmt: skip
    return Table("Picture nets compared", columns, rows, notes, {"pixels": "each net's own", "seed": "none"})


@recipe(
    "numbers-from-a-gan",
    source="Martinez-Ramon example 8.3.1, figure 8.3",
    figure="histograms of true and made numbers that overlap",
    experiments="martinez-ramon-55",
)
def numbers_from_a_gan(size: Size) -> Table:
    """A thousand normal numbers imitated by adversarial nets of two games: mean, spread, and distance."""
    from scipy.stats import ks_2samp, wasserstein_distance

    epochs = 2 if size == "tiny" else 150
    rng = np.random.default_rng(0)
    true, other = rng.normal(size=1000), rng.normal(size=1000)
    rows: Rows = [("another thousand true ones", float(other.mean()), float(other.std()),
                   float(ks_2samp(true, other).statistic), float(wasserstein_distance(true, other)))]  # fmt: skip
    drawn = {"true": true}
    for game in ("nonsaturating", "least_squares"):
        net = registry.model("gan", hidden=(32, 32), n_noise=10, game=game)
        made = Generator(net, epochs=epochs, batch_size=64, seed=0, progress=False).fit(true[:, None])
        said = np.asarray(made.sample(1000, seed=1)).ravel()
        rows.append((f"made, {game.replace('_', ' ')}", float(said.mean()), float(said.std()),
                     float(ks_2samp(true, said).statistic), float(wasserstein_distance(true, said))))  # fmt: skip
        drawn[game.replace("_", " ")] = said
    notes = [
        "Two samples of a thousand from one law differ by up to .061 in the fourth column 19 times in 20. The book "
        "shows "
        "one histogram over another; an overlap to the eye allows a narrower law, which is what such nets tend to "
        "make.",
    ]
    columns = ("numbers", "mean", "standard deviation", "largest gap of the distributions", "distance to move")
    pictures = {"True numbers and those that each net made.": partial(histogram, drawn, name="value")}
    return Table("Numbers from a GAN", columns, rows, notes, {"epochs": epochs, "seed": 0}, pictures=pictures)
