"""Recurrent nets: what they learn, what they are made of, and what is refused."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import parnassus as pn
from parnassus.models.sequence.recurrent import pooled
from parnassus.train.randomness import kept_random


def order_of_two(n=400, steps=12, seed=0):
    """Which of two marks came first: a bag of steps cannot tell."""
    rng = np.random.default_rng(seed)
    X, y = np.zeros((n, steps, 3)), rng.integers(0, 2, n)
    X[..., 2] = rng.normal(size=(n, steps))
    for i in range(n):
        first, second = np.sort(rng.choice(steps, 2, replace=False))
        X[i, first, y[i]] = X[i, second, 1 - y[i]] = 1
    return X, y


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        pn.model("rnn", hidden=32),
        pn.model("lstm", hidden=32),
        pn.model("gru", hidden=32, reset="before"),
        pn.model("lstm", hidden=16, bidirectional=True, merge="sum"),
        pn.model("lstm", hidden=24, peepholes=True, normalize=True),
        pn.model("rnn", hidden=32, cell="deep_transition"),
    ],
    ids=repr,
)
def test_the_order_of_two_marks_is_learned(model):
    X, y = order_of_two()
    clf = pn.Classifier(model, epochs=15, lr=0.02).fit(X[:300], y[:300])
    assert clf.score(X[300:], y[300:]) > 0.9


@pytest.mark.slow
def test_rows_of_several_lengths_and_numbers_as_answers():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 1)) for n in rng.integers(2, 9, 300)]
    y = np.array([x.mean() for x in X])
    reg = pn.Regressor(pn.model("gru", hidden=24, pooling="mean"), epochs=30, lr=0.01).fit(X[:240], y[:240])
    assert reg.score(X[240:], y[240:]) > 0.9


def test_words_in_their_order_go_through_an_embedding():
    texts = [
        "not good",
        "good",
        "not bad",
        "bad",
        "really good",
        "really bad",
        "not really good",
        "not really bad",
    ] * 12
    y = [0, 1, 1, 0, 1, 0, 0, 1] * 12
    clf = pn.Classifier(pn.model("lstm", hidden=16, embedding=8), epochs=30, lr=0.01).fit(texts, y)
    assert clf.view_ == "tokens"
    assert clf.score(texts, y) == 1.0
    assert clf.objective_.model.embedding.embedding_dim == 8


def test_rows_of_pictures_are_steps():
    digits = load_digits()
    pictures = (digits.images * 15).astype(np.uint8)
    clf = pn.Classifier(pn.model("lstm", hidden=32, n_layers=2), epochs=6, lr=0.01)
    clf.fit(pictures[:900], digits.target[:900])
    assert clf.view_ == "rows"
    assert clf.score(pictures[900:1300], digits.target[900:1300]) > 0.85


def test_pooling_sees_real_steps_alone():
    h = torch.tensor([[[1.0], [5.0], [9.0]], [[-2.0], [-4.0], [9.0]], [[7.0], [7.0], [7.0]]])
    lengths = torch.tensor([2, 2, 0])
    assert pooled(h, lengths, "mean")[:, 0].tolist() == [3, -3, 0]
    assert pooled(h, lengths, "max")[:, 0].tolist() == [5, -2, 0]
    assert pooled(h, None, "max")[:, 0].tolist() == [9, 9, 7]


def test_3_B26_the_demo_of_a_net_in_torch():
    """nn.RNN(10, 20) and Linear(20, 5) on (3, 15, 10) answer (3, 5) with 745 weights."""
    builder = next(b for b in pn.model("rnn").builders("classifier") if "step_features" in b.facts)
    with kept_random(torch.device("cpu")):
        net = builder.make(step_features=10, n_outputs=5, **builder.defaults | {"hidden": 20})
    assert net(torch.zeros(3, 15, 10)).shape == (3, 5)
    assert sum(p.numel() for p in net.parameters()) == 10 * 20 + 20 * 20 + 2 * 20 + 105 == 745


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (pn.model("lstm", hidden=0), "hidden and n_layers are at least 1"),
        (pn.model("gru", reset="aftre"), "reset='aftre'.*after"),
        (pn.model("rnn", cell="elmann"), "cell='elmann'.*elman"),
        (pn.model("rnn", cell="jordan", n_layers=2), "leave out n_layers"),
        (pn.model("lstm", merge="sum"), "merge is for bidirectional=True"),
        (pn.model("lstm", pooling="first"), "pooling='first'"),
        (pn.model("lstm", zoneout=1.0), "zoneout are in"),
        (pn.model("lstm", embedding=5), "embedding is for ids"),
        (pn.model("gru", truncate=0), "truncate is how many steps slopes go back through.*got 0"),
        (pn.model("rnn", cell="jordan", truncate=3), "leave out truncate"),
    ],
    ids=repr,
)
def test_settings_without_meaning_are_refused(model, message):
    X, y = order_of_two(20)
    with pytest.raises(pn.SettingError, match=message):
        pn.Classifier(model, epochs=1).fit(X, y)


@pytest.mark.slow
def test_sequences_have_a_model_of_their_own_and_a_report(tmp_path):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in rng.integers(4, 9, 40)]
    y = np.array(["a"] * 34 + ["b"] * 6)
    clf = pn.Classifier(epochs=1).fit(X, y)
    assert clf.model_name == "gru"
    clf.report(tmp_path / "r.html", X, y)
    assert "begins" in (tmp_path / "r.html").read_text()
    reg = pn.Regressor(epochs=1).fit(X, np.arange(40.0))
    assert reg.model_name == "gru"
    reg.report(tmp_path / "n.html", X, np.arange(40.0))


def test_pictures_of_floats_are_told_apart_by_their_codec():
    X = np.random.default_rng(0).random((10, 8, 8))
    with pytest.raises(pn.DataError, match=r"for pictures give codec=pn.Image\(\)"):
        pn.Classifier("cnn").fit(X, [0, 1] * 5)
    assert pn.Classifier("cnn", epochs=1, codec=pn.Image()).fit(X, [0, 1] * 5).view_ == "image"


def test_nets_that_answer_at_every_step_learn_by_truncated_slopes_too():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(12, 8, 2))
    texts = [" ".join(rng.choice(list("abc"), 8)) for _ in range(12)]
    for truncate, reached in ((None, 8), (3, 2)):  # the last piece of 8 steps by 3 has 2
        for kind in ("lstm", "gru"):
            net = pn.model(kind, hidden=4, width=3, truncate=truncate)
            tagger = pn.Tagger(net, epochs=1, progress=False).fit(rows, (rows[:, :, 0] > 0).astype(int))
            made, seen = tagger.objective_.model.eval(), torch.from_numpy(rows[:1]).float().requires_grad_()
            made(seen, torch.tensor([8]))[:, -1].sum().backward()
            assert int((seen.grad.abs().sum(2) > 0).sum()) == reached
            writer = pn.LanguageModel(net, epochs=1, progress=False).fit(texts)
            assert writer.objective_.model.body.truncate == truncate
