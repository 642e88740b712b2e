"""What attention, recurrence and state spaces cost on this machine, beside what the formulas say."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ..errors import SettingError
from ..functional.attention import Cost, attention_cost, recurrent_cost, state_space_cost
from ..layers.attention import MultiHeadAttention
from ..layers.mamba import Mamba
from ..train.randomness import kept_random

KINDS = ("attention", "recurrent", "state space")


@dataclass(frozen=True)
class Measured:
    """One layer at one length: the formula, and what was counted and timed, forwards and backwards.

    counted : operations of matrix products, as torch counts them forwards; None where its counter sees none.
    memory : numbers that are kept for the backward pass, each tensor once, parameters left out.
    seconds : of the fastest of some passes forwards and backwards.
    """

    kind: str
    n: int
    formula: Cost
    counted: int | None
    memory: int
    seconds: float


def measured_costs(
    lengths: Sequence[int] = (64, 128, 256, 512), *, width: int = 64, n_heads: int = 4, repeats: int = 3, seed: int = 0
) -> list[Measured]:
    """One row of each length through self-attention (its weights kept), a GRU and a Mamba layer of this width.

    Systems: attention-cost-model
    Source: Hifny 11.3 and tables 11.1 and 12.1.
    """
    if not lengths or min(lengths) < 1 or repeats < 1:
        raise SettingError(f"lengths and repeats are at least 1; got {tuple(lengths)} and {repeats}")
    with kept_random(torch.device("cpu"), seed):
        layers: dict[str, tuple[nn.Module, Callable[[int], Cost]]] = {
            "attention": (
                MultiHeadAttention(width, n_heads, bias=False),
                lambda n: attention_cost(n, width, n_heads=n_heads),
            ),
            "recurrent": (nn.GRU(width, width, batch_first=True), lambda n: recurrent_cost(n, width, n_gates=3)),
            "state space": (Mamba(width), lambda n: state_space_cost(n, 2 * width)),
        }
        rows = {n: torch.randn(1, n, width) for n in lengths}
        return [
            _measured(kind, layer, rows[n], formula(n), repeats)
            for kind, (layer, formula) in layers.items()
            for n in lengths
        ]


def _measured(kind: str, layer: nn.Module, x: Tensor, formula: Cost, repeats: int) -> Measured:
    own = {p.untyped_storage().data_ptr() for p in layer.parameters()}
    kept: dict[int, int] = {}

    def pack(t: Tensor) -> Tensor:
        if t.untyped_storage().data_ptr() not in own:
            kept[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes() // t.element_size()
        return t

    def passed() -> Tensor:
        found = layer(x)
        return found[0] if isinstance(found, tuple) else found

    with sdpa_kernel(SDPBackend.MATH):  # the fused kernel keeps no weights, and the counter does not see it
        with FlopCounterMode(display=False) as counter, torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            held = passed()
        del held
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            passed().sum().backward()
            seconds.append(time.perf_counter() - start)
    counted = counter.get_total_flops() if kind == "attention" else None
    return Measured(kind, x.shape[1], formula, counted, sum(kept.values()), min(seconds))


def growth(measured: Sequence[Measured], kind: str, what: str = "memory") -> float:
    """The power of the length with which "memory" or "seconds" of a kind grow: the slope on log scales."""
    points = [(m.n, getattr(m, what)) for m in measured if m.kind == kind]
    if len(points) < 2 or what not in ("memory", "seconds"):
        raise SettingError(f"growth of 'memory' or 'seconds' over two lengths or more; got {what!r}, {len(points)}")
    n, value = np.log(np.array(points, dtype=float)).T
    return float(np.polyfit(n, value, 1)[0])
