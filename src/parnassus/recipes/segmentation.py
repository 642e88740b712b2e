"""Scattered digits, pixel by pixel: U-Net on scenes of scikit-learn's digits, tested on digits that it has not seen."""

from .. import registry
from ..data.scenes import digit_scenes
from ..estimators.segmenter import Segmenter
from . import Size, Table, recipe


@recipe("scattered-digits-segmentation", source="Baker 5.4", figure="mean intersection over union")
def scattered_digits_segmentation(size: Size) -> Table:
    """Mean IoU of ink and ground by a U-Net on 64 x 64 scenes with one to five digits of 12 to 24 pixels.

    Systems: u-net, semantic-segmentation
    """
    n_train, n_test, epochs, widths = (40, 8, 1, (8, 16)) if size == "tiny" else (800, 200, 4, (8, 16, 32))
    train, test = digit_scenes(n_train), digit_scenes(n_test, split="test", seed=1)
    made = Segmenter(
        registry.model("u_net", widths=widths),
        epochs=epochs,
        batch_size=16,
        lr=3e-3,
        schedule=registry.schedule("cosine", warmup=0.05),
        progress=False,
    ).fit(train.pictures, (train.masks > 0).astype(int))
    found = made.evaluate(test.pictures, (test.masks > 0).astype(int), n_bootstrap=200)
    rows = [
        (m.title, float(m.value), *(float(v) for v in (m.low, m.high, m.baseline) if v is not None))
        for m in (found[name] for name in ("mean_iou", "mean_dice", "pixel_accuracy"))
    ]
    ground, ink = (row["iou"] for row in found.by_class)
    return Table(
        "Ink and ground of digits never seen",
        ("number", "value", "95% from", "to", "always ground"),
        rows,
        [
            f"IoU of the ground {ground:.3f}, of ink {ink:.3f}; which digit a pixel is of is not asked.",
            f"{sum(p.numel() for p in made.objective_.parameters()):,} parameters; {made.seconds_:.0f} s of training.",
        ],
        {"scenes": n_train, "epochs": epochs, "seed": 0},
    )
