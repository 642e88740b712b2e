"""Translators of pictures: published sizes, patches, losses against their equations, the store of made pictures."""

import pytest
import torch
from torch import nn

from parnassus.errors import DataError, SettingError
from parnassus.functional.image_translation import cycle_consistency, identity_loss, patches
from parnassus.models.generative.image_translation import (
    ResNetTranslator,
    SkipTranslator,
    cyclegan,
    patch_critic,
    pix2pix,
)
from parnassus.objectives.generative.image_translation import Past


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.slow
def test_cyclegan_has_its_published_sizes(draws):
    with torch.device("meta"):
        made = cyclegan(in_channels=3, image_size=(256, 256), n_outputs=3)
        assert count(made.to_b) == count(made.to_a) == 11_378_179
        assert count(made.critic_a) == count(made.critic_b) == 2_764_737
        six = cyclegan(in_channels=3, image_size=(128, 128), n_outputs=3)
        assert count(six.to_b) == 11_378_179 - 3 * 2 * (256 * 256 * 9 + 256)


def test_pix2pix_has_its_published_sizes(draws):
    with torch.device("meta"):
        made = pix2pix(in_channels=3, image_size=(256, 256), n_outputs=3)
    assert count(made.net) == 54_413_955
    assert count(made.critic) == 2_768_705


@pytest.mark.slow
def test_a_patch_is_70_pixels_wide_and_there_are_30_a_side(draws):
    net = patch_critic(3, norm=lambda n: nn.Identity())
    x = torch.zeros(1, 3, 256, 256, requires_grad=True)
    said = net(x)
    assert said.shape == (1, 1, 30, 30)
    said[0, 0, 15, 15].backward()
    seen = x.grad.abs().sum(1)[0] > 0
    assert (int(seen.any(0).sum()), int(seen.any(1).sum())) == (70, 70)
    assert patches(256, [(4, 2, 1)] * 3 + [(4, 1, 1)] * 2) == (30, 70)


@pytest.mark.parametrize(("size", "n_in", "n_out"), [((8, 8), 1, 1), ((16, 24), 3, 1), ((32, 32), 1, 3)])
def test_pictures_keep_their_size_and_lie_in_range(size, n_in, n_out, draws):
    for net in (
        ResNetTranslator(n_in, n_out, width=4, n_blocks=1, n_halvings=1),
        SkipTranslator(n_in, n_out, width=4, n_levels=3),
    ):
        said = net(torch.randn(2, n_in, *size))
        assert said.shape == (2, n_out, *size)
        assert float(said.detach().abs().max()) <= 1


def test_the_translators_loss_is_that_of_the_equations(draws):
    made = cyclegan(in_channels=1, image_size=(8, 8), n_outputs=1, width=4, n_blocks=1).double()
    a, b = torch.rand(2, 3, 1, 8, 8, dtype=torch.float64)
    terms = made.terms({"x": a, "y": b})
    assert torch.isclose(terms["cycle"], 10 * cycle_consistency(a, b, made.to_b, made.to_a))
    assert torch.isclose(terms["identity"], 5 * identity_loss(a, b, made.to_b, made.to_a))
    squares = [(critic(fake) - 1).square().mean() for critic, fake in
               ((made.critic_b, made.to_b(a)), (made.critic_a, made.to_a(b)))]  # fmt: skip
    assert torch.isclose(terms["deceived"], sum(squares))
    batch = {"x": a, "y": b, "made_b": made.to_b(a).detach(), "made_a": made.to_a(b).detach()}
    made.eval()
    halves = [0.5 * ((c(r) - 1).square().mean() + c(f).square().mean()) for c, r, f in
              ((made.critic_b, b, batch["made_b"]), (made.critic_a, a, batch["made_a"]))]  # fmt: skip
    assert torch.isclose(made.criticise(batch), sum(halves))


def test_the_paired_loss_is_that_of_the_equation(draws):
    made = pix2pix(in_channels=1, image_size=(8, 8), n_outputs=1, width=4).double().eval()
    a, b = torch.rand(2, 3, 1, 8, 8, dtype=torch.float64)
    terms = made.terms({"x": a, "y": b})
    fake = made.net(a)
    assert torch.isclose(terms["closeness"], 100 * (fake - b).abs().mean())
    logits = made.critic(torch.cat([a, fake], 1))
    assert torch.isclose(terms["deceived"], -torch.sigmoid(logits).log().mean())


def test_the_store_shows_new_pictures_until_it_is_full_and_old_ones_half_of_the_time(draws):
    past = Past(50)
    first = torch.arange(50.0).view(50, 1, 1, 1)
    assert torch.equal(past(first), first)
    assert len(past.held) == 50
    n_old = 0
    for i in range(400):
        new = torch.full((1, 1, 1, 1), 1000.0 + i)
        n_old += int(not torch.equal(past(new), new))
    assert 160 <= n_old <= 240  # 400 fair coins: five deviations each way
    assert len(past.held) == 50
    assert len(past.held.unique()) == 50


def test_the_store_is_part_of_the_state_and_none_holds_nothing(draws):
    past, other = Past(4), Past(4)
    past(torch.ones(3, 1, 2, 2))
    other.load_state_dict(past.state_dict())
    assert torch.equal(other.held, past.held)
    past.clear()
    assert past.held.numel() == 0
    x = torch.ones(2, 1, 2, 2)
    assert Past(0)(x) is x


def test_what_cannot_be_built_is_refused(draws):
    with pytest.raises(DataError, match="multiples of 4"):
        cyclegan(in_channels=1, image_size=(9, 9), n_outputs=1)
    with pytest.raises(SettingError, match="width"):
        pix2pix(in_channels=1, image_size=(8, 8), n_outputs=1, width=0)
    with pytest.raises(SettingError, match="cycle"):
        cyclegan(in_channels=1, image_size=(8, 8), n_outputs=1, width=2, cycle=-1.0)
