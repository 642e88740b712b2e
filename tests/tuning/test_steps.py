"""Rows that are the steps of sequences: folds and trials keep sequences whole, and one alone is cut by its time."""

import numpy as np
import pandas as pd
import pytest
import sklearn.cluster  # noqa: F401  what it imports draws from Python's random state, once

import parnassus as pn
from parnassus.estimators.judging.validation import within
from parnassus.evaluation.folds import FoldMean


def table(n_sequences=9):
    rng = np.random.default_rng(4)
    parts = []
    for name in range(n_sequences):
        states = (rng.random(12).cumsum() // 3).astype(int) % 2
        seen = rng.normal(4.0 * states, 1.0)
        parts.append(pd.DataFrame({"run": f"r{name}", "seen": seen, "word": [f"w{s}" for s in states], "tag": states}))
    return pd.concat(parts).sample(frac=1, random_state=0).sort_index(kind="stable").reset_index(drop=True)


HMM = pn.HMM("gaussian", sequence="run", epochs=3, progress=False)


@pytest.mark.parametrize("groups", [None, "run"])
def test_no_sequence_is_on_both_sides(groups):
    frame = table()[["run", "seen"]]
    found = pn.cross_validate(HMM, frame, folds=3, groups=groups)
    for train, test in found.splits:
        assert not set(frame.run[train]) & set(frame.run[test])
    assert found.folds == "3 grouped folds"


def test_one_sequence_is_cut_by_its_time():
    frame = table(3)[["seen"]]
    for X in (frame, frame.to_numpy()):
        for train, test in pn.cross_validate(pn.HMM("gaussian", epochs=3, progress=False), X, folds=3).splits:
            assert train.max() < test.min()


def test_a_log_likelihood_has_an_interval_below_zero():
    found = pn.cross_validate(HMM, table()[["run", "seen"]], folds=3)["log_likelihood_a_frame"]
    assert found.low < found.mean < found.high < 0


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("accuracy", (0.0, 1.0)),
        ("rmse", (0.0, 7.0)),
        ("bleu", (0.0, 7.0)),
        ("reconstruction_error", (0.0, 7.0)),
        ("r2", (-7.0, 1.0)),
        ("silhouette", (-1.0, 1.0)),
        ("log_density", (-7.0, 7.0)),
        ("score", (-7.0, 7.0)),
    ],
)
def test_intervals_are_cut_to_what_the_metric_can_be(name, cut):
    found = within(name, FoldMean(0.5, 1.0, 1.0, -7.0, 7.0))
    assert (found.low, found.high) == cut


def test_an_hmm_of_no_named_model_is_tuned_on_whole_sequences():
    pytest.importorskip("optuna", reason="the extra tune is not installed")
    frame = table()[["run", "seen"]]
    found = pn.tune(pn.HMM(sequence="run", epochs=5, progress=False), frame, space={"n_states": [1, 2]}, trials=2)
    assert found.folds == "a grouped 25% of the rows held out"
    assert found.best_params_ == {"n_states": 2}
    assert found.best_estimator_.predict(frame).shape == (len(frame),)


def test_a_tagger_is_tuned_on_whole_sequences():
    pytest.importorskip("optuna", reason="the extra tune is not installed")
    frame = table()[["run", "word", "tag"]]
    tagger = pn.Tagger("bilstm", sequence="run", epochs=3, lr=0.05, progress=False)
    found = pn.tune(tagger, frame, target="tag", space={"model__hidden": [4, 8]}, trials=2)
    assert found.folds == "a grouped 25% of the rows held out"
    assert found.best_score_ > 0.9
    assert len(found.best_estimator_.predict(frame)) == len(frame)
