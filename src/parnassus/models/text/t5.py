"""T5, an encoder-decoder whose positions are biases of its scores: a plain module, and the builder for translators."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError, did_you_mean
from ...functional.attention import padding_mask
from ...functional.positions import distance_buckets, distances
from ...layers.attention import KeyValueCache, MultiHeadAttention
from ...layers.embedding import looked_up
from ...layers.transformer import FeedForward, dropped
from ...objectives.text.translation import Translation
from ...registry import model
from .transformer import Writing

IDS = 32_128  # of the published nets
LATER: dict[str, Any] = {"gated": True, "activation": "gelu_tanh", "tied": False}  # what version 1.1 changed
SIZES: dict[str, dict[str, Any]] = {
    "t5-small": {"width": 512, "hidden": 2048, "n_layers": 6, "n_heads": 8},
    "t5-base": {"width": 768, "hidden": 3072, "n_layers": 12, "n_heads": 12},
    "t5-large": {"width": 1024, "hidden": 4096, "n_layers": 24, "n_heads": 16},
    "t5-v1_1-small": {"width": 512, "hidden": 1024, "n_layers": 8, "n_heads": 6, **LATER},
    "t5-v1_1-base": {"width": 768, "hidden": 2048, "n_layers": 12, "n_heads": 12, **LATER},
    "t5-v1_1-large": {"width": 1024, "hidden": 2816, "n_layers": 24, "n_heads": 16, **LATER},
}


class T5Layer(nn.Module):
    """x + Sub(RMS(x)) for self-attention, for attention to a memory where `crossed`, and for a feed-forward layer.

    (batch, time, width) is kept. No layer has a bias, scores are not scaled, and norms only divide by the root of the
    mean square.
    """

    def __init__(
        self, width: int, n_heads: int, size: int, hidden: int, *, crossed: bool, activation: str, gated: bool,
        dropout: float, eps: float,
    ) -> None:  # fmt: skip
        super().__init__()
        plain: dict[str, Any] = {"size": size, "scale": 1.0, "bias": False, "out_bias": False, "dropout": dropout}
        self.attention = MultiHeadAttention(width, n_heads, **plain)
        self.cross = MultiHeadAttention(width, n_heads, **plain) if crossed else None
        self.feed_forward = FeedForward(width, hidden, activation=activation, dropout=dropout, gated=gated, bias=False)
        self.attention_norm, self.feed_norm = nn.RMSNorm(width, eps=eps), nn.RMSNorm(width, eps=eps)
        self.cross_norm = nn.RMSNorm(width, eps=eps) if crossed else None
        self.dropout = dropped(dropout)

    def forward(
        self, x: Tensor, bias: Tensor, *, mask: Tensor | None, memory: Tensor | tuple[Tensor, Tensor] | None = None,
        memory_mask: Tensor | None = None, cache: KeyValueCache | None = None,
    ) -> Tensor:  # fmt: skip
        """`bias` (heads, time, keys) is added to the scores of self-attention, causal where there is a memory."""
        crossed = memory is not None
        h = self.attention(self.attention_norm(x), mask=mask, causal=crossed, cache=cache, bias=bias)
        x = x + self.dropout(h)
        if self.cross is not None and self.cross_norm is not None and memory is not None:
            x = x + self.dropout(self.cross.heard(self.cross_norm(x), memory, mask=memory_mask))
        return x + self.dropout(self.feed_forward(self.feed_norm(x)))


class T5Stack(nn.Module):
    """Layers that share one bias a distance and head, and a norm at the end: (batch, time, width) kept.

    Distances fall into `n_buckets`, one each when near, wider and wider up to `furthest`.
    """

    def __init__(
        self, layers: Sequence[T5Layer], width: int, n_heads: int, *, causal: bool, n_buckets: int, furthest: int,
        dropout: float, eps: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.layers, self.last = nn.ModuleList(layers), nn.RMSNorm(width, eps=eps)
        self.by_distance = nn.Embedding(n_buckets, n_heads)
        self.causal, self.furthest, self.dropout = causal, furthest, dropped(dropout)

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, memory: Tensor | Sequence[tuple[Tensor, Tensor]] | None = None,
        memory_mask: Tensor | None = None, caches: Sequence[KeyValueCache] | None = None,
    ) -> Tensor:  # fmt: skip
        """`memory` is the encoder's outputs, or for each layer the keys and values made of them."""
        held = 0 if caches is None else caches[0].length
        bias = self.biases(x.shape[1], held + x.shape[1])
        x = self.dropout(x)
        for i, layer in enumerate(self.layers):
            heard = memory if memory is None or isinstance(memory, Tensor) else memory[i]
            cache = None if caches is None else caches[i]
            x = layer(x, bias, mask=mask, memory=heard, memory_mask=memory_mask, cache=cache)
        return self.dropout(self.last(x))

    def biases(self, n_queries: int, n_keys: int) -> Tensor:
        """What is added to scores, (heads, n_queries, n_keys); the last query stands at the last key."""
        table = self.by_distance
        far = distances(n_queries, n_keys, device=table.weight.device)
        buckets = distance_buckets(far, n_buckets=table.num_embeddings, furthest=self.furthest, causal=self.causal)
        return table(buckets).permute(2, 0, 1)


class T5(nn.Module):
    """Ids of a source (batch, n) and of a target (batch, m) -> logits of the next target id (batch, m, n_ids).

    Parameters
    ----------
    n_ids : of the one table of both sides.
    width, n_heads, size, n_layers, hidden : heads have `size` each, whatever the width; `n_decoder_layers` where it is
        another number.
    activation, gated : "relu" as first published; "gelu_tanh" with a gate in version 1.1.
    tied : whether the output's matrix is the table. scaled : whether what it reads is divided by sqrt(width); None does
        so where it is tied.
    n_buckets, furthest : of distances; see `functional.positions.distance_buckets`.
    start, end : ids that begin and end what is written, kept for those who read the weights.

    Rows may be of any length. The published sizes are in `SIZES` (see `t5_of`): 60,506,624 parameters of "t5-small",
    76,961,152 of "t5-v1_1-small".

    Source: Raffel et al. 2020; Shazeer 2020 (the gate).
    """

    def __init__(
        self,
        n_ids: int,
        *,
        width: int = 512,
        n_heads: int = 8,
        size: int = 64,
        n_layers: int = 6,
        n_decoder_layers: int | None = None,
        hidden: int = 2048,
        activation: str = "relu",
        gated: bool = False,
        tied: bool = True,
        scaled: bool | None = None,
        n_buckets: int = 32,
        furthest: int = 128,
        dropout: float = 0.1,
        eps: float = 1e-6,
        start: int = 0,
        end: int = 1,
    ) -> None:
        super().__init__()
        if n_buckets < 4 or furthest <= n_buckets // 2:
            raise SettingError(f"n_buckets is at least 4, furthest above its half; got {n_buckets} and {furthest}")
        self.n_ids, self.width, self.start, self.end = n_ids, width, start, end
        self.scaled = tied if scaled is None else scaled

        def stack(n: int, crossed: bool) -> T5Stack:
            made: dict[str, Any] = {"crossed": crossed, "activation": activation, "gated": gated}
            layers = [T5Layer(width, n_heads, size, hidden, dropout=dropout, eps=eps, **made) for _ in range(n)]
            far: dict[str, Any] = {"causal": crossed, "n_buckets": n_buckets, "furthest": furthest}
            return T5Stack(layers, width, n_heads, dropout=dropout, eps=eps, **far)

        self.encoder, self.decoder = stack(n_layers, False), stack(n_decoder_layers or n_layers, True)
        self.tokens = nn.Embedding(n_ids, width)
        self.head = None if tied else nn.Linear(width, n_ids, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """First weights as published: so small for queries that unscaled scores are near 1; a free head 1/sqrt(width).

        Source: Raffel et al. 2020.
        """
        for part in self.modules():
            if isinstance(part, MultiHeadAttention):
                q, rest = part.qkv.weight.split([part.widths[0], 2 * part.widths[1]])
                nn.init.normal_(q, std=(self.width * part.size) ** -0.5)
                nn.init.normal_(rest, std=self.width**-0.5)
                nn.init.normal_(part.out.weight, std=part.widths[0] ** -0.5)
            elif isinstance(part, FeedForward):
                for layer in (part.inner, part.outer, part.gate):
                    if layer is not None:
                        nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
            elif isinstance(part, T5Stack):
                nn.init.normal_(part.by_distance.weight, std=self.width**-0.5)
        nn.init.normal_(self.tokens.weight)
        if self.head is not None:
            nn.init.normal_(self.head.weight, std=self.width**-0.5)

    def forward(self, source: Tensor, given: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits for what follows each id given; `lengths` (batch,) are the sources'."""
        memory, mask = self.encode(source, lengths)
        return self.scores(self.decoder(looked_up(self.tokens, given), memory=memory, memory_mask=mask))

    def encode(self, source: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The memory (batch, n, width), and who may be looked at in it."""
        mask = None if lengths is None else padding_mask(lengths, source.shape[1])
        return self.encoder(looked_up(self.tokens, source), mask=mask), mask

    def scores(self, h: Tensor) -> Tensor:
        """Logits (..., n_ids) of what the decoder gave (..., width)."""
        h = h * self.width**-0.5 if self.scaled else h
        return F.linear(h, self.tokens.weight if self.head is None else self.head.weight)

    def begin(self, memory: Tensor, mask: Tensor | None = None, *, n_steps: int) -> Writing:
        """Room to write `n_steps` ids for each sentence; its beams share its memory."""
        layers = [layer for layer in self.decoder.layers if isinstance(layer, T5Layer)]
        own = layers[0].attention
        caches = [KeyValueCache.empty(len(memory), own.n_heads, n_steps, own.size, like=memory) for _ in layers]
        return Writing(caches, [layer.cross.answered(memory) for layer in layers if layer.cross is not None], mask)

    def step(self, ids: Tensor, writing: Writing) -> Tensor:
        """Logits (rows, n_ids) of what follows the newest ids (rows,)."""
        h = self.decoder(
            self.tokens(ids)[:, None], memory=writing.memory, memory_mask=writing.memory_mask, caches=writing.caches
        )
        return self.scores(h[:, 0])


def t5_of(size: str = "t5-small", **changes: Any) -> T5:
    """A published size, such as "t5-small" or "t5-v1_1-base", with first weights; `changes` are T5's settings."""
    if size not in SIZES:
        raise SettingError(f"size={size!r}; {did_you_mean(size, SIZES)}")
    return T5(**({"n_ids": IDS} | SIZES[size] | changes))


def t5_net(n_sources: int, n_targets: int, settings: dict[str, Any]) -> T5:
    """A T5 by a builder's facts and options, which are looked at first."""
    if n_sources != n_targets:
        raise SettingError(
            f"model 't5' has one table for what it reads and writes; got {n_sources} and {n_targets} ids: "
            "give shared=True"
        )
    for name in ("width", "n_layers", "n_heads"):
        if settings[name] < 1:
            raise SettingError(f"model 't5': {name} is at least 1; got {settings[name]}")
    width, size = settings["width"], settings.pop("size")
    if size is None and width % settings["n_heads"]:
        raise SettingError(f"model 't5': width {width} is no multiple of {settings['n_heads']} heads; give their size")
    hidden = settings.pop("feed_forward")
    settings["size"] = width // settings["n_heads"] if size is None else size
    return T5(n_targets, hidden=4 * width if hidden is None else hidden, **settings)


@model.register("translator")
def t5(
    *, source_vocab_size: int, target_vocab_size: int, start_id: int, end_id: int, width: int = 128,
    n_layers: int = 2, n_decoder_layers: int | None = None, n_heads: int = 4, size: int | None = None,
    feed_forward: int | None = None, activation: str = "relu", gated: bool = False, tied: bool = True,
    scaled: bool | None = None, n_buckets: int = 32, furthest: int = 128, dropout: float = 0.1, eps: float = 1e-6,
    smoothing: float = 0.0,
) -> Translation:  # fmt: skip
    """T5, small unless told otherwise; it asks for `shared=True`. Version 1.1 is gated, of "gelu_tanh", and not tied.

    `size` is a head's; None takes width / n_heads.

    Source: Raffel et al. 2020.
    """
    net = t5_net(source_vocab_size, target_vocab_size, {
        "width": width, "n_layers": n_layers, "n_decoder_layers": n_decoder_layers, "n_heads": n_heads, "size": size,
        "feed_forward": feed_forward, "activation": activation, "gated": gated, "tied": tied, "scaled": scaled,
        "n_buckets": n_buckets, "furthest": furthest, "dropout": dropout, "eps": eps, "start": start_id, "end": end_id,
    })  # fmt: skip
    return Translation(net, target_vocab_size, smoothing=smoothing, start=start_id, end=end_id)


@model.register("language_model", name="t5")
def t5_of_spans(
    *, source_vocab_size: int, target_vocab_size: int, start_id: int, end_id: int, width: int = 128,
    n_layers: int = 2, n_decoder_layers: int | None = None, n_heads: int = 4, size: int | None = None,
    feed_forward: int | None = None, activation: str = "relu", gated: bool = False, tied: bool = True,
    scaled: bool | None = None, n_buckets: int = 32, furthest: int = 128, dropout: float = 0.1, eps: float = 1e-6,
) -> Translation:  # fmt: skip
    """T5 that learns to write what was left out of texts; `pn.Translator(start=...)` goes on from it.

    Source: Raffel et al. 2020.
    """
    net = t5_net(source_vocab_size, target_vocab_size, {
        "width": width, "n_layers": n_layers, "n_decoder_layers": n_decoder_layers, "n_heads": n_heads, "size": size,
        "feed_forward": feed_forward, "activation": activation, "gated": gated, "tied": tied, "scaled": scaled,
        "n_buckets": n_buckets, "furthest": furthest, "dropout": dropout, "eps": eps, "start": start_id, "end": end_id,
    })  # fmt: skip
    return Translation(net, target_vocab_size, start=start_id, end=end_id)
