"""What an optimizer keeps for each weight, found by letting it make steps."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..registry import REGISTRIES, Spec
from .blocks import Block
from .closure import Closure, Kind, Product

STEPS = 12  # after which a rule that looks back, such as at ten moves, has looked as far back as it will
TRIED = 64, 128  # weights


def states_of(name: str, n_weights: int) -> float:
    """Numbers that an optimizer keeps for each of so many weights.

    Raises
    ------
    SettingError: the optimizer builds a matrix over all weights, and they are too many for that.
    """
    given = REGISTRIES["optimizer"](name)
    given.make([Block([nn.Parameter(torch.empty(n_weights, device="meta"))], decays=True)])
    few, many = (_kept(given, n) for n in TRIED)
    n_few, n_many = TRIED
    return few + (many - few) / (n_many - n_few) * (n_weights - n_few)


def moves_apart(name: str) -> bool:
    """Whether an optimizer moves each weight by itself, so that weights can be divided among devices."""
    made = REGISTRIES["optimizer"](name).make([Block([nn.Parameter(torch.ones(2))], decays=True)])
    return made.elementwise and not made.repeats


def _kept(given: Spec, n: int) -> float:
    """Numbers a weight, of n weights."""
    block = Block([nn.Parameter(torch.ones(n))], decays=True)
    made = given.make([block])
    with torch.no_grad():
        for _ in range(STEPS):
            made.step(Valley(block))
    return numbers_in(made.state_dict()) / n


def numbers_in(tree: Any) -> int:
    """Numbers in the tensors of nested dicts and lists; single ones, which count steps, are left out."""
    if isinstance(tree, dict | list | tuple):
        return sum(numbers_in(part) for part in (tree.values() if isinstance(tree, dict) else tree))
    return int(tree.numel()) if isinstance(tree, Tensor) and tree.ndim else 0


class Valley(Closure):
    """The loss sum c_i w_i^4 / 4 of a block's values, c from 1 to 100: its minimum is neared, and never met."""

    def __init__(self, block: Block) -> None:
        self.block, self.steepness = block, torch.linspace(1, 100, block.values.numel())

    def __call__(self) -> Tensor:
        self.block.gradients.copy_(self.steepness * self.block.values**3)
        return self.loss()

    def loss(self) -> Tensor:
        return (self.steepness * self.block.values**4).sum() / 4

    def curvature(self, kind: Kind) -> Product:
        slopes = 3 * self.steepness * self.block.values**2

        def product(vectors: Sequence[Tensor]) -> list[Tensor]:
            return [slopes * vectors[0]]

        return product

    def full_gradient(self) -> None:
        self()

    def generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(0)
