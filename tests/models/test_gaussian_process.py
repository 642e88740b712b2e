"""Gaussian processes as estimators: scikit-learn's answers, intervals that hold, files, and what is refused."""

import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor, kernels

import parnassus as pn
from parnassus.functional.bayes.points import normal_points

RNG = np.random.default_rng(0)
X = RNG.uniform(-3, 3, (60, 2))
Y = 5 + 2 * np.sin(2 * X[:, 0]) + 0.2 * RNG.normal(size=60)
NEW = RNG.uniform(-4, 4, (9, 2))


def process(**options):
    return pn.Regressor(pn.model("gaussian_process", **{"n_restarts": 0} | options))


def standardised(fitted, rows):
    return (rows - X.mean(0)) / X.std(0), (Y - Y.mean()) / Y.std()


@pytest.mark.parametrize("kernel", ["rbf", "matern52"])
def test_numbers_and_deviations_are_scikit_learns_at_the_learned_settings(kernel):
    fitted = process(kernel=kernel, ard=True).fit(X, Y)
    found = list(fitted.objective_.settings.values())
    shape = {"rbf": kernels.RBF, "matern52": lambda scale: kernels.Matern(scale, nu=2.5)}[kernel]
    theirs = kernels.ConstantKernel(found[0]) * shape(found[1:3]) + kernels.WhiteKernel(found[3])
    rows, y = standardised(fitted, X)
    other = GaussianProcessRegressor(theirs, alpha=0, optimizer=None).fit(rows, y)
    mean, std = other.predict(standardised(fitted, NEW)[0], return_std=True)
    ours, deviation = fitted.predict(NEW, return_std=True)
    assert ours == pytest.approx(mean * Y.std() + Y.mean(), abs=1e-4)
    assert deviation == pytest.approx(std * Y.std(), abs=1e-4)
    assert float(fitted.objective_.log_evidence) == pytest.approx(other.log_marginal_likelihood_value_, abs=1e-3)
    assert list(fitted.objective_.settings)[1:] == [f"{kernel} scale 0", f"{kernel} scale 1", "noise"]


def test_the_noise_is_found_and_doubt_grows_away_from_the_data():
    fitted = process(ard=True).fit(X, Y)
    near, far = fitted.uncertainty(X), fitted.uncertainty(X + 40)
    assert near.aleatoric == pytest.approx(0.2, abs=0.05)
    assert near.total == pytest.approx(np.hypot(near.aleatoric, near.epistemic))
    assert far.epistemic.min() > 1
    low, high = fitted.predict_interval(NEW, level=0.9).T
    mean, std = fitted.predict(NEW, return_std=True)
    assert (high - low) / 2 == pytest.approx(1.6448536 * std, rel=1e-5)
    assert (high + low) / 2 == pytest.approx(mean, abs=1e-5)
    drawn = fitted.predict_samples(NEW, 4000)
    assert drawn.std(0) == pytest.approx(std, rel=0.06)
    with pytest.raises(pn.SettingError, match="between 0 and 1"):
        fitted.predict_interval(NEW, level=90)


@pytest.mark.slow
def test_a_sum_of_kernels_goes_on_where_one_returns_to_the_mean():
    x = np.linspace(0, 6, 60)[:, None]
    y = np.sin(2 * np.pi * x[:, 0]) + 0.5 * x[:, 0]
    ahead = np.linspace(6, 8, 20)[:, None]
    truth = np.sin(2 * np.pi * ahead[:, 0]) + 0.5 * ahead[:, 0]
    sums, plain = (
        process(kernel=kernel, n_restarts=4).fit(x, y).predict(ahead) for kernel in ("periodic + linear", "rbf")
    )
    assert np.abs(sums - truth).max() < 0.1
    assert np.abs(plain - truth).max() > 0.5


def test_several_columns_of_y_each_have_their_units():
    both = np.stack([Y, 100 * X[:, 1]], 1)
    fitted = process().fit(X, both)
    mean, std = fitted.predict(X, return_std=True)
    assert mean.shape == std.shape == (60, 2)
    assert np.abs(mean - both).mean(0) == pytest.approx([0.1, 2], rel=0.9)
    assert std[:, 1] / std[:, 0] == pytest.approx(both[:, 1].std() / both[:, 0].std())
    assert fitted.predict_interval(X).shape == (60, 2, 2)


def test_a_file_answers_alike_bit_for_bit(tmp_path):
    fitted = process().fit(X, Y)
    expected = fitted.predict(NEW, return_std=True)
    fitted.save(tmp_path / "process.parnassus")
    again = pn.load(tmp_path / "process.parnassus")
    np.testing.assert_array_equal(again.predict(NEW, return_std=True), expected)
    assert again.objective_.settings == fitted.objective_.settings
    assert again.objective_.log_evidence == fitted.objective_.log_evidence
    other = process().fit(X[:50], Y[:50]).objective_  # a model that holds other rows takes a state on too
    other.moments({"x": torch.zeros(1, 2)})
    other.load_state_dict(fitted.objective_.state_dict())
    batch = {"x": torch.from_numpy(NEW)}
    assert all(torch.equal(a, b) for a, b in zip(other.moments(batch), again.objective_.moments(batch), strict=True))


def test_rows_that_weigh_nothing_are_left_out_and_weights_are_repeats():
    weight = np.ones(60)
    weight[50:] = 0
    codec = pn.Table(scaling="none")
    model = pn.model("gaussian_process", n_restarts=0)

    def fitted(X, y, weight=None):
        return pn.Regressor(model, codec=codec).fit(X, y, sample_weight=weight).objective_

    lighter, fewer = fitted(X, Y, weight), fitted(X[:50], Y[:50])
    assert len(lighter.x) == len(fewer.x) == 50
    mirrored = np.concatenate([Y[:10], 10 - Y[:10]])  # of one mean and deviation, with and without repeats
    twice = np.concatenate([X[:20], X[:20]]), np.concatenate([mirrored, mirrored])
    once, doubled = fitted(X[:20], mirrored, np.full(20, 2.0)), fitted(*twice)
    assert float(once.log_evidence) == pytest.approx(float(doubled.log_evidence), abs=1e-3)
    assert list(once.settings.values()) == pytest.approx(list(doubled.settings.values()), rel=0.02)


def test_columns_and_answers_that_never_vary_are_borne():
    with pytest.warns(pn.DataWarning, match="one value in all"):
        flat = process(ard=True).fit(np.column_stack([X, np.ones(60)]), Y)
    assert flat.score(np.column_stack([X, np.ones(60)]), Y) > 0.9
    assert process().fit(X, np.full(60, 7.0)).predict(NEW) == pytest.approx(7)


def test_too_many_rows_and_unknown_kernels_are_refused():
    with pytest.raises(pn.DataError, match=r"5,000 rows at most.*6,000; .*n_inducing=100, which learns points"):
        process().fit(np.arange(6000.0)[:, None], np.sin(np.arange(6000.0)))
    for options, words in (
        ({"kernel": "rfb"}, r"no kernel 'rfb' \('\+' adds kernels up\); did you mean 'rbf'"),
        ({"n_restarts": -1}, "n_restarts is a whole number of at least 0; got -1"),
        ({"n_inducing": 0}, "n_inducing, unless it is None, is a whole number of at least 1; got 0"),
        ({"n_inducing": 1.5}, "n_inducing.*got 1.5"),
        ({"n_inducing": True}, "n_inducing.*got True"),
        ({"n_inducing": "a"}, "n_inducing.*got 'a'"),
    ):
        with pytest.raises(pn.SettingError, match=words):
            process(**options).fit(X, Y)
        with pytest.raises(pn.SettingError, match=words):
            pn.Classifier(pn.model("gaussian_process", **options)).fit(X, Y > 5)


def test_inducing_points_answer_nearly_as_all_rows_do(tmp_path):
    exact = process(ard=True).fit(X, Y)
    fitted = process(ard=True, n_inducing=25).fit(X, Y)
    assert float(fitted.objective_.log_evidence) < float(exact.objective_.log_evidence) + 1e-3
    assert fitted.objective_.points.shape == (25, 2)
    assert list(fitted.objective_.settings) == list(exact.objective_.settings)
    assert fitted.predict(X) == pytest.approx(exact.predict(X), abs=0.15)
    assert fitted.uncertainty(X).aleatoric == pytest.approx(0.2, abs=0.05)
    assert fitted.uncertainty(X).epistemic == pytest.approx(exact.uncertainty(X).epistemic, rel=0.25)
    assert fitted.uncertainty(X + 40).epistemic.min() > 1
    fitted.save(tmp_path / "sparse.parnassus")
    again = pn.load(tmp_path / "sparse.parnassus")
    np.testing.assert_array_equal(again.predict(NEW, return_std=True), fitted.predict(NEW, return_std=True))
    both = process(n_inducing=8).fit(X, np.stack([Y, -3 * Y], 1))
    mean, std = both.predict(NEW, return_std=True)
    assert mean[:, 1] == pytest.approx(-3 * mean[:, 0], abs=1e-3)
    assert std[:, 1] == pytest.approx(3 * std[:, 0], rel=1e-4)


# --- classes --------------------------------------------------------------------------------------

RINGS = np.where((X**2).sum(1) + RNG.normal(size=60) > 6, "out", "in")
THIRDS = np.array(["low", "mid", "high"])[np.digitize(X[:, 0] + 0.5 * RNG.normal(size=60), [-1, 1])]


def classes(**options):
    return pn.Classifier(pn.model("gaussian_process", **{"n_restarts": 0} | options))


def test_probabilities_of_two_classes_are_scikit_learns_at_the_learned_settings():
    fitted = classes().fit(X, RINGS)
    variance, scale = fitted.objective_.settings.values()
    rows, _ = standardised(fitted, X)
    theirs = GaussianProcessClassifier(kernels.ConstantKernel(variance) * kernels.RBF(scale), optimizer=None)
    theirs.fit(rows, RINGS)
    new, _ = standardised(fitted, NEW)
    # theirs averages over a sum of five error functions in place of the sigmoid, which is off by 2e-4
    assert fitted.predict_proba(NEW) == pytest.approx(theirs.predict_proba(new), abs=1e-3)
    assert float(fitted.objective_.log_evidence) == pytest.approx(theirs.log_marginal_likelihood_value_, abs=1e-4)
    best = GaussianProcessClassifier(kernels.ConstantKernel(1, (1e-4, 100)) * kernels.RBF()).fit(rows, RINGS)
    assert float(fitted.objective_.log_evidence) > best.log_marginal_likelihood_value_ - 1e-3


@pytest.mark.parametrize("y", [RINGS, THIRDS], ids=["two", "three"])
def test_classes_are_told_apart_and_nothing_is_known_far_away(y, tmp_path):
    fitted = classes(kernel="matern52").fit(X, y)
    assert fitted.score(X, y) > 0.85
    n = len(set(y.tolist()))
    assert fitted.predict_proba(X + 500) == pytest.approx(1 / n, abs=1e-5)
    assert fitted.predict_proba(X).sum(1) == pytest.approx(1, abs=1e-6)
    near, far = fitted.uncertainty(X), fitted.uncertainty(X + 500)
    assert far.total == pytest.approx(np.log(n), abs=1e-3)
    assert far.epistemic.min() > near.epistemic.max()
    fitted.save(tmp_path / "classes.parnassus")
    again = pn.load(tmp_path / "classes.parnassus")
    np.testing.assert_array_equal(again.predict_proba(NEW), fitted.predict_proba(NEW))
    np.testing.assert_array_equal(again.predict(NEW), fitted.predict(NEW))


def test_the_probabilities_of_three_classes_are_means_over_many_draws():
    fitted = classes().fit(X, THIRDS)
    rows = torch.from_numpy(standardised(fitted, NEW)[0])
    mean, covariance = fitted.objective_.scores(rows)
    law = torch.distributions.MultivariateNormal(mean, covariance + 1e-9 * torch.eye(3))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = law.sample((40_000,)).softmax(-1).mean(0)
    assert fitted.predict_proba(NEW) == pytest.approx(drawn.numpy(), abs=0.01)


def test_a_row_of_weight_two_is_that_row_twice_for_classes_too():
    codec = pn.Table(scaling="none")
    weight = np.ones(60)
    weight[:20] = 2
    doubled = np.concatenate([X, X[:20]]), np.concatenate([THIRDS, THIRDS[:20]])
    model = pn.model("gaussian_process", n_restarts=0)
    once = pn.Classifier(model, codec=codec).fit(X, THIRDS, sample_weight=weight)
    twice = pn.Classifier(model, codec=codec).fit(*doubled)
    assert float(once.objective_.log_evidence) == pytest.approx(float(twice.objective_.log_evidence), abs=1e-4)
    assert once.predict_proba(NEW) == pytest.approx(twice.predict_proba(NEW), abs=1e-3)


def test_one_class_sets_of_labels_and_too_many_rows_are_refused():
    with pytest.raises(pn.DataError, match="one class"):
        classes().fit(X, ["a"] * 60)
    with pytest.raises(pn.SettingError, match="one class a row"):
        classes().fit(X, [["a"], ["a", "b"], []] * 20)
    rows = np.arange(3100.0)[:, None]
    with pytest.raises(pn.DataError, match=r"3,000 rows at most.*3,100; .*n_inducing=100"):
        classes().fit(rows, np.arange(3100) % 2)


@pytest.mark.slow
@pytest.mark.parametrize("y", [RINGS, THIRDS], ids=["two", "three"])
def test_inducing_points_tell_classes_nearly_as_all_rows_do(y, tmp_path):
    exact, fitted = classes().fit(X, y), classes(n_inducing=30).fit(X, y)
    assert fitted.objective_.points.shape == (30, 2)
    # the best normal posterior is none by Laplace: of 60 rows they differ by up to .08, with as many points as rows too
    apart = np.abs(fitted.predict_proba(X) - exact.predict_proba(X))
    assert apart.max() < 0.1
    assert apart.mean() < 0.05
    n = len(set(y.tolist()))
    assert fitted.predict_proba(X + 500) == pytest.approx(1 / n, abs=1e-5)
    fitted.save(tmp_path / "classes.parnassus")
    again = pn.load(tmp_path / "classes.parnassus")
    np.testing.assert_array_equal(again.predict_proba(NEW), fitted.predict_proba(NEW))


def test_points_that_stand_for_a_normal_have_its_moments():
    points = normal_points(3)
    torch.testing.assert_close(points.mean(0), torch.zeros(3).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(points.T @ points / len(points), torch.eye(3).double(), atol=1e-9, rtol=0)
    shifted = {tuple(row) for row in points.roll(1, 1).numpy().round(9).tolist()}
    assert shifted == {tuple(row) for row in points.numpy().round(9).tolist()}


@pytest.mark.slow
def test_a_report_tells_what_the_evidence_chose(tmp_path):
    fitted = process(ard=True).fit(X, Y)
    fitted.report(tmp_path / "report.html", X, Y)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for words in ("learned rbf scale 0", "learned rbf scale 1", "learned noise", "log evidence"):
        assert words in page
