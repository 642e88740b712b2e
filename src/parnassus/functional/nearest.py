"""The nearest of several centers, for many rows: what a round of k-means adds up, by a compiled kernel."""

from typing import NamedTuple

import torch
from torch import Tensor

from .. import kernels
from .threads import n_threads


class Round(NamedTuple):
    """Of the rows nearest to each center: their inertia (), count (k,) and sum (k, d), each row as it counts.

    labels (n,) int64 are the nearest centers, distance (n,) the squared distances to them.
    """

    inertia: Tensor
    counts: Tensor
    sums: Tensor
    labels: Tensor
    distance: Tensor


def lloyd_round(x: Tensor, origin: Tensor, share: Tensor, centers: Tensor) -> Round | None:
    """What a round of Lloyd's iterations needs, in float64; None where there is no kernel.

    x (n, d) float32 or float64; centers (k, d) about the origin (d,); share (n,) is what each row counts. The first of
    equally near centers is taken. `mixtures.lloyd_step` is the same by its equations.
    """
    fits = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64) and len(x) > 0
    kernel = kernels.load("gaussians") if fits else None
    if kernel is None:
        return None
    (k, d), n = centers.shape, len(x)
    found = Round(
        share.new_zeros(1),
        share.new_zeros(k),
        share.new_zeros(k, d),
        torch.empty(n, dtype=torch.int64),
        share.new_empty(n),
    )
    kernel.lloyd(x.contiguous(), origin, share.contiguous(), centers.contiguous(), *found, n_threads())
    return found._replace(inertia=found.inertia[0])
