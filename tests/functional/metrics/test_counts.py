"""Fractions of hits and misses against the books' corrected numbers."""

import numpy as np
import pytest

from parnassus.functional.metrics import averaged_scores, count_scores, harmonic_f

FBETA = [(0.5, 0.7692308, 0.625), (1, 0.7272727, 0.7272727), (2, 0.6896552, 0.8695652)]


@pytest.mark.parametrize(("beta", "right", "printed"), FBETA)
def test_1_B29_f_beta_from_counts_weighs_misses_by_beta_squared(beta, right, printed):
    # Baker, B29; the notes' count form (TP 40, FP 10, FN 20) leaves beta^2 off FN and is right for F1 only.
    p, r, f = count_scores(40, 10, 20, beta=beta)
    assert p == pytest.approx(0.8)
    assert r == pytest.approx(0.6667, abs=5e-5)
    assert f == pytest.approx(right, abs=5e-8)
    assert (abs(f - printed) > 0.05) == (beta != 1)


def test_0_B14_f1_column_of_the_threshold_table():
    # Hifny, B14: nine rows (precision, recall) -> F1; the book rounds the row .90/.65 to .76, it is .75.
    p = np.array([0.65, 0.70, 0.75, 0.80, 0.82, 0.85, 0.88, 0.90, 0.92])
    r = np.array([0.95, 0.90, 0.85, 0.82, 0.78, 0.75, 0.70, 0.65, 0.60])
    right = [0.7719, 0.7875, 0.7969, 0.8099, 0.7995, 0.7969, 0.7797, 0.7548, 0.7263]
    f = harmonic_f(p, r)
    np.testing.assert_allclose(f, right, atol=5e-5)
    assert np.argmax(f) == 3
    printed = [0.77, 0.79, 0.80, 0.81, 0.80, 0.80, 0.78, 0.76, 0.73]
    assert (f.round(2) == printed).tolist() == [True] * 7 + [False, True]


TP, FP, FN = [10, 20, 15], [5, 4, 3], [3, 6, 7]


def test_0_B17_micro_scores_pool_the_counts():
    # Hifny, B17: F1 = 90/118; the book prints .762 after rounding precision and recall first.
    p, r, f = averaged_scores(TP, FP, FN, average="micro")
    assert p == pytest.approx(45 / 57)
    assert r == pytest.approx(45 / 61)
    assert f == pytest.approx(90 / 118)
    assert round(float(f), 3) == 0.763 != 0.762


def test_0_B17_macro_f1_is_the_mean_of_the_labels_f1():
    # Hifny, B17: .7547619; the harmonic mean of the macro means is another number, .7584677.
    p, r, f = averaged_scores(TP, FP, FN, average="macro")
    assert (p, r, f) == pytest.approx((0.7777778, 0.7400932, 0.7547619), abs=5e-8)
    assert averaged_scores(TP, FP, FN, average="macro-of-means").f == pytest.approx(0.7584677, abs=5e-8)


@pytest.mark.parametrize("zero_division", [0.0, 1.0, np.nan])
def test_nothing_over_nothing_is_what_the_caller_says(zero_division):
    np.testing.assert_equal(count_scores(0, 0, 0, zero_division=zero_division), [zero_division] * 3)


def test_undefined_classes_stay_out_of_the_mean_when_asked():
    # Class 2 has no rows and no predictions; by hand, the mean over the other two is (1 + .5) / 2.
    p = averaged_scores([1, 1, 0], [0, 1, 0], [0, 0, 0], average="macro", zero_division=np.nan).precision
    assert p == pytest.approx(0.75)


def test_cases_stand_on_leading_axes():
    # One row per case: the same numbers as case by case.
    tp, fp, fn = (np.array([a, a[::-1]]) for a in (TP, FP, FN))
    both = averaged_scores(tp, fp, fn, average="weighted")
    assert both.f.shape == (2,)
    assert both.f[1] == pytest.approx(float(averaged_scores(tp[1], fp[1], fn[1], average="weighted").f))
