"""Columns as numbers against scikit-learn's preprocessing, and divisions of rows against what they must hold."""

import math
from typing import Any

import numpy as np
import torch

from ..data import split
from ..data.samples import circle, digits, xor_clusters
from ..data.tables import encodings, scaling
from ..data.tables.table import Table
from ..data.targets import Multilabel
from ..estimators.features import SelectColumns
from ..imports import imported
from . import check, gap

imported("sklearn.preprocessing")
RNG = np.random.default_rng(0)
NUMBERS = RNG.gamma(2.0, size=(60, 3)) * [1, 100, 0.01]
COLOURS = RNG.choice(["blue", "green", "red"], 60)


def all_of(rows: Any, name: str) -> np.ndarray:
    """A tensor of all encoded rows."""
    return rows.take(torch.arange(len(rows)))[name].double().numpy()


def scaled(how: str) -> np.ndarray:
    """What the codec makes of three columns."""
    codec = Table(scaling=how).fit(NUMBERS)
    return all_of(codec.encode(NUMBERS), "x")


@check("standardisation", "minmax-scaling", "log-scaling", oracle="scikit-learn", tolerance=1e-6)
def scalings_against_scikit_learn() -> float:
    """Columns to mean 0 and spread 1, to [0, 1], and by their logarithms first, in float32."""
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    return max(
        gap(scaled("standard"), StandardScaler().fit_transform(NUMBERS)),
        gap(scaled("minmax"), MinMaxScaler().fit_transform(NUMBERS)),
        gap(scaled("log"), StandardScaler().fit_transform(np.log1p(NUMBERS))),
    )


@check("sample-normaliser", "missing-values", "discretisation", oracle="scikit-learn", tolerance=1e-12)
def rows_gaps_and_bins_against_scikit_learn() -> float:
    """Rows of length 1, gaps by mean, median and mode, and bins of equal width and of equally many rows."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import KBinsDiscretizer, Normalizer

    holed = np.where(RNG.random(NUMBERS.shape) < 0.2, np.nan, NUMBERS.round(1))
    gaps = [gap(scaling.unit_rows(NUMBERS), Normalizer().fit_transform(NUMBERS))]
    for ours, theirs in (("mean", "mean"), ("median", "median"), ("mode", "most_frequent")):
        filled = SimpleImputer(strategy=theirs).fit_transform(holed)
        gaps.append(gap(scaling.fill_missing(holed, ours), filled))
    column = NUMBERS[:, 0]
    for how in ("uniform", "quantile"):
        wanted = KBinsDiscretizer(4, encode="ordinal", strategy=how, quantile_method="linear", subsample=None)
        edges = scaling.bin_edges(column, 4, strategy=how)
        gaps.append(gap(scaling.binned(column, edges), wanted.fit_transform(column[:, None])[:, 0]))
    return max(gaps)


@check("ordinal-encoding", "one-hot-encoding", oracle="scikit-learn", tolerance=0)
def categories_against_scikit_learn() -> float:
    """Words as places among levels, and as unit vectors."""
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    words = COLOURS[:, None]
    places = OrdinalEncoder().fit_transform(words)[:, 0]
    units = OneHotEncoder(sparse_output=False).fit_transform(words)
    found = encodings.ordinal(COLOURS.tolist(), ["blue", "green", "red"])
    return max(gap(found, places), gap(encodings.one_hot(found, 3), units))


@check("multi-hot-encoding", oracle="scikit-learn", tolerance=0)
def sets_of_labels_against_scikit_learn() -> float:
    """Sets of labels as rows of 0 and 1, against MultiLabelBinarizer."""
    from sklearn.preprocessing import MultiLabelBinarizer

    sets = [["b"], [], ["a", "c"], ["a", "b", "c"]]
    target = Multilabel().fit(sets)
    return gap(all_of(target.encode(sets), "y"), MultiLabelBinarizer().fit_transform(sets))


@check("thermometer-encoding", oracle="(closed form)", tolerance=0)
def levels_as_filled_bits() -> float:
    """Level j has j bits, which all lie first; so the sum gives it back, and neighbours differ in one bit."""
    bits = encodings.thermometer(np.arange(6), 6)
    falls = (np.diff(bits, axis=1) > 0).any()
    return float(gap(bits.sum(1), np.arange(6)) + gap(np.abs(np.diff(bits, axis=0)).sum(1), 1) + falls)


@check("feature-selection", oracle="scikit-learn", tolerance=1e-5)
def columns_by_the_f_test() -> float:
    """The F ratio of every column of the breast cancer table with its answer, against f_classif."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.feature_selection import f_classif

    X, y = load_breast_cancer(return_X_y=True)
    found = SelectColumns(5, method="variance_ratio").fit(X, y)
    wanted = f_classif(X, y)[0]
    others = set(np.flatnonzero(found.support_)) != set(np.argsort(wanted)[-5:])
    return max(gap(np.asarray(found.scores_) / wanted, 1), float(others))


@check("xor-circle-toy-data", "dataset-loaders", oracle="(closed form)", tolerance=0.02)
def toy_data_against_their_laws() -> float:
    """The least error on XOR's clouds is 2 q (1 - q), a circle's share is pi / 16, and ink is scikit-learn's."""
    from sklearn.datasets import load_digits

    X, y = xor_clusters(20_000, spread=0.6)
    q = 0.5 * math.erfc(1 / 0.6 / math.sqrt(2))
    wrong = ((X[:, 0] * X[:, 1] < 0) != (y == 1)).mean()
    inside = circle(40_000)[1].mean()
    pixels, labels = digits()
    theirs = load_digits()
    ink = np.rint(pixels * (16 / 255))
    same = max(gap(ink, theirs.images), gap(labels, theirs.target))
    return max(gap(wrong, 2 * q * (1 - q)), gap(inside, math.pi / 16), same)


@check("train-val-test-split", "k-fold-cv", oracle="scikit-learn", tolerance=0)
def divisions_of_rows() -> float:
    """Folds in order are KFold's; three parts hold every row once, each class in its share to a row."""
    from sklearn.model_selection import KFold

    wrong = sum(
        (ours[1] != theirs[1]).any()
        for ours, theirs in zip(split.k_folds(23, 5, seed=None), KFold(5).split(np.zeros(23)), strict=True)
    )
    y = np.repeat([0, 1, 2], [100, 40, 20])
    parts = split.three_way_split(160, y=y)
    wrong += sorted(np.concatenate(parts).tolist()) != list(range(160))
    for part, share in zip(parts, (0.7, 0.15, 0.15), strict=True):
        wrong += gap(np.bincount(y[part]), share * np.array([100, 40, 20])) > 1.5
    return float(wrong)


@check("bootstrap", oracle="(closed form)", tolerance=0.01)
def rows_that_a_bootstrap_leaves_out() -> float:
    """The share of 1,000 rows that 200 draws leave out, against (1 - 1/n)^n."""
    left = np.mean([len(split.bootstrap_draw(1000, seed=s)[1]) for s in range(200)]) / 1000
    return gap(left, (1 - 1 / 1000) ** 1000)
