"""The regressor as a person uses it."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import optimize, special
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.linear_model import HuberRegressor, LinearRegression, PoissonRegressor, Ridge
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import parnassus as pn

X, Y = load_diabetes(return_X_y=True)
RNG = np.random.default_rng(0)
SMALL = RNG.normal(size=(80, 3))
LINE = SMALL @ [2.0, -1.0, 0.5] + 4 + 0.1 * RNG.normal(size=80)
FRAME = pd.DataFrame(SMALL, columns=["a", "b", "c"]).assign(kind=["x", "y"] * 40, y=LINE)


def quick(model="mlp", **settings):
    return pn.Regressor(model, **{"epochs": 40, "batch_size": 16, "lr": 0.01} | settings)


def by_lbfgs(model="mlp", n=80, **settings):
    """A fit to the very bottom, for comparison with solvers."""
    return pn.Regressor(model, **{"epochs": 60, "batch_size": n, "optimizer": "lbfgs"} | settings)


def gradient_line():
    return pn.model("linear", solver="gradient")


def same(one, other):
    a, b = one.objective_.state_dict(), other.objective_.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


# --- shapes and units -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: LINE, (80,)),
        (lambda: LINE.tolist(), (80,)),
        (lambda: pd.Series(LINE, index=range(7, 87)), (80,)),
        (lambda: torch.tensor(LINE), (80,)),
        (lambda: LINE[:, None], (80, 1)),
        (lambda: np.stack([LINE, -3 * LINE], 1), (80, 2)),
        (lambda: pd.DataFrame({"u": LINE, "v": LINE**2}), (80, 2)),
        (lambda: pl.DataFrame({"u": LINE, "v": LINE**2}), (80, 2)),
        (lambda: (LINE * 10).astype(int), (80,)),
        (lambda: LINE > 4, (80,)),
    ],
    ids=["array", "list", "series", "tensor", "column", "two", "pandas", "polars", "integers", "booleans"],
)
def test_answers_come_back_in_the_shape_that_y_was_given(make, shape):
    fitted = quick().fit(SMALL, make())
    assert fitted.predict(SMALL).shape == shape
    assert fitted.predict(SMALL).dtype == np.float64
    assert fitted.predict(SMALL[:1]).shape == (1, *shape[1:])
    assert fitted.score(SMALL, make()) > 0.3


@pytest.mark.parametrize(
    "make", [lambda: SMALL, lambda: SMALL.tolist(), lambda: torch.tensor(SMALL), lambda: pl.DataFrame(SMALL)]
)
def test_tables_of_any_kind_learn_alike(make):
    fitted = quick().fit(make(), LINE)
    np.testing.assert_allclose(fitted.predict(make()), quick().fit(SMALL, LINE).predict(SMALL), rtol=1e-5)
    assert fitted.n_features_in_ == 3


@pytest.mark.parametrize(("factor", "shift"), [(1e6, 0.0), (1e-6, 0.0), (1.0, 1e4), (-3.0, 7.0)])
def test_the_units_of_y_change_the_answers_and_nothing_else(factor, shift):
    plain, other = quick().fit(SMALL, LINE), quick().fit(SMALL, factor * LINE + shift)
    if factor > 0:
        spread = LINE.std() * factor
        np.testing.assert_allclose(other.predict(SMALL), factor * plain.predict(SMALL) + shift, atol=2e-3 * spread)
    assert other.score(SMALL, factor * LINE + shift) > 0.97


def test_the_units_of_x_change_nothing():
    wide = SMALL * [1e5, 1e-5, 1] + [0, 3, -1e3]
    plain, other = quick().fit(SMALL, LINE), quick().fit(wide, LINE)
    np.testing.assert_allclose(other.predict(wide), plain.predict(SMALL), atol=0.02)


def test_y_that_never_varies_is_learned_as_it_is():
    fitted = quick().fit(SMALL, np.full(80, 7.5))
    np.testing.assert_allclose(fitted.predict(SMALL), 7.5, atol=0.3)


# --- against scikit-learn -------------------------------------------------------------------------


@pytest.mark.parametrize("scaled", [False, True], ids=["raw", "standardised"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_the_normal_equation_is_scikit_learns_linear_regression(scaled, n_outputs):
    codec = pn.Table(scaling="standard" if scaled else "none")
    y = np.stack([Y, np.sqrt(Y)], 1)[:, :n_outputs]
    ours, theirs = pn.Regressor("linear", codec=codec).fit(X, y), LinearRegression().fit(X, y)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=2e-4, atol=2e-3)
    assert ours.score(X, y) == pytest.approx(theirs.score(X, y), abs=1e-6)
    raw = X * 1e3 + 50
    np.testing.assert_allclose(
        pn.Regressor("linear", codec=codec).fit(raw, y).predict(raw), theirs.predict(X), rtol=2e-3, atol=2e-2
    )


@pytest.mark.parametrize("l2", [0.1, 10.0])
def test_the_penalty_is_ridges(l2):
    codec = pn.Table(scaling="none")
    ours, theirs = pn.Regressor(pn.model("linear", l2=l2), codec=codec).fit(SMALL, LINE), Ridge(l2).fit(SMALL, LINE)
    np.testing.assert_allclose(ours.predict(SMALL), theirs.predict(SMALL), atol=1e-5)


def test_descent_goes_to_where_the_normal_equation_is():
    descent, solved = by_lbfgs(gradient_line()).fit(SMALL, LINE), pn.Regressor("linear").fit(SMALL, LINE)
    np.testing.assert_allclose(descent.predict(SMALL), solved.predict(SMALL), atol=1e-3)


def test_forward_equals_scikit_learns_mlp_with_copied_weights():
    theirs = MLPRegressor(hidden_layer_sizes=(16, 8), max_iter=50, random_state=0, tol=1e9).fit(SMALL, LINE)
    ours = pn.Regressor(pn.model("mlp", hidden=(16, 8)), epochs=1, codec=pn.Table(scaling="none")).fit(SMALL, LINE)
    linears = [m for m in ours.objective_.model if isinstance(m, nn.Linear)]
    with torch.no_grad():
        for linear, w, b in zip(linears, theirs.coefs_, theirs.intercepts_, strict=True):
            linear.weight.copy_(torch.tensor(w.T))
            linear.bias.copy_(torch.tensor(b))
    target = ours.target_
    np.testing.assert_allclose(
        (ours.predict(SMALL) - target.mean[0]) / target.scale[0], theirs.predict(SMALL), atol=1e-5
    )


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_score_is_scikit_learns_r2(n_outputs):
    y = np.stack([LINE, LINE**2, np.sin(LINE)], 1)[:, :n_outputs]
    fitted, weight = quick().fit(SMALL, y), RNG.random(80)
    predicted = fitted.predict(SMALL)
    assert fitted.score(SMALL, y) == pytest.approx(r2_score(y, predicted))
    assert fitted.score(SMALL, y, weight) == pytest.approx(r2_score(y, predicted, sample_weight=weight))


def test_the_metrics_of_evaluate_are_scikit_learns():
    fitted, weight = quick(epochs=3).fit(SMALL, LINE), RNG.random(80)
    predicted = fitted.predict(SMALL)
    for w in (None, weight):
        found = {m.name: m.value for m in fitted.evaluate(SMALL, LINE, sample_weight=w).metrics}
        assert found["r2"] == pytest.approx(r2_score(LINE, predicted, sample_weight=w))
        assert found["mse"] == pytest.approx(mean_squared_error(LINE, predicted, sample_weight=w))
        assert found["mae"] == pytest.approx(mean_absolute_error(LINE, predicted, sample_weight=w))


# --- losses ---------------------------------------------------------------------------------------


def test_huber_is_pulled_less_by_a_wild_row():
    y = LINE.copy()
    y[3] += 500
    squared, huber = (by_lbfgs(gradient_line(), loss=loss).fit(SMALL, y) for loss in ("squared_error", "huber"))
    rest = np.arange(80) != 3
    wrong = [np.abs(f.predict(SMALL[rest]) - LINE[rest]).mean() for f in (squared, huber)]
    assert wrong[1] < 0.3 * wrong[0]


def test_huber_finds_scipys_minimum():
    y = LINE + np.where(np.arange(80) % 9 == 0, 6.0, 0.0)
    delta = 0.4
    fitted = by_lbfgs(gradient_line(), loss=pn.loss("huber", delta=delta), epochs=200).fit(SMALL, y)
    mean, scale = fitted.target_.mean[0], fitted.target_.scale[0]  # delta is in standardised units
    design = np.column_stack([SMALL, np.ones(80)])

    def cost(w):
        return special.huber(delta, design @ w - (y - mean) / scale).mean()

    theirs = optimize.minimize(cost, np.zeros(4), method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose(fitted.predict(SMALL), (design @ theirs) * scale + mean, atol=0.02)
    assert HuberRegressor().fit(SMALL, y).score(SMALL, LINE) == pytest.approx(fitted.score(SMALL, LINE), abs=0.02)


@pytest.mark.slow
def test_poisson_predicts_the_counts_of_scikit_learns_poisson_regression():
    counts = np.random.default_rng(1).poisson(np.exp(SMALL @ [0.5, -0.3, 0.2] + 1))
    ours = by_lbfgs(gradient_line(), loss="poisson", epochs=100).fit(SMALL, counts)
    theirs = PoissonRegressor(alpha=0, tol=1e-8, max_iter=1000).fit(SMALL, counts)
    np.testing.assert_allclose(ours.predict(SMALL), theirs.predict(SMALL), rtol=5e-3)
    assert (ours.predict(SMALL * 9) > 0).all()


def test_poisson_refuses_what_no_count_can_be():
    with pytest.raises(pn.DataError, match=r"row 2 of y is -1.*counts"):
        quick(loss="poisson").fit(SMALL, np.where(np.arange(80) == 2, -1, 3))


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", pn.loss("huber", delta=0.5)])
def test_every_loss_learns_a_line(loss):
    assert quick(gradient_line(), loss=loss, epochs=100).fit(SMALL, LINE).score(SMALL, LINE) > 0.9


def test_a_loss_of_classes_is_refused():
    with pytest.raises(pn.SettingError, match="cross_entropy"):
        quick(loss="cross_entropy").fit(SMALL, LINE)


# --- weights --------------------------------------------------------------------------------------


def test_weights_in_the_normal_equation_are_scikit_learns():
    weight = RNG.random(80) * 3
    ours = pn.Regressor("linear").fit(SMALL, LINE**2, sample_weight=weight)
    theirs = LinearRegression().fit(SMALL, LINE**2, sample_weight=weight)
    np.testing.assert_allclose(ours.predict(SMALL), theirs.predict(SMALL), rtol=1e-4, atol=1e-4)


def test_a_row_of_weight_zero_is_not_there():
    y, weight = LINE.copy(), np.ones(80)
    y[5], weight[5] = 1e3, 0.0
    kept = weight > 0
    codec = pn.Table(scaling="none")
    with_zero = pn.Regressor("linear", codec=codec).fit(SMALL, y, sample_weight=weight)
    without = pn.Regressor("linear", codec=codec).fit(SMALL[kept], y[kept])
    np.testing.assert_allclose(with_zero.predict(SMALL), without.predict(SMALL), atol=2e-3)


def test_one_weight_for_all_changes_nothing():
    plain, weighted = quick().fit(SMALL, LINE), quick().fit(SMALL, LINE, sample_weight=np.full(80, 3.0))
    np.testing.assert_allclose(weighted.predict(SMALL), plain.predict(SMALL), atol=1e-3)


# --- raw data -------------------------------------------------------------------------------------


def test_a_frame_with_its_target_column_is_enough():
    fitted = quick().fit(FRAME, target="y")
    assert list(fitted.feature_names_in_) == ["a", "b", "c", "kind"]
    assert fitted.score(FRAME) > 0.9
    np.testing.assert_array_equal(fitted.predict(FRAME), fitted.predict(FRAME.drop(columns="y")))


def test_a_csv_is_enough(tmp_path):
    path = tmp_path / "line.csv"
    FRAME.to_csv(path, index=False)
    fitted = quick().fit(path, target="y", validation=0.2)
    assert fitted.score(path) > 0.9
    assert fitted.predict(str(path)).shape == (80,)
    assert fitted.evaluate(path).headline.value > 0.9
    assert "validation_loss" in fitted.history_[0]


def test_pictures_have_quantities_too():
    pictures = RNG.integers(0, 255, (60, 8, 8), dtype=np.uint8)
    bright = pictures.mean((1, 2))
    fitted = pn.Regressor(pn.model("cnn", channels=(4,), hidden=8), epochs=25, lr=0.01).fit(pictures, bright)
    assert fitted.score(pictures, bright) > 0.5
    assert pn.Regressor(epochs=1).fit(pictures, bright).model_name == "cnn"


def test_texts_have_quantities_too():
    texts = ["good " * (1 + i % 5) for i in range(40)]
    assert quick().fit(texts, [1.0 + i % 5 for i in range(40)]).score(texts, [1.0 + i % 5 for i in range(40)]) > 0.9


# --- training -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_same_seed_same_weights_and_another_seed_other_weights():
    one, two, three = (quick(pn.model("mlp", dropout=0.2), seed=s).fit(SMALL, LINE) for s in (0, np.int64(0), 1))
    assert same(one, two)
    assert not same(one, three)


def test_the_default_learns_small_data_without_a_setting():
    assert pn.Regressor().fit(SMALL, LINE, validation=0.2).score(SMALL, LINE) > 0.95


def test_patience_brings_the_best_weights_back():
    fitted = quick(epochs=300, patience=4, lr=0.05).fit(X, Y)
    losses = [epoch["validation_loss"] for epoch in fitted.history_]
    assert len(losses) < 300
    assert fitted.best_epoch_ == int(np.argmin(losses))
    assert len(fitted.held_) == round(0.1 * len(X))


def test_partial_fit_goes_on():
    fitted = quick(lr=0.02)
    for _ in range(10):
        for part in np.array_split(np.random.default_rng(0).permutation(80), 2):
            fitted.partial_fit(SMALL[part], LINE[part])
    assert fitted.score(SMALL, LINE) > 0.9
    assert len(fitted.history_) == 20


@pytest.mark.parametrize("name", ["epochs", "batch_size", "seed"])
def test_numbers_of_numpy_are_numbers(name):
    given, plain = (quick(**{"epochs": 3} | {name: kind(3)}).fit(SMALL, LINE) for kind in (np.int64, int))
    assert same(given, plain)


# --- scikit-learn ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_grid_search_pipeline_clone_and_cross_validation():
    grid = GridSearchCV(quick(), {"model__hidden": [(1,), (32,)], "loss": ["squared_error", "huber"]}, cv=3)
    assert grid.fit(SMALL, LINE).best_score_ > 0.8
    assert cross_val_score(make_pipeline(StandardScaler(), clone(quick())), SMALL, LINE, cv=3).mean() > 0.8


def test_nothing_works_before_fit():
    for verb in ("predict", "evaluate", "score"):
        with pytest.raises(pn.NotFitted, match="call fit first"):
            getattr(pn.Regressor(), verb)(SMALL)


@pytest.mark.usefixtures("draws")
def test_a_module_of_another_shape_is_refused_before_it_trains():
    for module, words in ((nn.Linear(7, 1), "does not take x"), (nn.Linear(3, 2), r"expected \(2, 1\)")):
        with pytest.raises(pn.SettingError, match=words):
            quick(module).fit(SMALL, LINE)
    assert quick(nn.Linear(3, 1)).fit(SMALL, LINE).score(SMALL, LINE) > 0.9


# --- save, load and report ------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["one", "several", "frame", "poisson", "linear", "lms"])
def test_saved_and_loaded_predict_alike(case, tmp_path):
    made, given = {
        "one": lambda: (quick().fit(SMALL, LINE), SMALL),
        "several": lambda: (quick(loss=pn.loss("huber", delta=2.0)).fit(SMALL, np.stack([LINE, -LINE], 1)), SMALL),
        "frame": lambda: (quick().fit(FRAME, target="y"), FRAME),
        "poisson": lambda: (quick(loss="poisson").fit(SMALL, np.arange(80) % 5), SMALL),
        "linear": lambda: (pn.Regressor(pn.model("linear", l2=0.5)).fit(SMALL, LINE), SMALL),
        "lms": lambda: (pn.Regressor("lms").fit(SMALL, LINE), SMALL),
    }[case]()
    made.save(tmp_path / "m.parnassus")
    back = pn.load(tmp_path / "m.parnassus")
    np.testing.assert_array_equal(made.predict(given), back.predict(given))
    assert repr(back) == repr(made)
    assert back.history_ == made.history_
    made.save(tmp_path / "again.parnassus")
    assert (tmp_path / "again.parnassus").read_bytes() == (tmp_path / "m.parnassus").read_bytes()


def test_evaluation_stands_beside_the_trivial_baseline():
    fitted = quick().fit(SMALL, LINE)
    evaluation = fitted.evaluate(SMALL, LINE)
    assert evaluation.task == "regression"
    assert evaluation.headline.name == "r2"
    assert evaluation.headline.value > 0.9 > evaluation.headline.baseline
    by_name = {m.name: m for m in evaluation.metrics}
    assert by_name["mse"].baseline == pytest.approx(((LINE - LINE.mean()) ** 2).mean())
    assert by_name["rmse"].low <= by_name["rmse"].value <= by_name["rmse"].high


@pytest.mark.slow
def test_report_writes_one_page(tmp_path):
    fitted = quick(epochs=5).fit(FRAME, target="y", validation=0.3)
    evaluation = fitted.report(tmp_path / "r.html", data="lines")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert evaluation.n_rows == 24
    assert "lines" in page
    assert "off by" in page
    assert fitted.report(tmp_path / "r2.html", FRAME).n_rows == 80
