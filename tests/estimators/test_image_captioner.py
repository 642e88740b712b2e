"""Captions of pictures: learned, searched for, looked at, kept in a file, and what is refused."""

import numpy as np
import pytest

import parnassus as pn
from parnassus.errors import DataError, SettingError

pytestmark = pytest.mark.slow

NAMES, COLOURS = ("red", "green", "blue"), ((220, 40, 40), (40, 200, 60), (50, 80, 230))


def scenes(n, seed=0):
    """Pictures of a bar on the left and one on the right, and what they show."""
    rng, X, words = np.random.default_rng(seed), np.full((n, 16, 16, 3), 20, np.uint8), []
    for i in range(n):
        (left, right), (y1, y2) = rng.integers(3, size=2), rng.integers(0, 10, size=2)
        X[i, y1 : y1 + 6, 1:7], X[i, y2 : y2 + 6, 9:15] = COLOURS[left], COLOURS[right]
        words.append(f"{NAMES[left]} beside {NAMES[right]}")
    return X, words


SMALL = pn.model("vit_gpt", width=32, n_layers=1, n_heads=2)


@pytest.fixture(scope="module")
def learned():
    return pn.ImageCaptioner(SMALL, epochs=18, batch_size=32, lr=0.004).fit(*scenes(300))


def test_unseen_pictures_are_described(learned):
    X, words = scenes(60, seed=1)
    assert learned.score(X, words, metric="exact") > 0.9
    assert learned.score(X, words, metric="chrf") > 90
    found = learned.evaluate(X, words)
    assert found["exact_match"].value > 0.9 > found["exact_match"].baseline
    assert "commonest" in found.baseline
    assert "source" not in found.baseline


def test_a_beam_gives_several_texts_with_their_scores(learned):
    X, words = scenes(4, seed=2)
    best = learned.caption(X, beam=4, n_best=3)
    assert [len(row) for row in best] == [3] * 4
    assert all(row[0][1] >= row[1][1] >= row[2][1] for row in best)
    assert [row[0][0] for row in best] == words
    assert learned.caption(X, max_length=1) == [w.split()[0] for w in words]


def test_it_looks_at_the_bar_that_it_names(learned):
    X, words = scenes(40, seed=3)
    found = learned.looks(X)
    units, maps = found[0]
    assert units == words[0].split()
    assert maps.shape == (3, *learned.objective_.model.encoder.grid)
    assert all((m >= 0).all() and m.sum(axis=(1, 2)).max() <= 1 + 1e-6 for _, m in found)
    learned.plot(X[:1])


def test_it_comes_back_from_a_file(learned, tmp_path):
    X, _ = scenes(5, seed=4)
    learned.save(tmp_path / "c.parnassus")
    assert pn.load(tmp_path / "c.parnassus").predict(X) == learned.predict(X)


def test_convolutions_see_as_well():
    X, words = scenes(200)
    spec = pn.model("vit_gpt", encoder="cnn", width=32, n_layers=1, n_heads=2)
    made = pn.ImageCaptioner(spec, epochs=15, batch_size=32, lr=0.005).fit(X, words)
    assert made.score(X, words, metric="exact") > 0.8


@pytest.mark.parametrize(("error", "words", "call"), [
    (DataError, "no captions", lambda: pn.ImageCaptioner(SMALL).fit(scenes(4)[0])),
    (DataError, "4", lambda: pn.ImageCaptioner(SMALL).fit(scenes(4)[0], ["a"] * 3)),
    (DataError, "row 1", lambda: pn.ImageCaptioner(SMALL).fit(scenes(3)[0], ["a", "", "b"])),
    (DataError, "image_size", lambda: pn.ImageCaptioner(SMALL, epochs=1).fit(np.eye(4), ["a"] * 4)),
    (SettingError, "unit='letters'", lambda: pn.ImageCaptioner(SMALL, unit="letters").fit(*scenes(4))),
    (DataError, "longer than the 64", lambda: pn.ImageCaptioner(SMALL, epochs=1).fit(scenes(2)[0], ["a " * 70] * 2)),
])  # fmt: skip
def test_what_cannot_be_learned_is_refused(error, words, call):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(("error", "words", "call"), [
    (SettingError, "beam", lambda m: m.caption(scenes(1)[0], beam=0)),
    (SettingError, "metric='blue'", lambda m: m.score(*scenes(2), metric="blue")),
    (DataError, "each picture needs one", lambda m: m.looks(scenes(2)[0], ["red beside red"])),
])  # fmt: skip
def test_what_cannot_be_asked_is_refused(learned, error, words, call):
    with pytest.raises(error, match=words):
        call(learned)


def test_a_report_shows_the_pictures_that_were_told_worst(learned, tmp_path):
    X, words = scenes(6, seed=4)
    words[2] = "red red red"
    learned.report(tmp_path / "captions.html", X, words)
    assert "red red red" in (tmp_path / "captions.html").read_text()
