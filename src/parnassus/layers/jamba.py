"""Layers in which Mamba, attention and mixtures of experts take turns."""

import torch
from torch import Tensor, nn

from ..errors import SettingError
from ..functional.attention import causal_mask
from .attention import MultiHeadAttention
from .experts import Experts, FeedForward
from .mamba import Mamba
from .statespace import Residual, SequenceLayer, State


class CausalAttention(SequenceLayer):
    """Attention of each column to itself and what came before, without positions: Mamba layers tell the order.

    Its state, all keys and values so far, grows with time.
    """

    def __init__(self, width: int, n_heads: int, *, n_groups: int | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        self.inner = MultiHeadAttention(width, n_heads, n_groups=n_groups, bias=False, dropout=dropout)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.inner(x, causal=True)

    def begin(self, x: Tensor) -> State:
        empty = x.new_zeros(len(x), self.inner.n_groups, 0, self.inner.size)
        return empty, empty

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self.run(x[:, None], state)
        return y[:, 0], state

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        q, k, v = self.inner.projected(x)
        k, v = torch.cat([state[0], k], 2), torch.cat([state[1], v], 2)
        below = causal_mask(x.shape[1], k.shape[2], device=x.device)[None, None]
        return self.inner.attended(q, k, v, mask=below, causal=False), (k, v)


class Jamba(SequenceLayer):
    """One layer: x + mixer(norm(x)), then x + tokens(norm(x)), where the mixer is Mamba or attention.

    `tokens` is a feed-forward layer, or a mixture of experts.
    """

    def __init__(
        self, width: int, mixer: SequenceLayer, tokens: SequenceLayer, *, dropout: float = 0.0, eps: float = 1e-6
    ) -> None:
        super().__init__()
        self.mixer = Residual(nn.RMSNorm(width, eps=eps), mixer, dropout=dropout)
        self.tokens = Residual(nn.RMSNorm(width, eps=eps), tokens, dropout=dropout)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.tokens(self.mixer(x, lengths), lengths)

    def begin(self, x: Tensor) -> State:
        return self.mixer.begin(x)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self.mixer.step(x, state)
        return self.tokens.step(y, ())[0], state

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self.mixer.run(x, state)
        return self.tokens(y), state


def jamba_layers(
    width: int,
    n_layers: int,
    *,
    attention_every: int = 8,
    expert_every: int = 2,
    n_heads: int = 4,
    n_groups: int | None = None,
    n_experts: int = 4,
    top_k: int = 2,
    capacity: float | None = None,
    balance: float = 0.01,
    n_state: int = 16,
    feed: int | None = None,
    dropout: float = 0.0,
) -> list[Jamba]:
    """A stack: in every `attention_every` layers the middle one attends, the others are Mamba; in every `expert_every`
    the last has experts, the others one feed-forward layer of `feed` units (four times the width).

    The published model has 1 attention layer in 8, and 16 experts, 2 a token, in every second layer.

    Systems: jamba-block
    Source: Lieber et al. 2024; Hifny section 12.4 (whose figure is lost, and whose text gives no ratios).
    """
    if attention_every < 1 or expert_every < 1:
        raise SettingError(f"attention_every and expert_every are at least 1; got {attention_every} and {expert_every}")
    feed = 4 * width if feed is None else feed
    made = []
    for i in range(n_layers):
        attends = i % attention_every == attention_every // 2
        mixer: SequenceLayer = (
            CausalAttention(width, n_heads, n_groups=n_groups)
            if attends
            else Mamba(width, n_state=n_state, normalize=True)
        )
        tokens: SequenceLayer = FeedForward(width, feed, kind="swiglu")
        if i % expert_every == expert_every - 1:
            tokens = Experts(
                width, feed, n_experts=n_experts, k=top_k, kind="swiglu", capacity=capacity, balance=balance,
                renormalize=False, bias=False,
            )  # fmt: skip
        made.append(Jamba(width, mixer, tokens, dropout=dropout))
    return made
