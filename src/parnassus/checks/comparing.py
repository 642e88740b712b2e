"""Rivals, curves over rows and settings, judgements by people: against scikit-learn, scipy and statsmodels."""

import math

import numpy as np

from ..data.tables.table import Table
from ..data.vectors import vectors
from ..estimators.baselines import baseline
from ..estimators.judging.folding import folds_of
from ..estimators.judging.selection import learning_curve, validation_curve
from ..estimators.regressor import Regressor
from ..evaluation.equity import evaluate_groups
from ..evaluation.human import fooled, mean_ranks
from ..imports import imported
from ..insight.maps import project
from ..registry import model
from . import check, gap

imported("sklearn.svm")
RNG = np.random.default_rng(0)
X, SLOPE = RNG.normal(size=(90, 3)), np.array([1.0, -2.0, 0.5])
Y = X @ SLOPE + 0.3 * RNG.normal(size=90)


def standardized() -> np.ndarray:
    """What a codec makes of X, by the definition."""
    return (X - X.mean(0)) / X.std(0)


@check("svm", "mean-regressor", oracle="scikit-learn", tolerance=1e-5)
def rivals_from_raw_rows() -> float:
    """The margin classifier's scores on standardised columns, and the answers of the mean and the median."""
    from sklearn.svm import SVC

    y = (Y > 0).astype(int)
    ours = baseline("svm", task="classifier", X=X).fit(X, y)
    wanted = SVC(random_state=0).fit(standardized(), y).decision_function(standardized())
    mean, median = (baseline(n, task="regressor", X=X).fit(X, Y).predict(X[:1])[0] for n in ("mean", "median"))
    return max(gap(ours.decision_function(X), wanted), gap(mean, Y.mean()), gap(median, np.median(Y)))


@check("isomap", "tsne", oracle="scikit-learn", tolerance=1e-4)
def maps_of_rows() -> float:
    """Distances between points of Isomap, and how many of a row's neighbours t-SNE keeps, as scikit-learn judges it."""
    from scipy.spatial.distance import pdist
    from sklearn.manifold import Isomap, trustworthiness

    rows = standardized()
    wanted = Isomap(n_components=2, n_neighbors=8).fit_transform(rows)
    points = project(X, method="isomap", n_neighbors=8).points
    kept = trustworthiness(rows, project(X, method="tsne", perplexity=20).points, n_neighbors=10)
    return max(gap(pdist(points), pdist(wanted)), 0.0 if kept > 0.9 else 1.0)


@check("learning-curve-n", "validation-selection", oracle="scikit-learn", tolerance=1e-8)
def curves_on_the_same_folds() -> float:
    """Held-out R2 of a linear fit by rows, and of trees by depth, fold by fold on the same rows."""
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import r2_score
    from sklearn.tree import DecisionTreeRegressor

    depths = [1, 2, 5]
    tree = DecisionTreeRegressor(random_state=0)
    found = validation_curve(tree, X, Y, parameter="max_depth", values=depths, folds=3, seed=1, metric="r2")
    rows = learning_curve(LinearRegression(), X, Y, sizes=[1.0], folds=3, seed=1, metric="r2")
    splits = folds_of(90, None, folds=3, seed=1)[0]
    wanted = [[r2_score(Y[b], DecisionTreeRegressor(max_depth=d, random_state=0).fit(X[a], Y[a]).predict(X[b]))
               for a, b in splits] for d in depths]  # fmt: skip
    whole = [r2_score(Y[b], LinearRegression().fit(X[a], Y[a]).predict(X[b])) for a, b in splits]
    best = depths[int(np.mean(wanted, 1).argmax())]
    return max(gap(found.test["r2"], wanted), gap(rows.test["r2"][0], whole), float(found.best != best))


@check("capacity-curve", oracle="(book)", tolerance=5e-6)
def polynomials_through_thirty_points() -> float:
    """Hifny 14.1: the training errors of degrees 1, 4 and 20, from NumPy's seed 0."""
    random = np.random.RandomState(0)
    x = np.sort(random.rand(30))
    y = np.cos(1.5 * np.pi * x) + 0.1 * random.randn(30)
    fits = [Regressor(model("polynomial", degree=d)).fit(x[:, None], y).predict(x[:, None]) for d in (1, 4, 20)]
    return gap([np.square(said - y).mean() for said in fits], [0.22589, 0.011565, 0.0022200])


@check("human-evaluation", oracle="statsmodels", tolerance=1e-6)
def judgements_with_their_intervals() -> float:
    """Wilson's interval of a share by statsmodels, and ranks whose mean and Student's error scipy gives."""
    from scipy.stats import rankdata, sem
    from statsmodels.stats.proportion import proportion_confint

    (one,) = fooled({"ours": [True] * 13 + [False] * 27})
    ranks = rankdata(RNG.normal(size=(3, 20)), axis=0)
    judged = {j.system: j for j in mean_ranks(dict(zip("abc", ranks, strict=True)))}
    spreads = [(judged[k].high - judged[k].value) / sem(r) for k, r in zip("abc", ranks, strict=True)]
    low, high = proportion_confint(13, 40, method="wilson")
    return max(
        gap([one.low, one.high], [low, high]),
        gap([judged[k].value for k in "abc"], ranks.mean(1)),
        gap(spreads, 1.959963984540054),
    )


@check("language-equity-check", oracle="statsmodels", tolerance=1e-6)
def groups_with_their_intervals() -> float:
    """Accuracies of two groups, worst first, each with Wilson's interval, and the gap between them."""
    from statsmodels.stats.proportion import proportion_confint

    true, said = [1] * 30, [1] * 9 + [0] * 3 + [1] * 8 + [0] * 10
    found = evaluate_groups(true, said, ["a"] * 12 + ["b"] * 18)
    worst, best = found.groups
    wanted = [8 / 18, *proportion_confint(8, 18, method="wilson"), 9 / 12, *proportion_confint(9, 12, method="wilson")]
    told = [worst.accuracy, worst.low, worst.high, best.accuracy, best.low, best.high]
    return max(gap(told, wanted), gap(found.gap, 9 / 12 - 8 / 18))


@check("tabular-schema", oracle="scikit-learn", tolerance=1e-6)
def columns_by_their_roles() -> float:
    """Numbers standardised and classes spread out as scikit-learn does, by what the training rows said."""
    import pandas as pd
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = pd.DataFrame({"size": X[:, 0], "colour": RNG.choice(["red", "green", "blue"], 90), "price": X[:, 1]})
    train, new = frame[:60], frame[60:]
    codec = Table().fit(train)
    ours = vectors(codec, new)
    numbers = StandardScaler().fit(train[["size", "price"]]).transform(new[["size", "price"]])
    spread = OneHotEncoder(sparse_output=False).fit(train[["colour"]]).transform(new[["colour"]])
    columns = {tuple(np.round(c, 5)) for c in np.asarray(ours, dtype=float).T}
    wanted = {tuple(np.round(c, 5)) for c in np.concatenate([numbers, spread], 1).T}
    return 0.0 if wanted <= columns else math.inf
