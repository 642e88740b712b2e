"""The way back out of noise: ancestral, deterministic and multistep samplers, and guidance."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal, get_args

import torch
from torch import Tensor

from ...errors import SettingError, did_you_mean
from .process import at_step, posterior_variance, ranged_log_variance
from .schedules import Schedule

Sampler = Literal["ddpm", "ddim", "plms", "dpm++"]
# x_t, t (n,) -> the clean rows, the noise, and of nets that learn a variance where it lies from -1 to 1
Denoiser = Callable[[Tensor, Tensor], tuple[Tensor, ...]]


def spaced(n_steps: int, n_taken: int) -> list[int]:
    """So many steps of T ... 1, evenly spread, the last one T; 0, the clean row, stands behind them.

    >>> spaced(1000, 4)
    [1000, 750, 500, 250, 0]
    """
    if not 1 <= n_taken <= n_steps:
        raise SettingError(f"a sampler takes from 1 to {n_steps} steps; got {n_taken!r}")
    return torch.linspace(n_steps, 0, n_taken + 1, dtype=torch.float64).round().long().tolist()


def ddpm_step(
    x_t: Tensor,
    clean: Tensor,
    t: int,
    z: Tensor,
    schedule: Schedule,
    *,
    variance: Literal["posterior", "beta"] = "posterior",
) -> Tensor:
    """x_(t-1) drawn given x_t and what is thought to be the clean row; z ~ N(0, 1), which the last step leaves out.

        (sqrt(alpha_bar_(t-1)) beta_t x_0 + sqrt(alpha_t) (1 - alpha_bar_(t-1)) x_t) / (1 - alpha_bar_t) + sigma_t z
        sigma_t^2 = beta~_t or beta_t

    The text has no sampler (F8-18).

    Systems: reverse-diffusion
    Source: Martinez-Ramon 8.10.2, 8.10.3; Ho et al. 2020, algorithm 2.
    """
    bar, beta, alpha = schedule.alpha_bar, float(schedule.beta[t]), float(schedule.alpha[t])
    now, before = float(bar[t]), float(bar[t - 1])
    mean = before**0.5 * beta / (1 - now) * clean + alpha**0.5 * (1 - before) / (1 - now) * x_t
    if t == 1:
        return mean
    spread = beta if variance == "beta" else float(posterior_variance(schedule)[t])
    return mean + spread**0.5 * z


def learned_step(x_t: Tensor, clean: Tensor, said: Tensor, t: int, to: int, z: Tensor, schedule: Schedule) -> Tensor:
    """x_to, any step before t, drawn by the variance that a net says; z ~ N(0, 1), which the last step leaves out.

    With beta = 1 - alpha_bar_t / alpha_bar_to of this one long step, the mean is that of q(x_to | x_t, x_0), and the
    variance lies between beta~ (said = -1) and beta (1).

    Source: Nichol and Dhariwal 2021, section 3.1 and eq. 19.
    """
    now, then = float(schedule.alpha_bar[t]), float(schedule.alpha_bar[to])
    beta = 1 - now / then
    mean = then**0.5 * beta / (1 - now) * clean + (now / then) ** 0.5 * (1 - then) / (1 - now) * x_t
    if not to:
        return mean
    low, high = (said.new_tensor(v) for v in ((1 - then) / (1 - now) * beta, beta))
    return mean + (0.5 * ranged_log_variance(said, low, high)).exp() * z


def ddim_step(
    x_t: Tensor,
    clean: Tensor,
    noise: Tensor,
    t: int,
    to: int,
    schedule: Schedule,
    *,
    eta: float = 0.0,
    z: Tensor | None = None,
) -> Tensor:
    """x_to, any step before t, from the clean row and the noise of x_t; nothing is drawn where eta is 0.

        sqrt(alpha_bar_to) x_0 + sqrt(1 - alpha_bar_to - s^2) noise + s z
        s^2 = eta^2 (1 - alpha_bar_to) / (1 - alpha_bar_t) (1 - alpha_bar_t / alpha_bar_to)

    With eta = 1 and to = t - 1 it is the ancestral step.

    Systems: fast-samplers
    Source: Song, Meng and Ermon 2021, eq. 12; Martinez-Ramon 8.10.1.
    """
    now, then = float(schedule.alpha_bar[t]), float(schedule.alpha_bar[to])
    variance = eta**2 * (1 - then) / (1 - now) * (1 - now / then)
    x = then**0.5 * clean + max(1 - then - variance, 0.0) ** 0.5 * noise
    return x if not eta or z is None else x + variance**0.5 * z


ADAMS: tuple[tuple[float, ...], ...] = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)


def multistep_noise(said: list[Tensor]) -> Tensor:
    """The noise that a pseudo linear multistep sampler goes by: Adams and Bashforth's mix of the last four answers.

    `said` runs from the newest back; with fewer than four the order is lower.

    Systems: fast-samplers
    Source: Liu et al. 2022 (PNDM), eq. 12, its first steps of lower order.

    >>> multistep_noise([torch.tensor([3.0]), torch.tensor([1.0])]).tolist()
    [4.0]
    """
    mixed = said[0] * ADAMS[min(len(said), 4) - 1][0]
    for share, one in zip(ADAMS[min(len(said), 4) - 1][1:], said[1:], strict=False):
        mixed = mixed + share * one
    return mixed


def dpm_step(x_t: Tensor, cleans: Sequence[Tensor], steps: Sequence[int], schedule: Schedule) -> Tensor:
    """x_to by DPM-Solver++(2M): the clean row is carried on along the line through its last two estimates.

        (s_to / s_t) x_t - a_to (e^-h - 1) (D + (h / 2 h') (D - D')),    h = l_to - l_t,  h' = l_t - l_before
        a = sqrt(alpha_bar),  s = sqrt(1 - alpha_bar),  l = ln(a / s)

    Parameters
    ----------
    cleans : the clean row as said at t, D, and at the step before it, D'; without D' the step is DDIM's.
    steps : to, t and, with D', the step before. To 0 the row is D.

    Systems: fast-samplers
    Source: Lu et al. 2022 (DPM-Solver++), algorithm 2.
    """
    bars = [float(schedule.alpha_bar[t]) for t in steps]
    a, s = [bar**0.5 for bar in bars], [(1 - bar) ** 0.5 for bar in bars]
    if not s[0]:
        return cleans[0]
    at = [math.log(p / q) for p, q in zip(a, s, strict=True)]
    h, on = at[0] - at[1], cleans[0]
    if len(cleans) > 1:
        on = on + h / (2 * (at[1] - at[2])) * (cleans[0] - cleans[1])
    return s[0] / s[1] * x_t - a[0] * math.expm1(-h) * on


def guided(without: Tensor, given: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance: e_u + s (e_c - e_u), of a net asked without a condition and with it.

    s = 0 ignores the condition, 1 is the net's own answer, more leans on it.

    Systems: classifier-free-guidance
    Source: Ho and Salimans 2021; Martinez-Ramon 8.10.1, which leaves it out (F8-19).

    >>> guided(torch.tensor([1.0]), torch.tensor([2.0]), 3.0).tolist()
    [4.0]
    """
    return without + scale * (given - without)


def classifier_guided(noise: Tensor, slope: Tensor, t: Tensor, schedule: Schedule, scale: float = 1.0) -> Tensor:
    """Classifier guidance: e - s sqrt(1 - alpha_bar_t) d ln p(class | x_t) / d x_t, of a net that knows no classes.

    With s = 1 and a classifier that is right it is the noise as a net that was told the class would say it.

    Source: Dhariwal and Nichol 2021, section 4.2 and algorithm 2.

    >>> schedule = Schedule(*torch.tensor([[0.0, 0.75], [1.0, 0.25], [1.0, 0.25]]))
    >>> one, t = torch.tensor([[1.0]]), torch.tensor([1])
    >>> round(float(classifier_guided(one, 2 * one, t, schedule, 0.5)), 4)
    0.134
    """
    return noise - scale * at_step((1 - schedule.alpha_bar).sqrt(), t, noise) * slope


def noised_again(x: Tensor, at: int, t: int, schedule: Schedule, z: Tensor) -> Tensor:
    """x_t drawn of x_at, a step t behind it; z ~ N(0, 1).

    >>> schedule = Schedule(*torch.tensor([[0.0, 0.75], [1.0, 0.25], [1.0, 0.25]]))
    >>> noised_again(torch.tensor([2.0]), 0, 1, schedule, torch.tensor([0.0])).tolist()
    [1.0]
    """
    left = float(schedule.alpha_bar[t] / schedule.alpha_bar[at])
    return left**0.5 * x + (1 - left) ** 0.5 * z


class StepsBack:
    """x_t, t, to -> x_to by one of the samplers, which may remember what was said at the steps before.

    Systems: reverse-diffusion, fast-samplers
    """

    def __init__(
        self, denoise: Denoiser, schedule: Schedule, method: Sampler, generator: torch.Generator | None
    ) -> None:
        if method not in get_args(Sampler):
            raise SettingError(f"no sampler {method!r}; {did_you_mean(method, get_args(Sampler))}")
        self.denoise, self.schedule, self.method, self.generator = denoise, schedule, method, generator
        self.said, self.passed = list[Tensor](), list[int]()

    def drawn(self, x: Tensor) -> Tensor:
        """Noise like x, of the generator."""
        return torch.randn(x.shape, generator=self.generator, dtype=x.dtype).to(x.device)

    def __call__(self, x: Tensor, t: int, to: int) -> Tensor:
        schedule, method = self.schedule, self.method
        clean, noise, *spread = self.denoise(x, torch.full((len(x),), t, dtype=torch.int64, device=x.device))
        if method == "plms":
            self.said = [noise, *self.said[:3]]
            mixed = multistep_noise(self.said)
            now = float(schedule.alpha_bar[t])
            return ddim_step(x, (x - (1 - now) ** 0.5 * mixed) / now**0.5, mixed, t, to, schedule)
        if method == "dpm++":
            self.said, self.passed = [clean, *self.said[:1]], [t, *self.passed[:1]]
            return dpm_step(x, self.said, [to, *self.passed], schedule)
        z = self.drawn(x) if method == "ddpm" else None
        if z is not None and spread:
            return learned_step(x, clean, spread[0], t, to, z, schedule)
        if z is not None and to == t - 1:
            return ddpm_step(x, clean, t, z, schedule)
        return ddim_step(x, clean, noise, t, to, schedule, eta=float(method == "ddpm"), z=z)


def sampled(
    denoise: Denoiser,
    start: Tensor,
    schedule: Schedule,
    *,
    method: Sampler = "ddpm",
    n_steps: int | None = None,
    generator: torch.Generator | None = None,
    begin: int | None = None,
) -> Tensor:
    """Rows out of noise `start`, x_T, by one of the samplers; None takes every step.

    With `begin` the start is x_begin, and only the steps behind it are taken.

    Systems: reverse-diffusion, fast-samplers
    """
    back, x = StepsBack(denoise, schedule, method, generator), start
    for t, to in pairwise(behind(spaced(schedule.n_steps, n_steps or schedule.n_steps), begin)):
        x = back(x, t, to)
    return x


def behind(steps: list[int], begin: int | None) -> list[int]:
    """The steps from `begin` on, itself the first; None begins with the first of all.

    >>> behind([1000, 750, 500, 250, 0], 600)
    [600, 500, 250, 0]
    """
    return steps if begin is None else [begin, *(step for step in steps if step < begin)]


def filled_in(
    denoise: Denoiser,
    start: Tensor,
    known: Tensor,
    observed: Tensor,
    schedule: Schedule,
    *,
    method: Sampler = "ddpm",
    n_steps: int | None = None,
    n_again: int = 10,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Rows that are `known` where they are `observed` (1 or True), drawn by the net elsewhere.

    After each step back what is observed is put in, noised as far as the step is; then the row goes forward that step
    and back again, `n_again` times in all, so that what is drawn comes to agree with what is observed.
    Rows change between steps, so that samplers of several steps remember nothing.

    Source: Lugmayr et al. 2022 (RePaint), algorithm 1, jumps of one step.
    """
    if n_again < 1:
        raise SettingError(f"each step is taken once or more; got n_again={n_again!r}")
    back, x, seen = StepsBack(denoise, schedule, method, generator), start, observed.bool()
    for t, to in pairwise(spaced(schedule.n_steps, n_steps or schedule.n_steps)):
        for left in range(n_again if to else 1, 0, -1):
            back.said, back.passed = [], []
            x = back(x, t, to)
            x = torch.where(seen, noised_again(known, 0, to, schedule, back.drawn(known)), x)
            if left > 1:
                x = noised_again(x, to, t, schedule, back.drawn(x))
    return x
