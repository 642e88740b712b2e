"""Members trained in one program against each trained alone: the same orders, weights, histories and stops."""

import numpy as np
import pytest
import torch
from torch import Tensor

import parnassus as pn
from parnassus.estimators.fitting.together import fit_together
from parnassus.train.together import Together

RNG = np.random.default_rng(0)
X = RNG.normal(size=(104, 4)).astype(np.float32)
CLASSES = np.digitize(X[:, 0] + X[:, 1], [-0.7, 0.7])
fold_of = np.arange(104) % 5  # one fold has a row less than the others: its last window is shorter


def weights(estimator) -> Tensor:
    return torch.cat([p.detach().flatten() for p in estimator.objective_.parameters()])


def parts(X, y, **by_row) -> list[dict]:
    return [
        {name: values[np.flatnonzero(fold_of - i)] for name, values in {"X": X, "y": y, **by_row}.items()}
        for i in range(5)
    ]


@pytest.fixture
def ran(monkeypatch) -> list[int]:
    """How many members each batched training had."""
    sizes: list[int] = []
    fit = Together.fit
    monkeypatch.setattr(Together, "fit", lambda self, *a: (sizes.append(len(self.trainers)), fit(self, *a))[1])
    return sizes


SETTINGS = [
    ({}, {}),
    ({"optimizer": "adam", "schedule": "cosine"}, {}),
    ({"optimizer": pn.optimizer("sgd", momentum=0.9, weight_decay=0.01)}, {}),
    ({"average": 0.9, "clip_norm": 0.1}, {}),
    ({"average": 2}, {}),
    ({"batch_size": 1000}, {}),
    ({}, {"sample_weight": RNG.uniform(0.5, 2, size=104)}),
]


@pytest.mark.parametrize(("settings", "more"), SETTINGS)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("kind", ["labels", "binary", "numbers", "multilabel"])
def test_members_equal_the_nets_trained_alone(kind, activation, settings, more, ran):
    y = {
        "labels": CLASSES,
        "binary": CLASSES > 0,
        "numbers": X[:, 0] * 2 - X[:, 1],
        "multilabel": np.stack([X[:, 0] > 0, X[:, 1] > 0], 1).astype(int),
    }[kind]
    task = pn.Regressor if kind == "numbers" else pn.Classifier
    settings = {"batch_size": 16, "optimizer": "sgd", "lr": 0.05} | settings

    def members():
        return [task(pn.model("mlp", hidden=(8,), activation=activation), epochs=4, **settings) for _ in range(5)]

    alone = [e.fit(**part) for e, part in zip(members(), parts(X, y, **more), strict=True)]
    together = fit_together(members(), parts(X, y, **more))
    assert sum(ran) == 5
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(weights(one), weights(other), atol=2e-5, rtol=1e-4)
        for before, after in zip(one.history_, other.history_, strict=True):
            assert before == pytest.approx(after, abs=1e-4)
        np.testing.assert_allclose(one.predict(X) == other.predict(X), True) if kind == "labels" else None


def test_seeds_and_early_stops_are_each_members_own(ran):
    def members():
        return [
            pn.Classifier(pn.model("mlp", hidden=(8,)), epochs=30, lr=0.05, batch_size=16, patience=2, seed=i)
            for i in range(4)
        ]

    alone = [e.fit(X, CLASSES) for e in members()]
    together = fit_together(members(), [{"X": X, "y": CLASSES}] * 4)
    assert ran == [4]
    assert len({len(e.history_) for e in alone}) > 1, "the test is about members that stop at different epochs"
    for one, other in zip(alone, together, strict=True):
        assert (len(one.history_), one.best_epoch_) == (len(other.history_), other.best_epoch_)
        torch.testing.assert_close(weights(one), weights(other), atol=1e-3, rtol=1e-2)


@pytest.mark.filterwarnings("ignore:the loss was:UserWarning")  # lbfgs runs away on windows of few rows
@pytest.mark.parametrize(
    "settings",
    [
        {"model": pn.model("mlp", hidden=(8,), dropout=0.2)},
        {"model": pn.model("mlp", hidden=(8,), activation="gelu")},
        {"optimizer": "lbfgs"},
        {"regularizers": "input_noise"},
        {"micro_batch_size": 7},
        {"schedule": "plateau"},
    ],
)
def test_what_cannot_share_a_program_is_fitted_alone(settings, ran):
    settings = {"model": pn.model("mlp", hidden=(8,)), "epochs": 2} | settings
    alone = [pn.Classifier(**settings).fit(**part) for part in parts(X, CLASSES)]
    together = fit_together([pn.Classifier(**settings) for _ in range(5)], parts(X, CLASSES))
    assert not ran
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(weights(one), weights(other))


def test_members_that_differ_are_grouped_by_what_they_share(ran):
    widths = [8, 4, 8, 4, 8]
    members = [pn.Classifier(pn.model("mlp", hidden=(w,)), epochs=2, batch_size=16) for w in widths]
    fit_together(members, [{"X": X, "y": CLASSES}] * 5)
    assert sorted(ran) == [2, 3]


def test_a_member_that_diverges_leaves_all_members_unfitted():
    members = [pn.Regressor(pn.model("mlp", hidden=(8,)), epochs=9, lr=1e9, optimizer="sgd") for _ in range(3)]
    with pytest.raises(pn.Diverged):
        fit_together(members, [{"X": X, "y": X[:, 0] * X[:, 1]}] * 3)
    assert not any(hasattr(e, "objective_") for e in members)


def test_global_random_state_is_as_it_was():
    before = torch.get_rng_state()
    fit_together([pn.Classifier("mlp", epochs=1) for _ in range(2)], [{"X": X, "y": CLASSES}] * 2)
    assert torch.equal(before, torch.get_rng_state())
