"""What an evaluation says about itself."""

import math

import numpy as np
import pytest

from parnassus.evaluation import Evaluation, Metric
from parnassus.evaluation.result import json_values, shown

ACCURACY = Metric("accuracy", 0.9, 0.85, 0.94, 0.5, True)
LOSS = Metric("log_loss", 12.3456, 10.0, 15.0, 12.0, False)


@pytest.mark.parametrize(
    ("low", "high", "baseline", "higher", "verdict"),
    [
        (0.8, 0.9, 0.5, True, "better"),
        (0.8, 0.9, 0.95, True, "worse"),
        (0.8, 0.9, 0.85, True, "undecided"),
        (0.8, 0.9, 0.5, False, "worse"),
        (0.8, 0.9, 0.95, False, "better"),
        (None, None, 0.5, True, "undecided"),
        (0.8, 0.9, None, True, "undecided"),
    ],
)
def test_the_verdict_needs_the_whole_interval(low, high, baseline, higher, verdict):
    assert Metric("m", 0.85, low, high, baseline, higher).verdict == verdict


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.97312, "0.9731"),
        (0.0, "0.0000"),
        (1.0, "1.000"),
        (55.971, "55.97"),
        (3132.4, "3,132"),
        (12345.6, "12,346"),
        (1e9, "1.000e+09"),
        (2e-5, "2.000e-05"),
        (-0.5, "-0.5000"),
        (None, ""),
        (math.nan, ""),
    ],
)
def test_numbers_show_four_digits(value, text):
    assert shown(value) == text


def test_shares_have_four_decimals_and_no_negative_zero():
    assert ACCURACY.text(1.0) == "1.0000"
    assert Metric("r2", 0, 0, 0, 0, True).text(-6e-8) == "0.0000"
    assert LOSS.text(12.3456) == "12.35"


def test_tables_are_aligned():
    lines = Evaluation("binary", [ACCURACY, LOSS], 100, "a guess").table().splitlines()
    assert lines[0].split() == ["metric", "value", "95%", "interval", "baseline"]
    assert {len(line) for line in lines} == {len(lines[0])}
    assert lines[1].split() == ["Accuracy", "0.9000", "0.8500", "to", "0.9400", "0.5000"]


def test_the_summary_says_value_interval_rows_and_baseline():
    summary = Evaluation("binary", [ACCURACY], 1234, "always answering 'a'").summary()
    assert summary == (
        "Accuracy 0.9000 (95% interval 0.8500 to 0.9400) on 1,234 rows, against 0.5000 for always answering 'a'."
    )


def test_titles():
    assert Metric("top_5_accuracy", 1, None, None, None, True).title == "Top-5 accuracy"
    assert Metric("something_new", 1, None, None, None, True).title == "Something new"


def test_json_values_are_pythons_own():
    found = json_values({"a": np.array([1.0, np.nan]), "b": (np.int64(3), np.float32(0.5)), 4: [math.inf]})
    assert found == {"a": [1.0, None], "b": [3, 0.5], "4": [None]}
    assert type(found["b"][0]) is int


def test_printed_it_is_its_table_and_what_is_to_be_said():
    found = Evaluation("binary", [ACCURACY, LOSS], 100, "a guess", notes=["Seven rows had no answer."])
    assert str(found) == f"{found.table()}\nSeven rows had no answer."
