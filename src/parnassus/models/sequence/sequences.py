"""Builders for sequences: written once for vectors a step, registered for ids as well, with an embedding in front."""

import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from ...errors import SettingError
from ...registry import model

EMBEDDING = inspect.Parameter("embedding", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=int | None)


class Embedded(nn.Module):
    """Ids (batch, time) become vectors, which a net of vectors a step takes.

    The vectors are drawn and learned; with `start=` an Embedder they begin with its own, and `freeze="embedding"` keeps
    them. A recurrent net behind them, its last state through a linear layer, is the classifier of sentiment.

    Systems: recurrent-sentiment
    Source: Baker A191; Martinez-Ramon 5.8.1 (A5.21: `pn.model("gru", embedding=400, hidden=256, n_layers=2,
    dropout=0.5)` over `pn.Text(clean=("html", "stop_words", "porter"))`) and problems 5.4, 5.5, 5.7.
    """

    def __init__(self, embedding: nn.Embedding, net: nn.Module) -> None:
        super().__init__()
        self.embedding, self.net = embedding, net

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.net(self.embedding(x), lengths)


def sequence_model(*tasks: str) -> Callable[[Callable[..., nn.Module]], Callable[..., nn.Module]]:
    """Decorator that registers a builder with the fact `step_features`, and its twin with the fact `vocab_size`.

    The builder needs an option `hidden`. Both get the option `embedding`, the width of the vectors that ids become;
    None takes `hidden`. So each architecture meets each kind of word vector by name: drawn, an Embedder's that go on
    learning (`start=`) or are held (`codec=embedder.codec_of_words()`), and BERT's own subwords; for classes, numbers,
    pairs of texts, and tags.

    Systems: modular-nlp-stack
    Source: Baker A176 (pre-training, architecture, application; BERT is the first two at once).
    """

    def enter(make: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        name, given = make.__name__, inspect.signature(make)
        options = [p for p in given.parameters.values() if p.default is not p.empty]
        facts = [p for p in given.parameters.values() if p.default is p.empty and p.name != "step_features"]

        def of_vectors(*, embedding: int | None = None, **settings: Any) -> nn.Module:
            if embedding is not None:
                raise SettingError(f"model {name!r}: embedding is for ids, and these data have vectors; leave it out")
            return make(**settings)

        def of_ids(*, vocab_size: int, embedding: int | None = None, **settings: Any) -> nn.Module:
            width = settings["hidden"] if embedding is None else embedding
            if width < 1:
                raise SettingError(f"model {name!r}: embedding is at least 1; got {width}")
            return Embedded(nn.Embedding(vocab_size, width), make(step_features=width, **settings))

        for twin, fact in ((of_vectors, "step_features"), (of_ids, "vocab_size")):
            first = inspect.Parameter(fact, inspect.Parameter.KEYWORD_ONLY, annotation=int)
            twin.__signature__ = inspect.Signature([first, *facts, *options, EMBEDDING])  # type: ignore[union-attr]
            twin.__doc__, twin.__qualname__ = make.__doc__, f"{make.__qualname__} of {fact}"
            model.register(*tasks, name=name)(twin)
        return make

    return enter
