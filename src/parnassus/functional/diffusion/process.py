"""The way into noise, the step back that is known when the clean row is, and the terms of the bound."""

from typing import Literal, get_args

import torch
from torch import Tensor

from ...errors import SettingError, did_you_mean
from .schedules import Schedule

Target = Literal["noise", "clean", "velocity"]


def at_step(values: Tensor, t: Tensor, x: Tensor) -> Tensor:
    """values[t] in x's type, one a row, shaped to go with x (n, ...).

    >>> at_step(torch.tensor([1.0, 2.0]), torch.tensor([1, 0]), torch.zeros(2, 3)).tolist()
    [[2.0], [1.0]]
    """
    return values.to(x.device)[t].to(x.dtype).view(-1, *(1,) * (x.ndim - 1))


def noised(x: Tensor, t: Tensor, noise: Tensor, schedule: Schedule) -> Tensor:
    """x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise: step t of the way into noise, at once.

    The variance is 1 - alpha_bar_t; the text prints its root for it (F8-18, fixture B8.20).

    Systems: forward-diffusion
    Source: Martinez-Ramon 8.10.1, eqs 8.22 to 8.25; Ho et al. 2020, eq. 4.

    >>> from parnassus.functional.diffusion.schedules import noise_schedule
    >>> x = torch.tensor([[0.7]], dtype=torch.float64)
    >>> round(float(noised(x, torch.tensor([500]), torch.full_like(x, -0.3), noise_schedule())), 7)
    -0.0917368
    """
    bar = schedule.alpha_bar
    return at_step(bar.sqrt(), t, x) * x + at_step((1 - bar).sqrt(), t, x) * noise


def posterior_variance(schedule: Schedule) -> Tensor:
    """beta~_t = (1 - alpha_bar_(t-1)) / (1 - alpha_bar_t) beta_t of each t, (T + 1,); entries 0 and 1 are 0.

    >>> posterior_variance(Schedule(*torch.tensor([[0.0, 0.5], [1.0, 0.5], [1.0, 0.5]]))).tolist()
    [0.0, 0.0]
    """
    bar = schedule.alpha_bar
    later = (1 - bar[:-1]) / (1 - bar[1:]) * schedule.beta[1:]
    return torch.cat([bar.new_zeros(1), later])


def ranged_log_variance(said: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """ln sigma^2 = v ln high + (1 - v) ln low, v = (said + 1) / 2: a net says where between two variances it lies.

    `low` is beta~, the variance where x_0 is known, and `high` beta, that where x_0 is any N(0, 1).

    Source: Nichol and Dhariwal 2021, eq. 15.

    >>> ranged_log_variance(torch.tensor([-1.0, 0.0, 1.0]), torch.tensor(1.0), torch.tensor(4.0)).exp().tolist()
    [1.0, 2.0, 4.0]
    """
    share = (said + 1) / 2
    return share * high.log() + (1 - share) * low.log()


def learned_log_variance(said: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """The same of the steps t (n,) of rows (n, ...), between beta~_t and beta_t; for beta~_1, which is 0, beta~_2."""
    low = posterior_variance(schedule)
    low[1] = low[2] if schedule.n_steps > 1 else schedule.beta[1]
    return ranged_log_variance(said, at_step(low, t, said), at_step(schedule.beta, t, said))


def posterior_mean(x: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """The mean of q(x_(t-1) | x_t, x_0).

        (sqrt(alpha_bar_(t-1)) beta_t x_0 + sqrt(alpha_t) (1 - alpha_bar_(t-1)) x_t) / (1 - alpha_bar_t)

    Systems: diffusion-elbo
    Source: Martinez-Ramon 8.10.3, eq. 8.32 (fixture B8.18); Ho et al. 2020, eq. 7.

    >>> from parnassus.functional.diffusion.schedules import noise_schedule
    >>> x, x_t = torch.tensor([[0.7]], dtype=torch.float64), torch.tensor([[-0.0917368]], dtype=torch.float64)
    >>> round(float(posterior_mean(x, x_t, torch.tensor([500]), noise_schedule())), 6)
    -0.089047
    """
    bar, beta, alpha = schedule.alpha_bar, schedule.beta, schedule.alpha
    before = torch.cat([bar[:1], bar[:-1]])
    left = (1 - bar).clamp(min=torch.finfo(bar.dtype).tiny)
    return at_step(before.sqrt() * beta / left, t, x) * x + at_step(alpha.sqrt() * (1 - before) / left, t, x) * x_t


def mean_from_noise(x_t: Tensor, noise: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """The same mean by the noise: (x_t - beta_t / sqrt(1 - alpha_bar_t) noise) / sqrt(alpha_t).

    Source: Martinez-Ramon eqs 8.33, 8.34 (fixture B8.18).

    >>> from parnassus.functional.diffusion.schedules import noise_schedule
    >>> x_t = torch.tensor([[-0.0917368]], dtype=torch.float64)
    >>> round(float(mean_from_noise(x_t, torch.full_like(x_t, -0.3), torch.tensor([500]), noise_schedule())), 6)
    -0.089047
    """
    share = schedule.beta / (1 - schedule.alpha_bar).sqrt().clamp(min=torch.finfo(torch.float64).tiny)
    return (x_t - at_step(share, t, x_t) * noise) / at_step(schedule.alpha.sqrt(), t, x_t)


def target_of(kind: Target, x: Tensor, noise: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """What a net is to say of x_t: the noise, the clean row, or v = sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) x_0.

    Source: Ho et al. 2020; Salimans and Ho 2022 (velocity).
    """
    if kind == "noise":
        return noise
    if kind == "clean":
        return x
    if kind == "velocity":
        bar = schedule.alpha_bar
        return at_step(bar.sqrt(), t, x) * noise - at_step((1 - bar).sqrt(), t, x) * x
    raise SettingError(f"no target {kind!r}; {did_you_mean(kind, get_args(Target))}")


def clean_and_noise(kind: Target, said: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> tuple[Tensor, Tensor]:
    """x_0 and the noise of x_t that a net's answer stands for."""
    root = at_step(schedule.alpha_bar.sqrt(), t, x_t)
    rest = at_step((1 - schedule.alpha_bar).sqrt(), t, x_t)
    if kind == "noise":
        return (x_t - rest * said) / root, said
    if kind == "clean":
        return said, (x_t - root * said) / rest
    if kind == "velocity":
        return root * x_t - rest * said, root * said + rest * x_t
    raise SettingError(f"no target {kind!r}; {did_you_mean(kind, get_args(Target))}")


def step_embedding(t: Tensor, width: int, *, base: float = 10_000.0, shift: int = 1) -> Tensor:
    """Sines and then cosines of t at width / 2 frequencies, from 1 to 1 / base: what a net is told of the step.

        e_i = sin(t base^(-i / (width / 2 - shift))),   i = 0 ... width / 2 - 1

    Source: Vaswani et al. 2017; Ho et al. 2020, appendix B.

    >>> step_embedding(torch.tensor([0]), 4).tolist()
    [[0.0, 0.0, 1.0, 1.0]]
    """
    half = width // 2
    at = torch.arange(half, dtype=torch.float32, device=t.device) / max(half - shift, 1)
    angles = t[:, None].float() * base**-at
    return torch.cat([angles.sin(), angles.cos()], 1)


# --- the bound ----------------------------------------------------------------------------------------


def noise_weight(schedule: Schedule) -> Tensor:
    """What |noise - said|^2 counts in the bound at each step: beta_t^2 / (2 sigma_t^2 alpha_t (1 - alpha_bar_t)).

    With sigma_t^2 = beta_t, (T + 1,), entry 0 is 0. The simple loss leaves it out, which gives much noise more to say;
    the text says so and keeps the factor (F8-18). With sigma_t^2 = beta~_t the weight of t = 1 would be infinite.

    Systems: ddpm-loss
    Source: Martinez-Ramon 8.10.3, eq. 8.35 (fixture B8.19); Ho et al. 2020, eqs 12 and 14.

    >>> from parnassus.functional.diffusion.schedules import noise_schedule
    >>> noise_weight(noise_schedule())[[1, 10, 1000]].round(decimals=6).tolist()
    [0.50005, 0.073717, 0.010204]
    """
    weight = schedule.beta[1:] / (2 * schedule.alpha[1:] * (1 - schedule.alpha_bar[1:]))
    return torch.cat([weight.new_zeros(1), weight])


def last_term(x: Tensor, schedule: Schedule) -> Tensor:
    """J_T of each entry, nats: KL(q(x_T | x_0) || N(0, 1)), which no parameter moves.

    Systems: diffusion-elbo
    Source: Martinez-Ramon 8.10.3, eqs 8.28 to 8.31 (fixture B8.17).

    >>> from parnassus.functional.diffusion.schedules import noise_schedule
    >>> round(1e5 * float(last_term(torch.ones(1, 1, dtype=torch.float64), noise_schedule())), 3)
    2.018
    """
    bar = schedule.alpha_bar[-1]
    return 0.5 * (bar * x.square() - bar - torch.log1p(-bar))


def step_term(
    x: Tensor,
    x_t: Tensor,
    said: Tensor,
    t: Tensor,
    schedule: Schedule,
    log_variance: Tensor | None = None,
) -> Tensor:
    """J_(t-1) of each entry, nats, for a net that says the noise of x_t and perhaps ln sigma_t^2, else ln beta_t.

        t > 1   KL(q(x_(t-1) | x_t, x_0) || N(mu_theta, sigma_t^2))
        t = 1   -ln N(x_0; mu_theta(x_1), sigma_1^2)

    Systems: diffusion-elbo
    Source: Martinez-Ramon 8.10.3, eqs 8.28 to 8.34; Ho et al. 2020, eq. 5.
    """
    variance = at_step(schedule.beta, t, x) if log_variance is None else log_variance.exp()
    off = mean_from_noise(x_t, said, t, schedule)
    first = 0.5 * ((2 * torch.pi * variance).log() + (x - off).square() / variance)
    share = at_step(posterior_variance(schedule), t, x) / variance
    true = posterior_mean(x, x_t, t, schedule)
    later = 0.5 * (share - 1 - share.clamp(min=1e-30).log() + (true - off).square() / variance)
    return torch.where((t == 1).view(-1, *(1,) * (x.ndim - 1)), first, later)
