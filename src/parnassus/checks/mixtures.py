"""Gaussian densities, mixtures, k-means, naive Bayes and discriminants against scipy and scikit-learn."""

from typing import Any

import numpy as np
import torch
from sklearn import cluster, decomposition, discriminant_analysis, mixture, naive_bayes
from sklearn.datasets import load_iris, load_wine

from .. import registry
from ..estimators.bayes import NaiveBayes
from ..estimators.clusterer import Clusterer
from ..estimators.density import Density
from ..functional.mixtures import GaussianParameters, em_step, exponential_form, exponential_network
from ..functional.probability import gaussian_mle, log_gaussian
from . import check, gap

Array = np.ndarray


def rows() -> tuple[Array, Array]:
    """Iris, of float32's precision."""
    X, y = load_iris(return_X_y=True)
    return X.astype(np.float32).astype(np.float64), y


@check("multivariate-gaussian", oracle="scipy", tolerance=1e-9)
def gaussian_densities_against_scipy() -> float:
    """Log-densities of iris under a full covariance against scipy.stats.multivariate_normal."""
    from scipy.stats import multivariate_normal

    X, _ = rows()
    mean, covariance = gaussian_mle(torch.from_numpy(X))
    ours = log_gaussian(torch.from_numpy(X), mean[None], covariance[None])[:, 0].numpy()
    return gap(ours, multivariate_normal(X.mean(0), np.cov(X.T, bias=True)).logpdf(X))


@check("gaussian-mle", oracle="numpy", tolerance=1e-12)
def gaussian_estimates_against_numpy() -> float:
    """Mean and covariance of the likelihood against numpy.mean and numpy.cov."""
    X, _ = rows()
    mean, covariance = gaussian_mle(torch.from_numpy(X))
    return max(gap(mean.numpy(), X.mean(0)), gap(covariance.numpy(), np.cov(X.T, bias=True)))


@check("gmm", oracle="scikit-learn", tolerance=1e-6)
def mixtures_against_scikit_learn() -> float:
    """Weights, means, covariances and log-densities of EM from one start, four shapes of covariance."""
    X, _ = rows()
    start = X[[5, 60, 120]]
    pooled = np.cov(X.T, bias=True) + 1e-6 * np.eye(4)
    shapes = {
        "full": np.stack([pooled] * 3),
        "tied": pooled,
        "diag": np.stack([np.diag(pooled)] * 3),
        "spherical": np.full(3, np.diag(pooled).mean()),
    }
    worst = 0.0
    for shape, covariance in shapes.items():
        precisions = np.linalg.inv(covariance) if shape in ("full", "tied") else 1 / covariance
        theirs = mixture.GaussianMixture(
            3, covariance_type=shape, means_init=start, weights_init=np.full(3, 1 / 3), precisions_init=precisions
        ).fit(X)
        given = tuple(map(tuple, start.tolist()))
        ours = Density(registry.model("gmm", n_components=3, covariance_type=shape, means=given)).fit(X)
        worst = max(
            worst,
            max(
                gap(ours.weights_, theirs.weights_),
                gap(ours.means_, theirs.means_),
                gap(ours.covariances_, theirs.covariances_),
                gap(ours.score_samples(X), theirs.score_samples(X)),
            ),
        )
    return worst


@check("gmm", oracle="(closed form)", tolerance=1e-9)
def blocked_em_against_its_equations() -> float:
    """One step of EM in blocks of matrix products against the equations written out, full covariances."""
    X, _ = rows()
    start = X[[5, 60, 120]]
    given = tuple(map(tuple, start.tolist()))
    ours = Density(registry.model("gmm", n_components=3, means=given), epochs=1).fit(X)
    pooled = torch.from_numpy(np.cov(X.T, bias=True)) + 1e-6 * torch.eye(4, dtype=torch.float64)
    model = GaussianParameters(
        torch.full((3,), 1 / 3, dtype=torch.float64), torch.from_numpy(start), pooled.expand(3, 4, 4)
    )
    found, _ = em_step(torch.from_numpy(X), model, floor=1e-6)
    return max(gap(ours.means_, found.means), gap(ours.covariances_, found.covariances))


@check("kmeans", oracle="scikit-learn", tolerance=1e-6)
def k_means_against_scikit_learn() -> float:
    """Centers, distances and labels of Lloyd's iterations from the same eight rows."""
    X, _ = rows()
    start = X[::19][:8]
    theirs = cluster.KMeans(8, init=start, n_init=1, algorithm="lloyd").fit(X)
    ours = Clusterer(registry.model("kmeans", n_clusters=8, centers=tuple(map(tuple, start.tolist())))).fit(X)
    return max(
        gap(ours.cluster_centers_, theirs.cluster_centers_),
        gap(ours.transform(X), theirs.transform(X)),
        gap(ours.labels_, theirs.labels_),
    )


@check("multinomial-nb", oracle="scikit-learn", tolerance=1e-6)
def multinomial_naive_bayes_against_scikit_learn() -> float:
    """Probabilities of MultinomialNB on the wine table."""
    X, y = load_wine(return_X_y=True)
    X = X.astype(np.float32).astype(np.float64)
    ours = NaiveBayes("multinomial_nb").fit(X, y).predict_proba(X)
    return gap(ours, naive_bayes.MultinomialNB().fit(X, y).predict_proba(X))


@check("gaussian-nb", oracle="scikit-learn", tolerance=1e-6)
def gaussian_naive_bayes_against_scikit_learn() -> float:
    """Probabilities of GaussianNB on iris."""
    X, y = rows()
    return gap(NaiveBayes().fit(X, y).predict_proba(X), naive_bayes.GaussianNB().fit(X, y).predict_proba(X))


@check("gmm-nb", "gmm-exponential-form", oracle="(closed form)", tolerance=1e-6)
def a_mixture_a_class_is_a_net_of_exponential_units() -> float:
    """Posteriors of fitted mixtures, one a class, against the one-layer exponential net with their weights."""
    X, y = rows()
    ours = NaiveBayes("gmm_nb").fit(X, y)
    net: Any = ours.objective_
    w = exponential_form(net.means + net.shift, net.covariances)
    said = exponential_network(torch.from_numpy(X), w, net.weights, net.log_prior).softmax(1).numpy()
    return gap(said, ours.predict_proba(X))


@check("gaussian-nb", oracle="scikit-learn", tolerance=1e-5)
def discriminants_against_scikit_learn() -> float:
    """Probabilities of linear discriminant analysis with shrinkage 0.1 on iris."""
    X, y = rows()
    theirs = discriminant_analysis.LinearDiscriminantAnalysis("lsqr", shrinkage=0.1).fit(X, y)
    ours = NaiveBayes(registry.model("lda", shrinkage=0.1)).fit(X, y)
    return gap(ours.predict_proba(X), theirs.predict_proba(X))


@check("gmm", oracle="scikit-learn", tolerance=1e-6)
def hidden_directions_against_scikit_learn() -> float:
    """Log-densities of probabilistic PCA and factor analysis on iris, two directions each."""
    X, _ = rows()
    pca, factors = decomposition.PCA(2).fit(X), decomposition.FactorAnalysis(2, svd_method="lapack").fit(X)
    return max(
        gap(Density("ppca").fit(X).score_samples(X), pca.score_samples(X)),
        gap(Density("factor_analysis").fit(X).score_samples(X), factors.score_samples(X)),
    )
