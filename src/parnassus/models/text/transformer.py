"""Transformers: an encoder that answers once for a sequence, and the encoder-decoder that writes one from another."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...errors import SettingError, did_you_mean
from ...functional.attention import padding_mask
from ...layers.attention import KeyValueCache
from ...layers.embedding import looked_up
from ...layers.positions import inside, positions
from ...layers.recurrent import last_of
from ...layers.transformer import Decoder, DecoderLayer, Encoder, EncoderLayer, dropped
from ..sequence.recurrent import pooled
from ..sequence.sequences import sequence_model

POOLINGS = ("class", "mean", "max", "last")
TIES = ("none", "targets", "all")


class TransformerNet(nn.Module):
    """x (batch, time, step_features), lengths (batch,) -> (batch, n_outputs): an encoder, one vector a row, a head.

    Padding never changes what comes out. With pooling="class" a learned vector stands before every row, and what
    becomes of it answers.
    """

    def __init__(
        self,
        step_features: int,
        n_outputs: int,
        encoder: Encoder,
        *,
        width: int,
        place: nn.Module,
        pooling: str,
        dropout: float,
    ) -> None:
        super().__init__()
        self.inputs, self.place, self.encoder, self.pooling = nn.Linear(step_features, width), place, encoder, pooling
        self.dropout = dropped(dropout)
        if pooling == "class":
            self.first = nn.Parameter(torch.zeros(width))
        self.head = nn.Linear(width, n_outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        h = self.inputs(x)
        if self.pooling == "class":
            h = torch.cat([self.first.expand(h.shape[0], 1, -1), h], 1)
            lengths = None if lengths is None else lengths + 1
        h = self.dropout(self.place(h))
        h = self.encoder(h, mask=None if lengths is None else padding_mask(lengths, h.shape[1]))
        return self.head(self._pooled(h, lengths))

    def _pooled(self, h: Tensor, lengths: Tensor | None) -> Tensor:
        if self.pooling == "class":
            return h[:, 0]
        if self.pooling == "last":
            found = last_of(h, lengths)
            return found if lengths is None else found * (lengths > 0)[:, None]
        return pooled(h, lengths, self.pooling)


@sequence_model("classifier", "regressor", "forecaster")
def transformer(
    *,
    step_features: int,
    n_outputs: int,
    hidden: int = 64,
    n_layers: int = 2,
    n_heads: int = 4,
    feed_forward: int | None = None,
    norm: str = "pre",
    activation: str = "gelu",
    positions: str = "sinusoidal",
    context: int = 512,
    pooling: str = "mean",
    dropout: float = 0.0,
) -> nn.Module:
    """A Transformer encoder over a sequence, its outputs pooled by "mean", "max", "last" or a "class" vector.

    Systems: transformer-classifier, transformer-forecaster
    Source: Vaswani et al. 2017; Keras course 6.5.6 (K112, a figure), Martinez-Ramon 6.3.2.
    """
    if pooling not in POOLINGS:
        raise SettingError(f"model 'transformer': pooling={pooling!r}; {did_you_mean(pooling, POOLINGS)}")
    if n_layers < 1:
        raise SettingError(f"model 'transformer': n_layers is at least 1; got {n_layers}")
    layers = [
        EncoderLayer(
            hidden,
            n_heads,
            hidden=feed_forward,
            norm=norm,
            activation=activation,
            dropout=dropout,
            positions=inside(positions),
        )
        for _ in range(n_layers)
    ]
    encoder = Encoder(layers, nn.LayerNorm(hidden) if norm == "pre" else None)
    place = _positions(positions, hidden, context)
    return TransformerNet(
        step_features, n_outputs, encoder, width=hidden, place=place, pooling=pooling, dropout=dropout
    )


def _positions(kind: str, width: int, context: int) -> nn.Module:
    return positions(kind, width, context=context)


@dataclass
class Writing:
    """What a decoder has written so far: its caches, and the keys and values of the memory, by layer."""

    caches: list[KeyValueCache]
    memory: list[tuple[Tensor, Tensor]]
    memory_mask: Tensor | None

    def select(self, rows: Tensor) -> None:
        """Keep these rows of what was written, in this order. Rows stay with their sentence, whose memory is shared."""
        for cache in self.caches:
            cache.select(rows)


class Transformer(nn.Module):
    """Ids of a source (batch, n) and of a target (batch, m) -> logits of the next target id (batch, m, n_targets).

    Parameters
    ----------
    source_vocab_size, target_vocab_size : how many ids there are.
    width, n_heads, n_layers, hidden : sizes, the base model's unless given; `n_decoder_layers` where it is another.
    norm : "post" as published, or "pre".
    final_norm : a norm at the end of each stack, as torch.nn.Transformer has; the paper's own net, with norms after
        each sub-layer, has none. "pre" needs it.
    tied : which matrices are one: "none", "targets" (target embedding and output) or "all" (the sources' too).
    positions, context : see `layers.positions`.

    The stacks have 44,140,544 parameters at these sizes (44,138,496 without the two final norms), and with a shared
    vocabulary of 37,000 the paper's net has 63,082,496. Embeddings are multiplied by sqrt(width).

    Systems: transformer
    Source: Vaswani et al. 2017; Hifny A11.26, Baker A149, Martinez-Ramon 6.3, Jaiswal J134.
    """

    def __init__(
        self,
        source_vocab_size: int,
        target_vocab_size: int,
        *,
        width: int = 512,
        n_heads: int = 8,
        n_layers: int = 6,
        n_decoder_layers: int | None = None,
        hidden: int = 2048,
        norm: str = "post",
        final_norm: bool = True,
        activation: str = "relu",
        positions: str = "sinusoidal",
        context: int = 512,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        tied: str = "none",
    ) -> None:
        super().__init__()
        if tied not in TIES:
            raise SettingError(f"tied={tied!r}; {did_you_mean(tied, TIES)}")
        if tied == "all" and source_vocab_size != target_vocab_size:
            raise SettingError(f"tied='all' is for one vocabulary; got {source_vocab_size} and {target_vocab_size} ids")
        if norm == "pre" and not final_norm:
            raise SettingError("norms before the sub-layers leave the end without one: set final_norm=True")
        settings = {"hidden": hidden, "norm": norm, "activation": activation, "dropout": dropout}
        settings |= {"attention_dropout": attention_dropout, "positions": inside(positions)}
        self.width, self.scale = width, math.sqrt(width)
        self.encoder = Encoder(
            [EncoderLayer(width, n_heads, **settings) for _ in range(n_layers)],  # type: ignore[arg-type]
            nn.LayerNorm(width) if final_norm else None,
        )
        self.decoder = Decoder(
            [DecoderLayer(width, n_heads, **settings) for _ in range(n_decoder_layers or n_layers)],  # type: ignore[arg-type]
            nn.LayerNorm(width) if final_norm else None,
        )
        self.targets = nn.Embedding(target_vocab_size, width)
        self.sources = self.targets if tied == "all" else nn.Embedding(source_vocab_size, width)
        for table in dict.fromkeys((self.targets, self.sources)):
            nn.init.normal_(table.weight, std=width**-0.5)
        self.source_place, self.target_place = (_positions(positions, width, context) for _ in range(2))
        self.dropout = dropped(dropout)
        self.head = nn.Linear(width, target_vocab_size, bias=tied == "none")
        if tied != "none":
            self.head.weight = self.targets.weight

    def forward(self, source: Tensor, target: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits for what follows each target id; `lengths` (batch,) are the sources'. Targets are padded behind."""
        memory, mask = self.encode(source, lengths)
        return self.decode(target, memory, mask)

    def encode(self, source: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The memory (batch, n, width), and who may be looked at in it."""
        mask = None if lengths is None else padding_mask(lengths, source.shape[1])
        h = self.dropout(self.source_place(looked_up(self.sources, source) * self.scale))
        return self.encoder(h, mask=mask), mask

    def decode(self, target: Tensor, memory: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits (batch, m, n_targets) of what follows each id of the target."""
        h = self.dropout(self.target_place(looked_up(self.targets, target) * self.scale))
        return self.head(self.decoder(h, memory, memory_mask=mask))

    def begin(self, memory: Tensor, mask: Tensor | None = None, *, n_steps: int, n_beams: int = 1) -> Writing:
        """Room to write `n_steps` ids for each sentence, in `n_beams` rows a sentence that share its memory."""
        layers = [layer for layer in self.decoder.layers if isinstance(layer, DecoderLayer)]
        rows, size = len(memory) * n_beams, layers[0].attention.size
        caches = [KeyValueCache.empty(rows, layer.attention.n_groups, n_steps, size, like=memory) for layer in layers]
        return Writing(caches, [layer.cross.answered(memory) for layer in layers], mask)

    def step(self, ids: Tensor, writing: Writing) -> Tensor:
        """Logits (rows, n_targets) of what follows the newest ids (rows,)."""
        at = writing.caches[0].length
        h = self.target_place(self.targets(ids)[:, None] * self.scale, at)
        h = self.decoder(self.dropout(h), writing.memory, memory_mask=writing.memory_mask, caches=writing.caches)
        return self.head(h[:, 0])
