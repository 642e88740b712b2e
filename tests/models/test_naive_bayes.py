"""Naive Bayes: equal to scikit-learn's probabilities, and to the worked examples."""

import numpy as np
import pytest
import torch
from sklearn import naive_bayes
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.feature_extraction.text import CountVectorizer

import parnassus as pn
from parnassus.functional.mixtures import exponential_form, exponential_network

IRIS, CANCER = load_iris(return_X_y=True), load_breast_cancer(return_X_y=True)
TABLES = {name: (X.astype(np.float32).astype(np.float64), y) for name, (X, y) in (("iris", IRIS), ("cancer", CANCER))}
PAIRS = {
    "gaussian_nb": ({}, naive_bayes.GaussianNB()),
    "gaussian_nb smoothed": ({"var_smoothing": 0.01}, naive_bayes.GaussianNB(var_smoothing=0.01)),
    "multinomial_nb": ({}, naive_bayes.MultinomialNB()),
    "multinomial_nb smoothed": ({"alpha": 0.2}, naive_bayes.MultinomialNB(alpha=0.2)),
    "bernoulli_nb": ({"binarize": 1.5}, naive_bayes.BernoulliNB(binarize=1.5)),
    "bernoulli_nb smoothed": ({"binarize": 1.5, "alpha": 3.0}, naive_bayes.BernoulliNB(binarize=1.5, alpha=3.0)),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", PAIRS)
def test_probabilities_are_scikit_learns(name, table, weighted):
    options, theirs = PAIRS[name]
    X, y = TABLES[table]
    weight = np.random.default_rng(0).integers(1, 4, len(X)).astype(float) if weighted else None
    ours = pn.NaiveBayes(pn.model(name.split()[0], **options)).fit(X, y, sample_weight=weight)
    expected = theirs.fit(X, y, sample_weight=weight).predict_proba(X)
    np.testing.assert_allclose(ours.predict_proba(X), expected, atol=1e-6)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("model", ["gaussian_nb", "multinomial_nb", "bernoulli_nb", "lda", "qda", "gmm_nb"])
def test_rows_cut_for_memory_change_nothing_but_rounding(model):
    X, y = TABLES["iris"]
    whole = pn.NaiveBayes(model).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(pn.NaiveBayes(model, micro_batch_size=13).fit(X, y).predict_proba(X), whole, atol=1e-6)


def test_the_spam_words_of_the_worked_example():
    # Hifny, B28: counts of (free, win, other) 4, 3, 3 and 2, 1, 5; priors .6 and .4; V = 3; a text "free win"
    X = np.array([[4.0, 3, 3], [2, 1, 5]])
    ours = pn.NaiveBayes("multinomial_nb").fit(X, ["spam", "ham"], sample_weight=[1.0, 1.0])
    found = ours.objective_.log_probabilities.exp().numpy()  # classes are sorted: ham, spam
    np.testing.assert_allclose(found[:, :2], [[3 / 11, 2 / 11], [5 / 13, 4 / 13]], rtol=1e-12)
    ours.objective_.log_prior.copy_(torch.tensor([0.4, 0.6]).log())
    np.testing.assert_allclose(ours.predict_proba([[1.0, 1, 0]])[0], [0.2183462532, 0.7816537468], atol=1e-6)


def test_the_gaussian_posterior_of_the_worked_example():
    # Hifny, B59: {1, 2, 3} and {6, 7, 8}, equal priors, x = 4
    ours = pn.NaiveBayes().fit(np.array([[1.0], [2], [3], [6], [7], [8]]), [0, 0, 0, 1, 1, 1])
    assert ours.predict_proba([[4.0]])[0, 0] == pytest.approx(0.9770226301, abs=1e-7)


def test_texts_are_bags_of_words_and_new_words_say_nothing():
    texts = ["free money win money", "win a free prize", "lunch at noon", "notes of the meeting at noon", "free lunch"]
    labels = [1, 1, 0, 0, 0]
    counts = CountVectorizer(token_pattern=r"(?u)\b\w+\b").fit(texts)
    theirs = naive_bayes.MultinomialNB().fit(counts.transform(texts), labels)
    ours = pn.NaiveBayes().fit(texts, labels)
    new = ["free win", "meeting lunch", "unheard words", "money money money"]
    np.testing.assert_allclose(ours.predict_proba(new), theirs.predict_proba(counts.transform(new)), atol=1e-6)


def test_pictures_of_digits_are_told_apart():
    X, y = load_digits(return_X_y=True)
    theirs = naive_bayes.GaussianNB(var_smoothing=1e-3).fit(X[:1200], y[:1200]).score(X[1200:], y[1200:])
    pictures = (X.reshape(-1, 8, 8) * 15).astype(np.uint8)
    model = pn.model("gaussian_nb", var_smoothing=1e-3)
    ours = pn.NaiveBayes(model).fit(pictures[:1200], y[:1200]).score(pictures[1200:], y[1200:])
    assert ours == pytest.approx(theirs, abs=0.02)


def test_a_mixture_for_each_class_tells_what_one_gaussian_cannot():
    rng = np.random.default_rng(0)
    corners = np.array([[-2, -2], [2, 2], [-2, 2], [2, -2]])
    X = corners[np.arange(400) % 4] + 0.5 * rng.normal(size=(400, 2))
    y = np.arange(400) % 4 // 2  # XOR: each class has two corners
    assert pn.Classifier("gmm_nb").fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.99
    assert pn.Classifier("gaussian_nb").fit(X[:200], y[:200]).score(X[200:], y[200:]) < 0.7


def test_the_mixture_of_each_class_is_scikit_learns_on_its_rows():
    from sklearn.mixture import GaussianMixture

    X, y = TABLES["iris"]
    ours = pn.NaiveBayes(pn.model("gmm_nb", n_components=1)).fit(X, y)
    expected = np.stack(
        [GaussianMixture(1, covariance_type="diag", random_state=0).fit(X[y == c]).score_samples(X) for c in range(3)],
        1,
    )
    expected = np.exp(expected - expected.max(1, keepdims=True))
    np.testing.assert_allclose(ours.predict_proba(X), expected / expected.sum(1, keepdims=True), atol=1e-6)


def test_the_fitted_mixtures_are_a_net_of_one_exponential_layer():
    X, y = TABLES["iris"]
    ours = pn.NaiveBayes(pn.model("gmm_nb", n_components=3)).fit(X, y)
    net = ours.objective_
    w = exponential_form(net.means + net.shift, net.covariances)
    said = exponential_network(torch.from_numpy(X), w, net.weights, net.log_prior).softmax(1)
    np.testing.assert_allclose(said, ours.predict_proba(X), atol=1e-6)


def test_classes_in_order_do_not_matter_to_mixtures():
    rng = np.random.default_rng(0)
    X, y = np.repeat([[0.0], [10.0]], 11_000, 0) + rng.normal(size=(22_000, 1)), np.repeat([0, 1], 11_000)
    assert pn.Classifier("gmm_nb").fit(X, y).score(X, y) > 0.999  # the second class is not among the first 10,000 rows


def test_saved_and_loaded_says_the_same(tmp_path):
    X, y = TABLES["iris"]
    for model in ("multinomial_nb", "bernoulli_nb", "gaussian_nb", "gmm_nb"):
        ours = pn.NaiveBayes(model).fit(X, y)
        loaded = pn.load(ours.save(tmp_path / model) and tmp_path / model)
        np.testing.assert_array_equal(loaded.predict_proba(X), ours.predict_proba(X))


# --- bad input ------------------------------------------------------------------------------------


def test_negative_counts_are_refused():
    with pytest.raises(pn.DataError, match=r"takes counts, and a row holds -"):
        pn.NaiveBayes("multinomial_nb").fit(IRIS[0] - 3, IRIS[1])
    with pytest.raises(pn.DataError, match="scaling='none'"):
        pn.Classifier("multinomial_nb").fit(*IRIS)


def test_a_class_of_one_row_has_the_floor_as_its_variance():
    X, y = np.array([[1.0, 5], [2, 4], [3, 6], [9, 9]]), [0, 0, 0, 1]
    theirs = naive_bayes.GaussianNB().fit(X, y)
    ours = pn.NaiveBayes().fit(X, y)
    np.testing.assert_allclose(ours.objective_.variances, theirs.var_, rtol=1e-6)
    np.testing.assert_array_equal(ours.predict(X), y)


def test_sets_of_labels_are_refused():
    with pytest.raises(pn.SettingError, match="one class a row"):
        pn.Classifier("gaussian_nb").fit(IRIS[0], np.arange(150)[:, None] % [2, 3, 5] == 0)


def test_columns_that_never_vary_are_left_out_with_a_warning():
    X = np.concatenate([IRIS[0], np.ones((150, 1))], 1)
    with pytest.warns(pn.DataWarning, match="column"):
        assert pn.NaiveBayes().fit(X, IRIS[1]).score(X, IRIS[1]) > 0.9


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("multinomial_nb", {"alpha": 0.0}),
        ("bernoulli_nb", {"alpha": -1.0}),
        ("gaussian_nb", {"var_smoothing": -1.0}),
        ("gmm_nb", {"n_components": 0}),
        ("gmm_nb", {"covariance_type": "round"}),
        ("lda", {"shrinkage": 2.0}),
        ("qda", {"reg_param": -0.1}),
    ],
)
def test_options_out_of_range_are_refused(model, options):
    with pytest.raises(pn.SettingError, match=model):
        pn.Classifier(pn.model(model, **options)).fit(*IRIS)


def test_negative_counts_are_refused_in_use_as_in_training():
    X = np.array([[3, 0], [0, 2], [4, 1], [1, 5]])
    clf = pn.NaiveBayes("multinomial_nb").fit(X, [0, 1, 0, 1])
    with pytest.raises(pn.DataError, match="counts are not negative"):
        clf.predict([[-5, 1]])
