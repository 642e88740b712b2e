"""The tasks of translators whose right answer is known: that the answers are right, and that none was seen."""

import random
from datetime import date

import pytest

from parnassus.recipes.translation import (
    DATES,
    MONTHS,
    copied,
    dates,
    drawn_pairs,
    reverse,
    sorted_letters,
    teach,
    unseen,
)


def read(text):
    """The day that a text means, letter by letter: a reader written apart from the spellings."""
    words = text.replace(",", " ").replace("/", " ").replace(".", " ").split()
    months = {name[:3].lower(): k for k, name in enumerate(MONTHS, 1)}
    named = [k for word in words if (k := months.get(word[:3].lower())) and word[-3:] != "day"]
    numbers = [int(word) for word in words if word.isdigit()]
    if named:
        day, year = sorted(numbers)
        return date(year, named[0], day)
    day, month, year = numbers
    return date(year if year > 99 else year + (1900 if year >= 70 else 2000), month, day)


def test_every_date_is_that_of_its_spelling():
    pairs = dates(600, seed=3)
    assert all(read(source).isoformat() == target for source, target in pairs)
    assert len({source for source, _ in pairs}) == 600
    one = date(2034, 10, 13)
    assert [spell(one) for spell in DATES] == [
        "13 October 2034",
        "October 13, 2034",
        "Friday, 13 Oct 2034",
        "13/10/2034",
        "13.10.34",
        "2034, october 13",
    ]


@pytest.mark.parametrize(("answer", "due"), [(copied, "c a b"), (reverse, "b a c"), (sorted_letters, "a b c")])
def test_letters_are_answered(answer, due):
    assert " ".join(answer(["c", "a", "b"])) == due
    pairs = drawn_pairs(answer, 50, seed=0)
    assert all(sorted(source) == sorted(target) for source, target in pairs)
    assert {len(source.split()) for source, _ in pairs} <= set(range(2, 9))


def test_what_training_saw_is_not_asked_for():
    train = drawn_pairs(copied, 100, seed=0, longest=3)
    test = drawn_pairs(copied, 100, seed=1, longest=3)
    held = unseen(test, train)
    assert 0 < len(held) < 100
    assert not {source for source, _ in held} & {source for source, _ in train}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rnnsearch", "transformer"])
def test_short_rows_are_sorted_without_an_error(name):
    rng = random.Random(0)
    rows = sorted({"".join(rng.choice("abcd") for _ in range(rng.randint(2, 4))) for _ in range(800)})
    rng.shuffle(rows)
    pairs = [(" ".join(row), " ".join(sorted(row))) for row in rows]
    options = {"rnnsearch": {"width": 16, "hidden": 32}, "transformer": {"width": 32, "n_layers": 1, "dropout": 0.0}}
    made = teach(pairs[:-40], name, options[name], unit="words", epochs=40)
    assert made.score(pairs[-40:], metric="exact") >= 0.97
