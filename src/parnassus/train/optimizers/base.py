"""What all optimizers share: blocks, what is kept for each, one step, and a state that a checkpoint holds."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from ...errors import SettingError
from ..blocks import Block
from ..closure import Closure

LARGEST_MATRIX = 5000  # values up to which a matrix over all of them is built


class Optimizer:
    """Moves blocks; a subclass says by `state_names` what it keeps for each block, and how one block moves.

    `repeats` says that a step calls its closure more than once and must find one function; `scheduled`, that the
    factor of a schedule changes what a step does; `elementwise`, that each value moves by itself. Fused rules replace
    `move`, others `rule`, and those that do more than one gradient a step replace `step`.
    """

    state_names: tuple[str, ...] = ()
    repeats: ClassVar[bool] = False
    scheduled: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    name: str = ""

    def __init__(self, blocks: Sequence[Block], *, lr: float, weight_decay: float = 0.0) -> None:
        if not (lr >= 0 and weight_decay >= 0):
            raise SettingError(f"lr and weight_decay are at least 0; got lr={lr}, weight_decay={weight_decay}")
        self.blocks, self.lr, self.weight_decay = list(blocks), lr, weight_decay
        self.kept = [{n: torch.zeros_like(b.values) for n in self.state_names} for b in blocks]
        self.steps = [torch.zeros((), device=b.values.device) for b in blocks]
        self._rooms: dict[tuple[int, int], Tensor] = {}
        self._ones = [torch.ones_like(s) for s in self.steps]  # a Python number would be wrapped anew at each step
        self.count = 0  # the same number as Python's own: reading a tensor would wait for the device
        if type(self).step is not Optimizer.step and any(b.rate != 1 for b in blocks):
            raise SettingError(
                f"optimizer {self.name or type(self).__name__!r} moves all weights by one step, and rates that differ "
                f"from layer to layer were asked for; leave rate_decay=1, or choose an optimizer such as 'adam'"
            )
        kinds = [(weight_decay if b.decays else 0.0, b.rate) for b in blocks]
        self._groups = [(*kind, [i for i, own in enumerate(kinds) if own == kind]) for kind in sorted(set(kinds))]

    def step(self, closure: Closure | Callable[[], Tensor], factor: float = 1.0) -> Tensor:
        """Fill the gradients, move the values; to be called without a graph (`torch.no_grad`)."""
        loss = closure()
        self.apply(factor)
        return loss

    def apply(self, factor: float) -> None:
        """Move the values by the gradients as they stand."""
        self.count += 1
        for steps, one in zip(self.steps, self._ones, strict=True):
            steps.add_(one)
        for decay, rate, group in self._groups:
            self.move(group, self.lr * factor * rate, decay)

    def move(self, group: list[int], lr: float, decay: float) -> None:
        """Move the blocks of these numbers, which share their weight decay."""
        for i in group:
            value, gradient = self.blocks[i].values, self.blocks[i].gradients
            self.rule(value, gradient.add(value, alpha=decay) if decay else gradient, self.kept[i], lr)

    def rule(self, value: Tensor, slope: Tensor, kept: dict[str, Tensor], lr: float) -> None:
        """Move one block's values by their slope."""
        raise NotImplementedError

    def room(self, value: Tensor, number: int = 0) -> Tensor:
        """Room for what one block's step computes on its way: memory is not asked for anew at every step."""
        key = id(value), number
        if key not in self._rooms:
            self._rooms[key] = torch.empty_like(value)
        return self._rooms[key]

    def _lists(self, group: list[int]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        blocks = [self.blocks[i] for i in group]
        return [b.values for b in blocks], [b.gradients for b in blocks], [self.steps[i] for i in group]

    def _kept(self, name: str, group: list[int]) -> list[Tensor]:
        return [self.kept[i][name] for i in group]

    # --- all blocks as one vector, for rules that are not elementwise -----------------------------------

    def gradient(self) -> Tensor:
        """A copy of all gradients end to end."""
        return torch.cat([b.gradients for b in self.blocks])

    def values(self) -> Tensor:
        """A copy of all values end to end."""
        return torch.cat([b.values for b in self.blocks])

    def put(self, values: Tensor) -> None:
        """Set all values from one vector."""
        for block, part in zip(self.blocks, self.cut(values), strict=True):
            block.values.copy_(part)

    def cut(self, vector: Tensor) -> list[Tensor]:
        """One vector as one a block."""
        return list(vector.split([b.values.numel() for b in self.blocks]))

    def _small_enough(self) -> int:
        n = sum(b.values.numel() for b in self.blocks)
        if n > LARGEST_MATRIX:
            raise SettingError(
                f"optimizer {self.name!r} builds a matrix over all {n:,} weights; {LARGEST_MATRIX:,} are its limit; "
                f"choose 'lbfgs' or 'hessian_free', which need vectors only"
            )
        return n

    # --- checkpoints ------------------------------------------------------------------------------------

    def memory(self) -> dict[str, Tensor]:
        """What is kept beside the state of single blocks, by name."""
        return {}

    def remember(self, memory: dict[str, Tensor]) -> None:
        """Take up what `memory` gave."""

    def state_dict(self) -> list[dict[str, Any]]:
        state = [
            {k: t.clone() for k, t in kept.items()} | {"steps": steps.clone()}
            for kept, steps in zip(self.kept, self.steps, strict=True)
        ]
        if state:
            state[0] |= {f"memory.{k}": t.clone() for k, t in self.memory().items()}
        return state

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        for kept, steps, given in zip(self.kept, self.steps, state, strict=True):
            steps.copy_(given["steps"])
            for name, tensor in kept.items():
                tensor.copy_(given[name])
        self.count = int(state[0]["steps"]) if state else 0
        if state:  # copies lie aligned in memory as the first run's did, and sums of products round alike
            device = self.blocks[0].values.device
            given = {k.partition(".")[2]: t for k, t in state[0].items() if k.startswith("memory.")}
            self.remember({k: t.to(device, copy=True) for k, t in given.items()})


def choose(name: str, value: str, words: Sequence[str]) -> str:
    """The value, once it is one of the words."""
    if value not in words:
        raise SettingError(f"{name} is {' or '.join(map(repr, words))}; got {value!r}")
    return value
