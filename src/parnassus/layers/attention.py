"""Multi-head attention over torch's fused kernel: masks, cross-attention, grouped queries, caches, kept weights."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import DataError, SettingError
from ..functional.attention import causal_mask, scaled_dot_product
from ..functional.attention.lookback import looked_back
from ..functional.positions import alibi_slopes, distances, relative_index, rotary

INSIDE = ("rotary", "alibi", "relative")


class KeyValueCache:
    """Keys and values of the steps read so far, in memory that was taken beforehand: (batch, heads, capacity, width).

    `starts` (batch,) says where each row's first real step stands, for rows of different lengths that end together.
    """

    def __init__(self, k: Tensor, v: Tensor, starts: Tensor | None = None) -> None:
        self.k, self.v, self.starts, self.length = k, v, starts, 0
        self.memory: Tensor | None = None  # (rows, capacity): in whose memory each step of a row lies; None: in its own

    @classmethod
    def empty(
        cls, batch: int, n_heads: int, capacity: int, width: int, *, like: Tensor, starts: Tensor | None = None
    ) -> "KeyValueCache":
        """Room for `capacity` steps, of the type and on the device of `like`."""
        shape = batch, n_heads, capacity, width
        return cls(like.new_zeros(shape), like.new_zeros(shape), starts)

    def extend(self, k: Tensor, v: Tensor) -> None:
        """Take new keys and values (batch, heads, time, width)."""
        end = self.length + k.shape[2]
        if end > self.k.shape[2]:
            raise DataError(f"a row of {end} steps does not fit in a cache of {self.k.shape[2]}; take a larger one")
        self.k[: len(k), :, self.length : end] = k
        self.v[: len(k), :, self.length : end] = v
        if self.memory is not None:
            self.memory[:, self.length : end] = torch.arange(len(k), device=k.device)[:, None]
        self.length = end

    def _own(self) -> tuple[Tensor, Tensor]:
        """Keys and values of every step there is room for, row by row."""
        if self.memory is None:
            return self.k, self.v
        at = torch.arange(self.k.shape[2], device=self.k.device)
        k, v = (part[self.memory, :, at].transpose(1, 2) for part in (self.k, self.v))
        return k, v

    def held(self) -> tuple[Tensor, Tensor]:
        """All keys and values read so far, row by row (batch, heads, length, width)."""
        k, v = (part[:, :, : self.length] for part in self._own())
        return k, v

    def found(self, q: Tensor, *, bias: Tensor | None = None, scale: float | None = None) -> Tensor:
        """What one query a row (batch, heads, width) finds in all that was read; `bias` (heads, length) is added."""
        memory = self.memory
        if memory is None:
            memory = torch.arange(len(q), device=q.device)[:, None].expand(-1, self.length)
        seen = self.mask(1)
        seen = None if seen is None else seen[:, 0, 0]
        return looked_back(q, self.k, self.v, memory[:, : self.length], seen=seen, bias=bias, scale=scale)

    def mask(self, n_queries: int) -> Tensor | None:
        """Who may look where among the steps held, the newest `n_queries` asking; None where everybody may."""
        seen = None if n_queries == 1 else causal_mask(n_queries, self.length, device=self.k.device)[None, None]
        if self.starts is None:
            return seen
        real = (torch.arange(self.length, device=self.k.device) >= self.starts[:, None])[:, None, None]
        return real if seen is None else real & seen

    def select(self, rows: Tensor) -> None:
        """Keep these rows (a beam's survivors), in this order; what they have read stays where it lies."""
        if len(rows) > len(self.k):
            self.k, self.v = (part.index_select(0, rows) for part in self._own())
            self.memory = None
        elif self.memory is None:
            self.memory = rows[:, None].repeat(1, self.k.shape[2])
        else:
            self.memory = self.memory.index_select(0, rows)
        self.starts = None if self.starts is None else self.starts.index_select(0, rows)


class Attending(nn.Module):
    """A module that attends, and appends its weights (batch, heads, n, m) to `kept` while that is a list."""

    kept: list[Tensor] | None = None


class MultiHeadAttention(Attending):
    """Heads side by side: x (batch, n, width) asks context (batch, m, context_width), or itself -> (batch, n, width).

    Parameters
    ----------
    width, n_heads : heads have width / n_heads each, or `size` where it is given.
    n_groups : heads of keys and values, each shared by n_heads / n_groups heads of queries; None has one a head.
    context_width : of what is asked, where it is not `width`.
    bias : of the projections in. out_bias : of `out`.
    scale : what products of queries and keys are multiplied by; None is 1 / sqrt(size).
    dropout : of the weights, in training.
    positions : None, "rotary", "alibi" (slopes fixed) or "relative" (a learned bias for each distance up to `reach`).

    One matrix makes queries, keys and values (`qkv`), in torch.nn.MultiheadAttention's order. A query that may look
    nowhere gets 0 before `out`.

    Systems: multi-head-attention, cross-attention
    Source: Vaswani et al. 2017; Ainslie et al. 2023 (groups); Hifny 11.2, Martinez-Ramon 6.2.6 and problem 6.8,
    Jaiswal 5.3.2, Keras course 6.5.4.
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        *,
        n_groups: int | None = None,
        context_width: int | None = None,
        bias: bool = True,
        dropout: float = 0.0,
        positions: str | None = None,
        reach: int = 32,
        size: int | None = None,
        scale: float | None = None,
        out_bias: bool = True,
    ) -> None:
        super().__init__()
        n_groups = n_heads if n_groups is None else n_groups
        inner = width if size is None else n_heads * size
        _check(inner, n_heads, n_groups, dropout, positions)
        self.n_heads, self.n_groups, self.size, self.dropout = n_heads, n_groups, inner // n_heads, dropout
        self.positions, self.reach, self.scale = positions, reach, scale
        self.widths = inner, n_groups * self.size, n_groups * self.size
        self.split = context_width not in (None, width)
        if self.split:
            self.q = nn.Linear(width, inner, bias=bias)
            self.kv = nn.Linear(context_width or width, 2 * self.widths[1], bias=bias)
        else:
            self.qkv = nn.Linear(width, sum(self.widths), bias=bias)
        self.out = nn.Linear(inner, width, bias=out_bias)
        if positions == "relative":
            self.by_distance = nn.Parameter(torch.zeros(n_heads, 2 * reach + 1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """First weights as torch.nn.MultiheadAttention draws them."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2 and name not in ("out.weight", "by_distance"):
                nn.init.xavier_uniform_(parameter)

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        causal: bool = False,
        cache: KeyValueCache | None = None,
        bias: Tensor | None = None,
    ) -> Tensor:
        """What the heads found, mixed.

        Parameters
        ----------
        mask : True where one may look: (batch, m) for keys, or (batch, n, m), or (batch, heads, n, m).
        causal : whether a query sees keys up to its own place only.
        cache : what earlier calls have read, of which x is the continuation; causal by nature.
        bias : added to the scores (heads, n, m), beside what positions add.
        """
        q, k, v = self.projected(x, context)
        start: int | Tensor = cache.length if cache is not None else 0
        if cache is not None and cache.starts is not None:
            start = start - cache.starts
        if self.positions == "rotary" and context is None:
            q, k = rotary(q, start=start), rotary(k, start=start)
        if cache is not None:
            first = not cache.length and cache.starts is None
            cache.extend(k, v)
            if q.shape[2] == 1 and self._reads:
                added = self._biases(q, cache.length, bias)
                z = cache.found(q[:, :, 0], bias=None if added is None else added[:, 0], scale=self.scale)
                return self.out(z.flatten(1)[:, None])
            k, v = cache.held()
            mask, causal = (None, q.shape[2] > 1) if first else (cache.mask(q.shape[2]), False)
        return self.attended(q, k, v, mask=mask, causal=causal, bias=bias)

    def heard(self, x: Tensor, memory: Tensor | tuple[Tensor, Tensor], *, mask: Tensor | None = None) -> Tensor:
        """What x finds in a memory (batch, m, context_width), or in the keys and values that `answered` made of it.

        With keys and values x may be one step of several beams a sentence, (sentences x beams, 1, width).
        """
        if isinstance(memory, Tensor):
            return self(x, memory, mask=mask)
        k, v = memory
        if mask is not None and mask.ndim == 3 and mask.shape[1] == 1:
            mask = mask[:, 0]
        flat = mask is None or mask.ndim == 2
        if x.shape[1] == 1 and flat and self._reads and self.positions not in ("relative", "alibi"):
            n = len(x) // len(k)  # a sentence's beams look at one memory
            whose = torch.arange(len(k), device=x.device).repeat_interleave(n)[:, None].expand(-1, k.shape[2])
            seen = None if mask is None else mask.repeat_interleave(n, 0)
            z = looked_back(self.asked(x[:, 0]).unflatten(1, (-1, self.size)), k, v, whose, seen=seen, scale=self.scale)
            return self.out(z.flatten(1)[:, None])
        beams = x.reshape(len(k), -1, x.shape[2])  # a sentence's beams are so many queries of one row
        q = self._heads(self.asked(beams))
        return self.attended(q, k, v, mask=mask, causal=False).view(x.shape)

    def attended(
        self, q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor | None, causal: bool, bias: Tensor | None = None
    ) -> Tensor:
        """Heads (batch, heads, time, size) to (batch, n, width), `out` included."""
        bias = self._biases(q, k.shape[2], bias)
        if mask is not None and mask.ndim < 4:
            mask = mask[:, None, None] if mask.ndim == 2 else mask[:, None]
        if self.kept is not None:
            self.kept.append(self._weights(q, k, mask, bias, causal).detach())
        if causal and (mask is not None or bias is not None):
            below = causal_mask(q.shape[2], k.shape[2], device=q.device)
            mask, causal = below if mask is None else mask & below, False
        if bias is not None:
            mask = bias if mask is None else bias.masked_fill(~mask, -math.inf)
        share = self.dropout if self.training else 0.0
        grouped = self.n_groups != self.n_heads
        z = F.scaled_dot_product_attention(q, k, v, mask, share, is_causal=causal, enable_gqa=grouped, scale=self.scale)
        return self.out(z.transpose(1, 2).flatten(2))

    def projected(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries of x, keys and values of the context or of x: each (batch, heads, time, size)."""
        if self.split:
            if context is None:
                raise SettingError("attention built with a context_width asks another row; give context")
            q, (k, v) = self.q(x), self.kv(context).chunk(2, -1)
        elif context is None:
            q, k, v = self.qkv(x).split(self.widths, -1)
        else:
            q, (k, v) = self.asked(x), self.answered(context)
            return self._heads(q), k, v
        return self._heads(q), self._heads(k), self._heads(v)

    def asked(self, x: Tensor) -> Tensor:
        """The queries of x alone, (batch, n, width)."""
        if self.split:
            return self.q(x)
        n = self.widths[0]
        return F.linear(x, self.qkv.weight[:n], None if self.qkv.bias is None else self.qkv.bias[:n])

    def answered(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """The keys and values of a context, by head: what cross-attention needs once, however many steps ask."""
        if self.split:
            k, v = self.kv(context).chunk(2, -1)
        else:
            n = self.widths[0]
            bias = None if self.qkv.bias is None else self.qkv.bias[n:]
            k, v = F.linear(context, self.qkv.weight[n:], bias).chunk(2, -1)
        return self._heads(k), self._heads(v)

    def _heads(self, h: Tensor) -> Tensor:
        return h.unflatten(2, (-1, self.size)).transpose(1, 2)

    @property
    def _reads(self) -> bool:
        """Whether nothing but the answer is asked for: no slopes, no weights to keep, nothing to drop."""
        return not (torch.is_grad_enabled() or self.kept is not None or (self.training and self.dropout))

    def _biases(self, q: Tensor, m: int, bias: Tensor | None) -> Tensor | None:
        """What is added to the scores of q and m keys: `bias`, and what positions add."""
        own = self._bias(q, m)
        return own if bias is None else bias if own is None else bias + own

    def _bias(self, q: Tensor, m: int) -> Tensor | None:
        """What positions add to the scores: (heads, n, m)."""
        n = q.shape[2]
        if self.positions == "relative":
            return self.by_distance[:, relative_index(n, m, reach=self.reach, device=q.device)]
        if self.positions == "alibi":
            slopes = alibi_slopes(self.n_heads).to(q)[:, None, None]
            return -slopes * distances(n, m, device=q.device).abs()
        return None

    def _weights(self, q: Tensor, k: Tensor, mask: Tensor | None, bias: Tensor | None, causal: bool) -> Tensor:
        k = k.repeat_interleave(self.n_heads // self.n_groups, 1)
        if causal:
            below = causal_mask(q.shape[2], k.shape[2], device=q.device)
            mask = below if mask is None else mask & below
        return scaled_dot_product(q, k, k, mask=mask, bias=bias, scale=self.scale).weights

    def extra_repr(self) -> str:
        groups = f", n_groups={self.n_groups}" if self.n_groups != self.n_heads else ""
        return f"n_heads={self.n_heads}{groups}, dropout={self.dropout}, positions={self.positions!r}"


def _check(width: int, n_heads: int, n_groups: int, dropout: float, positions: str | None) -> None:
    if n_heads < 1 or width < 1 or width % n_heads:
        raise SettingError(f"the width is a multiple of the heads; got width {width} and n_heads={n_heads}")
    if n_groups < 1 or n_heads % n_groups:
        raise SettingError(f"n_heads is a multiple of n_groups; got {n_heads} and {n_groups}")
    if not 0 <= dropout < 1:
        raise SettingError(f"dropout is in [0, 1); got {dropout}")
    if positions not in (None, *INSIDE):
        raise SettingError(f"attention's own positions are {', '.join(INSIDE)} or None; got {positions!r}")
    if positions == "rotary" and width // n_heads % 2:
        raise SettingError(f"rotary positions turn pairs: width / n_heads is even; got {width // n_heads}")


@contextmanager
def kept_weights(net: nn.Module) -> Iterator[dict[str, list[Tensor]]]:
    """The weights of every attention inside `net`, by its name, one tensor (batch, heads, n, m) a call.

    They are computed beside the fused kernel, which keeps none; so this is for looking, not for training.

    Systems: alignment-map
    Source: Hifny A11.19, Martinez-Ramon figs. 6.7 and 6.11 and problem 6.8.
    """
    found = {name: part for name, part in net.named_modules() if isinstance(part, Attending)}
    for part in found.values():
        part.kept = []
    try:
        yield {name: part.kept for name, part in found.items() if part.kept is not None}
    finally:
        for part in found.values():
            part.kept = None
