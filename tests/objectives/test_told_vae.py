"""A VAE that is told what rows are of: its bound against torch's laws, and conditions that are obeyed."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import parnassus as pn
from parnassus.models.generative.told_vae import vae_of_rows

RNG = np.random.default_rng(0)


def made(**options):
    facts = {"in_features": 3, "n_outputs": None, "n_told": None, "unit_vectors": None}
    return vae_of_rows(**facts | {"hidden": (), "n_latent": 2} | options)


@pytest.mark.parametrize("facts", [{}, {"n_outputs": 3}, {"n_told": 2}])
@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_the_bound_is_that_of_torchs_laws(facts, beta, draws):
    game = made(**facts, beta=beta).double()
    game.log_variance.data.normal_()
    x = torch.randn(5, 3, dtype=torch.float64)
    y = {"n_outputs": torch.arange(5) % 3, "n_told": torch.randn(5, 2, dtype=torch.float64)}.get(next(iter(facts), ""))
    told = {"n_outputs": torch.eye(3, dtype=torch.float64)[torch.arange(5) % 3], "n_told": y}.get(
        next(iter(facts), ""), x[:, :0]
    )
    batch = {"x": x} | ({} if y is None else {"y": y})
    state = torch.get_rng_state()
    found = game.loss(batch)
    torch.set_rng_state(state)
    normal = torch.distributions.Normal
    (coder,), (decoder,) = game.coder, game.decoder
    mean, log_variance = (torch.cat([x, told], 1) @ coder.weight.T + coder.bias).chunk(2, 1)
    q = normal(mean, (0.5 * log_variance).exp())
    z = mean + q.stddev * torch.randn_like(mean)
    of = normal(torch.cat([z, told], 1) @ decoder.weight.T + decoder.bias, (0.5 * game.log_variance).exp())
    divergence = torch.distributions.kl_divergence(q, normal(torch.zeros_like(mean), 1.0)).sum(1)
    torch.testing.assert_close(found, (beta * divergence - of.log_prob(x).sum(1)).mean())


@pytest.mark.slow
def test_rows_have_the_law_of_the_column_given_the_numbers():
    """x = 3 c + 2 u + noise: of a linear net, N(3 c, 4 + .25) at any c."""
    c = RNG.uniform(-1, 1, (3000, 1))
    x = np.c_[3 * c + 2 * RNG.normal(size=c.shape), -c] + 0.5 * RNG.normal(size=(3000, 2))
    net = pn.model("vae", hidden=(), n_latent=1)
    fit = pn.Generator(net, condition="numbers", epochs=40, lr=0.01, schedule="cosine", progress=False).fit(x, c)
    for at in (-0.8, 0.5):
        drawn = fit.sample(4000, condition=at, seed=0)
        np.testing.assert_allclose(drawn.mean(0), (3 * at, -at), atol=0.15)
        np.testing.assert_allclose(drawn.std(0), (np.sqrt(4.25), 0.5), rtol=0.1)


@pytest.mark.slow
def test_rows_are_of_the_class_asked_for_and_come_of_their_noises(tmp_path):
    y = np.repeat(["a", "b", "c"], 200)
    x = np.array([[0, 4], [4, 0], [-4, -4]])[np.repeat(range(3), 200)] + RNG.normal(size=(600, 2))
    fit = pn.Generator(pn.model("vae", n_latent=2), epochs=60, lr=0.003, progress=False).fit(x, y)
    asked = np.tile(["a", "b", "c"], 100)
    drawn = fit.sample(300, condition=asked, seed=1)
    assert LogisticRegression().fit(x, y).score(drawn, asked) > 0.97
    noise = fit.noises(5)
    assert noise.shape == (5, 4)
    assert np.array_equal(fit.sample(noise=noise, condition="b"), fit.sample(noise=noise, condition="b"))
    fit.save(tmp_path / "vae.parnassus")
    again = pn.load(tmp_path / "vae.parnassus")
    assert np.array_equal(again.sample(4, condition="c", seed=2), fit.sample(4, condition="c", seed=2))


@pytest.mark.slow
def test_means_of_pictures_have_no_grain():
    light = RNG.uniform(20, 230, 96)
    pictures = (light[:, None, None] + RNG.normal(0, 12, (96, 8, 8))).clip(0, 255).astype(np.uint8)
    grain = {}
    for of in ("rows", "means"):
        net = pn.model("vae", hidden=(16,), n_latent=2, of=of)
        fit = pn.Generator(net, condition="numbers", epochs=60, lr=0.01, batch_size=16, progress=False)
        drawn = fit.fit(pictures, light).sample(20, condition=np.linspace(50, 200, 20), seed=0).astype(float)
        assert np.corrcoef(drawn.mean((1, 2)), np.linspace(50, 200, 20))[0, 1] > 0.95
        grain[of] = drawn.std((1, 2)).mean()
    assert grain["means"] < 0.7 * grain["rows"]


@pytest.mark.parametrize(("options", "words"), [
    ({"of": "row"}, "did you mean 'rows'"), ({"n_latent": 0}, "n_latent of 1"), ({"beta": -1.0}, "beta"),
    ({"hidden": (0,)}, "hidden are widths"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(options, words, draws):
    with pytest.raises(pn.SettingError, match=words):
        made(**options)


def test_the_bound_of_categories_is_that_of_torchs_laws(draws):
    game = made(in_features=6, unit_vectors=(2, 3), likelihood="categorical").double()
    game.log_variance.data.normal_()
    kinds = torch.tensor([[0, 2], [1, 0], [1, 1], [0, 0]])
    units = [torch.nn.functional.one_hot(kinds[:, i], k).double() for i, k in enumerate((2, 3))]
    x = torch.cat([torch.randn(4, 1, dtype=torch.float64), *units], 1)
    state = torch.get_rng_state()
    found, _ = game.parts({"x": x})
    torch.set_rng_state(state)
    mean, log_variance = game.coder(x).chunk(2, 1)
    said = game.decoder(mean + (0.5 * log_variance).exp() * torch.randn_like(mean))
    due = torch.distributions.Normal(said[:, 0], (0.5 * game.log_variance[0]).exp()).log_prob(x[:, 0])
    for i, (a, b) in enumerate(((1, 3), (3, 6))):
        due = due + torch.distributions.Categorical(logits=said[:, a:b]).log_prob(kinds[:, i])
    torch.testing.assert_close(found, due)


def test_categories_are_drawn_as_often_as_the_decoder_says(draws):
    game = made(in_features=4, unit_vectors=(3,), likelihood="categorical", hidden=(4,))
    noise = torch.randn(20_000, 6)
    noise[:, :2] = torch.tensor([0.5, -1.0])
    with torch.no_grad():
        rows, logits = game.rows_of(noise, None), game.decoder(noise[:1, :2])
        game.of = "means"
        means = game.rows_of(noise[:1, :2], None)
    assert set(rows[:, 1:].unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(means[0, 1:], logits[0, 1:].softmax(0))
    torch.testing.assert_close(rows[:, 1:].mean(0), means[0, 1:], atol=0.015, rtol=0)
    torch.testing.assert_close(rows[:, 0].mean(), logits[0, 0], atol=0.03, rtol=0)


@pytest.mark.slow
def test_tables_of_categories_are_drawn_as_they_go_together(tmp_path):
    which = RNG.integers(0, 3, 300)
    words = {"kind": ["cat", "dog", "fish"], "sound": ["meow", "woof", "blub"]}
    pets = pd.DataFrame({name: np.array(own)[which] for name, own in words.items()})
    net = pn.model("vae", likelihood="categorical", n_latent=2)
    make = pn.Generator(net, epochs=100, lr=0.01, progress=False).fit(pets)
    drawn = make.sample(400, seed=0)
    table = pd.crosstab(drawn["kind"], drawn["sound"]).reindex(["cat", "dog", "fish"])[["meow", "woof", "blub"]]
    assert np.trace(table) > 0.7 * 400  # a third by chance
    assert np.diag(table).min() > 0.2 * 400
    make.save(tmp_path / "pets.parnassus")
    assert pn.load(tmp_path / "pets.parnassus").sample(400, seed=0).equals(drawn)
    with pytest.raises(pn.SettingError, match="choose 'gaussian'"):
        pn.Generator(net, epochs=1, progress=False).fit(RNG.normal(size=(20, 3)))
