"""The image sets that the books name: sizes, classes, tasks, licences, and stand-ins. Nothing is fetched."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import SettingError, did_you_mean
from ..detection.scenes import digit_scenes

TASKS = ("classes", "boxes", "masks")


@dataclass(frozen=True)
class ImageSet:
    """One set of pictures.

    Attributes
    ----------
    n, n_classes : pictures and classes, as the set's own page counts them.
    size : (height, width) where all pictures share it, else None. channels : 1 or 3.
    task : "classes", "boxes" or "masks". note : what the books say otherwise, and what else the set is for.
    licence : as its page states it, to be read there before use; "none stated" is no permission.
    """

    name: str
    n: int
    n_classes: int
    size: tuple[int, int] | None
    channels: int
    task: str
    licence: str
    note: str = ""

    def stand_in(self, n: int = 200, *, seed: int = 0, size: int | None = None) -> Any:
        """(pictures, answers) made in code, in the set's form: its size (64 where there is none), channels and task.

        "classes": a smooth pattern a class, moved and with noise, labels from 0; at most `n` of the classes appear.
        "boxes" and "masks": scattered digits, whose ten classes take the place of the set's own. They stand in for the
        form of the data, and say nothing of how hard the set is.

        Systems: image-dataset-registry
        """
        if n < 1:
            raise SettingError(f"a stand-in holds at least one picture; got n={n}")
        if self.task != "classes":
            scenes = digit_scenes(n, size=size or 64, seed=seed)
            pictures = np.repeat(scenes.pictures[..., None], 3, 3) if self.channels == 3 else scenes.pictures
            return pictures, scenes.boxes if self.task == "boxes" else scenes.masks
        height, width = (size, size) if size else self.size or (64, 64)
        rng = np.random.default_rng(seed)
        labels = np.arange(n) % min(self.n_classes, n)
        coarse = rng.normal(size=(labels.max() + 1, 4, 4, self.channels))
        rows, columns = (np.linspace(0, 3, side).round().astype(int) for side in (height, width))
        patterns = coarse[:, rows][:, :, columns]
        moved = [np.roll(patterns[k], rng.integers(-2, 3, 2), (0, 1)) for k in labels]
        noisy = np.stack(moved) + 0.3 * rng.normal(size=(n, height, width, self.channels))
        pictures = np.clip(128 + 50 * noisy, 0, 255).astype(np.uint8)
        return (pictures if self.channels == 3 else pictures[..., 0]), labels


FLICKR = "annotations CC BY 4.0; pictures by Flickr's terms"
IMAGE_SETS = {
    one.name: one
    for one in (
        ImageSet("mnist", 70_000, 10, (28, 28), 1, "classes", "CC BY-SA 3.0"),
        ImageSet("fashion-mnist", 70_000, 10, (28, 28), 1, "classes", "MIT"),
        ImageSet("cifar-10", 60_000, 10, (32, 32), 3, "classes", "none stated"),
        ImageSet("cifar-100", 60_000, 100, (32, 32), 3, "classes", "none stated"),
        ImageSet(
            "imagenet", 1_281_167, 1000, None, 3, "classes", "research alone, by agreement",
            "training pictures of 2012; the books say about a million, or 1.2 to 1.3",
        ),
        ImageSet("lfw", 13_233, 5_749, (250, 250), 3, "classes", "none stated", "faces: the classes are people"),
        ImageSet("patch-camelyon", 327_680, 2, (96, 96), 3, "classes", "CC0", "tissue; the middle 32 pixels count"),
        ImageSet("oxford-pets", 7_349, 37, None, 3, "classes", "CC BY-SA 4.0", "has masks and heads' boxes as well"),
        ImageSet("flowers-102", 8_189, 102, None, 3, "classes", "none stated"),
        ImageSet("digits", 1_797, 10, (8, 8), 1, "classes", "CC BY 4.0", "comes with scikit-learn: samples.digits"),
        ImageSet("dota", 11_268, 18, None, 3, "boxes", "academic use alone", "1,793,658 instances seen from the air"),
        ImageSet(
            "coco", 330_000, 80, None, 3, "boxes", FLICKR,
            "more than 200,000 labelled, 1.5 million instances; 91 kinds of stuff, 5 captions a picture, keypoints of "
            "250,000 people",
        ),
        ImageSet("voc-2012", 11_540, 20, None, 3, "boxes", "by Flickr's terms", "trainval of detection; has masks too"),
        ImageSet("cityscapes", 5_000, 30, (1024, 2048), 3, "masks", "no commercial use, by agreement"),
    )
}  # fmt: skip


def image_set(name: str) -> ImageSet:
    """The set of this name.

    >>> image_set("mnist").n, image_set("mnist").stand_in(4)[0].shape
    (70000, (4, 28, 28))

    Systems: image-dataset-registry
    Source: Baker 5.1 (A086), Martinez-Ramon 6.6.1.
    """
    if name not in IMAGE_SETS:
        raise SettingError(f"no image set {name!r}; {did_you_mean(name, IMAGE_SETS)}")
    return IMAGE_SETS[name]
