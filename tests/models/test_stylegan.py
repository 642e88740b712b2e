"""StyleGAN: AdaIN's fixture, styles crossed and truncated, noise, layers, and that it draws."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import parnassus as pn
from parnassus.functional.styles import adaptive_instance_norm, crossed, truncated
from parnassus.models.generative.stylegan import EvenLinear, StyleCritic, StyleGenerator

DIGITS = np.rint(load_digits().images[:128] * (255 / 16)).astype(np.uint8)


def generator(size=(16, 16), **options):
    given = {"width": 4, "style": 6, "n_layers": 2, "mixing": 0.9, "truncation": 1.0} | options
    return StyleGenerator(5, 1, size, **given)


def test_b8_12_adain():
    x = torch.tensor([[[[1.0, 2], [3, 4]]]], dtype=torch.float64)
    found = adaptive_instance_norm(x, torch.tensor([[2.0]]), torch.tensor([[0.5]]), eps=0.0).flatten()
    assert found.tolist() == pytest.approx([-2.183282, -0.394427, 1.394427, 3.183282], abs=5e-7)


def test_adain_puts_its_statistics_in(draws):
    x, scale, shift = torch.randn(3, 4, 6, 5).double(), torch.rand(3, 4).double(), torch.randn(3, 4).double()
    found = adaptive_instance_norm(x, scale, shift)
    assert torch.allclose(found.mean((2, 3)), shift)
    assert torch.allclose(found.var((2, 3), correction=0).sqrt(), scale, atol=1e-6)


def test_there_are_two_layers_a_resolution_and_18_at_1024(draws):
    with torch.device("meta"):
        made = generator((1024, 1024), width=1)
    assert len(made.layers) == 2 * (int(np.log2(1024)) - 1) == 18


def test_layers_before_the_crossover_have_the_first_style(draws):
    a, b = torch.randn(2, 3, 4)
    found = crossed(a, b, torch.tensor([1, 4, 2]), 4)
    assert torch.equal(found[0], torch.stack([a[0], b[0], b[0], b[0]]))
    assert torch.equal(found[1], torch.stack([a[1]] * 4))
    assert torch.equal(found[2], torch.stack([a[2], a[2], b[2], b[2]]))


def test_styles_of_two_latents_give_the_coarse_of_one_and_the_fine_of_the_other(draws):
    made = generator().eval()
    a, b = made.styles(torch.randn(2, 5), None)
    mixed = torch.cat([a[:2], b[2:]])
    assert torch.equal(made.pictures(torch.stack([a, a]))[0], made.pictures(torch.stack([a, a]))[1])
    pictures = made.pictures(torch.stack([a, b, mixed]))
    assert float((pictures[2] - pictures[0]).detach().abs().max()) > 1e-4
    assert float((pictures[2] - pictures[1]).detach().abs().max()) > 1e-4


def test_noise_begins_at_nothing_and_then_changes_places_not_styles(draws):
    made = generator().eval()
    z = torch.randn(2, 5)
    assert torch.equal(made(z), made(z))
    with torch.no_grad():
        for layer in made.layers:
            layer.noise.fill_(0.5)
    assert float((made(z) - made(z)).detach().abs().max()) > 1e-3


def test_truncation_brings_latents_to_their_mean(draws):
    w, mean = torch.randn(4, 6), torch.randn(6)
    assert torch.equal(truncated(w, mean, 1.0), mean + (w - mean))
    assert torch.equal(truncated(w, mean, 0.0), mean.expand(4, 6))
    made = generator(truncation=0.0).eval()
    assert torch.equal(*made(torch.randn(2, 5)).unbind(0))


@pytest.mark.slow
def test_the_mean_latent_is_followed_in_training(draws):
    made = generator()
    for _ in range(1500):
        made.styles(torch.randn(64, 5), None)
    exact = made.mapping(torch.randn(20_000, 5)).mean(0)
    assert torch.allclose(made.mean, exact, atol=0.05)


def test_scaled_layers_begin_with_he_variances_at_any_rate(draws):
    x = torch.randn(4000, 300)
    for rate in (1.0, 0.01):
        assert float(EvenLinear(300, 200, rate=rate)(x).detach().std()) == pytest.approx(np.sqrt(2), rel=0.05)


def test_the_critic_sees_that_a_batch_hardly_varies(draws):
    critic = StyleCritic(1, (8, 8), width=4)
    x = torch.randn(6, 1, 8, 8)
    alone = critic(x[:1].expand(6, -1, -1, -1))
    assert torch.allclose(alone, alone[:1].expand(6))
    assert not torch.allclose(critic(x)[:1], alone[:1])


def test_pictures_are_drawn_by_class_and_saved(tmp_path):
    labels = load_digits().target[:128]
    made = pn.Generator(pn.model("stylegan", width=4, style=8, n_layers=2), epochs=1, progress=False)
    made.fit(DIGITS, labels)
    drawn = made.sample(4, condition=3, seed=2)
    assert drawn.shape == (4, 8, 8)
    made.save(tmp_path / "s.parnassus")
    assert np.array_equal(pn.load(tmp_path / "s.parnassus").sample(4, condition=3, seed=2), drawn)


@pytest.mark.slow
def test_two_kinds_of_pictures_are_learned():
    """Half of the pictures are bright above and half below: so are the ones drawn."""
    rng = np.random.default_rng(0)
    above = np.where(np.arange(8)[:, None] < 4, 200, 50) * np.ones((8, 8))
    X = np.where(rng.random(256)[:, None, None] < 0.5, above, 250 - above) + rng.integers(-10, 10, (256, 8, 8))
    net = pn.model("stylegan", width=8, style=16, n_layers=3, n_noise=8, r1=0.1)
    made = pn.Generator(net, epochs=30, batch_size=32, lr=0.005, average=0.9, progress=False).fit(X.astype(np.uint8))
    drawn = made.sample(400, seed=0).astype(float)
    off = np.stack([np.abs(drawn - kind).mean((1, 2)) for kind in (above, 250 - above)])
    assert off.min(0).mean() < 40  # 75 for a picture halfway between
    assert np.bincount(off.argmin(0), minlength=2).min() > 30


@pytest.mark.parametrize(("options", "words"), [({"mixing": 2.0}, "shares"), ({"truncation": -1.0}, "shares"),
                                                ({"width": 0}, "at least 1"), ({"r1": -1.0}, "r1")])  # fmt: skip
def test_what_cannot_be_built_is_refused(options, words):
    with pytest.raises(pn.ParnassusError, match=words):
        pn.Generator(pn.model("stylegan", **options), epochs=1, progress=False).fit(DIGITS)
