"""Layers of Transformer blocks divided among the ranks: each has some heads and some of the feed-forward units.

All ranks see all rows. A layer divided by its outputs (`ColwiseParallel`) feeds one divided by its inputs
(`RowwiseParallel`), whose parts of the sum are added up over the ranks: two sums a block forward and two backward. What
is not in a model's plan (embeddings, norms) every rank holds whole, and moves alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

from ...errors import SettingError
from ...registry import Spec
from ..blocks import Block, blocks_of
from ..closure import PhaseClosure
from ..distributed import Ranks
from ..phase import Objective, Phase
from ..regularizers import Regularizer
from ..sharding import Shards, tensors_of
from ..strategies import Strategy
from .fully_sharded import ShardedBlock, moving, refuse_whole

HEADS = ("n_heads", "n_groups", "widths")  # what an attention layer counts, of which each rank has its share


class TensorClosure(PhaseClosure):
    """A phase's loss and gradients, those of divided layers in slices."""

    alone = False

    def fill(self) -> Tensor:
        trainer, total = self.trainer, torch.zeros((), device=self.trainer.device)
        sliced = [block for block in self.blocks if isinstance(block, ShardedBlock)]
        for block in self.blocks:
            block.clear() if isinstance(block, ShardedBlock) else block.gradients.zero_()
        with moving(trainer.objective, trainer.players[self.phase.name]):
            for part in self._parts():
                part.backward()
                total = total + part.detach()
        for block in sliced:
            block.collect()
        return total

    def _clip(self) -> None:
        """As `blocks.clip`: slices count on every rank, what all hold alike once."""
        plan, ranks = self.trainer.plan, self.trainer.shards.ranks
        if plan.clip_value:
            for block in self.blocks:
                block.gradients.clamp_(-float(plan.clip_value), float(plan.clip_value))
        if plan.clip_norm:
            counted = [b for b in self.blocks if ranks.first or (isinstance(b, ShardedBlock) and b.divided)]
            squares = [b.gradients.double().square().sum() for b in counted]
            size = torch.stack(squares).sum().to(ranks.device)
            ranks.add(size)
            factor = (float(plan.clip_norm) / (size.sqrt() + 1e-6)).clamp(max=1.0)
            for block in self.blocks:
                block.gradients.mul_(factor.to(block.gradients))


class TensorParallel(Strategy):
    """The layers that a model's `tensor_plan` names are divided; all else is whole on every rank."""

    name = "tensor"
    closure = TensorClosure
    by_rows = False
    remembers = False

    def __init__(self, ranks: Ranks, device: torch.device, *, deterministic: bool) -> None:
        self.ranks, self.written = ranks, f"for tensor on {ranks.size} ranks"
        self.deterministic = deterministic
        self.mesh: DeviceMesh = init_device_mesh(device.type, (ranks.size,))
        self.attentions: list[tuple[nn.Module, dict[str, Any]]] = []
        self.hooked: list[tuple[nn.Module, set[int]]] = []

    def phases(self, objective: Objective) -> list[Phase]:
        planned = [m for m in objective.modules() if hasattr(m, "tensor_plan")]
        if not planned:
            raise SettingError(
                f"parallelism='tensor' divides layers by a model's tensor_plan, and the models of "
                f"{type(objective).__name__} ({', '.join(type(m).__name__ for m in objective.children())}) have none; "
                f"choose a model that has one, such as 'gpt', or parallelism='fsdp'"
            )
        self.ranks.tell(tensors_of(objective))
        for model in cast(list[Any], planned):
            for name, kind in model.tensor_plan.items():
                self.divide(model, name, kind)
        return [replace(p, gradient=None) for p in objective.phases()]

    def divide(self, model: Any, name: str, kind: str) -> None:
        """Divide one layer: "heads" (queries, keys and values in one), "columns" or "rows"."""
        layer, size = cast(Any, model.get_submodule(name)), self.ranks.size
        if kind == "heads":
            attention: Any = model.get_submodule(name.rpartition(".")[0])
            if attention.n_heads % size or attention.n_groups % size or attention.positions not in (None, "rotary"):
                raise SettingError(
                    f"parallelism='tensor' deals whole heads out to {size} processes, and {name} has "
                    f"{attention.n_heads} heads in {attention.n_groups} groups, with positions="
                    f"{attention.positions!r}; give numbers that {size} divides, and positions other than 'alibi' "
                    f"and 'relative'"
                )
            if self.deterministic and attention.dropout:
                raise SettingError(
                    f"parallelism='tensor' draws attention's dropout for each process's own heads, which is not what "
                    f"one process draws; train with deterministic=False, or with dropout=0 (here {attention.dropout})"
                )
            permute(layer, order_of(attention.widths, size))
            self.attentions.append((attention, {k: getattr(attention, k) for k in HEADS}))
            attention.n_heads, attention.n_groups = attention.n_heads // size, attention.n_groups // size
            attention.widths = tuple(width // size for width in attention.widths)
        elif kind == "columns" and layer.out_features % size:
            raise SettingError(
                f"parallelism='tensor' divides the {layer.out_features} units of {name} among {size} processes, which "
                f"leaves a rest; give a number of units that {size} divides"
            )
        self.hooked.append((layer, {*layer._forward_pre_hooks, *layer._forward_hooks}))
        parallelize_module(layer, self.mesh, RowwiseParallel() if kind == "rows" else ColwiseParallel())

    def blocks(
        self, players: Mapping[str, Sequence[nn.Parameter]], *, decays: bool, rates: Mapping[nn.Parameter, float]
    ) -> dict[str, list[Block]]:
        whole = {name: [p for p in params if not isinstance(p, DTensor)] for name, params in players.items()}
        found, made = blocks_of(whole, decays=decays, rates=rates), dict[nn.Parameter, Block]()
        for name, params in players.items():
            for p in params:
                if isinstance(p, DTensor):
                    if p not in made:
                        made[p] = ShardedBlock(p, p.ndim > 1 or not decays, rates.get(p, 1.0))
                    found[name].append(made[p])
        return found

    def optimizers(
        self, specs: Mapping[str, Spec], blocks: Mapping[str, Sequence[Block]], regularizers: Sequence[Regularizer]
    ) -> dict[str, Any]:
        made = super().optimizers(specs, blocks, regularizers)
        refuse_whole("tensor", made, regularizers)
        return made

    def share(self, shards: Shards, blocks: Sequence[Block]) -> None:
        self.ranks.tell(list(shards.objective.buffers()))

    def end(self, objective: Objective, blocks: Sequence[Block]) -> None:
        """Gather the layers on every rank, and take the division away."""
        super().end(objective, blocks)
        for layer, before in self.hooked:
            for name, p in layer._parameters.items():
                if isinstance(p, DTensor):
                    whole = p.full_tensor().detach().clone()
                    layer._parameters[name] = nn.Parameter(whole, requires_grad=p.requires_grad)
            for hooks in (layer._forward_pre_hooks, layer._forward_hooks):
                for key in [k for k in hooks if k not in before]:
                    del hooks[key]
            vars(layer).pop("_distribute_module_applied", None)
        for attention, counts in self.attentions:
            for name, value in counts.items():
                setattr(attention, name, value)
            layer = attention.get_submodule("qkv")
            permute(layer, order_of(counts["widths"], self.ranks.size).argsort())
        self.attentions, self.hooked = [], []


def order_of(widths: Sequence[int], size: int) -> Tensor:
    """Rows of queries, keys and values, each rank's own together: row i of what is dealt out is row order[i] of these.

    >>> order_of((4, 2), 2).tolist()
    [0, 1, 4, 2, 3, 5]
    """
    parts = [part.chunk(size) for part in torch.arange(sum(widths)).split(list(widths))]
    return torch.cat([part[rank] for rank in range(size) for part in parts])


def permute(layer: nn.Module, order: Tensor) -> None:
    """Put a layer's outputs into another order."""
    for p in layer.parameters():
        p.data = p.data[order.to(p.device)]
