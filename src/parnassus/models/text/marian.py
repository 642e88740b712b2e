"""Marian, the Transformer of many published translators: a plain module, and the builder for translators."""

from typing import Any

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...objectives.text.translation import Translation
from ...registry import model
from .transformer import Transformer, Writing


class Marian(Transformer):
    """Ids of a source (batch, n) and of a target (batch, m) -> logits of the next target id (batch, m, n_ids).

    The Transformer as first published, norms after the sub-layers and none at the ends, one table for both sides and
    the output, with the sines of positions in the first half of a vector and the cosines in the second, x sigmoid(x)
    between dense layers, and a learned offset of the logits.

    Parameters
    ----------
    n_ids : of the one table.
    scaled : multiply embeddings by sqrt(width).
    start, end : ids that begin and end what is written, kept for those who read the weights.
    **sizes : width, n_heads, n_layers, n_decoder_layers, hidden, dropout and attention_dropout of `Transformer`.

    Source: Junczys-Dowmunt et al. 2018; Tiedemann and Thottingal 2020 (OPUS-MT).
    """

    def __init__(
        self, n_ids: int, *, activation: str = "silu", scaled: bool = True, start: int, end: int, **sizes: Any
    ) -> None:
        told: dict[str, Any] = {"norm": "post", "final_norm": False, "positions": "halves", "tied": "all"}
        super().__init__(n_ids, n_ids, activation=activation, **told, **sizes)
        self.n_ids, self.start, self.end = n_ids, start, end
        self.offset = nn.Parameter(torch.zeros(1, n_ids))
        if not scaled:
            self.scale = 1.0

    def decode(self, target: Tensor, memory: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().decode(target, memory, mask) + self.offset

    def step(self, ids: Tensor, writing: Writing) -> Tensor:
        return super().step(ids, writing) + self.offset


@model.register("translator")
def marian(
    *, source_vocab_size: int, target_vocab_size: int, start_id: int, end_id: int, width: int = 128, n_layers: int = 2,
    n_decoder_layers: int | None = None, n_heads: int = 4, feed_forward: int | None = None, activation: str = "silu",
    scaled: bool = True, dropout: float = 0.1, attention_dropout: float = 0.0, smoothing: float = 0.1,
) -> Translation:  # fmt: skip
    """Marian, small unless told otherwise; it asks for `shared=True`. Published: width=512, n_layers=6, n_heads=8.

    Source: Junczys-Dowmunt et al. 2018.
    """
    if source_vocab_size != target_vocab_size:
        raise SettingError(
            f"model 'marian' has one table for what it reads and writes; got {source_vocab_size} and "
            f"{target_vocab_size} ids: give shared=True"
        )
    if min(width, n_layers, n_heads) < 1 or width % n_heads:
        raise SettingError(
            f"model 'marian': width, n_layers and n_heads are at least 1, and heads divide the width; got {width}, "
            f"{n_layers} and {n_heads}"
        )
    net = Marian(
        target_vocab_size, width=width, n_heads=n_heads, n_layers=n_layers, n_decoder_layers=n_decoder_layers,
        hidden=4 * width if feed_forward is None else feed_forward, activation=activation, scaled=scaled,
        dropout=dropout, attention_dropout=attention_dropout, start=start_id, end=end_id,
    )  # fmt: skip
    return Translation(net, target_vocab_size, smoothing=smoothing, start=start_id, end=end_id)
