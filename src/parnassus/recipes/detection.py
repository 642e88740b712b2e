"""Scattered digits: detectors on scenes made of scikit-learn's digits, tested on digits that training did not have."""

from typing import Any

from .. import registry
from ..data.detection.scenes import digit_scenes
from ..estimators.detector import Detector
from . import Size, Table, recipe

MODELS: tuple[tuple[str, dict[str, Any]], ...] = (("ssd", {}),)


@recipe("scattered-digits", source="Baker 5.3", figure="mean average precision")
def scattered_digits(size: Size) -> Table:
    """Mean average precision of detectors on 64 x 64 scenes with one to five digits of 12 to 24 pixels.

    Systems: object-detection
    """
    n_train, n_test, epochs = (60, 8, 1) if size == "tiny" else (1500, 200, 25)
    train, test = digit_scenes(n_train), digit_scenes(n_test, split="test", seed=1)
    rows = []
    for name, options in MODELS:
        made = Detector(
            registry.model(name, **options),
            epochs=epochs,
            batch_size=32,
            lr=2e-3,
            schedule=registry.schedule("cosine", warmup=0.05),
            progress=False,
        ).fit(train.pictures, train.boxes)
        found = made.evaluate(test.pictures, test.boxes, n_bootstrap=0)
        numbers = (found[k].value for k in ("map_50", "map_75", "map", "mar_100"))
        rows.append((name, *numbers, sum(p.numel() for p in made.objective_.parameters()), made.seconds_))
    return Table(
        "Scattered digits never seen",
        ("model", "mAP at 0.5", "mAP at 0.75", "mAP", "mean recall", "parameters", "seconds of training"),
        rows,
        ["Training has 1,200 of the digits, testing the other 597; the ground is noisy and digits may touch."],
        {"scenes": n_train, "epochs": epochs, "seed": 0},
    )
