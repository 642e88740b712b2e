"""The cost model held to what is counted: operations, memory kept, and how both grow."""

import pytest

import parnassus as pn
from parnassus.insight.costs import growth, measured_costs


@pytest.fixture(scope="module")
def measured():
    return measured_costs((64, 256, 1024), width=16, n_heads=2, repeats=1)


def test_the_operations_counted_are_the_formulas(measured):
    for one in measured:
        if one.counted is not None:
            assert one.counted == one.formula.operations
        assert one.seconds > 0
    assert {one.kind for one in measured} == {"attention", "recurrent", "state space"}


def test_memory_grows_with_the_square_in_attention_and_with_the_length_elsewhere(measured):
    assert growth(measured, "attention") > 1.7
    assert growth(measured, "recurrent") == pytest.approx(1, abs=0.15)
    assert growth(measured, "state space") == pytest.approx(1, abs=0.15)


def test_the_weights_of_every_head_are_among_what_attention_keeps(measured):
    long = next(one for one in measured if one.kind == "attention" and one.n == 1024)
    assert 1 <= long.memory / long.formula.memory < 3


def test_what_cannot_be_measured_is_refused(measured):
    with pytest.raises(pn.SettingError):
        measured_costs(())
    with pytest.raises(pn.SettingError):
        growth(measured[:1], "attention")
