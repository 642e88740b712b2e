"""Variational autoencoders: a lower bound of the likelihood of rows, holes left out, draws for what is missing."""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError, did_you_mean
from ...functional.autoencoding import (
    Draws,
    divergence,
    drawn_units,
    iwae_bound,
    log_normal,
    log_shares,
    log_weights,
    reparameterized,
    sgvb_a,
)
from ...train.phase import Batch, Phase
from .autoencoder import Autoencoding, mean_over, observed_of, refuse_beyond_unit, refuse_outside_unit

Likelihood = Literal["gaussian", "bernoulli", "categorical"]
Bound = Literal["analytic", "sampled", "iwae"]
SCORED = 16  # draws that a row's score is a mean over
N_MOVES, N_TRIED, N_WEIGHED = 2, 16, 64  # of holes: guesses of what stands there, codes tried for each, and at last


class Variational(Autoencoding):
    """q(z | x) and p(x | z) learned together, by a lower bound of ln p(x) that is made large.

        E_q ln p(x | z) - beta KL(q(z | x) || N(0, I))

    Parameters
    ----------
    net : has `n_code`, `posterior(x, observed)`, giving mu and ln sigma^2 of q (n, k), and `likelihood(z)`, giving the
        mean (or logits) of x and ln sigma^2 of x, which a Bernoulli decoder does not use.
    likelihood : of x given z: "gaussian"; "bernoulli" for values from 0 to 1; "categorical" for one category of each
        unit vector, beside Gaussian numbers.
    sizes : of the unit vectors that x ends with.
    bound : "analytic" is estimator B, "sampled" is A, "iwae" weighs the draws by importance.
    beta : what the divergence counts; other than 1 it is no bound of ln p(x).
    n_draws : of z, a row and step.
    n_warm_up : steps over which beta rises from 0.
    hide : the share of observed entries that the encoder does not see in training, though they are scored.

    Holes are told to the encoder and left out of the likelihood, so that no filled-in number is ever scored; the text
    fills with 0, scores it, and writes over what was observed (F7-28).

    Systems: vae, beta-vae-imputation
    Source: Martinez-Ramon 7.9, eqs 7.42 to 7.51; Kingma and Welling 2014; Higgins et al. 2017; Burda et al. 2016;
    holes are filled by weight as Mattei and Frellsen 2019 do.
    """

    steps: Tensor

    def __init__(
        self,
        net: nn.Module,
        *,
        likelihood: Likelihood = "gaussian",
        sizes: Sequence[int] = (),
        bound: Bound = "analytic",
        beta: float = 1.0,
        n_draws: int = 1,
        n_warm_up: int = 0,
        hide: float = 0.0,
    ) -> None:
        super().__init__(int(net.n_code))  # type: ignore[arg-type]
        for name, value, known in (("likelihood", likelihood, Likelihood), ("bound", bound, Bound)):
            if value not in get_args(known):
                raise SettingError(f"a VAE's {name}={value!r}; {did_you_mean(value, get_args(known))}")
        if not (beta >= 0 and n_draws >= 1 and n_warm_up >= 0 and 0 <= hide < 1):
            raise SettingError(
                f"a VAE has beta >= 0, n_draws >= 1, n_warm_up >= 0 and hide in [0, 1); "
                f"got {beta}, {n_draws}, {n_warm_up}, {hide}"
            )
        if bound != "analytic" and (beta != 1 or n_warm_up):
            raise SettingError(f"beta and n_warm_up weigh the divergence of bound='analytic'; {bound!r} has none apart")
        if likelihood == "categorical" and not sizes:
            raise SettingError("likelihood='categorical' is of tables with columns of categories, and these rows have "
                               "none; choose 'gaussian'")  # fmt: skip
        self.net, self.sizes = net, list(sizes)
        self.kind, self.bound, self.beta, self.n_draws, self.hide = likelihood, bound, beta, n_draws, hide
        self.n_warm_up = n_warm_up
        self.register_buffer("steps", torch.zeros(()))

    def phases(self) -> Sequence[Phase]:
        return [Phase("bound", self.loss, self.parameters(), after=self._count)]

    def _count(self) -> None:
        self.steps += 1

    def begin(self, batch: Batch) -> None:
        if self.kind == "bernoulli":
            refuse_outside_unit(batch["x"], "likelihood='bernoulli'")

    # --- the bound --------------------------------------------------------------------------------

    def posterior(self, x: Tensor, observed: Tensor | None) -> tuple[Tensor, Tensor]:
        """Mean and ln variance of q(z | x), each (n, k)."""
        return self.net.posterior(x, observed)  # type: ignore[operator]

    def log_likelihood(self, x: Tensor, z: Tensor, observed: Tensor | None) -> Tensor:
        """ln p(x | z) of each row over its observed entries, z (draws, n, k) -> (draws, n)."""
        mean, log_variance = self.net.likelihood(z.flatten(0, 1))  # type: ignore[operator]
        n_draws = len(z)
        mean = mean.unflatten(0, (n_draws, -1))
        if self.kind == "bernoulli":
            each = -F.binary_cross_entropy_with_logits(mean, x.expand_as(mean), reduction="none")
        else:
            spread = log_variance.unflatten(0, (n_draws, -1)) if log_variance.ndim > 1 else log_variance
            each = self._ending(log_normal(x, mean, spread), lambda n: log_shares(mean, self.sizes) * x[:, -n:])
        return (each if observed is None else each * observed).flatten(2).sum(2)

    def _ending(self, entries: Tensor, categories: Callable[[int], Tensor]) -> Tensor:
        """Entries (..., d); the last n, of categories, as these give them where they have a law of their own."""
        n = sum(self.sizes) if self.kind == "categorical" else 0
        return torch.cat([entries[..., :-n], categories(n)], -1) if n else entries

    def drawn(self, batch: Batch, n_draws: int, *, hidden: Tensor | None = None, noise: Tensor | None = None) -> Draws:
        """Draws of q and what the nets say of them; `hidden` is 1 where the encoder may see."""
        x, observed = batch["x"], observed_of(batch)
        mean, log_variance = self.posterior(x, observed if hidden is None else hidden)
        if noise is None:
            noise = torch.randn(n_draws, *mean.shape, dtype=mean.dtype, device=mean.device)
        z = reparameterized(mean, log_variance, noise)
        return Draws(z, mean, log_variance, self.log_likelihood(x, z, observed))

    def loss(self, batch: Batch) -> Tensor:
        """The negative bound, nats a row."""
        hidden = None
        if self.hide:
            observed = observed_of(batch)
            hidden = self._shown(batch["x"])
            hidden = hidden if observed is None else hidden * observed
        d = self.drawn(batch, self.n_draws, hidden=hidden)
        if self.bound == "sampled":
            return -mean_over(sgvb_a(d), batch)
        if self.bound == "iwae":
            return -mean_over(iwae_bound(d), batch)
        share = (self.steps / self.n_warm_up).clamp(max=1) if self.n_warm_up else torch.ones_like(self.steps)
        return -mean_over(d.log_likelihood.mean(0) - share * self.beta * divergence(d), batch)

    def _shown(self, x: Tensor) -> Tensor:
        """1 where the encoder may see an entry (n, d); unit vectors are hidden whole, as what is left would tell."""
        if not self.sizes:
            return (torch.rand_like(x) >= self.hide).to(x.dtype)
        alone = x.shape[1] - sum(self.sizes)
        counts = torch.tensor([1] * alone + self.sizes, device=x.device)
        columns = torch.rand(len(x), len(counts), dtype=x.dtype, device=x.device) >= self.hide
        return columns.to(x.dtype).repeat_interleave(counts, 1)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        d = self.drawn(batch, self.n_draws)
        kl = divergence(d)
        fit = d.log_likelihood.mean(0)
        return {name: mean_over(v, batch) for name, v in (("loss", kl - fit), ("kl", kl), ("likelihood", fit))}

    # --- use --------------------------------------------------------------------------------------

    def codes(self, batch: Batch) -> Tensor:
        return self.posterior(batch["x"], observed_of(batch))[0]

    def lowest(self, codes: Tensor) -> Tensor:
        """What of codes (n, k) the decoder reads."""
        return codes

    def read(self, z: Tensor) -> Tensor:
        """What of draws (..., k) of q the decoder reads."""
        return z

    def decoded(self, codes: Tensor) -> Tensor:
        return self.mean_of(self.lowest(codes))

    def mean_of(self, z: Tensor) -> Tensor:
        """The mean of x given what the decoder reads (n, k)."""
        mean, _ = self.net.likelihood(z)  # type: ignore[operator]
        if self.kind == "bernoulli":
            return mean.sigmoid()
        return self._ending(mean, lambda n: log_shares(mean, self.sizes).exp())

    def rebuilt(self, batch: Batch) -> Tensor:
        return self.decoded(self.codes(batch))

    def scores(self, batch: Batch) -> Tensor:
        self._refuse_beyond(batch)
        generator = torch.Generator().manual_seed(0)  # the same draws for every row: a score is the row's own
        noise = torch.randn(SCORED, 1, self.n_code, generator=generator).to(batch["x"])
        d = self.drawn(batch, SCORED, noise=noise)
        return divergence(d) - d.log_likelihood.mean(0)

    def log_density(self, batch: Batch, n_draws: int) -> Tensor:
        """A lower bound of ln p(x) of each row (n,): the importance-weighted one."""
        self._refuse_beyond(batch)
        return iwae_bound(self.drawn(batch, n_draws))

    def _refuse_beyond(self, batch: Batch) -> None:
        if self.kind == "bernoulli":
            refuse_beyond_unit(batch["x"], "likelihood='bernoulli'")

    def sampled(self, codes: Tensor) -> Tensor:
        """A draw of p(x | z) for each code."""
        return self.drawn_of(self.lowest(codes))

    def drawn_of(self, z: Tensor) -> Tensor:
        """A draw of x given what the decoder reads (n, k)."""
        mean, log_variance = self.net.likelihood(z)  # type: ignore[operator]
        if self.kind == "bernoulli":
            return torch.bernoulli(mean.sigmoid())
        numbers = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        return self._ending(numbers, lambda n: drawn_units(log_shares(mean, self.sizes), self.sizes))

    def tried(self, batch: Batch, filled: Tensor | None, n: int) -> tuple[Tensor, Tensor]:
        """Codes z (n, rows, k) and how much each counts as a draw of p(z | observed entries) (n, rows), sums 1.

        Half come from q of the observed entries, half from q of rows whose holes are filled; either is weighed by
        p(observed | z) p(z) / q(z), which a poor guess of what stands in the holes cannot mislead, but only tire.
        """
        parts = [self.drawn(batch, n if filled is None else n // 2)]
        if filled is not None:
            parts.append(self.drawn(batch | {"x": filled}, n - n // 2, hidden=torch.ones_like(filled)))
        weights = torch.cat([log_weights(d) for d in parts]).softmax(0)
        return self.read(torch.cat([d.z for d in parts])), weights

    def settled(self, batch: Batch) -> Tensor | None:
        """Rows whose holes hold draws that go with what was observed; None where there are no holes."""
        self._refuse_beyond(batch)
        observed, filled = observed_of(batch), None
        if observed is None:
            return None
        for _ in range(N_MOVES):
            filled = torch.where(observed > 0, batch["x"], self._drawn_given(batch, filled, N_TRIED))
        return filled

    def _drawn_given(self, batch: Batch, filled: Tensor | None, n: int) -> Tensor:
        z, weights = self.tried(batch, filled, n)
        chosen = torch.multinomial(weights.mT, 1).squeeze(1)
        return self.drawn_of(z[chosen, torch.arange(z.shape[1], device=z.device)])

    def imputed(self, batch: Batch) -> Tensor:
        return self._drawn_given(batch, self.settled(batch), N_WEIGHED)

    def expected(self, batch: Batch) -> Tensor:
        z, weights = self.tried(batch, self.settled(batch), N_WEIGHED)
        return torch.stack([w[:, None] * self.mean_of(one) for one, w in zip(z, weights, strict=True)]).sum(0)
