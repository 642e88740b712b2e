"""The rules that choose a kind of model for sequences: Baker, section 6.3.6."""

import pytest

import parnassus as pn
from parnassus.evaluation.choosing import KINDS


@pytest.mark.parametrize(
    ("task", "best"),
    [
        ({"length": 100, "n_rows": 20_000}, "gru"),  # moderately long dependencies: LSTM or GRU
        ({"length": 2000, "n_rows": 20_000}, "transformer"),  # extremely long ones: transformers
        ({"length": 100, "n_rows": 20_000, "looks_up": True}, "transformer"),  # fine-grained attention
        ({"length": 100, "n_rows": 20_000, "budget": 6e6}, "tcn"),  # limits of computation: convolutions
        ({"length": 50_000, "n_rows": 20_000}, "mamba"),
        ({"length": 100, "n_rows": 80}, "features"),
    ],
)
def test_the_books_rules_choose(task, best):
    chosen = pn.choose_sequence_model(**task)
    assert chosen.best == best
    assert chosen.ranked[0].fits
    assert {choice.name for choice in chosen.ranked} == set(KINDS)


def test_a_recurrent_net_reaches_back_only_so_far():
    near, far = (
        {c.name: c for c in pn.choose_sequence_model(length=5000, n_rows=20_000, dependency=d).ranked}
        for d in (50, 900)
    )
    assert near["lstm"].fits
    assert not far["lstm"].fits
    assert "900 matter" in far["lstm"].why[1]


def test_costs_are_those_of_the_layers():
    """Self-attention n^2 d, recurrence n d^2, convolution k n d^2: Vaswani et al. 2017, table 1."""
    cost = {c.name: c.cost for c in pn.choose_sequence_model(length=300, n_rows=9, width=64).ranked}
    assert cost["transformer"] == 2 * 300**2 * 64 + 4 * 300 * 64**2
    assert cost["lstm"] == 4 * 2 * 300 * 64**2  # four gates, from input and state
    assert cost["gru"] == 3 * 2 * 300 * 64**2
    assert cost["tcn"] == 3 * 300 * 64**2


def test_the_list_prints_with_reasons():
    text = str(pn.choose_sequence_model(length=100, n_rows=80))
    assert text.startswith("1. features\n")
    assert "2. gru  (not here)" in text
    assert "80 sequences are few for it; 500 or more are usual" in text


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"length": 0, "n_rows": 5}, "length is at least 1; got 0"),
        ({"length": 5, "n_rows": 5, "dependency": 9}, "dependency=9 goes back further than length=5"),
    ],
)
def test_an_impossible_task_is_refused(task, message):
    with pytest.raises(pn.SettingError, match=message):
        pn.choose_sequence_model(**task)
