"""Flow matching: a field that carries noise to rows along straight lines, learned one line at a time."""

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from ...errors import SettingError, did_you_mean

Solver = Literal["euler", "midpoint"]
Field = Callable[[Tensor, Tensor], Tensor]


def on_the_line(x: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """x_t = (1 - t) noise + t x of rows (n, ...) at times t (n,), and the velocity x - noise, which a net is to say.

    Source: Lipman et al. 2023, eqs 20 to 23 with sigma_min = 0; Liu, Gong and Liu 2023, eq. 1.

    >>> x_t, velocity = on_the_line(torch.tensor([[4.0]]), torch.tensor([[0.0]]), torch.tensor([0.25]))
    >>> x_t.tolist(), velocity.tolist()
    ([[1.0]], [[4.0]])
    """
    at = t.view(-1, *(1,) * (x.ndim - 1))
    return (1 - at) * noise + at * x, x - noise


def gaussian_velocity(x_t: Tensor, t: Tensor, *, mean: float, std: float) -> Tensor:
    """E(x - noise | x_t) where rows are N(mean, std^2): what a perfect net says.

        mean + (t std^2 - (1 - t)) / (t^2 std^2 + (1 - t)^2) (x_t - t mean)

    >>> gaussian_velocity(torch.tensor([[0.5]]), torch.tensor([0.5]), mean=1.0, std=1.0).tolist()
    [[1.0]]
    """
    at = t.view(-1, *(1,) * (x_t.ndim - 1))
    pull = (at * std**2 - (1 - at)) / (at.square() * std**2 + (1 - at).square())
    return mean + pull * (x_t - at * mean)


def carried(field: Field, noise: Tensor, *, n_steps: int, solver: Solver = "midpoint") -> Tensor:
    """Where noise (n, ...) arrives at t = 1 when it follows `field(x, t)` from t = 0, in even steps.

    "euler" asks the field once a step and errs by O(1 / n_steps); "midpoint" twice, and errs by O(1 / n_steps^2).

    >>> carried(lambda x, t: x, torch.ones(1, 1, dtype=torch.float64), n_steps=1, solver="midpoint").tolist()
    [[2.5]]
    """
    if solver not in get_args(Solver):
        raise SettingError(f"a flow's solver={solver!r}; {did_you_mean(str(solver), get_args(Solver))}")
    x, step = noise, 1 / n_steps
    for i in range(n_steps):
        t = torch.full((len(x),), i * step, dtype=x.dtype, device=x.device)
        said = field(x, t)
        if solver == "midpoint":
            said = field(x + 0.5 * step * said, t + 0.5 * step)
        x = x + step * said
    return x
