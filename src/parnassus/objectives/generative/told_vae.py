"""A variational autoencoder whose two nets are told what a row is of: a generator of rows."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ...errors import SettingError, did_you_mean
from ...functional.autoencoding import drawn_units, kl_to_standard, log_normal, log_shares, reparameterized
from ...train.phase import Batch, Phase
from .autoencoder import mean_over
from .generating import Generating

Of = Literal["rows", "means"]
Law = Literal["gaussian", "categorical"]
LEAST, MOST = -8.0, 8.0  # of ln variances: an entry that never varies would drive its variance to 0 without end


class ToldVariational(Generating):
    """q(z | x, c) and p(x | z, c) learned together, by a lower bound of ln p(x | c); without a condition c, of ln p(x).

        E_q ln p(x | z, c) - beta KL(q(z | x, c) || N(0, I)),    p(x | z, c) = N(x; net(z, c), diag s^2)

    A "categorical" law has a softmax of net(z, c) over each of the unit vectors that x ends with, and the normal law of
    the other columns.

    Parameters
    ----------
    coder : rows beside c (n, d + k) -> mean and ln variance of q side by side (n, 2 n_latent).
    decoder : z beside c (n, n_latent + k) -> the mean of x (n, d). Classes stand as unit vectors, numbers as they are.
    n_latent : numbers in z. beta : what the divergence counts.
    of : what is drawn: "rows" x of p(x | z, c), or their "means".
    likelihood : the law, "gaussian" or "categorical". sizes : of the unit vectors that x ends with.

    s^2 is one learned number a column.

    Source: Sohn, Lee and Yan 2015 (whose prior is told c too); Kingma and Welling 2014; Martinez-Ramon 7.9.
    """

    def __init__(
        self,
        coder: nn.Module,
        decoder: nn.Module,
        n_features: int,
        n_classes: int = 0,
        *,
        n_told: int = 0,
        n_latent: int = 8,
        beta: float = 1.0,
        of: Of = "rows",
        likelihood: Law = "gaussian",
        sizes: Sequence[int] = (),
    ) -> None:
        super().__init__((n_features,), n_classes, n_told)
        if of not in get_args(Of):
            raise SettingError(f"a VAE draws of={of!r}; {did_you_mean(str(of), get_args(Of))}")
        if n_latent < 1 or not beta >= 0:
            raise SettingError(f"a VAE has n_latent of 1 or more and beta of at least 0; got {n_latent} and {beta}")
        if likelihood not in get_args(Law):
            raise SettingError(f"likelihood={likelihood!r}; {did_you_mean(str(likelihood), get_args(Law))}")
        if likelihood == "categorical" and not sizes:
            raise SettingError("likelihood='categorical' is of tables with columns of categories, and these rows have "
                               "none; choose 'gaussian'")  # fmt: skip
        self.coder, self.decoder, self.n_latent, self.beta, self.of = coder, decoder, n_latent, beta, of
        self.sizes = list(sizes) if likelihood == "categorical" else []
        self.log_variance = nn.Parameter(torch.zeros(n_features))

    def phases(self) -> Sequence[Phase]:
        return [Phase("bound", self.loss, self.parameters())]

    def beside(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """Rows with what they are told of beside them."""
        of = self.told(condition)
        return x if of is None else torch.cat([x, of.to(x)], 1)

    def parts(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """ln p(x | z, c) of each row for one draw of z, and the divergence (n,)."""
        x, condition = batch["x"], self.condition_of(batch)
        mean, log_variance = self.coder(self.beside(x, condition)).chunk(2, 1)
        log_variance = log_variance.clamp(LEAST, MOST)
        z = reparameterized(mean, log_variance, torch.randn_like(mean))
        made = self.decoder(self.beside(z, condition))
        each = log_normal(x, made, self.log_variance.clamp(LEAST, MOST))
        if self.sizes:
            n = sum(self.sizes)
            each = torch.cat([each[:, :-n], log_shares(made, self.sizes) * x[:, -n:]], 1)
        return each.sum(1), kl_to_standard(mean, log_variance)

    def loss(self, batch: Batch) -> Tensor:
        """The negative bound, nats a row."""
        fit, divergence = self.parts(batch)
        return mean_over(self.beta * divergence - fit, batch)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        fit, kl = self.parts(batch)
        return {name: mean_over(v, batch) for name, v in (("loss", kl - fit), ("kl", kl), ("likelihood", fit))}

    @property
    def noise_shape(self) -> tuple[int, ...] | None:
        """z, and what is added to the mean of x."""
        return (self.n_latent + (self.shape[0] if self.of == "rows" else 0),)

    def rows_of(self, noise: Tensor, condition: Tensor | None, generator: torch.Generator | None = None) -> Tensor:
        z, added = noise.to(self.log_variance).split([self.n_latent, noise.shape[1] - self.n_latent], 1)
        made = self.decoder(self.beside(z, condition))
        means = self.of == "means"
        rows = made if means else reparameterized(made, self.log_variance.clamp(LEAST, MOST), added)
        if not self.sizes:
            return rows
        n, logs = sum(self.sizes), log_shares(made, self.sizes)
        return torch.cat([rows[:, :-n], logs.exp() if means else drawn_units(logs, self.sizes, added[:, -n:])], 1)

    def drawn(self, n: int, condition: Tensor | None, generator: torch.Generator) -> Tensor:
        assert self.noise_shape is not None
        return self.rows_of(torch.randn(n, *self.noise_shape, generator=generator), condition)
