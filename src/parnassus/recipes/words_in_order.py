"""Words, letters and lines in their order: pairs for skip-gram, the next letter, one word in two senses, a log."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import numpy as np
import torch

from .. import registry
from ..estimators.language_model import LanguageModel
from ..functional.metrics import cosine_similarity
from ..functional.word_vectors.counts import window_pairs
from . import Size, Table, recipe
from .template_texts import described

FOX = ["the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog"]
PRINTED = ("2", "3", "4", "4")  # pairs in the four rows that the notes print


@recipe(
    "skip-gram-pairs",
    source="Baker 7.2",
    figure="pairs of the first four words, two words to each side",
    experiments="baker-24",
)
def skip_gram_pairs(size: Size) -> Table:
    """Every centre and its context words for the quick brown fox, two words to each side."""
    found = window_pairs(torch.arange(len(FOX)), torch.tensor([len(FOX)]), window=2)
    rows = []
    for i, word in enumerate(FOX):
        around = [FOX[int(c)] for k, c in zip(found.centers, found.contexts, strict=True) if int(k) == i]
        rows.append((word, " ".join(around), PRINTED[i] if i < len(PRINTED) else "", len(around)))
    t, m = len(FOX), 2
    notes = [
        f"{len(found.centers)} pairs in all; a text of T words has 2 m T - m (m + 1) = {2 * m * t - m * (m + 1)} for a "
        "window of m = 2.",
        "The notes write offsets of 1 and 2 for both sides; they are -2, -1, 1 and 2.",
    ]
    return Table(
        "Skip-gram pairs", ("centre", "contexts", "pairs in the book", "here"), rows, notes, {"window": 2, "seed": 0}
    )


@recipe(
    "letters-one-on", source="Baker 7.2", figure="a recurrent net on 'machine', shifted by one", experiments="baker-25"
)
def letters(size: Size) -> Table:
    """A recurrent net that foretells the next letter: of one word, and of unseen lines of descriptions."""
    epochs = 3 if size == "tiny" else 12
    lines = [p.strip() for t in described().values() for p in t.split("\n") if len(p.strip()) > 30]
    order = np.random.default_rng(0).permutation(len(lines))
    train, test = [lines[i] for i in order[: int(0.9 * len(lines))]], [lines[i] for i in order[int(0.9 * len(lines)) :]]
    word = LanguageModel(
        registry.model("rnn", hidden=16),
        unit="characters",
        context=8,
        epochs=40 if size == "tiny" else 300,
        lr=0.01,
        progress=False,
    ).fit(["machine"] * 8)
    text = LanguageModel(
        registry.model("rnn", hidden=128),
        unit="characters",
        context=64,
        epochs=epochs,
        lr=3e-3,
        clip_norm=1.0,
        progress=False,
    ).fit(train)
    letters_there = sorted(set("".join(lines)))
    rows = [
        ("inputs of 'machine'", " ".join("machine"[:-1])),
        ("what is due", " ".join("machine"[1:])),
        ("perplexity of a letter of 'machine' after training", f"{word.perplexity(['machine']):.3f}"),
        ("what the net writes after 'm'", word.generate("m", n_tokens=6, temperature=0.0)),
        ("perplexity of a letter of unseen lines", f"{text.perplexity(test):.2f}"),
        ("the same by chance", str(len(letters_there))),
        ("what the net writes after 'The '", text.generate("The ", n_tokens=60, temperature=0.0)),
    ]
    notes = [
        "The notes cut 'machine' into m, ac, h, i, n, e; here it is a letter a step, and what is due is one letter on."
    ]
    return Table("Letters one on", ("what", "here"), rows, notes, {"epochs": epochs, "seed": 0})


# --- one word in two senses -------------------------------------------------------------------------------------------

RIVER = ["river", "water", "boat", "fish", "grass"]
MONEY = ["money", "loan", "cash", "account", "clerk"]
FRAMES = ("the {a} by the bank had {b} near it", "we saw {a} and {b} at the bank", "the bank with its {a} and {b}")


def banks(words: Sequence[str]) -> list[str]:
    """Every sentence about a bank with two of these words."""
    return [f.format(a=a, b=b) for f, a, b in product(FRAMES, words, words) if a != b]


@recipe(
    "one-word-two-senses",
    source="Baker 7.2",
    figure="different vectors for a word in two sentences",
    experiments="baker-26",
)
def two_senses(size: Size) -> Table:
    """The vectors of 'bank' in sentences about rivers and about money, from a small net that foretells hidden words."""
    epochs = 3 if size == "tiny" else 400
    river, money = banks(RIVER), banks(MONEY)
    model = registry.model("bert", width=32, n_heads=2, dropout=0.0, attention_dropout=0.0)
    lm = LanguageModel(model, context=16, epochs=epochs, lr=1e-3, batch_size=16, progress=False)
    lm.fit(river + money)
    rng = np.random.default_rng(0)
    shown_river, shown_money = ([v[i] for i in rng.choice(len(v), 12, replace=False)] for v in (river, money))
    by_river, by_money = (np.stack([vector_of(lm, t, "bank") for t in v]) for v in (shown_river, shown_money))
    pairs = {
        "both of rivers": (by_river, by_river),
        "both of money": (by_money, by_money),
        "one of each": (by_river, by_money),
    }
    rows: list[tuple] = []
    for name, (a, b) in pairs.items():
        both = [(u, v) for i, u in enumerate(a) for j, v in enumerate(b) if a is not b or i < j]
        found = [float(cosine_similarity(u, v)) for u, v in both]
        rows.append((name, float(np.mean(found)), float(np.min(found)), float(np.max(found))))
    rows.append(("a table of words, any sentence", 1.0, 1.0, 1.0))
    said = ", ".join(f"{w} {p:.2f}" for w, p in lm.fill("the river by the bank had [MASK] near it", n=3))
    points = np.concatenate([by_river, by_money])
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    nearest = (unit @ unit.T - 2 * np.eye(len(unit))).argmax(1)
    same = float(((nearest < len(by_river)) == (np.arange(len(unit)) < len(by_river))).mean())
    notes = [
        f"Sentences from three frames and ten words. Filled in for a hidden word beside a river: {said}.",
        f"Of {len(unit)} sentences {100 * same:.0f} % have their nearest neighbour, by this word's vector, in their "
        "sense.",
        "A table of word vectors has one for 'bank', so its cosine is 1 in every pair.",
    ]
    columns = ("sentences", "mean cosine", "least", "greatest")
    return Table("One word in two senses", columns, rows, notes, {"epochs": epochs, "seed": 0})


def vector_of(lm: LanguageModel, text: str, word: str) -> np.ndarray:
    """What the net's last layer has at a word of a text, which is one unit of it."""
    known = lm.codec_.tokenizer
    row = known.rows([text])[0]
    place = 1 + next(i for i, one in enumerate(row) if known.name(one) == word)
    objective: Any = lm.objective_.eval()
    with torch.no_grad():
        return objective.model.body(torch.tensor([[known.cls, *row, known.sep]]))[0, place].double().numpy()


# --- logs -------------------------------------------------------------------------------------------------------------

LINE = re.compile(r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d), (?P<level>\w+)\s+(?P<part>\w+)\s+(?P<text>.*)")


@recipe("log-lines", source="Baker 6.1.1", figure="a sample of a set-up log", experiments="baker-29")
def log_lines(size: Size) -> Table:
    """Lines of a set-up log, made here, read into times, levels and parts, and as a sequence of events with gaps."""
    lines = made_log(40 if size == "tiny" else 2000)
    found = [m for line in lines if (m := LINE.fullmatch(line)) is not None]
    times = np.array([m["time"].replace(" ", "T") for m in found], dtype="datetime64[s]")
    kinds = [re.sub(r"0x[0-9a-f]+|\d+", "#", m["text"]) for m in found]
    names, counts = np.unique(kinds, return_counts=True)
    gaps = np.diff(times).astype(int)
    rows = [
        ("lines", str(len(lines))),
        ("lines of the form time, level, part, text", str(len(found))),
        ("in the order of their times", "yes" if (gaps >= 0).all() else "no"),
        ("kinds of events, numbers taken out", str(len(names))),
        ("the commonest", f"{names[counts.argmax()]} ({counts.max()})"),
        ("median gap and longest gap, seconds", f"{np.median(gaps):g} and {gaps.max():g}"),
        ("first line", lines[0]),
    ]
    notes = [
        "A log is a sequence with uneven steps: events are classes, and the gaps between them are a series of their "
        "own."
    ]
    return Table("Lines of a log", ("what", "found"), rows, notes, {"lines": len(lines), "seed": 0})


def made_log(n: int) -> list[str]:
    """Lines of a set-up's log; every hundredth is a stray line without a time."""
    rng, now, lines = np.random.default_rng(0), datetime(2024, 3, 1, 8, 0), []
    for i in range(n):
        now += timedelta(seconds=int(rng.integers(0, 20)) if i % 50 else 600)
        text = rng.choice(
            ["Loaded package {}", "Session {} begins", "Result 0x{:x}", "Warning: retry {}"], p=[0.5, 0.2, 0.2, 0.1]
        )
        level = "Error" if text.startswith("Warning") else "Info"
        said = f"{rng.choice(['SYS', 'DISK', 'NET'])}  {text.format(int(rng.integers(1000)))}"
        line = f"{now:%Y-%m-%d %H:%M:%S}, {level:<8} {said}"
        lines.append(line if i % 100 != 99 else "    (continued)")
    return lines
