"""Coverage, widths, shares and R-hat in an evaluation, against what can be written down."""

import numpy as np
import pytest
from scipy.stats import binomtest

from parnassus.evaluation.doubt import with_intervals, with_mutual_information, with_rhat
from parnassus.evaluation.regression import evaluate_regression
from parnassus.evaluation.result import Evaluation
from parnassus.insight.coverage import interval_coverage

Y = np.arange(20.0)


def plain():
    return evaluate_regression(Y, Y + 0.5, names=["y"], train_mean=0.0, n_bootstrap=50)


def test_coverage_has_wilsons_interval_and_width_and_share_are_means():
    held = {50: np.repeat([1.0, 0.0], 10), 95: np.ones(20)}
    epistemic, variance = np.linspace(0, 1, 20), np.full(20, 2.0)
    found = with_intervals(plain(), held, np.arange(20.0), variance=variance, epistemic=epistemic, n_bootstrap=200)
    for name, right in (("coverage_50", 10), ("coverage_95", 20)):
        theirs = binomtest(right, 20).proportion_ci(method="wilson")
        assert (found[name].low, found[name].high) == pytest.approx((theirs.low, theirs.high))
        assert found[name].value == right / 20
    assert found["width_95"].value == 9.5
    assert found["epistemic_share"].value == pytest.approx(0.5 / 2)
    assert found["epistemic_share"].low < 0.25 < found["epistemic_share"].high
    assert found.metrics[0].name == "r2"
    assert len(found.replicates["coverage_50"]) == 200
    assert "Coverage at 95 %" in found.table()
    assert "Interval width at 95 %" in found.table()
    assert all(m.verdict == "undecided" for m in found.metrics if m.of_doubt)


def test_weights_count_and_make_coverage_less_certain():
    weight = np.repeat([3.0, 1.0], 10)
    found = with_intervals(plain(), {80: np.repeat([1.0, 0.0], 10)}, np.ones(20), sample_weight=weight, n_bootstrap=50)
    assert found["coverage_80"].value == 0.75
    even = with_intervals(plain(), {80: np.repeat([1.0, 0.0], [15, 5])}, np.ones(20), n_bootstrap=50)
    widths = [e["coverage_80"].high - e["coverage_80"].low for e in (found, even)]
    assert widths[0] > widths[1]


def test_an_evaluation_with_doubt_is_json_and_comes_back():
    found = with_intervals(plain(), {50: np.ones(20), 95: np.ones(20)}, np.ones(20), n_bootstrap=50)
    found = with_mutual_information(found, np.full(20, 0.125), n_bootstrap=50)
    found = with_rhat(found, answers=1.0149, weights=3.0, n_chains=4, n_draws=50)
    again = Evaluation.from_dict(found.to_dict())
    assert again["rhat_answers"].value == 1.0149
    assert again["mutual_information"].value == 0.125
    assert interval_coverage([m for m in found.metrics if m.name.startswith("coverage")]).axes


@pytest.mark.parametrize(("answers", "said"), [
    (1.004, "agree on the answers"), (1.0149, "do not agree on the answers: R-hat is 1.0149"),
    (1.01001, "do not agree on the answers: R-hat is 1.0101"), (np.inf, "do not agree"),
])  # fmt: skip
def test_chains_that_disagree_are_told_in_the_result(answers, said):
    found = with_rhat(plain(), answers=answers, weights=2.0, n_chains=4, n_draws=50)
    assert said in found.notes[-1]
    assert "R-hat, answers" in found.table()
