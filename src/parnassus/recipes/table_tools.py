"""The book's examples of SciPy, scikit-learn and a lexicon of feelings, on data that need no download."""

from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn import (
    datasets,
    decomposition,
    ensemble,
    feature_selection,
    linear_model,
    manifold,
    metrics,
    model_selection,
    multiclass,
    neural_network,
    pipeline,
    preprocessing,
    svm,
)

from ..data.samples import xor_clusters
from ..estimators.classifier import Classifier
from ..estimators.clusterer import KMeans
from ..functional.linear import ridge
from ..functional.sentiment import polarity
from ..insight.plots import confusion
from . import Size, Table, recipe
from .drawn import curves

Rows = list[tuple[Any, ...]]
COMPARED = ("what", "the book", "here")


@recipe(
    "two-clouds-quantised", source="Martinez-Ramon 3.4.2", figure="centroids and codes", experiments="martinez-ramon-13"
)
def two_clouds_quantised(size: Size) -> Table:
    """K-means and vector quantisation of two shifted clouds, by SciPy and by our own."""
    from scipy.cluster.vq import kmeans, vq

    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + 4])
    book, _ = kmeans(x, x[[0, 150]])
    ours = np.asarray(KMeans(n_clusters=2, seed=0).fit(x).cluster_centers_)
    ours, book = (c[np.argsort(c[:, 0])] for c in (ours, book))
    codes, distances = vq(x, book)
    nearest = np.linalg.norm(x[:, None] - ours[None], axis=2)
    rows: Rows = [
        ("first centroid", *(", ".join(f"{v:.6f}" for v in c[0]) for c in (book, ours))),
        ("second centroid", *(", ".join(f"{v:.6f}" for v in c[1]) for c in (book, ours))),
        ("rows of the second code", int(codes.sum()), int(nearest.argmin(1).sum())),
        ("mean distance from the code", float(distances.mean()), float(nearest.min(1).mean())),
        (
            "rows whose code is their cloud",
            *(float((c == np.arange(200) // 100).mean()) for c in (codes, nearest.argmin(1))),
        ),
    ]
    notes = ["The book shows a figure and no numbers. Rows lie 4 apart along both axes."]
    return Table("Two clouds quantised", ("what", "SciPy", "parnassus"), rows, notes, {"rows": 200, "seed": 0})


@recipe(
    "curves-through-points",
    source="Martinez-Ramon 3.4.6, figures 3.16 to 3.20",
    figure="interpolated and smoothed curves",
    experiments="martinez-ramon-14",
)
def curves_through_points(size: Size) -> Table:
    """Ten points of a cosine joined by pieces of degree 1 to 3, and a noisy curve smoothed by a spline."""
    from scipy.interpolate import UnivariateSpline, make_interp_spline

    x = np.linspace(0, 10, 10)
    asked, fine = np.array([0.5, 5, 9.7]), np.linspace(0, 10, 400)
    pieces = {kind: make_interp_spline(x, np.cos(2 * x) + 1, k=k) for kind, k in (("linear", 1), ("cubic", 3))}
    rows: Rows = []
    for kind, spline in pieces.items():
        off = float(np.abs(spline(fine) - np.cos(2 * fine) - 1).max())
        rows += [
            (f"cos(2x) + 1, {kind}", f"at {at:g}", float(spline(at)), float(np.cos(2 * at) + 1), off) for at in asked
        ]
    rng = np.random.default_rng(0)
    t = np.linspace(-3, 3, 60)
    noisy, truth = t**2 + np.sin(t) + 0.1 * rng.normal(size=60), t**2 + np.sin(t)
    smoothed = {}
    for factor in (0.0, 0.5, 5.0):
        smoothed[factor] = UnivariateSpline(t, noisy, s=factor)(t)
        off = float(np.abs(smoothed[factor] - truth).max())
        rows.append(("x^2 + sin x + noise, spline", f"smoothing {factor:g}", "", "", off))
    notes = [
        "The last column is the largest distance from the curve that the points are of. Ten points are too few for "
        "three periods: the pieces pass through them, and between them say little of the cosine.",
        "A spline's smoothing is the sum of squares that it may leave; .5, as in the book, suits this noise (60 points "
        "of standard deviation .1 leave .6); with none the spline follows the noise, with 5 it begins to "
        "bend off the curve.",
    ]
    joined: dict[str, Any] = {kind: (fine, spline(fine)) for kind, spline in pieces.items()}
    joined["cos(2x) + 1"] = (fine, np.cos(2 * fine) + 1)
    drawn: dict[str, Any] = {f"smoothing {factor:g}": (t, y) for factor, y in smoothed.items()}
    pictures = {
        "Ten points of cos(2x) + 1, joined.": partial(curves, joined, points={"given": (x, np.cos(2 * x) + 1)}),
        "x^2 + sin x with noise, smoothed.": partial(curves, drawn, points={"given": (t, noisy)}),
    }
    columns = ("curve", "where", "value", "true value", "largest error")
    return Table("Curves through points", columns, rows, notes, {"seed": 0}, pictures=pictures)


@recipe(
    "scaled-rotated-classified",
    source="Martinez-Ramon example 3.5.1",
    figure="a confusion matrix",
    experiments="martinez-ramon-16",
)
def scaled_rotated_classified(size: Size) -> Table:
    """XOR's clouds through a scaler, PCA and a net in one pipeline: scikit-learn's net, and ours in its place."""
    epochs = 3 if size == "tiny" else 200
    x, y = xor_clusters(100, seed=np.random.RandomState(30))
    train, test = model_selection.train_test_split(np.arange(400), test_size=80, random_state=0)
    nets = {
        "scikit-learn's MLPClassifier": neural_network.MLPClassifier((100,), max_iter=2000, random_state=0),
        "parnassus.Classifier": Classifier("mlp", epochs=epochs, seed=0, progress=False),
    }
    rows: Rows = []
    kept = {}
    for name, net in nets.items():
        line = pipeline.make_pipeline(preprocessing.StandardScaler(), decomposition.PCA(), net).fit(x[train], y[train])
        kept[name] = metrics.confusion_matrix(y[test], line.predict(x[test]))
        rows.append((name, float(line.score(x[test], y[test])), *kept[name].ravel().tolist()))
    shares = ", ".join(f"{v:.3f}" for v in line[1].explained_variance_ratio_)
    notes = [
        f"The two directions of PCA hold {shares} of the variance: there is nothing to leave out, and the rotation "
        "helps no net. The best rule errs on .091 of such rows.",
        "The book prints the matrix as a picture, without sizes or a seed.",
    ]
    columns = ("net", "held-out accuracy", "0 as 0", "0 as 1", "1 as 0", "1 as 1")
    pictures = {"Ours on the 80 held-out rows.": partial(confusion, kept["parnassus.Classifier"], [0, 1])}
    return Table(
        "Scaled, rotated, classified",
        columns,
        rows,
        notes,
        {"rows": "320 and 80", "seed": "30 and 0"},
        pictures=pictures,
    )


@recipe(
    "columns-that-matter",
    source="Martinez-Ramon 3.5.4",
    figure="x, y, z of the diamonds; subidr and num3 of the anagrams",
    experiments="martinez-ramon-17 martinez-ramon-18",
)
def columns_that_matter(size: Size) -> Table:
    """Columns chosen by mutual information and by backward elimination, where the truth is known and where not."""
    rng = np.random.default_rng(0)
    n = 300 if size == "tiny" else 2000
    sides = np.exp(rng.normal(size=(n, 1)) * 0.5) * (1 + 0.03 * rng.normal(size=(n, 3)))
    weight, price = 0.006 * sides.prod(1), np.exp(rng.normal(size=n)) * 0.006 * sides.prod(1)
    other = rng.normal(size=(n, 2))
    made = np.column_stack([other[:, 0], other[:, 1], price, sides])
    cases: dict[str, tuple[Any, Any, list[str]]] = {
        "made: stones with sides x, y, z": (made, weight, ["depth", "table", "price", "x", "y", "z"])}  # fmt: skip
    for name, data in (("diabetes", datasets.load_diabetes()), ("breast cancer", datasets.load_breast_cancer()),
                       ("wine", datasets.load_wine())):  # fmt: skip
        cases[name] = data.data, data.target, list(data.feature_names)
    rows: Rows = []
    for name, (x, y, names) in cases.items():
        counted = name in ("breast cancer", "wine")
        told = feature_selection.mutual_info_classif if counted else feature_selection.mutual_info_regression
        best = feature_selection.SelectKBest(partial(told, random_state=0), k=3).fit(x, y)
        rows.append((name, "mutual information, 3 columns", ", ".join(np.array(names)[best.get_support()])))
        trees = ensemble.GradientBoostingClassifier if counted else ensemble.GradientBoostingRegressor
        ranked = feature_selection.RFE(trees(n_estimators=5 if size == "tiny" else 30, random_state=0),
                                       n_features_to_select=2, step=0.3).fit(x, y)  # fmt: skip
        rows.append((name, "elimination by boosting, 2 columns", ", ".join(np.array(names)[ranked.support_])))
    notes = [
        "The book's tables (diamonds, anagrams) come from a download and are not here. The made stones have what its "
        "diamonds have: a weight that follows from three sides, a price that follows from the weight with much noise, "
        "and two columns that say nothing. The three sides are found, as the book finds x, y and z.",
        "Elimination keeps the two columns that do best together: two sides of the three, since each nearly says the "
        "others.",
    ]
    return Table("Columns that matter", ("rows", "chosen by", "columns"), rows, notes, {"rows": n, "seed": 0})


FOLDS = (0.9667, 0.9333, 0.9667, 0.9333, 0.9333)  # the book's accuracies on iris


@recipe(
    "one-split-is-luck", source="Martinez-Ramon 3.5.5 and 3.5.6",
    figure=".9035 on one split; .9667 .9333 .9667 .9333 .9333 on five folds; 1083 x 2",
    experiments="martinez-ramon-19 martinez-ramon-20",
)  # fmt: skip
def one_split_is_luck(size: Size) -> Table:
    """The book's accuracy on one split and on five folds, among the same on many seeds; and digits on two axes."""
    n_seeds, printed, folds = 5 if size == "tiny" else 100, 103 / 114, FOLDS
    x, y = datasets.load_breast_cancer(return_X_y=True)
    scores = []
    for seed in range(n_seeds):
        a, b, c, d = model_selection.train_test_split(x, y, test_size=0.2, random_state=seed)
        scores.append(float(svm.SVC(random_state=0).fit(a, c).score(b, d)))
    a, b, c, d = model_selection.train_test_split(x, y, test_size=0.2, random_state=1)
    ours = Classifier("mlp", epochs=2 if size == "tiny" else None, seed=0, progress=False).fit(a, c)
    u, v = datasets.load_iris(return_X_y=True)
    means, fives = [], []
    for seed in range(n_seeds):
        one = multiclass.OneVsRestClassifier(linear_model.LogisticRegression(solver="liblinear", random_state=0))
        kept = model_selection.KFold(5, shuffle=True, random_state=seed)
        fives.append(sorted(model_selection.cross_val_score(one, u, v, cv=kept).round(4)))
        means.append(float(np.mean(fives[-1])))
    n = 200 if size == "tiny" else None
    flat = manifold.Isomap(n_neighbors=10, n_components=2, eigen_solver="dense").fit_transform(
        datasets.load_digits(n_class=6).data[:n]
    )
    rows: Rows = [
        ("breast cancer, an RBF machine on split 1", round(printed, 4), scores[1]),
        (f"the same, lowest and highest of {n_seeds} splits", "", f"{min(scores):.4f} and {max(scores):.4f}"),
        ("our dense net on split 1", "", float(ours.score(b, d))),
        ("iris, mean of five folds", float(np.mean(folds)), float(np.mean(means))),
        (f"the same, lowest and highest of {n_seeds} seeds", "", f"{min(means):.4f} and {max(means):.4f}"),
        ("seeds with the book's five numbers, in any order", "1 of 1", f"{fives.count(sorted(folds))} of {n_seeds}"),
        ("digits 0 to 5 by Isomap", "1083 x 2", " x ".join(map(str, flat.shape))),
    ]
    notes = [
        "The listing of the classifier is lost; scikit-learn's machine with its own settings and split 1 has the "
        "printed accuracy to the last digit. Unscaled columns are what holds it back: our net scales them.",
        "The five folds are drawn without a seed in the book. Its solver now refuses three classes; they are taken one "
        "against the rest, as it did then.",
    ]
    return Table("One split is luck", COMPARED, rows, notes, {"seeds": n_seeds, "seed": 0})


FELT = {  # text: printed negative, neutral, positive, compound
    "The hotel stay was horrible and uncomfortable.": (0.55, 0.45, 0.0, -0.7269),
    "Always :) and be :D !": (0.0, 0.291, 0.709, 0.8087),
    "Always:) and be :D!": None,
    "Always :) and be: D !": None,
}


@recipe(
    "two-sentences-felt",
    source="Martinez-Ramon example 3.8.1",
    figure="compound -.7269 and .8087",
    experiments="martinez-ramon-22",
)
def two_sentences_felt(size: Size) -> Table:
    """What VADER's rules say of the book's two sentences, with our own words and valences."""
    rows: Rows = []
    for text, printed in FELT.items():
        found = polarity(text)
        for name, book, here in zip(found._fields, printed or ("",) * 4, found, strict=True):
            rows.append((text, name, book, here))
    notes = [
        "The rules and their numbers are VADER's; the words and their valences are our own, so that a number may "
        "differ in its third digit. The book's second sentence has its score only with the blanks as written here.",
    ]
    return Table("Two sentences felt", ("text", "what", "the book", "here"), rows, notes, {"seed": "none"})


@recipe(
    "ridge-by-steps",
    source="Martinez-Ramon example 3.9.1, figure 3.32",
    figure="the line of best fit",
    experiments="martinez-ramon-23",
)
def ridge_by_steps(size: Size) -> Table:
    """Ridge regression by automatic gradients, beside its closed form, on one column of the diabetes table."""
    data = datasets.load_diabetes()
    x, t = torch.from_numpy(data.data[:, 2:3] * 20), torch.from_numpy(data.target[:, None])
    rows: Rows = []
    lines: dict[str, Any] = {}
    for l2 in (0.0, 10.0, 1000.0):
        w, b = (torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in range(2))
        mover = torch.optim.SGD([w, b], lr=0.3)
        for _ in range(100 if size == "tiny" else 500):
            mover.zero_grad()
            cost = ((x * w + b - t).square().sum() + l2 * w.square().sum()) / len(x)
            cost.backward()
            mover.step()
        weight, bias = ridge(x, t, l2=l2)
        rows.append((l2, w.item(), weight.item(), b.item(), bias.item(), cost.item()))
        ends = np.array([x.min().item(), x.max().item()])
        lines[f"penalty {l2:g}"] = (ends, w.item() * ends + b.item())
    notes = [
        "The book names no data, rate or penalty, and calls its penalty beta where it means lambda times |beta|^2."
    ]
    columns = ("penalty", "slope by steps", "slope in closed form", "start by steps", "start in closed form", "cost")
    given = {"patients": (x[:, 0].numpy(), t[:, 0].numpy())}
    pictures = {"Lines of best fit by penalty.": partial(curves, lines, across="body mass index, scaled", up="disease",
                                                         points=given)}  # fmt: skip
    return Table("Ridge regression by steps", columns, rows, notes, {"lr": 0.3, "seed": "none"}, pictures=pictures)
