"""Splits: exact sizes, no row lost or used twice, the same for the same seed, and refusals that name the class."""

import numpy as np
import pytest
from sklearn.model_selection import LeaveOneOut

from parnassus.data import split
from parnassus.data.split import balanced_order, bootstrap_draw, check_order, k_folds, leave_one_out, repeated
from parnassus.errors import DataError, SettingError


def covers(parts, n):
    return sorted(np.concatenate(parts).tolist()) == list(range(n))


@pytest.mark.parametrize(
    ("n", "fraction", "n_test"), [(10, 0.25, 2), (100, 0.15, 15), (3, 0.01, 1), (3, 0.99, 2), (7, 0.5, 4)]
)
def test_a_random_split_has_the_size_asked_for(n, fraction, n_test):
    train, test = split.random_split(n, test_size=fraction, seed=1)
    assert len(test) == n_test
    assert covers((train, test), n)
    assert train.dtype == test.dtype == np.int64


def test_the_same_seed_gives_the_same_split():
    assert np.array_equal(split.random_split(50, seed=3)[1], split.random_split(50, seed=3)[1])
    assert not np.array_equal(split.random_split(50, seed=3)[1], split.random_split(50, seed=4)[1])


def test_a_stratified_split_keeps_each_class_s_share():
    # scikit-learn's train_test_split(stratify=y) also gives 15, 9 and 6 of these 50, 30 and 20
    y = np.repeat(["a", "b", "c"], [50, 30, 20])
    train, test = split.stratified_split(y, test_size=0.3, seed=2)
    assert np.unique(y[test], return_counts=True)[1].tolist() == [15, 9, 6]
    assert covers((train, test), 100)


@pytest.mark.parametrize("counts", [(90, 8, 2), (5, 5, 2), (33, 34, 33)])
def test_a_stratified_split_has_the_whole_size_and_every_class_twice(counts):
    y = np.repeat(np.arange(3), counts)
    train, test = split.stratified_split(y, test_size=0.25, seed=0)
    assert len(test) == round(len(y) * 0.25)
    assert set(y[train]) == set(y[test]) == {0, 1, 2}


def test_a_large_test_part_leaves_a_row_of_every_class_to_train_on():
    y = np.repeat([0, 1, 2], [2, 2, 20])
    train, test = split.stratified_split(y, test_size=0.75)
    assert np.bincount(y[train]).tolist() == [1, 1, 4]
    assert np.bincount(y[test]).tolist() == [1, 1, 16]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: split.stratified_split(["a", "a", "b"]), "class 'b' has 1 rows"),
        (lambda: split.stratified_split(["a", "a", "b", "b", "c", "c"], test_size=0.2), "3 classes"),
        (lambda: split.stratified_folds([0, 0, 0, 1, 1], 3), "class 1 has 2 rows and 3 folds needs 3"),
        (lambda: split.stratified_folds(np.eye(4), 2), "one label a row"),
        (lambda: split.k_folds(3, 4), "4 folds of 3 rows"),
        (lambda: split.k_folds(3, 1), "2 to 3"),
        (lambda: split.random_split(1), "1 rows cannot be split"),
        (lambda: split.grouped_split(["g", "g"]), "two groups"),
        (lambda: split.grouped_folds(["g", "h"], 3), "3 groups"),
        (lambda: split.time_split([1.0, np.nan, 2.0]), "row 1 has no time"),
        (lambda: split.time_split([1, 1, 1, 1]), "nothing earlier"),
        (lambda: split.time_folds([1, 1, 1, 1], 2), "train and test"),
        (lambda: split.time_folds([1, 2], 2), "3 rows"),
    ],
)
def test_a_split_that_cannot_be_made_is_refused(call, says):
    with pytest.raises(DataError, match=says):
        call()


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, 10])
def test_a_part_is_a_fraction(fraction):
    with pytest.raises(SettingError):
        split.random_split(10, test_size=fraction)


def test_a_group_is_never_on_both_sides():
    groups = np.repeat(np.arange(20), np.arange(1, 21))
    train, test = split.grouped_split(groups, test_size=0.25, seed=5)
    assert not set(groups[train]) & set(groups[test])
    assert covers((train, test), len(groups))
    assert 0.15 < len(test) / len(groups) < 0.35
    for fold_train, fold_test in split.grouped_folds(groups, 4, seed=1):
        assert not set(groups[fold_train]) & set(groups[fold_test])
        assert len(fold_test) == pytest.approx(len(groups) / 4, rel=0.1)


@pytest.mark.parametrize(
    "times",
    [
        np.array(["2024-01-03", "2024-01-01", "2024-01-02", "2024-01-04", "2024-01-04"], dtype="datetime64[D]"),
        [3, 1, 2, 4, 4],
    ],
)
def test_the_test_part_is_later_than_all_training(times):
    train, test = split.time_split(times, test_size=0.2)
    assert train.tolist() == [1, 2, 0]
    assert sorted(test.tolist()) == [3, 4]  # both rows of the last stamp, though one row was asked for


def test_folds_in_time_only_look_back():
    folds = split.time_folds([5, 4, 3, 2, 1, 0], 2)
    assert [(train.tolist(), test.tolist()) for train, test in folds] == [([5, 4], [3, 2]), ([5, 4, 3, 2], [1, 0])]


def test_three_parts_are_70_15_15():
    parts = split.three_way_split(1000)
    assert [len(p) for p in parts] == [700, 150, 150]
    assert covers(parts, 1000)
    y = np.arange(1000) % 4
    stratified = split.three_way_split(1000, validation=0.2, test=0.2, y=y)
    assert [np.bincount(y[p]).tolist() for p in stratified] == [[150] * 4, [50] * 4, [50] * 4]
    with pytest.raises(SettingError):
        split.three_way_split(10, validation=0.5, test=0.5)


@pytest.mark.parametrize(("n", "k"), [(10, 3), (7, 7), (100, 10)])
def test_every_row_is_tested_once(n, k):
    folds = split.k_folds(n, k, seed=2)
    assert covers([test for _, test in folds], n)
    assert all(covers(fold, n) for fold in folds)
    # scikit-learn's KFold: the first n % k folds have one row more
    assert [len(test) for _, test in folds] == [n // k + (i < n % k) for i in range(k)]


def test_stratified_folds_share_each_class_out():
    y = np.repeat([0, 1, 2], [11, 7, 5])
    folds = split.stratified_folds(y, 3, seed=0)
    assert covers([test for _, test in folds], len(y))
    per_fold = np.array([np.bincount(y[test], minlength=3) for _, test in folds])
    assert (np.ptp(per_fold, axis=0) <= 1).all()
    assert np.ptp(per_fold.sum(1)) <= 1


def test_0_B69_variance_of_the_cross_validated_mean():
    assert split.mean_variance(1.0, 5, 0.5) == pytest.approx(0.6)
    assert split.mean_variance(1.0, 5, 0.0) == pytest.approx(0.2)  # the oracle's uncorrelated mean of five


def test_mean_and_spread_are_those_of_the_statistics_module():
    # statistics.mean and statistics.stdev of the iris folds .9667 .9333 .9667 .9333 .9333
    mean, spread = split.mean_and_spread([0.9667, 0.9333, 0.9667, 0.9333, 0.9333])
    assert (mean, spread) == (pytest.approx(0.94666), pytest.approx(0.0182939, abs=1e-6))
    assert split.mean_and_spread([0.5]) == (0.5, 0.0)


def test_leaving_one_out_is_scikit_learns():
    peer = [(a.tolist(), b.tolist()) for a, b in LeaveOneOut().split(np.zeros((7, 1)))]
    assert [(sorted(a.tolist()), b.tolist()) for a, b in leave_one_out(7)] == peer


def test_repeats_divide_anew_each_time():
    made = repeated(lambda seed: k_folds(20, 4, seed=seed), 3, seed=5)
    assert len(made) == 12
    assert [t.tolist() for _, t in made[:4]] == [t.tolist() for _, t in k_folds(20, 4, seed=5)]
    assert made[0][1].tolist() != made[4][1].tolist()
    with pytest.raises(SettingError, match="once or more"):
        repeated(lambda seed: k_folds(20, 4, seed=seed), 0)


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ([1, 2, 5, 4], "row 3 is of 4 and the row before it of 5"),
        (np.array(["2020-02-01", "2020-01-01"], dtype="M8[D]"), "sort the rows by time"),
        ([1.0, np.nan, 2.0], "row 1 has no time"),
    ],
)
def test_times_out_of_order_are_refused_by_row(times, says):
    with pytest.raises(DataError, match=says):
        check_order(times)


def test_a_bootstrap_draw_leaves_out_a_share_of_1_over_e():
    """(1 - 1/n)^n is .36770 for n = 1000; the mean of 200 draws is within four standard errors."""
    shares = [len(bootstrap_draw(1000, seed=i)[1]) / 1000 for i in range(200)]
    assert np.mean(shares) == pytest.approx((1 - 1 / 1000) ** 1000, abs=4 * 0.0098 / 200**0.5)
    drawn, left_out = bootstrap_draw(10, 4, seed=2)
    assert len(drawn) == 4
    assert not set(drawn.tolist()) & set(left_out.tolist())
    assert set(drawn.tolist()) | set(left_out.tolist()) == set(range(10))


def test_each_beginning_of_a_balanced_order_has_every_class_in_its_share():
    y = np.array([0] * 60 + [1] * 30 + [2] * 10)
    rows = np.arange(100) + 7
    order = balanced_order(rows, y, seed=3)
    assert sorted(order.tolist()) == rows.tolist()
    for n in range(5, 101, 5):
        counts = np.bincount(y[order[:n] - 7], minlength=3)
        assert (np.abs(counts - n * np.array([0.6, 0.3, 0.1])) <= 1).all()
    assert balanced_order(rows, y, seed=4).tolist() != order.tolist()
