"""A schedule of noise that is learned beside the net: every step is to add as much to the bound as every other."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError
from ...functional.diffusion.schedules import Schedule, noise_schedule, schedule_of_log_snr

N_KNOTS = 32


class LearnedSchedule(nn.Module):
    """ln(alpha_bar / (1 - alpha_bar)) falls from step 1 to T, straight between knots whose falls are learned.

    Its ends, and what it begins as, are those of the linear schedule.

    Source: Kingma et al. 2021, sections 3.2 and 5.2, who learn a monotone net's.
    """

    ends: Tensor
    at: Tensor

    def __init__(self, n_steps: int) -> None:
        super().__init__()
        if n_steps < 3:
            raise SettingError(
                f"schedule='learned' lies between two ends, and needs n_steps of 3 or more; got {n_steps}"
            )
        self.n_steps = n_steps
        bar = noise_schedule("linear", n_steps, scale=True).alpha_bar[1:]
        log_snr = bar.log() - (-bar).log1p()
        at = torch.linspace(0, n_steps - 1, min(N_KNOTS, n_steps), dtype=torch.float64).round().long()
        self.register_buffer("ends", log_snr[[0, -1]])
        self.register_buffer("at", at.double())
        falls = (log_snr[at[:-1]] - log_snr[at[1:]]) / (log_snr[0] - log_snr[-1])
        self.falls = nn.Parameter(falls.log().float())

    def log_snr(self) -> Tensor:
        """Of steps 1 ... T, (T,) float64."""
        knots = F.pad(self.falls.double().softmax(0).cumsum(0), (1, 0))
        steps = torch.arange(self.n_steps, dtype=torch.float64, device=self.at.device)
        i = torch.searchsorted(self.at, steps, right=True).clamp(1, len(self.at) - 1)
        share = (steps - self.at[i - 1]) / (self.at[i] - self.at[i - 1])
        done = knots[i - 1].lerp(knots[i], share)
        return self.ends[0] + done * (self.ends[1] - self.ends[0])

    def forward(self) -> Schedule:
        """The schedule as it is now, with its gradient."""
        return schedule_of_log_snr(self.log_snr())


def uneven(errors: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """How unevenly steps t (n,), 2 or later, add to the bound: the mean square of what they add over its squared mean.

        T / 2 (SNR_(t-1) - SNR_t) |x_0 - said|^2,   SNR = alpha_bar / (1 - alpha_bar)

    `errors` are the mean squares |x_0 - said|^2 of rows (n,). The sum over steps hardly depends on how they are spread,
    so that the mean square is least where all are equal, and the bound is then known from the fewest draws.

    Source: Kingma et al. 2021, eq. 14 and section 5.2.
    """
    snr = schedule.alpha_bar / (1 - schedule.alpha_bar).clamp(min=1e-12)
    added = 0.5 * schedule.n_steps * (snr[t - 1] - snr[t]) * errors.double()
    return added.square().mean() / added.detach().mean().square()
