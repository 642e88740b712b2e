"""Feed-forward layers, one for all tokens or many of which each token takes a few."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import SettingError, did_you_mean
from ..functional.experts import expert_gates, load_balance, within_capacity
from .recurrent import mask_of
from .statespace import SequenceLayer, State

KINDS = ("gelu", "silu", "swiglu")


class FeedForward(SequenceLayer):
    """W2 s(W1 x + b1) + b2 with s "gelu" or "silu"; "swiglu" is W2 (silu(W1 x) W3 x), without biases.

    Source: Hifny eq. 12.21; Shazeer 2020 for the gated kind.
    """

    def __init__(self, width: int, hidden: int, *, kind: str = "gelu") -> None:
        super().__init__()
        if kind not in KINDS:
            raise SettingError(f"kind={kind!r}; {did_you_mean(kind, KINDS)}")
        gated = kind == "swiglu"
        self.up, self.down = (nn.Linear(n, m, bias=not gated) for n, m in ((width, hidden), (hidden, width)))
        self.gate = nn.Linear(width, hidden, bias=False) if gated else None
        self.activation = nn.functional.gelu if kind == "gelu" else nn.functional.silu

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if self.gate is None:
            return self.down(self.activation(self.up(x)))
        return self.down(self.activation(self.gate(x)) * self.up(x))

    def begin(self, x: Tensor) -> State:
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self(x), ()

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self(x), ()


class Experts(SequenceLayer):
    """Each token's k best of n_experts feed-forward layers, weighted by their gates.

    Parameters
    ----------
    k : experts of a token.
    capacity : in training an expert takes at most `capacity` times its even share of the choices, and the rest are
        left out (the residual path carries them); None takes all. In evaluation all are taken, so that rows do not
        see each other.
    balance : how much of the load-balance loss is added to what training makes small. Its slope joins that of the
        outputs; the loss that is shown stays that of the answers. `load` keeps the last value.
    noise : standard deviation of what is added to the gates' logits in training.

    Padding goes to no expert and takes up no room.

    Systems: mixture-of-experts
    Source: Shazeer et al. 2017; Fedus et al. 2022; Hifny section 12.4.
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        *,
        n_experts: int = 4,
        k: int = 2,
        kind: str = "gelu",
        temperature: float = 1.0,
        capacity: float | None = None,
        balance: float = 0.01,
        noise: float = 0.0,
        renormalize: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if not 1 <= k <= n_experts:
            raise SettingError(f"top_k experts of n_experts={n_experts} serve a token; got {k}")
        if capacity is not None and capacity <= 0:
            raise SettingError(f"capacity is above 0, 1 being an even share; got {capacity}")
        self.k, self.temperature, self.renormalize = k, temperature, renormalize
        self.capacity, self.balance, self.noise = capacity, balance, noise
        self.router = nn.Linear(width, n_experts, bias=bias)
        self.experts = nn.ModuleList(FeedForward(width, hidden, kind=kind) for _ in range(n_experts))
        self.load: Tensor | None = None

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        tokens, inside = x.reshape(-1, x.shape[-1]), mask_of(x, lengths)
        if (
            torch.compiler.is_exporting()
        ):  # a file has one way for all rows: whatever stands in padding is not looked at
            return self._weighed(tokens).view_as(x)
        if inside is None:
            return self._routed(tokens).view_as(x)
        real = inside.flatten().nonzero()[:, 0]
        if not len(real):
            return torch.zeros_like(x)
        return torch.zeros_like(tokens).index_copy(0, real, self._routed(tokens[real])).view_as(x)

    def _routed(self, tokens: Tensor) -> Tensor:
        """Outputs of real tokens (tokens, width)."""
        n, logits = len(self.experts), self.router(tokens)
        if self.training and self.noise:
            logits = logits + self.noise * torch.randn_like(logits)
        gates, chosen, whole = expert_gates(logits, self.k, temperature=self.temperature, renormalize=self.renormalize)
        if self.training and self.capacity is not None:
            room = math.ceil(self.capacity * chosen.numel() / n)
            gates = gates * within_capacity(chosen, n, room)
        y = torch.zeros_like(tokens)
        for i, expert in enumerate(self.experts):
            at, place = ((chosen == i) & (gates > 0)).nonzero(as_tuple=True)
            y = y.index_add(0, at, expert(tokens[at]) * gates[at, place, None])
        if not self.training:
            return y
        load = load_balance(whole, chosen)
        self.load = load.detach()
        return WithLoss.apply(y, self.balance * load) if self.balance else y

    def _weighed(self, tokens: Tensor) -> Tensor:
        """What `_routed` says in evaluation, by all experts of all tokens, those not chosen with the weight 0."""
        logits = self.router(tokens)
        gates, chosen, _ = expert_gates(logits, self.k, temperature=self.temperature, renormalize=self.renormalize)
        weights = torch.zeros_like(logits).scatter(1, chosen, gates)
        return torch.stack([expert(tokens) * weights[:, i, None] for i, expert in enumerate(self.experts)]).sum(0)

    def begin(self, x: Tensor) -> State:
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self._routed(x), ()

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self(x), ()


class WithLoss(torch.autograd.Function):
    """Outputs as they are, and a loss whose slope is 1: it is made small along with whatever the outputs lead to."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, loss: Tensor) -> Tensor:
        ctx.kind = loss.dtype, loss.device
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, of_y: Tensor) -> tuple[Tensor, Tensor]:
        dtype, device = ctx.kind
        return of_y, torch.ones((), dtype=dtype, device=device)
