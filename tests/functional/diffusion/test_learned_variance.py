"""Variances of steps back that a net says: diffusers' steps, laws whose best variance is known, the hybrid loss."""

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

import parnassus as pn
from parnassus.functional.diffusion.process import learned_log_variance, noised, posterior_mean, step_term
from parnassus.functional.diffusion.samplers import learned_step, sampled
from parnassus.functional.diffusion.schedules import noise_schedule
from parnassus.objectives.generative.diffusion import Diffusion

LINEAR = noise_schedule()


@pytest.mark.parametrize("n_taken", [1000, 50])
@pytest.mark.parametrize("t", [1, 21, 401, 981])
def test_a_step_back_is_diffusers(t, n_taken):
    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed; it is the oracle here")
    scheduler = diffusers.DDPMScheduler(variance_type="learned_range", clip_sample=False)
    scheduler.set_timesteps(n_taken)
    g = torch.Generator().manual_seed(t)
    x_t, noise, said = (torch.randn(2, 3, 4, 4, generator=g) for _ in range(3))
    answer = torch.cat([noise, said], 1)
    stepped = scheduler.step(answer, t - 1, x_t, generator=torch.Generator().manual_seed(5)).prev_sample
    z = torch.randn(x_t.shape, generator=torch.Generator().manual_seed(5))
    bar = float(LINEAR.alpha_bar[t])
    clean, to = (x_t - (1 - bar) ** 0.5 * noise) / bar**0.5, max(t - 1000 // n_taken, 0)
    torch.testing.assert_close(learned_step(x_t, clean, said, t, to, z, LINEAR), stepped, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("spread", "best"), [(0.0, -1.0), (1.0, 1.0)])
def test_the_best_variance_is_least_where_the_row_is_known_and_most_where_it_is_any(spread, best):
    """Rows of one place have q(x_(t-1) | x_t) of variance beta~; rows of N(0, 1) stay N(0, 1), and it is beta."""
    g, t = torch.Generator().manual_seed(0), torch.full((20_000,), 60)
    x = spread * torch.randn(20_000, 1, generator=g, dtype=torch.float64)
    x_t, bar = noised(x, t, torch.randn(x.shape, generator=g, dtype=torch.float64), LINEAR), LINEAR.alpha_bar[60]
    noise = (1 - bar).sqrt() * x_t / (bar * spread**2 + 1 - bar)  # E[noise | x_t]
    said = torch.linspace(-2, 2, 81, dtype=torch.float64)
    terms = [float(step_term(x, x_t, noise, t, LINEAR, learned_log_variance(torch.full_like(x, v), t, LINEAR)).mean())
             for v in said]  # fmt: skip
    assert float(said[terms.index(min(terms))]) == pytest.approx(best, abs=0.26)


class Says(nn.Module):
    """An answer and where the variance lies, whatever is asked."""

    def __init__(self, shape):
        super().__init__()
        self.answer, self.spread = (nn.Parameter(torch.randn(shape, dtype=torch.float64)) for _ in range(2))

    def forward(self, x, t, condition=None):
        return torch.cat([self.answer, self.spread], 1) + (0 if condition is None else condition.view(-1, 1, 1, 1))


@pytest.mark.parametrize("target", ["noise", "clean", "velocity"])
def test_the_loss_is_the_error_and_a_thousandth_of_the_bound_which_moves_variances_alone(target, draws):
    net = Says((3, 2, 2, 2))
    made = Diffusion(net, (2, 2, 2), n_steps=40, n_sampled=5, variance="learned", target=target)
    plain = Diffusion(net, (2, 2, 2), n_steps=40, n_sampled=5, target=target)
    plain.split = lambda said: (said[:, :2],)
    x = torch.randn(3, 2, 2, 2, dtype=torch.float64)
    state = torch.get_rng_state()
    error = plain.loss({"x": x})
    torch.set_rng_state(state)
    found = made.loss({"x": x})
    torch.set_rng_state(state)
    t, schedule = torch.randint(1, 41, (3,)), made.schedule
    noise = torch.randn_like(x)
    x_t = noised(x, t, noise, schedule)
    terms = []
    for row, step in enumerate(t.tolist()):
        bar, before, beta = (float(v) for v in (schedule.alpha_bar[step], schedule.alpha_bar[step - 1],
                                                schedule.beta[step]))  # fmt: skip
        least = float((1 - schedule.alpha_bar[max(step, 2) - 1]) / (1 - schedule.alpha_bar[max(step, 2)])
                      * schedule.beta[max(step, 2)])  # fmt: skip
        said, root, rest = net.answer[row].detach(), bar**0.5, (1 - bar) ** 0.5
        clean = {"noise": (x_t[row] - rest * said) / root, "clean": said, "velocity": root * x_t[row] - rest * said}
        at = torch.tensor([step])
        mean, true = (posterior_mean(of[None], x_t[row][None], at, schedule)[0] for of in (clean[target], x[row]))
        share = (net.spread[row] + 1) / 2
        law = Normal(mean, (beta**share * least ** (1 - share)).sqrt())
        known = Normal(true, ((1 - before) / (1 - bar) * beta) ** 0.5) if step > 1 else None
        terms.append((-law.log_prob(x[row]) if known is None else kl_divergence(known, law)).mean())
    torch.testing.assert_close(found, error + 0.001 * 40 * torch.stack(terms).mean(), rtol=1e-7, atol=1e-9)
    slopes = torch.autograd.grad(found, [net.answer, net.spread])
    torch.testing.assert_close(slopes[0], torch.autograd.grad(error, net.answer)[0])
    assert (slopes[1] != 0).all()


def test_guidance_leans_the_answer_and_leaves_the_variance(draws):
    net = Says((2, 1, 2, 2))
    made = Diffusion(net, (1, 2, 2), 3, variance="learned")
    x, k = torch.zeros(2, 1, 2, 2, dtype=torch.float64), torch.tensor([0, 2])
    said = made.said(x, torch.tensor([1, 1]), k, 3.0)
    torch.testing.assert_close(said[:, :1], net.answer + 3 + 3 * (k.view(-1, 1, 1, 1) - 3))  # 3 stands for no class
    torch.testing.assert_close(said[:, 1:], net.spread + k.view(-1, 1, 1, 1))


def test_the_ancestral_sampler_draws_by_what_is_said():
    """Rows of N(0, 1): with beta for a variance fifty long steps keep the spread, with beta~ they shrink it."""
    g, found = torch.Generator().manual_seed(0), {}
    start = torch.randn(20_000, 1, generator=g, dtype=torch.float64)
    for said in (-1.0, 1.0):

        def denoise(x, t, said=said):
            bar = LINEAR.alpha_bar[t][:, None]
            return bar.sqrt() * x, (1 - bar).sqrt() * x, torch.full_like(x, said)

        drawn = sampled(denoise, start, LINEAR, method="ddpm", n_steps=50, generator=g)
        found[said] = float(drawn.std())
    assert found[1.0] == pytest.approx(1.0, abs=0.02)
    assert found[-1.0] < 0.97


def test_a_bound_and_a_learned_variance_are_refused_together():
    with pytest.raises(pn.SettingError, match="variance='posterior'"):
        Diffusion(nn.Identity(), (1,), weighting="bound", variance="learned")
    with pytest.raises(pn.SettingError, match="did you mean 'learned'"):
        Diffusion(nn.Identity(), (1,), variance="learnt")
