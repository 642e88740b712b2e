"""Embedder: words that are alike, texts that are near, topics, files, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch

import parnassus as pn
from parnassus import Embedder
from parnassus.errors import DataError, DataWarning, FileError, SettingError

pytest.importorskip("sklearn.manifold")  # its import draws from Python's own random state

ANIMALS, FOODS = ["cat", "dog", "horse", "cow"], ["bread", "soup", "rice", "cake"]


def corpus(n: int = 240) -> list[str]:
    """Sentences in which animals do one kind of thing and foods another."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(n):
        a, b = rng.choice(ANIMALS, 2, replace=False)
        f, g = rng.choice(FOODS, 2, replace=False)
        made.append(f"The {a} {rng.choice(['runs', 'sleeps', 'eats'])} beside a {b} in the field.")
        made.append(f"We {rng.choice(['cook', 'bake', 'taste'])} {f} and hot {g} in the kitchen!")
    return made


TEXTS = corpus()
SMALL = {
    "skip_gram": {"n_dimensions": 16, "window": 3, "threshold": 0.0},
    "cbow": {"n_dimensions": 16, "window": 3, "threshold": 0.0},
    "fasttext": {"n_dimensions": 16, "window": 3, "n_buckets": 400, "threshold": 0.0},
    "glove": {"n_dimensions": 16, "window": 3},
    "doc2vec": {"n_dimensions": 16, "window": 3, "threshold": 0.0},
    "ppmi": {"window": 3},
    "cooccurrence": {"window": 3},
    "lsa": {"n_dimensions": 5},
    "lda": {"n_topics": 2},
    "one_hot": {},
}
LEARNED = ("skip_gram", "cbow", "fasttext", "glove", "doc2vec")


def made(name: str, **settings) -> Embedder:
    more = {"epochs": 25, "batch_size": 64} if name in LEARNED else {}
    return Embedder(pn.model(name, **SMALL[name]), progress=False, **more | settings)


@pytest.fixture(scope="module")
def fits():
    held: dict[str, Embedder] = {}

    def get(name: str) -> Embedder:
        if name not in held:
            held[name] = made(name).fit(TEXTS)
        return held[name]

    return get


@pytest.mark.parametrize("name", ["skip_gram", "cbow", "fasttext", "glove", "ppmi", "cooccurrence", "lda"])
def test_words_of_a_kind_are_alike(name, fits):
    embedder = fits(name)
    for word, kind in (("dog", ANIMALS), ("rice", FOODS)):
        near = [w for w, _ in embedder.most_similar(word, n=15) if w in ANIMALS + FOODS]
        assert set(near[:3]) <= set(kind)
    assert "." not in embedder


@pytest.mark.parametrize("name", sorted(SMALL))
def test_every_model_has_vectors_of_words_and_of_texts(name, fits):
    embedder = fits(name)
    d = embedder.vectors_.shape[1]
    assert embedder.vectors_.shape == (len(embedder.words_), d)
    assert np.isfinite(embedder.vectors_).all()
    assert embedder.vector("Dog").shape == (d,)
    placed = embedder.transform(TEXTS[:6])
    assert placed.shape == (6, d)
    assert placed.dtype == np.float32
    assert (embedder.counts_[:-1] >= embedder.counts_[1:]).all()


@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_saved_model_answers_as_before(name, fits, tmp_path):
    embedder = fits(name)
    again = pn.load(embedder.save(tmp_path / "words.parnassus") and tmp_path / "words.parnassus")
    np.testing.assert_array_equal(embedder.vectors_, again.vectors_)
    np.testing.assert_array_equal(embedder.transform(TEXTS[:4]), again.transform(TEXTS[:4]))
    assert again.most_similar("dog", n=3) == embedder.most_similar("dog", n=3)
    with pytest.raises(DataError, match="documents="):
        again.retrieve("a dog")
    assert again.retrieve("a dog", documents=TEXTS[:9], n=2) == embedder.retrieve("a dog", documents=TEXTS[:9], n=2)


@pytest.mark.parametrize("name", ["skip_gram", "glove", "lda"])
def test_equal_seeds_give_equal_bits(name):
    one, two, three = (made(name, seed=s, epochs=2).fit(TEXTS[:60]).vectors_ for s in (3, 3, 4))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, three)


@pytest.mark.parametrize("name", ["skip_gram", "cbow", "fasttext", "glove", "doc2vec", "lda"])
def test_the_loss_falls(name, fits):
    losses = [epoch["loss"] for epoch in fits(name).history_]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("output", ["tree", "softmax"])
def test_other_outputs_learn_too(output):
    plain = {"threshold": 0.0}  # a small vocabulary has frequent words alone
    spec = pn.model("skip_gram", n_dimensions=16, window=3, output=output, **plain)
    more = {"lr": 0.01} if output == "softmax" else {}
    embedder = Embedder(spec, epochs=8, batch_size=64, progress=False, **more).fit(TEXTS)
    assert embedder.history_[-1]["loss"] < embedder.history_[0]["loss"]
    near = [w for w, _ in embedder.most_similar("dog", n=15) if w in ANIMALS + FOODS]
    assert set(near[:3]) <= set(ANIMALS)


def test_the_closed_form_of_the_full_softmax_is_autograds():
    from parnassus.objectives.text.word_vectors import FullSoftmax

    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = FullSoftmax(9, n_dimensions=4, window=2)
        net.targets.data.normal_()
    batch = {"x": torch.tensor([0, 3, 8, 3, 1, 2]), "lengths": torch.tensor([4, 2])}
    loss = net.loss(batch)
    wanted = torch.autograd.grad(loss, (net.inputs, net.targets))
    torch.testing.assert_close(net.gradient(batch), loss.detach())
    for table, grad in zip((net.inputs, net.targets), wanted, strict=True):
        torch.testing.assert_close(table.grad, grad)


def test_an_analogy_leaves_its_own_words_out():
    pairs = {"paris": "france", "rome": "italy", "madrid": "spain", "athens": "greece"}
    texts = []
    for i, (city, land) in enumerate(pairs.items()):
        texts += [f"{land} {sign} country {sign} land" for sign in (f"wine{i}", f"hill{i}")] * 5
        texts += [f"{city} {sign} town {sign} streets" for sign in (f"wine{i}", f"hill{i}")] * 5
    embedder = Embedder(pn.model("ppmi", window=3), progress=False).fit(texts)
    answers = [w for w, _ in embedder.analogy("paris", "france", "rome", n=3)]
    assert not {"paris", "france", "rome"} & set(answers)
    assert embedder.analogies([("paris", "france", "rome", "italy"), ("rome", "italy", "madrid", "spain")]) == 1
    assert embedder.analogies([("paris", "france", "rome", "italy")], measure="multiply") == 1


@pytest.mark.slow
def test_texts_are_found_by_what_they_are_about(fits):
    for name in ("skip_gram", "lsa", "lda", "doc2vec", "ppmi"):
        found = fits(name).retrieve("the cow sleeps beside the horse", n=3)
        assert all("field" in text for _, _, text in found), name
        assert all(TEXTS[row] == text for row, _, text in found)
        assert found[0][1] >= found[-1][1]


def test_a_text_is_the_mean_of_its_words_as_they_weigh(fits):
    embedder = fits("skip_gram")
    words = [embedder.vector(w) for w in ("dog", "eats", "rice")]
    np.testing.assert_allclose(embedder.transform(["Dog eats: rice, zebra."])[0], np.mean(words, 0), rtol=1e-5)
    weighing = made("skip_gram", weighting="tfidf").fit(TEXTS)
    idf = dict(zip(weighing.words_, weighing.codec_.idf.tolist(), strict=True))
    pair = [idf["the"] * weighing.vector("the"), idf["dog"] * weighing.vector("dog")]
    mean = sum(pair) / (idf["the"] + idf["dog"])
    np.testing.assert_allclose(weighing.transform(["the dog"])[0], mean, rtol=1e-5)
    assert idf["dog"] > idf["the"]


def test_topics_are_the_kinds(fits):
    told = [{w for w, _ in topic} for topic in fits("lda").topics(10)]
    assert any(set(ANIMALS) <= t for t in told) or any(set(FOODS) <= t for t in told)
    assert len(fits("lsa").topics(3)) == 5


def test_fasttext_answers_for_words_it_never_saw(fits):
    embedder = fits("fasttext")
    assert "dogs" not in embedder
    assert embedder.most_similar("doggy", n=1)[0][0] in ANIMALS
    assert np.abs(embedder.transform(["doggish"])).sum() > 0


def test_an_unknown_word_is_refused_with_the_nearest(fits):
    with pytest.raises(DataError, match=r"'hosre' is not in this vocabulary.*'horse'"):
        fits("skip_gram").vector("hosre")


def test_vectors_travel_by_text_files(fits, tmp_path):
    embedder = fits("skip_gram")
    embedder.export(tmp_path / "v.txt")
    again = Embedder.read(tmp_path / "v.txt")
    np.testing.assert_array_equal(again.vectors_, embedder.vectors_)
    assert again.most_similar("dog", n=4) == embedder.most_similar("dog", n=4)
    again.save(tmp_path / "v.parnassus")
    np.testing.assert_array_equal(pn.load(tmp_path / "v.parnassus").vectors_, embedder.vectors_)


def test_gensim_reads_what_is_written_and_agrees(fits, tmp_path):
    gensim = pytest.importorskip("gensim", reason="gensim is a peer: pip install gensim")
    embedder = fits("skip_gram").export(tmp_path / "v.txt")
    theirs = gensim.models.KeyedVectors.load_word2vec_format(str(tmp_path / "v.txt"))
    ours = embedder.most_similar(["dog", "soup"], ["cat"], n=5)
    for (word, score), (other, value) in zip(ours, theirs.most_similar(["dog", "soup"], ["cat"], topn=5), strict=True):
        assert word == other
        assert score == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize(("text", "words"), [
    ("2 2\na 1 2\n", "cut short"), ("a 1 2\nb 1\n", "line 2"), ("a x 2\n", "line 1"), ("", "no vectors"),
    ("a 1\na 2\n", "twice"), ("a nan 1\nb 1 2\n", "not finite"),
])  # fmt: skip
def test_damaged_files_are_refused(text, words, tmp_path):
    (tmp_path / "v.txt").write_text(text)
    with pytest.raises(FileError, match=words):
        Embedder.read(tmp_path / "v.txt")


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_a_map_shows_every_word_or_says_what_it_left_out(method, fits):
    found = fits("skip_gram").map(method=method)
    assert found.points.shape == (len(found.words), 2)
    figure = found.plot()
    written = [t.get_text() for t in figure.axes[0].texts]
    title = figure.axes[0].get_title()
    assert len(written) + int(title.split()[0] if title else 0) == len(found.words)


def test_columns_frames_and_files_hold_texts(tmp_path):
    frame = pd.DataFrame({"said": TEXTS[:40], "n": range(40)})
    (tmp_path / "t.txt").write_text("\n\n".join(TEXTS[:40]))
    kept = [made("ppmi").fit(X, **more).words_ for X, more in (
        (frame["said"], {}), (frame, {"target": "said"}), (tmp_path / "t.txt", {}),
    )]  # fmt: skip
    assert kept[0] == kept[1] == kept[2]


@pytest.mark.parametrize(("X", "words"), [
    ([], "no texts"), (["", ""], "no word seen"), (["a b", None], "row 1"), ([1, 2], "row 0"),
    (["word word word"], "one word only, 'word'"), (["a b c"], "min_count=2"), (["! ? !", "! ?"], "signs and no words"),
    ("some words", "one text"), (pd.DataFrame({"a": ["x"], "b": ["y"]}), "target="), (3, "list of texts"),
])  # fmt: skip
def test_texts_that_give_nothing_are_refused(X, words):
    with pytest.raises(DataError, match=words):
        made("skip_gram").fit(X)


@pytest.mark.parametrize("name", ["ppmi", "cooccurrence", "glove"])
def test_texts_of_one_word_each_have_no_neighbours(name):
    with pytest.raises(DataError, match="near each other"):
        made(name).fit(["one", "two", "one", "two"])


def test_words_in_every_text_have_no_directions():
    lone = Embedder(pn.model("lsa", n_dimensions=1), progress=False)
    with pytest.raises(DataError, match="every word is in every text"):
        lone.fit(["one two", "two one"])


def test_fewer_texts_than_directions_are_said():
    with pytest.warns(DataWarning, match="n_dimensions=100 becomes 3"):
        found = Embedder("lsa", min_count=1, progress=False).fit(["a b a", "b c", "a c c"])
    assert found.vectors_.shape == (3, 3)


@pytest.mark.parametrize(("name", "options"), [
    ("skip_gram", {"window": 0}), ("skip_gram", {"n_dimensions": 0}), ("skip_gram", {"output": "soft"}),
    ("cbow", {"output": "softmax"}), ("glove", {"x_max": 0.0}), ("lda", {"n_topics": 0}), ("ppmi", {"shift": 0.0}),
    ("doc2vec", {"algorithm": "cow"}), ("ppmi", {"n_dimensions": 9999}), ("fasttext", {"shortest": 7}),
    ("cooccurrence", {"side": "up"}), ("lda", {"topic_prior": -1.0}), ("vectors", {}),
])  # fmt: skip
def test_options_that_mean_nothing_are_refused(name, options):
    with pytest.raises(SettingError):
        Embedder(pn.model(name, **options), progress=False).fit(TEXTS[:20])


@pytest.mark.parametrize("settings", [
    {"min_count": 0}, {"max_words": 0}, {"weighting": "sum"}, {"codec": pn.Text()}, {"loss": "huber"}, {"lr": 0.1},
])  # fmt: skip
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(SettingError):
        made("skip_gram", **settings).fit(TEXTS[:20])


def test_what_a_model_has_not_is_refused(fits):
    embedder = fits("ppmi")
    for ask in (embedder.topics, lambda: embedder.score(TEXTS[:3]), lambda: embedder.evaluate(TEXTS[:3])):
        with pytest.raises(SettingError):
            ask()
    with pytest.raises(SettingError, match="repeat texts"):
        made("skip_gram").fit(TEXTS, sample_weight=[1.0] * len(TEXTS))
    with pytest.raises(DataError, match="'zebra' holds no word"):
        embedder.retrieve("zebra")
    with pytest.raises(DataError, match="four words"):
        embedder.analogies([("dog", "cat")])


def test_texts_without_known_words_are_counted(fits):
    with pytest.warns(DataWarning, match=r"1 of 2 texts .*first row 1"):
        assert not fits("skip_gram").transform(["dog", "zebra"])[1].any()


def test_held_out_texts_may_end_the_training():
    numbered = [f"{text} {i}" for i, text in enumerate(TEXTS[:100])]  # so that none is there twice
    embedder = made("skip_gram", patience=2).fit(numbered, validation=0.2)
    assert "validation_loss" in embedder.history_[0]
    assert np.isfinite(embedder.score(TEXTS[100:140]))


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(tmp_path):
    whole = made("skip_gram", epochs=4).fit(TEXTS[:80])
    made("skip_gram", epochs=4, out=str(tmp_path / "run")).fit(TEXTS[:80])
    again = made("skip_gram", epochs=4, out=str(tmp_path / "run"), resume=True).fit(TEXTS[:80])
    np.testing.assert_array_equal(whole.vectors_, again.vectors_)


def test_documents_of_doc2vec_stand_near_their_own_inferred_vectors(fits):
    embedder = fits("doc2vec")
    objective = embedder.objective_
    own = objective.inputs[objective.vocab_size :].numpy()[:40]
    new = embedder.transform(TEXTS[:40])
    cosines = (own / np.linalg.norm(own, axis=1, keepdims=True)) @ (new / np.linalg.norm(new, axis=1, keepdims=True)).T
    even, odd = cosines[::2, ::2].mean(), cosines[::2, 1::2].mean()
    assert even > odd + 0.2


@pytest.mark.slow
@pytest.mark.parametrize(("algorithm", "rate", "window", "epochs"), [("bag", 0.1, 5, 20), ("mean", 0.5, 1, 100)])
def test_biological_sequences_are_texts_of_runs_of_three_letters(algorithm, rate, window, epochs):
    rng = np.random.default_rng(0)
    kinds = [["atg", "gcc", "aaa", "cgt"], ["tta", "ccg", "gat", "tgc"]]
    sequences = [" ".join(rng.choice(kinds[i % 2], 30)) for i in range(40)]
    spec = pn.model("doc2vec", algorithm=algorithm, n_dimensions=8, threshold=0.0, rate=rate, window=window)
    embedder = Embedder(spec, epochs=epochs, progress=False).fit(sequences)
    placed = embedder.transform(sequences)
    placed -= placed.mean(0)
    near = (placed @ placed.T) / np.outer(*[np.linalg.norm(placed, axis=1)] * 2)
    assert near[::2, ::2].mean() > near[::2, 1::2].mean() + 0.5
    assert sum(row % 2 for row, _, _ in embedder.retrieve(sequences[3], n=5)) >= 4


def test_nothing_is_answered_before_fit():
    for ask in (lambda: "dog" in Embedder(), lambda: Embedder().vector("dog"), lambda: Embedder().retrieve("dog")):
        with pytest.raises(pn.NotFitted):
            ask()


def test_retrieving_less_than_one_text_is_refused():
    words = Embedder(pn.model("one_hot"), min_count=1).fit(["a cat", "a dog"])
    with pytest.raises(SettingError, match="n is a whole number"):
        words.retrieve("cat", n=-1)
