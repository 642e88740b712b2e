"""Variational autoencoders of tables with categories, against laws written out by hand."""

import numpy as np
import pandas as pd
import pytest
import torch

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.functional.autoencoding import drawn_units, log_shares
from parnassus.models.generative.vae import hierarchical_vae, vae

SIZES = (3, 2)
NUMBERS = torch.tensor([[0.5, -1.0], [2.0, 0.3], [0.0, 0.0]], dtype=torch.float64)
IDS = torch.tensor([[0, 1], [2, 0], [1, 1]])
LOGITS = torch.tensor([0.4, -0.7, 1.0, -2.0, 0.5, 3.0, 1.0], dtype=torch.float64)


def rows():
    hot = [torch.nn.functional.one_hot(IDS[:, i], n).double() for i, n in enumerate(SIZES)]
    return torch.cat([NUMBERS, *hot], 1)


def blind(build, **options):
    """A net whose codes are told nothing and say nothing: q is N(0, I), and x has the law of LOGITS."""
    made = build(in_features=7, unit_vectors=SIZES, hidden=(), likelihood="categorical", **options).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.zero_()
        made.net.made.bias.copy_(LOGITS)
    return made


def written_out():
    """ln p of each entry by hand: two Gaussians of variance 1, two categories (3, 4)."""
    numbers = -0.5 * (NUMBERS - LOGITS[:2]).square() - 0.5 * np.log(2 * np.pi)
    first, second = (part - part.exp().sum().log() for part in (LOGITS[2:5], LOGITS[5:]))
    return torch.cat([numbers, first[IDS[:, 0]][:, None], second[IDS[:, 1]][:, None]], 1)


BUILDERS = [(vae, {}), (hierarchical_vae, {"n_latent": (4, 2)})]


@pytest.mark.parametrize(("build", "options"), BUILDERS)
def test_the_bound_is_the_law_where_codes_say_nothing(build, options, draws):
    made, known = blind(build, **options), written_out()
    assert made.log_density({"x": rows()}, 5).tolist() == pytest.approx(known.sum(1).tolist())
    assert made.scores({"x": rows()}).tolist() == pytest.approx((-known.sum(1)).tolist())
    observed = torch.ones(3, 7, dtype=torch.float64)
    observed[0, 2:5] = observed[1, 5:] = observed[2, 0] = 0
    known[0, 2] = known[1, 3] = known[2, 0] = 0
    batch = {"x": rows() * observed, "observed": observed}
    assert made.log_density(batch, 5).tolist() == pytest.approx(known.sum(1).tolist())


@pytest.mark.parametrize(("build", "options"), BUILDERS)
def test_categories_are_drawn_as_often_as_they_are_likely(build, options, draws):
    made = blind(build, **options)
    shares = torch.cat([LOGITS[2:5].softmax(0), LOGITS[5:].softmax(0)])
    codes = torch.randn(8_000, made.n_code, dtype=torch.float64)
    with torch.no_grad():
        x = made.sampled(codes)
        torch.testing.assert_close(made.decoded(codes[:1])[0], torch.cat([LOGITS[:2], shares]))
        filled = made.imputed({"x": torch.zeros(8_000, 7, dtype=torch.float64)})
    for drawn in (x, filled):
        assert set(drawn[:, 2:].unique().tolist()) == {0, 1}
        assert torch.equal(drawn[:, 2:5].sum(1), torch.ones(8_000, dtype=torch.float64))
        assert drawn[:, 2:].mean(0).tolist() == pytest.approx(shares.tolist(), abs=0.025)
        assert drawn[:, :2].std(0).tolist() == pytest.approx([1, 1], abs=0.04)


def test_groups_are_those_of_torch(draws):
    logits = torch.randn(4, 6, 7, dtype=torch.float64)
    own = torch.distributions.Categorical(logits=logits[..., 2:5])
    torch.testing.assert_close(log_shares(logits, SIZES)[..., :3], own.logits)
    assert drawn_units(log_shares(logits, SIZES), SIZES).shape == (4, 6, 5)


def test_unit_vectors_are_hidden_whole(draws):
    made = vae(in_features=7, unit_vectors=SIZES, hide=0.5, likelihood="categorical")
    shown = made._shown(torch.zeros(4000, 7))
    assert (shown[:, 2:5] == shown[:, 2:3]).all()
    assert (shown[:, 5] == shown[:, 6]).all()
    assert shown.mean(0).tolist() == pytest.approx([0.5] * 7, abs=0.04)


def test_rows_as_wide_as_there_are_draws_are_scored_as_among_others(draws):
    made = vae(in_features=64, unit_vectors=None)
    x = torch.randn(9, 64)
    with torch.no_grad():
        whole = made.scores({"x": x})
        for n in (1, 4):  # 16 draws of 4 rows are 64
            torch.testing.assert_close(made.scores({"x": x[:n]}), whole[:n])
        assert made.log_density({"x": x[:1]}, 64).shape == (1,)


@pytest.mark.slow
def test_a_table_of_categories_is_learned_filled_and_loaded(tmp_path):
    rng = np.random.default_rng(0)
    letters = np.array(["x", "y", "z"])[rng.integers(0, 3, 300)]
    frame = pd.DataFrame({"one": letters, "two": np.char.upper(letters)})
    net = pn.model("vae", likelihood="categorical", n_latent=2, hidden=(16,))
    made = pn.Autoencoder(net, epochs=120, lr=0.01, progress=False).fit(frame)
    assert -np.log(3) - 0.25 < made.score(frame) < -np.log(3) + 0.05
    drawn = made.sample(300, seed=0)
    assert (drawn["one"].str.upper() == drawn["two"]).mean() > 0.85
    holed = frame.copy()
    holed.loc[::3, "two"] = None
    assert (made.impute(holed)["two"] == frame["two"]).mean() > 0.97
    assert made.reconstruct(frame).equals(frame)
    made.save(tmp_path / "run")
    assert pn.load(tmp_path / "run").score(frame) == pytest.approx(made.score(frame))


def test_a_table_without_categories_has_no_such_law():
    net = pn.model("vae", likelihood="categorical")
    with pytest.raises(SettingError, match="columns of categories"):
        pn.Autoencoder(net, epochs=1, progress=False).fit(np.random.default_rng(0).normal(size=(20, 3)))
