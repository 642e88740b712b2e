"""Texts beside other columns: their words' weights are scikit-learn's, and everything that takes tables takes them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

import parnassus as pn
from parnassus.data.tables.table import Table

COMMON = ["film", "actor", "plot", "music", "scene", "story", "camera", "light"]
GOOD, BAD = ["great", "wonderful", "superb"], ["awful", "boring", "dull"]


def frame_of(n=80, seed=0):
    draw = np.random.default_rng(seed)
    good = np.arange(n) % 2 == 0
    texts = [" ".join([*draw.choice(COMMON, 5, replace=False), draw.choice(GOOD if g else BAD)]) for g in good]
    X = pd.DataFrame({"said": texts, "price": draw.normal(10, 3, n), "kind": draw.choice(["dvd", "tape"], n)})
    return X, np.where(good, "yes", "no")


def encoded(codec, X):
    import torch

    rows = codec.encode(X)
    return codec.prepare(rows.take(torch.arange(len(rows))), "vector")["x"].numpy()


def test_weights_are_those_of_scikit_learn():
    X, _ = frame_of()
    X.loc[3, "said"] = "Film; FILM film, dull-ish plot (once only: unheard)"
    codec = Table().fit(X)
    theirs = TfidfVectorizer(token_pattern=r"\w+", min_df=2, max_df=len(X) - 1).fit(X["said"])
    names = [name for name in codec.vector_names if name.startswith("said: word ")]
    assert [name.removeprefix("said: word ") for name in names] == theirs.get_feature_names_out().tolist()
    ours = encoded(codec, X)[:, [codec.vector_names.index(name) for name in names]]
    np.testing.assert_allclose(ours, theirs.transform(X["said"]).toarray(), atol=1e-6)
    assert [spec["kind"] for spec in codec.columns] == ["text", "number", "category"]
    assert codec.columns[0]["n_words"] == len(names)


def test_the_words_of_the_most_texts_are_kept_and_none_makes_categories():
    X, _ = frame_of()
    codec = Table(max_words=4).fit(X)
    held = {w: sum(w in text.split() for text in X["said"]) for w in COMMON + GOOD + BAD}
    kept = [n.removeprefix("said: word ") for n in codec.vector_names if n.startswith("said: word ")]
    assert len(kept) == 4
    assert min(held[w] for w in kept) >= max(held[w] for w in held.keys() - set(kept))
    assert Table(max_words=0).fit(X).columns[0]["kind"] == "category"
    with pytest.raises(pn.SettingError, match="max_words is a whole number of at least 0; got -1"):
        Table(max_words=-1)


def test_names_of_several_words_and_texts_without_a_common_word_stay_categories():
    X, _ = frame_of(12)
    cities = X.assign(said=["New York City", "Rio de Janeiro", "Santa Cruz de Tenerife"] * 4)
    alone = X.assign(said=[f"word{3 * i} word{3 * i + 1} word{3 * i + 2}" for i in range(12)])
    for frame in (cities, alone):
        assert Table().fit(frame).columns[0]["kind"] == "category"


def test_a_missing_text_is_refused_or_filled():
    X, _ = frame_of()
    X.loc[5, "said"] = None
    with pytest.raises(pn.DataError, match="row 5, column 'said' of X is missing"):
        Table().fit(X)
    codec = Table(missing="median").fit(X)
    assert codec.columns[0]["missing"] == 1
    assert np.isfinite(encoded(codec, X)).all()
    whole = Table().fit(X.drop(index=5))
    with pytest.raises(pn.DataError, match="row 5, column 'said' of X holds NaN"):
        whole.encode(X)
    with pytest.raises(pn.DataError, match="row 0, column 'said' holds 7, a int"):
        whole.encode(X.assign(said=7))


def test_a_model_learns_from_words_and_numbers_is_saved_served_and_exported(tmp_path):
    X, y = frame_of()
    clf = pn.Classifier("mlp", epochs=60, progress=False).fit(X, y)
    new, told = frame_of(40, seed=1)
    assert clf.score(new, told) == 1
    clf.save(tmp_path / "m")
    again = pn.load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict_proba(new), clf.predict_proba(new))
    pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
    from fastapi.testclient import TestClient

    row = {"said": "a dull film", "price": 9.0, "kind": "dvd"}
    with TestClient(pn.serve.app_of(clf)) as client:
        assert client.post("/predict", json={"inputs": [row]}).json()["answers"][0]["label"] == "no"
        refused = client.post("/predict", json={"inputs": [row | {"said": 3}]})
    assert refused.status_code == 422
    assert "takes a text; got 3" in refused.json()["error"]["message"]


def test_words_come_back_from_features():
    X, _ = frame_of(20)
    codec = Table().fit(X)
    back = codec.decode(encoded(codec, X))
    kept = {n.removeprefix("said: word ") for n in codec.vector_names}
    for ours, text in zip(back["said"], X["said"], strict=True):
        assert set(ours.split()) == set(text.split()) & kept
