"""Normalising flows: rows become noise by steps that can be taken back, and what each step does to volumes is kept."""

import torch
from torch import Tensor

from .probability import LOG_2PI


def couple(x: Tensor, mask: Tensor, log_scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (n, d) of which what the mask holds stays and the rest is scaled and shifted, and ln |det| (n,) of it.

        y = m x + (1 - m) (x exp(s) + t),   ln |det dy/dx| = sum_i (1 - m_i) s_i

    mask (d,) holds 1 for what stays; log_scale s and shift t (n, d) may depend on what stays, and on nothing else.

    Source: Dinh, Sohl-Dickstein and Bengio 2017, eqs 6 to 8.

    >>> x, mask = torch.tensor([[2.0, 3.0]]), torch.tensor([1.0, 0.0])
    >>> y, log_det = couple(x, mask, torch.full((1, 2), 0.5), torch.ones(1, 2))
    >>> [round(v, 4) for v in y[0].tolist()], log_det.tolist()
    ([2.0, 5.9462], [0.5])
    """
    free = 1 - mask
    s = free * log_scale
    return x * s.exp() + free * shift, s.sum(-1)


def uncouple(y: Tensor, mask: Tensor, log_scale: Tensor, shift: Tensor) -> Tensor:
    """Where `couple` came from: x = m y + (1 - m) (y - t) exp(-s). Source: Dinh et al. 2017, eq. 9.

    >>> uncouple(torch.tensor([[2.0, 4.0]]), torch.tensor([1.0, 0.0]), torch.zeros(1, 2), torch.ones(1, 2)).tolist()
    [[2.0, 3.0]]
    """
    free = 1 - mask
    return (y - free * shift) * (-free * log_scale).exp()


def flow_log_density(z: Tensor, log_det: Tensor) -> Tensor:
    """ln p(x) = ln N(z; 0, I) + ln |det dz/dx| of rows that became z (n, d). Source: Dinh et al. 2017, eq. 2.

    >>> round(float(flow_log_density(torch.zeros(1, 2), torch.tensor([0.25]))), 4)
    -1.5879
    """
    return -0.5 * (z.shape[-1] * LOG_2PI + z.square().sum(-1)) + log_det


def written_out_log_det(step: object, x: Tensor) -> Tensor:
    """ln |det dy/dx| (n,) of any `step`, rows -> rows, by autograd's Jacobian of each row: slow, and sure."""
    assert callable(step)
    found = [torch.autograd.functional.jacobian(lambda r: step(r[None])[0], row) for row in x]
    return torch.linalg.slogdet(torch.stack(found)).logabsdet
