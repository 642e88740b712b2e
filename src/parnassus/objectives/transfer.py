"""A net that starts from learned weights: layers that stay, layers that join later, smaller steps below, a teacher."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from itertools import pairwise
from typing import Any, Self

from torch import Tensor, nn

from ..errors import SettingError, did_you_mean
from ..functional.criteria import Loss
from ..functional.distillation import distillation
from ..train.phase import Batch, Objective, Phase
from .supervised import Supervised

Frozen = frozenset[str]  # names of parameters


@dataclass(frozen=True)
class Layer:
    """A layer with weights, and the normalisation behind it: the names of their parameters."""

    name: str
    parameters: tuple[str, ...]


def layers_of(model: nn.Module) -> list[Layer]:
    """The layers in the order the model holds them: a matrix or kernel begins one, vectors belong to the last."""
    found: list[tuple[str, list[str]]] = []
    known = {id(p): name for name, p in model.named_parameters()}
    for where, module in model.named_modules():
        own = {known[id(p)]: p for p in module.parameters(recurse=False)}
        own = {name: p for name, p in own.items() if not any(name in names for _, names in found)}
        if own and (not found or any(p.ndim > 1 for p in own.values())):
            found.append((where, []))
        if own:
            found[-1][1].extend(own)
    return [Layer(where, tuple(names)) for where, names in found]


def named_by(patterns: str | Sequence[str], model: nn.Module, setting: str) -> Frozen:
    """The parameters that patterns name: "stages.0" and all below it, or with * and ? "stages.*.bn1.*"."""
    names, found = [name for name, _ in model.named_parameters()], set()
    for one in [patterns] if isinstance(patterns, str) else list(patterns):
        if not isinstance(one, str):
            raise SettingError(f"{setting} names layers by patterns such as 'stages.0' or '*.bn1.*'; got {one!r}")
        hit = {name for name in names if name.startswith(f"{one}.") or fnmatchcase(name, one)}
        if not hit:
            close = did_you_mean(one, list(dict.fromkeys(name.rpartition(".")[0] or name for name in names)))
            top = did_you_mean("", list(dict.fromkeys(name.partition(".")[0] for name in names)))
            raise SettingError(f"{setting}: no weights are named {one!r}; {close if 'mean' in close[:16] else top}")
        found |= hit
    return frozenset(found)


def frozen_by(freeze: Any, model: nn.Module, head: Frozen) -> Frozen:
    """What `freeze` names: nothing, "body" (all but the head), a number of layers from the input, or patterns."""
    if freeze is None or (not isinstance(freeze, int | str) and not len(freeze)):
        return frozenset()
    if freeze == "body":
        return frozenset(name for name, _ in model.named_parameters()) - head
    if isinstance(freeze, int):
        layers = layers_of(model)
        if isinstance(freeze, bool) or not 0 <= freeze < len(layers):
            raise SettingError(
                f"freeze is a number of layers from 0 to {len(layers) - 1} of {len(layers)}; got {freeze!r}"
            )
        return frozenset(name for layer in layers[:freeze] for name in layer.parameters)
    return named_by(freeze, model, "freeze")


def stages_of(frozen: Frozen, unfreeze: Any, model: nn.Module) -> list[tuple[int, Frozen]]:
    """What is frozen from which epoch on; `unfreeze` is an epoch for all, or a dict from epochs to patterns."""
    if unfreeze is None:
        return [(0, frozen)]
    given = {unfreeze: "*"} if isinstance(unfreeze, int) else unfreeze
    whole = isinstance(given, Mapping) and all(isinstance(k, int) and not isinstance(k, bool) and k > 0 for k in given)
    if not whole or not given or isinstance(unfreeze, bool):
        raise SettingError(
            f"unfreeze is the epoch from which everything trains, or a dict such as {{2: 'stages.3', 4: '*'}}; "
            f"got {unfreeze!r}"
        )
    if not frozen:
        raise SettingError(f"unfreeze={unfreeze!r} changes nothing where nothing is frozen; give freeze='body'")
    stages = [(0, frozen)]
    for epoch, patterns in sorted(given.items()):
        left = stages[-1][1] - named_by(patterns, model, f"unfreeze from epoch {epoch}")
        if left == stages[-1][1]:
            raise SettingError(
                f"unfreeze from epoch {epoch}: {patterns!r} names nothing that is frozen then; leave it out"
            )
        stages.append((epoch, left))
    return stages


def rates_by_layer(model: nn.Module, decay: float) -> dict[str, float]:
    """decay^d by parameter, d layers below the last: the rates of ULMFiT, which divides by 2.6 from group to group.

    Source: Howard and Ruder 2018, section 3.2 (discriminative fine-tuning).
    """
    layers = layers_of(model)
    return {name: decay**d for d, layer in enumerate(reversed(layers)) for name in layer.parameters}


class Stages:
    """What of a net stays as it is during which stretch of a training, and which steps are smaller.

    A part of the net whose parameters are all frozen is to be in evaluation mode while the rest trains: its batch
    normalisation keeps the statistics that its weights were learned with, and its dropout is off.

    Parameters
    ----------
    frozen : (first epoch, names of frozen parameters), from epoch 0 on.
    rates : by name of parameter, what multiplies the learning rate.

    Source: Martinez-Ramon 4.4.9 (A4.23), Baker 5.2, Keras course 4.7 (K82).
    """

    def __init__(self, frozen: Sequence[tuple[int, Frozen]], rates: Mapping[str, float]) -> None:
        self.frozen, self.rates = list(frozen), dict(rates)
        self.n_epochs, self.now = 0, 0

    def settle(self, net: nn.Module) -> None:
        """Take gradients away from what never moves."""
        for name, p in net.named_parameters():
            p.requires_grad_(name not in self.frozen[-1][1])

    def phases(self, net: nn.Module, loss: Callable[[Batch], Tensor], entered: Callable[[], object]) -> list[Phase]:
        """A phase for each stage, which lowers the loss; `entered` is called where another one begins."""
        starts = [epoch / max(self.n_epochs, 1) for epoch, _ in self.frozen] + [1.0]

        def staged(i: int, batch: Batch) -> Tensor:
            if i != self.now:
                self.now = i
                entered()
            return loss(batch)

        return [self._phase(net, i, during, partial(staged, i)) for i, during in enumerate(pairwise(starts))]

    def _phase(self, net: nn.Module, i: int, during: tuple[float, float], loss: Callable[[Batch], Tensor]) -> Phase:
        epoch, frozen = self.frozen[i]
        moved = {name: p for name, p in net.named_parameters() if name not in frozen}
        rates = {p: self.rates[name] for name, p in moved.items() if self.rates.get(name, 1.0) != 1}
        return Phase(f"from_epoch_{epoch}" if i else "fit", loss, moved.values(), during=during, rates=rates)

    def still(self, net: nn.Module) -> list[nn.Module]:
        """The modules whose parameters are all frozen now; a norm without parameters goes with the layer before it."""
        frozen, before = {id(p) for n, p in net.named_parameters() if n in self.frozen[self.now][1]}, False
        found = []
        for module in net.modules():
            own = [id(p) for p in module.parameters()]
            if own:
                before = all(p in frozen for p in own)
            if before and (own or isinstance(module, nn.modules.batchnorm._BatchNorm)):
                found.append(module)
        return found


class Staged(Objective):
    """What nets of places share that may begin with learned weights: a subclass has `net` and `mean_loss(batch)`.

    `transfer` is what stays as it is, and until when; None where everything trains from the first epoch on.
    """

    net: nn.Module
    transfer: Stages | None = None

    @property
    def learner(self) -> nn.Module:
        """The module by whose names weights are taken and frozen."""
        return self.net

    def mean_loss(self, batch: Batch) -> Tensor:
        """The loss of a batch."""
        raise NotImplementedError

    def phases(self) -> Sequence[Phase]:
        if self.transfer is not None:
            return self.transfer.phases(self.learner, self.mean_loss, lambda: self.train(self.training))
        return [Phase("fit", self.mean_loss, self.parameters())]

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        for module in self.transfer.still(self.learner) if mode and self.transfer is not None else ():
            module.eval()
        return self


class Transferred(Supervised):
    """Supervised learning in which some parameters stay as they are, for good or until an epoch; see `Stages`.

    Parameters
    ----------
    stages, rates : of `Stages`.
    temperature, share : of the teacher, whose logits stand in batches as `y_teacher` where there is one:
        (1 - share) loss + share distillation.

    Systems: layer-freezing
    Source: Martinez-Ramon 4.4.9 (A4.23), Baker 5.2, Keras course 4.7 (K82); Hinton, Vinyals and Dean 2015.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        *,
        kind: str,
        n_outputs: int | None,
        stages: Sequence[tuple[int, Frozen]],
        rates: Mapping[str, float],
        temperature: float = 2.0,
        share: float = 0.5,
    ) -> None:
        super().__init__(model, loss, kind=kind, n_outputs=n_outputs)
        self.transfer, self.temperature, self.share = Stages(stages, rates), temperature, share
        self.transfer.settle(model)

    def phases(self) -> Sequence[Phase]:
        return self.transfer.phases(self.model, self.mean_loss, lambda: self.train(self.training))

    def train(self, mode: bool = True) -> "Transferred":
        super().train(mode)
        for module in self.transfer.still(self.model) if mode else ():
            module.eval()
        return self

    def mean_loss(self, batch: Batch) -> Tensor:
        if "y_teacher" not in batch:
            return super().mean_loss(batch)
        if "mix" in batch:
            raise SettingError(
                "a teacher answers for whole rows, not for blends of them; leave mixup or the teacher out"
            )
        outputs, weight = self.outputs(batch), batch.get("weight")
        soft = distillation(outputs, batch["y_teacher"], temperature=self.temperature)
        taught = soft.mean() if weight is None else (soft * weight).sum() / weight.sum()
        return (1 - self.share) * self.loss(outputs, batch["y"], weight) + self.share * taught
