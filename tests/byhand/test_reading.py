"""The trace of a fitted estimator: its gradients are autograd's, whatever the net, the loss and the target."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris
from torch import nn

import parnassus as pn
from parnassus.byhand.chain import Activation, ChainTrace, Layer
from parnassus.byhand.reading import READERS, layers_of, reads
from parnassus.errors import DataError, SettingError
from parnassus.layers.dense import ACTIVATIONS

X, Y = load_iris(return_X_y=True)
X = X[:, :3]
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
IMAGES, DIGITS = load_digits(return_X_y=True)
IMAGES = IMAGES.reshape(-1, 8, 8).astype(np.uint8) * 15


def autograd(estimator: Any, x: Any, y: Any) -> tuple[float, dict[str, np.ndarray]]:
    """The loss and gradients of the same rows by torch, in float64."""
    objective = copy.deepcopy(estimator.objective_).double().eval()
    rows, answers = estimator.codec_.encode(x), estimator.target_.encode(y)
    every = torch.arange(len(rows))
    batch = estimator.codec_.prepare(estimator.target_.cut(rows.take(every) | answers.take(every)), estimator.view_)
    t = batch["y"].double() if batch["y"].is_floating_point() else batch["y"]
    x = batch["x"].double() if batch["x"].is_floating_point() else batch["x"]
    loss = objective.loss(objective.model(x), t)
    named = dict(objective.model.named_parameters())
    gradients = torch.autograd.grad(loss, list(named.values()))
    return loss.item(), {name: g.numpy() for name, g in zip(named, gradients, strict=True)}


def assert_autograds(trace: ChainTrace, estimator: Any, x: Any, y: Any) -> None:
    loss, wanted = autograd(estimator, x, y)
    assert trace.loss == pytest.approx(loss, rel=1e-10)
    assert set(trace.gradients) == set(wanted)
    for name, g in wanted.items():
        assert np.allclose(trace.gradients[name], g, rtol=0, atol=1e-10), name


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_a_dense_classifiers_trace_is_autograds(activation: str) -> None:
    clf = pn.Classifier(pn.model("mlp", hidden=(4, 3), activation=activation, dropout=0.1), epochs=1).fit(X, NAMES)
    trace = pn.byhand.trace(clf, X[::20], NAMES[::20], lr=0.1)
    assert_autograds(trace, clf, X[::20], NAMES[::20])
    assert np.allclose(trace.outputs, clf.decision_function(X[::20]), atol=1e-4)
    assert len(trace.draw().axes[0].texts) == (3 + 4 + 3 + 3 if activation != "prelu" else len(trace.layers) + 1)


@pytest.mark.parametrize("norm", ["batch", "layer", "rms"])
def test_a_normalised_dense_nets_trace_is_autograds(norm: str) -> None:
    clf = pn.Classifier(pn.model("mlp", hidden=(4, 3), norm=norm), epochs=1).fit(X, NAMES)
    assert_autograds(pn.byhand.trace(clf, X[::20], NAMES[::20]), clf, X[::20], NAMES[::20])


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error", "hinge"])
def test_every_loss_of_two_classes_is_traced(loss: str) -> None:
    clf = pn.Classifier("mlp", loss=loss, epochs=1).fit(X[50:], Y[50:])
    assert_autograds(pn.byhand.trace(clf, X[50::9], Y[50::9]), clf, X[50::9], Y[50::9])


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_a_regressors_trace_is_autograds(loss: str) -> None:
    y = X[:, 0] * X[:, 1] + np.arange(len(X)) % 7
    reg = pn.Regressor("mlp", loss=loss, epochs=1).fit(X, y)
    assert_autograds(pn.byhand.trace(reg, X[:9], y[:9]), reg, X[:9], y[:9])


@pytest.mark.parametrize(
    ("model", "border"),
    [
        (pn.model("cnn", channels=(2, 3), hidden=5), 0),
        (pn.model("cnn", channels=(3,), hidden=4, normalize=False), 0),
        (pn.model("cnn", channels=(4, 4), hidden=4, norm="group"), 0),
        (pn.model("cnn", channels=(2,), hidden=4, norm="instance", activation="elu"), 0),
        (pn.model("lenet"), 10),
        (pn.model("lenet", activation="relu", pooling="max"), 12),
    ],
)
def test_a_convolutional_classifiers_trace_is_autograds(model: Any, border: int) -> None:
    images = list(np.pad(IMAGES[:40], ((0, 0), (border, border), (border, border))))
    clf = pn.Classifier(model, epochs=1).fit(images, DIGITS[:40])
    trace = pn.byhand.trace(clf, images[:3], DIGITS[:3])
    assert_autograds(trace, clf, images[:3], DIGITS[:3])
    assert "convolution" in str(trace)
    assert trace.after == {}
    assert len(trace.diagram().boxes) == len(trace.layers) + 1


@pytest.mark.parametrize(
    "model",
    [
        pn.model("rnn", hidden=3),
        pn.model("lstm", hidden=3),
        pn.model("gru", hidden=3),
        pn.model("gru", hidden=3, reset="before", n_layers=2),
        pn.model("lstm", hidden=3, bidirectional=True, n_layers=2, dropout=0.2),
        pn.model("gru", hidden=3, bidirectional=True, merge="sum", pooling="mean"),
        pn.model("rnn", hidden=3, bidirectional=True, merge="mean", pooling="max"),
    ],
    ids=repr,
)
def test_a_recurrent_classifiers_trace_is_autograds(model: Any) -> None:
    sequences = np.random.default_rng(0).normal(size=(12, 5, 2))
    clf = pn.Classifier(model, epochs=1).fit(sequences, NAMES[::13])
    trace = pn.byhand.trace(clf, sequences[:4], NAMES[::13][:4], lr=0.1)
    assert_autograds(trace, clf, sequences[:4], NAMES[::13][:4])
    assert np.allclose(trace.outputs, clf.decision_function(sequences[:4]), atol=1e-4)
    assert set(trace.after) == set(trace.gradients)
    assert "layer 1, backward" in str(trace)
    assert trace.draw().axes[0].texts


def test_a_trace_of_words_goes_into_their_embedding() -> None:
    texts, y = ["good film here", "bad film here", "good good film", "bad bad plot"], [1, 0, 1, 0]
    clf = pn.Classifier(pn.model("lstm", hidden=3, embedding=2), epochs=1).fit(texts, y)
    assert_autograds(pn.byhand.trace(clf, texts, y), clf, texts, y)


def test_rows_of_several_lengths_and_cells_without_a_derivation_are_refused() -> None:
    ragged = [np.ones((n, 2)) * n for n in (3, 4, 5, 3)]
    clf = pn.Classifier(pn.model("rnn", hidden=3), epochs=1).fit(ragged, [0, 1, 0, 1])
    with pytest.raises(DataError, match="one length"):
        pn.byhand.trace(clf, ragged, [0, 1, 0, 1])
    assert pn.byhand.trace(clf, ragged[:1], [0]).loss > 0
    odd = pn.Classifier(pn.model("rnn", hidden=3, cell="indrnn"), epochs=1).fit(ragged, [0, 1, 0, 1])
    with pytest.raises(SettingError, match="no by-hand form"):
        pn.byhand.trace(odd, ragged[:1], [0])


def test_sets_of_labels_frames_and_lists_are_traced() -> None:
    labels = [["long"] if row[0] > 5.8 else ["long", "wide"] if row[1] > 3 else [] for row in X]
    clf = pn.Classifier("mlp", epochs=1).fit(X, labels)
    assert_autograds(pn.byhand.trace(clf, X[::30], labels[::30]), clf, X[::30], labels[::30])


def test_rows_and_answers_of_different_number_are_refused() -> None:
    clf = pn.Classifier("mlp", epochs=1).fit(X, Y)
    with pytest.raises(DataError, match="x has 4 rows and y 3"):
        pn.byhand.trace(clf, X[:4], Y[:3])


def test_the_estimator_is_left_as_it_was() -> None:
    clf = pn.Classifier("mlp", epochs=1).fit(X, Y)
    before = {k: v.clone() for k, v in clf.objective_.state_dict().items()}
    pn.byhand.trace(clf, X[:5], Y[:5], lr=1.0)
    assert all(torch.equal(v, before[k]) for k, v in clf.objective_.state_dict().items())


class Doubled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.inner(x))


def test_a_family_adds_itself() -> None:
    with torch.random.fork_rng():
        module = Doubled()
    with pytest.raises(SettingError, match="Doubled has no by-hand form"):
        layers_of(module)
    full_name = f"{Doubled.__module__}.Doubled"

    @reads(full_name)
    def _read(module: Any, name: str) -> list[Layer]:
        return [*layers_of(module.inner, "inner"), Activation("tanh")]

    try:
        (dense, _) = layers_of(module)
        assert set(dense.weights) == {"inner.weight", "inner.bias"}
    finally:
        del READERS[full_name]


def test_a_sequence_with_a_forward_of_its_own_is_refused() -> None:
    class Odd(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    with pytest.raises(SettingError, match="Odd has no by-hand form"):
        layers_of(Odd())


def test_kernels_that_are_standardised_are_refused_and_not_read_as_plain_ones() -> None:
    clf = pn.Classifier(pn.model("cnn", channels=(2,), hidden=3, norm="standardized"), epochs=1)
    clf.fit(list(IMAGES[:20]), DIGITS[:20])
    with pytest.raises(SettingError, match="StandardizedConv2d has no by-hand form"):
        pn.byhand.trace(clf, list(IMAGES[:2]), DIGITS[:2])


def test_a_module_with_a_hook_is_refused() -> None:
    with torch.random.fork_rng():
        linear = nn.Linear(2, 2)
    linear.register_forward_hook(lambda module, args, output: 2 * output)
    with pytest.raises(SettingError, match="Linear has no by-hand form"):
        layers_of(linear)


def test_an_estimator_that_is_not_fitted_is_told_so() -> None:
    with pytest.raises(SettingError, match="not fitted; call fit"):
        pn.byhand.trace(pn.Classifier("mlp"), X, Y)


def test_a_model_with_a_game_of_its_own_is_refused() -> None:
    reg = pn.Regressor("linear").fit(X, X[:, 0] * X[:, 1])
    with pytest.raises(SettingError, match="LeastSquares is not one model with a loss"):
        pn.byhand.trace(reg, X[:3], X[:3, 0])


def test_byhand_imports_without_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys, parnassus.byhand, parnassus.byhand.autodiff, parnassus.byhand.epoch, parnassus.byhand.capacity;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
