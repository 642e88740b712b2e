"""Helmholtz machines learned awake and asleep, against exact likelihoods."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.errors import DataError, SettingError
from parnassus.functional.energy.boltzmann import all_states
from parnassus.functional.sigmoid_beliefs import delta_rule
from parnassus.objectives.generative.wake_sleep import Helmholtz

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
CAUSES = RNG.random((600, 2)) < 0.5  # a row is the union of two bars that come and go, and a little noise
BARS = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
X = ((CAUSES @ BARS > 0) ^ (RNG.random((600, 6)) < 0.03)).astype(np.float32)


@pytest.fixture(scope="module")
def machine():
    return pn.RBM(pn.model("helmholtz", hidden=(4, 2)), epochs=60, batch_size=20, progress=False).fit(X)


def test_both_phases_are_the_delta_rule(draws):
    made = Helmholtz(5, (3, 2)).double()
    x = (torch.rand(8, 5) < 0.5).double()
    layers = made.recognised(x)
    (-made.log_joint(layers).mean()).backward()
    for at, net in enumerate(made.making):
        by_w, by_b = delta_rule(layers[at], layers[at + 1], net.weight.detach(), net.bias.detach())
        torch.testing.assert_close(-net.weight.grad, by_w)
        torch.testing.assert_close(-net.bias.grad, by_b)
    torch.testing.assert_close(-made.top.grad, (layers[-1] - 0.5).mean(0))
    dreams = made.dreamt(8)
    (-made.log_recognition(dreams).mean()).backward()
    for at, net in enumerate(made.recognising):
        by_w, by_b = delta_rule(dreams[at + 1], dreams[at], net.weight.detach(), net.bias.detach())
        torch.testing.assert_close(-net.weight.grad, by_w)
        torch.testing.assert_close(-net.bias.grad, by_b)


def test_each_phase_moves_its_own_net_alone(draws):
    made = Helmholtz(5, (3, 2))
    wake, sleep = made.phases()
    batch = {"x": (torch.rand(8, 5) < 0.5).float()}
    wake.loss(batch).backward()
    assert all(p.grad is None for p in made.recognising.parameters())
    made.zero_grad()
    sleep.loss(batch).backward()
    assert all(p.grad is None or not p.grad.any() for p in made.making.parameters())


def test_the_exact_likelihood_rises_above_that_of_independent_units(machine):
    share = np.clip(X.mean(0), 0.01, 0.99)
    alone = (X * np.log(share) + (1 - X) * np.log(1 - share)).sum(1).mean()
    early = pn.RBM(pn.model("helmholtz", hidden=(4, 2)), epochs=2, batch_size=20, progress=False).fit(X)
    assert early.score(X) < machine.score(X)
    assert machine.score(X) > alone + 0.8
    assert machine.objective_.exact
    assert float(machine.objective_.log_density({"x": all_states(6)}).exp().sum()) == pytest.approx(1, abs=1e-6)


def test_the_watched_loss_is_no_less_than_the_exact_one_and_guesses_come_close(machine, draws):
    x = torch.from_numpy(X)
    made = machine.objective_
    exact = float(made.log_density({"x": x}).mean())
    assert float(made.evaluate({"x": x})["loss"].detach()) > -exact - 0.02
    each = []
    for _ in range(300):
        layers = made.recognised(x)
        each.append((made.log_joint(layers) - made.log_recognition(layers)).detach())
    guessed = float((torch.stack(each).logsumexp(0) - np.log(300)).mean())
    assert exact - 0.3 < guessed < exact + 0.02


def test_dreams_look_like_rows_and_the_machine_is_saved(machine, tmp_path):
    drawn = machine.sample(1000, seed=0)
    kinds = [tuple(r) for r in (np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) @ BARS).tolist()]
    clean = np.mean([tuple(r) in kinds for r in drawn.astype(int).tolist()])
    assert clean > 0.5  # of independent units 0.07 or so
    assert np.array_equal(drawn, machine.sample(1000, seed=0))
    assert machine.transform(X).shape == (600, 2)
    machine.save(tmp_path / "h.parnassus")
    np.testing.assert_array_equal(pn.load(tmp_path / "h.parnassus").score_samples(X[:5]), machine.score_samples(X[:5]))


def test_wide_machines_give_the_mean_weight_of_guesses():
    made = pn.RBM(pn.model("helmholtz", hidden=(16, 8)), epochs=3, progress=False).fit(X)
    assert not made.objective_.exact
    assert np.array_equal(made.score_samples(X[:9]), made.score_samples(X[:9]))
    assert -10 < made.score(X) < 0


@pytest.mark.parametrize(("options", "error", "words"), [
    ({"hidden": ()}, SettingError, "hidden"), ({"hidden": (0,)}, SettingError, "hidden"), ({}, DataError, "minmax"),
])  # fmt: skip
def test_bad_input_is_refused(options, error, words):
    with pytest.raises(error, match=words):
        pn.Density(pn.model("helmholtz", **options), epochs=1, progress=False).fit(3 * X - 1)
