"""First weights and regularisers as settings of estimators: every way to give them, kept, saved, resumed, refused."""

import json

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import Lasso, Ridge
from sklearn.model_selection import GridSearchCV

import parnassus as pn
from parnassus import store
from parnassus.cli.settings import tasks
from parnassus.cli.values import value_of, words_of
from parnassus.estimators.fitting.regularization import regularizer_specs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
LABELS = np.digitize(X[:, 0] + X[:, 1] ** 2, [0.0, 1.2])
NUMBERS = X @ [2.0, 0.0, -1.0, 0.0] + 0.1 * RNG.normal(size=90)
PICTURES = RNG.integers(0, 255, (40, 12, 12), dtype=np.uint8)
FOR_CLASSES = [n for n in pn.regularizer.names() if n not in ("output_noise", "cutout", "cutmix")]


def classifier(model="mlp", **settings):
    return pn.Classifier(model, epochs=3, batch_size=16, progress=False, device="cpu", **settings)


def weights(estimator):
    return estimator.objective_.state_dict()


def same(one, other):
    return list(one) == list(other) and all(torch.equal(one[k], other[k]) for k in one)


PLAIN = weights(classifier().fit(X, LABELS))


# --- regularisers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FOR_CLASSES)
def test_every_one_trains_a_classifier_leaves_plain_weights_and_survives_a_file(name, tmp_path):
    options = {"max_norm": {"limit": 0.3}}.get(name, {})
    clf = classifier(regularizers=pn.regularizer(name, **options)).fit(X, LABELS)
    assert list(weights(clf)) == list(PLAIN)
    assert not same(weights(clf), PLAIN), "it had no effect"
    again = pn.load(clf.save(tmp_path / "a.parnassus") and tmp_path / "a.parnassus")
    assert same(weights(again), weights(clf))
    assert again.regularizers == clf.regularizers
    assert (again.predict(X) == clf.predict(X)).all()


@pytest.mark.parametrize("name", FOR_CLASSES)
def test_the_same_seed_gives_the_same_weights(name):
    one, two = (classifier(regularizers=name).fit(X, LABELS) for _ in range(2))
    assert same(weights(one), weights(two))


def test_output_noise_is_for_numbers_and_cutout_and_cutmix_for_pictures():
    reg = pn.Regressor("mlp", epochs=2, regularizers="output_noise", progress=False, device="cpu").fit(X, NUMBERS)
    assert np.isfinite(reg.predict(X)).all()
    held = {"cutout": {"size": 4}, "mixup": {}, "l2": {"strength": 0.01}}
    net = classifier(pn.model("cnn", channels=(4,), hidden=8), regularizers=held).fit(PICTURES, np.arange(40) % 2)
    assert net.predict(PICTURES).shape == (40,)
    again = classifier(pn.model("cnn", channels=(4,), hidden=8), regularizers="cutmix").fit(PICTURES, np.arange(40) % 2)
    assert not same(weights(again), weights(net))


@pytest.mark.parametrize(
    "given",
    [
        "l2",
        ("l2",),
        ["l2"],
        pn.regularizer("l2"),
        (pn.regularizer("l2"),),
        {"l2": {}},
        ({"l2": {"strength": 1e-4}},),
    ],
    ids=repr,
)
def test_each_way_to_give_one_means_the_same(given):
    assert same(weights(classifier(regularizers=given).fit(X, LABELS)),
                weights(classifier(regularizers="l2").fit(X, LABELS)))  # fmt: skip


@pytest.mark.parametrize("empty", [(), [], {}])
def test_nothing_given_changes_nothing(empty):
    assert same(weights(classifier(regularizers=empty).fit(X, LABELS)), PLAIN)


def test_the_settings_survive_clone_set_params_and_a_search():
    clf = classifier(init=pn.initializer("orthogonal", gain=1.4), regularizers=("l1", pn.regularizer("mixup")))
    copy = clone(clf)
    assert copy.init == clf.init
    assert copy.regularizers == clf.regularizers
    assert copy.get_params()["init"] == clf.init
    copy.set_params(init=None, regularizers="l2")
    assert copy.regularizers == "l2"
    search = GridSearchCV(classifier(), {"regularizers": [(), ("l2",), {"l1": {"strength": 0.5}}]}, cv=2)
    assert search.fit(X, LABELS).best_params_.keys() == {"regularizers"}


def test_partial_fit_regularises_too():
    one, two = classifier(regularizers={"max_norm": {"limit": 0.2}}), classifier(regularizers="l0")
    for clf in (one, two):
        for _ in range(3):
            clf.partial_fit(X, LABELS, classes=[0, 1, 2])
        assert list(weights(clf)) == list(PLAIN)
    assert weights(one)["model.0.weight"].norm(dim=1).max() <= 0.2 + 1e-6


@pytest.mark.parametrize("held", ["l0", ("mixup", "weight_noise", "l1", "dropconnect"), "activity_l1"])
def test_a_run_that_was_cut_goes_on_to_the_same_weights(held, tmp_path):
    whole = classifier(regularizers=held, out=str(tmp_path / "whole")).fit(X, LABELS)
    from parnassus.train.trainer import Trainer

    kept, stop = Trainer.train_step, 8

    def cut(self, window):
        if self.step == stop:
            raise InterruptedError
        kept(self, window)

    out = str(tmp_path / "cut")
    broken = classifier(regularizers=held, out=out, checkpoint_every=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train_step", cut)
        with pytest.raises(InterruptedError):
            broken.fit(X, LABELS)
    again = classifier(regularizers=held, out=out, checkpoint_every=3, resume=True).fit(X, LABELS)
    assert same(weights(again), weights(whole))


def test_another_regulariser_is_another_training(tmp_path):
    classifier(regularizers="l2", out=str(tmp_path)).fit(X, LABELS)
    with pytest.raises(pn.DataError, match="regularizers"):
        classifier(regularizers="l1", out=str(tmp_path), resume=True).fit(X, LABELS)


@pytest.mark.slow
def test_a_regressor_with_l1_is_the_lasso_and_with_l2_is_ridge_on_standardised_data():
    """Inputs and targets are standardised inside, so scikit-learn is given them so."""
    x, y = (X - X.mean(0)) / X.std(0), (NUMBERS - NUMBERS.mean()) / NUMBERS.std()
    how = {"epochs": 400, "batch_size": 90, "optimizer": "sgd", "lr": 0.2, "progress": False, "device": "cpu"}
    for held, expected in [
        ({"l1": {"strength": 0.2}}, Lasso(alpha=0.1, tol=1e-10, random_state=0)),
        ({"l2": {"strength": 0.4}}, Ridge(alpha=90 * 0.2)),
    ]:
        reg = pn.Regressor(pn.model("linear", solver="gradient"), regularizers=held, **how).fit(X, NUMBERS)
        w = weights(reg)["model.0.weight"][0].numpy()
        expected.fit(x, y)
        assert w == pytest.approx(expected.coef_, abs=1e-4)
        assert ((w == 0) == (expected.coef_ == 0)).all()


def test_rules_that_look_again_see_the_penalty_in_the_loss():
    held = {"l2": {"strength": 0.4}}
    how = {"epochs": 60, "batch_size": 90, "optimizer": "lbfgs", "progress": False, "device": "cpu"}
    reg = pn.Regressor(pn.model("linear", solver="gradient"), regularizers=held, **how).fit(X, NUMBERS)
    x, y = (X - X.mean(0)) / X.std(0), (NUMBERS - NUMBERS.mean()) / NUMBERS.std()
    expected = Ridge(alpha=90 * 0.2).fit(x, y).coef_
    w = weights(reg)["model.0.weight"][0].numpy()
    assert w == pytest.approx(expected, abs=1e-3)
    penalised = ((x @ w - y) ** 2).mean() + 0.4 / 2 * (w**2).sum()
    assert reg.history_[-1]["loss"] == pytest.approx(penalised, rel=1e-3)


REFUSED = {
    "a rule without gradients": ({"model": "perceptron", "regularizers": "l1"}, ["'l1'", "'perceptron'"]),
    "the normal equation": ({"model": "linear", "regularizers": "l2"}, ["'l2'", "'linear'"]),
    "first weights of a rule": ({"model": "perceptron", "init": "zeros"}, ["init='zeros'", "'perceptron'"]),
    "noise on numbers": ({"regularizers": "output_noise"}, ["'output_noise'", "'label_noise'"]),
    "holes in vectors": ({"regularizers": "cutout"}, ["'cutout'", "'cnn'"]),
    "the same twice": ({"regularizers": ("l1", {"l1": {"strength": 0.1}})}, ["'l1' twice"]),
    "noise under a line search": ({"optimizer": "lbfgs", "regularizers": "dropconnect"}, ["'lbfgs'", "DropConnect"]),
    "a name misspelt": ({"regularizers": "mixupp"}, ["'mixupp'", "'mixup'"]),
    "a rule misspelt": ({"init": "he_norml"}, ["'he_norml'", "'he_normal'"]),
    "an option misspelt": ({"regularizers": {"l1": {"strenght": 1.0}}}, ["'strenght'", "'strength'"]),
    "a bare number": ({"regularizers": {"l1": 0.1}}, ["'l1'", "options"]),
    "a number": ({"regularizers": 0.1}, ["names"]),
    "another kind of spec": ({"regularizers": pn.optimizer("sgd")}, ["names"]),
    "no hidden layer": ({"model": "logistic", "regularizers": "activity_l1"}, ["'activity_l1'", "hidden"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_naming_both_sides(name):
    settings, words = REFUSED[name]
    with pytest.raises(pn.SettingError) as caught:
        classifier(**{"model": "mlp", **settings}).fit(X, LABELS > 1)
    assert all(word in str(caught.value) for word in words), str(caught.value)


# --- first weights ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", pn.initializer.names())
def test_every_rule_starts_a_classifier(name):
    clf = classifier(init=name).fit(X, LABELS)
    assert not same(weights(clf), PLAIN)
    assert all(v.isfinite().all() for v in weights(clf).values())


def test_a_net_of_zeros_moves_no_hidden_weight_at_first():
    clf = pn.Classifier("mlp", init="zeros", epochs=1, batch_size=90, progress=False, device="cpu").fit(X, LABELS)
    assert not weights(clf)["model.0.weight"].any()
    assert weights(clf)["model.2.bias"].any()


def test_pictures_are_started_too_and_norms_keep_theirs(tmp_path):
    spec = pn.model("cnn", channels=(4,), hidden=8)
    clf = pn.Classifier(spec, init="zeros", epochs=1, lr=0.0, progress=False, device="cpu")
    clf.fit(PICTURES, np.arange(40) % 2)
    held = weights(clf)
    assert not held["model.features.0.weight"].any()
    assert (held["model.features.1.weight"] == 1).all()


def test_another_start_is_another_training(tmp_path):
    classifier(init="he_normal", out=str(tmp_path)).fit(X, LABELS)
    with pytest.raises(pn.DataError, match="other data"):
        classifier(out=str(tmp_path), resume=True).fit(X, LABELS)


def test_the_file_holds_plain_json(tmp_path):
    path = tmp_path / "a.parnassus"
    classifier(init="he_normal", regularizers={"l1": {"strength": 0.1}}).fit(X, LABELS).save(path)
    params = store.load(path)["params"]
    json.dumps([params["init"], params["regularizers"]])
    assert pn.load(path).regularizers == {"l1": {"strength": 0.1}}


# --- the command line ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["l2"], ["l2"]),
        (["l2", "mixup"], ["l2", "mixup"]),
        (['{"l1": {"strength": 0.1}}', "mixup"], ["l1", "mixup"]),
        (words_of({"l1": {"strength": 0.1}}), ["l1"]),
        (words_of(("l1", "l2")), ["l1", "l2"]),
    ],
)
def test_words_of_a_command_line_mean_the_same(words, expected):
    given = value_of(words, tasks()["classifier"].settings["regularizers"], "--regularizers")
    assert [spec.name for spec in regularizer_specs(given)] == expected


def test_the_command_lines_words_for_a_start():
    setting = tasks()["classifier"].settings["init"]
    assert value_of(["he_normal"], setting, "--init") == "he_normal"
    assert value_of(["none"], setting, "--init") is None
    assert setting.words
