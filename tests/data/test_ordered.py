"""Ordered classes as targets: where the order comes from, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit

import parnassus as pn
from parnassus.data.ordered import Ordered

WORDS = ["mid", "low", "high", "mid", "low"]
ORDER = ("low", "mid", "high")


@pytest.mark.parametrize(
    ("y", "order"),
    [
        (pd.Series(pd.Categorical(WORDS, categories=ORDER, ordered=True)), ()),
        (pd.Categorical(WORDS, categories=ORDER, ordered=True), ()),
        (WORDS, ORDER),
        (np.array(WORDS), ORDER),
    ],
    ids=["series", "categorical", "option", "array"],
)
def test_the_order_is_the_declared_one(y, order):
    target = Ordered(order=order).fit(y)
    assert target.classes.tolist() == list(ORDER)
    assert target.counts.tolist() == [2, 2, 1]
    assert target.indices(y).tolist() == [1, 0, 2, 1, 0]
    assert target.encode(y).take(torch.arange(5))["y"].tolist() == [1, 0, 2, 1, 0]
    assert target.facts() == {"n_outputs": 2}


def test_a_polars_enum_has_an_order():
    polars = pytest.importorskip("polars")
    assert Ordered().fit(polars.Series(WORDS, dtype=polars.Enum(list(ORDER)))).classes.tolist() == list(ORDER)


def test_numbers_count_as_they_do():
    assert Ordered().fit([3, 1, 2, 10]).classes.tolist() == [1, 2, 3, 10]


def test_a_class_without_rows_is_left_out():
    y = pd.Series(pd.Categorical(["low", "high"], categories=ORDER, ordered=True))
    assert Ordered().fit(y).classes.tolist() == ["low", "high"]


def test_probabilities_are_those_of_cumulative_logits():
    target = Ordered(order=ORDER).fit(WORDS)
    z = np.array([[0.4, -1.0]])
    second = 0.4 - np.log1p(np.exp(-1.0))
    expected = [[1 - expit(0.4), expit(0.4) - expit(second), expit(second)]]
    np.testing.assert_allclose(target.probabilities(torch.from_numpy(z)), expected, atol=1e-12)
    assert target.decode(torch.from_numpy(z)).tolist() == [ORDER[int(np.argmax(expected))]]


def test_the_state_round_trips():
    target = Ordered(order=ORDER).fit(WORDS)
    again = Ordered.from_state(target.state())
    assert again.classes.tolist() == list(ORDER)
    assert again.options == target.options
    assert again.indices(WORDS).tolist() == target.indices(WORDS).tolist()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Ordered().fit(WORDS), "no order; give an ordered pandas"),
        (lambda: Ordered(order=("low", "mid")).fit(WORDS), r"\['high'\], which the order"),
        (lambda: Ordered(order=("low", "mid", "low")).fit(WORDS), "once"),
        (lambda: Ordered(order=ORDER).fit(["low", "low"]), "one class"),
        (lambda: Ordered(order=ORDER).fit(WORDS).indices(["huge"]), "huge.* not seen"),
    ],
)
def test_what_has_no_place_in_the_order_is_refused(make, words):
    with pytest.raises(pn.ParnassusError, match=words):
        make()
