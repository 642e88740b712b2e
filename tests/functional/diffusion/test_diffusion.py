"""Diffusion's equations against the fixtures, diffusers' schedulers, and Gaussians, whose best denoiser is known."""

import itertools
import math

import pytest
import torch

from parnassus.functional.diffusion.process import (
    clean_and_noise,
    last_term,
    mean_from_noise,
    noise_weight,
    noised,
    posterior_mean,
    posterior_variance,
    step_term,
    target_of,
)
from parnassus.functional.diffusion.samplers import ddim_step, ddpm_step, dpm_step, guided, sampled, spaced
from parnassus.functional.diffusion.schedules import noise_schedule

LINEAR = noise_schedule()


@pytest.mark.parametrize(("t", "bar", "variance"), [
    (1, 0.9999, 0), (10, 0.9981052, 2.38182e-4), (100, 0.8970181, 2.034596e-3), (250, 0.5240854, 5.031721e-3),
    (500, 0.0785872, 1.0031355e-2), (750, 0.0033506, 1.5019250e-2), (1000, 4.03583e-5, 1.9999984e-2),
])  # fmt: skip
def test_b8_17_the_linear_schedule(t, bar, variance):
    assert float(LINEAR.alpha_bar[t]) == pytest.approx(bar, abs=6e-8)
    assert float(posterior_variance(LINEAR)[t]) == pytest.approx(variance, abs=6e-9)


def test_b8_17_the_last_term():
    assert float(last_term(torch.ones(1, 1, dtype=torch.float64), LINEAR)) == pytest.approx(2.018e-5, abs=5e-9)


def test_b8_18_both_forms_of_the_posterior_mean():
    x, noise, t = (
        torch.full((1, 1), 0.7, dtype=torch.float64),
        torch.full((1, 1), -0.3, dtype=torch.float64),
        torch.tensor([500]),
    )
    x_t = noised(x, t, noise, LINEAR)
    assert float(x_t) == pytest.approx(-0.0917368, abs=5e-8)
    assert float(posterior_mean(x, x_t, t, LINEAR)) == pytest.approx(-0.0890471426, abs=5e-11)
    assert float(mean_from_noise(x_t, noise, t, LINEAR)) == pytest.approx(-0.0890471426, abs=5e-11)


@pytest.mark.parametrize(("t", "weight"), [
    (1, 0.500050), (2, 0.272692), (10, 0.073717), (100, 0.010081), (500, 0.005503), (1000, 0.010204),
])  # fmt: skip
def test_b8_19_the_weight_in_the_bound(t, weight):
    assert float(noise_weight(LINEAR)[t]) == pytest.approx(weight, abs=6e-7)


@pytest.mark.parametrize(("t", "right", "books"), [(500, 0.9214, 0.9599), (100, 0.1030, 0.3209)])
def test_b8_20_the_variance_is_no_root(t, right, books):
    g = torch.Generator().manual_seed(0)
    noise = torch.randn(200_000, 1, generator=g, dtype=torch.float64)
    drawn = noised(torch.zeros_like(noise), torch.full((200_000,), t), noise, LINEAR)
    assert float(drawn.var()) == pytest.approx(right, abs=0.005)
    assert books == pytest.approx(right**0.5, abs=1e-4)


@pytest.mark.slow
def test_one_jump_is_many_small_steps():
    """x_t built step by step, x_t = sqrt(alpha_t) x_(t-1) + sqrt(beta_t) e, has the moments of the jump."""
    g = torch.Generator().manual_seed(0)
    x = torch.full((100_000,), 0.8, dtype=torch.float64)
    for t in range(1, 301):
        x = LINEAR.alpha[t].sqrt() * x + LINEAR.beta[t].sqrt() * torch.randn(100_000, generator=g, dtype=torch.float64)
    assert float(x.mean()) == pytest.approx(0.8 * float(LINEAR.alpha_bar[300].sqrt()), abs=0.01)
    assert float(x.var()) == pytest.approx(1 - float(LINEAR.alpha_bar[300]), abs=0.01)


def best(spread):
    """The best answer on the noise of rows N(0, spread^2): sqrt(1 - bar) x_t / var x_t."""

    def denoise(x, t):
        bar = LINEAR.alpha_bar[t].to(x)[:, None]
        noise = (1 - bar).sqrt() * x / (bar * spread**2 + 1 - bar)
        return (x - (1 - bar).sqrt() * noise) / bar.sqrt(), noise

    return denoise


@pytest.mark.slow
def test_the_bound_of_the_best_denoiser_is_just_above_the_entropy():
    g, spread, n = torch.Generator().manual_seed(0), 0.6, 4000
    x = spread * torch.randn(n, 1, generator=g, dtype=torch.float64)
    total = last_term(x, LINEAR)
    for t in range(1, 1001):
        at = torch.full((n,), t)
        x_t = noised(x, at, torch.randn(n, 1, generator=g, dtype=torch.float64), LINEAR)
        total = total + step_term(x, x_t, best(spread)(x_t, at)[1], at, LINEAR)
    entropy = float(-torch.distributions.Normal(0.0, spread).log_prob(x).mean())
    assert entropy - 0.02 < float(total.mean()) < entropy + 0.15


def test_the_weighted_noise_error_is_the_bounds_moving_part():
    g = torch.Generator().manual_seed(0)
    x, noise, said = (torch.randn(5, 2, generator=g, dtype=torch.float64) for _ in range(3))
    t = torch.tensor([2, 10, 100, 500, 1000])
    x_t = noised(x, t, noise, LINEAR)
    moved = step_term(x, x_t, said, t, LINEAR) - step_term(x, x_t, noise, t, LINEAR)
    torch.testing.assert_close(moved, noise_weight(LINEAR)[t][:, None] * (said - noise).square(), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", ["noise", "clean", "velocity"])
def test_each_target_gives_back_the_clean_row_and_the_noise(kind):
    g = torch.Generator().manual_seed(0)
    x, noise = (torch.randn(4, 3, generator=g, dtype=torch.float64) for _ in range(2))
    t = torch.tensor([1, 50, 400, 900])
    x_t = noised(x, t, noise, LINEAR)
    clean, found = clean_and_noise(kind, target_of(kind, x, noise, t, LINEAR), x_t, t, LINEAR)
    torch.testing.assert_close(clean, x)
    torch.testing.assert_close(found, noise)


@pytest.mark.parametrize("method", ["ddpm", "ddim", "plms", "dpm++"])
def test_every_sampler_brings_noise_to_the_rows_spread(method):
    g = torch.Generator().manual_seed(0)
    start = torch.randn(20_000, 1, generator=g, dtype=torch.float64)
    n_steps = 200 if method == "ddpm" else 50
    drawn = sampled(best(0.6), start, LINEAR, method=method, n_steps=n_steps, generator=g)
    assert float(drawn.std()) == pytest.approx(0.6, abs=0.03 if method == "ddim" else 0.02)  # fifty plain steps shrink


@pytest.mark.parametrize("method", ["plms", "dpm++"])
def test_a_multistep_sampler_is_nearer_to_the_exact_flow_than_ddim(method):
    """Of rows N(0, s^2) the deterministic way back is known: x_0 = s x_T / sqrt(bar s^2 + 1 - bar)."""
    start, bar = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None], float(LINEAR.alpha_bar[-1])
    exact = 0.6 * start / math.sqrt(bar * 0.36 + 1 - bar)
    off = [
        float((sampled(best(0.6), start, LINEAR, method=m, n_steps=25) - exact).abs().max()) for m in (method, "ddim")
    ]
    assert off[0] < 0.5 * off[1]
    finer = float((sampled(best(0.6), start, LINEAR, method="ddim", n_steps=250) - exact).abs().max())
    assert finer < 0.2 * off[1]


def test_dpm_solver_is_its_algorithm_step_by_step():
    """Lu et al. 2022, algorithm 2, transcribed in plain numbers; the last step, to no noise, is of first order."""
    steps, x = [1000, 700, 400, 100, 0], 0.7

    def said(x, t):
        return math.tanh(1.3 * x + t / 700)

    def denoise(rows, t):
        bar = LINEAR.alpha_bar[t[0]]
        noise = torch.tanh(1.3 * rows + float(t[0]) / 700)
        return (rows - (1 - bar).sqrt() * noise) / bar.sqrt(), noise

    alpha = [float(LINEAR.alpha_bar[t]) ** 0.5 for t in steps]
    sigma = [float(1 - LINEAR.alpha_bar[t]) ** 0.5 for t in steps]
    level = [math.log(a / s) if s else math.inf for a, s in zip(alpha, sigma, strict=True)]
    found, before = x, None
    for i in range(4):
        clean = (found - sigma[i] * said(found, steps[i])) / alpha[i]
        h = level[i + 1] - level[i]
        carried = clean
        if before is not None and i < 3:
            r = (level[i] - level[i - 1]) / h
            carried = (1 + 1 / (2 * r)) * clean - 1 / (2 * r) * before
        found = sigma[i + 1] / sigma[i] * found - alpha[i + 1] * (math.exp(-h) - 1) * carried
        before = clean
    start = torch.tensor([[x]], dtype=torch.float64)
    drawn, passed, cleans = start, [], []
    for t, to in itertools.pairwise(steps):
        cleans, passed = [denoise(drawn, torch.tensor([t]))[0], *cleans[:1]], [t, *passed[:1]]
        drawn = dpm_step(drawn, cleans, [to, *passed], LINEAR)
    assert float(drawn) == pytest.approx(found, rel=1e-10)
    whole = sampled(denoise, start, LINEAR, method="dpm++", n_steps=1)
    torch.testing.assert_close(whole, denoise(start, torch.tensor([1000]))[0])


def test_guidance_of_0_and_1_are_the_two_answers():
    a, b = torch.tensor([1.0]), torch.tensor([5.0])
    assert [float(guided(a, b, s)) for s in (0.0, 1.0, 7.5)] == [1.0, 5.0, 31.0]


def test_steps_are_spread_evenly_and_refused_beyond_the_schedule():
    assert spaced(10, 10) == list(range(10, -1, -1))
    with pytest.raises(ValueError, match="from 1 to 10"):
        spaced(10, 11)


# --- diffusers ------------------------------------------------------------------------------------

KINDS = {"linear": "linear", "scaled_linear": "scaled_linear", "cosine": "squaredcos_cap_v2"}


def theirs(name, kind="linear", **options):
    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed; it is the oracle here")
    ends = {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": KINDS[kind]}
    return getattr(diffusers, name)(**{"num_train_timesteps": 1000, "clip_sample": False} | ends | options)


@pytest.mark.parametrize("kind", KINDS)
def test_schedules_and_noising_are_diffusers(kind):
    scheduler = theirs("DDPMScheduler", kind)
    ours = noise_schedule(kind)
    torch.testing.assert_close(scheduler.alphas_cumprod.double(), ours.alpha_bar[1:], rtol=2e-3, atol=2e-7)
    g = torch.Generator().manual_seed(0)
    x, noise = torch.randn(3, 2, 4, 4, generator=g), torch.randn(3, 2, 4, 4, generator=g)
    t = torch.tensor([1, 300, 990])
    added = scheduler.add_noise(x, noise, t - 1)
    torch.testing.assert_close(noised(x, t, noise, ours), added, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("variance", "named"), [("posterior", "fixed_small"), ("beta", "fixed_large")])
@pytest.mark.parametrize("t", [1, 2, 400, 1000])
def test_the_ancestral_step_is_diffusers(t, variance, named):
    scheduler, g = theirs("DDPMScheduler", variance_type=named), torch.Generator().manual_seed(0)
    x_t, noise = torch.randn(2, 3, generator=g), torch.randn(2, 3, generator=g)
    stepped = scheduler.step(noise, t - 1, x_t, generator=torch.Generator().manual_seed(5)).prev_sample
    z = torch.randn(2, 3, generator=torch.Generator().manual_seed(5))
    clean, _ = clean_and_noise("noise", noise, x_t, torch.full((2,), t), LINEAR)
    torch.testing.assert_close(ddpm_step(x_t, clean, t, z, LINEAR, variance=variance), stepped, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize("t", [981, 501, 21])
def test_the_ddim_step_is_diffusers(t, eta):
    scheduler = theirs("DDIMScheduler", set_alpha_to_one=True)
    scheduler.set_timesteps(50)
    g = torch.Generator().manual_seed(0)
    x_t, noise, z = (torch.randn(2, 3, generator=g) for _ in range(3))
    stepped = scheduler.step(noise, t - 1, x_t, eta=eta, variance_noise=z if eta else None).prev_sample
    clean, _ = clean_and_noise("noise", noise, x_t, torch.full((2,), t), LINEAR)
    ours = ddim_step(x_t, clean, noise, t, t - 20, LINEAR, eta=eta, z=z)
    torch.testing.assert_close(ours, stepped, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("n_steps", [1, 5, 21])
def test_the_way_of_dpm_solver_is_diffusers(n_steps):
    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed; it is the oracle here")
    scheduler = diffusers.DPMSolverMultistepScheduler(
        num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02, algorithm_type="dpmsolver++", solver_order=2,
        lower_order_final=False, final_sigmas_type="zero",
    )  # fmt: skip
    scheduler.set_timesteps(n_steps)
    steps = [*(t + 1 for t in scheduler.timesteps.tolist()), 0]
    x = ours = torch.randn(2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    cleans, passed = [], []
    for t, to in itertools.pairwise(steps):
        x = scheduler.step(torch.tanh(1.3 * x + t / 700), t - 1, x).prev_sample
        noise = torch.tanh(1.3 * ours + t / 700)
        clean, _ = clean_and_noise("noise", noise, ours, torch.full((2,), t), LINEAR)
        cleans, passed = [clean, *cleans[:1]], [t, *passed[:1]]
        ours = dpm_step(ours, cleans, [to, *passed], LINEAR)
    torch.testing.assert_close(ours, x, rtol=1e-4, atol=1e-4)
