"""Documents by TF-IDF and classical models; the parts of the stack put together by name; answers that are chosen."""

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

import parnassus as pn

TOPICS = {
    "sea": ["ship", "wave", "harbour", "sailor", "tide", "storm"],
    "farm": ["cow", "barn", "wheat", "plough", "field", "storm"],
    "town": ["street", "market", "bridge", "tower", "crowd", "wave"],
}


def documents(n, seed=0):
    rng = np.random.default_rng(seed)
    names = [list(TOPICS)[i % 3] for i in range(n)]
    filler = ["the", "and", "of", "was", "a", "there", "they", "saw", "then"]
    texts = []
    for name in names:
        words = [*rng.choice(TOPICS[name], 4), *rng.choice(filler, 10)]
        texts.append(" ".join(words[i] for i in rng.permutation(14)))
    return texts, names


X, Y = documents(90)
NEW, DUE = documents(60, seed=1)


def test_tf_idf_is_scikit_learn_s_and_a_margin_learns_from_it():
    """1 A175: bag of words, TF-IDF, a linear model with a margin."""
    two = [i for i, y in enumerate(Y) if y != "town"]
    clf = pn.Classifier("logistic", loss="hinge", codec=pn.Text(weighting="tfidf"), epochs=40, lr=0.05, progress=False)
    clf.fit([X[i] for i in two], [Y[i] for i in two])
    kept = [i for i, y in enumerate(DUE) if y != "town"]
    assert clf.score([NEW[i] for i in kept], [DUE[i] for i in kept]) > 0.95
    fitted = pn.Text(weighting="tfidf").fit(X)
    peer = TfidfVectorizer(token_pattern=r"(?u)\w+(?:['\u2019]\w+)*|[^\w\s]").fit(X)
    theirs = peer.transform(NEW).toarray()[:, [peer.vocabulary_[word] for word in fitted.words]]
    np.testing.assert_allclose(fitted.vectors(NEW)[:, 1:], theirs, atol=1e-6)


@pytest.mark.parametrize("made", [
    RandomForestClassifier(random_state=0), GradientBoostingClassifier(random_state=0), LinearSVC(random_state=0),
    pn.GradientBoosting(loss="log_loss"), pn.AdaBoost(),
])  # fmt: skip
def test_forests_boosting_and_margins_learn_from_the_same_numbers(made):
    two = [i for i, y in enumerate(Y) if y != "town"]
    kept = [i for i, y in enumerate(DUE) if y != "town"]
    codec = pn.Text(weighting="tfidf", clean=("stop_words",)).fit(X)
    made.fit(codec.vectors([X[i] for i in two]), [Y[i] for i in two])
    assert made.score(codec.vectors([NEW[i] for i in kept]), [DUE[i] for i in kept]) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mlp", "text_cnn", "lstm", "transformer"])
@pytest.mark.parametrize("vectors", ["drawn", "held", "begun"])
def test_pretraining_times_architecture_by_name(model, vectors):
    """1 A176: word vectors (none, held, learned on) under every architecture, one call for all."""
    words = pn.Embedder(pn.model("ppmi"), min_count=1).fit(X) if vectors != "drawn" else None
    spec, settings = pn.model(model), {}
    if vectors == "held":
        settings["codec"] = words.codec_of_words()
    elif vectors == "begun":
        if model == "mlp":
            pytest.skip("a net of bags has no embedding to begin; it takes held vectors")
        spec, settings["start"] = pn.model(model, embedding=words.vectors_.shape[1]), words
    clf = pn.Classifier(spec, epochs=12, lr=0.005, batch_size=16, progress=False, **settings).fit(X, Y)
    assert clf.score(NEW, DUE) > 0.8


REPLIES = {
    "hello there": "good morning", "where is my parcel": "it is on its way", "my parcel is late": "we are sorry",
    "i want my money back": "we send the money", "how do i pay": "by card or by bill",
}  # fmt: skip


def test_the_answer_of_the_nearest_thing_that_was_said():
    """1 A215, by retrieval: what was said before is found by its words, and its reply is taken."""
    said = list(REPLIES)
    index = pn.Embedder(pn.model("lsa", n_dimensions=5), min_count=1).fit(said)
    for asked, due in (("hello you", "hello there"), ("can i pay", "how do i pay"), ("the parcel is late", said[2])):
        row, _, _ = index.retrieve(asked, n=1)[0]
        assert said[row] == due


@pytest.mark.slow
def test_the_right_reply_is_chosen_among_wrong_ones():
    """1 A215, by pairs: a net that reads what was said and a reply puts the right one first, in words not learned."""
    rng = np.random.default_rng(0)
    colours = ["red", "green", "blue", "black"]
    asked = [f"do you have a {c} {w}" for c in colours for w in ("hat", "coat", "scarf")]
    right = {text: f"yes the {text.split()[4]} one is here" for text in asked}
    held = asked[2::3]  # scarves are asked for at the end alone
    pairs, fits = [], []
    for text in [t for t in asked if t not in held] * 12:
        other = str(rng.choice([c for c in colours if c != text.split()[4]]))
        pairs += [(text, right[text]), (text, f"yes the {other} one is here")]
        fits += [True, False]
    net = pn.model("bert", width=48, n_layers=2, n_heads=4, dropout=0.0, attention_dropout=0.0)
    clf = pn.Classifier(net, epochs=60, lr=0.001, batch_size=16, progress=False).fit(pairs, fits)
    for text in held:
        choices = [f"yes the {c} one is here" for c in colours]
        scores = clf.predict_proba([(text, reply) for reply in choices])[:, 1]
        assert choices[int(scores.argmax())] == right[text]
