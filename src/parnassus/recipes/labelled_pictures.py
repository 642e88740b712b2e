"""Pictures with labels: what a scheme leaves open, what a start from other digits saves, boxes, and pixels."""

import time
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from .. import registry
from ..data.detection.scenes import digit_scenes
from ..estimators.classifier import Classifier
from ..estimators.detector import Detector
from ..estimators.segmenter import Segmenter
from ..functional.regions import pixel_features
from ..insight.plots import image_grid
from ..labelling.answers import Answers
from . import Size, Table, recipe
from .digit_sets import digits_of


def vehicles(n: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Bright rectangles on a noisy ground, (n, 24, 24) uint8, and their true lengths in pixels, 6 to 18."""
    rng = np.random.default_rng(seed)
    pictures, lengths = rng.normal(60, 15, (n, 24, 24)), rng.uniform(6, 18, n)
    for picture, length in zip(pictures, lengths, strict=True):
        up, left = rng.integers(2, 16), rng.integers(1, 5)
        picture[up : up + 5, left : left + round(length)] += 120
    return np.clip(pictures, 0, 255).astype(np.uint8), lengths


@recipe(
    "vans-or-trucks",
    source="Baker 5.1",
    figure="a scheme of labels that leaves open where a van ends and a truck begins",
    experiments="baker-10",
)
def vans_or_trucks(size: Size) -> Table:
    """Vehicles from above labelled by three people, with a vague scheme and with a length: agreement and accuracy."""
    n, epochs = (80, 2) if size == "tiny" else (600, 15)
    X, lengths = vehicles(n, seed=0)
    new, new_lengths = vehicles(600, seed=1)
    rng = np.random.default_rng(2)
    schemes = {"each has a length in mind": (10.0, 12.0, 14.0), "a length of 12 is written down": (12.0, 12.0, 12.0)}
    rows = []
    for name, limits in schemes.items():
        seen = lengths[:, None] + rng.normal(0, 0.7, (n, 3))
        said = np.where(seen > np.array(limits), "truck", "van")
        answers = Answers.wide(said, labels=["truck", "van"])
        near = np.abs(lengths - 12) < 3
        alike = np.mean([said[:, i] == said[:, j] for i, j in ((0, 1), (0, 2), (1, 2))], axis=0)
        settled = np.asarray(answers.consensus("majority").label)
        truth = np.where(new_lengths > 12, "truck", "van")
        scores = []
        for labels in (settled, said[:, 0]):
            net = Classifier(registry.model("cnn", channels=(8, 16)), epochs=epochs, progress=False).fit(X, labels)
            scores.append(float(net.score(new, truth)))
        found = answers.agreement(n_bootstrap=0)
        rows.append((name, float(found.alpha), float(alike[~near].mean()), float(alike[near].mean()), *scores))
    notes = [
        "Made here: rectangles of 6 to 18 pixels; people see a length to about 0.7 pixels. In the first scheme they "
        "call trucks what is longer than 10, 12 and 14 pixels, and the truth that is tested is 12.",
        "Krippendorff's alpha is 1 for perfect agreement and 0 for chance; below .667 labels are held to be "
        "unreliable.",
    ]
    order = np.argsort(lengths)[:: n // 12][:12]
    names = [f"{lengths[i]:.0f}" for i in order]
    shown = {"Vehicles by length, from 6 to 18 pixels.": lambda: image_grid(list(X[order]), names)}
    columns = ("scheme", "alpha", "pairs alike, clear cases", "9 to 15 pixels", "net on majority", "net on one person")
    return Table("Vans or trucks", columns, rows, notes, {"pictures": n, "epochs": epochs, "seed": 0}, pictures=shown)


@recipe(
    "few-labels-from-a-start",
    source="Baker 5.2",
    figure="a net that has learned from other pictures needs few of its own",
    experiments="baker-12",
)
def from_a_start(size: Size) -> Table:
    """Digits 5 to 9 from few labels: from scratch, from a net that knows 0 to 4, and with its body held."""
    tiny = size == "tiny"
    counts, runs = ((4,), 1) if tiny else ((2, 5, 20), 2)
    digits = digits_of(None)
    low, pool, held = digits.y < 5, np.flatnonzero(digits.y >= 5), digits.y_test >= 5
    nets: dict[str, tuple[str, dict[str, Any], int]] = {
        "plain, 4 layers": ("cnn", {"channels": (16, 32)}, 20),
        "residual, 20 layers": ("resnet20", {"width": 0.5}, 12),
    }
    rows = []
    for name, (kind, options, epochs) in list(nets.items())[: 1 if tiny else 2]:
        model = registry.model(kind, **options)
        base = Classifier(model, epochs=2 if tiny else 6, lr=5e-3, progress=False).fit(digits.X[low], digits.y[low])
        starts: list[dict[str, Any]] = [{"model": model}, {"start": base}, {"start": base, "freeze": "body"}]
        for count in counts:
            scores = []
            for seed in range(runs):
                rng = np.random.default_rng(seed)
                few = np.concatenate(
                    [rng.choice(pool[digits.y[pool] == c], count, replace=False) for c in range(5, 10)]
                )
                plan: dict[str, Any] = {"epochs": 2 if tiny else epochs, "lr": 5e-3, "batch_size": 16, "seed": seed}
                made = [
                    Classifier(**start, **plan, progress=False).fit(digits.X[few], digits.y[few]) for start in starts
                ]
                scores.append([net.score(digits.X_test[held], digits.y_test[held]) for net in made])
            rows.append((name, count, *np.mean(scores, 0).tolist()))
    notes = [
        f"Accuracy on {int(held.sum())} digits from 5 to 9 that were never seen, the mean of {runs} draws of labels; "
        f"chance is .2. The start has learned {int(low.sum())} digits from 0 to 4.",
        "The book speaks of photos and tissue, without a figure. Digits are easy: a small net learns five of them from "
        "few labels by itself, so that a start shows in the deep net alone, and not with every count.",
    ]
    columns = ("net", "labels a class", "from scratch", "from the start, all trained", "its body held")
    return Table("Few labels from a start", columns, rows, notes, {"runs": runs, "seed": 0})


@recipe(
    "one-stage-and-two",
    source="Baker 5.3",
    figure="SSD has about the accuracy of Faster R-CNN and is faster",
    experiments="baker-13",
)
def one_stage_and_two(size: Size) -> Table:
    """SSD and Faster R-CNN on scenes of digits: mean average precision on unseen ones, and pictures a second."""
    n_train, n_test, epochs = (16, 3, 1) if size == "tiny" else (260, 60, 10)
    train = digit_scenes(n_train, size=48, n_digits=(1, 3))
    test = digit_scenes(n_test, size=48, n_digits=(1, 3), split="test", seed=1)
    rows = []
    for name in ("ssd", "faster_rcnn"):
        rate = registry.schedule("cosine", warmup=0.05)
        made = Detector(name, epochs=epochs, batch_size=16, lr=2e-3, schedule=rate, progress=False)
        made.fit(train.pictures, train.boxes)
        found = made.evaluate(test.pictures, test.boxes, n_bootstrap=0)
        started = time.perf_counter()
        made.predict(test.pictures)
        speed = n_test / (time.perf_counter() - started)
        weights = sum(p.numel() for p in made.objective_.parameters())
        rows.append((name, found["map_50"].value, found["map"].value, weights, made.seconds_, speed))
    notes = [
        "Scenes of 48 x 48 pixels with one to three digits of ten classes, small nets, on one core. Both take a box as "
        "right from an overlap of .5 in the first column; SSD has at most three negatives to a positive in training.",
    ]
    columns = ("detector", "mAP at .5", "mAP", "weights", "seconds of training", "pictures a second")
    return Table("One stage and two", columns, rows, notes, {"scenes": n_train, "epochs": epochs, "seed": 0})


@recipe("pixels-by-class", source="Baker 5.3", figure="none", experiments="baker-14")
def pixels_by_class(size: Size) -> Table:
    """Every pixel of scenes of digits by class: nets that see their surroundings at every size, and a forest."""
    n_train, n_test, epochs, widths = (20, 6, 1, (8, 16)) if size == "tiny" else (300, 60, 14, (16, 32, 64))
    train = digit_scenes(n_train, size=32, n_digits=(1, 2), zoom=(1.5, 2.2))
    test = digit_scenes(n_test, size=32, n_digits=(1, 2), zoom=(1.5, 2.2), split="test", seed=1)
    plans = {"u_net": widths, "fcn": (*widths, 64), "deeplab": widths}
    rows, drawn = [], {}
    for name, sizes in plans.items() if size == "full" else list(plans.items())[:1]:
        model = registry.model(name, widths=sizes)
        made = Segmenter(model, epochs=epochs, lr=4e-3, batch_size=16, schedule="cosine", progress=False)
        made.fit(train.pictures, train.masks)
        said = np.stack(made.predict(test.pictures))
        rows.append((name, *shares(said, test.masks)))
        drawn[name] = said
    said = by_forest(train.pictures, train.masks, test.pictures, n_trees=10 if size == "tiny" else 60)
    rows.append(("a forest on each pixel's surroundings", *shares(said, test.masks)))
    rows.append(("always the ground", *shares(np.zeros_like(test.masks), test.masks)))
    notes = [
        "Ten digits and the ground, scenes of 32 x 32 with digits that training did not have. A net may find the ink "
        "and not which digit it is, as the second column tells; the book prints no figure."
    ]
    shown = {
        "Scenes, what they hold, and what U-Net says, a shade a class.": lambda: image_grid(
            [p for i in range(4) for p in (test.pictures[i], test.masks[i] / 10, drawn["u_net"][i] / 10)], n_columns=6
        )
    }
    columns = ("model", "mean IoU", "of the ink alone", "pixels right")
    return Table(
        "Pixels by class", columns, rows, notes, {"scenes": n_train, "epochs": epochs, "seed": 0}, pictures=shown
    )


def by_forest(pictures: np.ndarray, masks: np.ndarray, new: np.ndarray, *, n_trees: int) -> np.ndarray:
    """The classes of every pixel of new pictures, from what surrounds it, by a forest taught with 8,000 pixels."""
    some = np.random.default_rng(0).integers(0, masks.size, 8_000)
    rows = pixel_features(pictures).reshape(masks.size, -1)[some]
    forest = RandomForestClassifier(n_trees, random_state=0, n_jobs=1).fit(rows, masks.reshape(-1)[some])
    return forest.predict(pixel_features(new).reshape(new.size, -1)).reshape(new.shape)


def shares(said: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
    """Mean intersection over union of the classes there, of ink against ground, and the share of right pixels."""
    each = [((said == k) & (truth == k)).sum() / ((said == k) | (truth == k)).sum() for k in np.unique(truth)]
    ink = ((said > 0) & (truth > 0)).sum() / max(((said > 0) | (truth > 0)).sum(), 1)
    return float(np.mean(each)), float(ink), float((said == truth).mean())
