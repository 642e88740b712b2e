"""A schedule that is learned: between its ends, falling, and even in what its steps add to the bound."""

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.functional.diffusion.schedules import noise_schedule
from parnassus.objectives.generative.diffusion import Diffusion
from parnassus.objectives.generative.learned_schedule import LearnedSchedule, uneven

T, STD = 100, 0.3


def test_it_begins_as_the_linear_one_and_keeps_its_ends():
    made, linear = LearnedSchedule(20), noise_schedule("linear", 20, scale=True)  # a knot a step
    assert torch.allclose(made().alpha_bar, linear.alpha_bar, atol=1e-6)
    with torch.no_grad():
        made.falls.copy_(torch.randn(19, generator=torch.Generator().manual_seed(0)))
    bar = made().alpha_bar
    assert torch.allclose(bar[[1, -1]], linear.alpha_bar[[1, -1]])
    assert bool((bar[1:] < bar[:-1]).all())
    assert bar[0] == 1
    beta = made().beta
    assert torch.allclose((1 - beta[1:]).log().sum(), bar[-1].log())


class Perfect(nn.Module):
    """The noise that is expected of x_t where rows are N(0, STD^2), by the schedule as it is."""

    def __init__(self):
        super().__init__()
        self.unused, self.owner = nn.Parameter(torch.zeros(())), []

    def forward(self, x, t, condition=None):
        bar = self.owner[0].alpha_bar[t][:, None]
        clean = bar.sqrt() * STD**2 / (bar * STD**2 + 1 - bar) * x
        return (x - bar.sqrt() * clean) / (1 - bar).sqrt()


def added(schedule):
    """What each step from the second on adds to the bound when the net is right."""
    snr = schedule.alpha_bar / (1 - schedule.alpha_bar)
    return (snr[1:-1] - snr[2:]) * STD**2 / (1 + STD**2 * snr[2:])


def bent(schedule):
    """How far ln(1 + STD^2 SNR_t) lies from the straight line that it falls along where all steps add as much."""
    bar = schedule.alpha_bar[1:].detach()
    level = torch.log1p(STD**2 * bar / (1 - bar))
    straight = torch.linspace(float(level[0]), float(level[-1]), T, dtype=torch.float64)
    return float((level - straight).abs().max() / (level[0] - level[-1]))


@pytest.mark.slow
def test_of_a_right_net_all_steps_come_to_add_as_much(draws):
    net = Perfect()
    made = Diffusion(net, (1,), schedule="learned", n_steps=T, n_sampled=10)
    move = torch.optim.Adam(made.noise.parameters(), lr=0.05)
    before = added(made.schedule)
    for _ in range(250):
        net.owner = [made.noise()]
        loss = made.uneven({"x": STD * torch.randn(512, 1)})
        move.zero_grad()
        loss.backward()
        move.step()
    after = added(made.schedule)
    assert float(before.std() / before.mean()) > 1.0
    assert float(after.std() / after.mean()) < 0.5
    assert bent(made.schedule) < 0.4 * bent(LearnedSchedule(T)())


def test_unevenness_is_one_where_all_are_equal_and_more_else():
    schedule = noise_schedule("linear", 50, scale=True)
    snr = schedule.alpha_bar / (1 - schedule.alpha_bar)
    t = torch.arange(2, 51)
    even = 1 / (snr[t - 1] - snr[t])
    assert float(uneven(even, t, schedule)) == pytest.approx(1.0)
    weight = 1 + (t % 2).double()
    assert float(uneven(even * weight, t, schedule)) == pytest.approx(
        float(weight.square().mean() / weight.mean() ** 2)
    )


def test_it_is_trained_saved_and_drawn_from(tmp_path):
    X = np.random.default_rng(0).normal(size=(120, 2))
    net = pn.model("ddpm", hidden=(8,), schedule="learned", n_steps=40, n_sampled=5)
    made = pn.Generator(net, epochs=10, batch_size=40, progress=False).fit(X)
    assert "schedule" in made.history_[3]
    begun = LearnedSchedule(40)().alpha_bar.detach()
    assert float((made.objective_.schedule.alpha_bar - begun).abs().max()) > 1e-3
    made.save(tmp_path / "g.parnassus")
    again = pn.load(tmp_path / "g.parnassus")
    assert torch.equal(again.objective_.schedule.beta, made.objective_.schedule.beta)
    assert np.array_equal(again.sample(4, seed=1), made.sample(4, seed=1))
    with pytest.raises(SettingError, match="3 or more"):
        pn.Generator(pn.model("ddpm", schedule="learned", n_steps=2, n_sampled=1), progress=False).fit(X)


def test_a_misspelt_schedule_is_told_of_it():
    with pytest.raises(SettingError, match="did you mean 'learned'"):
        Diffusion(nn.Identity(), (1,), schedule="lerned")


def test_a_latent_diffusion_learns_none():
    pictures = np.zeros((4, 8, 8), dtype=np.uint8)
    with pytest.raises(SettingError, match="of 'ddpm' and 'dit'"):
        pn.Generator(pn.model("latent_diffusion", schedule="learned"), progress=False).fit(pictures)
