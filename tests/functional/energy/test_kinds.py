"""Machines of every kind of unit against all their states written out in NumPy, by their energies alone."""

import itertools
from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from parnassus.functional import energy as e
from parnassus.functional.energy.restricted import Machine
from parnassus.objectives.generative.energy import gibbs

KINDS = {
    "binary": {},
    "gaussian_output": {"gaussian_output": True},
    "softmax": {"groups": (3, 2)},
    "counted": {"counted": True},
}
WORDS = 4  # of a row of counts


def made(kind, n_visible=6, n_hidden=3, seed=0, scale=0.7):
    rng = np.random.default_rng(seed)
    w, b, c = scale * rng.normal(size=(n_visible, n_hidden)), rng.normal(size=n_visible), rng.normal(size=n_hidden)
    return Machine(*(torch.from_numpy(x) for x in (w, b, c)), **KINDS[kind])


class Whole(NamedTuple):
    """Every visible state v, every hidden state h, ln of the weight that h stands for, and -E of each pair."""

    v: np.ndarray
    h: np.ndarray
    log_share: np.ndarray
    minus_energy: np.ndarray


def written_out(machine, kind):
    """Sums over units of 0 and 1; of real hidden ones by a fine grid. Rows of counts are all rows of WORDS words."""
    w, b, c = (x.numpy() for x in machine[:3])
    d, m = w.shape
    if kind == "softmax":
        ones = itertools.product(*[[0, 1]] * (d - 5), range(3), range(2))
        v = np.array([[*row[:-2], *np.eye(3)[row[-2]], *np.eye(2)[row[-1]]] for row in ones])
    elif kind == "counted":
        v = np.array([np.eye(d)[list(words)].sum(0) for words in itertools.product(range(d), repeat=WORDS)])
    else:
        v = np.array(list(itertools.product([0.0, 1.0], repeat=d)))
    if kind == "gaussian_output":
        line = np.linspace(-14, 14, 113)
        h = np.array(list(itertools.product(line, repeat=m)))
        minus = v @ b + (v @ w @ h.T - 0.5 * ((h - c) ** 2).sum(1)).T
        return Whole(v, h, np.full(len(h), m * np.log(line[1] - line[0])), minus.T)
    h = np.array(list(itertools.product([0.0, 1.0], repeat=m)))
    times = WORDS if kind == "counted" else 1
    return Whole(v, h, np.zeros(len(h)), (v @ b)[:, None] + v @ w @ h.T + times * (h @ c))


@pytest.mark.parametrize("kind", KINDS)
def test_energies_free_energies_and_units_are_those_of_all_states(kind):
    machine = made(kind, n_hidden=2 if kind == "gaussian_output" else 3)
    whole = written_out(machine, kind)
    v = torch.from_numpy(whole.v)
    some = np.random.default_rng(1).integers(len(whole.h), size=len(v))
    pairs = e.joint_energy(v, torch.from_numpy(whole.h[some]), machine)
    np.testing.assert_allclose(pairs, -whole.minus_energy[np.arange(len(v)), some], atol=1e-10)
    log_weight = logsumexp(whole.minus_energy + whole.log_share, axis=1)
    np.testing.assert_allclose(-e.free_energy(v, machine), log_weight, atol=1e-6)
    given_v = np.exp(whole.minus_energy + whole.log_share - log_weight[:, None])
    np.testing.assert_allclose(e.hidden_probability(v, machine), given_v @ whole.h, atol=1e-6)
    given_h = np.exp(whole.minus_energy - logsumexp(whole.minus_energy, axis=0))
    means = given_h.T @ whole.v / (WORDS if kind == "counted" else 1)
    np.testing.assert_allclose(e.visible_mean(torch.from_numpy(whole.h), machine), means, atol=1e-10)
    exact = float(e.length_log_partitions(machine, [WORDS])[0]) if kind == "counted" else e.exact_log_partition(machine)
    assert exact == pytest.approx(logsumexp(log_weight), abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_slopes_of_rows_and_the_law_are_those_of_the_exact_likelihood(kind):
    machine = made(kind, seed=3)
    v = torch.from_numpy(written_out(made(kind, n_hidden=1), kind).v)
    rows = v[torch.randperm(len(v), generator=torch.Generator().manual_seed(0))[:5]]

    def minus_likelihood(w, b, c):
        now = machine._replace(w=w, b=b, c=c)
        return e.free_energy(rows, now).mean() + (-e.free_energy(v, now)).logsumexp(0)

    parts = [part.clone().requires_grad_() for part in machine[:3]]
    expected = torch.autograd.grad(minus_likelihood(*parts), parts)
    law = (-e.free_energy(v, machine)).softmax(0)
    found = [torch.zeros_like(part) for part in parts]
    for p, row in zip(law, v, strict=True):  # rows of the law, by how likely each is
        for whole, slope in zip(found, e.contrastive_slopes(rows, row[None], machine), strict=True):
            whole += p * slope
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_chains_have_the_law(kind):
    machine = made(kind, n_visible=6 if kind == "softmax" else 4, n_hidden=2, scale=0.5)
    whole = written_out(made(kind, machine.w.shape[0], 1), kind)
    states, at = np.unique(whole.v, axis=0, return_inverse=True)
    law = np.exp(-e.free_energy(torch.from_numpy(whole.v), machine).numpy())
    law = np.bincount(at.ravel(), law / law.sum())
    start = torch.from_numpy(whole.v)[torch.arange(20_000) % len(whole.v)]
    drawn = gibbs(start, machine, 15, torch.Generator().manual_seed(0)).numpy()
    found, count = np.unique(drawn, axis=0, return_counts=True)
    places = {tuple(s): i for i, s in enumerate(states.tolist())}
    shares = np.zeros(len(states))
    shares[[places[tuple(s)] for s in found.tolist()]] = count / len(drawn)
    assert np.abs(shares - law).max() < 0.015


@pytest.mark.parametrize("kind", ["binary", "gaussian_output", "softmax"])
def test_the_partition_function_is_estimated_for_every_kind(kind):
    machine = made(kind, n_visible=9, n_hidden=4, scale=0.4)
    found, error = e.estimated_log_partition(
        machine, machine.b, generator=torch.Generator().manual_seed(0), n_steps=400
    )
    assert abs(found - e.exact_log_partition(machine)) < max(5 * error, 0.05)
    assert error < 0.2


def test_the_partition_functions_of_all_lengths_are_estimated_on_one_way():
    machine = made("counted", n_visible=7, n_hidden=4)
    exact = e.length_log_partitions(machine, range(13))
    found = e.estimated_length_log_partitions(machine, 12, generator=torch.Generator().manual_seed(0), n_chains=1000)
    torch.testing.assert_close(found, exact, rtol=0, atol=0.1)


def test_chances_of_counts_of_one_length_add_up_to_one():
    machine = made("counted", n_visible=5)
    v = torch.tensor([v for v in itertools.product(range(4), repeat=5) if sum(v) == 3]).double()
    log_p = e.log_orders(v) - e.free_energy(v, machine) - e.length_log_partitions(machine, [3])
    assert float(log_p.exp().sum()) == pytest.approx(1, abs=1e-12)


def test_a_row_of_one_word_is_a_group_of_one_category():
    counted = made("counted", n_visible=5)
    told = counted._replace(counted=False, groups=(5,))
    assert float(e.length_log_partitions(counted, [1])[0]) == pytest.approx(e.exact_log_partition(told), abs=1e-12)
    v = torch.eye(5).double()
    torch.testing.assert_close(e.free_energy(v, counted), e.free_energy(v, told))


@pytest.mark.slow
def test_chains_that_change_places_keep_the_law_and_reach_the_other_mode_sooner():
    w, b, c = torch.full((8, 1), 4.5), torch.full((8,), -2.25), torch.full((1,), -17.5)  # all on, or all off
    machine = Machine(*(x.double() for x in (w, b, c)))
    all_states = torch.tensor(list(itertools.product((0.0, 1.0), repeat=8))).double()
    law = (-e.free_energy(all_states, machine)).softmax(0)
    expected = float(law[(all_states.mean(1) > 0.5)].sum())
    machines = [e.tempered(machine, power) for power in torch.linspace(1, 0, 8).tolist()]
    generator = torch.Generator().manual_seed(0)
    states = torch.zeros(8, 1000, 8, dtype=torch.float64)
    for _ in range(150):
        states = torch.stack([gibbs(v, m, 1, generator) for v, m in zip(states, machines, strict=True)])
        states = e.swap_powers(states, machines, generator)
    assert float((states[0].mean(1) > 0.5).double().mean()) == pytest.approx(expected, abs=0.05)
    alone = gibbs(torch.zeros(1000, 8).double(), machine, 150, generator)
    assert float((alone.mean(1) > 0.5).double().mean()) < expected - 0.15
