"""Targets: what is refused, what is learned, and that decoding gives the user's own terms back."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import DataConversionWarning

from parnassus import store
from parnassus.data.targets import Labels, Multilabel, Numbers, Target, check_lengths, target_for
from parnassus.errors import DataError, DataWarning, SettingError


@pytest.mark.parametrize(
    ("y", "says"),
    [
        ([], "empty"),
        (None, "requires y to be passed, but the target y is None"),
        (3, "1d array"),
        ([1, 1, 1], "one class"),
        ([0.5, 0.2], "Unknown label type: continuous"),
        ([0.5, 0.2], r"\(y > 0.5\)"),
        ([1.0, np.nan], "contains NaN.*row 1"),
        ([1.0, np.inf], "infinity"),
        (["a", None], "row 1"),
        (["a", np.nan], "row 1"),
        (pd.Series([1, None], dtype="Int64"), "row 1"),
        ([1, "a"], "row 1: 'a'"),
        ([[0.2, 0.8], [0.7, 0.3]], r"probabilities.*argmax"),
        ([[2.5, -0.8], [0.7, 3.0]], r"logits.*argmax"),
        ([[1, 2, 3]], "ravel"),
        (np.eye(3), "argmax"),
        ([["a"], ["b", "c"]], "Multilabel"),
        ([1 + 2j, 2], "Complex data not supported"),
        ([{}, {}], "Unknown label type"),
        ([2**70, 1], "64 bits"),
        (np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]"), "strings first"),
    ],
)
def test_what_is_no_label_is_refused_by_name(y, says):
    with pytest.raises(DataError, match=says):
        Labels().fit(y)


@pytest.mark.parametrize(
    ("seen", "given", "says"),
    [
        (["a", "b"], ["a", "z"], r"'z'.*row 1.*'a', 'b'"),
        ([1, 2], [1, 3], r"\[3\].*row 1"),
        (["a", "b"], [1, 2], "type"),
        ([1, 2], ["1", "2"], "type"),
    ],
)
def test_labels_that_fit_has_not_seen_are_refused(seen, given, says):
    with pytest.raises(DataError, match=says):
        Labels().fit(seen).encode(given)


@pytest.mark.parametrize(
    "y",
    [
        ["b", "a", "b"],
        [2, 7, 2],
        [True, False, True],
        [1.0, 2.0, 1.0],
        np.array(["b", "a", "b"], dtype=object),
        pd.Series(["b", "a", "b"]),
        pd.Series(["b", "a", "b"], dtype="category"),
        pd.Series([2, 7, 2], dtype="Int64"),
        pl.Series(["b", "a", "b"]),
        torch.tensor([2, 7, 2]),
        np.array([b"b", b"a", b"b"]),
    ],
)
def test_labels_of_any_container_come_back_in_their_own_type(y):
    target = Labels().fit(y)
    values = np.asarray(y)
    assert target.classes.tolist() == sorted(set(values.tolist()))
    rows = target.encode(y).tensors["y"]
    assert rows.shape == (3, 1)
    assert rows.dtype == torch.float32
    again = target.decode(rows * 2 - 1)
    assert again.tolist() == values.tolist()
    assert again.dtype.kind == (values.dtype.kind if values.dtype != object else target.classes.dtype.kind)


def test_three_classes_make_three_outputs_and_two_make_one():
    three = Labels().fit(["c", "a", "b", "a"])
    assert (three.facts(), three.loss_kind) == ({"n_outputs": 3}, "labels")
    assert three.encode(["c", "a"]).tensors["y"].tolist() == [2, 0]
    assert three.encode(["c", "a"]).tensors["y"].dtype == torch.int64
    assert three.counts.tolist() == [2, 1, 1]
    two = Labels().fit(["a", "b"])
    assert (two.facts(), two.loss_kind, two.loss_name) == ({"n_outputs": 1}, "binary", "cross_entropy")


def test_probabilities_are_those_of_the_logits():
    # scipy.special: expit(2) = 0.8807970779778823, softmax([0, 1]) = [0.26894142137, 0.73105857863]
    two = Labels().fit([0, 1]).probabilities(torch.tensor([[2.0], [-800.0]]))
    assert two[0].tolist() == pytest.approx([1 - 0.8807970779778823, 0.8807970779778823])
    assert two[1, 0] == 1
    three = Labels().fit([0, 1, 2]).probabilities(torch.tensor([[0.0, 1.0, -torch.inf]]))
    assert three[0].tolist() == pytest.approx([0.26894142137, 0.73105857863, 0])
    assert three.dtype == np.float64


def test_the_threshold_moves_the_second_class():
    target = Labels().fit(["no", "yes"])
    logit = torch.tensor([[0.0], [1.0]])
    # Hifny A5.5: class 1 where the probability is at least the threshold, ties included
    assert target.decode(logit).tolist() == ["yes", "yes"]
    assert target.decode(logit, threshold=0.6).tolist() == ["no", "yes"]
    assert target.decode(logit, threshold=0.9).tolist() == ["no", "no"]


def test_a_column_vector_is_taken_with_the_warning_of_scikit_learn():
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed when a 1d array was expected"):
        assert Labels().fit([[1], [2]]).classes.tolist() == [1, 2]


def test_1_B04_one_hot_of_the_third_of_four():
    assert Labels().fit(["a", "b", "c", "d"]).one_hot(["c"]).tolist() == [[0, 0, 1, 0]]


def test_3_B32_one_hot_of_a_fruit():
    fruits = ["apple", "banana", "grape", "orange", "pear"]
    assert Labels().fit(fruits).one_hot(["banana"]).tolist() == [[0, 1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("y", "says"),
    [
        ([[0, 0.5], [1, 1]], "row 0, column 1"),
        (np.array([[1.0, np.nan], [0, 1]]), "row 0, column 1"),
        ([[], []], "no row of y has a label"),
        ([], "shape"),
        ([["a", 1], ["b"]], "mixes"),
    ],
)
def test_what_is_no_set_of_labels_is_refused(y, says):
    with pytest.raises(DataError, match=says):
        Multilabel().fit(y)


@pytest.mark.parametrize("y", [[["b"], ["a", "b"], []], [{"b"}, {"a", "b"}, set()], [("b",), ("a", "b"), ()]])
def test_lists_and_sets_of_labels_come_back_as_such(y):
    target = Multilabel().fit(y)
    rows = target.encode(y).tensors["y"]
    assert rows.tolist() == [[0, 1], [1, 1], [0, 0]]
    assert target.decode(rows * 2 - 1) == y
    with pytest.raises(DataError, match=r"'z'.*row 0"):
        target.encode([["z"]])


@pytest.mark.parametrize(
    "wrap", [np.array, torch.tensor, sparse.csr_array, list, lambda y: pd.DataFrame(y, columns=["u", "v"])]
)
def test_an_indicator_comes_back_as_an_array(wrap):
    y = [[1, 0], [1, 1], [0, 1]]
    target = Multilabel().fit(wrap(y))
    rows = target.encode(wrap(y)).tensors["y"]
    assert rows.tolist() == y
    assert target.decode(rows * 2 - 1).tolist() == y
    assert target.counts.tolist() == [2, 2]


def test_labels_that_are_always_off_are_named():
    with pytest.warns(DataWarning, match=r"\[2\] are on in all training rows or in none"):
        Multilabel().fit(np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0]]))


def test_one_hot_rows_given_as_an_indicator_are_pointed_out():
    with pytest.warns(DataWarning, match="argmax"):
        Multilabel().fit(np.eye(3, dtype=int))


def test_each_label_has_its_own_threshold():
    target = Multilabel().fit(np.array([[1, 0], [0, 1], [1, 1]]))
    assert target.decode(torch.tensor([[0.0, 0.0]]), threshold=[0.4, 0.6]).tolist() == [[1, 0]]


def test_0_B32_three_genres_make_eight_targets():
    subsets = [[g for g, on in zip("abc", bits, strict=True) if on] for bits in np.ndindex(2, 2, 2)]
    target = Multilabel().fit(subsets)
    assert len({tuple(row) for row in target.encode(subsets).tensors["y"].tolist()}) == 2**3
    assert target.encode([[]]).tensors["y"].tolist() == [[0, 0, 0]]


@pytest.mark.parametrize(
    ("y", "says"),
    [
        ([1, np.nan], "NaN.*row 1"),
        ([[1, 2], [np.inf, 2]], "infinity.*row 1, column 0"),
        (["1", "2"], "astype"),
        ([[1, 2], [3]], "same length"),
        (np.zeros((2, 2, 2)), "shape"),
        ([], "empty"),
        ([1e308, -1e308, 1e308], "too large"),
    ],
)
def test_what_is_no_number_is_refused_by_name(y, says):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(DataError, match=says):
            Numbers().fit(y)


@pytest.mark.parametrize("y", [[1.0, 2.0, 6.0], [[1.0], [2.0], [6.0]], [[1.0, 5.0], [2.0, 5.0], [6.0, 5.0]]])
def test_numbers_come_back_in_their_units_and_shape(y):
    target = Numbers().fit(y)
    rows = target.encode(y).tensors["y"]
    assert rows.dtype == torch.float32
    assert rows.shape == (3, (np.ndim(y[0]) and len(y[0])) or 1)
    assert target.decode(rows) == pytest.approx(np.array(y), abs=1e-6)
    assert np.shape(target.decode(rows)) == np.shape(y)


def test_a_column_that_never_varies_is_only_centred():
    # in floats the mean of seven times 0.1 is not 0.1, so the deviation is 1e-17 and not 0
    target = Numbers().fit([[0.1, k] for k in range(7)])
    assert target.scale[0] == 1
    assert target.encode([[1.1, 3]]).tensors["y"].tolist() == [[1, 0]]


def test_numbers_are_standardised_with_the_population_deviation():
    # numpy: mean of 1, 2, 6 is 3; variance ((-2)^2 + (-1)^2 + 3^2) / 3 = 14 / 3
    target = Numbers().fit([1, 2, 6])
    assert (target.mean.tolist(), target.median.tolist()) == ([3], [2])
    assert target.encode([3 + (14 / 3) ** 0.5]).tensors["y"].item() == pytest.approx(1)
    assert Numbers(scaling="none").fit([1, 2, 6]).encode([5]).tensors["y"].item() == 5
    with pytest.raises(SettingError):
        Numbers(scaling="log")


@pytest.mark.parametrize(
    ("target", "y"),
    [
        (Labels(), ["b", "a"]),
        (Labels(), [3, 5, 9]),
        (Labels(), np.array(["b", "\x1f"], dtype=object)),
        (Labels(), [True, False]),
        (Multilabel(), [{"a"}, {"b"}]),
        (Multilabel(), np.array([[1, 0], [1, 1]], dtype=np.uint8)),
        (Numbers(), [[1.0, 3.0], [2.0, 5.0]]),
        (Numbers(scaling="none"), [1, 2]),
    ],
)
def test_a_saved_target_is_the_same_target(target: Target, y, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        target.fit(y)
    store.save(tmp_path / "t", target.state())
    again = type(target).from_state(store.load(tmp_path / "t"))
    rows = target.encode(y).tensors["y"]
    assert torch.equal(again.encode(y).tensors["y"], rows)
    assert again.facts() == target.facts()
    outputs = rows.float() if target.loss_kind != "labels" else torch.eye(3)
    assert np.array_equal(np.asarray(again.decode(outputs)), np.asarray(target.decode(outputs)))
    assert repr(again) == repr(target)


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        ([1, 2], "labels"),
        (["a", "b"], "labels"),
        ([[1], [2]], "labels"),
        ([[0, 1], [1, 1]], "multilabel"),
        ([["a"], []], "multilabel"),
        ([["a", "b"], ["a", "c"]], "multilabel"),
        (np.eye(3), "multilabel"),
        ([[0.2, 0.8], [0.5, 0.5]], "labels"),
        (np.array([[1, 2, 3]]), "labels"),
    ],
)
def test_a_classifier_takes_labels_or_sets_of_labels(y, kind):
    assert target_for(y, "classifier").kind == kind
    assert target_for(y, "regressor").kind == "numbers"


def test_lengths_that_differ_are_both_named():
    check_lengths(3, 3)
    with pytest.raises(DataError, match="X has 3 rows and y has 4"):
        check_lengths(3, 4)


@pytest.mark.parametrize("target", [Labels, Numbers])
def test_columns_of_texts_and_of_numbers_are_two_kinds_of_answer(target):
    y = pd.DataFrame({"digit": list("abc"), "ink": [0.5, 1.5, 2.0]})
    with pytest.raises(DataError, match=r"column 0 of y holds texts and column 1 numbers.*get_dummies"):
        target().fit(y)
    assert Numbers().fit(pd.get_dummies(y, dtype=float)).facts() == {"n_outputs": 4}


def test_two_columns_of_classes_are_lists_of_labels():
    y = np.array([["red", "square"], ["blue", "disk"]])
    with pytest.raises(DataError, match=r"lists of them, np.asarray\(y\).tolist\(\)"):
        Labels().fit(y)
    assert Multilabel().fit(y.tolist()).labels.tolist() == ["blue", "disk", "red", "square"]
