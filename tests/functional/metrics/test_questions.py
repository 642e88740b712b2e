"""Answers judged as SQuAD's evaluation does: texts made alike, exact match, F1 of words, several right answers."""

import random

import pytest

from parnassus.evaluation.questions import evaluate_questions
from parnassus.functional.metrics.questions import answer_f1, best_of, exact_answer, normal_answer


@pytest.mark.parametrize(("text", "due"), [
    ("The Cat", "cat"), ("  two   words ", "two words"), ("a an the", ""), ("theory of an ant", "theory of ant"),
    ("U.S.-born", "usborn"), ("it's 1,000!", "its 1000"), ("\u00c9t\u00e9\u2019s", "\u00e9t\u00e9\u2019s"), ("", ""),
    ("a.n. other", "other"), ("the\ttea\n", "tea"),
])  # fmt: skip
def test_texts_are_made_alike(text, due):
    assert normal_answer(text) == due  # "a.n." loses its points first, and is an article then


@pytest.mark.parametrize(("true", "said", "exact", "f1"), [
    ("Paris", "paris", 1, 1), ("the Paris", "Paris.", 1, 1), ("Paris", "London", 0, 0),
    ("New York City", "York", 0, 2 * 1 * (1 / 3) / (1 + 1 / 3)), ("a b b c", "b b d", 0, 2 * (2 / 3) ** 2 / (4 / 3)),
    ("", "", 1, 1), ("", "Paris", 0, 0), ("Paris", "", 0, 0), ("the", "", 1, 1), ("of it", "it of", 0, 1),
])  # fmt: skip
def test_scores_in_closed_form(true, said, exact, f1):
    assert exact_answer(true, said) == exact
    assert answer_f1(true, said) == pytest.approx(f1)


def test_the_best_of_several_right_answers_counts():
    assert best_of(exact_answer, ["x", "Paris"], "paris") == 1
    assert best_of(answer_f1, ["x", "New York"], "york") == pytest.approx(2 / 3)
    assert best_of(exact_answer, [], "paris") == 0
    assert best_of(exact_answer, ["the", "Paris"], "") == 0  # an answer of articles is none, as SQuAD 2.0 has it
    assert best_of(exact_answer, ["the"], "") == 1


def test_numbers_over_questions_of_both_kinds():
    true = [["Paris"], ["New York", "York"], [], []]
    told = evaluate_questions(true, ["Paris", "in York", "", "no"], commonest="", n_bootstrap=0)
    assert told["exact_match"].value == pytest.approx(2 / 4)
    assert told["f1"].value == pytest.approx((1 + 2 / 3 + 1 + 0) / 4)
    assert told["f1"].baseline == pytest.approx(2 / 4)
    assert [(row["name"], row["exact_match"], row["questions"]) for row in told.by_class] == [
        ("with an answer", 1 / 2, 2), ("without an answer", 1 / 2, 2)
    ]  # fmt: skip
    weighted = evaluate_questions(
        true, ["Paris", "", "x", "x"], commonest="", sample_weight=[3, 1, 0, 0], n_bootstrap=0
    )
    assert weighted["exact_match"].value == pytest.approx(3 / 4)
    assert weighted.by_class == []


def test_the_numbers_are_torchmetrics_where_every_question_has_an_answer():
    peer = pytest.importorskip("torchmetrics.functional.text", reason="torchmetrics is not installed: no peer for F1")
    draw, words = random.Random(0), ["the", "a", "an", "red,", "Fox", "jumps", "over.", "dog's", "hill"]
    true = [[" ".join(draw.choices(words, k=draw.randint(1, 4))) + " end" for _ in range(2)] for _ in range(40)]
    said = [" ".join(draw.choices([*words, "end"], k=draw.randint(1, 4))) + " end" for _ in range(40)]
    theirs = peer.squad(
        [{"prediction_text": one, "id": str(i)} for i, one in enumerate(said)],
        [{"answers": {"text": t, "answer_start": [0] * 2}, "id": str(i)} for i, t in enumerate(true)],
    )
    ours = evaluate_questions(true, said, commonest="", n_bootstrap=0)
    assert 100 * ours["exact_match"].value == pytest.approx(float(theirs["exact_match"]), rel=1e-6)
    assert 100 * ours["f1"].value == pytest.approx(float(theirs["f1"]), rel=1e-6)
