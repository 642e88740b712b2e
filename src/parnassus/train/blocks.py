"""Parameters in flat buffers, so that one fused call moves them all."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Block:
    """Parameters that always move together: values end to end in one buffer, gradients in another."""

    def __init__(self, params: Sequence[nn.Parameter], decays: bool) -> None:
        self.params, self.decays = list(params), decays
        layouts = [layout_of(p) for p in params]
        self.values = torch.cat(
            [
                p.detach().as_strided((p.numel(),), (1,)) if s == p.stride() else p.detach().flatten()
                for p, s in zip(params, layouts, strict=True)
            ]
        )
        self.gradients = torch.zeros_like(self.values)
        self.average: Tensor | None = None
        at = 0
        for p, strides in zip(params, layouts, strict=True):
            p.data = self.values.as_strided(p.shape, strides, at)
            p.grad = self.gradients.as_strided(p.shape, strides, at)
            at += p.numel()

    def release(self) -> None:
        """Give every parameter its own memory again: a pickle would store the whole buffer once a parameter."""
        for p in self.params:
            p.data, p.grad = p.data.clone(), None


def layout_of(p: Tensor) -> tuple[int, ...]:
    """The strides a parameter keeps in a block: its own where its memory has no gaps, else contiguous ones."""
    dense = p.is_contiguous() or (p.ndim == 4 and p.is_contiguous(memory_format=torch.channels_last))
    return p.stride() if dense else torch.empty(p.shape, device="meta").stride()


def blocks_of(players: Mapping[str, Sequence[nn.Parameter]], *, decays: bool) -> dict[str, list[Block]]:
    """Blocks for phases that may share parameters: a block for each set of movers, decay, dtype and device.

    Weight decay is for matrices and kernels; biases, gains and other vectors are left alone, as is usual. Where nothing
    `decays` they share a block.
    """
    movers: dict[nn.Parameter, list[str]] = defaultdict(list)
    for name, params in players.items():
        for p in params:
            movers[p].append(name)
    groups: dict[tuple, list[nn.Parameter]] = defaultdict(list)
    for p, names in movers.items():
        groups[tuple(names), p.ndim > 1 or not decays, p.dtype, p.device].append(p)
    blocks = {key: Block(params, key[1]) for key, params in groups.items()}
    return {name: [b for key, b in blocks.items() if name in key[0]] for name in players}


def clip(blocks: Sequence[Block], *, norm: float | None, value: float | None) -> None:
    """Clip gradients in place: each to [-value, value], then all together to a norm."""
    if value:
        for block in blocks:
            block.gradients.clamp_(-float(value), float(value))
    if norm:
        size = torch.stack([b.gradients.norm() for b in blocks]).norm()
        for block in blocks:
            block.gradients.mul_((float(norm) / (size + 1e-6)).clamp(max=1.0))


@contextmanager
def averages_in_place(blocks: Sequence[Block]) -> Iterator[None]:
    """The averaged weights in place of the weights, inside."""
    held = [(b, b.average, b.values.clone()) for b in blocks if b.average is not None]
    try:
        for block, average, _ in held:
            block.values.copy_(average)
        yield
    finally:
        for block, _, values in held:
            block.values.copy_(values)
