"""Self-training: what is learned from the teacher, and that it helps where rows are many and labels few."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import parnassus as pn
from parnassus.errors import DataError, SettingError
from parnassus.labelling import noisy_student
from parnassus.labelling.students import chosen


class Sure:
    """A classifier that answers by the sign of the first column, as sure as the column is large, and keeps its rows."""

    seen: list = []

    def get_params(self, deep=True):
        return {}

    def set_params(self, **params):
        return self

    def fit(self, X, y):
        Sure.seen.append((np.asarray(X), np.asarray(y)))
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-np.asarray(X)[:, 0]))
        return np.stack([1 - p, p], 1)

    def score(self, X, y):
        return float(np.mean(self.classes_[self.predict_proba(X).argmax(1)] == y))


def test_sure_answers_become_labels_and_others_do_not():
    Sure.seen = []
    X = np.array([[-3.0], [3.0], [-2.0], [0.1], [2.5], [4.0]])
    found = noisy_student(Sure(), X, ["no", "yes", None, None, None, None], n_rounds=1, least=0.8, balanced=False)
    rows, labels = Sure.seen[1]
    assert rows[:, 0].tolist() == [-3, 3, -2, 2.5, 4]
    assert labels.tolist() == ["no", "yes", "no", "yes", "yes"]
    assert (found.rounds[1].n_labelled, found.rounds[1].n_pseudo) == (2, 3)
    expected = np.mean([1 / (1 + np.exp(-v)) for v in (2, 2.5, 4)])
    assert found.rounds[1].confidence == pytest.approx(expected)
    assert "by teacher" in str(found)


def test_balance_takes_the_surest_and_repeats_what_is_seldom():
    sure = np.array([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.99, 0.01, 0], [0.8, 0.2, 0], [0.1, 0.9, 0], [0.3, 0.3, 0.4]])
    assert chosen(sure, least=0.5, balanced=False).tolist() == [0, 1, 2, 3, 4]
    assert chosen(sure, least=0.5, balanced=True).tolist() == [2, 0, 4, 4]  # 5 rows over 2 classes: 2 each


@pytest.mark.slow
def test_rows_without_labels_make_a_digit_classifier_better():
    digits = load_digits()
    pictures = (digits.images * 15).astype(np.uint8)
    y = [int(k) if i < 60 else None for i, k in enumerate(digits.target[:1200])]
    model = pn.model("mlp", hidden=(64,), dropout=0.2)
    before = torch.random.get_rng_state()
    found = noisy_student(
        pn.Classifier(model, epochs=30), pictures[:1200], y, n_rounds=2, test=(pictures[1200:], digits.target[1200:])
    )
    assert found.rounds[-1].score > found.rounds[0].score + 0.01
    assert found.estimator.score(pictures[1200:], digits.target[1200:]) == found.rounds[-1].score
    assert torch.equal(before, torch.random.get_rng_state())


def test_what_gives_no_lesson_is_refused():
    X = np.array([[-3.0], [3.0], [0.0]])
    with pytest.raises(DataError, match="labels for 3 of 3 rows"):
        noisy_student(Sure(), X, [0, 1, 1])
    with pytest.raises(DataError, match="labels for 0 of 3"):
        noisy_student(Sure(), X, [None, None, None])
    with pytest.raises(DataError, match="X has 3 rows and y 2"):
        noisy_student(Sure(), X, [0, None])
    with pytest.raises(DataError, match=r"nowhere as sure as 0\.9"):
        noisy_student(Sure(), X, [0, 1, None], least=0.9)
    for odd in ("mlp", [], pn.Regressor("mlp")):
        with pytest.raises(SettingError, match="students are classifiers that give probabilities"):
            noisy_student(odd, X, [0, 1, None])
    with pytest.raises(SettingError, match="least is a probability"):
        noisy_student(Sure(), X, [0, 1, None], least=1.0)
