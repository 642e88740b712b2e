"""What the states of a hidden Markov model emit: symbols, Gaussians, mixtures of Gaussians.

An emission has `log_prob(x)` (frames, K), `statistics(x, gamma)`, the weighted sums that its new parameters are made
from (they add up over sequences and batches), and `update(sums)`, the M step, which says what it had to repair.
Parameters are buffers in float64: they are set, not moved by gradients.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ..errors import DataError
from ..functional.chains import Chain, Emitted, gaussian_counts
from ..functional.diagonals import BLOCK, log_densities, weighted_moments
from ..functional.probability import LOG_2PI

Covariance = Literal["diagonal", "spherical", "full", "tied"]
LEAST = 1e-6  # frames: a state that was seen less has nothing to be estimated from


class Emissions(nn.Module):
    """K densities or distributions over what a frame may hold."""

    n_states: int

    @property
    def n_parameters(self) -> int:
        """How many free numbers the densities have, for BIC and AIC."""
        raise NotImplementedError

    def log_prob(self, x: Tensor) -> Tensor:
        """log b_k(x_t) (frames, K)."""
        raise NotImplementedError

    def begin(self, x: Tensor, gamma: Tensor) -> None:
        """First parameters from frames and a first guess of which state each belongs to (frames, K)."""
        raise NotImplementedError

    def statistics(self, x: Tensor, gamma: Tensor) -> list[Tensor]:
        """Sums over frames, weighted by gamma (frames, K)."""
        raise NotImplementedError

    def at_once(self, chain: Chain, x: Tensor, lengths: Tensor, weight: Tensor | None) -> Emitted | None:
        """What a step of Baum-Welch adds up of sequences end to end, weight (n,); None where no loop has it all."""
        return None

    def update(self, sums: Sequence[Tensor]) -> list[str]:
        """Set the parameters that the sums call for; what was repaired, in words, a line each."""
        raise NotImplementedError

    def reseed(self, state: int, x: Tensor) -> None:
        """Put a state that lost all its frames where frame x is."""
        raise NotImplementedError

    def log_prior(self) -> Tensor:
        """What the prior adds to the log likelihood that EM raises."""
        raise NotImplementedError

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """One observation for each state (frames,), drawn by the generator."""
        raise NotImplementedError


class Categorical(Emissions):
    """K distributions over symbols 0 to vocab_size - 1; `prior` is a count added to each.

    Systems: hmm
    Source: Hifny A13.17 and A13.22.
    """

    def __init__(self, n_states: int, vocab_size: int, *, prior: float = 0.0) -> None:
        super().__init__()
        self.n_states, self.vocab_size, self.prior = n_states, vocab_size, prior
        self.register_buffer("probabilities", torch.full((n_states, vocab_size), 1 / vocab_size, dtype=torch.float64))

    probabilities: Tensor

    @property
    def n_parameters(self) -> int:
        return self.n_states * (self.vocab_size - 1)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.probabilities.log().T[x]

    def begin(self, x: Tensor, gamma: Tensor) -> None:
        """Counts, mixed with random ones: equal states would stay equal."""
        own = self.statistics(x, gamma)[0] + 1
        noise = torch.rand(own.shape, dtype=own.dtype) + 0.5
        self.probabilities.copy_(own * noise.to(own) / (own * noise.to(own)).sum(1, keepdim=True))

    def statistics(self, x: Tensor, gamma: Tensor) -> list[Tensor]:
        return [gamma.new_zeros(self.vocab_size, gamma.shape[1]).index_add_(0, x, gamma).T]

    def update(self, sums: Sequence[Tensor]) -> list[str]:
        counts = sums[0] + self.prior
        seen = counts.sum(1, keepdim=True)
        self.probabilities.copy_(torch.where(seen > LEAST, counts / seen.clamp(min=LEAST), self.probabilities))
        return []

    def reseed(self, state: int, x: Tensor) -> None:
        self.probabilities[state] = 0.5 / self.vocab_size
        self.probabilities[state, int(x)] += 0.5

    def log_prior(self) -> Tensor:
        return (self.prior * self.probabilities.log()).sum() if self.prior else self.probabilities.new_zeros(())

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        return torch.multinomial(self.probabilities[states], 1, generator=generator)[:, 0]


class Gaussian(Emissions):
    """K Gaussians (K, features); `covariance` is diagonal, spherical, full, or one full matrix that is tied.

    Variances (eigenvalues of full ones) stay above `floor` times the mean variance of the first frames. `prior` is a
    number of frames with the mean and the covariance of all, which are added to each state's own.

        b_k(x) = (2 pi)^(-d/2) |S_k|^(-1/2) exp(-(x - m_k)' S_k^-1 (x - m_k) / 2)
        m_k = C_k(x) / C_k(1);   S_k = C_k(x x') / C_k(1) - m_k m_k'

    Systems: hmm
    Source: Hifny A13.22, eqs 13.93 to 13.98.
    """

    def __init__(
        self,
        n_states: int,
        n_features: int,
        *,
        covariance: Covariance = "diagonal",
        floor: float = 1e-6,
        prior: float = 0.0,
    ) -> None:
        super().__init__()
        self.n_states, self.n_features, self.covariance = n_states, n_features, covariance
        self.relative_floor, self.prior = floor, prior
        shape = (n_states, n_features) if self.by_feature else (n_states, n_features, n_features)
        spread = torch.ones(shape) if self.by_feature else torch.eye(n_features).expand(shape)
        for name, value in {
            "means": torch.zeros(n_states, n_features),
            "covariances": spread.clone(),
            "centre": torch.zeros(n_features),
            "overall": torch.ones(n_features) if self.by_feature else torch.eye(n_features),
            "least": torch.tensor(0.0),
        }.items():
            self.register_buffer(name, value.double())

    means: Tensor
    covariances: Tensor  # variances (K, features), or matrices (K, features, features)
    centre: Tensor
    overall: Tensor
    least: Tensor

    @property
    def n_parameters(self) -> int:
        k, d = self.n_states, self.n_features
        spread = {"diagonal": k * d, "spherical": k, "full": k * d * (d + 1) // 2, "tied": d * (d + 1) // 2}
        return k * d + spread[self.covariance]

    @property
    def by_feature(self) -> bool:
        return self.covariance in ("diagonal", "spherical")

    def log_prob(self, x: Tensor) -> Tensor:
        means = self.means - self.centre
        if self.by_feature:
            return log_densities(x, self.centre, means, self.covariances)
        out = torch.empty(self.n_states, len(x), dtype=torch.float64, device=x.device)
        root = torch.linalg.cholesky(self.covariances)
        whitening = torch.linalg.solve_triangular(
            root, torch.eye(self.n_features, dtype=root.dtype, device=root.device).expand_as(root), upper=False
        )
        constant = 2 * root.diagonal(dim1=1, dim2=2).log().sum(1) + self.n_features * LOG_2PI
        for at, part in enumerate(x.split(BLOCK)):
            z = part.double() - self.centre
            for k in range(self.n_states):
                out[k, at * BLOCK : at * BLOCK + len(part)] = -0.5 * ((z - means[k]) @ whitening[k].T).square().sum(1)
        return out.sub_(0.5 * constant[:, None]).T

    def begin(self, x: Tensor, gamma: Tensor) -> None:
        self.centre.copy_(x.double().mean(0))
        if self.by_feature:
            every = weighted_moments(x, self.centre, gamma.new_ones(len(x), 1))
            self.overall.copy_(every.squares[0] / len(x))
        else:
            z = x.double() - self.centre
            self.overall.copy_(z.T @ z / len(z))
        spread = self.overall if self.by_feature else self.overall.diagonal()
        self.least.copy_(self.relative_floor * spread.mean())
        self.means.copy_(self.centre.expand_as(self.means))
        self.covariances.copy_(self.overall + (self.least if self.by_feature else self.least * torch.eye(len(spread))))
        self.update(self.statistics(x, gamma))

    def at_once(self, chain: Chain, x: Tensor, lengths: Tensor, weight: Tensor | None) -> Emitted | None:
        if not self.by_feature:
            return None
        means = self.means - self.centre
        return gaussian_counts(chain, x, lengths, self.centre, means, self.covariances, weight=weight)

    def statistics(self, x: Tensor, gamma: Tensor) -> list[Tensor]:
        if self.by_feature:
            return list(weighted_moments(x, self.centre, gamma))
        d = self.n_features
        sums = gamma.new_zeros(self.n_states, d)
        squares = torch.zeros_like(self.covariances)
        for part, own in zip(x.split(BLOCK), gamma.split(BLOCK), strict=True):
            z = part.double() - self.centre
            sums.addmm_(own.T, z)
            if self.covariance == "tied":
                squares[0].addmm_((own.sum(1, keepdim=True) * z).T, z)
            else:
                squares.baddbmm_(own.T[:, :, None].mul(z).mT, z.expand(self.n_states, -1, -1))
        return [gamma.sum(0), sums, squares]

    def update(self, sums: Sequence[Tensor]) -> list[str]:
        counts, total, squares = sums
        counts = counts + self.prior  # the prior's frames have mean 0 here: numbers are about the centre
        squares = squares + self.prior * (self.overall if self.covariance != "tied" else 0)
        seen = counts > LEAST
        means = total / counts.clamp(min=LEAST)[:, None]
        self.means.copy_(torch.where(seen[:, None], means + self.centre, self.means))
        found, repairs = self._spread(counts, means, squares)
        shape = (-1,) + (1,) * (found.ndim - 1)
        self.covariances.copy_(torch.where(seen.view(shape), found, self.covariances))
        return [f"state {k}: {words}" for k, words in repairs if seen[k]]

    def _spread(self, counts: Tensor, means: Tensor, squares: Tensor) -> tuple[Tensor, list[tuple[int, str]]]:
        """Covariances held above the floor, and the states where that was needed."""
        n = counts.clamp(min=LEAST)
        if self.by_feature:
            variance = squares / n[:, None] - means.square()
            if self.covariance == "spherical":
                variance = variance.mean(1, keepdim=True).expand_as(variance)
            return self._floored(variance, variance.amin(1))
        if self.covariance == "tied":
            total = squares[0] - (means * counts[:, None]).T @ means + self.prior * self.n_states * self.overall
            matrix = (total / counts.sum()).expand(self.n_states, -1, -1)
        else:
            matrix = squares / n[:, None, None] - means[:, :, None] * means[:, None, :]
        matrix = (matrix + matrix.mT) / 2
        values, vectors = torch.linalg.eigh(matrix)
        low = values[:, 0] <= self.least
        kept, repairs = self._floored(values, values[:, 0])
        again = vectors * kept[:, None, :] @ vectors.mT
        return torch.where(low[:, None, None], again, matrix), repairs

    def _floored(self, values: Tensor, lowest: Tensor) -> tuple[Tensor, list[tuple[int, str]]]:
        low = (lowest < self.least) | (lowest <= 0)
        states = low.nonzero()[:, 0].tolist()
        if states and self.least <= 0:
            raise DataError(
                f"state {states[0]} has a singular covariance (least variance {float(lowest[states[0]]):.3g}): its "
                "frames agree in a feature, or are too few; give a floor above 0, fewer states, or another covariance"
            )
        words = f"a variance fell to {{:.3g}} and was held at the floor {float(self.least):.3g}"
        return values.clamp(min=self.least), [(k, words.format(float(lowest[k]))) for k in states]

    def reseed(self, state: int, x: Tensor) -> None:
        self.means[state] = x
        self.covariances[state] = (
            self.overall.clamp(min=self.least)
            if self.by_feature
            else (self.overall + self.least * torch.eye(self.n_features, dtype=torch.float64, device=x.device))
        )

    def log_prior(self) -> Tensor:
        if not self.prior:
            return self.means.new_zeros(())
        away = self.means - self.centre
        if self.by_feature:
            own = self.covariances.log() + (self.overall + away.square()) / self.covariances + LOG_2PI
            return -0.5 * self.prior * own.sum()
        inverse = torch.linalg.inv(self.covariances)
        scatter = self.overall + away[:, :, None] * away[:, None, :]
        traces = (inverse * scatter).sum((1, 2))
        return -0.5 * self.prior * (torch.logdet(self.covariances) + traces + self.n_features * LOG_2PI).sum()

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(len(states), self.n_features, dtype=torch.float64, generator=generator)
        if self.by_feature:
            return self.means[states] + noise * self.covariances[states].sqrt()
        root = torch.linalg.cholesky(self.covariances)
        return self.means[states] + (root[states] @ noise[:, :, None])[..., 0]


class Mixture(Emissions):
    """K mixtures of M Gaussians: b_j(x) = sum_m c_jm N(x; m_jm, S_jm).

    Systems: hmm, baum-welch
    Source: Hifny A13.18, eqs 13.78 and 13.79, where the deviation is called a variance (F34).
    """

    def __init__(
        self,
        n_states: int,
        n_features: int,
        *,
        n_mixtures: int = 2,
        covariance: Covariance = "diagonal",
        floor: float = 1e-6,
        prior: float = 0.0,
    ) -> None:
        super().__init__()
        self.n_states, self.n_mixtures, self.prior = n_states, n_mixtures, prior
        self.gaussians = Gaussian(n_states * n_mixtures, n_features, covariance=covariance, floor=floor, prior=prior)
        self.register_buffer("weights", torch.full((n_states, n_mixtures), 1 / n_mixtures, dtype=torch.float64))

    weights: Tensor

    @property
    def n_parameters(self) -> int:
        return self.gaussians.n_parameters + self.n_states * (self.n_mixtures - 1)

    def _parts(self, x: Tensor) -> Tensor:
        """log c_jm N(x; m_jm, S_jm) (frames, K, M)."""
        return self.gaussians.log_prob(x).view(len(x), self.n_states, self.n_mixtures) + self.weights.log()

    def log_prob(self, x: Tensor) -> Tensor:
        return torch.logsumexp(self._parts(x), 2)

    def begin(self, x: Tensor, gamma: Tensor) -> None:
        """Each state's frames dealt out by where they lie along their main direction."""
        parts = x.new_zeros(len(x), self.n_states, self.n_mixtures, dtype=torch.float64)
        state = gamma.argmax(1)
        for k in range(self.n_states):
            at = ((state == k) & (gamma[:, k] > 0)).nonzero()[:, 0]
            parts[at, k, _dealt(x[at].double(), self.n_mixtures)] = gamma[at, k]
        self.gaussians.begin(x, parts.flatten(1))
        self.weights.fill_(1 / self.n_mixtures)

    def statistics(self, x: Tensor, gamma: Tensor) -> list[Tensor]:
        shares = (self._parts(x).softmax(2) * gamma[:, :, None]).flatten(1)
        return self.gaussians.statistics(x, shares)

    def update(self, sums: Sequence[Tensor]) -> list[str]:
        counts = sums[0].view(self.n_states, self.n_mixtures) + self.prior
        seen = counts.sum(1, keepdim=True)
        self.weights.copy_(torch.where(seen > LEAST, counts / seen.clamp(min=LEAST), self.weights))
        return [_by_state(words, self.n_mixtures) for words in self.gaussians.update(sums)]

    def reseed(self, state: int, x: Tensor) -> None:
        self.weights[state] = 1 / self.n_mixtures
        for m in range(self.n_mixtures):
            self.gaussians.reseed(state * self.n_mixtures + m, x)

    def log_prior(self) -> Tensor:
        own = (self.prior * self.weights.log()).sum() if self.prior else 0
        return self.gaussians.log_prior() + own

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        part = torch.multinomial(self.weights[states], 1, generator=generator)[:, 0]
        return self.gaussians.sample(states * self.n_mixtures + part, generator)


def _dealt(x: Tensor, n: int) -> Tensor:
    """A part 0 to n - 1 for each row: equal numbers, in the order of the rows along their main direction."""
    if len(x) < 2:
        return torch.zeros(len(x), dtype=torch.int64, device=x.device)
    centred = x - x.mean(0)
    direction = torch.linalg.eigh(centred.T @ centred)[1][:, -1]
    rank = (centred @ direction).argsort().argsort()
    return rank * n // len(x)


def _by_state(words: str, n_mixtures: int) -> str:
    """What is said of a Gaussian, of the part of a state that it is."""
    name, _, rest = words.partition(":")
    k, m = divmod(int(name.split()[1]), n_mixtures)
    return f"state {k}, part {m}:{rest}"
