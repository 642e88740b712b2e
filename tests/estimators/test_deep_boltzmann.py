"""Deep Boltzmann machines as densities, against exact likelihoods."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.errors import DataError, SettingError
from parnassus.functional.energy import hidden_probability
from parnassus.functional.energy.boltzmann import all_states
from parnassus.objectives.generative.deep_boltzmann import DeepBoltzmann
from parnassus.objectives.generative.energy import Restricted


def stripes(n=400, seed=0):
    """Rows of 4 x 3 units: whole rows or whole columns are on, a little disturbed."""
    rng = np.random.default_rng(seed)
    pictures = np.where(
        (rng.random(n) < 0.5)[:, None, None], rng.random((n, 4, 1)) < 0.5, rng.random((n, 1, 3)) < 0.5
    ) ^ (rng.random((n, 4, 3)) < 0.02)
    return pictures.reshape(n, 12).astype(np.float32)


X = stripes()


@pytest.fixture(scope="module")
def deep():
    model = pn.model("dbm", hidden=(10, 6), n_chains=50)
    return pn.RBM(model, epochs=120, batch_size=20, progress=False).fit(X)


@pytest.mark.parametrize("weighted", [False, True])
def test_slopes_without_autograd_are_those_of_the_gap(draws, weighted):
    made = DeepBoltzmann(5, (4, 3), n_chains=7).double()
    batch = {"x": torch.rand(6, 5).double()} | ({"weight": torch.rand(6).double()} if weighted else {})
    made.begin(batch)
    for p in made.parameters():
        p.data += 0.3 * torch.randn_like(p)
    state = {k: v.clone() for k, v in made.state_dict().items()}
    found = []
    for way in (made.slopes, lambda b: made.gap(b).backward()):
        made.load_state_dict(state)
        torch.manual_seed(0)
        made.zero_grad()
        way(batch)
        found.append([p.grad.clone() for p in made.parameters()])
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-12)


def test_a_pair_of_layers_is_a_restricted_machine_whose_inputs_count_double(draws):
    made = DeepBoltzmann(5, (4, 3)).double()
    rows = (torch.rand(30, 5) < 0.5).double()
    assert [made._ups_and_downs(i) for i in (0, 1)] == [(2, 1), (1, 2)]
    assert DeepBoltzmann(5, (4,))._ups_and_downs(0) == (1, 1)
    assert DeepBoltzmann(5, (4, 3, 2))._ups_and_downs(1) == (2, 2)
    one = DeepBoltzmann(5, (4,)).double()
    twin = Restricted(5, 4).double()
    twin.w.data.copy_(one.w[0])
    torch.manual_seed(0)
    gap = one.pair_gap(0, {"x": rows})
    by_w, by_c = torch.autograd.grad(gap, (one.w[0], one.b[1]))
    torch.manual_seed(0)
    twin.slopes(rows, twin.again(rows, 1), hidden_probability(rows, twin.machine))
    torch.testing.assert_close(by_w, twin.w.grad)
    torch.testing.assert_close(by_c, twin.c.grad)


def test_training_raises_the_exact_likelihood_above_that_of_independent_units(deep):
    independent = np.clip(X.mean(0), 0.01, 0.99)
    alone = (X * np.log(independent) + (1 - X) * np.log(1 - independent)).sum(1).mean()
    assert deep.score(X) > alone + 1
    assert deep.objective_.exact
    assert deep.objective_.log_partition()[1] == 0.0
    whole = {"x": all_states(12)}
    assert float(deep.objective_.log_density(whole).exp().sum()) == pytest.approx(1, abs=1e-9)
    assert [set(r) & {"layer0", "layer1", "joint"} for r in deep.history_[:120:40]] == [
        {"layer0"},
        {"joint"},
        {"joint"},
    ]


def test_rows_drawn_look_like_the_rows_learned_and_the_machine_is_saved(deep, tmp_path):
    drawn = deep.sample(400, seed=1)
    assert set(np.unique(drawn)) <= {0.0, 1.0}
    assert np.abs(drawn.mean(0) - X.mean(0)).max() < 0.15
    whole = drawn.reshape(-1, 4, 3)
    striped = [(p == p[:, :1]).all() or (p == p[:1]).all() for p in whole]
    assert np.mean(striped) > 0.2  # of even coins 0.02
    assert deep.transform(X).shape == (400, 6)
    deep.save(tmp_path / "d.parnassus")
    np.testing.assert_array_equal(pn.load(tmp_path / "d.parnassus").score_samples(X[:5]), deep.score_samples(X[:5]))


@pytest.mark.slow
def test_wide_machines_give_a_lower_bound_less_an_estimate():
    made = pn.RBM(pn.model("dbm", hidden=(16, 8), n_chains=20), epochs=5, progress=False).fit(X)
    assert not made.objective_.exact
    log_z, error = made.objective_.log_partition()
    assert 0 < error < 1
    assert np.isfinite(log_z)
    assert made.score(X) < 0


@pytest.mark.parametrize(("options", "error", "words"), [
    ({"hidden": ()}, SettingError, "hidden"), ({"pretraining": 1.0}, SettingError, "share"),
    ({"n_chains": 0}, SettingError, "n_chains"), ({}, DataError, "minmax"),
])  # fmt: skip
def test_bad_input_is_refused(options, error, words):
    with pytest.raises(error, match=words):
        pn.Density(pn.model("dbm", **options), epochs=1, progress=False).fit(3 * X - 1)
