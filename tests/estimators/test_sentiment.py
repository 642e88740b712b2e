"""Sentiment by recurrent nets: vectors drawn, begun with an Embedder's, or held; what preprocessing changes."""

import numpy as np
import pytest
import torch

import parnassus as pn

GOOD, BAD = ["warm", "funny", "clever", "moving", "bright"], ["dull", "cold", "clumsy", "weary", "flat"]
TRAINING = {"epochs": 8, "lr": 0.01, "batch_size": 16}


def reviews(n, seed=0):
    """Texts whose last word of feeling decides, some with tags and capitals."""
    rng = np.random.default_rng(seed)
    texts, said = [], []
    for i in range(n):
        first, last = (BAD, GOOD) if i % 2 else (GOOD, BAD)
        texts.append(f"The film was <b>{rng.choice(first)}</b> at first, and then it was {rng.choice(last).upper()}!")
        said.append(("bad", "good")[i % 2])
    return texts, said


X, Y = reviews(120)
NEW, DUE = reviews(40, seed=1)


@pytest.fixture(scope="module")
def words():
    return pn.Embedder(pn.model("skip_gram", n_dimensions=12), min_count=1, epochs=2, clean=("html",)).fit(X)


@pytest.mark.parametrize("spec", [
    pn.model("lstm", hidden=24), pn.model("gru", hidden=24), pn.model("lstm", hidden=16, bidirectional=True),
    pn.model("rnn", hidden=24),
])  # fmt: skip
def test_the_order_of_words_is_read(spec):
    """Every text holds a good and a bad word, so that a bag of words is at chance."""
    codec = pn.Text(clean=("html",))
    assert pn.Classifier(spec, codec=codec, **TRAINING).fit(X, Y).score(NEW, DUE) > 0.9


def test_the_books_net_has_the_books_parameters():
    """2b A5.21: 400 numbers a word, two layers of 256 GRU cells, one logit: 505,344 + 394,752 + 257."""
    spec = pn.model("gru", embedding=400, hidden=256, n_layers=2, dropout=0.5)
    clf = pn.Classifier(spec, epochs=1, batch_size=60).fit(X[:20], Y[:20])
    parts = dict(clf.objective_.model.named_parameters())
    n = sum(p.numel() for name, p in parts.items() if not name.startswith("embedding"))
    assert n == 505_344 + 394_752 + 257
    assert parts["embedding.weight"].shape[1] == 400


def test_vectors_of_an_embedder_begin_the_embedding_and_go_on_learning(words):
    clf = pn.Classifier(pn.model("lstm", hidden=24, embedding=12), start=words, **TRAINING).fit(X, Y)
    table = clf.objective_.model.embedding.weight.detach()
    assert clf.start_["taken"] == ["embedding.weight"]
    assert clf.codec_.words == words.words_
    assert not torch.allclose(table[2:], torch.from_numpy(words.vectors_), atol=1e-3)
    assert clf.score(NEW, DUE) > 0.9


def test_frozen_vectors_stay_bit_for_bit(words):
    clf = pn.Classifier(pn.model("gru", hidden=24, embedding=12), start=words, freeze="embedding", **TRAINING)
    table = clf.fit(X, Y).objective_.model.embedding.weight.detach()
    assert torch.equal(table[2:], torch.from_numpy(words.vectors_))
    assert not table[0].any()
    torch.testing.assert_close(table[1], torch.from_numpy(words.vectors_).mean(0))


def test_a_saved_embedder_starts_as_a_fitted_one_does(words, tmp_path):
    words.save(tmp_path / "words.parnassus")
    spec, few = pn.model("text_cnn", hidden=8, embedding=12), {"epochs": 1, "batch_size": 16}
    a = pn.Classifier(spec, start=words, **few).fit(X, Y)
    b = pn.Classifier(spec, start=str(tmp_path / "words.parnassus"), **few).fit(X, Y)
    assert np.array_equal(a.predict_proba(NEW), b.predict_proba(NEW))
    b.save(tmp_path / "clf.parnassus")
    assert np.array_equal(pn.load(tmp_path / "clf.parnassus").predict_proba(NEW), b.predict_proba(NEW))


def test_widths_that_differ_and_nets_without_embeddings_are_refused(words):
    with pytest.raises(pn.SettingError, match="give the model embedding=12"):
        pn.Classifier("lstm", start=words, epochs=1).fit(X, Y)
    with pytest.raises(pn.SettingError, match="no embedding of ids"):
        pn.Classifier("mlp", start=words, epochs=1).fit(X, Y)


def test_the_vectors_of_rare_words_come_from_elsewhere(words):
    """Trained on half of the feelings' words, only vectors learned elsewhere know the other half."""
    rng = np.random.default_rng(0)
    near = [f"a {g} {rng.choice(GOOD)} film and {h} too" for g in GOOD for h in GOOD]
    near += [f"a {g} {rng.choice(BAD)} story but {h} too" for g in BAD for h in BAD]
    embedder = pn.Embedder(pn.model("skip_gram", n_dimensions=16, window=2), min_count=1, epochs=60).fit(near)
    half = [f"it is {w}" for w in GOOD[:3] + BAD[:3]] * 8
    said = ["good"] * 3 + ["bad"] * 3
    rest, due = [f"it is {w}" for w in GOOD[3:] + BAD[3:]], ["good"] * 2 + ["bad"] * 2
    few = {"epochs": 15, "lr": 0.01, "batch_size": 16}
    with_vectors = pn.Classifier(
        pn.model("lstm", hidden=16, embedding=16), start=embedder, freeze="embedding", **few
    ).fit(half, said * 8)
    assert with_vectors.score(rest, due) == 1.0


def test_what_is_stripped_changes_the_vocabulary():
    """2b P5.4: the same net without and with preprocessing."""
    plain = pn.Classifier("gru", epochs=1, codec=pn.Text(lower=False)).fit(X, Y)
    stripped = pn.Classifier("gru", epochs=1, codec=pn.Text(clean=("html", "stop_words"))).fit(X, Y)
    assert {"<", "b", ">", "WARM"} <= set(plain.codec_.words)
    assert not {"<", "b", "WARM", "the"} & set(stripped.codec_.words)
    assert "warm" in stripped.codec_.words
