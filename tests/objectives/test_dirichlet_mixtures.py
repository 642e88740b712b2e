"""Variational mixtures: scikit-learn's numbers from the same shares, and components that nobody needs empty out."""

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats
from sklearn.mixture import BayesianGaussianMixture

import parnassus as pn
from parnassus.functional.variational import dirichlet_weights, log_precision_excess, stick_breaking_weights

SHAPES = ("full", "tied", "diag", "spherical")
PRIORS = {"dirichlet": "dirichlet_distribution", "dirichlet_process": "dirichlet_process"}


def clouds(n=80, seed=0):
    rng = np.random.default_rng(seed)
    parts = [rng.normal(c, s, (n, 2)) for c, s in ((0, 1), (5, 0.7), ((-5, 4), 1.2))]
    return np.concatenate(parts).astype(np.float32).astype(np.float64)


X = clouds()
START = X[[3, 90, 170, 200, 30]]


class FromShares(BayesianGaussianMixture):
    """Starts from given shares."""

    def _initialize_parameters(self, X, random_state, xp=None):
        self._initialize(X, self.shares)


def theirs_and_ours(shape, prior, n_iter, concentration=0.1):
    """Theirs begins with the shares that ours has first: equal weights, five rows as means, a pooled covariance."""
    pooled = np.cov(X.T, bias=True) + 1e-6 * np.eye(2)
    matrix = {"diag": np.diag(np.diag(pooled)), "spherical": np.eye(2) * np.diag(pooled).mean()}.get(shape, pooled)
    logs = np.stack([stats.multivariate_normal(m, matrix).logpdf(X) for m in START], 1)
    theirs = FromShares(
        n_components=5,
        covariance_type=shape,
        weight_concentration_prior_type=PRIORS[prior],
        weight_concentration_prior=concentration,
        max_iter=n_iter - 1,
        tol=0.0,
    )
    theirs.shares = special.softmax(logs, 1)
    model = pn.model(
        "gmm",
        n_components=5,
        covariance_type=shape,
        means=tuple(map(tuple, START.tolist())),
        weights=prior,
        concentration=concentration,
        tol=0.0,
    )
    return theirs, pn.Density(model, epochs=n_iter).fit(X)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Best performing:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:Initialization:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_iter", [2, 30])
@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("shape", SHAPES)
def test_weights_means_and_covariances_are_scikit_learns(shape, prior, n_iter):
    theirs, ours = theirs_and_ours(shape, prior, n_iter)
    theirs.fit(X)
    np.testing.assert_allclose(ours.weights_, theirs.weights_, atol=1e-7)
    np.testing.assert_allclose(ours.means_, theirs.means_, atol=1e-6)
    np.testing.assert_allclose(ours.covariances_, theirs.covariances_, atol=1e-6)


@pytest.mark.parametrize("prior", PRIORS)
def test_components_that_nobody_needs_empty_out(prior):
    """Three clouds, eight components; the likeliest mixture spends all eight."""
    model = pn.model("gmm", n_components=8, weights=prior, concentration=1e-3, tol=1e-7)
    found = pn.Density(model, epochs=500, seed=1).fit(X)
    assert (found.weights_ > 0.01).sum() == 3
    np.testing.assert_allclose(np.sort(found.weights_)[-3:], 1 / 3, atol=0.02)
    likeliest = pn.Density(pn.model("gmm", n_components=8), epochs=300, seed=1).fit(X)
    assert (likeliest.weights_ > 0.01).sum() > 3


def test_a_large_concentration_keeps_components_alike():
    few, many = (
        pn.Density(pn.model("gmm", n_components=6, weights="dirichlet", concentration=c), epochs=200).fit(X).weights_
        for c in (1e-3, 1e4)
    )
    assert few.min() < 1e-4
    np.testing.assert_allclose(many, 1 / 6, atol=0.01)


@pytest.mark.slow
def test_what_it_says_of_new_rows_is_a_density():
    """It integrates to one, which the sums that training shares rows by do not."""
    one = X[:, :1]
    found = pn.Density(pn.model("gmm", n_components=4, weights="dirichlet"), epochs=50).fit(one)
    total, _ = integrate.quad(lambda x: np.exp(found.score_samples([[x]])[0]), -15, 15, limit=200)
    assert total == pytest.approx(1, abs=1e-4)
    assert found.predict_proba(one).shape == (240, 4)


def test_it_is_saved_whole_and_clusters(tmp_path):
    model = pn.model("gmm", n_components=6, weights="dirichlet", concentration=0.01)
    found = pn.Density(model, epochs=30).fit(X)
    found.save(tmp_path / "kept.pn")
    np.testing.assert_array_equal(pn.load(tmp_path / "kept.pn").score_samples(X), found.score_samples(X))
    groups = pn.Clusterer(model, epochs=200).fit(X).predict(X)
    assert len(np.unique(groups)) == 3


@pytest.mark.slow
def test_expected_logarithms_are_those_of_draws_from_the_posterior():
    """Means of a million draws by NumPy, for a Dirichlet, sticks and scipy's Wishart."""
    rng = np.random.default_rng(0)
    counts = np.array([3.0, 0.5, 7.0])
    drawn = rng.dirichlet(counts + 0.7, 200_000)
    found = dirichlet_weights(torch.tensor(counts), 0.7)
    np.testing.assert_allclose(found.mean, drawn.mean(0), atol=2e-3)
    np.testing.assert_allclose(found.log_mean, np.log(drawn).mean(0), atol=1e-2)
    v = rng.beta(1 + counts, 2.0 + np.array([7.5, 7.0, 0.0]), (200_000, 3))
    sticks = v * np.cumprod(np.concatenate([np.ones((200_000, 1)), 1 - v[:, :-1]], 1), 1)
    found = stick_breaking_weights(torch.tensor(counts), 2.0)
    np.testing.assert_allclose(found.log_mean, np.log(sticks).mean(0), atol=1e-2)
    np.testing.assert_allclose(found.mean, sticks.mean(0) / sticks.mean(0).sum(), atol=2e-3)
    precisions = stats.wishart(df=6, scale=np.eye(3)).rvs(50_000, random_state=1)
    expected = np.linalg.slogdet(precisions)[1].mean() - 3 * np.log(6)
    assert float(log_precision_excess(torch.tensor(6.0, dtype=torch.float64), 3)) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weights": "dirichlett"}, "dirichlet"),
        ({"weights": "dirichlet", "concentration": 0.0}, "above 0"),
        ({"weights": "dirichlet", "n_init": 3}, "one start"),
        ({"concentration": 0.5}, "weights="),
    ],
)
def test_options_that_no_prior_can_have_are_refused(options, words):
    with pytest.raises(pn.SettingError, match=words):
        pn.Density(pn.model("gmm", n_components=2, **options)).fit(X)
