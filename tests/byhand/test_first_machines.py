"""The unit of 1943 and the machine of 1958, as they are described."""

import itertools

import numpy as np
import pytest
from sklearn.datasets import load_digits

from parnassus.byhand.first_machines import mark1, mcculloch_pitts


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_unit_fires_where_more_than_its_threshold_is_on_and_nothing_inhibits(n):
    rows = np.array(list(itertools.product((0, 1), repeat=n)))
    for threshold in range(-1, n + 1):
        for inhibit in (0, 1):
            due = [float(sum(row) > threshold and not inhibit) for row in rows.tolist()]
            assert mcculloch_pitts(rows, threshold, inhibit).tolist() == due


def test_one_unit_makes_no_xor_and_three_do():
    rows = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    xor = [0.0, 1.0, 1.0, 0.0]
    assert not any(mcculloch_pitts(rows, t).tolist() == xor for t in (-1, 0, 1, 2))
    assert mcculloch_pitts(rows, 0, inhibit=mcculloch_pitts(rows, 1)).tolist() == xor


def test_inputs_that_are_no_bits_are_refused():
    with pytest.raises(ValueError, match="0 or 1"):
        mcculloch_pitts([[0.5, 1]], 1)


def test_wires_are_as_many_as_asked_and_never_learned():
    x, y = np.random.default_rng(0).integers(0, 2, (20, 30)), np.repeat([1, -1], 10)
    machine = mark1(x, y, n_units=50, n_wires=4)
    assert (np.abs(machine.wiring).sum(1) == 4).all()
    assert set(np.unique(machine.wiring)) == {-1.0, 0.0, 1.0}
    assert np.array_equal(machine.wiring, mark1(x, -y, n_units=50, n_wires=4).wiring)


def test_it_learns_xor_which_a_perceptron_on_its_cells_cannot():
    x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [-1, 1, 1, -1]
    machine = mark1(x, y, n_units=40, n_wires=2)
    assert machine.converged
    assert machine.output(x).tolist() == y


def test_it_tells_threes_from_eights_on_a_retina_of_64_cells():
    digits = load_digits()
    own = np.isin(digits.target, (3, 8))
    x, y = digits.data[own] > 8, np.where(digits.target[own] == 3, 1, -1)
    machine = mark1(x[:200], y[:200])
    assert (machine.output(x[200:]) == y[200:]).mean() > 0.9
