"""Thresholds by hand: a ROC curve whose area must not be negative, and where F1 is highest."""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from ..estimators.classifier import Classifier
from ..functional.metrics import best_threshold, f_beta, harmonic_f, roc_auc, roc_curve, threshold_counts
from ..functional.metrics import threshold_curve as curve_of
from ..insight import plots
from . import Size, Table, recipe

LABELS = np.array([0, 1, 1, 0, 1, 0, 1, 0])
SCORES = np.array([0.1, 0.9, 0.8, 0.3, 0.6, 0.2, 0.95, 0.4])
# Table 5.2: threshold, precision, recall, and the book's F1
PRINTED = (
    (0.1, 0.65, 0.95, 0.77), (0.2, 0.70, 0.90, 0.79), (0.3, 0.75, 0.85, 0.80), (0.4, 0.80, 0.82, 0.81),
    (0.5, 0.82, 0.78, 0.80), (0.6, 0.85, 0.75, 0.80), (0.7, 0.88, 0.70, 0.78), (0.8, 0.90, 0.65, 0.76),
    (0.9, 0.92, 0.60, 0.73),
)  # fmt: skip


@recipe(
    "roc-by-hand",
    source="Hifny listing 5.1",
    figure="the area under the ROC curve of eight scores",
    experiments="hifny-6",
)
def roc_by_hand(size: Size) -> Table:
    """The area under a ROC curve as the listing adds it up, and as it is."""
    grid = np.linspace(0, 1, 11)
    counts = threshold_counts(LABELS, SCORES, grid)
    tpr, fpr = counts.tp / (counts.tp + counts.fn), counts.fp / (counts.fp + counts.tn)
    literal = float(np.trapezoid(tpr, fpr))
    own = roc_curve(LABELS, SCORES)
    X, y = load_breast_cancer(return_X_y=True)
    parts = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
    model = Classifier("mlp", epochs=3 if size == "tiny" else 40).fit(parts[0], parts[2])
    p = model.predict_proba(parts[1])[:, 1]
    held = roc_curve(parts[3], p)
    rows = [
        ("the book's 8 scores", "11 thresholds in rising order, as coded", "-1", literal),
        (
            "the book's 8 scores",
            "the same points in the order of their rates",
            "",
            float(np.trapezoid(tpr[::-1], fpr[::-1])),
        ),
        ("the book's 8 scores", "every score as a threshold", "", roc_auc(LABELS, SCORES)),
        ("the book's 8 scores", "share of pairs in the right order", "", pairs(LABELS, SCORES)),
        ("breast cancer, a dense net, unseen rows", "every score as a threshold", "", roc_auc(parts[3], p)),
        ("breast cancer, a dense net, unseen rows", "share of pairs in the right order", "", pairs(parts[3], p)),
    ]
    notes = [
        "With rising thresholds the rates fall, so that the trapezoids are summed backwards: an area below 0 can be no "
        "probability. All positives here stand above all negatives.",
        f"The grid's {float(grid[3])!r} lies above a score of .3 and loses that row: the scores themselves serve.",
    ]
    shown = {
        "The eight scores: no negative stands above a positive.": lambda: plots.roc(own.fpr, own.tpr, auc=1.0),
        "Breast cancer, unseen rows.": lambda: plots.roc(held.fpr, held.tpr, auc=roc_auc(parts[3], p)),
    }
    columns = ("scores", "how", "the book", "area")
    return Table("A ROC curve by hand", columns, rows, notes, {"seed": 0}, pictures=shown)


def pairs(y: np.ndarray, score: np.ndarray) -> float:
    """Of pairs of a positive and a negative, the share in which the positive scores higher; ties count a half."""
    apart = score[y == 1][:, None] - score[y == 0]
    return float((apart > 0).mean() + 0.5 * (apart == 0).mean())


@recipe(
    "f1-by-threshold",
    source="Hifny table 5.2 and listing 5.2",
    figure="F1 is highest at .4, with .81",
    experiments="hifny-7 hifny-8",
)
def f1_by_threshold(size: Size) -> Table:
    """F1 by threshold: the book's table with its one wrong cell, scores at random, and a net's on unseen rows."""
    rows: list[tuple] = []
    for at, p, r, printed in PRINTED:
        f = float(harmonic_f(np.array(p), np.array(r)))
        rows.append(("the book's table", at, printed, f, "" if round(f, 2) == printed else "the book's is wrong"))
    best = max(rows, key=lambda row: row[3])
    state, grid = np.random.RandomState(0), np.linspace(0, 1, 50)
    y, chance = state.randint(0, 2, 100), state.rand(100)
    X, target = load_breast_cancer(return_X_y=True)
    rest, dev, y_rest, y_dev = train_test_split(X, 1 - target, test_size=0.4, random_state=0, stratify=target)
    dev, test, y_dev, y_test = train_test_split(dev, y_dev, test_size=0.5, random_state=0, stratify=y_dev)
    model = Classifier("mlp", epochs=3 if size == "tiny" else 40).fit(rest, y_rest)
    said, unseen = model.predict_proba(dev)[:, 1], model.predict_proba(test)[:, 1]
    chosen = best_threshold(y_dev, said)
    random_f = curve_of(y, chance, thresholds=grid).f
    r = float(y.mean())
    rows += [
        ("100 random scores", 0.0, "a plot", float(random_f[0]), f"2 r / (1 + r) = {2 * r / (1 + r):.4f}, r the share"),
        ("100 random scores", float(grid[random_f.argmax()]), "a plot", float(random_f.max()), "the best of 50"),
        ("breast cancer, chosen on other rows", chosen, "", f_beta(y_test, unseen >= chosen), "unseen rows"),
        ("breast cancer", 0.5, "", f_beta(y_test, unseen >= 0.5), "unseen rows"),
    ]
    notes = [
        f"The table's F1 is highest at {best[1]}, as the book says, with {best[3]:.4f}.",
        "Listing 5.2 draws its scores without a seed, so its plot differs from run to run: by chance alone no "
        "threshold can be much better than the lowest.",
        "Malignant is the positive class.",
    ]
    curve = curve_of(y_dev, said)
    shown = {
        "Breast cancer, the rows on which the threshold was chosen.": lambda: plots.threshold_curve(
            *curve, chosen=chosen
        )
    }
    columns = ("scores", "threshold", "the book", "F1", "")
    return Table("F1 by threshold", columns, rows, notes, {"seed": 0}, pictures=shown)
