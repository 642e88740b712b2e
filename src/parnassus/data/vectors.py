"""Any raw data as one vector a row, for methods that take nothing else."""

from typing import Any

import numpy as np
import torch

from ..errors import DataError
from .codec import Codec

BLOCK = 1024  # rows at a time, so that pictures and bags of words are never all unpacked at once


def vectors(codec: Codec, raw: Any) -> Any:
    """The view "vector" of a fitted codec (rows, in_features), float32: an array, and of texts a sparse matrix.

    Tables give scaled numbers and unit vectors of categories, pictures pixels, texts weights of words.
    """
    if "vector" not in codec.views():
        raise DataError(f"{type(codec).__name__} offers {', '.join(codec.views())} and no vectors; give another codec")
    rows = codec.encode(raw)
    parts = []
    for start in range(0, len(rows), BLOCK):
        batch = rows.take(torch.arange(start, min(start + BLOCK, len(rows))))
        x = codec.prepare(batch, "vector")["x"].float().cpu().numpy()
        parts.append(_sparse(x) if codec.kind == "text" else x)
    if codec.kind == "text":
        from scipy.sparse import vstack

        return vstack(parts, format="csr")
    return np.concatenate(parts)


def _sparse(x: np.ndarray) -> Any:
    from scipy.sparse import csr_matrix

    return csr_matrix(x)
