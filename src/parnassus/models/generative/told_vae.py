"""Variational autoencoders as generators: of rows, of a class, or for numbers."""

from ...errors import SettingError
from ...objectives.generative.told_vae import Law, Of, ToldVariational
from ...registry import model
from .autoencoder import layered
from .unet_diffusion import rows_and_options


@model.variants("generator", choices=("| n_outputs | n_told", "| unit_vectors"), name="vae")
def vae_of_rows(
    *,
    in_features: int,
    n_outputs: int | None,
    n_told: int | None,
    unit_vectors: tuple[int, ...] | None,
    hidden: tuple[int, ...] = (128,),
    n_latent: int = 8,
    activation: str = "tanh",
    beta: float = 1.0,
    of: Of = "rows",
    likelihood: Law = "gaussian",
) -> ToldVariational:
    """A variational autoencoder that draws rows, its coder and decoder told what they are of.

    Parameters
    ----------
    hidden : widths between x and z; the decoder has them turned round.
    n_latent : numbers in z.
    beta : what the divergence from the prior counts.
    of : what is drawn: "rows", or their "means", which of pictures have no grain.
    likelihood : "gaussian"; "categorical" for one category of each column that holds such, the others Gaussian.

    Source: Sohn, Lee and Yan 2015.
    """
    if any(n < 1 for n in hidden):
        raise SettingError(f"model 'vae': hidden are widths of at least 1; got {hidden}")
    rows, options = rows_and_options(locals())
    hidden, activation = options.pop("hidden"), options.pop("activation")
    options["sizes"] = options.pop("unit_vectors") or ()
    n = rows.n_classes + rows.n_told
    coder = layered([in_features + n, *hidden, 2 * max(n_latent, 1)], activation, "linear")
    decoder = layered([max(n_latent, 1) + n, *hidden[::-1], in_features], activation, "linear")
    return ToldVariational(coder, decoder, in_features, rows.n_classes, n_told=rows.n_told, **options)
