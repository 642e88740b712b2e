"""Whole series by their shape: z-normalised, shifted against each other, averaged under warping."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import DataError
from .dtw import dtw


def z_normalized(rows: Tensor) -> Tensor:
    """Series (n, time), each with mean 0 and variance 1; constant ones become zeros.

    >>> z_normalized(torch.tensor([[1.0, 2, 3], [5, 5, 5]]))
    tensor([[-1.2247,  0.0000,  1.2247],
            [ 0.0000,  0.0000,  0.0000]])

    Source: Baker 6.2.3 (profiles are normalised before they are compared).
    """
    centred = rows - rows.mean(-1, keepdim=True)
    deviation = centred.square().mean(-1, keepdim=True).sqrt()
    flat = deviation <= 1e-12 * rows.abs().amax(-1, keepdim=True)
    return torch.where(flat, 0, centred / torch.where(flat, 1, deviation))


def shape_distances(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """One minus the largest normalised cross-correlation of x (n, time) and y (m, time), and the shift that gives it.

        SBD(x, y) = 1 - max over w of sum_t x(t + w) y(t) / (|x| |y|)

    Both (n, m); a shift w says that x comes w steps later than y. From 0 (the same shape) to 2.

    >>> x = torch.tensor([[0.0, 0, 1, 2, 1, 0]])
    >>> shape_distances(x, torch.tensor([[1.0, 2, 1, 0, 0, 0]]))
    (tensor([[0.]]), tensor([[2]]))

    Source: Paparrizos and Gravano 2015, equation 9.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise DataError(
            f"shapes are compared of series (n, time) of one length; got {tuple(x.shape)}, {tuple(y.shape)}"
        )
    time = x.shape[1]
    n = 1 << (2 * time - 1).bit_length()
    spectrum = torch.fft.rfft(x.double(), n)[:, None] * torch.fft.rfft(y.double(), n).conj()
    products = torch.fft.irfft(spectrum, n)
    products = torch.cat([products[..., -(time - 1) :] if time > 1 else products[..., :0], products[..., :time]], -1)
    scale = x.double().norm(dim=1)[:, None] * y.double().norm(dim=1)
    best = (products / torch.where(scale > 0, scale, 1)[..., None]).max(-1)
    distance = (1 - best.values).clamp_min(0)
    return torch.where(distance < 1e-12, 0, distance).to(x.dtype), best.indices - (time - 1)


def shifted(rows: Tensor, shift: Tensor) -> Tensor:
    """Series (n, time), each moved `shift` (n,) steps towards the past, zeros where nothing is left.

    >>> shifted(torch.tensor([[0.0, 0, 1, 2]]), torch.tensor([1]))
    tensor([[0., 1., 2., 0.]])
    """
    at = torch.arange(rows.shape[1]) + shift[:, None]
    inside = (at >= 0) & (at < rows.shape[1])
    return torch.where(inside, rows.gather(1, at.clamp(0, rows.shape[1] - 1)), 0)


def shape_centre(rows: Tensor, centre: Tensor) -> Tensor:
    """The series (time,) whose squared normalised correlations with the rows (n, time), shifted to `centre`, are most.

    It is the leading eigenvector of Q S Q, where S = X^T X of the z-normalised rows and Q takes off the mean; of its
    two signs, the one that lies nearer to the rows.

    Source: Paparrizos and Gravano 2015, equation 15.
    """
    moved = rows if not centre.any() else shifted(rows, shape_distances(rows, centre[None])[1][:, 0])
    moved = z_normalized(moved).double()
    level = moved - moved.mean(1, keepdim=True)
    vector = torch.linalg.eigh(level.T @ level).eigenvectors[:, -1]
    vector = vector if (moved @ vector).sum() >= 0 else -vector
    return z_normalized(vector[None])[0].to(rows.dtype)


def barycentre(rows: Sequence[Tensor], centre: Tensor, *, band: int | None = None, n_rounds: int = 5) -> Tensor:
    """A series (time,) whose squared warped distances to the rows sum to little: averaging under warping.

    Each round every row is warped to the centre, and each step of the centre becomes the mean of what was matched with
    it; the sum of distances never rises. The rows may be of any lengths.

    >>> rows = [torch.tensor([0.0, 0, 1, 0]), torch.tensor([0.0, 3, 0])]
    >>> barycentre(rows, rows[1])
    tensor([0., 2., 0.])

    Source: Petitjean, Ketterlin and Gancarski 2011.
    """
    for _ in range(n_rounds):
        total, count = torch.zeros(len(centre), dtype=torch.float64), torch.zeros(len(centre), dtype=torch.float64)
        for row in rows:
            path = dtw(row[:, None], centre[:, None], band=band, squared=True).path
            total.index_add_(0, path[:, 1], row.double()[path[:, 0]])
            count.index_add_(0, path[:, 1], torch.ones(len(path), dtype=torch.float64))
        after = (total / count).to(centre.dtype)
        if torch.equal(after, centre):
            break
        centre = after
    return centre
