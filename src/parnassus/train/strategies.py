"""Where the weights of a training lie among the ranks; by default all of them on every one."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..errors import SettingError, did_you_mean
from ..registry import Spec
from .blocks import Block, blocks_of
from .closure import PhaseClosure
from .distributed import Ranks
from .phase import Objective, Phase
from .sharding import Shards

if TYPE_CHECKING:
    from .regularizers import Regularizer

STRATEGIES = ("data", "fsdp", "fsdp_offload", "tensor")


class Strategy:
    """What a trainer asks about its weights; this one keeps them whole, in flat blocks."""

    closure: type[PhaseClosure] = PhaseClosure
    by_rows = True  # whether ranks divide the rows of a window
    written = "by name"  # how a checkpoint's tensors lie: one of another kind is not taken up
    remembers = True  # whether an epoch's start may be kept, to find a divergence's cause

    def phases(self, objective: Objective) -> list[Phase]:
        """The objective's phases, once its weights lie where they are to be."""
        return list(objective.phases())

    def blocks(
        self, players: Mapping[str, Sequence[nn.Parameter]], *, decays: bool, rates: Mapping[nn.Parameter, float]
    ) -> dict[str, list[Block]]:
        """What the optimizers move, by phase."""
        return blocks_of(players, decays=decays, rates=rates)

    def optimizers(
        self, specs: Mapping[str, Spec], blocks: Mapping[str, Sequence[Block]], regularizers: Sequence["Regularizer"]
    ) -> dict[str, Any]:
        """An optimizer a phase; what cannot work on such blocks is refused."""
        return {name: spec.make(blocks[name]) for name, spec in specs.items()}

    def share(self, shards: Shards, blocks: Sequence[Block]) -> None:
        """Let every rank begin where the first does."""
        shards.share(blocks)

    def end(self, objective: Objective, blocks: Sequence[Block]) -> None:
        """Give the objective plain weights again."""
        for block in blocks:
            block.release()


WHOLE = Strategy()


def check_strategy(name: object) -> None:
    """Refuses what is no strategy."""
    if name not in STRATEGIES:
        raise SettingError(f"parallelism={name!r}; {did_you_mean(str(name), STRATEGIES)}")


def strategy_of(
    name: str, ranks: Ranks, device: torch.device, *, precision: str = "float32", deterministic: bool = False
) -> Strategy:
    """The strategy of this name for these ranks; a single process keeps all weights, whatever its name."""
    if name == "fsdp_offload" and device.type == "cpu":
        raise SettingError(
            "parallelism='fsdp_offload' keeps weights in the CPU's memory while an accelerator computes, and the "
            "device is the CPU, where they are anyway; choose parallelism='fsdp'"
        )
    if name == "data" or ranks.size == 1:
        return WHOLE
    if name == "tensor":
        from .divided.tensor_parallel import TensorParallel

        return TensorParallel(ranks, device, deterministic=deterministic)
    from .divided.fully_sharded import FullySharded

    return FullySharded(ranks, device, precision, offload=name == "fsdp_offload")
