"""Scattered digits, pixel by pixel: U-Net on scenes of scikit-learn's digits, tested on digits that it has not seen."""

from .. import registry
from ..data.detection.scenes import digit_scenes
from ..estimators.segmenter import Segmenter
from . import Size, Table, recipe

# scenes, epochs and widths of the net that tells ink from ground, and of the one that says which digit it is
SIZES = {
    "tiny": ((40, 1, (8, 16)), (24, 1, (8, 16))),
    "full": ((800, 4, (8, 16, 32)), (3000, 15, (16, 32, 64, 128))),
}


@recipe("scattered-digits-segmentation", source="Baker 5.4", figure="mean intersection over union")
def scattered_digits_segmentation(size: Size) -> Table:
    """Mean IoU by a U-Net on 64 x 64 scenes with one to five digits: of ink and ground, and of each digit and ground.

    Systems: u-net, semantic-segmentation
    """
    rows: list[tuple[str | float, ...]] = []
    notes = []
    for (n_train, epochs, widths), what in zip(SIZES[size], ("ink and ground", "ten digits and ground"), strict=True):
        train, test = digit_scenes(n_train), digit_scenes(8 if size == "tiny" else 200, split="test", seed=1)
        known, wanted = ((s.masks > 0).astype(int) if what == "ink and ground" else s.masks for s in (train, test))
        made = Segmenter(
            registry.model("u_net", widths=widths),
            epochs=epochs,
            batch_size=16,
            lr=3e-3,
            schedule=registry.schedule("cosine", warmup=0.05),
            progress=False,
        ).fit(train.pictures, known)
        found = made.evaluate(test.pictures, wanted, n_bootstrap=200)
        for metric in (found[name] for name in ("mean_iou", "mean_dice", "pixel_accuracy")):
            numbers = (metric.value, metric.low, metric.high, metric.baseline)
            rows.append((what, metric.title, *(float(v) for v in numbers if v is not None)))
        worst = min(found.by_class, key=lambda row: row["iou"])
        notes.append(
            f"{what.capitalize()}: {n_train:,} scenes, {epochs} epochs, "
            f"{sum(p.numel() for p in made.objective_.parameters()):,} parameters, {made.seconds_:.0f} s of training; "
            f"least is the IoU of class {worst['name']}, {worst['iou']:.3f}."
        )
    columns = ("told apart", "number", "value", "95% from", "to", "always ground")
    return Table("Pixels of digits never seen", columns, rows, notes, {"seed": 0})
