"""diagnose() on fits whose faults are known; the estimator stays as it is."""

import json

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer

import parnassus as pn
from parnassus.errors import SettingError

X, Y = load_breast_cancer(return_X_y=True)
X, Y = X[:300, :8], Y[:300]


def fitted(model=None, **settings):
    model = model or pn.model("mlp", hidden=(16,))
    return pn.Classifier(model, **{"epochs": 10} | settings).fit(X, Y, validation=0.2)


def test_a_sound_training_has_its_layers_and_learns_rows_by_heart():
    found = fitted(epochs=30, lr=1e-2).diagnose()
    assert [v.kind for v in found.layers] == ["Linear", "ReLU", "Linear"]
    assert found.by_heart.learned
    assert all(v.step for v in found.layers if v.weights)
    assert "step / weight" in str(found)
    assert json.loads(json.dumps(found.to_dict()))["fit"] == found.fit


def test_a_deep_net_of_sigmoids_has_vanishing_gradients_and_learns_nothing():
    found = fitted(pn.model("mlp", hidden=(10,) * 10, activation="sigmoid")).diagnose()
    assert found.fit == "underfits"
    assert {"gradients vanish", "a handful of rows is not learned"} <= {a.what for a in found.advice}
    assert found.advice[0].severity == "warning"


def test_a_rate_far_too_large_is_found():
    found = fitted(lr=100.0, optimizer="adam").diagnose(by_heart=False)
    assert found.by_heart is None
    assert "smaller lr" in " ".join(r for a in found.advice for r in a.remedies)


@pytest.mark.slow
def test_an_overfit_is_found():
    y = np.random.default_rng(0).permutation(Y)  # answers that nothing tells: all that is learned is learned by heart
    found = pn.Classifier(pn.model("mlp", hidden=(64, 64)), epochs=150, lr=5e-3).fit(X, y, validation=0.3).diagnose()
    assert found.fit == "overfits"


def test_the_first_step_of_adam_is_its_rate():
    estimator = fitted(lr=1e-3)
    found = estimator.diagnose(by_heart=False)
    weights = dict(estimator.objective_.model.named_parameters())
    for v in found.layers:
        if v.weights:
            size = float(weights[f"{v.name}.weight"].detach().square().mean().sqrt())
            assert v.step == pytest.approx(1e-3 / size, rel=0.05)  # |m / sqrt(s)| = 1 at the first step


@pytest.mark.slow
@pytest.mark.parametrize("model", ["cnn", pn.model("mlp", hidden=(8,), norm="batch", dropout=0.2)])
def test_it_leaves_the_estimator_and_the_random_state_alone(model):
    data = (np.random.default_rng(0).integers(0, 255, (60, 8, 8), dtype=np.uint8), np.arange(60) % 2)
    estimator = pn.Classifier(model, epochs=2).fit(*data, validation=0.2)
    before = {k: v.clone() for k, v in estimator.objective_.state_dict().items()}
    state = torch.get_rng_state()
    estimator.diagnose()
    assert all(torch.equal(v, before[k]) for k, v in estimator.objective_.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


def test_a_regressor_and_a_module_of_ones_own_are_diagnosed(draws):
    module = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    found = pn.Regressor(module, epochs=5).fit(X, X[:, 0] * X[:, 1], validation=0.2).diagnose()
    assert [v.kind for v in found.layers] == ["Linear", "Tanh", "Linear"]
    assert found.layers[1].saturated is not None


def test_it_draws_few_and_many_layers():
    assert len(fitted().diagnose(by_heart=False).plot().axes) == 4  # three panels and a scale of colours
    deep = fitted(pn.model("mlp", hidden=(4,) * 8)).diagnose(by_heart=False)
    assert deep.plot().axes[0].get_xlabel()


def test_rules_and_missing_rows_are_refused():
    with pytest.raises(SettingError, match="'perceptron' learns by a rule"):
        pn.Classifier("perceptron").fit(X, Y).diagnose(X, Y)
    with pytest.raises(SettingError, match="needs rows with answers"):
        pn.Classifier("mlp", epochs=1).fit(X, Y).diagnose()


@pytest.mark.slow
def test_the_report_has_the_section(tmp_path):
    fitted(pn.model("mlp", hidden=(10,) * 10, activation="sigmoid")).report(tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "it underfits" in page
    assert "gradients vanish" in page
    pn.Classifier("perceptron").fit(X, Y, validation=0.2).report(tmp_path / "p.html")
    assert "looked over" not in (tmp_path / "p.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_quantiles_are_diagnosed_and_reported(tmp_path):
    fitted = pn.Regressor(loss="quantile", epochs=2).fit(X, X[:, 0] * X[:, 1], validation=0.2)
    assert fitted.diagnose(by_heart=False).layers
    fitted.report(tmp_path / "q.html")


def test_rows_sorted_by_class_are_watched_as_all_are():
    order = np.argsort(Y, kind="stable")
    many = np.repeat(X[order], 8, 0)
    estimator = fitted(lr=1e-2)
    found = estimator.diagnose(many, np.repeat(Y[order], 8), by_heart=False)
    assert found.n_rows == 1024
    whole = estimator.diagnose(X, Y, by_heart=False)
    assert found.layers[0].mean == pytest.approx(whole.layers[0].mean, abs=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["boxes", "masks", "points"])
def test_answers_that_lie_in_pictures_are_taken_as_fit_takes_them(what):
    pictures = np.random.default_rng(0).integers(0, 255, (6, 32, 32)).astype(np.uint8)
    quick = {"epochs": 1, "batch_size": 3, "progress": False}
    made, y = {
        "boxes": (pn.Detector(pn.model("ssd", widths=(8, 8)), **quick), [([[2, 2, 20, 20]], ["cat"])] * 6),
        "masks": (pn.Segmenter(pn.model("u_net", widths=(4, 4)), **quick), list((pictures > 128).astype(int))),
        "points": (pn.KeypointFinder(pn.model("heat_unet", widths=(4, 4)), **quick), np.full((6, 2, 2), 9.0)),
    }[what]
    found = made.fit(pictures, y).diagnose(pictures, y)
    assert found.by_heart.n_rows == 6
    assert not any("find_rate" in remedy for advice in found.advice for remedy in advice.remedies)
    if what != "boxes":
        with pytest.raises(SettingError, match="give the answers as y"):
            made.diagnose(pictures)
