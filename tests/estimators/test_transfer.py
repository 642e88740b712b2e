"""Digits 0 to 4 learned, 5 to 9 to be learned from ten of each; what stays, what is new, what is refused."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits

import parnassus as pn

pytestmark = pytest.mark.slow

DIGITS = load_digits()
X, Y = (DIGITS.images * 15).astype(np.uint8), DIGITS.target
LOW = np.flatnonzero(Y < 5)
FEW = np.concatenate([np.flatnonzero(c == Y)[:10] for c in range(5, 10)])
REST = np.setdiff1d(np.flatnonzero(Y >= 5), FEW)
SHORT = {"epochs": 12, "lr": 0.005, "batch_size": 16}
THIN = pn.model("resnet20", width=0.5)


@pytest.fixture(scope="module")
def base():
    return pn.Classifier(THIN, epochs=4, lr=0.005).fit(X[LOW], Y[LOW])


def weights(estimator):
    return estimator.objective_.model.state_dict()


def test_learned_weights_beat_drawn_ones_on_ten_rows_a_class(base):
    """1 C12: pretrain on digits 0 to 4, fine-tune on 5 to 9 with few labels."""
    soon = SHORT | {"epochs": 5}  # of seeds 0 to 2 .06 to .09 more; after twelve epochs 0 to .1 more
    scratch = pn.Classifier(THIN, **soon).fit(X[FEW], Y[FEW])
    begun = pn.Classifier(start=base, **soon).fit(X[FEW], Y[FEW])
    assert begun.score(X[REST], Y[REST]) > scratch.score(X[REST], Y[REST]) + 0.03
    assert list(begun.classes_) == [5, 6, 7, 8, 9]


def test_a_frozen_body_is_the_old_one_bit_for_bit(base):
    clf = pn.Classifier(start=base, freeze="body", **SHORT).fit(X[FEW], Y[FEW])
    before, after = weights(base), weights(clf)
    assert clf.start_["new"] == ["head.2.bias", "head.2.weight"]
    assert all(torch.equal(before[name], after[name]) for name in after if name not in clf.start_["new"])
    assert not torch.equal(before["head.2.weight"], after["head.2.weight"])
    assert np.array_equal(clf.features(X[:5]), base.features(X[:5]))
    assert "67,576 of them fixed" in str(pn.summary(clf))


def test_without_freezing_everything_moves_from_where_it_was(base):
    clf = pn.Classifier(start=base, epochs=1, lr=1e-9).fit(X[FEW], Y[FEW])
    for name, tensor in weights(clf).items():
        if name not in clf.start_["new"] and "running" not in name and "batches" not in name:
            torch.testing.assert_close(tensor, weights(base)[name], atol=1e-6, rtol=0)


def test_the_same_classes_keep_the_head_and_pixels_are_scaled_as_before(base):
    clf = pn.Classifier(start=base, epochs=1, lr=1e-9, freeze="stages").fit(X[LOW[:64]], Y[LOW[:64]])
    assert clf.start_["new"] == []
    assert torch.equal(clf.codec_.mean, base.codec_.mean)


def test_layers_join_and_the_lower_ones_move_less(base):
    plan = {"epochs": 4, "batch_size": 16, "optimizer": pn.optimizer("sgd", lr=0.01)}
    clf = pn.Classifier(start=base, freeze="body", unfreeze={2: "stages.2", 3: "*"}, rate_decay=0.5, **plan)
    clf.fit(X[FEW], Y[FEW])
    assert [[k for k in h if k != "rate"] for h in clf.history_] == [
        ["fit"], ["fit"], ["from_epoch_2"], ["from_epoch_3"],
    ]  # fmt: skip

    def moved(name):
        return float((weights(clf)[name] - weights(base)[name]).abs().mean())

    assert 0 < moved("conv1.weight") < 0.01 * moved("stages.2.2.conv2.weight")


def test_a_saved_model_starts_another_and_is_not_needed_afterwards(base, tmp_path):
    base.save(tmp_path / "base.parnassus")
    clf = pn.Classifier(start=str(tmp_path / "base.parnassus"), freeze=3, **SHORT)
    assert clone(clf).start == clf.start
    clf.fit(X[FEW], Y[FEW]).save(tmp_path / "own.parnassus")
    (tmp_path / "base.parnassus").unlink()
    again = pn.load(tmp_path / "own.parnassus")
    assert np.array_equal(again.predict_proba(X[REST[:9]]), clf.predict_proba(X[REST[:9]]))
    assert again.start is None
    assert again.start_ == clf.start_


def test_a_start_that_was_itself_started_keeps_its_model(base):
    settings = {**SHORT, "epochs": 1}
    held = pn.Classifier(start=base, freeze="body", **settings).fit(X[FEW], Y[FEW])
    tuned = pn.Classifier(start=held, **settings).fit(X[FEW], Y[FEW])
    assert tuned.model_name == held.model_name == repr(THIN)
    assert {k: v.shape for k, v in weights(tuned).items()} == {k: v.shape for k, v in weights(held).items()}
    assert tuned.start_["new"] == []  # the classes are the same


def test_a_regressor_starts_from_a_classifier(base):
    found = pn.Regressor(start=base, freeze="body", epochs=3).fit(X[FEW], Y[FEW].astype(float))
    assert found.start_["new"] == ["head.2.bias", "head.2.weight"]
    assert found.predict(X[:3]).shape == (3,)


def test_a_module_is_a_start_too():
    rows, answers = np.random.default_rng(0).normal(size=(40, 4)), np.arange(40) % 2
    first = pn.Classifier("mlp", epochs=2).fit(rows, answers)
    clf = pn.Classifier("mlp", start=first.objective_.model, freeze="body", epochs=2).fit(rows, answers)
    kept = [n for n in weights(clf) if n not in clf.start_["new"]]
    assert all(torch.equal(weights(clf)[n], weights(first)[n]) for n in kept)
    assert kept


def test_what_does_not_fit_is_refused(base, tmp_path):
    def said(**settings):
        with pytest.raises(pn.ParnassusError) as error:
            pn.Classifier(**{"epochs": 2, **settings}).fit(X[FEW], Y[FEW])
        return str(error.value)

    assert "do not fit model 'resnet18': conv1.weight is (8, 1, 3, 3) there" in said(model="resnet18", start=base)
    assert "leaves nothing to learn" in said(start=base, freeze="*")
    assert "they are new here" in said(start=base, freeze="head")
    assert "no weights are named 'trunk'" in said(start=base, freeze="trunk")
    assert "never comes in 2 epochs" in said(start=base, freeze="body", unfreeze=7)
    assert "rate_decay is a factor" in said(start=base, rate_decay=1.5)
    assert "not fitted" in said(start=pn.Classifier("mlp"))
    assert "there is no such file" in said(start=str(tmp_path / "nothing"))
    assert "got 3" in said(start=3)
    (tmp_path / "net.pth").write_bytes(b"\x80\x04K\x01.")
    assert "is a pickle, which can run code" in said(start=tmp_path / "net.pth")
    assert "an objective of its own" in said(model="gaussian_nb", freeze="body")
    assert "one step" in said(start=base, rate_decay=0.5, optimizer="lbfgs")


def test_a_student_learns_what_its_teacher_says_of_rows_with_wrong_labels():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 2))
    truth = np.where(rows[:, 0] + rows[:, 1] > 0, "yes", "no")
    wrong = np.where(rng.random(400) < 0.4, np.where(truth == "yes", "no", "yes"), truth)
    teacher = pn.Classifier("mlp", epochs=40, lr=0.01).fit(rows, truth)
    plan = {"epochs": 20, "batch_size": 32, "lr": 0.01}
    alone = pn.Classifier("mlp", **plan).fit(rows, wrong).score(rows, truth)
    taught = pn.Classifier("mlp", teacher=teacher, teacher_share=0.9, **plan).fit(rows, wrong).score(rows, truth)
    assert taught > max(alone, 0.95)


def test_a_teacher_may_be_a_model_of_scikit_learn_and_must_know_the_classes():
    from sklearn.linear_model import LogisticRegression

    flat = X.reshape(len(X), -1)[:, X[LOW].reshape(len(LOW), -1).std(0) > 0] / 255.0
    teacher = LogisticRegression(max_iter=200).fit(flat[LOW], Y[LOW])
    clf = pn.Classifier("mlp", teacher=teacher, epochs=2).fit(flat[LOW], Y[LOW])
    assert clf.score(flat[LOW], Y[LOW]) > 0.9
    with pytest.raises(pn.DataError, match="does not know the classes 5, 6"):
        pn.Classifier("mlp", teacher=teacher, epochs=2).fit(flat, Y)
    with pytest.raises(pn.SettingError, match="predict_proba"):
        pn.Classifier("mlp", teacher=3, epochs=2).fit(flat, Y)
    with pytest.raises(pn.SettingError, match="temperature is above 0"):
        pn.Classifier("mlp", teacher=teacher, temperature=0, epochs=2).fit(flat[LOW], Y[LOW])
    with pytest.raises(pn.SettingError, match="partial_fit"):
        pn.Classifier("mlp", teacher=teacher).partial_fit(flat[LOW], Y[LOW])


@pytest.mark.parametrize("what", ["0.weight", "running_mean"])
def test_a_start_whose_weights_are_no_numbers_is_refused(what, tmp_path):
    first = pn.Classifier(pn.model("mlp", norm="batch"), epochs=1).fit(np.eye(8), np.arange(8) % 2)
    name = next(n for n in weights(first) if n.endswith(what))
    weights(first)[name].view(-1)[0] = float("nan")
    n = weights(first)[name].numel()
    first.save(tmp_path / "first.parnassus")
    for start in (first, first.objective_.model, tmp_path / "first.parnassus"):
        with pytest.raises(pn.DataError, match=rf"NaN or infinite \(1 of {n} in {name}\)"):
            pn.Classifier(pn.model("mlp", norm="batch"), start=start, epochs=1).fit(np.eye(8), np.arange(8) % 2)
