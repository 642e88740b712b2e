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


def lloyd_round(x: Tensor, origin: Tensor, share: Tensor | None, centers: Tensor, *, told: bool = True) -> Round | None:
    """What a round of Lloyd's iterations needs, in float64; None where there is no kernel.

    x (n, d) float32 or float64; centers (k, d) about the origin (d,); share (n,) is what each row counts, None where
    all count 1. The first of equally near centers is taken. Labels and distances are left out where they are not to be
    `told`. `mixtures.lloyd_step` is the same by its equations.
    """
    fits = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64) and len(x) > 0
    kernel = kernels.load("nearest") if fits else None
    if kernel is None:
        return None
    (k, d), n = centers.shape, len(x) if told else 0
    found = Round(
        centers.new_zeros(1),
        centers.new_zeros(k),
        centers.new_zeros(k, d),
        torch.empty(n, dtype=torch.int64),
        centers.new_empty(n),
    )
    counted = centers.new_empty(0) if share is None else share.contiguous()
    kernel.lloyd(x.contiguous(), origin, counted, centers.contiguous(), *found, n_threads())
    return found._replace(inertia=found.inertia[0])
