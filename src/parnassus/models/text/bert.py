"""BERT and DistilBERT: a Transformer encoder that reads both ways, and the heads put on it."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import DataError, SettingError, did_you_mean
from ...functional.attention import padding_mask
from ...layers.embedding import looked_up
from ...layers.positions import LearnedPositions
from ...layers.transformer import Encoder, EncoderLayer, activation_of, dropped

# width, layers and heads of the published sizes; each has 30,522 ids and 512 positions
SIZES = {"bert-base": (768, 12, 12), "bert-large": (1024, 24, 16), "distilbert-base": (768, 6, 12)}
POOLERS = ("tanh", "relu", "none")
HEADS = ("none", "pretraining", "masked", "next", "sequence", "token", "span", "choice")
IGNORED = -100


class BERT(nn.Module):
    """Ids (batch, time) -> a vector for each in its context, (batch, time, width).

    Parameters
    ----------
    width, n_layers, n_heads, hidden : sizes; hidden None takes 4 width.
    context : the longest row. n_segments : kinds of sentence in a row, whose vectors are added; 0 leaves them out.
    pooler : what makes `pooled` of the first vector: a layer with "tanh" (BERT) or "relu" (DistilBERT), or "none".
    dropout, attention_dropout, activation, eps : see `EncoderLayer`.

    A row is [CLS] A [SEP], or [CLS] A [SEP] B [SEP] with segments 0 and 1; token, position and segment vectors are
    added and normalised. Sub-layers are normalised after.

    Systems: bert
    Source: Devlin et al. 2019, Sanh et al. 2019 (DistilBERT); Martinez-Ramon 6.4.1 and fig. 6.18, Baker A189.
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        context: int = 512,
        width: int = 768,
        n_layers: int = 12,
        n_heads: int = 12,
        hidden: int | None = None,
        n_segments: int = 2,
        pooler: str = "tanh",
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        activation: str = "gelu",
        eps: float = 1e-12,
    ) -> None:
        super().__init__()
        if pooler not in POOLERS:
            raise SettingError(f"pooler={pooler!r}; {did_you_mean(pooler, POOLERS)}")
        self.vocab_size, self.width, self.context, self.pool = vocab_size, width, context, pooler
        self.tokens, self.place = nn.Embedding(vocab_size, width), LearnedPositions(context, width)
        self.segments = nn.Embedding(n_segments, width) if n_segments else None
        self.norm, self.dropout = nn.LayerNorm(width, eps=eps), dropped(dropout)
        layers = [
            EncoderLayer(
                width,
                n_heads,
                hidden=hidden,
                activation=activation,
                dropout=dropout,
                attention_dropout=attention_dropout,
                eps=eps,
            )
            for _ in range(n_layers)
        ]
        self.blocks = Encoder(layers)
        self.pooler = nn.Linear(width, width) if pooler != "none" else None
        self.apply(_started)

    def forward(self, ids: Tensor, lengths: Tensor | None = None, *, segments: Tensor | None = None) -> Tensor:
        """The last layer's vectors; `lengths` (batch,) end the rows, `segments` (batch, time) are 0 unless given."""
        h = self.place(looked_up(self.tokens, ids))
        if self.segments is not None:
            h = h + (self.segments.weight[0] if segments is None else looked_up(self.segments, segments))
        elif segments is not None:
            raise SettingError("this net has no segments (n_segments=0); leave them out")
        h = self.dropout(self.norm(h))
        return self.blocks(h, mask=None if lengths is None else padding_mask(lengths, ids.shape[1]))

    def pooled(self, h: Tensor) -> Tensor:
        """The first vector of each row (batch, width), through the pooler where there is one."""
        first = h[:, 0]
        return first if self.pooler is None else activation_of(self.pool)(self.pooler(first))


def _started(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


class MaskedHead(nn.Module):
    """h (..., width) -> a score for every id: a layer, GELU, a norm, and the embedding's own matrix with a bias.

    Systems: masked-language-modelling
    Source: Devlin et al. 2019; Martinez-Ramon 6.4.2.
    """

    def __init__(self, tokens: nn.Embedding, *, activation: str = "gelu", eps: float = 1e-12) -> None:
        super().__init__()
        vocab_size, width = tokens.weight.shape
        self.inner, self.norm = nn.Linear(width, width), nn.LayerNorm(width, eps=eps)
        self.bias, self.activation = nn.Parameter(torch.zeros(vocab_size)), activation_of(activation)

    def forward(self, h: Tensor, tokens: nn.Embedding) -> Tensor:
        return F.linear(self.norm(self.activation(self.inner(h))), tokens.weight, self.bias)


class BERTWithHead(nn.Module):
    """A BERT and a head; called with ids, lengths and segments.

    Parameters
    ----------
    head : what comes back.
        "sequence" (batch, n_outputs): of the pooled first vector (one sentence, or a pair).
        "token" (batch, time, n_outputs): of every vector.
        "span" (batch, time, 2): scores of a start and of an end.
        "choice" (batch, n_choices): ids (batch, n_choices, time), one score a candidate.
        "masked" (batch, time, vocab_size), "next" (batch, 2), "pretraining" a pair of both.

    Systems: bert-sequence-head, bert-token-head, bert-choice-head, bert-span-head, next-sentence-prediction
    Source: Devlin et al. 2019; Martinez-Ramon 6.4.3 and eq. 6.28 (W h, whose sign and choice of label are missing),
    Baker 7.1. "next" scores 0 for the true next sentence and 1 for another, as the published weights do.
    """

    def __init__(self, body: BERT, head: str, *, n_outputs: int | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        if head not in HEADS[1:]:
            raise SettingError(f"head={head!r}; {did_you_mean(head, HEADS[1:])}")
        sizes = {"span": 2, "choice": 1, "next": 2, "pretraining": 2}
        if head in ("sequence", "token") and n_outputs is None:
            raise SettingError(f"head={head!r} needs n_outputs, how many numbers it answers with")
        if head in ("next", "pretraining", "choice") and body.pooler is None:
            raise SettingError(f"head={head!r} stands on a pooler; build BERT with pooler='tanh'")
        self.body, self.kind, self.dropout = body, head, dropped(dropout)
        self.masked = None
        if head in ("masked", "pretraining"):
            first = body.blocks.layers[0]
            self.masked = MaskedHead(body.tokens, eps=first.norm1.eps)  # type: ignore[arg-type, union-attr]
        self.out = None if head == "masked" else nn.Linear(body.width, sizes.get(head, n_outputs or 0))
        for part in (self.masked, self.out):
            if part is not None:
                part.apply(_started)

    headed = ("masked.", "out.", "body.pooler.")  # what another head does not have

    def forward(
        self, ids: Tensor, lengths: Tensor | None = None, segments: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        if self.kind == "choice":
            flat = [None if a is None else a.flatten(0, 1) for a in (ids, lengths, segments)]
            h = self.body.pooled(self.body(flat[0], flat[1], segments=flat[2]))
            return self._out(h).view(ids.shape[:2])
        h = self.body(ids, lengths, segments=segments)
        if self.masked is not None:
            scores = self.masked(h, self.body.tokens)
            return scores if self.out is None else (scores, self.out(self.body.pooled(h)))
        if self.kind == "next":
            return self._out(self.body.pooled(h), dropout=False)
        return self._out(self.body.pooled(h) if self.kind == "sequence" else h)

    def _out(self, h: Tensor, *, dropout: bool = True) -> Tensor:
        assert self.out is not None
        return self.out(self.dropout(h) if dropout else h)


def masked_loss(scores: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log p(target) over the chosen places alone: scores (batch, time, vocab_size), targets -100 elsewhere."""
    return F.cross_entropy(scores.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)


def span_loss(scores: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """-(log p(start) + log p(end)), its mean over rows: scores (batch, time, 2), starts and ends (batch,).

    Source: Devlin et al. 2019; Martinez-Ramon 6.4.3, where the objective "is initialized on" this sum. transformers
    takes half of it.
    """
    return F.cross_entropy(scores[..., 0], starts) + F.cross_entropy(scores[..., 1], ends)


def best_spans(scores: Tensor, mask: Tensor | None = None, *, longest: int = 30) -> tuple[Tensor, Tensor, Tensor]:
    """The start, the end (both inclusive) and the score of each row's best span: (batch,) each.

    The best i and j >= i of S_i + E_j, at most `longest` places long; `mask` (batch, time) is True where a span may be.

    Source: Devlin et al. 2019; Martinez-Ramon 6.4.3 leaves j >= i out.

    >>> best_spans(torch.tensor([[[0.0, 5.0], [3.0, 0.0], [0.0, 1.0]]]))[:2]
    (tensor([0]), tensor([0]))
    """
    if longest < 1:
        raise SettingError(f"longest is at least 1; got {longest}")
    n = scores.shape[1]
    if mask is not None:
        if not bool(mask.any(1).all()):
            raise DataError("a row has no place where a span may be; leave it out")
        scores = scores.masked_fill(~mask[..., None], -torch.inf)
    pairs = scores[:, :, None, 0] + scores[:, None, :, 1]
    ahead = torch.arange(n, device=scores.device) - torch.arange(n, device=scores.device)[:, None]
    best, at = pairs.masked_fill((ahead < 0) | (ahead >= longest), -torch.inf).flatten(1).max(1)
    return at // n, at % n, best


def bert_of(size: str, *, vocab_size: int = 30_522, **settings: Any) -> BERT:
    """A BERT of a published size: "bert-base", "bert-large" or "distilbert-base", with first weights."""
    if size not in SIZES:
        raise SettingError(f"size={size!r}; {did_you_mean(size, SIZES)}")
    width, n_layers, n_heads = SIZES[size]
    own: Mapping[str, Any] = {"n_segments": 0, "pooler": "none"} if size.startswith("distil") else {}
    return BERT(vocab_size, width=width, n_layers=n_layers, n_heads=n_heads, **{**own, **settings})
