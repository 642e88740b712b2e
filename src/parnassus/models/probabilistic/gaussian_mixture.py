"""Gaussian mixtures as densities and clusterings."""

from typing import Any, Literal, get_args

from ...errors import SettingError, did_you_mean
from ...objectives.probabilistic.dirichlet_mixtures import DirichletMixture, Prior
from ...objectives.probabilistic.mixtures import GaussianMixtureEM, Init
from ...registry import model

Covariance = Literal["full", "tied", "diag", "diagonal", "spherical"]


@model.register("density", "clusterer")
def gmm(
    *,
    in_features: int,
    n_components: int = 1,
    covariance_type: Covariance = "full",
    tol: float = 1e-3,
    reg_covar: float = 1e-6,
    n_init: int = 1,
    init: Init = "kmeans",
    means: tuple[tuple[float, ...], ...] = (),
    weights: Literal["ml", "dirichlet", "dirichlet_process"] = "ml",
    concentration: float | None = None,
) -> GaussianMixtureEM:
    """A mixture of Gaussians by EM: full, tied, diagonal or spherical covariances, restarts side by side.

    Parameters
    ----------
    n_components : how many Gaussians.
    covariance_type : "full", "tied" (one for all), "diag" or "spherical".
    tol : training ends when an iteration gains less log-likelihood a row.
    reg_covar : what is added to variances, in squared units of the columns: the floor.
    n_init : how many starts are trained, side by side; the likeliest is kept.
    init : how the first shares are found: "kmeans", "k-means++" (seeds alone) or "random_from_data".
    means : first means, a tuple for each component, in place of `init`; weights are then equal, covariances pooled.
    weights : "ml", the likeliest; "dirichlet" or "dirichlet_process", by variational Bayes: components that the rows
        do not need empty out, so that n_components is the most there may be.
    concentration : of the Dirichlet prior, rows that each component has beforehand; small ones want few components.
        None takes 1 / n_components.
    """
    check_mixture("gmm", n_components, covariance_type, tol, reg_covar, n_init, init)
    options: dict[str, Any] = {
        "n_runs": n_init,
        "covariance_type": {"diagonal": "diag"}.get(covariance_type, covariance_type),
        "tol": tol,
        "reg_covar": reg_covar,
        "init": init,
        "means": means,
    }
    if weights == "ml":
        if concentration is not None:
            raise SettingError("model 'gmm': concentration is that of weights='dirichlet' or 'dirichlet_process'")
        return GaussianMixtureEM(in_features, n_components, **options)
    check_prior(weights, concentration, n_init)
    given = 1 / n_components if concentration is None else concentration
    return DirichletMixture(in_features, n_components, prior=weights, concentration=given, **options)


def check_prior(weights: str, concentration: float | None, n_init: int) -> None:
    """Refuses a prior that is none, and restarts, of which there is nothing to choose the best by."""
    if weights not in get_args(Prior):
        raise SettingError(f"model 'gmm': no weights {weights!r}; {did_you_mean(weights, ('ml', *get_args(Prior)))}")
    if concentration is not None and not concentration > 0:
        raise SettingError(f"model 'gmm': concentration is above 0; got {concentration!r}")
    if n_init > 1:
        raise SettingError(f"model 'gmm': weights={weights!r} has one start, n_init=1; got {n_init}")


def check_mixture(
    name: str, n_components: int, covariance_type: str, tol: float, reg_covar: float, n_init: int, init: str
) -> None:
    """Refuses options of a mixture that no mixture can have."""
    if n_components < 1 or n_init < 1:
        raise SettingError(f"model {name!r}: n_components and n_init are 1 or more; got {n_components} and {n_init}")
    if not (tol >= 0 and reg_covar >= 0):
        raise SettingError(f"model {name!r}: tol and reg_covar are 0 or more; got {tol!r} and {reg_covar!r}")
    for option, value, known in (
        ("covariance_type", covariance_type, get_args(Covariance)),
        ("init", init, get_args(Init)),
    ):
        if value not in known:
            raise SettingError(f"model {name!r}: no {option} {value!r}; {did_you_mean(value, known)}")
