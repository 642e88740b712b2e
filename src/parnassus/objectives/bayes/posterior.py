"""Nets whose weights are uncertain: several draws of them answer together.

An engine is an objective around a supervised one. While it trains it lowers minus the log posterior a row; `conclude`
may then draw weights. In use, `draws` gives what each draw of the weights says, and `outputs` their mean in the terms
of the target: of numbers the mean, of classes the logits of the mean probability, and of numbers with a noise of each
row's own (`gaussians`) the mean and the deviation of the draws' mixture.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ...errors import DataError, SettingError
from ...functional.criteria import Elementwise, SoftmaxCrossEntropy
from ...functional.losses import binary_cross_entropy, squared_error
from ...functional.probability import LOG_2PI
from ...functional.quantities import GaussianNLL, normal_outputs, normal_parameters
from ...train.phase import Batch, Objective, Phase
from ..supervised import Supervised

SUMMED = ("multilabel", "gaussians")  # kinds whose loss is a mean over what a likelihood adds up


class Posterior(Objective):
    """What all engines share: the likelihood, the Gaussian prior, and answers by several draws.

    Parameters
    ----------
    inner : the supervised objective; its loss must be a likelihood: cross-entropy, or the squared error of numbers,
        which gets a noise of its own, or "gaussian_nll", by which the net says the noise of each row.
    prior_std : of every weight, N(0, prior_std^2).
    noise : standard deviation of numbers around the net, standardised as they are; None learns one for each output.
    n_draws : weights that answer together.
    """

    as_one = True

    def __init__(self, inner: Supervised, *, prior_std: float, noise: float | None, n_draws: int, seed: int) -> None:
        super().__init__()
        check_likelihood(inner, noise)
        told = noise is None or (isinstance(noise, Real) and noise > 0)
        if not prior_std > 0 or n_draws < 2 or not told:
            raise SettingError(
                f"prior_std and noise are above 0, n_draws is 2 or more; got {prior_std}, {noise!r} and {n_draws}"
            )
        self.inner, self.prior_std, self.n_draws, self.seed = inner, prior_std, n_draws, seed
        self.loss, self.kind, self.n_outputs = inner.loss, inner.kind, inner.n_outputs
        self.learns_noise = inner.kind == "numbers" and noise is None
        start = torch.tensor(math.log(0.5 if noise is None else noise))
        start = start.repeat(inner.n_outputs or 1) if inner.kind == "numbers" else start
        if self.learns_noise:
            self.log_noise = nn.Parameter(start)
        else:
            self.register_buffer("log_noise", start)

    log_noise: Tensor

    @property
    def model(self) -> nn.Module:
        """The net."""
        return self.inner.model

    def weights(self) -> dict[str, Tensor]:
        """The net's parameters by name."""
        return dict(self.model.named_parameters())

    def unflat(self, flat: Tensor) -> dict[str, Tensor]:
        """Weights by name from one vector."""
        weights = self.weights()
        parts = flat.split([p.numel() for p in weights.values()])
        return {name: part.view_as(p) for (name, p), part in zip(weights.items(), parts, strict=True)}

    # --- the density ------------------------------------------------------------------------------

    def nll(self, outputs: Tensor, batch: Batch, log_noise: Tensor) -> Tensor:
        """Minus the mean log-likelihood of the rows; sums over a row's numbers and labels."""
        y, weight = batch["y"], batch.get("weight")
        if self.kind != "numbers":
            return self.loss(outputs, y, weight) * (y.shape[1] if self.kind in SUMMED else 1)
        squares = (outputs - y).square()
        means = squares.mean(0) if weight is None else shares_of(weight) @ squares
        return (0.5 * means * (-2 * log_noise).exp() + log_noise + 0.5 * LOG_2PI).sum()

    def said(self, weights: dict[str, Tensor], batch: Batch) -> Tensor:
        """What the net says with these weights."""
        beside = [batch[name] for name in ("lengths", "columns") if name in batch]
        return functional_call(self.model, weights, (batch["x"], *beside))

    def penalty(self) -> Tensor:
        """Minus the log prior of the weights, up to a constant."""
        return sum((w.square().sum() for w in self.weights().values()), torch.zeros(())) / (2 * self.prior_std**2)

    def map_loss(self, batch: Batch) -> Tensor:
        """Minus the log posterior a row."""
        return self.nll(self.inner.outputs(batch), batch, self.log_noise) + self.penalty() / max(self.n_training, 1)

    def phases(self) -> Sequence[Phase]:
        return [Phase("fit", self.map_loss, self.moved())]

    def moved(self) -> list[nn.Parameter]:
        """What training moves."""
        return [p for p in self.parameters() if p.requires_grad]

    def weight(self, batch: Batch) -> float | Tensor:
        return self.inner.weight(batch)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        """The mean negative log-likelihood of held-out rows, without the prior."""
        return {"loss": self.nll(self.inner.outputs(batch), batch, self.log_noise)}

    # --- answers ----------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether there are draws yet."""
        return True

    @property
    def n_answers(self) -> int:
        """How many draws answer."""
        return self.n_draws

    def draws(self, batch: Batch) -> Tensor:
        """What each draw of the weights says, (draws, rows, outputs)."""
        raise NotImplementedError

    def numbers(self, draws: Tensor) -> tuple[Tensor, Tensor]:
        """Means, and the noise's deviations around them: (draws, rows, numbers) each, standardised as y is."""
        if self.kind == "gaussians":
            return normal_parameters(draws)
        return draws, self.noises().to(draws.device).expand_as(draws)

    def noises(self) -> Tensor:
        """Deviations of the noise of numbers, to be broadcast over (draws, rows, numbers)."""
        return self.log_noise.detach().exp()

    def outputs(self, batch: Batch) -> Tensor:
        if self.training or not self.ready:
            return self.inner.outputs(batch)
        return pooled(self.draws(batch), self.kind)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        """Files of the days when all outputs had one noise: it is each one's."""
        for name in ("log_noise", "kept_noise"):
            held, own = state_dict.get(prefix + name), getattr(self, name, None)
            if held is not None and own is not None and held.ndim < own.ndim:
                state_dict[prefix + name] = held[..., None].expand_as(own).clone()
        super()._load_from_state_dict(state_dict, prefix, *rest)


class Kept(Posterior):
    """Draws of all weights that were made once, after training, and are kept.

    A subclass makes them in `conclude` and hands them to `keep`. It says its name for messages in `called`.
    """

    called = ""

    def __init__(self, inner: Supervised, *, n_kept: int, **common: object) -> None:
        super().__init__(inner, **common)  # type: ignore[arg-type]
        if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in inner.modules()):
            raise SettingError(f"inference={self.called!r} has no answer to batch norm; choose norm='layer' or None")
        self.size = sum(p.numel() for p in self.weights().values())
        self.register_buffer("kept", torch.zeros(n_kept, self.size))
        self.register_buffer("kept_noise", torch.zeros(n_kept, *self.log_noise.shape))
        self.register_buffer("concluded", torch.tensor(False))

    kept: Tensor
    kept_noise: Tensor
    concluded: Tensor

    @property
    def ready(self) -> bool:
        return bool(self.concluded)

    @property
    def n_answers(self) -> int:
        return len(self.kept)

    def start(self) -> Tensor:
        """The weights as one vector, the logarithms of the noises behind them where they are learned."""
        start = torch.cat([p.detach().flatten() for p in self.weights().values()])
        return torch.cat((start, self.log_noise.detach())) if self.learns_noise else start

    def log_density(self, theta: Tensor, batch: Batch, n: float) -> Tensor:
        """The log posterior of weights and noise, where `batch` stands for n rows."""
        log_noise = theta[self.size :] if self.learns_noise else self.log_noise
        nll = self.nll(self.said(self.unflat(theta[: self.size]), batch), batch, log_noise)
        prior = -theta[: self.size].square().sum() / (2 * self.prior_std**2)
        return -n * nll + prior - (0.5 * log_noise.square().sum() if self.learns_noise else 0.0)

    def keep(self, thetas: Tensor) -> None:
        """Keep draws (n_kept, size) of weights and noises; refused where they left the finite numbers."""
        self.kept.copy_(thetas[:, : self.size])
        own = thetas[:, self.size :] if self.learns_noise else self.log_noise.expand_as(self.kept_noise)
        self.kept_noise.copy_(own)
        if not bool(self.kept.isfinite().all()):
            raise DataError(
                f"the draws of inference={self.called!r} left the finite numbers; give a smaller step or prior_std, or "
                "inference='vi'"
            )
        self.concluded.fill_(True)

    def draws(self, batch: Batch) -> Tensor:
        return torch.stack([self.said(self.unflat(flat), batch) for flat in self.kept])

    def noises(self) -> Tensor:
        return self.kept_noise.exp()[:, None]


def shares_of(weight: Tensor) -> Tensor:
    """The weights of rows (n,) as shares of their sum; zeros where no row of a batch weighs anything."""
    return weight / weight.sum().clamp(min=torch.finfo(weight.dtype).tiny)


def whole_batch(batches: "Batches") -> tuple[Batch, float]:
    """All training rows as one batch, and how many they count for."""
    parts = list(batches())
    batch = {k: torch.cat([p[k] for p in parts]) for k in parts[0]}
    return batch, float(batch["weight"].sum()) if "weight" in batch else float(len(batch["y"]))


def pooled(draws: Tensor, kind: str) -> Tensor:
    """One answer (rows, outputs) of many (draws, rows, outputs): means of numbers, or logits of mean probabilities."""
    if kind == "numbers":
        return draws.mean(0)
    if kind == "gaussians":
        means, deviations = normal_parameters(draws)
        variance = deviations.square().mean(0) + means.var(0, correction=0)
        return normal_outputs(means.mean(0), variance.sqrt())
    if kind == "labels":
        return draws.log_softmax(-1).logsumexp(0) - math.log(len(draws))
    positive = nn.functional.logsigmoid(draws).logsumexp(0)
    return positive - nn.functional.logsigmoid(-draws).logsumexp(0)


def check_likelihood(inner: Supervised, noise: Any) -> None:
    """Refuse a loss that is minus no log-likelihood, and a noise beside one that the net says."""
    loss = inner.loss
    if isinstance(loss, GaussianNLL):
        if noise is not None:
            raise SettingError(f"by loss='gaussian_nll' the net says the noise of each row; leave out noise={noise!r}")
        return
    if inner.kind == "numbers":
        if not isinstance(loss, Elementwise) or loss.equation is not squared_error:
            raise SettingError(
                "inference of numbers takes a likelihood: leave loss=None (Gaussian noise, one for each output, which "
                "is learned; pn.inference(..., noise=0.5) fixes it), or take loss='gaussian_nll' (noise of each row)"
            )
    elif inner.kind in ("binary", "labels", "multilabel"):
        smooth = isinstance(loss, SoftmaxCrossEntropy) and not loss.label_smoothing
        if not smooth and not (isinstance(loss, Elementwise) and loss.equation is binary_cross_entropy):
            raise SettingError(
                "inference of classes takes a likelihood: leave loss=None (cross-entropy), without label smoothing"
            )
    else:
        remedy = "loss='gaussian_nll' learns the noise of each row" if inner.kind == "quantiles" else "leave loss=None"
        raise SettingError(f"inference serves classes, labels and numbers, not the kind {inner.kind!r}; {remedy}")


Batches = Callable[[], Iterable[Batch]]
