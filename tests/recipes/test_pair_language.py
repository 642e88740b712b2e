"""The made pair of languages, tales, questions and letters: what their rules promise, and how they are judged."""

import re
from collections import Counter

import numpy as np
import pytest

from parnassus.data.text.cleaning import clean
from parnassus.recipes.cleaned_reviews import IDLE, STEPS
from parnassus.recipes.intents import ASKED, asked, few
from parnassus.recipes.letters_written_on import again, plain_letters, real_words, stretches
from parnassus.recipes.pair_language import ADJECTIVES, NOUNS, clause, grammar_pairs, thing
from parnassus.recipes.stories import HEROES, agrees, tales
from parnassus.recipes.template_texts import reviews

WORDS = [
    "warm", "funny", "clever", "moving", "fresh", "lively",
    "dull", "cold", "clumsy", "weary", "stale", "slow",
]  # fmt: skip


def test_a_word_of_the_made_language_ends_in_its_article_and_its_case():
    for seed in range(20):
        source, target = thing(np.random.default_rng(seed), "n")
        end = {"the": "a", "a": "i"}[target[0]]
        assert source[0] == target[-1][::-1] + end + "n"
        assert source[1:] == [word[::-1] + end for word in target[-2:0:-1]]
        assert target[-1] in NOUNS
        assert set(target[1:-1]) <= set(ADJECTIVES)


def test_the_verb_stands_last_there_and_second_here():
    for seed in range(20):
        source, target = clause(np.random.default_rng(seed))
        tense = next(end for end in ("ad", "ev", "u") if source[-1].endswith(end))
        assert source[-1].removesuffix(tense)[::-1] in ("see", "hear", "like", "find")
        assert ("will" in target) == (tense == "ev")


def test_every_source_has_one_target_and_none_stands_twice():
    found = grammar_pairs(200, seed=0)
    assert len({source for source, _ in found}) == 200
    assert found == grammar_pairs(200, seed=0)
    longest = max(len(target.split()) for _, target in grammar_pairs(200, seed=0, most=1))
    assert longest < max(len(target.split()) for _, target in found)


@pytest.mark.slow
def test_half_of_the_reviews_say_the_same_of_both_kinds_once_denials_are_gone():
    texts, verdicts = reviews(4000, seed=0)
    bare = [text.split() for text in clean([IDLE.sub("", text) for text in texts], STEPS).texts]
    said = clean(
        ["warm", "funny", "clever", "moving", "fresh", "lively", "dull", "cold", "clumsy", "weary", "stale", "slow"],
        ("porter",),
    ).texts
    marks = clean(["never", "hardly", "quite"], ("porter",)).texts
    kinds = [(next(w for w in said if w in words), *(m for m in marks if m in words)) for words in bare]
    known = [v for k, v in zip(kinds, verdicts, strict=True) if len(k) > 1]
    assert len(known) / len(texts) == pytest.approx(1 / 2, abs=0.03)
    best = sum(max(Counter(v for k, v in zip(kinds, verdicts, strict=True) if k == one).values()) for one in set(kinds))
    assert best / len(texts) == pytest.approx(5 / 6, abs=0.03)


def test_intents_are_as_frequent_as_each_other_and_few_are_drawn_of_each():
    texts, y = asked(80, seed=0)
    assert not any("{" in text for text in texts)
    assert sorted(set(y)) == sorted(ASKED)
    assert (np.unique(y, return_counts=True)[1] == 10).all()
    some = few(y, 3, seed=1)
    assert (np.unique(y[some], return_counts=True)[1] == 3).all()


def test_a_tale_calls_its_hero_he_or_she_as_due():
    made = tales(40, seed=0)
    assert all(agrees(tale) for tale in made)
    turned = [re.sub(r"\b(he|she)\b", lambda m: {"he": "she", "she": "he"}[m[1]], tale) for tale in made]
    assert not any(agrees(tale) for tale in turned)
    assert not agrees("there was once a sweet " + next(iter(HEROES)))


def test_letters_are_thirty_symbols_and_what_is_unseen_is_not_in_training():
    train, test = stretches()
    assert len(set("".join(train + test))) == 30
    assert not set(train) & set(test)
    assert plain_letters("Iris (1936): x_1 = 2.") == "iris x ."


def test_words_are_real_where_training_has_them():
    assert real_words("ha cat dgo do", ["the cat sat", "dog"]) == 0.5  # the ends may be cut
    assert real_words("", ["a"]) == 0


def test_what_was_said_before_is_counted_in_runs_of_four_words():
    assert again("a b c d e f") == 0
    assert again("a b c d a b c d") == pytest.approx(1 / 5)
    assert (again("a b"), again("x " * 9)) == (0, pytest.approx(5 / 6))
