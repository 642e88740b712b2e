"""How much noise each step of a diffusion adds."""

import math
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from ...errors import SettingError, did_you_mean

Kind = Literal["linear", "scaled_linear", "cosine"]  # "learned" is an objective's: it begins as "linear"


class Schedule(NamedTuple):
    """Of steps t = 0 ... T, each (T + 1,) float64: beta_t, alpha_t = 1 - beta_t, alpha_bar_t = prod_(s <= t) alpha_s.

    Entry 0 is the clean row: beta 0, alpha and alpha_bar 1, so that a step's number is its place.
    """

    beta: Tensor
    alpha: Tensor
    alpha_bar: Tensor

    @property
    def n_steps(self) -> int:
        return len(self.beta) - 1


def schedule_of(betas: Tensor) -> Schedule:
    """The schedule of betas (T,).

    >>> schedule_of(torch.tensor([0.5, 0.5])).alpha_bar.tolist()
    [1.0, 0.5, 0.25]
    """
    beta = torch.cat([torch.zeros(1, dtype=torch.float64), betas.double()])
    return Schedule(beta, 1 - beta, (1 - beta).cumprod(0))


def schedule_of_log_snr(log_snr: Tensor) -> Schedule:
    """The schedule of falling ln(alpha_bar_t / (1 - alpha_bar_t)) of steps 1 ... T, (T,), with their gradients.

    >>> schedule_of_log_snr(torch.tensor([0.0, -math.log(3)])).alpha_bar.round(decimals=6).tolist()
    [1.0, 0.5, 0.25]
    """
    bar = torch.cat([torch.ones(1, dtype=torch.float64, device=log_snr.device), log_snr.double().sigmoid()])
    alpha = torch.cat([bar[:1], bar[1:] / bar[:-1]])
    return Schedule(1 - alpha, alpha, bar)


def noise_schedule(
    kind: Kind = "linear", n_steps: int = 1000, *, start: float = 1e-4, end: float = 0.02, scale: bool = False
) -> Schedule:
    """The schedule of this name.

        linear         beta from start to end
        scaled_linear  sqrt(beta) from sqrt(start) to sqrt(end)
        cosine         alpha_bar_t = cos^2((t / T + .008) / 1.008 pi / 2), up to a factor; beta is at most .999

    `scale` multiplies start and end by 1000 / T, so that fewer steps end in as much noise.

    Systems: forward-diffusion
    Source: Martinez-Ramon 8.10.1, which gives no schedule (F8-18); Ho et al. 2020; Nichol and Dhariwal 2021
    (fixture B8.17).

    >>> round(float(noise_schedule().alpha_bar[100]), 7)
    0.8970181
    """
    if n_steps < 1:
        raise SettingError(f"a diffusion has 1 step or more; got n_steps={n_steps!r}")
    if kind == "cosine":
        at = torch.arange(n_steps + 1, dtype=torch.float64) / n_steps
        bar = ((at + 0.008) / 1.008 * math.pi / 2).cos().square()
        return schedule_of((1 - bar[1:] / bar[:-1]).clamp(max=0.999))
    if kind not in get_args(Kind):
        raise SettingError(f"no schedule of noise {kind!r}; {did_you_mean(kind, get_args(Kind))}")
    factor = 1000 / n_steps if scale else 1.0
    low, high = min(start * factor, 0.5), min(end * factor, 0.999)
    if kind == "linear":
        return schedule_of(torch.linspace(low, high, n_steps, dtype=torch.float64))
    return schedule_of(torch.linspace(low**0.5, high**0.5, n_steps, dtype=torch.float64).square())
