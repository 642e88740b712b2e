"""Bayesian networks against enumeration of all states, and counts against Dirichlet's posterior."""

import itertools

import numpy as np
import pytest
import torch

from parnassus.errors import DataError, SettingError
from parnassus.sampling import BayesianNetwork

PARENTS = {"d": ["b", "c"], "a": [], "b": ["a"], "c": ["a"], "e": ["d", "a"]}
SIZES = {"a": 2, "b": 3, "c": 2, "d": 2, "e": 3}
GIVEN = {"e": 2, "b": 1}


def network(seed=0):
    rng = np.random.default_rng(seed)
    states = {k: list(range(n)) for k, n in SIZES.items()}
    tables = {k: rng.dirichlet(np.ones(SIZES[k]), [SIZES[p] for p in above]) for k, above in PARENTS.items()}
    return BayesianNetwork(PARENTS, states=states, tables=tables), tables


def enumerated(tables, wanted, given):
    found = {}
    for states in itertools.product(*(range(n) for n in SIZES.values())):
        row = dict(zip(SIZES, states, strict=True))
        if any(row[k] != v for k, v in given.items()):
            continue
        p = np.prod([tables[k][(*(row[q] for q in above), row[k])] for k, above in PARENTS.items()])
        key = tuple(row[k] for k in wanted)
        found[key] = found.get(key, 0.0) + p
    return found


@pytest.mark.parametrize(("wanted", "given"), [
    (("a",), GIVEN), (("d", "a"), GIVEN), (("e",), {}), (("a", "b", "c", "d", "e"), {}), (("c",), {"a": 1}),
])  # fmt: skip
def test_elimination_is_enumeration(wanted, given):
    net, tables = network()
    expected = enumerated(tables, wanted, given)
    total = sum(expected.values())
    found = net.query(wanted, given)
    assert found == pytest.approx({k: v / total for k, v in expected.items()}, abs=1e-12)
    assert net.probability(given) == pytest.approx(total if given else 1.0, abs=1e-12)


@pytest.mark.parametrize("method", ["weighting", "gibbs"])
def test_draws_answer_as_enumeration_does(method):
    net, _ = network()
    exact = net.query(["d", "a"], GIVEN)
    found = net.query(["d", "a"], GIVEN, method=method, n_draws=40_000)
    assert found == pytest.approx(exact, abs=0.02)
    assert found == net.query(["d", "a"], GIVEN, method=method, n_draws=40_000)


def test_tables_from_rows_are_dirichlets_means_and_the_evidence_that_of_the_family():
    table = {"rain": ["no", "yes", "no", "no", "yes"], "wet": ["dry", "wet", "dry", "wet", "wet"]}
    net = BayesianNetwork({"rain": [], "wet": ["rain"]}, prior=1.0).fit(table)
    assert net.query("rain") == pytest.approx({"no": 4 / 7, "yes": 3 / 7})
    assert net.query("wet", {"rain": "yes"}) == pytest.approx({"dry": 1 / 4, "wet": 3 / 4})
    assert net.query("rain", {"wet": "wet"})["yes"] == pytest.approx(3 / 7 * 3 / 4 / (3 / 7 * 3 / 4 + 4 / 7 * 2 / 5))
    parts = [[3, 2], [2, 1], [0, 2]]
    log_evidence = 0.0
    for counts in parts:  # by the chain rule, a row at a time
        seen = np.ones(2)
        for state in np.repeat([0, 1], counts):
            log_evidence += np.log(seen[state] / seen.sum())
            seen[state] += 1
    assert net.log_evidence_ == pytest.approx(log_evidence)
    assert "no: dry 0.600, wet 0.400" in str(net)
    rain = torch.tensor([3, 2])
    np.testing.assert_allclose(net.tables["rain"], (rain + 1) / 7)


def test_a_fit_to_many_draws_has_the_tables_they_came_from():
    net, tables = network(1)
    rows = net.sample(30_000, seed=2)
    again = BayesianNetwork(PARENTS).fit(rows)
    for name, table in tables.items():
        np.testing.assert_allclose(again.tables[name], table, atol=0.06)


def test_a_dataframe_is_a_table():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame({"a": [True, False, True], "b": ["x", "y", "x"]})
    net = BayesianNetwork({"a": [], "b": ["a"]}).fit(frame)
    assert net.query("b", {"a": True})["x"] == pytest.approx(3 / 4)


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: BayesianNetwork({"a": ["b"], "b": ["a"]}), SettingError, "in a circle among a, b"),
    (lambda: BayesianNetwork({"a": ["z"]}), SettingError, "no variable of the network"),
    (lambda: BayesianNetwork({"a": []}).query("a"), SettingError, "call fit"),
    (lambda: BayesianNetwork({"a": []}).fit({"b": [1]}), DataError, "no column 'a'"),
    (lambda: BayesianNetwork({"a": []}).fit({"a": ["x", None]}), DataError, "no value in row 1"),
    (lambda: BayesianNetwork({"a": []}).fit({"a": ["x", float("nan")]}), DataError, "no value in row 1"),
    (lambda: BayesianNetwork({"a": []}).fit({"a": []}), DataError, "one at least"),
    (lambda: BayesianNetwork({"a": [], "b": []}).fit({"a": [1], "b": [1, 2]}), DataError, "as many of each"),
    (lambda: network()[0].query("q"), SettingError, "no variable 'q'"),
    (lambda: network()[0].query("a", {"b": 9}), DataError, "no state 9"),
    (lambda: network()[0].query("a", {"a": 1}), SettingError, "is given"),
    (lambda: network()[0].query("a", method="exakt"), SettingError, "did you mean 'exact'"),
    (lambda: BayesianNetwork({"a": []}, states={"a": [0, 1]}, tables={"a": [0.5, 0.6]}), DataError, "sums to"),
])  # fmt: skip
def test_networks_and_questions_that_cannot_be_are_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("method", ["exact", "weighting", "gibbs"])
def test_what_cannot_happen_is_refused(method):
    net = BayesianNetwork({"a": []} | {"b": ["a"]}, states={"a": [0, 1], "b": [0, 1]},
                          tables={"a": [1.0, 0.0], "b": [[1.0, 0.0], [0.5, 0.5]]})  # fmt: skip
    with pytest.raises(DataError, match="probability 0"):
        net.query("a", {"b": 1}, method=method)
