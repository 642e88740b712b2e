"""A classifier with an autoencoder beside it, for few labels and many rows."""

from ...errors import SettingError
from ...objectives.generative.semi_supervised import Likelihood, SemiSupervisedVAE
from ...registry import model
from .autoencoder import layered


@model.variants("classifier", choices=("| unit_vectors",))
def vae_m2(
    *,
    in_features: int,
    n_outputs: int,
    unit_vectors: tuple[int, ...] | None,
    hidden: tuple[int, ...] = (128,),
    n_latent: int = 8,
    alpha: float = 20.0,
    likelihood: Likelihood = "gaussian",
    activation: str = "relu",
) -> SemiSupervisedVAE:
    """A variational autoencoder whose code has a class: it learns from labelled rows and `fit(..., unlabelled=rows)`.

    Parameters
    ----------
    hidden : widths of each of its three nets.
    n_latent : numbers in the code beside the class.
    alpha : what naming labelled rows counts.
    likelihood : of x: "gaussian", "bernoulli" for values from 0 to 1, or "categorical" for one category of each column
        that holds such, the others Gaussian.
    """
    if n_latent < 1 or not hidden or min(hidden) < 1:
        raise SettingError(f"model 'vae_m2': n_latent and widths are at least 1; got {n_latent} and {hidden}")
    n_classes = 2 if n_outputs == 1 else n_outputs
    back = hidden[::-1]
    return SemiSupervisedVAE(
        layered([in_features, *hidden, n_outputs], activation, "linear"),
        layered([in_features + n_classes, *hidden, 2 * n_latent], activation, "linear"),
        layered([n_latent + n_classes, *back, in_features], activation, "linear"),
        in_features,
        n_outputs,
        alpha=alpha,
        likelihood=likelihood,
        sizes=unit_vectors or (),
    )
