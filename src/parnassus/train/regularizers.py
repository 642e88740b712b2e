"""What holds a net back while it trains: the protocol, penalties on weights and activities, and the norm's bound.

Noise on weights and gradients is in `perturbations`, what changes a batch in `disturbances`, gates in `gates`; the
equations are in `functional.regularization`. Penalties act on matrices and kernels; biases and the gains of normalisers
are left alone, unless `on="all"` asks.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ..data.rows import Batch
from ..errors import SettingError
from ..functional.regularization import Convention, l1_penalty, l2_penalty, l2_slope, max_norm
from ..registry import regularizer
from .blocks import Block
from .phase import Objective

On = Literal["matrices", "all"]
ACTIVATIONS = (
    nn.ReLU,
    nn.Tanh,
    nn.Sigmoid,
    nn.GELU,
    nn.SiLU,
    nn.LeakyReLU,
    nn.PReLU,
    nn.ELU,
    nn.Softplus,
    nn.Hardtanh,
)


class Regularizer:
    """What the trainer asks at each step; every method may be left as it is.

    `progress` is in [0, 1) and set before each step. Random numbers come from the device's default generator, which the
    trainer seeds at each step. `draws_weights` says that the loss seen by a gradient is not that of the weights
    themselves, which rules that look twice cannot bear; where such a rule is at work, `as_loss` is set.
    """

    progress: float = 0.0
    as_loss: bool = False
    draws_weights: bool = False

    def attach(self, objective: Objective) -> None:
        """Add what the objective's modules need, before the trainer takes their parameters."""

    def detach(self, objective: Objective) -> None:
        """Take it away after training, leaving plain weights."""

    def batch(self, batch: Batch) -> Batch:
        """The batch to train on in its place."""
        return batch

    def before(self, blocks: Sequence[Block]) -> None:
        """Called before a player's gradient is computed."""

    def gradient(self, blocks: Sequence[Block]) -> None:
        """Called after it was computed: undo `before`, add to the gradients."""

    def after(self, blocks: Sequence[Block]) -> None:
        """Called after the move."""

    def penalty(self) -> Tensor | None:
        """What the loss gains under autograd; None leaves a closed form in use."""
        return None

    def __repr__(self) -> str:
        kept = {k: v for k, v in vars(self).items() if k not in ("progress", "as_loss") and not k.startswith("_")}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in kept.items())})"


def weights_in(blocks: Sequence[Block], on: On = "matrices") -> Iterator[nn.Parameter]:
    """The parameters of blocks that a penalty is for."""
    for block in blocks:
        for p in block.params:
            if on == "all" or p.ndim > 1:
                yield p


# --- Penalties on weights --------------------------------------------------------------------------------------------


class Penalty(Regularizer):
    """strength (share sum |w| + (1 - share) / 2 sum w^2), or without the half: L1 at a share of 1, L2 at 0.

    The gradient is added in closed form. Zeros are kept exactly by the rule of orthants: at 0 a weight moves only where
    the loss pulls harder than `strength`, and a weight that would change its sign stops at 0. Under plain gradient
    descent that is the proximal step's fixed point: the lasso's.

    Systems: l1-penalty, l2-penalty
    Source: Andrew and Gao 2007 (the rule of orthants); Zou and Hastie 2005 (both penalties); Hifny A14.4 and A14.5,
    Martinez-Ramon 2.3.1, Jaiswal J43 and J44.
    """

    def __init__(self, strength: float, *, share: float, convention: Convention = "half", on: On = "matrices") -> None:
        self.strength, self.share, self.convention, self.on = strength, share, convention, on
        self._objective: Objective | None = None
        self._orthants: list[tuple[nn.Parameter, Tensor]] = []

    def attach(self, objective: Objective) -> None:
        self._objective = objective

    def detach(self, objective: Objective) -> None:
        self._objective, self._orthants = None, []

    def penalty(self) -> Tensor | None:
        if not self.as_loss or self._objective is None:
            return None
        held = [p for p in self._objective.parameters() if p.requires_grad and (self.on == "all" or p.ndim > 1)]
        l1 = sum(l1_penalty(p, strength=self.strength * self.share) for p in held)
        l2 = sum(l2_penalty(p, strength=self.strength * (1 - self.share), convention=self.convention) for p in held)
        return torch.as_tensor(l1 + l2)

    def gradient(self, blocks: Sequence[Block]) -> None:
        if self.as_loss:
            return
        self._orthants = []
        for p in weights_in(blocks, self.on):
            w, g = p.data, p.grad
            assert g is not None
            if self.share < 1:
                g.add_(l2_slope(w, strength=self.strength * (1 - self.share), convention=self.convention))
            if self.share > 0:
                self._add_l1(p, w, g, self.strength * self.share)

    def _add_l1(self, p: nn.Parameter, w: Tensor, g: Tensor, strength: float) -> None:
        sign = w.sign()
        pulled = torch.where(sign == 0, (g.abs() - strength).relu() * g.sign(), g + strength * sign)
        g.copy_(pulled)
        self._orthants.append((p, torch.where(sign == 0, -pulled.sign(), sign)))

    def after(self, blocks: Sequence[Block]) -> None:
        for p, orthant in self._orthants:
            p.data.mul_(p.data * orthant > 0)


@regularizer.register()
def l1(*, strength: float = 1e-4, on: On = "matrices") -> Regularizer:
    """strength sum |w|: weights that do not earn their keep become exactly 0.

    Parameters
    ----------
    strength : of the penalty, beside a loss that is a mean over rows.
    on : "matrices" (and kernels), or "all" parameters, biases too.

    Systems: lasso-regression
    Source: Tibshirani 1996; Hifny A14.4, Baker A209.
    """
    return Penalty(_strength("l1", strength), share=1.0, on=_on("l1", on))


@regularizer.register()
def l2(*, strength: float = 1e-4, convention: Convention = "half", on: On = "matrices") -> Regularizer:
    """strength / 2 sum w^2: weights stay small; under Adam this is not the optimizer's decoupled `weight_decay`.

    Parameters
    ----------
    strength : of the penalty, beside a loss that is a mean over rows.
    convention : "half" for strength / 2 sum w^2, "whole" for strength sum w^2 (Keras).
    on : "matrices" (and kernels), or "all" parameters, biases too.
    """
    return Penalty(_strength("l2", strength), share=0.0, convention=_convention("l2", convention), on=_on("l2", on))


@regularizer.register()
def elastic(*, strength: float = 1e-4, share: float = 0.5, on: On = "matrices") -> Regularizer:
    """strength (share sum |w| + (1 - share) / 2 sum w^2): both penalties, in scikit-learn's ElasticNet's scaling.

    Parameters
    ----------
    strength : of both together, beside a loss that is a mean over rows.
    share : of L1, from 0 to 1.
    on : "matrices" (and kernels), or "all" parameters, biases too.
    """
    if not 0 <= share <= 1:
        raise SettingError(f"regularizer 'elastic': share is from 0 (l2) to 1 (l1); got {share!r}")
    return Penalty(_strength("elastic", strength), share=float(share), on=_on("elastic", on))


# --- A bound on each unit --------------------------------------------------------------------------------------------


class MaxNorm(Regularizer):
    """After every move each unit's incoming weights are brought to a norm of at most `limit`."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def after(self, blocks: Sequence[Block]) -> None:
        for p in weights_in(blocks):
            p.data.copy_(max_norm(p.data, limit=self.limit))


@regularizer.register(name="max_norm")
def max_norm_bound(*, limit: float = 3.0) -> Regularizer:
    """Each unit's weights are held to this norm, so that large rates cannot blow them up; goes with dropout.

    Systems: max-norm
    Source: Srebro and Shraibman 2005; Martinez-Ramon 2.3.2.
    """
    return MaxNorm(_strength("max_norm", limit))


# --- A penalty on activities -----------------------------------------------------------------------------------------


class ActivityPenalty(Regularizer):
    """strength times the mean over rows of the summed sizes of all hidden activations: few units speak at a time."""

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self._hooks: list[RemovableHandle] = []
        self._sizes: list[Tensor] = []

    def attach(self, objective: Objective) -> None:
        hidden = [part for part in objective.modules() if isinstance(part, ACTIVATIONS)]
        if not hidden:
            raise SettingError(
                "regularizer 'activity_l1' holds hidden activations down, and this model has no activation module; "
                "choose 'l1', or a model with hidden layers"
            )
        self._hooks = [part.register_forward_hook(self._seen) for part in hidden]

    def detach(self, objective: Objective) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks, self._sizes = [], []

    def _seen(self, part: nn.Module, _: object, h: Tensor) -> None:
        if part.training:
            self._sizes.append(h.abs().sum() / len(h))

    def penalty(self) -> Tensor | None:
        sizes, self._sizes = self._sizes, []
        return self.strength * torch.stack(sizes).sum() if sizes else torch.zeros(())


@regularizer.register()
def activity_l1(*, strength: float = 1e-4) -> Regularizer:
    """strength sum |h| over hidden units, a mean over rows: sparse activities.

    Systems: l1-penalty
    Source: Baker A060.
    """
    return ActivityPenalty(_strength("activity_l1", strength))


# --- What options may be ---------------------------------------------------------------------------------------------


def _strength(name: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise SettingError(f"regularizer {name!r}: {value!r} has no effect or no meaning; give a positive number")
    return float(value)


def _on(name: str, value: On) -> On:
    if value not in ("matrices", "all"):
        raise SettingError(f"regularizer {name!r}: on is 'matrices' or 'all'; got {value!r}")
    return value


def _convention(name: str, value: Convention) -> Convention:
    if value not in ("half", "whole"):
        raise SettingError(f"regularizer {name!r}: convention is 'half' or 'whole'; got {value!r}")
    return value
