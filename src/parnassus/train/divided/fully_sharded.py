"""Weights, gradients and optimizer states divided among the ranks, by PyTorch's FSDP2 (`fully_shard`).

Each rank keeps a slice of every weight along its first axis. A block of the net gathers its weights when it is called,
forgets them behind it, gathers them again for its backward pass, and leaves each rank its slice of the gradient's sum.
Optimizers move the slices, so only rules that move each weight by itself can serve.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.distributed._composable.contract import REGISTRY_KEY, STATE_KEY
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, FSDPModule, MixedPrecisionPolicy, OffloadPolicy, fully_shard
from torch.distributed.tensor import DTensor

from ...errors import SettingError
from ...registry import Spec
from ..blocks import Block
from ..closure import PhaseClosure
from ..distributed import Ranks
from ..phase import Batch, Objective, Phase
from ..regularizers import Regularizer
from ..sharding import Shards, divisible, tensors_of
from ..splitting import fill
from ..strategies import Strategy

APART = ("mixed torch.Tensor and DTensor", "storage of size 0")  # a weight that was not gathered, or forgotten
WEIGHED = ("before", "gradient", "after", "penalty")  # what of a regularizer asks for weights or their gradients


class ShardedBlock(Block):
    """One parameter, of which this rank holds a slice: `values` is the slice's own memory."""

    def __init__(self, param: nn.Parameter, decays: bool, rate: float = 1.0) -> None:
        self.params, self.decays, self.rate = [param], decays, rate
        self.values = cast(DTensor, param.data).to_local().view(-1)
        self.gradients = torch.zeros_like(self.values)
        self.average: Tensor | None = None

    def parts(self, vector: Tensor) -> list[Tensor]:
        """A slice as what it is a slice of: a tensor that knows where its rows belong."""
        of = cast(DTensor, self.params[0].data)
        return [
            DTensor.from_local(
                vector.view(of.to_local().shape),
                of.device_mesh,
                of.placements,
                run_check=False,
                shape=of.shape,
                stride=of.stride(),
            )
        ]

    @property
    def divided(self) -> bool:
        """Whether ranks hold different parts of it."""
        return not all(p.is_replicate() for p in cast(DTensor, self.params[0].data).placements)

    def clear(self) -> None:
        """Forget the gradient."""
        self.params[0].grad = None

    def collect(self) -> None:
        """Take the gradient that a backward pass left; a parameter that had no part in the loss has zeros."""
        found = self.params[0].grad
        if found is not None and cast(DTensor, found).placements != cast(DTensor, self.params[0].data).placements:
            found = cast(DTensor, found).redistribute(placements=cast(DTensor, self.params[0].data).placements)
        self.gradients = torch.zeros_like(self.values) if found is None else cast(DTensor, found).to_local().reshape(-1)

    def release(self) -> None:
        self.clear()


class ShardedClosure(PhaseClosure):
    """A phase's loss and its gradient's slices; other players stand still by `requires_grad`."""

    alone = False

    def fill(self) -> Tensor:
        trainer = self.trainer
        for block in cast(Sequence[ShardedBlock], self.blocks):
            block.clear()
        total = torch.zeros((), device=trainer.device)
        root = cast(FSDPModule, trainer.objective)
        with moving(trainer.objective, trainer.players[self.phase.name]):
            for i, part in enumerate(self._parts(), start=1):
                root.set_requires_gradient_sync(i == len(self.batches))  # what is not the last adds up unsent
                part.backward()
                total = total + part.detach()
        for block in cast(Sequence[ShardedBlock], self.blocks):
            block.collect()
        return total

    def _part(self, batch: Batch, share: float | Tensor | None, size: int | None, penalties: list[Tensor]) -> Tensor:
        if isinstance(share, Tensor) and "weight" in batch:  # rows that weigh nothing would mean 0 / 0, and be sent
            weight = batch["weight"]
            batch = batch | {"weight": torch.where(weight.sum() > 0, weight, torch.ones_like(weight))}
        return super()._part(batch, share, size, penalties)

    def _of_all_ranks(self) -> Tensor:
        """The ranks' mean loss; FSDP has added the gradients up."""
        with self.trainer.shards.drawing(self.trainer.step, self.phase.name):
            loss = fill(self)
        loss, total = self._meant(loss, []), self.total
        assert total is not None
        for block in self.blocks:
            block.gradients.div_(torch.where(total > 0, total, 1).to(block.gradients.device))
        return loss

    def _clip(self) -> None:
        """As `blocks.clip`, by the norm of all ranks' slices."""
        plan = self.trainer.plan
        if plan.clip_value:
            for block in self.blocks:
                block.gradients.clamp_(-float(plan.clip_value), float(plan.clip_value))
        if plan.clip_norm:
            ranks = self.trainer.shards.ranks
            size = torch.stack([b.gradients.double().square().sum() for b in self.blocks]).sum().to(ranks.device)
            ranks.add(size)
            factor = (float(plan.clip_norm) / (size.sqrt() + 1e-6)).clamp(max=1.0)
            for block in self.blocks:
                block.gradients.mul_(factor.to(block.gradients))


class FullySharded(Strategy):
    """Every block of the net is divided over all ranks, and so is what belongs to none."""

    closure = ShardedClosure
    remembers = False

    def __init__(self, ranks: Ranks, device: torch.device, precision: str, *, offload: bool = False) -> None:
        self.ranks = ranks
        self.mesh: DeviceMesh = init_device_mesh(device.type, (ranks.size,))
        narrow = torch.bfloat16 if precision == "bfloat16" else None
        self.policy = MixedPrecisionPolicy(
            param_dtype=narrow, reduce_dtype=torch.float32 if narrow else None, cast_forward_inputs=False
        )
        self.offload = CPUOffloadPolicy() if offload else OffloadPolicy()

    def phases(self, objective: Objective) -> list[Phase]:
        phases = list(objective.phases())
        if not divisible(objective, [list(p.params) for p in phases]):
            raise SettingError(
                f"parallelism='fsdp' divides weights that gradients of single rows move, and "
                f"{type(objective).__name__} learns otherwise; leave parallelism='data'"
            )
        self.ranks.tell(tensors_of(objective))
        for p in objective.parameters():
            if not p.is_contiguous():  # channels last, which `fully_shard` does not take
                p.data = p.data.contiguous()
        # what looks at weights outside the blocks' calls has them forgotten, so that these are one with the rest
        for module in [*(() if objective.as_one else blocks_in(objective)), objective]:
            fully_shard(module, mesh=self.mesh, mp_policy=self.policy, offload_policy=self.offload)
            root = cast(FSDPModule, module)
            root.set_gradient_divide_factor(1.0)
            root.set_force_sum_reduction_for_comms(True)
        own = objective.evaluate
        vars(objective)["forward"] = called
        vars(objective)["evaluate"] = partial(through, objective, own)
        return [replace(p, loss=partial(through, objective, p.loss), gradient=None) for p in objective.phases()]

    def blocks(
        self, players: Mapping[str, Sequence[nn.Parameter]], *, decays: bool, rates: Mapping[nn.Parameter, float]
    ) -> dict[str, list[Block]]:
        made: dict[nn.Parameter, Block] = {}
        for params in players.values():
            for p in params:
                if p not in made:
                    made[p] = ShardedBlock(p, p.ndim > 1 or not decays, rates.get(p, 1.0))
        return {name: [made[p] for p in params] for name, params in players.items()}

    def optimizers(
        self, specs: Mapping[str, Spec], blocks: Mapping[str, Sequence[Block]], regularizers: Sequence[Regularizer]
    ) -> dict[str, Any]:
        made = super().optimizers(specs, blocks, regularizers)
        refuse_whole("fsdp", made, regularizers)
        return made

    def share(self, shards: Shards, blocks: Sequence[Block]) -> None:
        self.ranks.tell(list(shards.objective.buffers()))  # the weights were told before they were divided

    def end(self, objective: Objective, blocks: Sequence[Block]) -> None:
        """Gather all weights on every rank, and take FSDP away."""
        super().end(objective, blocks)
        for name in ("forward", "evaluate"):
            vars(objective).pop(name, None)
        undivided(objective)


def refuse_whole(strategy: str, optimizers: Mapping[str, Any], regularizers: Sequence[Regularizer]) -> None:
    """Refuses what looks at whole weights, where they are divided."""
    for optimizer in optimizers.values():
        if optimizer.repeats or not optimizer.elementwise:
            raise SettingError(
                f"parallelism={strategy!r} divides each weight among the ranks, and optimizer {optimizer.name!r} looks "
                f"at all of them together; choose one that moves each by itself, such as 'adam', or parallelism='data'"
            )
    for one in regularizers:
        if any(getattr(type(one), name) is not getattr(Regularizer, name) for name in WEIGHED):
            raise SettingError(
                f"parallelism={strategy!r} divides each weight among the ranks, and the regularizer {one!r} looks at "
                f"whole ones; leave it out, take the optimizer's weight_decay, or parallelism='data'"
            )


def called(work: Any, batch: Batch) -> Any:
    """What stands for an objective's forward pass: FSDP gathers weights where a module is called."""
    return work(batch)


def through(objective: Objective, work: Any, batch: Batch) -> Any:
    """What `work(batch)` gives, with the objective's own weights gathered."""
    try:
        return objective(work, batch)
    except RuntimeError as error:
        if not any(words in str(error) for words in APART):
            raise
        raise SettingError(
            f"parallelism='fsdp' gathers a block's weights where the block is called, and "
            f"{type(objective).__name__.removeprefix('FSDP')} uses some of them elsewhere; leave parallelism='data'"
        ) from error
    finally:
        if not torch.is_grad_enabled():
            cast(FSDPModule, objective).reshard()


def blocks_in(objective: nn.Module) -> list[nn.Module]:
    """The parts that are divided each by itself: members of a list or stack; where there is none, layers with weights.

    Parameters that are used in two of them belong to neither.
    """
    holders = (nn.ModuleList, nn.Sequential)
    found = [child for m in outermost(objective, holders) for child in m.children() if can_be_block(child)]
    if not found:
        found = [m for m in objective.modules() if list(m.parameters(recurse=False)) and can_be_block(m)]
        found = [m for m in found if m is not objective]
    owners: dict[nn.Parameter, int] = {}
    for part in found:
        for p in set(part.parameters()):
            owners[p] = owners.get(p, 0) + 1
    inside = {p for part in found for p in part.parameters()}
    told = {id(m) for part in found for m in part.modules()}
    tied = {p for m in objective.modules() if id(m) not in told for p in m.parameters(recurse=False) if p in inside}
    return [part for part in found if not any(owners[p] > 1 or p in tied for p in part.parameters())]


def can_be_block(module: nn.Module) -> bool:
    """Whether a module may be divided by itself: it has weights and is called; torch's recurrent nets give views.

    A list is not called, nor is a recurrent cell, which its net runs over the steps.
    """
    held = next(module.parameters(), None) is not None
    return held and type(module).forward is not nn.Module.forward and not isinstance(module, nn.RNNBase)


def outermost(module: nn.Module, kinds: tuple[type[nn.Module], ...]) -> Iterator[nn.Module]:
    """Modules of these kinds that are inside no other of them."""
    for child in module.children():
        if isinstance(child, kinds):
            yield child
        else:
            yield from outermost(child, kinds)


@contextmanager
def moving(objective: nn.Module, params: Sequence[nn.Parameter]) -> Iterator[None]:
    """Inside, no others than these parameters want a gradient."""
    mine = set(params)
    still = [p for p in objective.parameters() if p.requires_grad and p not in mine]
    for p in still:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in still:
            p.requires_grad_(True)


def undivided(objective: nn.Module) -> None:
    """Put whole parameters in the place of slices, and remove what `fully_shard` added to the modules."""
    wholes: dict[int, nn.Parameter] = {}
    for module in list(objective.modules()):
        if isinstance(module, FSDPModule):
            module.reshard()
    for module in list(objective.modules()):
        for name, p in module._parameters.items():
            if isinstance(p, DTensor):
                if id(p) not in wholes:
                    wholes[id(p)] = nn.Parameter(p.full_tensor().detach().clone(), requires_grad=p.requires_grad)
                module._parameters[name] = wholes[id(p)]
    for module in list(objective.modules()):
        if isinstance(module, FSDPModule):
            _unhooked(module)
        for name in ("_is_fsdp_managed_module", "_fsdp_use_orig_params"):
            vars(module).pop(name, None)


def _unhooked(module: Any) -> None:
    state = module._get_fsdp_state()
    state._pre_forward_hook_handle.remove()
    state._post_forward_hook_handle.remove()
    for group in state._fsdp_param_groups:
        handles = (group._module_to_pre_save_state_dict_hook_handle, group._module_to_pre_load_state_dict_hook_handle)
        for handle in [h for held in handles for h in held.values()]:
            handle.remove()
    module.__class__ = type(module).__mro__[2]
    for key in (STATE_KEY, REGISTRY_KEY):
        vars(module).pop(key, None)
