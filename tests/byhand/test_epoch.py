"""The fast dense trainer: scikit-learn's weights after the same epochs, and the slow twin's gradients."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from parnassus.byhand.epoch import DenseTrainer
from parnassus.byhand.mlp import MLP

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)


def test_three_epochs_are_scikit_learns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = MLPClassifier((32, 16), alpha=0, shuffle=False, max_iter=3, random_state=0, batch_size=100).fit(X, Y)
        first = MLPClassifier((32, 16), alpha=0, shuffle=False, max_iter=1, random_state=0, batch_size=100)
        first.learning_rate_init = 1e-30  # the start: one epoch that does not move
        first.fit(X, Y)
    ours = DenseTrainer((64, 32, 16, 10), batch_size=100)
    for own, w in zip(ours.weights + ours.biases, first.coefs_ + first.intercepts_, strict=True):
        own[:] = w
    losses = [ours.epoch(X, Y, order=np.arange(len(X))) for _ in range(3)]
    assert np.allclose(losses, peer.loss_curve_, rtol=1e-4)
    for own, w in zip(ours.weights, peer.coefs_, strict=True):
        assert np.allclose(own, w, atol=2e-4)


def test_a_gradient_is_the_slow_twins() -> None:
    trainer = DenseTrainer((64, 12, 8, 10))
    loss = trainer.gradient(X[:50], Y[:50])
    net = MLP([w.astype(float) for w in trainer.weights], trainer.biases, "relu", "softmax_cross_entropy")
    trace = net.trace(X[:50], np.eye(10)[Y[:50]])
    assert loss == pytest.approx(trace.loss / 50, rel=1e-5)
    for own, layer in zip(trainer.by_weights, trace.layers, strict=True):
        assert np.allclose(own, layer.by_w / 50, atol=1e-6)
    for own, layer in zip(trainer.by_biases, trace.layers, strict=True):
        assert np.allclose(own, layer.by_b / 50, atol=1e-6)


def test_it_learns_and_leaves_the_rows_and_the_global_random_state_alone() -> None:
    rows, state = X.copy(), np.random.get_state()[1].copy()
    trainer = DenseTrainer((64, 64, 10), batch_size=64, lr=3e-3)
    losses = [trainer.epoch(X[:1200], Y[:1200]) for _ in range(15)]
    assert losses[-1] < 0.15 < losses[0]
    assert (trainer.scores(X[1200:]).argmax(1) == Y[1200:]).mean() > 0.88
    assert np.array_equal(X, rows)
    assert (np.random.get_state()[1] == state).all()


def test_equal_seeds_give_equal_weights() -> None:
    pair = [DenseTrainer((64, 8, 10), seed=4) for _ in range(2)]
    for trainer in pair:
        trainer.epoch(X, Y)
    assert (pair[0].flat == pair[1].flat).all()
