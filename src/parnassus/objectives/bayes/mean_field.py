"""Bayes by backpropagation: `pn.inference("vi", draw="flipout", narrow_std=0.05)`, or `covariance="full"`."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError, did_you_mean
from ...functional.bayes import (
    draw_weights,
    kl_of_normals,
    scale_mixture_log_prior,
    take_back_weights,
)
from ...functional.places import normals
from ...functional.probability import LOG_2PI
from ...layers.dense import DenseBackprop, dense_backprop
from ...registry import inference
from ...train.phase import Batch, Phase, gradient_of
from ..supervised import Supervised
from .full_covariance import FullCovariance, check_start
from .posterior import SUMMED, Posterior, shares_of

COVARIANCES = ("diagonal", "full")
DRAWS = ("shared", "flipout", "local")
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class MeanField(Posterior):
    """Bayes by backpropagation: every weight is N(mu, softplus(rho)^2), learned by the evidence lower bound.

    The net's own weights are mu. A step draws one set of weights for the whole batch ("shared"), or lets every row of a
    dense or convolutional layer have noise of its own ("flipout", "local"), for less noise in the slopes; weights of
    other layers are shared then too. With `narrow_std` the prior of a weight is a mixture of N(0, narrow_std^2) and
    N(0, prior_std^2), and the divergence from it is taken at the drawn weights.
    """

    def __init__(
        self,
        inner: Supervised,
        *,
        first_std: float,
        kl_weight: float,
        draw: str,
        narrow_std: float | None,
        narrow_share: float,
        **common: Any,
    ) -> None:
        super().__init__(inner, **common)
        check_start(first_std, kl_weight)
        if draw not in DRAWS:
            raise SettingError(f"no draw {draw!r}; {did_you_mean(draw, DRAWS)}")
        if narrow_std is not None and not (0 < narrow_std <= self.prior_std and 0 < narrow_share < 1):
            raise SettingError(
                f"narrow_std is above 0 and at most prior_std, narrow_share between 0 and 1; got {narrow_std}, "
                f"{self.prior_std} and {narrow_share}"
            )
        start = math.log(math.expm1(first_std))
        self.names = [name for name, _ in self.model.named_parameters()]
        self.rho = nn.ParameterList([nn.Parameter(torch.full_like(p, start)) for p in self.model.parameters()])
        self.size = sum(p.numel() for p in self.rho)
        self.kl_weight, self.draw, self.narrow = kl_weight, draw, (narrow_std, narrow_share)
        named = self.model.named_modules() if draw != "shared" else ()
        # Of weights that two layers share, the second's name is not among the parameters: they are drawn for both.
        self.layers = {n: m for n, m in named if isinstance(m, LAYERS) and _name(n, "weight") in self.names}
        if draw != "shared" and not self.layers:
            raise SettingError(f"draw={draw!r} is of dense and convolutional layers, and this net has none; 'shared'")

    def spreads(self) -> list[Tensor]:
        """The standard deviation of every weight, parameter by parameter."""
        return [F.softplus(rho) for rho in self.rho]

    def noise_into(self, room: Tensor) -> Tensor:
        """Standard normal numbers for all weights (n,), by a seed from the default generator."""
        return normals(torch.empty((), dtype=torch.int64, device=room.device).random_(), room)

    def kl(self, drawn: dict[str, Tensor] | None = None) -> Tensor:
        """KL(q || prior) over all weights; of a mixture ln q - ln p at the drawn weights."""
        narrow, share = self.narrow
        parts = list(zip(self.weights().items(), self.spreads(), strict=True))
        if narrow is None:
            each = [kl_of_normals(mu.flatten(), s.flatten(), 0.0, self.prior_std) for (_, mu), s in parts]
            return torch.stack(each).sum()
        assert drawn is not None
        total = []
        for (name, mu), s in parts:
            w = drawn[name]
            log_q = (-0.5 * ((w - mu) / s).square() - s.log() - 0.5 * LOG_2PI).sum()
            log_p = scale_mixture_log_prior(w.flatten(), share=share, narrow=narrow, wide=self.prior_std)
            total.append(log_q - log_p)
        return torch.stack(total).sum()

    def bound(self, batch: Batch) -> Tensor:
        """Minus the evidence lower bound a row, by one draw."""
        means, spreads = self.weights(), dict(zip(self.names, self.spreads(), strict=True))
        noise = self.noise_into(self.rho[0].new_empty(self.size))
        changes = {name: spreads[name] * e for name, e in self.unflat(noise).items()}
        drawn = {name: mu + changes[name] for name, mu in means.items()}
        if self.draw == "shared":
            said = self.said(drawn, batch)
        else:
            used = dict(drawn)
            for name in self.layers:
                for part in ("weight", "bias")[: 2 if self.draw == "local" else 1]:
                    if (own := _name(name, part)) in means:
                        used[own] = means[own]
            with self._noisy(changes, spreads):
                said = self.said(used, batch)
        nll = self.nll(said, batch, self.log_noise)
        return nll + self.kl_weight * self.kl(drawn) / max(self.n_training, 1)

    @contextmanager
    def _noisy(self, changes: dict[str, Tensor], spreads: dict[str, Tensor]) -> Iterator[None]:
        """While it lasts, each layer adds noise of every row's own to what its mean weights say."""
        passed: set[str] = set()

        def hook(name: str) -> Any:
            def add(layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
                passed.add(name)
                if self.draw == "flipout":
                    return output + _flipped(layer, given[0], changes[_name(name, "weight")])
                return output + _local(
                    layer, given[0], spreads[_name(name, "weight")], spreads.get(_name(name, "bias"))
                )

            return add

        handles = [layer.register_forward_hook(hook(name)) for name, layer in self.layers.items()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
        if passed != set(self.layers):
            left = sorted(set(self.layers) - passed)
            raise SettingError(
                f"draw={self.draw!r} does not reach {left[0]!r}, whose weights are used by another layer"
            )

    def phases(self) -> Sequence[Phase]:
        plain = self.draw == "shared" and self.narrow[0] is None
        backprop = dense_backprop(self.model) if plain else None
        gradient = None if backprop is None else ClosedForm(self, backprop)
        return [Phase("fit", self.bound, self.moved(), gradient=gradient)]

    def nll_slope(self, outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """`nll`, and its slope by the outputs; that by the noises' logarithms is put where it belongs."""
        y, weight = batch["y"], batch.get("weight")
        if self.kind != "numbers":
            loss, slope = self.loss.slope(outputs, y, weight)
            n = y.shape[1] if self.kind in SUMMED else 1
            return loss * n, slope * n
        precision = (-2 * self.log_noise).exp()
        shares = torch.full_like(outputs[:, :1], 1 / len(y)) if weight is None else shares_of(weight)[:, None]
        slope = (outputs - y) * (shares * precision)
        if self.learns_noise:
            gradient_of(cast(nn.Parameter, self.log_noise)).copy_(1 - (slope * (outputs - y)).sum(0))
        return self.nll(outputs, batch, self.log_noise), slope

    def draws(self, batch: Batch) -> Tensor:
        found, spreads = [], self.spreads()
        for i in range(self.n_draws):
            noise = torch.Generator().manual_seed(self.seed + i)
            drawn = {
                name: mu + s * torch.randn(mu.shape, generator=noise).to(mu)
                for (name, mu), s in zip(self.weights().items(), spreads, strict=True)
            }
            found.append(self.said(drawn, batch))
        return torch.stack(found)


class ClosedForm:
    """The gradients of `MeanField.bound` by one shared draw, without a graph, over lists and room that are made once.

    They are autograd's to rounding, of the same draw.
    """

    def __init__(self, objective: MeanField, backprop: DenseBackprop) -> None:
        self.objective, self.backprop = objective, backprop
        self.means, self.rhos = list(objective.model.parameters()), list(objective.rho)
        self.room = self.means[0].new_empty(0)

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Tensor:
        made, means, rhos = self.objective, self.means, self.rhos
        if self.room.shape[-1] != made.size or self.room.device != means[0].device or self.room.dtype != means[0].dtype:
            self.room = means[0].new_empty(2, made.size)
        noise, kept = self.room
        share, std = made.kl_weight / max(made.n_training, 1), made.prior_std
        by_means, by_rhos = [gradient_of(p) for p in means], [gradient_of(p) for p in rhos]
        kl = draw_weights(means, rhos, by_rhos, made.noise_into(noise), kept, share=share, prior_std=std)
        try:
            nll, slope = made.nll_slope(self.backprop.forward(batch["x"]), batch)
            self.backprop.backward(slope)
        except BaseException:  # a step that is taken again begins at the means, not at what was drawn
            for mean, before in zip(means, kept.split([mean.numel() for mean in means]), strict=True):
                mean.copy_(before.view_as(mean))
            raise
        take_back_weights(means, by_means, by_rhos, noise, kept, share=share, prior_std=std)
        return nll + share * kl


def _name(layer: str, part: str) -> str:
    return f"{layer}.{part}" if layer else part  # the net may be one layer


def _applied(layer: nn.Module, x: Tensor, weight: Tensor) -> Tensor:
    """What a layer says with other weights and no bias."""
    if isinstance(layer, nn.Linear):
        return F.linear(x, weight)
    return layer._conv_forward(x, weight, None)  # type: ignore[operator]


def _signs(like: Tensor, layer: nn.Module) -> Tensor:
    """+1 and -1 for each row and channel, the same along time or space."""
    shape = [like.shape[0], *[1] * (like.ndim - 1)]
    shape[-1 if isinstance(layer, nn.Linear) else 1] = like.shape[-1 if isinstance(layer, nn.Linear) else 1]
    return torch.empty(shape, dtype=like.dtype, device=like.device).bernoulli_(0.5).mul_(2).sub_(1)


def _flipped(layer: nn.Module, x: Tensor, change: Tensor) -> Tensor:
    """The change's answer with signs of every row's own, as in `functional.bayes.flipout_linear`."""
    said = _applied(layer, x * _signs(x, layer), change)
    return said * _signs(said, layer)


def _local(layer: nn.Module, x: Tensor, std: Tensor, bias_std: Tensor | None) -> Tensor:
    """Noise of the activations themselves, as in `functional.bayes.local_linear`."""
    variance = _applied(layer, x.square(), std.square())
    if bias_std is not None:
        wide = [1] * (variance.ndim - 1)
        wide[-1 if isinstance(layer, nn.Linear) else 0] = -1
        variance = variance + bias_std.square().reshape(wide)
    return variance.clamp(min=1e-16).sqrt() * torch.randn_like(variance)


@inference.register("classifier", "regressor", "forecaster", name="vi")
def mean_field_inference(
    inner: Supervised,
    seed: int,
    *,
    prior_std: float = 1.0,
    noise: float | None = None,
    n_draws: int = 50,
    first_std: float = 0.05,
    kl_weight: float = 1.0,
    draw: str = "shared",
    narrow_std: float | None = None,
    narrow_share: float = 0.5,
    covariance: str = "diagonal",
) -> Posterior:
    """Bayes by backpropagation: normal weights, by the evidence lower bound with one draw a step.

    covariance : "diagonal", of independent weights, or "full", one of all weights of a small net.
    draw : "shared" (one draw for the batch), "flipout" or "local" (every row its own, for slopes of less variance).
    narrow_std, narrow_share : with a narrow_std the prior is a mixture of two widths, as Blundell et al. 2015 have it.

    Systems: bayes-by-backprop, bayesian-neural-network
    """
    common: dict[str, Any] = {"prior_std": prior_std, "noise": noise, "n_draws": n_draws, "seed": seed}
    common |= {"first_std": first_std, "kl_weight": kl_weight}
    if covariance not in COVARIANCES:
        raise SettingError(f"no covariance {covariance!r}; {did_you_mean(covariance, COVARIANCES)}")
    if covariance == "full":
        if draw != "shared" or narrow_std is not None:
            raise SettingError("covariance='full' goes with draw='shared' and a normal prior: leave narrow_std out")
        return FullCovariance(inner, **common)
    return MeanField(
        inner, draw=draw, narrow_std=narrow_std, narrow_share=narrow_share,
        **common,
    )  # fmt: skip
