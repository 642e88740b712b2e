"""Cuts: the cheapest of all that there are, and those that another package finds."""

import itertools

import numpy as np
import pytest

from parnassus.errors import DataError, SettingError
from parnassus.functional.changes import best_cuts, cuts_into, noise_of, piece_costs


def total(y, cuts, cost):
    edges = [0, *cuts, len(y)]
    of = piece_costs(y, cost)
    return sum(float(of(np.array([a]), b)[0]) for a, b in itertools.pairwise(edges))


def all_cuts(n, least):
    for k in range(n):
        for cuts in itertools.combinations(range(1, n), k):
            if min(np.diff([0, *cuts, n])) >= least:
                yield list(cuts)


def test_costs_are_minus_twice_the_log_likelihood():
    y = np.random.default_rng(0).normal(3, 2, 40)
    part = y[5:25]
    mean = float(piece_costs(y, "mean", noise=2.0)(np.array([5]), 25)[0])
    assert mean == pytest.approx(((part - part.mean()) ** 2).sum() / 4)
    variance = float(piece_costs(y, "variance")(np.array([5]), 25)[0])
    assert variance == pytest.approx(20 * np.log(part.var()))


@pytest.mark.slow
@pytest.mark.parametrize(("cost", "least"), [("mean", 1), ("mean", 3), ("variance", 2), ("variance", 3)])
def test_the_cuts_are_the_cheapest_of_all(cost, least):
    rng = np.random.default_rng(1)
    for _ in range(25):
        y = rng.normal(size=10) + 3 * (np.arange(10) > rng.integers(10))
        penalty = rng.uniform(0.5, 6)
        best = min(all_cuts(10, least), key=lambda cuts: total(y, cuts, cost) + penalty * len(cuts))
        assert best_cuts(y, cost=cost, penalty=penalty, least=least) == best
        for k in (1, 2, 3):
            best = min((c for c in all_cuts(10, least) if len(c) == k - 1), key=lambda cuts: total(y, cuts, cost))
            assert cuts_into(y, k, cost=cost, least=least) == best


def test_changes_are_where_they_were_put():
    rng = np.random.default_rng(0)
    y = np.concatenate([rng.normal(0, 1, 100), rng.normal(4, 1, 60), rng.normal(-2, 1, 90)])
    assert best_cuts(y) == [100, 160]
    spread = np.concatenate([rng.normal(0, 1, 150), rng.normal(0, 6, 100)])
    found = best_cuts(spread, cost="variance", least=10)
    assert len(found) == 1
    assert abs(found[0] - 150) <= 3
    assert best_cuts(rng.normal(size=300)) == []


def test_noise_is_that_of_the_pieces():
    y = np.random.default_rng(0).normal(0, 3, 5000) + np.repeat([0, 100], 2500)
    assert noise_of(y) == pytest.approx(3, rel=0.05)


def test_a_level_that_is_held_says_nothing_of_the_noise():
    rng = np.random.default_rng(0)
    y = np.concatenate([np.zeros(600), 9 + rng.normal(0, 2, 400), np.full(600, 3.0)])
    assert noise_of(y) == pytest.approx(2, rel=0.15)
    assert best_cuts(y) == [600, 1000]
    assert noise_of(np.repeat([0.0, 5, 2], 30)) == 0
    assert best_cuts(np.repeat([0.0, 5, 2], 30)) == [30, 60]


def test_cuts_are_those_of_ruptures():
    ruptures = pytest.importorskip("ruptures", reason="ruptures is not installed")
    rng = np.random.default_rng(4)
    y = np.concatenate([rng.normal(m, 1, 40) for m in (0, 3, 1, 6)])
    noise = noise_of(y)
    pelt = ruptures.Pelt(model="l2", min_size=2, jump=1).fit(y).predict(pen=10 * noise**2)
    assert best_cuts(y, penalty=10, least=2) == pelt[:-1]
    exact = ruptures.Dynp(model="l2", min_size=1, jump=1).fit(y).predict(n_bkps=3)
    assert cuts_into(y, 4) == exact[:-1]


@pytest.mark.parametrize(("error", "words", "call"), [
    (SettingError, "cost='level'", lambda: best_cuts(np.zeros(5), cost="level")),
    (SettingError, "penalty", lambda: best_cuts(np.zeros(5), penalty=-1)),
    (SettingError, "at least 2", lambda: best_cuts(np.zeros(5), cost="variance", least=1)),
    (SettingError, "n_pieces=9", lambda: cuts_into(np.zeros(5), 9)),
    (DataError, "1 steps", lambda: best_cuts(np.zeros(1))),
])  # fmt: skip
def test_what_cannot_be_cut_is_refused(error, words, call):
    with pytest.raises(error, match=words):
        call()


def test_a_constant_series_has_no_change():
    assert best_cuts(np.full(20, 3.0)) == []
    assert best_cuts(np.full(20, 3.0), cost="variance", least=5) == []
