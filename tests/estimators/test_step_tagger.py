"""Tags of steps: numbers and symbols in, what reads onward and what waits for the end, saved, served, refused."""

import numpy as np
import pytest

import parnassus as pn
from parnassus.data.timeseries.sequences import is_steps
from parnassus.serve.answers import of_tagger

FEW = {"epochs": 40, "lr": 0.02, "batch_size": 8, "progress": False}
ONWARD, BOTH = ("lstm", "gru", "mamba"), ("bilstm", "bilstm_crf", "bimamba", "transformer")
SMALL = {"transformer": {"width": 16}, "mamba": {"width": 8, "hidden": 16}, "bimamba": {"width": 8, "hidden": 16}}


def numbers(n=40, seed=0, features=1):
    """Sequences of 1 to 12 steps of signs with noise."""
    rng = np.random.default_rng(seed)
    return [rng.choice([-1.0, 1.0], (size, features)) * rng.uniform(0.5, 1.5) for size in rng.integers(1, 13, n)]


def small(name, **settings):
    options = SMALL.get(name, {"width": 8, "hidden": 16})
    return pn.Tagger(pn.model(name, dropout=0.0, **options), **{**FEW, **settings})


def as_words(signs):
    return [["up" if v > 0 else "down" for v in row] for row in signs]


@pytest.fixture(scope="module")
def of_now():
    X = numbers(features=2)
    return small("bilstm_crf", epochs=8).fit(X, as_words([x[:, 0] for x in X]))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ONWARD, *BOTH])
def test_what_came_before_is_remembered(name):
    """The tag is the sign of two steps earlier, and "none" for the first two."""
    X = numbers(80)
    Y = [["none", "none", *row][: len(row)] for row in as_words([x[:, 0] for x in X])]
    new = numbers(20, seed=1)
    due = [["none", "none", *row][: len(row)] for row in as_words([x[:, 0] for x in new])]
    model = small(name, epochs=60 if name != "transformer" else 200, lr=0.01 if name == "transformer" else 0.02)
    assert model.fit(X, Y).score(new, due) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sees"), [("lstm", False), ("mamba", False), ("bilstm", True), ("bimamba", True)])
def test_what_comes_later_is_seen_by_those_that_read_to_the_end(name, sees):
    """The tag is the sign of the next step, which nobody knows who reads onward."""
    X, new = numbers(80), numbers(40, seed=1)
    ahead = [[[*np.sign(x[1:, 0]).astype(int), 0] for x in given] for given in (X, new)]
    score = small(name, epochs=30).fit(X, ahead[0]).score(new, ahead[1])
    assert score > 0.95 if sees else score < 0.75


@pytest.mark.parametrize("name", ONWARD)
def test_onward_a_tag_does_not_change_by_what_comes_later(name):
    model = small(name, epochs=1).fit(numbers(), as_words([x[:, 0] for x in numbers()]))
    long = np.random.default_rng(3).normal(size=(30, 1))
    assert model.predict([long[:11]])[0] == model.predict([long])[0][:11]


def test_rows_beside_each_other_change_no_tag(of_now):
    new = numbers(12, seed=2, features=2)
    assert of_now.predict(new) == [of_now.predict([x])[0] for x in new]
    assert [len(row) for row in of_now.predict(new)] == [len(x) for x in new]


def test_arrays_lists_and_tensors_are_one(of_now):
    import torch

    new = np.random.default_rng(4).normal(size=(3, 7, 2))
    due = of_now.predict(new)
    assert due == of_now.predict(list(new)) == of_now.predict(new.tolist()) == of_now.predict(torch.from_numpy(new))
    assert is_steps([[1, 2], [3]])
    assert is_steps(np.zeros((2, 3)))
    assert not is_steps([["a"], ["b"]])
    assert not is_steps(["a b", "c"])


def test_symbols_are_tagged_and_whole_tags_are_said_as_such(tmp_path):
    rng = np.random.default_rng(0)
    X = [rng.integers(0, 6, n) for n in rng.integers(1, 10, 40)]
    Y = [x % 3 for x in X]
    model = small("gru").fit(X, Y)
    said = model.predict(X[:5])
    assert all(isinstance(tag, int) for row in said for tag in row)
    assert said == [y.tolist() for y in Y[:5]]
    assert model.score(X, Y) == 1.0
    model.save(tmp_path / "m")
    assert pn.load(tmp_path / "m").predict(X[:5]) == said
    with pytest.raises(pn.DataError, match="symbol 6 is outside the alphabet"):
        model.predict([np.array([6])])


def test_steps_are_shown_judged_and_served(of_now, tmp_path):
    new = [np.array([[1.0, 0], [1, 0], [-1, 0]])]
    assert of_now.show(new) == "up 0-1, down 2"
    assert of_now.evaluate(new, [["up", "up", "down"]]).headline.value == 1.0
    answer, schema = of_tagger(of_now)
    assert answer(new)[0]["tags"] == [{"step": i, "tag": tag} for i, tag in enumerate(["up", "up", "down"])]
    assert schema["properties"]["tags"]["items"]["properties"]["step"] == {"type": "integer"}
    of_now.save(tmp_path / "m")
    assert pn.load(tmp_path / "m").predict(new) == [["up", "up", "down"]]


@pytest.mark.parametrize(("X", "y", "words"), [
    ([np.zeros((3, 1))], [["a", "b"]], "sequence 0 has 3 steps and 2 tags"),
    ([np.zeros((3, 1))], [["a", None, "b"]], "sequence 0, step 1 has no tag"),
    ([np.zeros((3, 1))], [1], "sequence 0 has the tag 1; give a list"),
    ([np.zeros((1, 1)), np.full((1, 1), np.nan)], [["a"], ["b"]], "sequence 1, step 0 holds"),
    ([np.zeros((1, 1)), np.zeros((1, 2))], [["a"], ["b"]], "sequence 1 has"),
    ([np.zeros((2, 1)), np.zeros((0, 1))], [["a", "b"], []], "sequence 1 is empty"),
])  # fmt: skip
def test_steps_and_tags_that_do_not_match_are_refused(X, y, words):
    with pytest.raises(pn.DataError, match=words):
        pn.Tagger("lstm", epochs=1).fit(X, y)


def test_settings_of_tokens_are_refused_of_steps():
    with pytest.raises(pn.SettingError, match="are of tokens"):
        pn.Tagger("lstm", epochs=1, n_endings=2).fit([np.zeros((2, 1))], [["a", "b"]])
    with pytest.raises(pn.SettingError, match="is a Sequences"):
        pn.Tagger("lstm", epochs=1, codec=pn.Table()).fit([np.zeros((2, 1))], [["a", "b"]])
