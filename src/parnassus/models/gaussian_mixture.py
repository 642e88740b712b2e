"""Gaussian mixtures as densities and clusterings."""

from typing import Literal, get_args

from ..errors import SettingError, did_you_mean
from ..objectives.mixtures import GaussianMixtureEM, Init
from ..registry import model

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
    """
    check_mixture("gmm", n_components, covariance_type, tol, reg_covar, n_init, init)
    return GaussianMixtureEM(
        in_features,
        n_components,
        n_runs=n_init,
        covariance_type={"diagonal": "diag"}.get(covariance_type, covariance_type),
        tol=tol,
        reg_covar=reg_covar,
        init=init,
        means=means,
    )


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
