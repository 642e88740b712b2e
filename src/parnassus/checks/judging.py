"""Thresholds, drift, risks, maps of rows and pixels, boxes: against scikit-learn, scipy, and loops over everything."""

import numpy as np
import torch
import torch.nn.functional as F

from ..evaluation.bias_variance import squared_decomposition
from ..evaluation.drift import drift
from ..evaluation.risk import risk
from ..functional import boxes
from ..functional.metrics import segmentation, thresholds
from ..functional.regions import grow_region
from ..imports import imported
from ..insight.maps import project
from ..labelling.queries import core_set, uncertainty
from . import check, gap

imported("sklearn.metrics")
RNG = np.random.default_rng(0)


@check("threshold-tuning", oracle="scikit-learn", tolerance=1e-12)
def the_best_threshold_of_all() -> float:
    """F1 at every score with ties, against scikit-learn's, and the lowest of the best."""
    from sklearn.metrics import f1_score

    y = RNG.integers(0, 2, 80)
    score = np.round(0.3 * y + RNG.random(80), 2)
    curve = thresholds.threshold_curve(y, score)
    wanted = np.array([f1_score(y, score >= t) for t in curve.thresholds])
    best = curve.thresholds[wanted >= wanted.max() - 1e-12].min()
    return max(gap(curve.f, wanted), gap(thresholds.best_threshold(y, score), best))


@check("distribution-shift", oracle="scipy", tolerance=1e-12)
def drift_of_columns_against_scipy() -> float:
    """The Kolmogorov-Smirnov distance of each column before and after, against scipy's two-sample test."""
    from scipy.stats import ks_2samp

    before, after = RNG.normal(size=(90, 2)), RNG.normal([0.0, 1.0], 1.0, (70, 2))
    found = drift(before, after)
    wanted = [ks_2samp(before[:, j], after[:, j]).statistic for j in range(2)]
    return gap(sorted(c.distance for c in found.columns), sorted(wanted))


@check("empirical-risk", "bias-variance", oracle="scipy", tolerance=1e-12)
def risks_and_what_they_are_made_of() -> float:
    """The mean loss with scipy's standard error, and squared error as bias squared plus variance over repeated fits."""
    from scipy.stats import sem

    losses = RNG.exponential(size=50)
    found = risk(losses)
    y, said = RNG.normal(size=30), RNG.normal(size=(7, 30))
    parts = squared_decomposition(y, said)
    return max(
        gap([found.value, found.error], [losses.mean(), sem(losses)]),
        gap(parts.bias + parts.variance, ((said - y) ** 2).mean()),
    )


@check("segmentation-metrics", oracle="scikit-learn", tolerance=1e-12)
def maps_of_classes_against_scikit_learn() -> float:
    """IoU, Dice and accuracy of maps of three classes, from scikit-learn's Jaccard and F1 scores of the pixels."""
    from sklearn.metrics import accuracy_score, f1_score, jaccard_score

    true = RNG.integers(0, 3, (4, 9, 8))
    said = np.where(RNG.random(true.shape) < 0.7, true, RNG.integers(0, 3, true.shape))
    found = segmentation.map_scores(segmentation.pixel_confusion(true, said, 3))
    a, b = true.ravel(), said.ravel()
    return max(
        gap(found.iou, jaccard_score(a, b, average=None)),
        gap(found.dice, f1_score(a, b, average=None)),
        gap(found.pixel_accuracy, accuracy_score(a, b)),
    )


@check("unsupervised-segmentation", oracle="scipy", tolerance=0)
def a_grown_region_against_labelled_parts() -> float:
    """The region grown from a pixel of a picture of flat patches, against scipy.ndimage's connected parts."""
    from scipy.ndimage import label

    picture = np.kron(RNG.integers(0, 2, (5, 6)), np.ones((3, 3))) * 100
    point = (7, 8)
    parts, _ = label(picture == picture[point])
    return gap(grow_region(picture, point, tolerance=1.0), parts == parts[point])


@check("nms", "anchor-matching", oracle="(closed form)", tolerance=0)
def boxes_kept_and_matched_one_by_one() -> float:
    """Suppression of 60 boxes by a loop over pairs; matched anchors overlap enough, or most of all for their box."""
    corner = RNG.uniform(0, 20, (60, 2))
    some = torch.from_numpy(np.concatenate([corner, corner + RNG.uniform(2, 12, (60, 2))], 1))
    scores = torch.from_numpy(RNG.random(60))
    overlaps = boxes.iou(some, some)
    kept: list[int] = []
    for i in scores.argsort(descending=True).tolist():
        if all(float(overlaps[i, j]) <= 0.4 for j in kept):
            kept.append(i)
    wrong = float(boxes.nms(some, scores, 0.4).tolist() != kept)
    true = some[:5] + 0.5
    matched = boxes.match_anchors(some, true[None], torch.tensor([5]))[0]
    share = boxes.iou(some, true)
    for anchor, box in enumerate(matched.tolist()):
        close = float(share[anchor].max()) > 0.5
        forced = box >= 0 and float(share[anchor, box]) == float(share[:, box].max())
        wrong += (box >= 0) != (close or forced)
    return wrong


@check("ssd-loss", "hard-negative-mining", oracle="torch", tolerance=1e-12)
def the_loss_of_ssd_against_torchs_parts() -> float:
    """Cross-entropy of matched anchors and the hardest three others a match, plus Huber losses, over the matches."""
    scores, offsets = torch.from_numpy(RNG.normal(size=(2, 30, 4))), torch.from_numpy(RNG.normal(size=(2, 30, 4)))
    goals = torch.from_numpy(RNG.normal(size=(2, 30, 4)))
    classes = torch.from_numpy(np.where(RNG.random((2, 30)) < 0.15, RNG.integers(1, 4, (2, 30)), 0))
    total = 0.0
    for s, o, c, g in zip(scores, offsets, classes, goals, strict=True):
        each = F.cross_entropy(s, c, reduction="none")
        hardest = each[c == 0].sort(descending=True).values[: 3 * int((c > 0).sum())]
        total += float(each[c > 0].sum() + hardest.sum() + F.smooth_l1_loss(o[c > 0], g[c > 0], reduction="sum"))
    return gap(boxes.ssd_loss(scores, offsets, classes, goals), total / int((classes > 0).sum()))


@check("active-learning", oracle="scipy", tolerance=1e-12)
def what_to_ask_next() -> float:
    """Entropies against scipy's, margins by sorting, and a core set whose next row is the farthest from all chosen."""
    from scipy.spatial.distance import cdist
    from scipy.stats import entropy

    p = RNG.dirichlet(np.ones(4), 30)
    margin = np.sort(p, 1)[:, -1] - np.sort(p, 1)[:, -2]
    x = RNG.normal(size=(40, 3))
    chosen, wrong = [0, 1], 0
    for row in core_set(x, np.array([0, 1]), 5).tolist():
        wrong += row != int(cdist(x, x[chosen]).min(1).argmax())
        chosen.append(row)
    order = np.argsort(-uncertainty(p, "margin"), kind="stable")
    ranks = float((np.argsort(margin, kind="stable") != order).any())
    return max(gap(uncertainty(p, "entropy"), entropy(p, axis=1)), ranks, float(wrong))


@check("pca", oracle="numpy", tolerance=1e-5)
def the_principal_plane_against_numpy() -> float:
    """Directions and shares of variance of standardised rows against numpy's eigenvectors of their correlations."""
    X = RNG.normal(size=(60, 5)) @ RNG.normal(size=(5, 5))
    plane = project(X)
    values, vectors = np.linalg.eigh(np.corrcoef(X.T))
    assert plane.components is not None
    along = np.abs((plane.components * vectors.T[::-1][:2]).sum(1))
    return max(gap(plane.ratio, values[::-1][:2] / values.sum()), gap(along, 1))
