"""Ids to vectors, refused in words where they are no ids."""

import torch
from torch import Tensor, nn

from ..errors import DataError


def looked_up(table: nn.Embedding, ids: Tensor) -> Tensor:
    """The rows of a table for ids (...), (..., width); an id that the table has not is named.

    The check costs nothing where all is well: torch looks anyway (on a CPU; elsewhere its own error stays).
    """
    if ids.is_floating_point():
        raise DataError(f"ids are whole numbers; got {ids.dtype}: give ids.long()")
    try:
        return table(ids)
    except IndexError:
        outside = ids[(ids < 0) | (ids >= table.num_embeddings)]
        raise DataError(
            f"id {int(outside[0])} is outside this vocabulary of {table.num_embeddings}, whose ids begin at 0; "
            f"give the tokenizer that the net was made for"
        ) from None


def embedding_of(vectors: Tensor, *, frozen: bool = True, pad_id: int | None = None) -> nn.Embedding:
    """A table that begins with vectors (n_words, d) learned elsewhere, such as `Embedder.vectors_`.

    `frozen` keeps them as they are; otherwise training goes on from them. The row of `pad_id` is 0 and stays 0.
    """
    if vectors.ndim != 2 or not vectors.is_floating_point() or not bool(torch.isfinite(vectors).all()):
        raise DataError(f"vectors are finite numbers (n_words, d); got {vectors.dtype} of shape {tuple(vectors.shape)}")
    table = nn.Embedding.from_pretrained(vectors.clone(), freeze=frozen, padding_idx=pad_id)
    if pad_id is not None:
        with torch.no_grad():
            table.weight[pad_id] = 0
    return table
