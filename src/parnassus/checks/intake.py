"""What is read and drafted: files of tables, pictures of any size, pixels as features, streams, clicks and boxes."""

import math
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ..data.images.image import Image
from ..data.images.image_sets import IMAGE_SETS
from ..estimators.classifier import Classifier
from ..estimators.regressor import Regressor
from ..functional.regions import pixel_features
from ..imports import imported
from ..labelling.drafts import MaskDraft, box_corrections, clicks_to
from ..labelling.stream import follow
from ..registry import model
from . import check, gap


def stretched(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """A picture (height, width, channels) at another size by torch's bilinear filter with antialiasing."""
    x = torch.from_numpy(picture.astype(np.float64)).permute(2, 0, 1)[None]
    return F.interpolate(x, (height, width), mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()


@check("image-rescaling", oracle="torch", tolerance=1.01)
def pictures_at_another_size() -> float:
    """Pictures stretched, cut to fill, and fitted with black around, by torch's antialiased filter, in grey levels."""
    rng, worst = np.random.default_rng(0), 0.0
    for height, width in ((40, 25), (13, 30), (9, 7)):
        coarse = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        sides = {"crop": max(16 / height, 12 / width), "pad": min(16 / height, 12 / width)}
        for how in ("stretch", "crop", "pad"):
            ratio = sides.get(how)
            inner = (16, 12) if ratio is None else (round(height * ratio), round(width * ratio))
            wanted, whole = stretched(coarse, *inner), np.zeros((16, 12, 3))
            if how == "pad":
                top, left = -((inner[0] - 16) // 2), -((inner[1] - 12) // 2)
                whole[top : top + inner[0], left : left + inner[1]] = wanted
            else:
                top, left = (inner[0] - 16) // 2, (inner[1] - 12) // 2
                whole = wanted[top : top + 16, left : left + 12]
            codec = Image(size=(16, 12), resize=how, mode="RGB").fit([coarse])
            found = codec.encode([coarse]).take(torch.arange(1))["x"]
            worst = max(worst, gap(found[0].permute(1, 2, 0), whole))
    return worst


@check("image-pixel-grid", oracle="numpy", tolerance=1e-5)
def pixels_as_numbers() -> float:
    """Channels standardised by what training showed, and the same as one vector and as rows, by numpy's transposes."""
    pictures = np.random.default_rng(0).integers(0, 256, (20, 5, 7, 3)).astype(np.uint8)
    train, new = pictures[:15], pictures[15:]
    codec = Image().fit(train)
    centre, spread = train.reshape(-1, 3).mean(0), train.reshape(-1, 3).std(0)
    wanted = (new - centre) / spread
    forms = {"image": wanted.transpose(0, 3, 1, 2), "vector": wanted.reshape(5, -1), "rows": wanted.reshape(5, 5, 21)}
    rows = codec.encode(new)
    return max(gap(codec.prepare(rows.take(torch.arange(5)), view)["x"], due) for view, due in forms.items())


@check("image-classification-pipeline", oracle="scikit-learn", tolerance=1e-4)
def a_folder_of_pictures_by_class() -> float:
    """What a discriminant says of a folder of pictures, by Pillow's pixels, folders' names and scikit-learn's own."""
    pillow = imported("PIL.Image")
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    rng = np.random.default_rng(0)
    y = np.repeat(["cat", "dog", "eel"], 30)
    pictures = (rng.integers(0, 200, (90, 3, 2)) + 20 * (y == "dog")[:, None, None]).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        for i, (picture, name) in enumerate(zip(pictures, y, strict=True)):
            path = Path(folder) / name / f"{i:02}.png"
            path.parent.mkdir(exist_ok=True)
            pillow.fromarray(picture).save(path)
        ours = Classifier("lda").fit(folder)
        files = sorted(Path(folder).glob("*/*.png"))
        X = np.stack([np.asarray(pillow.open(file)).ravel() for file in files]).astype(float)
        peer = LinearDiscriminantAnalysis().fit((X - X.mean()) / X.std(), [file.parent.name for file in files])
        found = ours.predict_proba(folder)
    return max(gap(found, peer.predict_proba((X - X.mean()) / X.std())), float(any(ours.classes_ != peer.classes_)))


@check("dataframe-io", "data-pipeline", oracle="pandas", tolerance=1e-4)
def files_of_tables_whole_and_in_chunks() -> float:
    """A line through CSV, Parquet and JSON lines, and through files of ten times the memory, on pandas' own frame."""
    import pandas as pd

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(2000, 4)).round(6), columns=list("abcd"))
    frame["kind"] = rng.choice(["up", "down"], 2000)
    frame["y"] = frame["a"] - 2 * frame["b"] + 3 * (frame["kind"] == "up") + 0.1 * rng.normal(size=2000)
    columns = np.column_stack([frame[list("abcd")], frame["kind"] == "up", np.ones(2000)])
    said = columns @ np.linalg.lstsq(columns, frame["y"].to_numpy(), rcond=None)[0]
    worst = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frame.to_csv(folder / "f.csv", index=False)
        frame.to_parquet(folder / "f.parquet")
        frame.to_json(folder / "f.jsonl", orient="records", lines=True)
        for kind in ("csv", "parquet", "jsonl"):
            path = folder / f"f.{kind}"
            for memory in (None, path.stat().st_size // 10):
                line = Regressor(model("linear", l2=0.0), memory=memory).fit(path, target="y")
                worst = max(worst, gap(line.predict(frame.drop(columns="y")), said))
    return worst


@check("image-dataset-registry", oracle="(published)", tolerance=0)
def sizes_of_the_sets_as_their_pages_say() -> float:
    """Pictures, classes and sides of ten sets by their own pages, and the digits as scikit-learn holds them."""
    from sklearn.datasets import load_digits

    published: dict[str, tuple[int, int, tuple[int, int] | None]] = {
        "mnist": (60_000 + 10_000, 10, (28, 28)),
        "fashion-mnist": (60_000 + 10_000, 10, (28, 28)),
        "cifar-10": (50_000 + 10_000, 10, (32, 32)),
        "cifar-100": (50_000 + 10_000, 100, (32, 32)),
        "imagenet": (1_281_167, 1000, None),
        "lfw": (13_233, 5749, (250, 250)),
        "patch-camelyon": (262_144 + 32_768 + 32_768, 2, (96, 96)),
        "flowers-102": (1020 + 1020 + 6149, 102, None),
        "cityscapes": (2975 + 500 + 1525, 30, (1024, 2048)),
        "digits": (len(load_digits().images), len(load_digits().target_names), load_digits().images.shape[1:]),
    }
    wrong = 0
    for name, (n, n_classes, size) in published.items():
        one = IMAGE_SETS[name]
        wrong += (one.n, one.n_classes, one.size) != (n, n_classes, size)
        if one.task == "classes":
            pictures, labels = one.stand_in(12, size=None if one.size is None or one.size[0] < 100 else 32)
            sides = one.size if one.size is not None and one.size[0] < 100 else pictures.shape[1:3]
            deep = (3,) if one.channels == 3 else ()
            wrong += pictures.shape != (12, *sides, *deep) or len(set(labels)) != min(12, n_classes)
    return float(wrong)


@check("rf-pixel-classifier", oracle="(closed form)", tolerance=2e-3)
def what_surrounds_a_pixel_of_a_slope_and_of_a_bowl() -> float:
    """A plane is its own mean, and spreads by sigma times its slope; a bowl bends by 2 k a direction everywhere."""
    row, column = np.mgrid[:61, :61].astype(float)
    plane, bowl = 0.3 * row - 0.4 * column, 0.01 * ((row - 30) ** 2 + (column - 30) ** 2)
    found = pixel_features(np.stack([plane, bowl]))[:, 20:41, 20:41]
    worst = gap(found[..., 0], np.stack([plane, bowl])[:, 20:41, 20:41])
    for at, sigma in ((1, 1.0), (5, 2.0)):
        mean, slope, bend, spread = (found[..., at + i] for i in range(4))
        away = np.hypot(row - 30, column - 30)[20:41, 20:41]
        worst = max(
            worst,
            gap(mean[0], plane[20:41, 20:41]),
            gap(mean[1], bowl[20:41, 20:41] + 0.02 * sigma**2),
            gap(slope[0], 0.5),
            gap(slope[1], 0.02 * away),
            gap(bend[1], 0.04),
            gap(spread[0], 0.5 * sigma),
        )
    return worst


@check("model-assisted-labelling", oracle="(closed form)", tolerance=0)
def clicks_and_corrections_counted_by_hand() -> float:
    """Two discs take two clicks, a third that is no part of it one more; boxes moved by 1, 3 and 6 of 10 pixels."""
    row, column = np.mgrid[:40, :60]
    discs = [np.hypot(row - 20, column - at) < 7 for at in (10, 30, 50)]
    picture = 200.0 * np.any(discs, 0)
    draft = MaskDraft(picture).add(20, 10).add(20, 30).add(20, 50).remove(20, 50)
    boxes = np.array([[0, 0, 10, 10], [50, 0, 60, 10], [100, 0, 110, 10], [150, 0, 160, 10]])
    moved = boxes + np.array([[1, 0, 1, 0], [3, 0, 3, 0], [6, 0, 6, 0], [0, 0, 0, 0]])  # IoU 9/11, 7/13, 4/16, 1
    found = box_corrections(moved, boxes, labels=([0, 0, 0, 1], [0, 0, 0, 0]))
    counts = [found.kept, found.moved, found.deleted, found.added, found.actions, found.by_hand]
    clicks = [clicks_to(MaskDraft(picture), discs[0] | discs[1]), clicks_to(MaskDraft(picture), np.any(discs, 0))]
    return max(
        gap(draft.mask, discs[0] | discs[1]),
        gap(counts, [1, 2, 1, 1, 4, 4]),
        gap([math.nan if n is None else n for n in clicks], [2, 3]),
    )


@check("online-learning", oracle="scikit-learn", tolerance=0)
def a_stream_judged_before_it_is_learned() -> float:
    """Right answers of each batch by a copy of scikit-learn's own learner, fitted on what came before alone."""
    from sklearn.naive_bayes import GaussianNB

    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    X = rng.normal(size=(200, 4)) + y[:, None] * [1.0, 0.5, 0.0, 0.0]
    stream = [(X[i : i + 20], y[i : i + 20]) for i in range(0, 200, 20)]
    found = follow(GaussianNB(), stream, classes=[0, 1, 2])
    right = np.array([(GaussianNB().fit(X[:i], y[:i]).predict(X[i : i + 20]) == y[i : i + 20]).sum()
                      for i in range(20, 200, 20)])  # fmt: skip
    recent = [right[max(0, k - 2) : k + 1].mean() / 20 for k in range(9)]
    return max(
        gap(found.right, right),
        gap(found.accuracy, right.sum() / 180),
        gap(found.recent(3).round(12), np.round(recent, 12)),
    )
