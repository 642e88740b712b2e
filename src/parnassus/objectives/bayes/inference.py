"""Engines that learn a distribution over a net's weights, by name: `pn.inference("vi", prior_std=0.5)`."""

import copy
import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import SettingError, check_count
from ...functional.quantities import normal_information
from ...registry import inference
from ...sampling import Chains, sample
from ...train.phase import Batch
from ...train.randomness import kept_random
from ..supervised import Supervised
from .posterior import Batches, Kept, Posterior, whole_batch

SHORT_PATHS = {"hmc": {"max_steps": 64}, "nuts": {"max_depth": 6}, "mh": {}}
NOT_LAST = (
    "inference='laplace' needs a net that ends in its last dense layer, one output row a row, and this one does not; "
    "take 'vi', 'swag' or 'ensemble'"
)
SMALL_LAYER = 3000  # weights of a last layer whose covariance is kept whole


class Map(Posterior):
    """The likeliest weights under the prior: one net, and with numbers its noise."""

    n_answers = 1

    def draws(self, batch: Batch) -> Tensor:
        return self.inner.outputs(batch)[None]


class Dropped(Posterior):
    """Dropout left on: each draw is the net with other units away."""

    def __init__(self, inner: Supervised, **common: object) -> None:
        super().__init__(inner, **common)  # type: ignore[arg-type]
        self.gates = [m for m in inner.modules() if isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0]
        if not self.gates:
            raise SettingError(
                "inference='mc_dropout' draws by the net's dropout, and this net has none; "
                "give it some, such as pn.model('mlp', dropout=0.1)"
            )

    def draws(self, batch: Batch) -> Tensor:
        for gate in self.gates:
            gate.train()
        try:
            found = []
            for i in range(self.n_draws):
                torch.manual_seed(self.seed + i)  # the caller gives the global state back
                found.append(self.inner.outputs(batch))
            return torch.stack(found)
        finally:
            for gate in self.gates:
                gate.eval()


class Together(Posterior):
    """A deep ensemble: nets that differ in where they began, trained side by side under the prior.

    Source: Lakshminarayanan, Pritzel and Blundell 2017, without adversarial rows; Baker 4.3.
    """

    def __init__(self, inner: Supervised, **common: object) -> None:
        super().__init__(inner, **common)  # type: ignore[arg-type]
        others = [copy.deepcopy(inner) for _ in range(self.n_draws - 1)]
        for i, other in enumerate(others):
            with kept_random(torch.device("cpu"), self.seed, "ensemble", i):
                for module in other.model.modules():
                    if (draw := getattr(module, "reset_parameters", None)) is not None:
                        draw()
            pairs = zip(inner.model.parameters(), other.model.parameters(), strict=True)
            if any(p.ndim > 1 and torch.equal(p, q) for p, q in pairs):
                raise SettingError(
                    "inference='ensemble' draws each net anew, and this one has weights that no module's "
                    "reset_parameters draws; take inference='vi' or 'laplace', or fit several of other seeds "
                    "(pn.Bagging and pn.Voting do, of classifiers and regressors)"
                )
        self.others = nn.ModuleList(others)

    def _members(self) -> list[Supervised]:
        return [self.inner, *self.others]

    def penalty(self) -> Tensor:
        squares = [p.square().sum() for member in self._members() for p in member.model.parameters()]
        return torch.stack(squares).sum() / (2 * self.prior_std**2)

    def map_loss(self, batch: Batch) -> Tensor:
        """The sum over the nets of minus the log posterior a row, so that each learns as if alone."""
        each = [self.nll(member.outputs(batch), batch, self.log_noise) for member in self._members()]
        return torch.stack(each).sum() + self.penalty() / max(self.n_training, 1)

    def draws(self, batch: Batch) -> Tensor:
        return torch.stack([member.outputs(batch) for member in self._members()])


class LastLayer(Posterior):
    """Laplace's approximation of the last dense layer: normal around the likeliest weights, by their curvature.

    The curvature is the Gauss-Newton matrix over all training rows plus the prior's precision. It is kept whole up to
    3,000 weights, beyond that as a Kronecker product of inputs and outputs.

    Source: MacKay 1992; Ritter et al. 2018; Daxberger et al. 2021.
    """

    def __init__(self, inner: Supervised, **common: object) -> None:
        super().__init__(inner, **common)  # type: ignore[arg-type]
        layers = [m for m in self.model.modules() if isinstance(m, nn.Linear)]
        if not layers:
            raise SettingError(
                "inference='laplace' is of the last dense layer, and this net has none; take 'vi' or 'swag'"
            )
        self.last = layers[-1]
        size = self.last.out_features * (self.last.in_features + (self.last.bias is not None))
        self.register_buffer("shifts", torch.zeros(self.n_draws, size))
        self.register_buffer("concluded", torch.tensor(False))

    shifts: Tensor
    concluded: Tensor

    @property
    def ready(self) -> bool:
        return bool(self.concluded)

    def _seen(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The last layer's inputs, with a one for the bias, and the net's outputs."""
        kept: list[Tensor] = []
        hook = self.last.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
        try:
            outputs = self.inner.outputs(batch)
        finally:
            hook.remove()
        phi = kept[-1]
        if phi.ndim != 2 or outputs.shape != (len(phi), self.last.out_features):
            raise SettingError(NOT_LAST)
        if self.last.bias is not None:
            phi = torch.cat((phi, phi.new_ones(len(phi), 1)), 1)
        return phi, outputs

    @torch.no_grad()
    def _check_last(self, batch: Batch) -> None:
        """Refuse a net whose outputs do not move as those of the layer do."""
        some = {k: v[:2] for k, v in batch.items()}
        _, outputs = self._seen(some)
        way = 1 + torch.arange(outputs.numel()).reshape(outputs.shape).to(outputs)
        hook = self.last.register_forward_hook(lambda _, __, said: said + way)
        try:
            moved = self.inner.outputs(some) - outputs
        finally:
            hook.remove()
        if not torch.allclose(moved, way, rtol=1e-3, atol=1e-3 * float(outputs.abs().max())):
            raise SettingError(NOT_LAST)

    def conclude(self, batches: Batches) -> None:
        self.eval()
        k, width = self.last.out_features, self.shifts.shape[1] // self.last.out_features
        whole = self.shifts.shape[1] <= SMALL_LAYER
        self._check_last(next(iter(batches())))
        exact: dict[str, Any] = {"dtype": torch.float64, "device": self.shifts.device}
        curvature = torch.zeros(k * width, k * width, **exact) if whole else None
        inner, outer, n = torch.zeros(width, width, **exact), torch.zeros(k, k, **exact), 0.0
        with torch.no_grad():
            for batch in batches():
                phi, outputs = self._seen(batch)
                bends = self._bends(outputs).double()
                weight = batch["weight"].double() if "weight" in batch else torch.ones(len(phi), **exact)
                phi = phi.double()
                bends = bends * weight[:, None, None]
                if curvature is not None:
                    curvature += torch.einsum("nab,ni,nj->aibj", bends, phi, phi).reshape(k * width, k * width)
                inner += (phi * weight[:, None]).T @ phi
                outer += bends.sum(0)
                n += float(weight.sum())
        noise = torch.Generator().manual_seed(self.seed)
        prior = 1 / self.prior_std**2
        if curvature is not None:
            factor = torch.linalg.cholesky(curvature + prior * torch.eye(k * width, **exact))
            eps = torch.randn(k * width, self.n_draws, generator=noise, dtype=torch.float64).to(factor)
            shifts = torch.linalg.solve_triangular(factor.T, eps, upper=True).T
        else:
            shifts = _kronecker_draws(inner / n, outer, prior, self.n_draws, noise)
        self.shifts.copy_(shifts)
        self.concluded.fill_(True)

    def _bends(self, outputs: Tensor) -> Tensor:
        """Second derivatives of minus the log-likelihood by the outputs, (rows, outputs, outputs); where they depend
        on y (of noises of rows), what is expected of them.
        """
        if self.kind == "numbers":
            return torch.diag(torch.exp(-2 * self.log_noise)).expand(len(outputs), -1, -1)
        if self.kind == "gaussians":
            return torch.diag_embed(normal_information(outputs))
        if self.kind == "labels":
            p = outputs.softmax(1)
            return torch.diag_embed(p) - p[:, :, None] * p[:, None]
        p = outputs.sigmoid()
        return torch.diag_embed(p * (1 - p))

    def draws(self, batch: Batch) -> Tensor:
        phi, outputs = self._seen(batch)
        moved = self.shifts.reshape(self.n_draws, self.last.out_features, -1)
        return outputs + torch.einsum("sow,nw->sno", moved, phi)


def _kronecker_draws(inner: Tensor, outer: Tensor, prior: float, n: int, noise: torch.Generator) -> Tensor:
    """Draws (n, outputs * inputs) of a normal whose precision is outer (x) inner + prior, by both spectra."""
    a, u = torch.linalg.eigh(inner)
    b, v = torch.linalg.eigh(outer)
    spread = (b.clamp(min=0)[:, None] * a.clamp(min=0)[None] + prior).rsqrt()
    eps = torch.randn(n, len(b), len(a), generator=noise, dtype=torch.float64).to(spread) * spread
    return (v @ eps @ u.T).flatten(1)


class Sampled(Kept):
    """Draws of all weights by a Markov chain that starts at the likeliest ones.

    Every step goes over all training rows: this is for small nets and thousands of rows. `chains` tells how it went.
    """

    chains: Chains | None = None

    def __init__(self, inner: Supervised, *, method: str, n_warmup: int, n_chains: int, **common: Any) -> None:
        self.called = method
        self.n_warmup, self.n_chains = check_count("n_warmup", n_warmup, least=0), check_count("n_chains", n_chains)
        self.per_chain = max(4, math.ceil(common["n_draws"] / n_chains))
        super().__init__(inner, n_kept=self.per_chain * n_chains, **common)

    def conclude(self, batches: Batches) -> None:
        batch, n = whole_batch(batches)
        self.eval()

        density = side_by_side(lambda theta: self.log_density(theta, batch, n), self.start().float())
        options: dict[str, Any] = SHORT_PATHS[self.called]
        thin = 5 if self.called == "mh" else 1
        found = sample(
            lambda points: density(points.float()).double(), self.start(), method=self.called, n_draws=self.per_chain,
            n_warmup=self.n_warmup, n_chains=self.n_chains, n_thin=thin, jitter=0.01, seed=self.seed, **options,
        )  # fmt: skip
        self.keep(torch.from_numpy(found["theta"]).float())
        self.chains = found


def side_by_side(density: Callable[[Tensor], Tensor], start: Tensor) -> Callable[[Tensor], Tensor]:
    """The density of many points (points, n) as one program; one by one where a layer has none, as torch's LSTM."""
    mapped = torch.func.vmap(density)

    def together(points: Tensor) -> Tensor:
        with warnings.catch_warnings():  # of layers that torch maps by a loop of its own: no concern of the user's
            warnings.filterwarnings("ignore", message="There is a performance drop")
            return mapped(points)

    try:
        together(start[None])
    except RuntimeError:  # what is wrong with the net itself is raised again by the loop
        return lambda points: torch.stack([density(point) for point in points])
    return together


@inference.register("classifier", "regressor", "forecaster", name="map")
def map_inference(inner: Supervised, seed: int, *, prior_std: float = 1.0, noise: float | None = None) -> Posterior:
    """The likeliest weights under a Gaussian prior: weight decay by another name, with the noise of numbers learned.

    Systems: map-estimation
    """
    return Map(inner, prior_std=prior_std, noise=noise, n_draws=2, seed=seed)


@inference.register("classifier", "regressor", "forecaster", name="mc_dropout")
def dropout_inference(
    inner: Supervised, seed: int, *, prior_std: float = 1.0, noise: float | None = None, n_draws: int = 50
) -> Posterior:
    """Dropout left on in use: as many passes as draws. Source: Gal and Ghahramani 2016."""
    return Dropped(inner, prior_std=prior_std, noise=noise, n_draws=n_draws, seed=seed)


@inference.register("classifier", "regressor", "forecaster", name="ensemble")
def ensemble_inference(
    inner: Supervised, seed: int, *, prior_std: float = 1.0, noise: float | None = None, n_draws: int = 5
) -> Posterior:
    """A deep ensemble: `n_draws` nets from different starts, trained side by side, each answering as one draw."""
    return Together(inner, prior_std=prior_std, noise=noise, n_draws=n_draws, seed=seed)


@inference.register("classifier", "regressor", "forecaster", name="laplace")
def laplace_inference(
    inner: Supervised, seed: int, *, prior_std: float = 1.0, noise: float | None = None, n_draws: int = 100
) -> Posterior:
    """Laplace's approximation of the last dense layer, after ordinary training under the prior."""
    return LastLayer(inner, prior_std=prior_std, noise=noise, n_draws=n_draws, seed=seed)


@inference.register("classifier", "regressor", "forecaster", name="hmc")
def hamiltonian_inference(
    inner: Supervised,
    seed: int,
    *,
    prior_std: float = 1.0,
    noise: float | None = None,
    n_draws: int = 200,
    n_warmup: int = 300,
    n_chains: int = 4,
) -> Posterior:
    """Hamiltonian Monte Carlo over all weights, from the likeliest ones on; for small nets.

    Systems: bayesian-neural-network
    """
    common = {"prior_std": prior_std, "noise": noise, "n_draws": n_draws, "seed": seed}
    return Sampled(inner, method="hmc", n_warmup=n_warmup, n_chains=n_chains, **common)


@inference.register("classifier", "regressor", "forecaster", name="nuts")
def no_u_turn_inference(
    inner: Supervised,
    seed: int,
    *,
    prior_std: float = 1.0,
    noise: float | None = None,
    n_draws: int = 200,
    n_warmup: int = 300,
    n_chains: int = 4,
) -> Posterior:
    """The no-U-turn sampler over all weights, from the likeliest ones on; for small nets."""
    common = {"prior_std": prior_std, "noise": noise, "n_draws": n_draws, "seed": seed}
    return Sampled(inner, method="nuts", n_warmup=n_warmup, n_chains=n_chains, **common)


@inference.register("classifier", "regressor", "forecaster", name="mh")
def metropolis_inference(
    inner: Supervised,
    seed: int,
    *,
    prior_std: float = 1.0,
    noise: float | None = None,
    n_draws: int = 200,
    n_warmup: int = 3000,
    n_chains: int = 4,
) -> Posterior:
    """A random walk by Metropolis and Hastings over all weights: slow, and only for a handful of them."""
    common = {"prior_std": prior_std, "noise": noise, "n_draws": n_draws, "seed": seed}
    return Sampled(inner, method="mh", n_warmup=n_warmup, n_chains=n_chains, **common)
