"""Codes of several levels: an exact likelihood where all is linear, codes and back, and the bound's parts."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.functional.autoencoding import divergence, iwae_bound, kl_to_standard, log_weights

ROWS = torch.tensor([[0.3, -0.8, 1.1], [1.5, 0.2, -0.4]], dtype=torch.float64)


def made(n_latent=(2, 1), **options):
    builder = next(b for b in pn.model("hierarchical_vae").builders("autoencoder"))
    settings = {"hidden": (), "between": 4, "n_latent": n_latent, "variance": "unit", "activation": "linear", **options}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return builder.make(in_features=3, **settings).double().eval()


def linear_parts(objective):
    """The prior of z_1 given z_2 and of x given z_1 as matrices, read off by unit vectors; variances are held."""
    with torch.no_grad():
        for net in [*objective.up, *objective.down]:
            net[-1].weight[len(net[-1].weight) // 2 :] = 0  # ln variances that are told nothing
        zero, eye = torch.zeros(1, 1).double(), torch.eye(2).double()
        start, log_variance = objective.down[0](zero).chunk(2, -1)
        slope = (objective.down[0](zero + 1) - objective.down[0](zero)).chunk(2, -1)[0]
        base = objective.net.likelihood(torch.zeros(1, 2).double())[0]
        loads = objective.net.likelihood(eye)[0] - base
    return start[0], slope[0], log_variance[0].exp(), base[0], loads


def test_weights_of_draws_have_the_exact_likelihood_as_their_mean(draws):
    objective = made()
    start, slope, noise, base, loads = linear_parts(objective)
    covariance = torch.outer(slope, slope) + noise.diag()
    law = torch.distributions.MultivariateNormal(
        base + start @ loads, loads.T @ covariance @ loads + torch.eye(3).double()
    )
    with torch.no_grad():
        drawn = objective.drawn({"x": ROWS}, 200_000)
        found = log_weights(drawn).logsumexp(0) - np.log(200_000)
    torch.testing.assert_close(found, law.log_prob(ROWS), atol=0.02, rtol=0)
    assert (log_weights(drawn).mean(0) < law.log_prob(ROWS)).all()  # and the bound lies below
    torch.testing.assert_close(iwae_bound(drawn), found)


def test_the_divergence_is_that_of_both_estimators(draws):
    objective = made((2, 2, 1))
    with torch.no_grad():
        drawn = objective.drawn({"x": ROWS}, 50_000)
        by_draws = drawn.log_likelihood.mean(0) - log_weights(drawn).mean(0)
    torch.testing.assert_close(divergence(drawn), by_draws, atol=0.03, rtol=0)
    plain = drawn._replace(mean=ROWS[:, :2], log_variance=ROWS[:, 1:], beside=0.0)
    torch.testing.assert_close(divergence(plain), kl_to_standard(ROWS[:, :2], ROWS[:, 1:]))


def test_draws_of_codes_have_the_priors_covariance(draws):
    objective = made()
    start, slope, noise, _, _ = linear_parts(objective)
    with torch.no_grad():
        z = objective.lowest(torch.randn(200_000, 3, dtype=torch.float64))
    torch.testing.assert_close(z.mean(0), start, atol=0.02, rtol=0)
    torch.testing.assert_close(z.T.cov(), torch.outer(slope, slope) + noise.diag(), atol=0.03, rtol=0)


def test_codes_lead_back_to_the_lowest_level(draws):
    objective = made((2, 2, 1), activation="tanh", hidden=(5,), variance="feature")
    with torch.no_grad():
        codes = objective.codes({"x": ROWS})
        assert codes.shape == (2, 5)
        torch.testing.assert_close(objective.lowest(codes), objective.posterior(ROWS, None)[0])


@pytest.mark.slow
def test_rows_are_coded_filled_and_drawn(tmp_path):
    X = load_breast_cancer().data
    model = pn.Autoencoder("hierarchical_vae", epochs=30, progress=False).fit(X)
    found = model.evaluate(X)["reconstruction_error"]
    assert found.value < 0.4 * found.baseline
    assert model.encode(X).shape == (569, 20)
    np.testing.assert_allclose(model.decode(model.encode(X[:5])), model.reconstruct(X[:5]), rtol=1e-3)
    drawn = model.sample(4000, seed=0)
    np.testing.assert_allclose(drawn.mean(0), X.mean(0), atol=0.25 * X.std(0).max(), rtol=0.2)
    holed = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)
    filled = model.impute(holed)
    errors = ((filled - X) / X.std(0))[np.isnan(holed)]
    assert np.sqrt(np.square(errors).mean()) < 0.8
    model.save(tmp_path / "levels.parnassus")
    np.testing.assert_array_equal(pn.load(tmp_path / "levels.parnassus").encode(X[:9]), model.encode(X[:9]))


@pytest.mark.parametrize(("options", "words"), [
    ({"n_latent": (4,)}, "two levels or more"),
    ({"n_latent": 4}, "n_latent is like"),
    ({"n_latent": (4, 0)}, "1 or more"),
    ({"beta": -1.0}, "beta >= 0"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(options, words):
    with pytest.raises(SettingError, match=words):
        pn.Autoencoder(pn.model("hierarchical_vae", **options), epochs=1).fit(ROWS.numpy())
