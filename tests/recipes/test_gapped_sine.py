"""The sine with a gap: the function's values as worked out apart, and what a net with few rows may claim."""

import numpy as np
import pytest

from parnassus import recipes
from parnassus.recipes.gapped_sine import judged, truth


def test_the_function_is_the_book_s():
    at = np.array([-0.5, -0.2, 0.25, 0.4, 0.8, 1.2])
    assert truth(at) == pytest.approx([-0.5, -0.661653, 0.55, 0.291019, 0.338347, 1.661653], abs=1e-6)


@pytest.mark.slow
def test_weights_alone_hold_no_more_answers_than_weights_and_noise():
    rows = recipes.run("gapped-sine", "tiny").rows
    assert len(rows) == 6
    assert all(both >= alone for *_, both, alone, _ in rows)


def test_an_interval_is_judged_by_two_of_its_deviations():
    class Wide:
        epistemic, total = np.full(2, 0.1), np.full(2, 1.0)

    class Made:
        def predict(self, new):
            return truth(new[:, 0]) + np.array([0.19, 0.21])

        def uncertainty(self, new):
            return Wide

    new = np.array([[0.0], [0.1]])
    answers = truth(new[:, 0]) + np.array([0.0, 2.5])
    assert judged(Made(), new, answers) == pytest.approx((np.hypot(0.19, 0.21) / 2**0.5, 0.1, 0.5, 0.5, 0.5))
