"""Fairy tales by rule, told on by nets and by counts: does who a tale began with still govern its pronouns?"""

import re
import time
from itertools import product
from typing import Any

import numpy as np

from .. import registry
from ..estimators.language_model import LanguageModel
from . import Size, Table, recipe

HEROES = {"prince": "he", "king": "he", "hunter": "he", "princess": "she", "queen": "she", "fairy": "she"}
KINDS = ["sweet", "young", "proud", "poor", "brave"]
PLACES = ("a tower", "a dark wood", "a castle", "the house of a spinner")
HEARD = ("a voice", "the song of a bird", "a knock at the door")
TIMES = ("every night", "one morning", "at last", "a hundred years later")


def tales(n: int, *, seed: int) -> list[str]:
    """Tales of two sentences; the pronoun of the second is that of the hero in the first."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(n):
        hero = str(rng.choice(list(HEROES)))
        kind, place, heard, when = (str(rng.choice(v)) for v in (KINDS, PLACES, HEARD, TIMES))
        first = f"there was once a {kind} {hero} in {place} ."
        found.append(f"{first} {when} {HEROES[hero]} heard {heard} .")
    return found


def agrees(tale: str) -> bool:
    """Whether the first pronoun of a tale is that of its hero."""
    hero = next(word for word in tale.split() if word in HEROES)
    said = re.search(r"\b(he|she)\b", tale)
    return said is not None and said[1] == HEROES[hero]


TELLERS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {  # model, in full, tiny
    "counts of three words": ("ngram", {"order": 3}, {"order": 3}),
    "LSTM, to the right": ("lstm", {"hidden": 64}, {"hidden": 8}),
    "the book's, both ways": (
        "story",
        {"width": 48, "hidden": 64, "upper": 48, "dense": 48},
        {"width": 8, "hidden": 8, "upper": 8, "dense": 8},
    ),
}


@recipe(
    "a-tale-told-on",
    source="Martinez-Ramon example 5.7.2",
    figure="one sentence, written on from 'There was once a sweet prince'",
    experiments="martinez-ramon-35",
)
def a_tale_told_on(size: Size) -> Table:
    """Tales told on by counts, by an LSTM and by the book's net: perplexity of a word, and he or she in its place."""
    tiny = size == "tiny"
    train, test = tales(40 if tiny else 400, seed=0), tales(20 if tiny else 200, seed=1)
    epochs = 1 if tiny else 40
    starts = [f"there was once a {kind} {hero}" for kind, hero in product(KINDS, HEROES)][: 4 if tiny else None]
    rows: list[tuple[Any, ...]] = []
    written = {}
    for name, (model, options, small) in TELLERS.items():
        started = time.perf_counter()
        settings: dict[str, Any] = {} if model == "ngram" else {
            "epochs": epochs, "lr": 5e-3, "batch_size": 32, "clip_norm": 1.0,
            "schedule": registry.schedule("cosine", warmup=0.05),
        }  # fmt: skip
        net = registry.model(model, **(small if tiny else options))
        lm = LanguageModel(net, unit="words", context=12, progress=False, **settings).fit(train)
        seconds = time.perf_counter() - started
        told = lm.generate(starts, n_tokens=16, temperature=1.0, seed=0)
        written[name] = lm.generate("there was once a sweet prince", n_tokens=16, temperature=0.0)
        rows.append((name, lm.perplexity(train[: len(test)]), lm.perplexity(test),
                     float(np.mean([agrees(tale) for tale in told])), seconds))  # fmt: skip
    drawn = np.log([len(part) for part in (HEROES, KINDS, PLACES, HEARD, TIMES)]).sum()
    least = np.exp(drawn / np.mean([len(tale.split()) + 1 for tale in test]))
    notes = [
        f"{len(train)} tales made by rule. Five things are drawn in each, so that nobody can have a perplexity below "
        f"{least:.2f}. The fourth column is the share of drawn tales in which the hero of the "
        "first sentence is he or she in the second, as is due; between them stand six to eleven words, and counts of "
        "three words cannot see so far. Scores are of windows of twelve words, of which some lack the hero.",
        *(f"By {name}: {text!r}" for name, text in written.items()),
        "The book's net, of 150 and 100 cells where this has 64 and 48, reads Sleeping Beauty line by line, fills "
        "beginnings with zeros that it reads as words, and "
        "reports no score; 'both ways' is within what was said so far, as otherwise it would read what it is to say.",
    ]
    columns = ("teller", "perplexity, training", "perplexity, unseen", "he or she as due", "seconds")
    return Table("A tale told on", columns, rows, notes, {"epochs": epochs, "context": 12, "seed": 0})
