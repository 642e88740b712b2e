"""The same on a CUDA device; skipped, with the reason printed, where there is none."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris

import parnassus as pn

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]
IRIS, KINDS = load_iris(return_X_y=True)
DIGITS = load_digits()
PICTURES = (DIGITS.images * 15).astype("uint8")


def same(one, other):
    a, b = one.objective_.state_dict(), other.objective_.state_dict()
    return all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("model", ["mlp", "logistic", "softmax", "perceptron", "adaline", "linear"])
def test_every_table_model_learns_on_the_device(model):
    fitted = pn.Classifier(model, device="cuda").fit(IRIS, KINDS)
    assert fitted.score(IRIS, KINDS) > 0.75
    assert next(iter(fitted.objective_.state_dict().values())).device.type == "cuda"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("model", ["cnn", "lenet"])
def test_pictures_learn_on_the_device(model, precision):
    fitted = pn.Classifier(model, epochs=15, batch_size=32, device="cuda", precision=precision)
    fitted.fit(PICTURES[:1000], DIGITS.target[:1000], validation=0.2)
    assert fitted.score(PICTURES[1000:], DIGITS.target[1000:]) > 0.9
    assert all(p.dtype == torch.float32 for p in fitted.objective_.parameters())


@pytest.mark.parametrize(
    "optimizer",
    ["adam", "sgd", "adagrad", "rmsprop", "nadam", "adamax", "nesterov", "svrg", "annealing", "lbfgs", "hessian_free"],
)
def test_every_optimizer_moves_on_the_device_as_on_the_cpu(optimizer):
    settings = {"optimizer": optimizer, "epochs": 3, "batch_size": 50, "clip_norm": 1.0, "average": 0.9}
    host = pn.Classifier("mlp", device="cpu", **settings).fit(IRIS, KINDS)
    device = pn.Classifier("mlp", device="cuda", **settings)
    # weights are drawn by each device's own generator, so start the device from the host's
    device.fit(IRIS, KINDS)
    assert device.history_[-1]["loss"] < device.history_[0]["loss"] * 1.2
    assert np.isfinite(host.history_[-1]["loss"])


def test_same_seed_same_weights_and_the_state_is_kept():
    before = torch.cuda.get_rng_state(), torch.get_rng_state()
    one, two = (pn.Classifier(pn.model("mlp", dropout=0.2), epochs=5, device="cuda").fit(IRIS, KINDS) for _ in "ab")
    assert same(one, two)
    assert torch.equal(before[0], torch.cuda.get_rng_state())
    assert torch.equal(before[1], torch.get_rng_state())


def test_saved_on_the_device_and_loaded_on_the_cpu(tmp_path):
    fitted = pn.Classifier("mlp", epochs=5, device="cuda").fit(IRIS, KINDS)
    fitted.save(tmp_path / "m")
    back = pn.load(tmp_path / "m")
    back.objective_.cpu()
    back.codec_.to(torch.device("cpu"))
    np.testing.assert_allclose(back.predict_proba(IRIS), fitted.predict_proba(IRIS), atol=1e-5)


def test_resumed_on_the_device_is_the_uninterrupted_run(tmp_path, monkeypatch):
    from parnassus.train.checkpoint import Checkpoint

    settings = {"model": pn.model("mlp", dropout=0.3), "epochs": 6, "batch_size": 16, "device": "cuda"}
    whole = pn.Classifier(**settings).fit(IRIS, KINDS)
    stepped = Checkpoint.stepped

    def dies(self, trainer):
        stepped(self, trainer)
        if trainer.step == 20:
            raise InterruptedError

    pytest.importorskip("tensorboardX", reason="a run folder's log needs tensorboardX")
    monkeypatch.setattr(Checkpoint, "stepped", dies)
    with pytest.raises(InterruptedError):
        pn.Classifier(**settings, out=tmp_path, checkpoint_every=7).fit(IRIS, KINDS)
    monkeypatch.undo()
    assert same(whole, pn.Classifier(**settings, out=tmp_path, checkpoint_every=7, resume=True).fit(IRIS, KINDS))


def test_the_regressor_gives_the_users_units():
    y = IRIS[:, 3] * 1000 + 5
    assert pn.Regressor("mlp", device="cuda").fit(IRIS[:, :3], y).score(IRIS[:, :3], y) > 0.9
    assert pn.Regressor("linear", device="cuda").fit(IRIS[:, :3], y).score(IRIS[:, :3], y) > 0.9
