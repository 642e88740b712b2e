"""Tables of what people said, against SciPy's intervals."""

import numpy as np
import pytest
from scipy.stats import binomtest, rankdata

from parnassus.errors import DataError
from parnassus.evaluation.human import fooled, mean_ranks


def test_shares_have_the_intervals_of_scipy():
    rng = np.random.default_rng(0)
    answers = {"bad": rng.random(50) < 0.1, "good": rng.random(40) < 0.5}
    found = {one.system: one for one in fooled(answers)}
    assert list(found) == ["good", "bad"]
    for name, given in answers.items():
        theirs = binomtest(int(given.sum()), len(given)).proportion_ci(method="wilson")
        assert (found[name].low, found[name].high) == pytest.approx((theirs.low, theirs.high))
        assert found[name].value == given.mean()


def test_mean_ranks_are_those_of_rankdata_with_normal_intervals():
    liked = np.random.default_rng(0).normal(size=(3, 30)) + np.array([[0.0], [0.5], [1.5]])
    ranks = rankdata(-liked, axis=0)
    found = mean_ranks(dict(zip("abc", ranks, strict=True)))
    assert [one.system for one in found] == sorted("abc", key=lambda s: ranks["abc".index(s)].mean())
    best = next(one for one in found if one.system == "c")
    assert best.value == pytest.approx(ranks[2].mean())
    assert best.high - best.value == pytest.approx(1.959964 * ranks[2].std(ddof=1) / np.sqrt(30), rel=1e-6)
    assert sum(one.value for one in found) == pytest.approx(6)


def test_answers_that_are_none_are_refused():
    with pytest.raises(DataError, match="True or False"):
        fooled({"a": [0.3, 1.0]})
    with pytest.raises(DataError, match="True or False"):
        fooled({"a": []})
    with pytest.raises(DataError, match="question 1 has"):
        mean_ranks({"a": [1, 1], "b": [2, 1]})
    with pytest.raises(DataError, match="two systems"):
        mean_ranks({"a": [1]})
    with pytest.raises(DataError, match=r"1 or more.*question 0 has \[0.0, 3.0\]"):
        mean_ranks({"a": [0, 1], "b": [3, 2]})
