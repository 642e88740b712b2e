"""Accuracy by language: by hand, against scipy's interval, with names and texts from right to left."""

import numpy as np
import pytest

import parnassus as pn
from parnassus.evaluation.equity import evaluate_groups, known_share

HEBREW, ARABIC = "\u05e2\u05d1\u05e8\u05d9\u05ea", "\u0639\u0631\u0628\u064a"


def test_groups_are_counted_by_hand_and_the_worst_comes_first():
    found = evaluate_groups(
        [1, 1, 0, 0, 1], [1, 0, 0, 0, 0], ["en", "de", "en", "en", "de"], coverage=[1, 0.5, 1, 1, 0]
    )
    assert [(g.group, g.n_rows, g.accuracy, g.coverage) for g in found.groups] == [
        ("de", 2, 0.0, 0.25),
        ("en", 3, 1.0, 1.0),
    ]
    assert found.gap == 1.0


@pytest.mark.parametrize(("k", "n"), [(0, 5), (3, 7), (50, 100), (9, 9)])
def test_the_interval_is_scipy_s(k, n):
    from scipy.stats import binomtest

    due = binomtest(k, n).proportion_ci(method="wilson")
    (found,) = evaluate_groups([1] * n, [1] * k + [0] * (n - k), ["en"] * n).groups
    assert (found.low, found.high) == pytest.approx((due.low, due.high), abs=1e-9)


def test_only_what_chance_does_not_explain_is_said_to_be_apart():
    few = evaluate_groups([1] * 8, [1, 1, 1, 1, 1, 1, 1, 0], ["a"] * 4 + ["b"] * 4)
    many = evaluate_groups([1] * 200, [1] * 100 + [1, 0] * 50, ["a"] * 100 + ["b"] * 100)
    assert few.apart == []
    assert many.apart == ["b"]


def test_names_from_right_to_left_keep_their_line():
    text = evaluate_groups([1, 1], [1, 0], [HEBREW, "en"]).table()
    assert f"\u2068{HEBREW}\u2069" in text
    assert len({len(line) - 2 * ("\u2068" in line) for line in text.split("\n")[1:]}) == 1


@pytest.mark.slow
def test_a_model_of_two_scripts_knows_little_of_a_third():
    """Texts from right to left are read in the order in which they are spoken; what was never seen is not known."""
    good, bad = {"en": "good", "he": "\u05d8\u05d5\u05d1"}, {"en": "bad", "he": "\u05e8\u05e2"}
    film = {"en": "the film was", "he": "\u05d4\u05e1\u05e8\u05d8 \u05d4\u05d9\u05d4"}
    texts = [f"{film[at]} {word[at]}" for at in ("en", "he") for word in (good, bad)] * 10
    languages, said = ["en", "en", "he", "he"] * 10, ["+", "-"] * 20
    clf = pn.Classifier("lstm", epochs=15, lr=0.01, batch_size=8, progress=False).fit(texts, said)
    texts += [f"{ARABIC} \u062c\u064a\u062f", f"{ARABIC} \u0633\u064a\u0621"] * 10
    languages, said = languages + ["ar"] * 20, said + ["+", "-"] * 10
    found = evaluate_groups(said, clf.predict(texts), languages, coverage=known_share(clf.codec_, texts))
    assert found.groups[0].group == "ar"
    scores = {g.group: (g.accuracy, g.coverage) for g in found.groups}
    assert scores == {"en": (1.0, 1.0), "he": (1.0, 1.0), "ar": (0.5, 0.0)}
    assert found.apart == ["ar"]


def test_what_is_known_of_a_text():
    codec = pn.Text().fit(["a b c"])
    np.testing.assert_allclose(known_share(codec, ["a b", "a z", "z", ""]), [1, 0.5, 0, 1])


@pytest.mark.parametrize(("rows", "words"), [
    (([1], [1, 0], ["a"]), "rows of different numbers"), (([], [], []), "or none"),
    (([1, 1], [1, 1], ["a", None]), "row 1 has no group"),
])  # fmt: skip
def test_rows_that_do_not_match_are_refused(rows, words):
    with pytest.raises(pn.DataError, match=words):
        evaluate_groups(*rows)


def test_answers_of_two_kinds_are_refused_and_rows_of_labels_are_right_as_a_whole():
    for true, said, words in (
        ([0, 1], ["0", "1"], "none is right"),
        (["a", "b"], np.array([1, 2]), "none is right"),
        (["a", None], ["a", "b"], "row 1 of true has no answer"),
        ([0.0, 1.0], [0.0, float("nan")], "row 1 of said"),
    ):
        with pytest.raises(pn.DataError, match=words):
            evaluate_groups(true, said, ["x", "y"])
    true, said = np.array([[1, 0], [0, 1], [1, 1]]), np.array([[1, 0], [1, 1], [1, 1]])
    found = evaluate_groups(true, said, ["x", "y", "y"])
    assert [(g.group, g.n_rows, g.accuracy) for g in found.groups] == [("y", 2, 0.5), ("x", 1, 1.0)]
    assert evaluate_groups(np.array([0, 1]), [0.0, 1.0], ["x", "x"]).groups[0].accuracy == 1


def test_what_bytes_and_subwords_know():
    texts = ["hei verden", "god dag"] * 3
    bytes_ = pn.Text(unit="bytes").fit(texts)
    assert known_share(bytes_, ["\0\0", HEBREW, ""]).tolist() == [1, 1, 1]
    pieces = pn.Pieces().fit(texts)
    assert known_share(pieces, ["hei dag", f"hei {HEBREW} {ARABIC}", ""]).tolist() == pytest.approx(
        [1, 1 - 2 / len(pieces.tokenizer.rows([f"hei {HEBREW} {ARABIC}"])[0]), 1]
    )
    with pytest.raises(pn.DataError, match="a fitted Text or Pieces"):
        known_share(pn.Table(), texts)
