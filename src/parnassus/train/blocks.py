"""Parameters in flat buffers, so that one fused call moves them all."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate

import torch
from torch import Tensor, nn


class Block:
    """Parameters that always move together: values end to end in one buffer, gradients in another."""

    def __init__(self, params: Sequence[nn.Parameter], decays: bool, rate: float = 1.0) -> None:
        self.params, self.decays, self.rate = list(params), decays, rate
        layouts = [layout_of(p) for p in params]
        self.values = torch.cat(
            [
                p.detach().as_strided((p.numel(),), (1,)) if s == p.stride() else p.detach().flatten()
                for p, s in zip(params, layouts, strict=True)
            ]
        )
        self.gradients = torch.zeros_like(self.values)
        self.average: Tensor | None = None
        starts = [0, *accumulate(p.numel() for p in params)]
        self.layouts = [(p.shape, s, at) for p, s, at in zip(params, layouts, starts, strict=False)]
        for p, value, gradient in zip(params, self.parts(self.values), self.parts(self.gradients), strict=True):
            p.data, p.grad = value, gradient

    def parts(self, vector: Tensor) -> list[Tensor]:
        """A vector as long as the values, seen as tensors shaped like the parameters."""
        first = vector.storage_offset()  # as_strided counts from the storage, of which the vector may be a part
        return [vector.as_strided(shape, strides, first + at) for shape, strides, at in self.layouts]

    def release(self) -> None:
        """Give every parameter its own memory again: a pickle would store the whole buffer once a parameter."""
        for p in self.params:
            p.data, p.grad = p.data.clone(), None


def stacked(members: Sequence[Block]) -> Block:
    """One block of several that are alike, which become its rows: one call moves them all."""
    whole = Block([p for block in members for p in block.params], members[0].decays, members[0].rate)
    if members[0].average is not None:
        whole.average = torch.cat([block.average for block in members if block.average is not None])
    for i, block in enumerate(members):
        n = block.values.numel()
        block.values, block.gradients = whole.values[i * n :][:n], whole.gradients[i * n :][:n]
        block.average = whole.average[i * n :][:n] if whole.average is not None else None
    return whole


def layout_of(p: Tensor) -> tuple[int, ...]:
    """The strides a parameter keeps in a block: its own where its memory has no gaps, else contiguous ones."""
    dense = p.is_contiguous() or (p.ndim == 4 and p.is_contiguous(memory_format=torch.channels_last))
    return p.stride() if dense else torch.empty(p.shape, device="meta").stride()


def blocks_of(
    players: Mapping[str, Sequence[nn.Parameter]], *, decays: bool, rates: Mapping[nn.Parameter, float] | None = None
) -> dict[str, list[Block]]:
    """Blocks for phases that may share parameters: a block for each set of movers, decay, rate, dtype and device.

    Weight decay is for matrices and kernels; biases, gains and other vectors are left alone, as is usual. Where nothing
    `decays` they share a block.
    """
    movers: dict[nn.Parameter, list[str]] = defaultdict(list)
    for name, params in players.items():
        for p in params:
            movers[p].append(name)
    groups: dict[tuple, list[nn.Parameter]] = defaultdict(list)
    for p, names in movers.items():
        rate = (rates or {}).get(p, 1.0)
        groups[tuple(names), p.ndim > 1 or not decays, rate, p.dtype, p.device].append(p)
    blocks = {key: Block(params, key[1], key[2]) for key, params in groups.items()}
    return {name: [b for key, b in blocks.items() if name in key[0]] for name in players}


def clip(blocks: Sequence[Block], *, norm: float | None, value: float | None) -> None:
    """Clip gradients in place: each to [-value, value], then all together to a norm.

    Systems: gradient-norm-clipping
    Source: Pascanu, Mikolov and Bengio 2013; Jaiswal J119, Hifny A10.6, Baker A142, Martinez-Ramon 5.7.
    """
    if value:
        for block in blocks:
            block.gradients.clamp_(-float(value), float(value))
    if norm:
        size = torch.stack([b.gradients.norm() for b in blocks]).norm()
        for block in blocks:
            block.gradients.mul_((float(norm) / (size + 1e-6)).clamp(max=1.0))


@contextmanager
def averages_in_place(blocks: Sequence[Block]) -> Iterator[None]:
    """The averaged weights in place of the weights, inside: a running mean that decays by the plan's `average`.

    Systems: weight-averaging-ema
    Source: Polyak and Juditsky 1992; Martinez-Ramon 6.6 and 8.11.
    """
    held = [(b, b.average, b.values.clone()) for b in blocks if b.average is not None]
    try:
        for block, average, _ in held:
            block.values.copy_(average)
        yield
    finally:
        for block, _, values in held:
            block.values.copy_(values)
