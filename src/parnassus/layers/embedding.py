"""Ids to vectors, refused in words where they are no ids."""

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
