"""What an optimizer is handed at a step: one player's loss on one window, as a function of its blocks' values.

Called, it fills the gradients and returns the loss, which is all that first-order rules ask. Rules that look again,
search along a line or solve with curvature ask it more; those say `repeats`, and find the same function each time:
dropout and noise then draw the same numbers at every call.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from ..data.rows import batches as batches_of
from ..errors import SettingError
from .blocks import Block, clip
from .phase import Batch, Objective, Phase
from .randomness import generator_of, seed_of
from .splitting import fill

if TYPE_CHECKING:
    from .trainer import Trainer

Kind = Literal["hessian", "gauss_newton"]
Product = Callable[[Sequence[Tensor]], list[Tensor]]
PIECE = 1024  # rows at a time of a gradient over all rows


def arithmetic(device: torch.device, precision: str) -> AbstractContextManager:
    """The context in which losses are computed: plain, or with matrix products in bfloat16."""
    return nullcontext() if precision == "float32" else torch.autocast(device.type, dtype=torch.bfloat16)


class Closure:
    """A loss as a function of blocks. `progress` is in [0, 1); `fresh_epoch` is the epoch that begins now, or None."""

    progress: float = 0.0
    fresh_epoch: int | None = 0

    def __call__(self) -> Tensor:
        """The loss; overwrites every gradient of the blocks."""
        raise NotImplementedError

    def loss(self) -> Tensor:
        """The loss alone."""
        raise NotImplementedError

    def curvature(self, kind: Kind) -> Product:
        """A function from vectors, one a block, to the Hessian (or Gauss-Newton matrix) times them, at these values."""
        raise NotImplementedError

    def full_gradient(self) -> None:
        """Overwrite every gradient of the blocks with that of the mean over all rows."""
        raise NotImplementedError

    def generator(self) -> torch.Generator:
        """A generator of this step's own, for rules that draw."""
        raise NotImplementedError


class PhaseClosure(Closure):
    """A phase's loss on a window given as cuts, whose losses count by `shares`; made by the trainer at every move.

    A share of None is all there is. Where ranks divide the window, shares are what this rank's rows weigh, `sizes` the
    rows of the cuts on all ranks together, and losses and gradients become the ranks' means, over `total`. `alone` says
    that a rank fills its gradients without meeting the others.
    """

    alone = True

    def __init__(
        self,
        trainer: "Trainer",
        phase: Phase,
        batches: list[Batch],
        shares: list,
        *,
        repeats: bool,
        sizes: Sequence[int] = (),
    ) -> None:
        self.trainer, self.phase, self.batches, self.shares = trainer, phase, batches, shares
        self.sizes: Sequence[int | None] = sizes or [None] * len(batches)
        self.blocks = trainer.blocks[phase.name]
        self.total: Tensor | None = None
        self.shared = trainer.shards.divided and bool(sizes)
        self.progress = trainer.step / trainer.steps
        self.state = None
        if repeats:
            self.state = generator_of(trainer.device).get_state()
            epoch, position = trainer.timetable.place(trainer.step)
            self.fresh_epoch = epoch if position == 0 else None

    def __call__(self) -> Tensor:
        trainer = self.trainer
        self._same_draws()
        for regularizer in trainer.regularizers:
            regularizer.before(self.blocks)
        loss = self._of_all_ranks() if self.shared else fill(self)
        for regularizer in trainer.regularizers:
            regularizer.gradient(self.blocks)
        self._clip()
        return loss

    def fill(self) -> Tensor:
        """The loss with its penalties; their gradients in closed form where there is one, else by autograd."""
        trainer, phase = self.trainer, self.phase
        if phase.gradient and len(self.batches) == 1 and trainer.plan.precision == "float32" and not self._penalised():
            with trainer.shards.cut(self.sizes[0]):
                loss = phase.gradient(self.batches[0])
            return self._scaled(loss)
        for block in self.blocks:
            block.gradients.zero_()
        total = torch.zeros((), device=trainer.device)
        for part in self._parts():
            part.backward(inputs=trainer.players[phase.name])
            total = total + part.detach()
        return total

    def loss(self) -> Tensor:
        self._same_draws()
        with torch.no_grad(), self.trainer.shards.drawing(self.trainer.step, self.phase.name):
            parts = [self._part(*cut, []) for cut in zip(self.batches, self.shares, self.sizes, strict=True)]
        return self._meant(torch.stack(parts).sum(), [])

    def full_gradient(self) -> None:
        trainer, sums = self.trainer, [torch.zeros_like(b.values) for b in self.blocks]
        total: float | Tensor = 0.0
        self._same_draws()
        n = trainer.n_rows
        for taken in batches_of(trainer.rows, torch.arange(n), [min(PIECE, n - at) for at in range(0, n, PIECE)]):
            batch = trainer.prepared(taken)
            count = (self.phase.weight or trainer.objective.weight)(batch)
            PhaseClosure(trainer, self.phase, [batch], [None], repeats=False).fill()
            for held, block in zip(sums, self.blocks, strict=True):
                held.add_(block.gradients * count)
            total = total + count
        for held, block in zip(sums, self.blocks, strict=True):
            block.gradients.copy_(held / total)

    def generator(self) -> torch.Generator:
        seed = seed_of(self.trainer.plan.seed, self.trainer.step, self.phase.name)
        return torch.Generator(self.trainer.device).manual_seed(seed)

    def curvature(self, kind: Kind) -> Product:
        self._same_draws()
        products: list[Product] = []
        with self.trainer.shards.drawing(self.trainer.step, self.phase.name):
            for cut in zip(self.batches, self.shares, self.sizes, strict=True):
                products += self._curved(kind, *cut)

        def product(vectors: Sequence[Tensor]) -> list[Tensor]:
            sums = [sum_of(parts) for parts in zip(*(p(vectors) for p in products), strict=True)]
            self._meant(sums[0].new_zeros(()), sums)
            return sums

        return product

    def _curved(self, kind: Kind, batch: Batch, share: float | Tensor | None, size: int | None) -> list[Product]:
        """One cut's parts of the curvature."""
        penalties: list[Tensor] = []
        objective = self.trainer.objective
        with torch.enable_grad(), outputs_seen(objective) as seen:
            loss = self._part(batch, share, size, penalties)
        if kind == "hessian":
            return [hessian_product(loss, self.blocks)]
        if len(seen) != 1:
            raise SettingError(
                f"Gauss-Newton curvature needs a loss of the model's outputs; phase {self.phase.name!r} of "
                f"{type(objective).__name__} has none; choose curvature='hessian', or another optimizer"
            )
        factor = 1.0 if share is None else share
        plain = loss - sum(penalties) * factor if penalties else loss
        bent = [hessian_product(penalty * factor, self.blocks) for penalty in penalties]
        return [gauss_newton_product(plain, seen[0], self.blocks), *bent]

    def _parts(self) -> Iterator[Tensor]:
        for batch, share, size in zip(self.batches, self.shares, self.sizes, strict=True):
            with torch.enable_grad():
                yield self._part(batch, share, size, [])

    def _part(self, batch: Batch, share: float | Tensor | None, size: int | None, penalties: list[Tensor]) -> Tensor:
        """One cut's part of the loss; the penalties in it are noted, as they are after the forward pass."""
        with arithmetic(self.trainer.device, self.trainer.plan.precision), self.trainer.shards.cut(size):
            loss = self.phase.loss(batch)
        for regularizer in self.trainer.regularizers:
            penalty = regularizer.penalty()
            if penalty is not None:
                penalties.append(penalty)
                loss = loss + penalty
        return loss if share is None else loss * share

    def _of_all_ranks(self) -> Tensor:
        """The ranks' mean loss, its gradients in the blocks."""
        with self.trainer.shards.drawing(self.trainer.step, self.phase.name):
            loss = fill(self)
        return self._meant(loss, [b.gradients for b in self.blocks])

    def _scaled(self, loss: Tensor) -> Tensor:
        """A loss and gradients in closed form, as the one cut's share has it."""
        (share,) = self.shares
        if share is None:
            return loss
        for block in self.blocks:
            block.gradients.mul_(share)
        return loss * share

    def _meant(self, loss: Tensor, vectors: Sequence[Tensor]) -> Tensor:
        """The ranks' mean of a loss; `vectors` become theirs."""
        if not self.shared:
            return loss
        loss, self.total = self.trainer.shards.mean(loss, sum(self.shares), vectors)
        return loss

    def _clip(self) -> None:
        clip(self.blocks, norm=self.trainer.plan.clip_norm, value=self.trainer.plan.clip_value)

    def _penalised(self) -> bool:
        if not self.trainer.regularizers:
            return False
        with torch.enable_grad():
            return any(r.penalty() is not None for r in self.trainer.regularizers)

    def _same_draws(self) -> None:
        if self.state is not None:
            generator_of(self.trainer.device).set_state(self.state)


def value_at(function: Callable[[Tensor], Tensor], point: Tensor) -> Tensor:
    """What a user's function says of a point; one that torch cannot follow is refused."""
    try:
        return function(point)
    except (RuntimeError, TypeError) as error:
        raise SettingError(
            f"the function fails at {point.tolist()} ({str(error).splitlines()[0][:120]}); write it with torch "
            f"operations on a vector of {len(point)} numbers"
        ) from error


class PointClosure(Closure):
    """A plain function of one vector, for `parnassus.optimize`; an epoch of it is one step."""

    def __init__(self, function: Callable[[Tensor], Tensor], block: Block, *, step: int, steps: int) -> None:
        self.function, self.block, self.step = function, block, step
        self.progress, self.fresh_epoch = step / steps, step

    def __call__(self) -> Tensor:
        with torch.enable_grad():
            point = self.block.values.detach().clone().requires_grad_()
            value = value_at(self.function, point)
            if not value.requires_grad:
                raise SettingError(
                    "the function's value does not follow from its argument by torch operations, so it has no "
                    "gradient; compute it by torch, or choose optimizer='annealing', which needs none"
                )
            (slope,) = torch.autograd.grad(value, point)
        self.block.gradients.copy_(slope)
        return value.detach()

    def loss(self) -> Tensor:
        return self.function(self.block.values.detach().clone()).detach()

    def full_gradient(self) -> None:
        self()

    def generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(seed_of("point", self.step))

    def curvature(self, kind: Kind) -> Product:
        if kind == "gauss_newton":
            raise SettingError(
                "Gauss-Newton curvature needs a loss of a model's outputs, and a plain function has none; "
                "choose 'newton', or 'hessian_free' with curvature='hessian'"
            )
        point = self.block.values.detach().clone()
        hessian = torch.autograd.functional.hessian(self.function, point)
        return lambda vectors: [hessian @ vectors[0]]


@contextmanager
def outputs_seen(objective: Objective) -> Iterator[list[Tensor]]:
    """The outputs that the objective's losses are computed from inside, in order."""
    own, seen = objective.outputs, []

    def watched(batch: Batch) -> Tensor:
        seen.append(own(batch))
        return seen[-1]

    vars(objective)["outputs"] = watched
    try:
        yield seen
    finally:
        del vars(objective)["outputs"]


def hessian_product(loss: Tensor, blocks: Sequence[Block]) -> Product:
    """Vectors to the Hessian of `loss` times them: H v is the gradient of g.v. Source: Pearlmutter 1994."""
    params = [p for block in blocks for p in block.params]
    with torch.enable_grad():
        slopes = torch.autograd.grad(loss, params, create_graph=True, allow_unused=True, materialize_grads=True)

    def product(vectors: Sequence[Tensor]) -> list[Tensor]:
        parts = [part for block, v in zip(blocks, vectors, strict=True) for part in block.parts(v)]
        bent = [(s, v) for s, v in zip(slopes, parts, strict=True) if s.requires_grad]
        return joined(_pull_back(bent, params), blocks)

    return product


def gauss_newton_product(loss: Tensor, outputs: Tensor, blocks: Sequence[Block]) -> Product:
    """Vectors to J' L J times them: J the outputs' Jacobian, L the Hessian of the loss by the outputs.

    J v is had from two backward passes: J'u is linear in u, and its transpose applied to v is J v.
    Source: Schraudolph 2002; Martens 2010.
    """
    params = [p for block in blocks for p in block.params]
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(loss, outputs, create_graph=True)
        probe = torch.zeros_like(outputs, requires_grad=True)
        back = torch.autograd.grad(outputs, params, probe, create_graph=True, allow_unused=True, materialize_grads=True)

    def product(vectors: Sequence[Tensor]) -> list[Tensor]:
        parts = [part for block, v in zip(blocks, vectors, strict=True) for part in block.parts(v)]
        bent = [(s, v) for s, v in zip(back, parts, strict=True) if s.requires_grad]
        (forward,) = _pull_back(bent, [probe])
        (curved,) = _pull_back([(slope, forward)] if slope.requires_grad else [], [outputs])
        return joined(_pull_back([(outputs, curved)], params), blocks)

    return product


def _pull_back(pairs: list[tuple[Tensor, Tensor]], inputs: list) -> Sequence[Tensor]:
    """The gradients by `inputs` of the sum of products of the pairs."""
    if not pairs:
        return [torch.zeros_like(p) for p in inputs]
    with torch.enable_grad():
        return torch.autograd.grad(
            [s for s, _ in pairs],
            inputs,
            [v.detach() for _, v in pairs],
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )


def joined(tensors: Sequence[Tensor], blocks: Sequence[Block]) -> list[Tensor]:
    """Tensors shaped like the blocks' parameters, as one vector a block."""
    vectors = [torch.empty_like(b.values) for b in blocks]
    places = [part for block, v in zip(blocks, vectors, strict=True) for part in block.parts(v)]
    for place, tensor in zip(places, tensors, strict=True):
        place.copy_(tensor.detach())
    return vectors


def sum_of(tensors: Sequence[Tensor]) -> Tensor:
    """The sum of tensors of one shape."""
    return tensors[0] if len(tensors) == 1 else torch.stack(list(tensors)).sum(0)
