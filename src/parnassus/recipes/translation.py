"""Tasks whose right answer is known: texts copied, turned round, sorted, and dates written in one way."""

import datetime
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from .. import registry
from ..estimators.translator import Translator
from . import Size, Table, recipe

Pair = tuple[str, str]
LETTERS = "abcdefghijkl"
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
DATES: Sequence[Callable[[datetime.date], str]] = (
    lambda d: f"{d.day} {MONTHS[d.month - 1]} {d.year}",
    lambda d: f"{MONTHS[d.month - 1]} {d.day}, {d.year}",
    lambda d: f"{WEEKDAYS[d.weekday()]}, {d.day} {MONTHS[d.month - 1][:3]} {d.year}",
    lambda d: f"{d.day:02}/{d.month:02}/{d.year}",
    lambda d: f"{d.day}.{d.month}.{d.year % 100:02}",
    lambda d: f"{d.year}, {MONTHS[d.month - 1].lower()} {d.day}",
)
MODELS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("seq2seq", {"width": 64, "hidden": 128}),
    ("rnnsearch", {"width": 32, "hidden": 64}),
    ("transformer", {"width": 64, "n_layers": 2, "dropout": 0.0, "smoothing": 0.0}),
)
NOTES = (
    "Exact is the share of unseen texts of which every letter is right, the likeliest unit taken each time. Letters "
    "are rows of 2 to 8 of 12; dates come in six spellings, of two digits for the year in one.",
    "; ".join(f"{name}: {', '.join(f'{k}={v}' for k, v in options.items())}" for name, options in MODELS)
    + ". Letters are read and written as words, dates as characters.",
    "seq2seq has nothing but a state between its halves: of a row to be copied it writes first what it read first, "
    "which is furthest away. It is here to be compared with.",
)


def copied(letters: list[str]) -> list[str]:
    """The letters themselves."""
    return letters


def reverse(letters: list[str]) -> list[str]:
    """From the last to the first."""
    return letters[::-1]


def sorted_letters(letters: list[str]) -> list[str]:
    """In the order of the alphabet."""
    return sorted(letters)


def drawn_pairs(answer: Callable[[list[str]], list[str]], n: int, *, seed: int, longest: int = 8) -> list[Pair]:
    """Rows of 2 to `longest` of 12 letters, and their answers; no row twice."""
    rng, found = random.Random(seed), dict[str, str]()
    while len(found) < n:
        letters = [rng.choice(LETTERS) for _ in range(rng.randint(2, longest))]
        found[" ".join(letters)] = " ".join(answer(letters))
    return list(found.items())


def dates(n: int, *, seed: int) -> list[Pair]:
    """Dates from 1970 to 2069 in one of six spellings, and as year-month-day; no row twice."""
    rng, found = random.Random(seed), dict[str, str]()
    first = datetime.date(1970, 1, 1).toordinal()
    while len(found) < n:
        day = datetime.date.fromordinal(first + rng.randrange(36_500))
        found[rng.choice(DATES)(day)] = day.isoformat()
    return list(found.items())


def unseen(pairs: Sequence[Pair], train: Sequence[Pair]) -> list[Pair]:
    """The pairs whose sources are not among those of training."""
    known = {source for source, _ in train}
    return [pair for pair in pairs if pair[0] not in known]


def teach(pairs: Sequence[Pair], name: str, options: dict[str, Any], *, unit: str, epochs: int) -> Translator:
    """A translator of these pairs; every task and model is given the same settings."""
    return Translator(
        registry.model(name, **options), unit=unit, epochs=epochs, lr=0.003, batch_size=32, clip_norm=1.0,
        schedule=registry.schedule("cosine", warmup=0.05), progress=False,
    ).fit(pairs)  # fmt: skip


@recipe(
    "translation-tasks",
    source="Bahdanau et al. 2015; Martinez-Ramon 6.2.4",
    figure="at least 99 % of unseen texts written without an error",
)
def translation_tasks(size: Size) -> Table:
    """Copying, turning round and sorting letters, and dates in one spelling: whole texts right, of unseen ones."""
    tiny = size == "tiny"
    n, epochs = (60, 1) if tiny else (6000, 12)
    tasks: dict[str, tuple[list[Pair], list[Pair], str]] = {
        name: (drawn_pairs(answer, n, seed=0), drawn_pairs(answer, n // 6, seed=1), "words")
        for name, answer in (("copy", copied), ("reverse", reverse), ("sort", sorted_letters))
    }
    tasks["dates"] = dates(n, seed=0), dates(n // 6, seed=1), "characters"
    rows, pictures = [], {}
    for task, (train, test, unit) in tasks.items():
        held = unseen(test, train)
        for name, options in MODELS[1:2] if tiny else MODELS:
            started = time.process_time()
            made = teach(train, name, options, unit=unit, epochs=epochs)
            seconds = time.process_time() - started
            weights = sum(p.numel() for p in made.objective_.parameters())
            exact, bleu = made.score(held, metric="exact"), made.score(held)
            rows.append((task, name, f"{weights:,}", exact, round(bleu, 2), len(held), round(seconds, 1)))
            if name == "rnnsearch" and task in ("sort", "dates"):
                (longest,) = made.align(*([text] for text in max(held, key=lambda pair: len(pair[0]))))
                pictures[f"Where rnnsearch looks, unit by unit written: {task}."] = longest.plot
    columns = ("task", "model", "weights", "exact", "BLEU", "unseen texts", "CPU seconds of training")
    settings = {"pairs": n, "epochs": epochs, "batch_size": 32, "lr": "0.003 (cosine)", "clip_norm": 1.0, "seed": 0}
    return Table("Texts with one right answer", columns, rows, NOTES, settings, pictures=pictures)
