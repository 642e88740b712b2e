"""Players that grow: fading at its two ends, a twin written plainly, the published sizes, and resuming in its midst."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

import parnassus as pn
from parnassus.functional.styles import pixel_norm, with_variety
from parnassus.models.generative.progan import GrowingCritic, GrowingGenerator, growing_game
from parnassus.objectives.generative.growing import stage_of
from parnassus.train.record import Record, listening

pytestmark = [
    pytest.mark.usefixtures("draws"),
    pytest.mark.filterwarnings("ignore:the generator has collapsed"),
]
DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS = (DIGITS.reshape(-1, 8, 8) * 255 / 16).round().astype(np.uint8)


def at(net, depth, share):
    net.stage = (depth, share)
    return net


@pytest.fixture
def maker():
    return GrowingGenerator(6, 3, (32, 32), width=2).double()


@pytest.fixture
def critic():
    return GrowingCritic(3, (32, 32), width=2).double()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_new_resolution_begins_as_the_smaller_picture_with_its_pixels_repeated(maker, depth):
    z = torch.randn(4, 6, dtype=torch.float64)
    before = at(maker, depth - 1, 1.0)(z)
    assert before.shape == (4, 3, 2 ** (depth + 1), 2 ** (depth + 1))
    wanted = before.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.equal(at(maker, depth, 0.0)(z), wanted)
    grown = at(maker, depth, 1.0)(z)
    assert not torch.allclose(grown, wanted, atol=0.1)
    torch.testing.assert_close(at(maker, depth, 0.25)(z), 0.75 * wanted + 0.25 * grown, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_critic_begins_a_new_resolution_with_what_it_said_of_the_picture_at_half_its_size(critic, depth):
    x = torch.randn(4, 3, 2 ** (depth + 2), 2 ** (depth + 2), dtype=torch.float64)
    assert torch.equal(at(critic, depth, 0.0)(x), at(critic, depth - 1, 1.0)(F.avg_pool2d(x, 2)))
    before, grown = at(critic, depth, 0.0)(x), at(critic, depth, 1.0)(x)
    assert not torch.allclose(before, grown, atol=1e-3)
    assert torch.allclose(at(critic, depth, 1 - 1e-9)(x), grown, atol=1e-6)
    halfway = at(critic, depth, 0.5)(x)
    assert not torch.allclose(halfway, before, atol=1e-4)


def test_a_twin_written_plainly_says_the_same():
    """Of 8 x 8 pictures half faded in: scaled weights by He's constant, norms and means by loops."""
    maker, critic = GrowingGenerator(5, 1, (8, 8), width=2).double(), GrowingCritic(1, (8, 8), width=2).double()
    z, x = torch.randn(3, 5, dtype=torch.float64), torch.randn(3, 1, 8, 8, dtype=torch.float64)
    for p in (*maker.parameters(), *critic.parameters()):
        if p.ndim == 1:
            p.data.normal_()

    def conv(layer, h, gain=2):
        n_in, kernel = layer.weight.shape[1:3]
        return F.conv2d(h, layer.weight * math.sqrt(gain / n_in) / kernel, layer.bias, padding=kernel // 2)

    def bent(h):
        return torch.where(h > 0, h, 0.2 * h)

    def unit(h):
        return h / (sum(h[:, i] ** 2 for i in range(h.shape[1])) / h.shape[1] + 1e-8).sqrt()[:, None]

    def twice(h):
        return torch.stack([h[:, :, i // 2, j // 2] for i in range(8) for j in range(8)], 2).unflatten(2, (8, 8))

    spread, _, second, _ = maker.first
    h = torch.einsum("nd,kd->nk", unit(z), spread.weight) * math.sqrt(2 / 5)
    h = unit(bent(h.view(3, -1, 4, 4) + spread.bias.view(1, -1, 1, 1)))
    h = unit(bent(conv(second, h)))
    coarse = twice(conv(maker.pictures[0], h, 1))
    h = unit(bent(conv(maker.blocks[0][2], unit(bent(conv(maker.blocks[0][0], twice(h)))))))
    wanted = 0.7 * coarse + 0.3 * conv(maker.pictures[1], h, 1)
    torch.testing.assert_close(at(maker, 1, 0.3)(z), wanted, rtol=1e-10, atol=1e-10)

    def halved(h):
        return (h[:, :, ::2, ::2] + h[:, :, 1::2, ::2] + h[:, :, ::2, 1::2] + h[:, :, 1::2, 1::2]) / 4

    h = bent(conv(critic.eyes[1][0], x))
    h = halved(bent(conv(critic.blocks[0][2], bent(conv(critic.blocks[0][0], h)))))
    h = 0.7 * bent(conv(critic.eyes[0][0], halved(x))) + 0.3 * h
    spreads = [math.sqrt(float(((v - v.mean()) ** 2).mean()) + 1e-8) for v in h.flatten(1).detach().T]
    h = torch.cat([h, torch.full((3, 1, 4, 4), sum(spreads) / len(spreads), dtype=torch.float64)], 1)
    h = bent(conv(critic.varied, h)).flatten(1)
    h = bent(h @ critic.dense.weight.T * math.sqrt(2 / h.shape[1]) + critic.dense.bias)
    wanted = (h @ critic.told.weight.T / math.sqrt(h.shape[1]) + critic.told.bias)[:, 0]
    torch.testing.assert_close(at(critic, 1, 0.3)(x), wanted, rtol=1e-9, atol=1e-9)


def test_the_published_sizes():
    """Table 2 of the paper, layer by layer: both players have 23.1 million weights at 1024 x 1024."""

    def conv(n_in, n_out, kernel=3):
        return n_in * n_out * kernel**2 + n_out

    pairs = [(512, 512)] * 3 + [(512, 256), (256, 128), (128, 64), (64, 32), (32, 16)]
    maker_by_hand = conv(512, 512, 4) + conv(512, 512) + sum(conv(a, b) + conv(b, b) for a, b in pairs) + conv(16, 3, 1)
    critic_by_hand = conv(3, 16, 1) + sum(conv(b, b) + conv(b, a) for a, b in pairs)
    critic_by_hand += conv(513, 512) + conv(512, 512, 4) + 513
    assert (maker_by_hand, critic_by_hand) == (23_071_507, 23_077_137)
    with torch.device("meta"):
        maker = GrowingGenerator(512, 3, (1024, 1024), width=16)
        critic = GrowingCritic(3, (1024, 1024), width=16)
    used = sum(p.numel() for part in (maker.first, maker.blocks, maker.pictures[8]) for p in part.parameters())
    seen = sum(p.numel() for part in (critic.eyes[8], critic.blocks, critic.varied, critic.dense, critic.told)
               for p in part.parameters())  # fmt: skip
    assert used == maker_by_hand
    assert seen == critic_by_hand


def test_stretches_of_training():
    assert stage_of(0.0, 3) == (0, 1.0)
    found = [stage_of((i + 0.5) / 7, 3) for i in range(7)]
    assert [depth for depth, _ in found] == [0, 1, 1, 2, 2, 3, 3]
    assert [round(share, 9) for _, share in found] == [1.0, 0.5, 1.0, 0.5, 1.0, 0.5, 1.0]
    assert stage_of(1.0, 3) == (3, 1.0)


def test_real_pictures_are_faded_as_made_ones_are():
    game = growing_game(1, (8, 8), 0, width=2, n_noise=3, strength=10.0, drift=0.0)
    x = torch.rand(2, 1, 8, 8)
    game.grow(0.0)
    torch.testing.assert_close(game.real(x), F.avg_pool2d(x, 2))
    game.grow(0.5)
    small = F.avg_pool2d(x, 2).repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(game.real(x), 0.5 * small + 0.5 * x)
    game.grow(1.0)
    assert torch.equal(game.real(x), x)


def test_a_phase_moves_what_works_at_its_resolution_and_all_of_it():
    game = growing_game(1, (16, 16), 0, width=2, n_noise=3, strength=10.0, drift=0.001).train()
    phases = {phase.name: phase for phase in game.phases()}
    assert list(phases) == [f"{who}_{side}" for side in (4, 8, 16) for who in ("critic", "generator")]
    batch = {"x": torch.rand(4, 1, 16, 16)}
    for progress, side in ((0.1, 4), (0.3, 8), (0.5, 8), (0.7, 16), (0.9, 16)):
        game.progress = progress
        due = [phase for phase in phases.values() if phase.due(0, progress)]
        assert [phase.name for phase in due] == [f"critic_{side}", f"generator_{side}"]
        for phase in due:
            game.zero_grad()
            phase.loss(batch).backward()
            moved = {id(p) for p in phase.params}
            player = game.critic if "critic" in phase.name else game.generator
            touched = {id(p) for p in player.parameters() if p.grad is not None}
            assert touched <= moved
            if stage_of(progress, 2)[1] < 1 or side == 4:
                assert touched == moved


def test_the_norm_and_the_measure_of_variety():
    x = torch.randn(5, 4, 3, 2, dtype=torch.float64)
    np.testing.assert_allclose(pixel_norm(x).square().mean(1), np.ones((5, 3, 2)), rtol=1e-6)
    added = with_variety(x)
    assert torch.equal(added[:, :4], x)
    wanted = np.std(x.numpy(), axis=0).mean()
    np.testing.assert_allclose(added[:, 4], np.full((5, 3, 2), wanted), rtol=1e-7)
    assert float(with_variety(x[:1].repeat(3, 1, 1, 1))[0, 4, 0, 0]) < 1e-3


def fitted(rows=DIGITS[:96], y=None, **options):
    training = {"epochs": 6, "batch_size": 32, "average": 0.9, "progress": False}
    return pn.Generator(pn.model("progan", width=4, n_noise=6), **training | options).fit(rows, y)


@pytest.mark.slow
def test_a_run_that_is_cut_in_the_midst_of_a_fade_ends_as_one_that_is_not(tmp_path):
    whole = fitted(out=str(tmp_path / "whole"), pictures_every=1)

    class Cut(Exception):
        pass

    class Breaker(Record):
        def stepped(self, trainer):
            if trainer.step == 8:  # of 18: the fade goes from 6 to 12
                assert 0 < trainer.objective.stage[1] < 1
                raise Cut

    with pytest.raises(Cut), listening(Breaker()):
        fitted(out=str(tmp_path / "cut"), checkpoint_every=1)
    again = fitted(out=str(tmp_path / "cut"), checkpoint_every=1, resume=True)
    a, b = whole.objective_.state_dict(), again.objective_.state_dict()
    assert all(torch.equal(v, b[k]) for k, v in a.items())
    assert whole.history_ == again.history_
    assert list(whole.history_[0])[:2] == ["critic_4", "generator_4"]
    assert list(whole.history_[-1])[:2] == ["critic_8", "generator_8"]


def test_what_is_saved_is_as_far_grown(tmp_path):
    made = fitted()
    made.save(tmp_path / "grown.parnassus")
    back = pn.load(tmp_path / "grown.parnassus")
    assert back.objective_.stage == (1, 1.0)
    drawn = made.sample(5, seed=0)
    assert drawn.shape == (5, 8, 8)
    assert np.array_equal(drawn, back.sample(5, seed=0))
    assert made.interpolate(*made.noises(2), n_steps=4).shape == (4, 8, 8)
    assert any(len(np.unique(p[:2, :2])) > 1 for p in drawn)  # pixels are its own, not repeated ones


def test_too_short_a_training_says_so_and_draws_what_there_is():
    with pytest.warns(pn.DataWarning, match="4 pixels a side, before the nets were grown to 8"):
        made = fitted(epochs=1, batch_size=96)
    drawn = made.sample(3)
    assert drawn.shape == (3, 8, 8)
    assert all((p == p[::2, ::2].repeat(2, 0).repeat(2, 1)).all() for p in drawn)


@pytest.mark.slow
def test_it_learns_digits_of_the_class_asked_for():
    few = np.flatnonzero(np.isin(LABELS, (0, 1)))[:200]
    net = pn.model("progan", width=8, n_noise=6)
    made = pn.Generator(net, epochs=25, batch_size=16, lr=0.003, average=0.98, progress=False)
    made.fit(DIGITS[few], LABELS[few])
    means = np.stack([DIGITS[few][k == LABELS[few]].mean(0) for k in (0, 1)])
    for k in (0, 1):
        drawn = made.sample(40, condition=k, seed=0)
        nearest = np.abs(drawn[:, None] - means).mean((2, 3)).argmin(1)
        assert (nearest == k).mean() > 0.8


@pytest.mark.parametrize(("rows", "options", "error", "words"), [
    (DIGITS[:20, :7, :7], {}, pn.DataError, "even sides"), (DIGITS[:20], {"width": 0}, pn.SettingError, "width"),
    (DIGITS[:20], {"drift": -1.0}, pn.SettingError, "drift"),
])  # fmt: skip
def test_what_cannot_grow_is_refused_in_words(rows, options, error, words):
    with pytest.raises(error, match=words):
        pn.Generator(pn.model("progan", **options), epochs=1, progress=False).fit(rows)
