"""Variational autoencoders over vectors."""

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from ...errors import SettingError, did_you_mean
from ...objectives.generative.hierarchical_vae import HierarchicalVariational
from ...objectives.generative.vae import Bound, Likelihood, Variational
from ...registry import model
from .autoencoder import check_sizes, layered

Variance = Literal["feature", "network", "unit"]
LEAST, MOST = -8.0, 8.0  # of ln variances: an entry that never varies would drive its variance to 0 without end


class DenseVAE(nn.Module):
    """q(z | x) = N(mu, diag sigma^2) and p(x | z), their moments by stacks of dense layers.

        h = g(W1 x + V (1 - o) + b1),   mu = W2 h + b2,   ln sigma^2 = W3 h + b3

    with o the mask of observed entries (V starts at 0 and stays there where nothing is missing), and the decoder the
    same from z. `variance` is ln sigma^2 of x: one learned number a feature, of the "network" (eq. 7.50), or 0.

    Systems: vae
    Source: Martinez-Ramon 7.9.3, eqs 7.49, 7.50, whose density of z under the decoder is of x (F7-26).
    """

    def __init__(
        self, n_features: int, hidden: tuple[int, ...], n_latent: int, *, activation: str, variance: Variance
    ) -> None:
        super().__init__()
        self.n_code = n_latent
        first = hidden[0] if hidden else n_features
        self.body = layered([n_features, *hidden], activation, activation) if hidden else nn.Identity()
        self.holes = nn.Linear(n_features, first, bias=False)
        nn.init.zeros_(self.holes.weight)
        last = hidden[-1] if hidden else n_features
        self.mean, self.log_variance = nn.Linear(last, n_latent), nn.Linear(last, n_latent)
        back = hidden[::-1]
        self.unbody = layered([n_latent, *back], activation, activation) if back else nn.Identity()
        width = back[-1] if back else n_latent
        self.made = nn.Linear(width, n_features)
        self.spread = nn.Linear(width, n_features) if variance == "network" else None
        if variance == "feature":
            self.features: Tensor = nn.Parameter(torch.zeros(n_features))
        else:
            self.register_buffer("features", torch.zeros(n_features))

    def posterior(self, x: Tensor, observed: Tensor | None) -> tuple[Tensor, Tensor]:
        """mu and ln sigma^2 of q(z | x), each (batch, n_latent)."""
        seen = x if observed is None else x * observed
        if isinstance(self.body, nn.Sequential):
            h = self.body[0](seen)
            h = h if observed is None else h + self.holes(1 - observed)
            h = self.body[1:](h)
        else:
            h = seen if observed is None else seen + self.holes(1 - observed)
        return self.mean(h), self.log_variance(h).clamp(LEAST, MOST)

    def likelihood(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The mean (or logits) of x given z, and ln variances that broadcast to it."""
        h = self.unbody(z)
        spread = self.features if self.spread is None else self.spread(h)
        return self.made(h), spread.clamp(LEAST, MOST)


@model.variants("autoencoder", choices=("| unit_vectors",))
def vae(
    *,
    in_features: int,
    unit_vectors: tuple[int, ...] | None,
    hidden: tuple[int, ...] = (128,),
    n_latent: int = 8,
    activation: str = "tanh",
    likelihood: Likelihood = "gaussian",
    variance: Variance = "feature",
    bound: Bound = "analytic",
    beta: float = 1.0,
    n_draws: int = 1,
    n_warm_up: int = 0,
    hide: float = 0.0,
) -> Variational:
    """A variational autoencoder: codes with a distribution, likelihoods of rows, draws for what is missing.

    Parameters
    ----------
    hidden : widths between x and z; the decoder has them turned round.
    n_latent : numbers in z.
    likelihood : "gaussian"; "bernoulli" for values from 0 to 1; "categorical" for one category of each column that
        holds such, the others Gaussian.
    variance : of a Gaussian: one a "feature", of the "network", or "unit".
    bound : "analytic" (estimator B), "sampled" (A) or "iwae".
    beta : what the divergence from the prior counts.
    n_draws : of z, a row and step.
    n_warm_up : steps over which beta rises from 0.
    hide : the share of entries that the encoder does not see in training, so that it does not count on any of them.
    """
    check_sizes("vae", n_latent, hidden)
    if variance not in ("feature", "network", "unit"):
        raise SettingError(
            f"model 'vae': variance={variance!r}; {did_you_mean(variance, ('feature', 'network', 'unit'))}"
        )
    if likelihood == "bernoulli":
        variance = "unit"  # which it has no use for
    net = DenseVAE(in_features, hidden, n_latent, activation=activation, variance=variance)
    options = {"beta": beta, "n_draws": n_draws, "n_warm_up": n_warm_up, "hide": hide, "sizes": unit_vectors or ()}
    return Variational(net, likelihood=likelihood, bound=bound, **options)  # type: ignore[arg-type]


@model.variants("autoencoder", choices=("| unit_vectors",))
def hierarchical_vae(
    *,
    in_features: int,
    unit_vectors: tuple[int, ...] | None,
    hidden: tuple[int, ...] = (128,),
    n_latent: tuple[int, ...] = (16, 4),
    between: int = 32,
    activation: str = "tanh",
    likelihood: Likelihood = "gaussian",
    variance: Variance = "feature",
    bound: Bound = "analytic",
    beta: float = 1.0,
    n_draws: int = 1,
    n_warm_up: int = 0,
    hide: float = 0.0,
) -> HierarchicalVariational:
    """A variational autoencoder with codes of several levels, each with a distribution given the one above it.

    Parameters
    ----------
    hidden : widths between x and the lowest code; the decoder has them turned round.
    n_latent : numbers in the code of each level, the lowest first.
    between : width of the layer between two levels.
    likelihood, variance, bound, beta, n_draws, n_warm_up, hide : as of "vae".

    Source: Rezende, Mohamed and Wierstra 2014; Burda, Grosse and Salakhutdinov 2016.
    """
    if not isinstance(n_latent, tuple | list) or len(n_latent) < 2:
        raise SettingError(f"model 'hierarchical_vae': n_latent is the widths of two levels or more; got {n_latent!r}")
    check_sizes("hierarchical_vae", min(between, *n_latent), hidden)
    if likelihood == "bernoulli":
        variance = "unit"
    net = DenseVAE(in_features, hidden, n_latent[0], activation=activation, variance=variance)
    pairs = list(pairwise(n_latent))
    up = [layered([low, between, 2 * high], activation, "linear") for low, high in pairs]
    down = [layered([high, between, 2 * low], activation, "linear") for low, high in pairs]
    options = {"beta": beta, "n_draws": n_draws, "n_warm_up": n_warm_up, "hide": hide, "sizes": unit_vectors or ()}
    return HierarchicalVariational(net, up, down, n_latent, likelihood=likelihood, bound=bound, **options)
