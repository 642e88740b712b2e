"""Multiple choice as pairs: what is made of questions, what is chosen, how often that is right."""

import numpy as np
import pytest

import parnassus as pn
from parnassus.data.text.choices import pairs_of_choices

FOOD = {"cat": "fish", "cow": "grass", "dog": "meat"}


def test_each_choice_stands_beside_its_prompt_and_one_is_right():
    pairs, right = pairs_of_choices(["p", "q"], [["a", "b", "c"], ("d", "e")], ["c", 0])
    assert pairs == [("p", "a"), ("p", "b"), ("p", "c"), ("q", "d"), ("q", "e")]
    assert right.tolist() == [0, 0, 1, 1, 0]


@pytest.mark.parametrize(
    ("prompts", "choices", "answers", "words"),
    [
        (["p"], [["a", "b"]], ["c"], "row 0: the answer 'c' is none of its choices"),
        (["p"], [["a", "a"]], ["a"], "is twice among its choices"),
        (["p"], [["a", "b"]], [2], "the answer 2 is none of its choices"),
        (["p"], ["ab"], ["a"], "choices are two texts or more"),
        (["p"], [["a"]], ["a"], "choices are two texts or more"),
        (["p", "q"], [["a", "b"]], ["a"], "2 prompts, 1 choices, 1 answers"),
        ([], [], [], "0 prompts"),
    ],
)
def test_questions_that_have_no_one_answer_are_refused(prompts, choices, answers, words):
    with pytest.raises(pn.DataError, match=words):
        pairs_of_choices(prompts, choices, answers)


@pytest.fixture(scope="module")
def learned():
    questions = [f"what does the {who} eat" for who in FOOD] * 4
    offered = [np.random.default_rng(i).permutation(list(FOOD.values())).tolist() for i in range(len(questions))]
    net = pn.model("bert", width=32, n_layers=2, n_heads=4, dropout=0.0, attention_dropout=0.0)
    pairs = pairs_of_choices(questions, offered, [*FOOD.values()] * 4)
    return pn.Classifier(net, epochs=60, lr=0.002, batch_size=12, progress=False).fit(*pairs)


@pytest.mark.slow
def test_the_pair_that_is_likeliest_right_is_chosen(learned):
    for who, what in FOOD.items():
        for offered in (list(FOOD.values()), list(FOOD.values())[::-1]):
            prompt = f"what does the {who} eat"
            p = learned.predict_proba([(prompt, one) for one in offered])[:, 1]
            assert learned.choose(prompt, offered) == offered[int(p.argmax())] == what


@pytest.mark.slow
def test_the_share_that_is_right_and_what_is_asked_wrongly(learned):
    prompts = [f"what does the {who} eat" for who in FOOD]
    offered = [["fish", "grass"], ["grass", "meat"], ["fish", "meat"]]
    assert learned.cloze(prompts, list(FOOD.values()), offered) == 1
    assert learned.cloze(prompts, ["grass", "grass", "meat"], offered) == pytest.approx(2 / 3)
    with pytest.raises(pn.DataError, match="one prompt and a list of choices"):
        learned.choose("what does the cat eat", "fish")
    with pytest.raises(pn.DataError, match="none of its choices"):
        learned.cloze(prompts, ["corn", "grass", "meat"], offered)
    three = pn.Classifier("logistic", epochs=1, progress=False).fit(["a", "b", "c"] * 3, [0, 1, 2] * 3)
    with pytest.raises(pn.SettingError, match="two classes; fit saw 3"):
        three.choose("a", ["b", "c"])
