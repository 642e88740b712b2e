"""What metrics of generated rows ask of them: tensors or arrays of one width, without NaN, with a row at least."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ...errors import DataError

Rows = Tensor | ArrayLike


def tensor(rows: Rows) -> Tensor:
    """Tensors as they are, else a tensor of a copy.

    >>> tensor([[1, 2]])
    tensor([[1, 2]])
    """
    if isinstance(rows, Tensor):
        return rows
    try:
        found = np.array(rows)
    except ValueError as error:  # rows of several lengths
        raise DataError(f"rows are an array of numbers, all of one width ({error})") from error
    if found.dtype.kind not in "biuf":
        raise DataError(f"rows are an array of numbers; got {found.dtype}, of shape {found.shape}")
    return torch.from_numpy(found)


def vectors(**given: Rows) -> list[Tensor]:
    """Rows as float64 vectors; what has no rows, numbers of another width, or numbers that are none, is refused.

    Numbers (n,) are rows of one, pictures (n, ...) rows of their pixels.

    >>> [tuple(t.shape) for t in vectors(real=torch.zeros(3, 4, 4), made=torch.zeros(2, 16))]
    [(3, 16), (2, 16)]
    """
    tensors = [tensor(rows) for rows in given.values()]
    found = [(t.flatten(1) if t.ndim > 1 else t.reshape(-1, 1)).double() for t in tensors]
    for name, rows in zip(given, found, strict=True):
        if not len(rows) or rows.shape[1] != found[0].shape[1]:
            raise DataError(f"{name} is {tuple(rows.shape)} beside {tuple(found[0].shape)}; give rows of one width")
        if not rows.isfinite().all():
            raise DataError(f"{name} holds NaN or infinite numbers; leave such rows out")
    return found


def centred(**given: Rows) -> list[Tensor]:
    """`vectors` about the median of the first, for distances: by products they are exact to the squares of the rows.

    >>> [t.tolist() for t in centred(real=[[1e9], [1e9 + 1], [1e9 + 2]], made=[[1e9]])]
    [[[-1.0], [0.0], [1.0]], [[-1.0]]]
    """
    found = vectors(**given)
    middle = found[0].median(0).values
    return [rows - middle for rows in found]
