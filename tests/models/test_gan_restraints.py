"""What holds a critic back: spectral norms, penalties, softened labels, and rows of earlier steps."""

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.functional.adversarial import critic_loss
from parnassus.models.generative.gan_codes import ac_gan, info_gan
from parnassus.models.generative.stackgan import stackgan
from parnassus.models.generative.stylegan import stylegan
from parnassus.objectives.generative.gan import Adversarial
from parnassus.objectives.generative.gan_codes import Answering, AuxiliaryClassifier
from parnassus.objectives.generative.stacked_gan import Stacked

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


# --- the same rules in every game ---------------------------------------------------------------------

VECTORS = {"in_channels": None, "image_size": None, "in_features": 3, "hidden": (5,), "n_noise": 2}
SMALL = {"in_channels": 1, "image_size": (16, 16), "n_told": None, "n_outputs": 3, "width": 4, "n_noise": 2}
STACKED = {name: SMALL[name] for name in SMALL if name != "n_told"} | {"units": None, "n_condition": 2, "n_blocks": 1}
BUILT = {
    "ac_gan": lambda **rules: ac_gan(**VECTORS, n_outputs=3, **rules),
    "info_gan": lambda **rules: info_gan(**VECTORS, n_kinds=3, **rules),
    "stylegan": lambda **rules: stylegan(**SMALL, style=4, n_layers=1, **rules),
    "stackgan": lambda **rules: stackgan(**STACKED, **rules),
}


def batch_of(name, n=6):
    shape = (n, 3) if name in ("ac_gan", "info_gan") else (n, 1, 16, 16)
    return {"x": torch.randn(shape), "y": torch.arange(n) % 3}


@pytest.mark.parametrize("name", list(BUILT))
def test_every_game_lets_the_critic_move_as_often_as_asked(name, draws):
    every = {phase.name: phase.every for phase in BUILT[name](n_critic=3).phases()}
    assert {n for which, n in every.items() if which.endswith("critic")} == {1}
    assert {n for which, n in every.items() if which.endswith("generator")} == {3}


@pytest.mark.parametrize("name", ["ac_gan", "info_gan", "stackgan"])
def test_spectral_norms_are_of_what_says_how_real_a_row_is(name, draws):
    made = BUILT[name](lipschitz="spectral", game="hinge")
    held = {key for key, _ in made.named_parameters() if "parametrizations" in key}
    layers = {key for key, part in made.named_modules() if isinstance(part, nn.Linear | nn.Conv2d) and "critic" in key}
    bound = {key.split(".parametrizations")[0] for key in held}
    assert bound == {key for key in layers if "namer" not in key}
    assert bound
    assert not any(isinstance(part, nn.BatchNorm2d) for key, part in made.named_modules() if "critic" in key)


@pytest.mark.filterwarnings("ignore:the generator has collapsed")  # untrained, it has
@pytest.mark.parametrize("name", list(BUILT))
def test_old_rows_are_shown_in_every_game_and_let_go_of(name, draws):
    made, batch = BUILT[name](replay=4), batch_of(name)
    assert not made.by_rows
    stores = [part for key, part in made.named_modules() if key.startswith("past") and hasattr(part, "held")]
    moves = [made.criticise_first, made.criticise_second] if name == "stackgan" else [made.criticise]
    for move in moves:
        move(batch)
    assert [len(past.held) for past in stores] == [4] * len(moves)
    made.eval()
    before = [past.held.clone() for past in stores]
    for move in moves:
        move(batch)
    assert all(torch.equal(past.held, old) for past, old in zip(stores, before, strict=True))
    made.conclude(lambda: [batch])
    assert not any(len(past.held) for past in stores)


class Straight(nn.Module):
    """A critic whose slope is w everywhere, and its answer its number times that."""

    def __init__(self, w):
        super().__init__()
        self.w = nn.Parameter(w)

    def forward(self, x, told=None):
        return x.flatten(1) @ self.w


class Constant(nn.Module):
    """Rows of one value, and a divergence of 0."""

    def __init__(self, shape, pair=False):
        super().__init__()
        self.shape, self.pair = shape, pair

    def forward(self, z, told=None):
        rows = torch.full((len(z), *self.shape), 0.5)
        return (rows, torch.zeros(len(z))) if self.pair else rows


def test_a_penalty_costs_stacked_critics_what_their_slope_is_off_one(draws):
    w, batch = torch.full((16,), 0.75), {"x": torch.randn(6, 1, 4, 4), "y": torch.arange(6) % 3}
    makers = [Constant((1, 2, 2), pair=True), Constant((1, 4, 4), pair=True)]
    losses = {}
    for lipschitz in ("none", "penalty"):
        game = Stacked(makers, [Straight(w[:4]), Straight(w)], (1, 4, 4), 3, n_noise=1, lipschitz=lipschitz, strength=2)
        losses[lipschitz] = [float(move(batch).detach()) for move in (game.criticise_first, game.criticise_second)]
    added = np.subtract(losses["penalty"], losses["none"])
    assert added == pytest.approx([2 * (1.5 - 1) ** 2, 2 * (3 - 1) ** 2], rel=1e-5)


def test_rules_of_stacked_games_are_those_of_their_losses(draws):
    x, w = torch.randn(5, 1, 4, 4), torch.randn(16)
    makers = [Constant((1, 2, 2), pair=True), Constant((1, 4, 4), pair=True)]
    real, fake = x.flatten(1) @ w, torch.full((5, 16), 0.5) @ w
    wanted = {
        "hinge": (1 - real).relu().mean() + ((1 + real).relu().mean() + (1 + fake).relu().mean()) / 2,
        "least_squares": ((real - 0.9).square().mean() + (real.square().mean() + fake.square().mean()) / 2) / 2,
    }
    for name, loss in wanted.items():
        smooth = 0.1 if name == "least_squares" else 0.0
        game = Stacked(makers, [nn.Identity(), Straight(w)], (1, 4, 4), 3, n_noise=1, game=name, smooth=smooth)
        found = game.criticise_second({"x": x, "y": torch.arange(5) % 3})
        assert torch.isclose(found, loss, rtol=1e-5)


def test_what_names_rows_costs_both_players_beside_their_game(draws):
    x, w = torch.randn(6, 4), torch.randn(4)
    critic = Answering(nn.Identity(), Straight(w), nn.Linear(4, 3))
    game = AuxiliaryClassifier(Constant((4,)), critic, (4,), 3, n_noise=1, game="least_squares", smooth=0.2, naming=0.5)
    which = torch.arange(6) % 3
    said = critic.namer(x).log_softmax(1)[torch.arange(6), which].mean()
    square = ((x @ w - 0.8).square().mean() + (0.5 * w.sum()).square()) / 2
    assert torch.isclose(game.criticise({"x": x, "y": which}), square - 0.5 * said, rtol=1e-5)
    half = critic.namer(torch.full((6, 4), 0.5)).log_softmax(1)[torch.arange(6), which].mean()
    wanted = (0.5 * w.sum() - 1).square() / 2 - 0.5 * half
    assert torch.isclose(game.deceive({"x": x, "y": which}), wanted, rtol=1e-5)


def test_clipping_leaves_the_layer_that_names_rows_free(draws):
    for name in ("ac_gan", "info_gan"):
        made = BUILT[name](lipschitz="clip")
        with torch.no_grad():
            made.phases()[0].after()
            assert max(float(p.abs().max()) for part in made.judging for p in part.parameters()) <= 0.01
            assert float(made.critic.namer.weight.abs().max()) > 0.1


@pytest.mark.parametrize(("name", "options", "said"), [
    ("stylegan", {"lipschitz": "spectral"}, "scales its critic's weights"), ("stylegan", {"replay": -1}, "replay"),
    ("stylegan", {"game": "wasserstein", "r1": 0.0}, "no bound"), ("stylegan", {"n_critic": 0}, "n_critic"),
    ("ac_gan", {"game": "wasserstein"}, "no bound"), ("ac_gan", {"lipschitz": "spectrel"}, "spectral"),
    ("info_gan", {"game": "hinge", "smooth": 0.1}, "has none"), ("stackgan", {"game": "hing"}, "hinge"),
    ("stackgan", {"game": "wasserstein"}, "no bound"), ("stackgan", {"game": "hinge", "smooth": 0.1}, "has none"),
])  # fmt: skip
def test_rules_that_cannot_be_kept_are_refused_in_every_game(name, options, said, draws):
    def begun():
        made = BUILT[name](**options)
        made.phases()
        (made.criticise_first if name == "stackgan" else made.criticise)(batch_of(name))

    with pytest.raises(SettingError, match=said):
        begun()


@pytest.mark.filterwarnings("ignore:the generator has collapsed")
@pytest.mark.parametrize("name", ["ac_gan", "info_gan"])
def test_bounded_games_of_answers_are_saved(name, tmp_path):
    net = pn.model(name, hidden=(7,), game="wasserstein", lipschitz="penalty", n_critic=2, replay=6)
    made = pn.Generator(net, epochs=2, batch_size=20, progress=False).fit(
        X, np.arange(60) % 3 if name == "ac_gan" else None
    )
    told = {"condition": 1} if name == "ac_gan" else {}
    made.save(tmp_path / "g.parnassus")
    assert np.array_equal(pn.load(tmp_path / "g.parnassus").sample(4, seed=1, **told), made.sample(4, seed=1, **told))


def test_a_stacked_game_that_has_collapsed_is_warned_of(draws):
    made = BUILT["stackgan"]()
    with pytest.warns(pn.DataWarning, match="collapsed"):
        made.conclude(lambda: [batch_of("stackgan", 12)])
