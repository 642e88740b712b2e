"""The mean rank error beside the metrics of classes."""

import numpy as np
import pytest

from parnassus.evaluation.classification import evaluate_classification
from parnassus.evaluation.ordinal import with_rank_error
from parnassus.functional.metrics import rank_error

RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, 4, 80)
P = RNG.dirichlet(np.ones(4), 80)
WEIGHT = RNG.uniform(0.5, 2, 80)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["even", "weighted"])
def test_it_is_the_mean_number_of_classes_off_with_its_interval_and_baseline(weight):
    prior = [1, 5, 2, 2]
    found = evaluate_classification(TRUE, P, classes=list("abcd"), prior=prior, sample_weight=weight)
    more = with_rank_error(found, TRUE, P, prior=prior, sample_weight=weight)
    metric = more["rank_error"]
    expected = rank_error(TRUE, P.argmax(1), order=range(4), sample_weight=weight)
    assert metric.value == pytest.approx(expected)
    assert metric.baseline == pytest.approx(np.average(np.abs(TRUE - 1), weights=weight))
    deviation = np.sqrt(np.average((np.abs(P.argmax(1) - TRUE) - expected) ** 2, weights=weight) / 80)
    assert metric.high - metric.low == pytest.approx(2 * 1.96 * deviation, rel=0.25)  # the normal interval
    assert not metric.higher_is_better
    assert [m for m in more.metrics if m.name != "rank_error"] == found.metrics
    assert set(more.replicates) == {*found.replicates, "rank_error"}
