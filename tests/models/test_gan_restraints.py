"""What holds a critic back: spectral norms, penalties, softened labels, and rows of earlier steps."""

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.functional.adversarial import critic_loss
from parnassus.objectives.generative.gan import Adversarial

X = np.random.default_rng(0).normal(size=(60, 3)) @ np.random.default_rng(1).normal(size=(3, 3))
PICTURES = np.random.default_rng(0).integers(0, 255, (24, 8, 12, 3)).astype(np.uint8)


@pytest.mark.filterwarnings("ignore:the generator has collapsed")
def test_a_critic_of_spectral_norms_stretches_no_pair_of_rows(tmp_path):
    net = pn.model("gan", hidden=(7, 5), game="hinge", lipschitz="spectral")
    made = pn.Generator(net, epochs=12, batch_size=8, progress=False).fit(X)
    critic = made.objective_.critic.eval()
    found = [np.linalg.svd(m.weight.detach().numpy())[1][0] for m in critic.modules() if isinstance(m, nn.Linear)]
    assert found == pytest.approx([1.0] * 3, abs=0.05)
    a, b = torch.randn(2, 500, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert float(((critic(a) - critic(b)).abs() / (a - b).norm(dim=1)).max()) < 1.05
    made.save(tmp_path / "g.parnassus")
    assert np.array_equal(pn.load(tmp_path / "g.parnassus").sample(4, seed=1), made.sample(4, seed=1))


@pytest.mark.filterwarnings("ignore:the generator has collapsed")
@pytest.mark.parametrize(("lipschitz", "game"), [("spectral", "hinge"), ("penalty", "wasserstein")])
def test_a_bounded_critic_of_pictures_has_no_norms_over_the_batch(lipschitz, game):
    net = pn.model("dcgan", width=4, n_noise=4, game=game, lipschitz=lipschitz, n_critic=2, replay=6)
    made = pn.Generator(net, epochs=2, batch_size=8, progress=False).fit(PICTURES, np.arange(24) % 3)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in made.objective_.critic.modules())
    assert made.sample(2, condition=1).shape == (2, 8, 12, 3)
    assert not len(made.objective_.past.held)  # let go of at the end


def test_games_without_an_end_and_labels_of_games_that_have_none_are_refused():
    for options, said in (
        ({"game": "wasserstein"}, "no bound"),
        ({"game": "hinge", "smooth": 0.1}, "has none"),
        ({"lipschitz": "spectrel"}, "spectral"),
        ({"replay": -1}, "replay"),
    ):
        with pytest.raises(SettingError, match=said):
            pn.Generator(pn.model("gan", **options), epochs=1, progress=False).fit(X)


def test_least_squares_goes_to_softened_labels():
    real, fake = torch.tensor([0.9, 0.9]), torch.zeros(2)
    assert float(critic_loss("least_squares", real, fake, smooth=0.1)) == 0
    assert float(critic_loss("least_squares", real, fake)) == pytest.approx(0.005)


class Echo(nn.Module):
    """Rows that are what they were asked for, and the step that made them."""

    step = 0

    def forward(self, z, told):
        self.step += 1
        return torch.cat([told, torch.full_like(told[:, :1], self.step)], 1)


def test_old_rows_come_with_what_they_were_made_for(draws):
    game = Adversarial(Echo(), nn.Linear(1, 1), (4,), 3, n_noise=1, replay=6)
    assert not game.by_rows
    steps = []
    for _ in range(8):
        told = torch.eye(3)[torch.randint(3, (6,))]
        rows, asked = game.shown(torch.zeros(6, 4), told)
        assert torch.equal(rows[:, :3], asked)
        steps.append(rows[:, 3])
    assert any((at < i + 1).any() for i, at in enumerate(steps))
    game.eval()
    assert bool((game.shown(torch.zeros(6, 4), told)[0][:, 3] == 9).all())  # judged by fresh rows alone
