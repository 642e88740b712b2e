"""From a state that flows to one that steps: h' = A h + B x becomes h_k = Abar h_(k-1) + Bbar x_k.

A is (n, n) and B (n, n_inputs), or both have leading axes of systems; delta is a number, or one a system. The
functions whose name ends in `_diagonal` take A's diagonal (..., n), which may be complex, and B (..., n) of one input.
"""

import torch
from torch import Tensor

from ...errors import SettingError

Step = float | Tensor


def derivative(a: Tensor, b: Tensor, h: Tensor, x: Tensor) -> Tensor:
    """h' = A h + B x of a state h (..., n) under an input x (..., n_inputs): the continuous system itself.

    What is seen of it is y = C h + D x; see `observed`.

    Systems: continuous-ssm
    Source: Hifny eqs. 12.1 and 12.2.
    """
    return (a @ h[..., None] + b @ x[..., None])[..., 0]


def observed(c: Tensor, h: Tensor, x: Tensor | None = None, d: Tensor | None = None) -> Tensor:
    """y = C h + D x (..., n_outputs), C (n_outputs, n), D (n_outputs, n_inputs) or none."""
    y = (c @ h[..., None])[..., 0]
    return y if d is None or x is None else y + (d @ x[..., None])[..., 0]


def euler(a: Tensor, b: Tensor, delta: Step) -> tuple[Tensor, Tensor]:
    """Abar = I + delta A, Bbar = delta B: the slope at the step's beginning, which blows up where delta is large.

    >>> euler(torch.tensor([[-1.0]]), torch.tensor([[1.0]]), 0.5)
    (tensor([[0.5000]]), tensor([[0.5000]]))
    """
    step = _step(a, delta)
    return torch.eye(a.shape[-1], dtype=a.dtype, device=a.device) + step * a, step * b


def bilinear(a: Tensor, b: Tensor, delta: Step) -> tuple[Tensor, Tensor]:
    """Abar = (I - delta A / 2)^-1 (I + delta A / 2), Bbar = (I - delta A / 2)^-1 delta B.

    The slope is that of the step's two ends together (Tustin's rule), the input the same at both; what is stable stays
    so at any delta.

    Systems: bilinear-discretisation
    Source: Hifny eqs. 12.3 to 12.11 (eq. 12.3 prints Lambda for Delta).
    """
    step = _step(a, delta)
    one = torch.eye(a.shape[-1], dtype=a.dtype, device=a.device)
    left = one - step * a / 2
    return torch.linalg.solve(left, one + step * a / 2), torch.linalg.solve(left, step * b)


def zero_order_hold(a: Tensor, b: Tensor, delta: Step) -> tuple[Tensor, Tensor]:
    """Abar = e^(delta A), Bbar = (delta A)^-1 (e^(delta A) - I) delta B: exact where the input is constant in a step.

    Both are blocks of one exponential, exp([[A, B], [0, 0]] delta), which needs no inverse: A may be singular.

    Systems: zoh-discretisation
    Source: Hifny section 12.1 (whose form needs A to have an inverse); Van Loan 1978.
    """
    n, n_inputs = b.shape[-2:]
    step = _step(a, delta)
    batch = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2], step.shape[:-2])
    upper = torch.cat([(step * a).expand(*batch, n, n), (step * b).expand(*batch, n, n_inputs)], -1)
    whole = torch.linalg.matrix_exp(torch.nn.functional.pad(upper, (0, 0, 0, n_inputs)))
    return whole[..., :n, :n], whole[..., :n, n:]


def bilinear_diagonal(a: Tensor, b: Tensor, delta: Step) -> tuple[Tensor, Tensor]:
    """`bilinear` of a diagonal A: (1 + delta a / 2) / (1 - delta a / 2) and delta b / (1 - delta a / 2)."""
    step = _along(delta, a)
    below = 1 - step * a / 2
    return (1 + step * a / 2) / below, step * b / below


def zero_order_hold_diagonal(a: Tensor, b: Tensor, delta: Step) -> tuple[Tensor, Tensor]:
    """`zero_order_hold` of a diagonal A: e^(delta a) and (e^(delta a) - 1) / a times b.

    >>> zero_order_hold_diagonal(torch.tensor([0.0]), torch.tensor([1.0]), 0.5)
    (tensor([1.]), tensor([0.5000]))
    """
    step = _along(delta, a)
    z = step * a
    return torch.exp(z), _growth(z) * step * b


def _growth(z: Tensor) -> Tensor:
    """(e^z - 1) / z, by its series next to 0, where the quotient loses its digits."""
    near = z.abs() < 0.05
    inner = torch.where(near, torch.ones_like(z), z)  # before the division, which keeps slopes finite
    series = torch.ones_like(z)
    for k in range(8, 1, -1):
        series = 1 + z / k * series
    return torch.where(near, series, (torch.exp(inner) - 1) / inner)


DISCRETIZATIONS = {"bilinear": bilinear, "zoh": zero_order_hold, "euler": euler}


def discretized(a: Tensor, b: Tensor, delta: Step, *, method: str = "bilinear") -> tuple[Tensor, Tensor]:
    """(Abar, Bbar) by "bilinear", "zoh" or "euler"."""
    if method not in DISCRETIZATIONS:
        raise SettingError(f"method is one of {', '.join(DISCRETIZATIONS)}; got {method!r}")
    return DISCRETIZATIONS[method](a, b, delta)


def _step(a: Tensor, delta: Step) -> Tensor:
    """Delta beside matrices: (..., 1, 1)."""
    return torch.as_tensor(delta, dtype=None if isinstance(delta, Tensor) else a.dtype, device=a.device)[
        ..., None, None
    ]


def _along(delta: Step, a: Tensor) -> Tensor | float:
    """Delta beside diagonals: (..., 1) where there is one a system."""
    return delta[..., None] if isinstance(delta, Tensor) and 0 < delta.ndim < a.ndim else delta
