"""BERT and DistilBERT by name: what reads texts and pairs for a class, a number, or the words that were hidden."""

import math
from typing import Any

import torch
from torch import nn

from ...errors import SettingError
from ...objectives.text.masked_language import MaskedLanguage
from ...objectives.text.question_answering import SpanAnswering
from ...registry import model
from .bert import BERT, BERTWithHead

PUBLISHED = 768
SEGMENTS = {"bert": 2, "distilbert": 0}


def _body(name: str, pooler: str, max_length: int, context: int | None, settings: dict[str, Any]) -> BERT:
    room = max_length if context is None else context
    if room < max_length:
        raise SettingError(
            f"model {name!r}: context is {room}, and rows have up to {max_length} subwords; give context={max_length}, "
            f"or codec=pn.Pieces(max_length={room})"
        )
    least = {"width": 1, "n_layers": 1, "n_heads": 1}
    for setting, low in least.items():
        if settings[setting] < low:
            raise SettingError(f"model {name!r}: {setting} is at least {low}; got {settings[setting]}")
    if settings["width"] % settings["n_heads"]:
        raise SettingError(f"model {name!r}: width {settings['width']} is no multiple of {settings['n_heads']} heads")
    for setting in ("dropout", "attention_dropout"):
        if not 0 <= settings[setting] < 1:
            raise SettingError(f"model {name!r}: {setting} is in [0, 1); got {settings[setting]}")
    return BERT(context=room, n_segments=SEGMENTS[name], pooler=pooler, **settings)


class WithoutSegments(BERTWithHead):
    """A DistilBERT, whose rows have no segments: those of a batch are left out."""

    def forward(self, ids: Any, lengths: Any = None, segments: Any = None) -> Any:
        return super().forward(ids, lengths)


def _drawn(net: BERTWithHead) -> BERTWithHead:
    """First weights as wide as a net of this width needs them: 0.02 at the published 768, and 1 / sqrt(width) on.

    With 0.02 a narrow net looks nowhere in particular, and learns late to compare words.
    """
    with torch.no_grad():
        for weight in (p for p in net.parameters() if p.ndim > 1):
            weight.mul_(math.sqrt(PUBLISHED / net.body.width))
    return net


@model.register("classifier", "regressor")
def bert(
    *, vocab_size: int, max_length: int, n_segments: int, n_outputs: int, width: int = 128, n_layers: int = 2,
    n_heads: int = 2, hidden: int | None = None, context: int | None = None, dropout: float = 0.1,
    attention_dropout: float = 0.1, activation: str = "gelu", eps: float = 1e-12,
) -> nn.Module:  # fmt: skip
    """BERT and a layer on its first vector, small unless told otherwise; `start=` a folder gives it learned weights.

    Systems: bert-text-classifier
    Source: Devlin et al. 2019; Martinez-Ramon 6.4.3 and example 6.4.1 (A6.22: AdamW at 1e-5, rows of 16, 5 epochs,
    whose printed loss is a sum over batches, B33); Baker A198, A217.
    """
    own: dict[str, Any] = {"vocab_size": vocab_size, "width": width, "n_layers": n_layers, "n_heads": n_heads}
    own |= {"hidden": hidden, "dropout": dropout, "attention_dropout": attention_dropout}
    own |= {"activation": activation, "eps": eps}
    body = _body("bert", "tanh", max_length, context, own)
    return _drawn(BERTWithHead(body, "sequence", n_outputs=n_outputs, dropout=dropout))


@model.register("classifier", "regressor")
def distilbert(
    *, vocab_size: int, max_length: int, n_segments: int, n_outputs: int, width: int = 128, n_layers: int = 2,
    n_heads: int = 2, hidden: int | None = None, context: int | None = None, dropout: float = 0.1,
    attention_dropout: float = 0.1, activation: str = "gelu", eps: float = 1e-12,
) -> nn.Module:  # fmt: skip
    """DistilBERT and its two layers on the first vector: BERT without segments and pooler."""
    own: dict[str, Any] = {"vocab_size": vocab_size, "width": width, "n_layers": n_layers, "n_heads": n_heads}
    own |= {"hidden": hidden, "dropout": dropout, "attention_dropout": attention_dropout}
    own |= {"activation": activation, "eps": eps}
    body = _body("distilbert", "relu", max_length, context, own)
    return _drawn(WithoutSegments(body, "sequence", n_outputs=n_outputs, dropout=dropout))


@model.register("question_answerer", name="bert")
def bert_of_spans(
    *, vocab_size: int, max_length: int, n_segments: int, width: int = 128, n_layers: int = 2, n_heads: int = 2,
    hidden: int | None = None, context: int | None = None, dropout: float = 0.1, attention_dropout: float = 0.1,
    activation: str = "gelu", eps: float = 1e-12,
) -> SpanAnswering:  # fmt: skip
    """BERT and two numbers a token, of the start and of the end of an answer; `start=` a folder gives it weights.

    Systems: bert-span-head
    Source: Devlin et al. 2019, sections 4.2 and 4.3.
    """
    own: dict[str, Any] = {"vocab_size": vocab_size, "width": width, "n_layers": n_layers, "n_heads": n_heads}
    own |= {"hidden": hidden, "dropout": dropout, "attention_dropout": attention_dropout}
    own |= {"activation": activation, "eps": eps}
    return SpanAnswering(_drawn(BERTWithHead(_body("bert", "none", max_length, context, own), "span", dropout=dropout)))


@model.register("question_answerer", name="distilbert")
def distilbert_of_spans(
    *, vocab_size: int, max_length: int, n_segments: int, width: int = 128, n_layers: int = 2, n_heads: int = 2,
    hidden: int | None = None, context: int | None = None, dropout: float = 0.1, attention_dropout: float = 0.1,
    activation: str = "gelu", eps: float = 1e-12,
) -> SpanAnswering:  # fmt: skip
    """DistilBERT and two numbers a token: BERT without segments, where [SEP] alone parts question and context."""
    own: dict[str, Any] = {"vocab_size": vocab_size, "width": width, "n_layers": n_layers, "n_heads": n_heads}
    own |= {"hidden": hidden, "dropout": dropout, "attention_dropout": attention_dropout}
    own |= {"activation": activation, "eps": eps}
    body = _body("distilbert", "none", max_length, context, own)
    return SpanAnswering(_drawn(WithoutSegments(body, "span", dropout=dropout)))


@model.register("language_model", name="bert")
def masked_bert(
    *, vocab_size: int, max_length: int, n_segments: int, width: int = 128, n_layers: int = 2, n_heads: int = 2,
    hidden: int | None = None, dropout: float = 0.1, attention_dropout: float = 0.1, activation: str = "gelu",
    eps: float = 1e-12, next_sentence: bool = False,
) -> MaskedLanguage:  # fmt: skip
    """BERT that learns to foretell hidden words, and with `next_sentence` whether one sentence follows another."""
    own: dict[str, Any] = {"vocab_size": vocab_size, "width": width, "n_layers": n_layers, "n_heads": n_heads}
    own |= {"hidden": hidden, "dropout": dropout, "attention_dropout": attention_dropout}
    own |= {"activation": activation, "eps": eps}
    body = _body("bert", "tanh" if next_sentence else "none", max_length, None, own)
    head = "pretraining" if next_sentence else "masked"
    return MaskedLanguage(_drawn(BERTWithHead(body, head, dropout=dropout)))
