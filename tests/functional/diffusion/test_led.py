"""Ways out of noise that are led: up the slope of a namer of classes, and past what is known of a row."""

import pytest
import torch
from torch import nn

from parnassus.errors import SettingError
from parnassus.functional.diffusion.process import noised
from parnassus.functional.diffusion.samplers import StepsBack, classifier_guided, filled_in, noised_again, sampled
from parnassus.functional.diffusion.schedules import noise_schedule
from parnassus.objectives.generative.diffusion import Diffusion, slope_of

SCHEDULE = noise_schedule("linear", 200, scale=True)
COVARIANCE = torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=torch.float64)


def perfect(x, t):
    """The clean row that is expected of x_t and the noise, of rows N(0, COVARIANCE)."""
    bar = SCHEDULE.alpha_bar[t[0]]
    spread = bar * COVARIANCE + (1 - bar) * torch.eye(2, dtype=torch.float64)
    clean = bar.sqrt() * x @ torch.linalg.solve(spread, COVARIANCE)
    return clean, (x - bar.sqrt() * clean) / (1 - bar).sqrt()


@pytest.mark.parametrize("method", ["ddpm", "ddim", "dpm++"])
def test_holes_are_drawn_by_their_law_given_the_rest(method):
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(1500, 2, dtype=torch.float64, generator=generator)
    known, seen = torch.full_like(start, 1.5), torch.tensor([1.0, 0.0]).expand(1500, 2)
    options = {"method": method, "n_steps": 40, "generator": generator}
    made = filled_in(perfect, start, known, seen, SCHEDULE, n_again=12, **options)
    assert bool((made[:, 0] == 1.5).all())
    assert float(made[:, 1].mean()) == pytest.approx(0.8 * 1.5, abs=0.15)
    assert float(made[:, 1].std()) == pytest.approx(0.6, abs=0.12)
    once = filled_in(perfect, start, known, seen, SCHEDULE, n_again=1, **options)
    assert abs(float(once[:, 1].mean()) - 1.2) > 0.25  # which is what taking a step again is for


def test_rows_from_part_of_the_way_keep_what_noise_has_left_of_them():
    """A row and its variation are two draws of p(x_0 | x_t), which of N(0, 1) have the correlation alpha_bar_t."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4000, 2, dtype=torch.float64, generator=generator) @ torch.linalg.cholesky(COVARIANCE).T
    direction = torch.tensor([1.0, 1.0], dtype=torch.float64) / (2 * 1.8) ** 0.5  # an axis of the law, of variance 1.8
    for begin in (40, 100):
        bar = float(SCHEDULE.alpha_bar[begin])
        t = torch.full((4000,), begin)
        x_t = noised(x, t, torch.randn(x.shape, dtype=x.dtype, generator=generator), SCHEDULE)
        made = sampled(perfect, x_t, SCHEDULE, method="ddpm", begin=begin, generator=generator)
        found = float(torch.corrcoef(torch.stack([x @ direction, made @ direction]))[0, 1])
        assert found == pytest.approx(1.8 * bar / (1.8 * bar + 1 - bar), abs=0.05)
        assert torch.allclose(made.T.cov(), COVARIANCE, atol=0.12)


def test_going_forward_again_is_the_law_of_all_steps_between():
    z = torch.tensor([1.0, -1.0], dtype=torch.float64)
    x = torch.tensor([2.0, 2.0], dtype=torch.float64)
    mean, var = x, torch.zeros(2, dtype=torch.float64)
    for t in range(31, 61):
        alpha = SCHEDULE.alpha[t]
        mean, var = alpha.sqrt() * mean, alpha * var + (1 - alpha)
    assert torch.allclose(noised_again(x, 30, 60, SCHEDULE, z), mean + var.sqrt() * z)


def test_a_right_namer_makes_of_a_net_without_classes_one_that_was_told_them():
    """Two classes N(-1, .5^2) and N(2, .7^2), a third and two thirds of the rows: all laws at step t are known."""
    means, stds = torch.tensor([-1.0, 2.0]).double(), torch.tensor([0.5, 0.7]).double()
    t = torch.full((9,), 60)
    bar = SCHEDULE.alpha_bar[60]
    x = torch.linspace(-3, 3, 9, dtype=torch.float64)[:, None]
    spread = (bar * stds.square() + 1 - bar).sqrt()

    def log_joint(at):
        return torch.distributions.Normal(bar.sqrt() * means, spread).log_prob(at) + torch.tensor([1 / 3, 2 / 3]).log()

    def noise_of(log_density):
        at = x.clone().requires_grad_()
        (score,) = torch.autograd.grad(log_density(at).sum(), at)
        return -(1 - bar).sqrt() * score

    class Namer(nn.Module):
        def forward(self, at, t):
            return log_joint(at)

    told = torch.ones(9, dtype=torch.long)
    with torch.inference_mode():
        slope = slope_of(Namer(), x, t, told)
    whole, wanted = noise_of(lambda at: log_joint(at).logsumexp(1)), noise_of(lambda at: log_joint(at)[:, 1])
    assert torch.allclose(classifier_guided(whole, slope, t, SCHEDULE), wanted)
    twice = classifier_guided(whole, slope, t, SCHEDULE, 2.0)
    assert torch.allclose(twice - whole, 2 * (wanted - whole))
    assert torch.equal(classifier_guided(whole, slope, t, SCHEDULE, 0.0), whole)


def test_the_namer_learns_and_the_net_is_told_nothing(draws):
    told = []

    class Net(nn.Linear):
        def forward(self, x, t, condition=None):
            told.append(condition)
            return super().forward(x)

    class Namer(nn.Linear):
        def forward(self, x, t):
            return super().forward(x)

    made = Diffusion(Net(2, 2), (2,), 3, namer=Namer(2, 3), n_steps=20, n_sampled=4)
    assert [phase.name for phase in made.phases()] == ["denoise", "name"]
    batch = {"x": torch.randn(6, 2), "y": torch.arange(6) % 3}
    sum(phase.loss(batch) for phase in made.phases()).backward()
    assert all(p.grad is not None for p in made.parameters())
    with torch.inference_mode():
        made.drawn(6, torch.arange(6) % 3, torch.Generator().manual_seed(0))
        made.bound(batch, torch.Generator().manual_seed(0))
    assert told
    assert all(one is None for one in told)


def test_an_unknown_sampler_and_no_times_are_refused():
    with pytest.raises(SettingError, match="ddim"):
        StepsBack(perfect, SCHEDULE, "dim", None)
    with pytest.raises(SettingError, match="n_again"):
        filled_in(perfect, torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, 2), SCHEDULE, n_again=0)
