"""Whole procedures against scikit-learn, scipy, COCO's own code and descent that is known in closed form."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data.tables.table import Table
from ..estimators.judging.comparison import compare
from ..estimators.regressor import Regressor
from ..imports import imported
from ..insight.plots import learning_curves
from ..labelling.students import noisy_student
from ..models.detection.ssd import VGG_RATIOS
from ..objectives.detection.detector import SSD
from ..registry import model, optimizer
from . import check, gap


def default_boxes() -> np.ndarray:
    """SSD300's boxes (8732, 4), corners in pixels, box by box by the formulas of section 2.2 of Liu et al. 2016."""
    scales = [0.1] + [0.2 + (0.88 - 0.2) / 4 * k for k in range(5)] + [1.05]
    found = []
    for k, cells in enumerate((38, 19, 10, 5, 3, 1)):
        wide = [(1.0, scales[k]), (1.0, math.sqrt(scales[k] * scales[k + 1]))]
        wide += [(r, scales[k]) for ratio in VGG_RATIOS[k] for r in (ratio, 1 / ratio)]
        for i in range(cells):
            for j in range(cells):
                x, y = (j + 0.5) / cells, (i + 0.5) / cells
                for ratio, s in wide:
                    w, h = s * math.sqrt(ratio) / 2, s / math.sqrt(ratio) / 2
                    found.append((x - w, y - h, x + w, y + h))
    return 300 * np.array(found)


@check("anchor-boxes", "ssd", oracle="(published)", tolerance=1e-3)
def default_boxes_of_ssd300() -> float:
    """Corners of all 8,732 boxes of pictures of 300 x 300, in pixels, by the paper's formulas one by one."""
    (builder,) = model.builders("ssd", "detector")
    facts = {"in_channels": 3, "image_size": (300, 300), "n_outputs": 1}
    made: Any = builder.make(**facts, **dict(builder.defaults) | {"backbone": "vgg16"})
    return gap(made.anchors, default_boxes())


class Said(nn.Module):
    """A net whose answers are known beforehand."""

    def __init__(self, scores: np.ndarray, offsets: np.ndarray) -> None:
        super().__init__()
        self.told = torch.from_numpy(scores), torch.from_numpy(offsets)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.told


@check("object-detection", oracle="faster-coco-eval", tolerance=1e-4)
def from_a_nets_answers_to_named_boxes() -> float:
    """Classes, confidences and boxes of two pictures: softmax by scipy, offsets undone, suppression by COCO's IoU."""
    from scipy.special import softmax

    iou = imported("faster_coco_eval.core.mask").iou
    rng, wrong, worst = np.random.default_rng(0), 0, 0.0
    corner, side = rng.uniform(0, 60, (50, 2)), rng.uniform(8, 40, (50, 2))
    anchors = np.concatenate([corner, corner + side], 1)
    scores, offsets = 2 * rng.normal(size=(2, 50, 4)), rng.normal(size=(2, 50, 4))
    detector = SSD(Said(scores, offsets), torch.from_numpy(anchors), (64, 80))
    found = detector.detect({"x": torch.zeros(2, 3, 64, 80)}, threshold=0.3, iou_threshold=0.4, n_most=20)
    centre, shares = corner + side / 2, softmax(scores, -1)[..., 1:]
    for picture, told, moved in zip(found, shares, offsets, strict=True):
        at, size = centre + 0.1 * moved[:, :2] * side, side * np.exp(0.2 * moved[:, 2:])
        boxes = np.concatenate([at - size / 2, at + size / 2], 1).clip(0, [80, 64, 80, 64])
        lengths = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
        kept: list[tuple[int, int]] = []
        for place, name in sorted(zip(*(told >= 0.3).nonzero(), strict=True), key=lambda one: -told[one]):
            rivals = [p for p, n in kept if n == name]
            if not rivals or iou(lengths[[place]], lengths[rivals], [0] * len(rivals)).max() <= 0.4:
                kept.append((place, name))
        kept = kept[:20]
        wrong += not 0 < len(kept) < (told >= 0.3).sum()  # that suppression has something to do
        places, names = map(list, zip(*kept, strict=True))
        rows = (picture.classes, names), (picture.scores, told[places, names]), (picture.boxes, boxes[places])
        worst = max(worst, *(gap(ours, due) for ours, due in rows))
    return max(worst, float(wrong))


@check("training-curves", oracle="numpy", tolerance=1e-5)
def curves_of_a_descent_that_is_known() -> float:
    """The lines as drawn: mean squares on both halves of the rows after each step, from numpy's powers of I - lr H."""
    rng = np.random.default_rng(0)
    X, new = rng.normal(size=(2, 20, 6))
    y, y_new = (rows @ np.arange(6) + rng.normal(0, 4, 20) for rows in (X, new))
    y, y_new = (y - y.mean()) / y.std(), (y_new - y.mean()) / y.std()
    line = nn.Linear(6, 1, bias=False)
    nn.init.zeros_(line.weight)
    settings: dict[str, Any] = {"optimizer": optimizer("sgd", lr=0.1), "epochs": 40, "batch_size": 20}
    fitted = Regressor(line, codec=Table(scaling="none"), **settings).fit(X, y, validation=(new, y_new))
    best, slope = np.linalg.lstsq(X, y, rcond=None)[0], np.eye(6) - 0.1 * 2 * X.T @ X / 20
    after = [best - np.linalg.matrix_power(slope, t) @ best for t in range(41)]
    train = [np.square(X @ w - y).mean() for w in after[:-1]]  # of a step's rows before it
    other = [np.square(new @ w - y_new).mean() for w in after[1:]]
    axes = learning_curves(fitted.history_, names=["loss"]).axes[0]
    first, second, mark = axes.get_lines()
    return max(
        gap(first.get_xydata(), np.stack([np.arange(1, 41), train], 1)),
        gap(second.get_xydata(), np.stack([np.arange(1, 41), other], 1)),
        gap(mark.get_xdata(), [1 + np.argmin(other)] * 2),
    )


@check("benchmark-first", oracle="scikit-learn", tolerance=1e-6)
def a_ladder_climbed_on_the_same_rows() -> float:
    """R2 of the mean, a line, a forest and neighbours on five folds, order, and p-values by the corrected t test."""
    from scipy import stats
    from sklearn.dummy import DummyRegressor
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import KFold, cross_val_score
    from sklearn.neighbors import KNeighborsRegressor

    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 4))
    y = X @ [1.0, -1.0, 0.5, 0.0] + np.abs(X[:, 0]) + 0.5 * rng.normal(size=100)
    ladder = {
        "naive": DummyRegressor(), "statistical": LinearRegression(),
        "neighbours": KNeighborsRegressor(), "trees": RandomForestRegressor(20, random_state=0),
    }  # fmt: skip
    folds = KFold(5, shuffle=True, random_state=0)
    contest = compare(ladder, X, y, folds=list(folds.split(X)), metric="r2")
    wanted = {name: cross_val_score(one, X, y, cv=folds, scoring="r2") for name, one in ladder.items()}
    order = sorted(wanted, key=lambda name: -wanted[name].mean())
    raw = []
    for name in order[1:]:  # Nadeau and Bengio 2003: folds share rows, so a variance of d (1 / 5 + 1 / 4)
        apart = wanted[name] - wanted[order[0]]
        t = apart.mean() / math.sqrt(apart.var(ddof=1) * (1 / 5 + 1 / 4))
        raw.append(2 * stats.t.sf(np.abs(t), 4))
    held: dict[str, float] = {}
    for rank, k in enumerate(np.argsort(raw)):  # Holm 1979
        held[order[1 + k]] = max([min(1.0, raw[k] * (len(raw) - rank)), *held.values()])
    near = [name for name in ladder if held.get(name, 1.0) >= 0.05]
    return max(
        gap([s.mean for s in contest.standings], [wanted[name].mean() for name in order]),
        gap([contest[name].p_value for name in order[1:]], [held[name] for name in order[1:]]),
        float([s.name for s in contest.standings] != order or contest.simplest.name != near[0]),
    )


@check("vit-comparators", oracle="scikit-learn", tolerance=1e-12)
def a_student_of_its_teachers_labels() -> float:
    """Probabilities after a round of pseudo-labels by scikit-learn's self-training, and after three."""
    from sklearn.naive_bayes import GaussianNB
    from sklearn.semi_supervised import SelfTrainingClassifier

    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 200)
    X = rng.normal(size=(200, 2)) + 1.5 * np.stack([truth, truth % 2], 1)
    given = np.where(np.arange(200) < 15, truth, -1)
    labels = [None if v < 0 else int(v) for v in given]
    peer = SelfTrainingClassifier(GaussianNB(), threshold=0.7, max_iter=1).fit(X, given)
    once = noisy_student(GaussianNB(), X, labels, n_rounds=1, least=0.7, balanced=False)
    teacher = GaussianNB().fit(X[:15], truth[:15])
    for _ in range(3):  # every row is judged anew each round
        sure = teacher.predict_proba(X[15:])
        rows = np.flatnonzero(sure.max(1) >= 0.7)
        X_all, y_all = np.concatenate([X[:15], X[15 + rows]]), np.concatenate([truth[:15], sure[rows].argmax(1)])
        teacher = GaussianNB().fit(X_all, y_all)
    thrice = noisy_student(GaussianNB(), X, labels, n_rounds=3, least=0.7, balanced=False)
    return max(
        gap(once.estimator.predict_proba(X), peer.predict_proba(X)),
        gap(thrice.estimator.predict_proba(X), teacher.predict_proba(X)),
        gap(once.rounds[1].n_pseudo, (peer.labeled_iter_ == 1).sum()),
        gap(thrice.rounds[3].n_pseudo, len(rows)),
    )
