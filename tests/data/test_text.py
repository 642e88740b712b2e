"""Text: refusals, words and bytes, bags against the books and scikit-learn."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from parnassus import store
from parnassus.data.codec import codec_for
from parnassus.data.text.text import Text
from parnassus.errors import DataError, DataWarning, SettingError

TEXTS = ["the red dog", "dog cat eats", "dog eats food", "red cat eats"]
VOCABULARY = ["the", "red", "dog", "cat", "eats", "food"]
# The rows of the table of fixture B51 (Baker), over that vocabulary: 111000 / 001110 / 001011 / 010110.


def everything(codec, raw, view="vector"):
    rows = codec.encode(raw)
    return codec.prepare(rows.take(torch.arange(len(rows))), view)


def columns(codec, bag):
    return bag[:, [codec.vector_names.index(word) for word in VOCABULARY]]


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (["a", None], "row 1 of X is missing"),
        (["a", float("nan")], "row 1 of X is missing"),
        (["a", 3], "row 1 of X is 3, a int"),
        ([], "no texts"),
        ("one text", r"\[text\]"),
        (["", " "], "no word"),
    ],
)
def test_what_is_no_text_is_refused(raw, says):
    with pytest.raises(DataError, match=says):
        Text().fit(raw)


@pytest.mark.parametrize("row", [b"\xff" * 5000, list(range(3000))])
def test_what_is_no_text_is_not_printed_whole(row):
    with pytest.raises(DataError) as caught:
        Text().fit([row])
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("options", [{"unit": "letters"}, {"weighting": "bm25"}, {"min_count": 0}, {"max_words": 0}])
def test_settings_that_do_not_exist_are_refused(options):
    with pytest.raises(SettingError):
        Text(**options)


def test_1_B51_bag_of_words():
    codec = Text().fit(TEXTS)
    assert columns(codec, everything(codec, TEXTS)["x"]).tolist() == [
        [1, 1, 1, 0, 0, 0],
        [0, 0, 1, 1, 1, 0],
        [0, 0, 1, 0, 1, 1],
        [0, 1, 0, 1, 1, 0],
    ]
    pair = ["the dog barks", "barks the dog"]
    bags = everything(Text().fit(pair), pair)["x"]
    assert torch.equal(bags[0], bags[1])


def test_1_B52_tf_idf_of_shares_and_plain_logarithms():
    codec = Text(weighting="tfidf-plain").fit(TEXTS)
    expected = [0.462098, 0.231049, 0.095894, 0, 0, 0]
    assert columns(codec, everything(codec, TEXTS)["x"])[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_1_B52_smoothed_tf_idf_with_rows_of_norm_one():
    codec = Text(weighting="tfidf").fit(TEXTS)
    expected = [
        [0.702035, 0.553492, 0.4481, 0, 0, 0],
        [0, 0, 0.53257, 0.657829, 0.53257, 0],
        [0, 0, 0.473804, 0, 0.473804, 0.742306],
        [0, 0.613667, 0, 0.613667, 0.496816, 0],
    ]
    assert columns(codec, everything(codec, TEXTS)["x"]).numpy() == pytest.approx(np.array(expected), abs=1e-6)
    idf = dict(zip(codec.vector_names, codec.idf.tolist(), strict=True))
    assert [idf[w] for w in VOCABULARY] == pytest.approx(
        [1.916291, 1.510826, 1.223144, 1.510826, 1.223144, 1.916291], abs=1e-6
    )


@pytest.mark.parametrize(("weighting", "theirs"), [("count", CountVectorizer), ("tfidf", TfidfVectorizer)])
def test_bags_are_those_of_scikit_learn(weighting, theirs):
    texts = ["To be or not to be", "that is the question", "be that as it may", "question the question"]
    codec = Text(weighting=weighting).fit(texts)
    model = theirs(token_pattern=r"\w+").fit(texts)
    ours = everything(codec, texts)["x"][:, 1:]  # theirs has no unknown word
    assert codec.vector_names[1:] == model.get_feature_names_out().tolist()
    assert ours.numpy() == pytest.approx(model.transform(texts).toarray(), abs=1e-6)


def test_words_are_ids_with_padding_and_the_unknown_word():
    codec = Text().fit(["b a", "a c c"])
    assert codec.views()["tokens"] == {"vocab_size": 5, "pad_id": 0, "max_length": 3}
    batch = everything(codec, ["a d", "C b a"], "tokens")
    assert batch["x"].tolist() == [[2, 1, 0], [4, 3, 2]]
    assert batch["lengths"].tolist() == [2, 3]
    assert batch["x"].dtype == torch.int64
    assert codec.decode(batch["x"]) == ["a <unknown>", "c b a"]
    assert "lengths" not in everything(codec, ["a"], "vector")


def test_0_B5_words_and_signs_are_apart():
    codec = Text(lower=False).fit(["Machine learning is fun!"])
    assert codec.decode(everything(codec, ["Machine learning is fun!"], "tokens")["x"]) == ["Machine learning is fun !"]


def test_bytes_need_no_vocabulary():
    codec = Text(unit="bytes", lower=False).fit(["abc"])
    texts = ["abc", "\u00e9!", ""]
    assert codec.views()["tokens"]["vocab_size"] == 257
    assert codec.decode(everything(codec, texts, "tokens")["x"]) == texts
    assert everything(codec, ["aab"])["x"][0, [97, 98]].tolist() == [2, 1]


def test_rare_words_are_unknown():
    texts = ["a a a b b c", "a b d"]
    assert Text(min_count=2).fit(texts).words == ["a", "b"]
    assert Text(max_words=1).fit(texts).words == ["a"]


def test_long_texts_are_cut_with_a_count():
    codec = Text().fit(["a b", "b"])
    with pytest.warns(DataWarning, match=r"1 of 2 texts are longer than 2 words and are cut \(first row 1, 4 long\)"):
        batch = everything(codec, ["a", "b a b a"], "tokens")
    assert codec.n_cut == 1
    assert batch["x"].tolist() == [[2, 0], [3, 2]]


def test_empty_texts_are_empty_rows():
    codec = Text().fit(["a b", ""])
    assert everything(codec, ["", "a"])["x"].tolist() == [[0, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("options", [{}, {"unit": "bytes"}, {"weighting": "tfidf", "max_length": 9}])
def test_a_saved_codec_is_the_same_codec(options, tmp_path):
    codec = Text(**options).fit(TEXTS)
    store.save(tmp_path / "c", codec.state())
    again = Text.from_state(store.load(tmp_path / "c"))
    assert torch.equal(everything(again, TEXTS)["x"], everything(codec, TEXTS)["x"])
    assert again.views() == codec.views()


@pytest.mark.parametrize("wrap", [list, tuple, np.array, pd.Series])
def test_texts_come_in_any_container(wrap):
    assert Text().fit(wrap(TEXTS)).words == sorted(VOCABULARY)


def test_a_list_of_strings_is_text():
    assert isinstance(codec_for(TEXTS), Text)


def test_a_bag_of_words_tells_two_topics_apart():
    """A linear model by least squares on the bag, trained and tested on texts of disjoint order."""
    rng = np.random.default_rng(0)
    words = [["goal", "match", "team", "score"], ["vote", "law", "state", "party"]]
    y = rng.integers(0, 2, 60)
    texts = [" ".join(rng.choice([*words[k], "the", "of", "and"], 8)) for k in y]
    codec = Text().fit(texts[:40])
    x = everything(codec, texts)["x"].double().numpy()
    w = np.linalg.lstsq(x[:40], 2.0 * y[:40] - 1, rcond=None)[0]
    assert ((x[40:] @ w > 0) == y[40:]).mean() >= 0.95


@pytest.mark.parametrize("weighting", ["count", "tfidf"])
def test_runs_of_words_are_counted_as_scikit_learn_counts_them(weighting):
    texts = ["the red dog saw the red cat", "dog cat", "a red dog", "cat"]
    codec = Text(n_grams=3, weighting=weighting).fit(texts)
    bag = everything(codec, [*texts, "the red zebra saw the dog", "red"])["x"]
    peer = CountVectorizer if weighting == "count" else TfidfVectorizer
    theirs = peer(ngram_range=(1, 3), token_pattern=r"\w+").fit(texts)
    rows = torch.tensor(theirs.transform([*texts, "the red zebra saw the dog", "red"]).toarray())
    order = [codec.vector_names.index(name) for name in theirs.get_feature_names_out()]
    if weighting == "count":
        assert torch.equal(bag[:, order].double(), rows.double())
    else:  # the unknown word counts in our rows' length
        torch.testing.assert_close(bag[:4, order].double(), rows[:4])


def test_texts_are_cleaned_before_they_are_cut_and_the_steps_travel():
    codec = Text(clean=("html", "stop_words")).fit(["<b>The</b> good film", "a bad film"])
    assert codec.words == ["bad", "film", "good"]
    again = Text.from_state(codec.state())
    assert torch.equal(everything(again, ["The <i>bad</i>"])["x"], everything(codec, ["bad"])["x"])
    with pytest.raises(SettingError, match="did you mean 'html'"):
        Text(clean=("htm",))


def test_a_text_can_be_subwords():
    codec = Text(unit="byte_bpe", max_words=300).fit(TEXTS)
    batch = everything(codec, TEXTS, "tokens")
    assert codec.decode(batch["x"]) == TEXTS
    assert codec.vocab_size <= 300


@pytest.mark.parametrize("raw", [None, 5, {"text": ["a b", "c"]}])
def test_what_is_no_list_of_texts_is_refused(raw):
    with pytest.raises(DataError, match="list of texts"):
        Text().fit(raw)


def test_counts_that_are_no_whole_numbers_are_refused():
    for name in ("min_count", "max_words", "max_length", "n_grams"):
        for value in (2.5, "3", True):
            with pytest.raises(SettingError, match=name):
                Text(**{name: value})


@pytest.mark.parametrize("gap", [None, float("nan")], ids=["None", "NaN"])
@pytest.mark.parametrize("kind", [list, lambda rows: np.array(rows, dtype=object)], ids=["list", "array"])
def test_a_gap_before_the_first_text_is_named_and_hides_no_text(gap, kind):
    given = kind([gap, *TEXTS])
    with pytest.raises(DataError, match="row 0 of X is missing, and a text is due"):
        codec_for(given).fit(given)
