"""What every estimator goes through: scikit-learn's own suite, and our refusals."""

import contextlib
import io
import random
import warnings

import numpy as np
import pytest
import torch
from sklearn.utils.estimator_checks import check_estimator

import parnassus as pn
from parnassus.estimators.base import Estimator

EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "rows repeated change the shuffled batches of a stochastic fit",
    "check_methods_subset_invariance": "float32 products differ in the last bit between batch sizes",
}
SUITED = [
    pn.Classifier("mlp", epochs=60, lr=0.02, batch_size=16),
    pn.Regressor("mlp", epochs=60, lr=0.02, batch_size=16),
]


@pytest.mark.slow
@pytest.mark.parametrize("estimator", SUITED, ids=lambda e: type(e).__name__)
def test_it_passes_scikit_learns_checks(estimator):
    before = np.random.get_state(), random.getstate(), torch.get_rng_state()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        results = check_estimator(estimator, on_fail=None, on_skip=None, expected_failed_checks=EXPECTED)
    assert torch.equal(before[2], torch.get_rng_state())
    np.random.set_state(before[0])  # scikit-learn's checks draw from these themselves
    random.setstate(before[1])
    failed = {r["check_name"]: str(r["exception"])[:200] for r in results if r["status"] == "failed"}
    assert not failed, failed
    assert sum(r["status"] == "passed" for r in results) >= 50
    # array API needs SCIPY_ARRAY_API; nothing else may be skipped
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= {"check_array_api_input"}


@pytest.mark.parametrize("name", sorted(Estimator.kinds))
def test_the_constructor_only_stores_and_every_setting_is_a_keyword(name):
    import inspect

    kind = Estimator.kinds[name]
    parameters = inspect.signature(kind.__init__).parameters
    assert list(parameters)[:2] == ["self", "model"]
    for p in list(parameters.values())[2:]:
        assert p.kind is p.KEYWORD_ONLY, p
    marks = {p: object() for p in list(parameters)[1:]}
    made = kind(**marks)
    assert all(getattr(made, p) is mark for p, mark in marks.items())


# --- what is refused ------------------------------------------------------------------------------

X = np.random.default_rng(0).normal(size=(60, 4))
Y = np.array(["a", "b", "c"] * 20)
NUMBERS = X.sum(1)
PICTURES = np.random.default_rng(0).integers(0, 255, (30, 8, 8), dtype=np.uint8)


def spoilt(value, row=7, column=2):
    other = X.copy()
    other[row, column] = value
    return other


def holed(y, row=5):
    other = y.astype(float).copy()
    other[row] = np.nan
    return other


def classify(X=X, y=Y, **fit):
    return lambda: pn.Classifier("mlp", epochs=1).fit(X, y, **fit)


def regress(X=X, y=NUMBERS, **fit):
    return lambda: pn.Regressor("mlp", epochs=1).fit(X, y, **fit)


REFUSED = {
    "NaN in X": (classify(spoilt(np.nan)), ["row 7", "column"]),
    "infinity in X": (regress(spoilt(np.inf)), ["row 7", "column"]),
    "NaN in y": (regress(y=holed(NUMBERS)), ["row 5", "y"]),
    "infinity in y": (regress(y=np.where(np.arange(60) == 3, np.inf, NUMBERS)), ["row 3", "infinity"]),
    "no y": (lambda: pn.Classifier("mlp").fit(X), ["y"]),
    "y too short": (classify(y=Y[:-1]), ["60", "59"]),
    "y that would broadcast": (regress(y=NUMBERS[None]), ["60", "1"]),
    "probabilities as labels": (classify(y=np.full((60, 3), 1 / 3)), ["probabilities", "argmax"]),
    "logits as labels": (classify(y=X[:, :3]), ["argmax"]),
    "continuous labels": (classify(y=NUMBERS), ["continuous", "Regressor"]),
    "one class": (classify(y=["a"] * 60), ["one class", "at least two"]),
    "missing label": (classify(y=[None, *Y[1:].tolist()]), ["row 0"]),
    "text as numbers": (regress(y=Y), ["numbers"]),
    "text in a numeric column": (
        lambda: pn.Classifier("mlp", epochs=1).fit(X, Y).predict([[1, 2, "oops", 4]]),
        ["row 0, column 2", "oops", "numbers are due"],
    ),
    "fewer rows than classes held out": (classify(X[:6], ["a", "b", "c"] * 2, validation=0.1), ["classes"]),
    "a single row of a class": (classify(X[:7], ["a", "b"] * 3 + ["c"], validation=0.5), ["c", "rows"]),
    "labels unseen in training": (classify(validation=(X[:2] + 9, ["rose", "rose"])), ["rose", "not seen"]),
    "unknown target column": (lambda: pn.Classifier("mlp").fit({"a": [1]}, target="b"), ["target"]),
    "dict of columns": (lambda: pn.Classifier("mlp").fit({"a": [1, 2]}, [0, 1]), ["data frame", "dict of 'a'"]),
    "too few columns at predict": (lambda: pn.Classifier("mlp", epochs=1).fit(X, Y).predict(X[:, :3]), ["3", "4"]),
    "negative weights": (classify(sample_weight=np.where(np.arange(60) == 9, -1.0, 1.0)), ["row 9", "negative"]),
    "weights too few": (classify(sample_weight=np.ones(3)), ["60"]),
    "validation out of range": (classify(validation=1.5), ["validation"]),
    "0-255 given as floats": (
        lambda: pn.Classifier("cnn", epochs=1).fit(PICTURES[..., None].astype(np.float64), Y[:30]),
        ["255", "uint8"],
    ),
    "pictures of another size at predict": (
        lambda: pn.Classifier("cnn", epochs=1).fit(PICTURES, Y[:30]).predict(np.zeros((2, 9, 9), np.uint8)),
        ["9", "8"],
    ),
    "no rows": (classify(X[:0], []), ["empty"]),
    "one-dimensional X": (classify(X[:, 0]), ["2"]),
    "a path that is not there": (
        lambda: pn.Classifier("mlp").fit("no/such/file.csv", target="y"),
        ["no/such/file.csv"],
    ),
    "y beside a path": (lambda: pn.Classifier("mlp").fit("file.csv", Y), ["target="]),
    "nothing that could be data": (lambda: pn.Classifier("mlp").fit(3, Y), ["int"]),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_a_broken_contract_is_refused_by_name(name):
    work, words = REFUSED[name]
    before = torch.get_rng_state()
    with pytest.raises(pn.ParnassusError) as caught:
        work()
    message = str(caught.value)
    assert all(w.lower() in message.lower() for w in words), message
    assert len(message) > 30
    assert torch.equal(before, torch.get_rng_state())


def test_a_bad_row_at_predict_can_be_skipped_with_a_report():
    fitted = pn.Classifier("mlp", epochs=5).fit(X, Y)
    bad = spoilt(np.nan, row=3)
    bad[11, 0] = np.inf
    with pytest.warns(pn.DataWarning, match="2 of 60 rows were skipped"):
        answers = fitted.predict(bad, on_error="skip")
    assert [i for i, a in enumerate(answers) if a is None] == [3, 11]
    good = np.delete(np.arange(60), [3, 11])
    np.testing.assert_array_equal(np.array(answers[good], dtype=str), fitted.predict(X[good]))
    assert set(fitted.skipped_) == {3, 11}
    with pytest.warns(pn.DataWarning):
        assert np.isnan(fitted.predict_proba(bad, on_error="skip")[[3, 11]]).all()
    with pytest.warns(pn.DataWarning):
        assert np.isnan(pn.Regressor("mlp", epochs=1).fit(X, NUMBERS).predict(bad, on_error="skip")[[3, 11]]).all()
    with pytest.raises(pn.DataError, match="no row of X can be used"):
        fitted.predict(np.full((2, 4), np.nan), on_error="skip")


def test_columns_missing_extra_or_reordered_are_named():
    import pandas as pd

    frame = pd.DataFrame(X, columns=list("abcd"))
    fitted = pn.Classifier("mlp", epochs=1).fit(frame, Y)
    for other, word in (
        (frame.drop(columns="c"), "c"),
        (frame.assign(e=1.0), "e"),
        (frame[list("abdc")], "order"),
        (frame.rename(columns={"d": "z"}), "z"),
    ):
        with pytest.raises(ValueError, match=word):
            fitted.predict(other)


def test_rows_that_straddle_training_and_validation_are_counted():
    doubled = np.concatenate([X, X])
    with pytest.warns(pn.DataWarning, match=r"\d+ .*rows"):
        pn.Classifier("mlp", epochs=1).fit(doubled, np.concatenate([Y, Y]), validation=0.3)


def test_a_column_that_gives_the_answer_away_is_named():
    import pandas as pd

    frame = pd.DataFrame(X, columns=list("abcd")).assign(answer=NUMBERS * 2, y=NUMBERS)
    with pytest.warns(pn.DataWarning, match="answer"):
        pn.Regressor("mlp", epochs=1).fit(frame, target="y")


def test_a_column_of_codes_is_read_alike_whatever_else_its_file_holds(tmp_path):
    import pandas as pd

    codes = ["7", "8", "x", "9"] * 15
    pd.DataFrame({"code": codes, "size": X[:, 0], "y": Y}).to_csv(tmp_path / "train.csv", index=False)
    fitted = pn.Classifier("mlp", epochs=2).fit(tmp_path / "train.csv", target="y")
    frame = pd.DataFrame({"code": codes, "size": X[:, 0]})
    numerals = frame[frame.code != "x"]
    numerals.to_csv(tmp_path / "numerals.csv", index=False)  # pandas reads this column as integers
    np.testing.assert_array_equal(fitted.predict_proba(tmp_path / "numerals.csv"), fitted.predict_proba(numerals))


def test_partial_fit_refuses_what_needs_all_rows():
    for settings in ({"class_weight": "balanced"}, {"threshold": "f1"}):
        with pytest.raises(pn.SettingError, match="need all rows at once"):
            pn.Classifier("mlp", **settings).partial_fit(X, Y)


def test_score_refuses_what_are_no_labels_of_its_kind():
    fitted = pn.Classifier("mlp", epochs=1).fit(X, np.arange(60) % 3)
    for wrong in (fitted.predict_proba(X), np.eye(3)[np.arange(60) % 3], Y, fitted.predict_proba(X)[:, 1]):
        with pytest.raises(pn.DataError):
            fitted.score(X, wrong)


def test_rows_in_another_order_by_their_index_are_refused():
    import pandas as pd

    frame, y = pd.DataFrame(X, columns=list("abcd")), pd.Series(Y)
    with pytest.raises(pn.DataError, match=r"another order.*loc\[X.index\]"):
        pn.Classifier("mlp", epochs=1).fit(frame, y.iloc[::-1])
    with pytest.warns(pn.DataWarning, match="taken by their place"):
        pn.Classifier("mlp", epochs=1).fit(frame[10:], y[:50])
    pn.Classifier("mlp", epochs=1).fit(frame[10:], y[10:])


def test_a_fit_that_fails_leaves_an_estimator_that_is_not_fitted():
    fitted = pn.Regressor("mlp", epochs=2).fit(X, NUMBERS)
    with pytest.raises(pn.Diverged):
        fitted.set_params(optimizer="sgd", lr=1e30).fit(X[:, ::-1], NUMBERS)
    with pytest.raises(pn.NotFitted):
        fitted.predict(X)


def test_a_misspelt_setting_is_answered_with_what_was_meant():
    with pytest.raises(pn.SettingError, match="no setting 'epoch'; did you mean 'epochs'"):
        pn.Classifier("mlp", epoch=3)


def test_a_series_of_texts_and_a_column_named_by_a_number_are_taken():
    import pandas as pd

    texts = pd.Series(["good film", "bad film"] * 10)
    fitted = pn.Classifier("mlp", epochs=20).fit(texts, [1, 0] * 10)
    assert fitted.predict(pd.Series(["good"])).tolist() == [1]
    frame = pd.DataFrame(X).assign(y=NUMBERS).rename(columns={"y": 4})
    assert pn.Regressor("linear").fit(frame, target=4).score(X, NUMBERS) > 0.99


def test_a_threshold_is_not_tuned_on_rows_of_one_class():
    two = np.array(["a", "b"] * 30)
    with pytest.raises(pn.DataError, match="both classes"):
        pn.Classifier("mlp", epochs=1, threshold="f1").fit(X, two, validation=(X[:20] + 1, ["a"] * 20))


def test_resume_refuses_other_labels_and_other_models(tmp_path):
    pn.Classifier("mlp", epochs=2, out=tmp_path).fit(X, Y)
    other = Y.copy()
    other[[17, 18]] = other[[18, 17]]
    for model, y in (("mlp", other), (pn.model("mlp", activation="tanh"), Y)):
        with pytest.raises(pn.DataError, match="made on other data"):
            pn.Classifier(model, epochs=2, out=tmp_path, resume=True).fit(X, y)
