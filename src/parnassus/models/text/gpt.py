"""GPT: a Transformer that reads to the left only and says what comes next; GPT-2's layout, its four sizes, a cache."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import DataError, SettingError
from ...functional.few_rows import affine
from ...layers.attention import KeyValueCache
from ...layers.embedding import looked_up
from ...layers.positions import LearnedPositions, Positions, inside, positions
from ...layers.transformer import DIVIDED, Encoder, EncoderLayer, dropped

# width, layers and heads of the published sizes; each has 50,257 ids and a context of 1,024
SIZES = {
    "gpt2": (768, 12, 12),
    "gpt2-medium": (1024, 24, 16),
    "gpt2-large": (1280, 36, 20),
    "gpt2-xl": (1600, 48, 25),
}
IGNORED = -100
CHUNK = 4096  # rows of logits that are in memory at a time


def residual_scale(n_layers: int) -> float:
    """1 / sqrt(N) with N = 2 n_layers residual sums: the share of their spread with which such projections start.

    >>> round(residual_scale(12), 6)
    0.204124
    """
    return 1 / math.sqrt(2 * n_layers)


@dataclass
class CachedReading:
    """What a net has read: its caches by layer; `starts` (batch,) where rows of different lengths begin.

    `weights` are the tensors that a step multiplies by, gathered once; None where the net has parts that GPT-2 has not.
    """

    caches: list[KeyValueCache]
    starts: Tensor | None = None
    weights: list[list[Tensor]] | None = None

    @property
    def length(self) -> int:
        """Steps read, those before a row's start included."""
        return self.caches[0].length

    def select(self, rows: Tensor) -> None:
        """Keep these rows, in this order."""
        for cache in self.caches:
            cache.select(rows)
        self.starts = None if self.starts is None else self.starts.index_select(0, rows)


class GPT(nn.Module):
    """Ids (batch, time) -> logits (batch, time, vocab_size) of the id that follows each.

    Parameters
    ----------
    context : the longest row, where positions are learned.
    width, n_layers, n_heads, hidden : sizes; hidden None takes 4 width.
    dropout : of embeddings, of attention's weights, and of what sub-layers add.
    activation, norm, eps, n_groups : see `EncoderLayer`; GPT-2 has "gelu_tanh", "pre" and a head of keys a head.
    positions : "learned" as in GPT-2, or another kind of `layers.positions`.
    tied : whether the output's matrix is the embedding's; otherwise it is a layer of its own, with a bias.
    bias : of attention's projections in.

    Padding stands behind a row, where nothing looks, so no mask is needed. First weights are N(0, 0.02), those that
    feed a residual sum smaller by `residual_scale`.

    Systems: gpt2
    Source: Radford et al. 2019; Martinez-Ramon 6.5.1 (whose 117M and 1542M are the paper's names for 124.4M and
    1557.6M parameters; its conclusion calls the net an encoder).
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        context: int = 1024,
        width: int = 768,
        n_layers: int = 12,
        n_heads: int = 12,
        hidden: int | None = None,
        dropout: float = 0.0,
        activation: str = "gelu_tanh",
        norm: str = "pre",
        eps: float = 1e-5,
        n_groups: int | None = None,
        positions: str = "learned",
        tied: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if n_layers < 1 or vocab_size < 1 or context < 1:
            raise SettingError(f"a GPT has ids, a context and layers; got {vocab_size}, {context} and {n_layers}")
        self.vocab_size, self.context, self.width, self.eps = vocab_size, context, width, eps
        self.tokens, self.place = nn.Embedding(vocab_size, width), _place(positions, width, context)
        self.dropout = dropped(dropout)
        layers = [
            EncoderLayer(
                width,
                n_heads,
                hidden=hidden,
                norm=norm,
                activation=activation,
                dropout=dropout,
                attention_dropout=dropout,
                eps=eps,
                n_groups=n_groups,
                positions=inside(positions),
                bias=bias,
            )
            for _ in range(n_layers)
        ]
        self.blocks = Encoder(layers, nn.LayerNorm(width, eps=eps))
        self.head = None if tied else nn.Linear(width, vocab_size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw first weights as GPT-2 does."""
        for name, parameter in self.named_parameters():
            if parameter.ndim < 2:
                continue
            last = name.endswith(("attention.out.weight", "feed_forward.outer.weight"))
            nn.init.normal_(parameter, std=0.02 * (residual_scale(len(self.blocks.layers)) if last else 1))
        for module in self.modules():
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    @property
    def tensor_plan(self) -> dict[str, str]:
        """How ranks divide the layers, by name, where they do: see `train.divided.tensor_parallel`."""
        return {f"blocks.layers.{i}.{k}": v for i in range(len(self.blocks.layers)) for k, v in DIVIDED.items()}

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.logits(self.states(ids))

    def states(self, ids: Tensor) -> Tensor:
        """What the last norm gives at every place: (batch, time, width)."""
        return self.blocks(self.dropout(self.place(looked_up(self.tokens, ids))), causal=True)

    def logits(self, states: Tensor) -> Tensor:
        """Scores of every id (..., vocab_size)."""
        return F.linear(states, self.tokens.weight) if self.head is None else self.head(states)

    def loss(self, ids: Tensor, targets: Tensor) -> Tensor:
        """Mean of -log p(target) over places whose target is not -100; logits are made a part at a time."""
        h, y = self.states(ids).flatten(0, 1), targets.flatten()
        if len(h) <= CHUNK:
            return F.cross_entropy(self.logits(h), y, ignore_index=IGNORED)
        parts = [
            torch.utils.checkpoint.checkpoint(self._summed, a, b, use_reentrant=False)
            for a, b in zip(h.split(CHUNK), y.split(CHUNK), strict=True)
        ]
        return torch.stack(parts).sum() / (y != IGNORED).sum()

    def _summed(self, h: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(self.logits(h), y, ignore_index=IGNORED, reduction="sum")

    def read(
        self, ids: Tensor, lengths: Tensor | None = None, *, capacity: int | None = None
    ) -> tuple[Tensor, CachedReading]:
        """Logits (batch, vocab_size) of what follows each prompt, and what `step` goes on from.

        Parameters
        ----------
        ids : (batch, time), prompts padded behind where `lengths` (batch,) say so; at least one id each.
        capacity : steps that will be read altogether; None takes the context.
        """
        n, time = ids.shape
        capacity = self.context if capacity is None else capacity
        if time > capacity or (isinstance(self.place, LearnedPositions) and capacity > self.context):
            raise DataError(f"a prompt of {time} ids, {capacity} steps in all, for a context of {self.context}")
        starts = None
        if lengths is not None and bool((lengths != time).any()):
            if bool((lengths < 1).any()):
                raise DataError("a prompt has at least one id; give each row one")
            starts = time - lengths
            at = torch.arange(time, device=ids.device) - starts[:, None]
            ids = ids.gather(1, at.clamp(min=0))  # rows end together, so that their next steps are one column
        layers = cast(list[EncoderLayer], list(self.blocks.layers))
        caches = [
            KeyValueCache.empty(
                n, b.attention.n_groups, capacity, b.attention.size, like=self.tokens.weight, starts=starts
            )
            for b in layers
        ]
        reading = CachedReading(caches, starts, self._gathered(layers))
        return self._further(ids, reading), reading

    def step(self, ids: Tensor, reading: CachedReading) -> Tensor:
        """Logits (batch, vocab_size) of what follows, after the newest ids (batch,).

        Where nothing is to be dropped or kept, the modules are left out: a step is so little work that they are a tenth
        of it.
        """
        first = cast(EncoderLayer, self.blocks.layers[0])
        if reading.weights is None or self.training or first.attention.kept is not None:
            return self._further(ids[:, None], reading)
        assert isinstance(self.place, LearnedPositions)
        at = reading.length
        h = looked_up(self.tokens, ids)
        h = h + self.place.weight[at if reading.starts is None else at - reading.starts]
        for weights, cache in zip(reading.weights, reading.caches, strict=True):
            h = _stepped(h, weights, cache, first.feed_forward.activation, self.eps)
        h = self.blocks.last(h)
        return affine(h, self.tokens.weight) if self.head is None else self.head(h)

    def _gathered(self, layers: list[EncoderLayer]) -> list[list[Tensor]] | None:
        """What `_stepped` multiplies by, layer by layer; None where it would compute another net than this."""
        first = layers[0].attention
        plain = first.n_groups == first.n_heads and first.qkv.bias is not None and layers[0].norm == "pre"
        if not plain or not isinstance(self.place, LearnedPositions):
            return None
        parts = ("norm1", "attention.qkv", "attention.out", "norm2", "feed_forward.inner", "feed_forward.outer")
        modules = [[b.get_submodule(part) for part in parts] for b in layers]
        return [[t for m in row for t in (m.weight, m.bias)] for row in modules]  # type: ignore[misc]

    def _further(self, ids: Tensor, reading: CachedReading) -> Tensor:
        h, at = looked_up(self.tokens, ids), reading.length
        if reading.starts is None:
            h = self.place(h, at)
        else:
            places = torch.arange(at, at + ids.shape[1], device=ids.device) - reading.starts[:, None]
            h = self.place.placed(h, places.clamp(min=0))
        h = self.blocks(self.dropout(h), caches=reading.caches)
        return self.logits(h[:, -1])


def _stepped(
    h: Tensor, weights: list[Tensor], cache: KeyValueCache, activation: Callable[[Tensor], Tensor], eps: float
) -> Tensor:
    """One layer of GPT-2 over one new place: h (batch, width) kept."""
    norm1, shift1, qkv, qkv_bias, out, out_bias, norm2, shift2, inner, inner_bias, outer, outer_bias = weights
    n, width = h.shape
    size = cache.k.shape[3]
    q, k, v = affine(F.layer_norm(h, (width,), norm1, shift1, eps), qkv, qkv_bias).view(n, 3, -1, 1, size).unbind(1)
    cache.extend(k, v)
    z = cache.found(q[:, :, 0]).view(n, width)
    h = h + affine(z, out, out_bias)
    inside = activation(affine(F.layer_norm(h, (width,), norm2, shift2, eps), inner, inner_bias))
    return h + affine(inside, outer, outer_bias)


def _place(kind: str, width: int, context: int) -> Positions:
    return positions(kind, width, context=context)


def gpt2(size: str = "gpt2", *, vocab_size: int = 50_257, **settings: Any) -> GPT:
    """A GPT-2 of a published size: "gpt2", "gpt2-medium", "gpt2-large" or "gpt2-xl", with first weights."""
    if size not in SIZES:
        raise SettingError(f"size={size!r}; GPT-2 has {', '.join(SIZES)}")
    width, n_layers, n_heads = SIZES[size]
    return GPT(vocab_size, width=width, n_layers=n_layers, n_heads=n_heads, **settings)
