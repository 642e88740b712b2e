"""Photographs turned, blurred, searched for edges and changed at random; scikit-learn's or CIFAR-10's."""

from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_sample_image

from ..data.book_sets import BookSet
from ..data.images.image import Image
from ..functional.augmentation.distortion import blur
from ..functional.convolution import filters, output_size
from ..functional.convolution.products import correlate
from ..insight.pictures import augmented
from ..insight.plots import image_grid
from . import Size, Table, recipe

Rows = list[tuple[Any, ...]]


def grey_photo(side: int | None = None) -> np.ndarray:
    """scikit-learn's photograph of a temple in grey, (427, 640) from 0 to 1, or a square from its middle."""
    grey = load_sample_image("china.jpg") @ np.array([0.299, 0.587, 0.114]) / 255
    if side is None:
        return grey
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    return grey[top : top + side, left : left + side]


@recipe("photo-turned-and-blurred", source="Martinez-Ramon 3.4", figure="pictures", experiments="martinez-ramon-15")
def photo_turned_and_blurred(size: Size) -> Table:
    """A photograph turned, flipped, blurred and searched for edges: SciPy's filters beside ours, and what they keep."""
    from scipy import ndimage

    photo = grey_photo(64 if size == "tiny" else None)
    x = torch.from_numpy(photo)[None, None]
    rows: Rows = []
    shown = {"the photograph": photo, "turned by 30 degrees": ndimage.rotate(photo, 30), "flipped": photo[::-1]}
    for sigma in (1, 3, 5):
        theirs = ndimage.gaussian_filter(photo, sigma, mode="reflect")
        ours = blur(x, float(sigma))[0, 0].numpy()
        inside = np.s_[4 * sigma + 1 : -4 * sigma - 1, 4 * sigma + 1 : -4 * sigma - 1]
        gap = float(np.abs(ours - theirs)[inside].max())
        rows.append((f"Gaussian blur, sigma {sigma}", _detail(theirs), float(theirs.mean()), gap))
        shown[f"sigma {sigma}"] = theirs
    across, down = (ndimage.prewitt(photo, axis=axis, mode="constant") for axis in (1, 0))
    kernels = [filters.prewitt(upright=up).to(x.dtype)[None, None] for up in (True, False)]
    slopes = [correlate(x, kernel, padding=1)[0, 0].numpy() for kernel in kernels]
    edges = np.hypot(across, down)
    gap = float(np.abs(np.hypot(*slopes) - edges).max())
    rows.append(("edges by Prewitt", _detail(edges), float(edges.mean()), gap))
    shown["edges"] = edges / edges.max()
    rows.insert(0, ("the photograph", _detail(photo), float(photo.mean()), ""))
    notes = [
        "The book takes a photograph of a raccoon from a place in SciPy that has moved; this is the temple of "
        "scikit-learn, in grey. Detail is the mean square of differences between neighbours; a blur keeps the mean "
        "and takes the detail. Borders are treated in several ways, and gaps of blurs are measured away from them.",
    ]
    pictures = {"What was done to the photograph.": partial(image_grid, list(shown.values()), list(shown), n_columns=4)}
    columns = ("what", "detail", "mean", "largest gap between SciPy and ours")
    return Table("A photograph turned and blurred", columns, rows, notes, {"seed": "none"}, pictures=pictures)


def _detail(picture: np.ndarray) -> float:
    return float((np.diff(picture, axis=0)[:, :-1] ** 2 + np.diff(picture, axis=1)[:-1] ** 2).mean())


@recipe(
    "edges-and-a-stride",
    source="Martinez-Ramon examples 4.2.1 and 4.2.2",
    figure="a map of edges; 587 x 1024 at a stride of 4 becomes 147 x 256",
    experiments="martinez-ramon-26 martinez-ramon-27",
)
def edges_and_a_stride(size: Size) -> Table:
    """The book's 3 x 3 edge kernel on a photograph, and sizes of its output at a stride of 4 by the border added."""
    photo = torch.from_numpy(grey_photo(64 if size == "tiny" else None))
    kernel = filters.laplacian().to(photo.dtype)
    rows: Rows = []
    for border in (0, 1, 2, 3, 4):  # rows added in all, above and below together
        found = [(n + border - 3) // 4 + 1 for n in (587, 1024)]
        rows.append((f"587 x 1024, stride 4, {border} added", "147 x 256", " x ".join(map(str, found)),
                     found == [147, 256]))  # fmt: skip
    edges = correlate(photo[None, None], kernel[None, None])[0, 0].abs()
    small = correlate(photo[None, None], kernel[None, None], stride=4)[0, 0].abs()
    for picture, stride in ((edges, 1), (small, 4)):
        due = tuple(output_size(n, 3, stride=stride) for n in photo.shape)
        rows.append(
            (f"this photograph, stride {stride}", "", " x ".join(map(str, picture.shape)), tuple(picture.shape) == due)
        )
    same = bool(torch.equal(small, edges[::4, ::4]))
    notes = [
        "The book does not say what border it adds; none, one or two rows in all give its size. A stride keeps every "
        f"fourth place of the map at a stride of 1, to the last digit: {'yes' if same else 'no'}. The kernel, 8 with "
        "-1 "
        "around it, is its own mirror image, so that convolution and correlation cannot be told apart by it.",
    ]
    shown = [photo.numpy(), (edges / edges.max()).numpy() ** 0.5, (small / small.max()).numpy() ** 0.5]
    pictures = {"The photograph, its edges, and every fourth of them.":
                partial(image_grid, shown, ["photograph", "edges", "stride 4"], n_columns=3)}  # fmt: skip
    columns = ("picture", "the book", "here", "as due")
    return Table("Edges, and a stride", columns, rows, notes, {"seed": "none"}, pictures=pictures)


@recipe(
    "pictures-changed-at-random",
    source="Martinez-Ramon example 2.3.1, figures 2.4 and 2.5",
    figure="pictures turned by any angle, flipped, shifted and enlarged by a tenth",
    experiments="martinez-ramon-10",
    reads="cifar10",
)
def pictures_changed_at_random(size: Size, data: BookSet | None = None) -> Table:
    """The book's changes of pictures one by one and together: how far they take a picture, and how they look."""
    if data is None:
        flower = load_sample_image("flower.jpg")
        corners = np.random.default_rng(0).integers(60, 250, (6, 2))
        pictures = np.stack([flower[y : y + 96 : 3, x + 100 : x + 196 : 3] for y, x in corners])
    else:
        pictures = data.X[:6]
    changes: dict[str, dict[str, Any]] = {
        "turned by any angle": {"rotate": 180}, "flipped": {"flip": True}, "shifted by a tenth": {"shift": 0.1},
        "zoomed by a tenth": {"zoom": 0.1},
    }  # fmt: skip
    changes["all together"] = {k: v for change in changes.values() for k, v in change.items()}
    rows: Rows = []
    shown = {"as they are": pictures}
    for name, change in changes.items():
        made = augmented(Image(augment=change).fit(pictures), pictures, times=1 if size == "tiny" else 8, seed=0)
        before, after = pictures[:, None] / 255.0, np.asarray(made) / 255.0
        rows.append((name, float(np.abs(after - before).mean()), float(after.mean() - before.mean())))
        shown[name] = np.asarray(made)[:, 0]
    notes = [
        ("CIFAR-10's first pictures." if data is not None else "Cuts of a photograph of a flower, 32 x 32.")
        + " The middle column is the mean change of a colour, of a full range of 1. What a turn or a shift brings in "
        "from outside is filled, which may darken a picture.",
    ]
    titles = [name if i == 0 else "" for name in shown for i in range(6)]
    drawn = {
        "Six pictures by row of what was done.": partial(image_grid, [p for row in shown.values() for p in row], titles)
    }
    columns = ("change", "mean change of a colour", "change of brightness")
    return Table("Pictures changed at random", columns, rows, notes, {"pictures": 6, "seed": 0}, pictures=drawn)
