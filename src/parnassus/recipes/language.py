"""Language models side by side on the help pages that every Python installation carries."""

import importlib
import time
from functools import partial
from typing import Any

import numpy as np

from .. import registry
from ..estimators.language_model import LanguageModel
from . import Size, Table, recipe
from .drawn import curves

SUBWORDS, CONTEXT = 1000, 64  # 64 subwords are some 170 characters
COUNTED: tuple[tuple[str, str, int], ...] = (
    ("1-gram", "bpe", 1),
    ("2-gram", "bpe", 2),
    ("3-gram", "bpe", 3),
    ("5-gram", "bpe", 5),
    ("8-gram of characters", "characters", 8),
)
NETS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rnn": ({"hidden": 256, "dropout": 0.4}, {"epochs": 12, "lr": 0.002}),
    "lstm": ({"hidden": 256, "dropout": 0.4}, {"epochs": 24, "lr": 0.004}),
    "gpt": (
        {"width": 128, "n_layers": 3, "n_heads": 4, "dropout": 0.15, "positions": "rotary"},
        {"epochs": 18, "lr": 0.004},
    ),
}
TINY: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rnn": ({"hidden": 16}, {"epochs": 1}),
    "lstm": ({"hidden": 16}, {"epochs": 1}),
    "gpt": ({"width": 16, "n_layers": 1, "n_heads": 2, "positions": "rotary"}, {"epochs": 1}),
}
NOTES = (
    "A tenth of the paragraphs, each of which stands once, was seen by none. Perplexity is of all units of these and "
    "of the ends of texts; that of a character is of the same chances, spread over characters, so that models of "
    "different units can be compared.",
    f"{SUBWORDS} subwords were learned from training (byte pair encoding). Nets: "
    + "; ".join(
        f"{name}: {', '.join(f'{k}={v}' for k, v in (options | settings).items())}"
        for name, (options, settings) in NETS.items()
    )
    + "; batch_size=16, clip_norm=1, cosine rates.",
)


def help_pages(n_characters: int | None = None) -> tuple[list[str], list[str]]:
    """The paragraphs of Python's own topics, each once, for training and for testing: nine of ten and the tenth."""
    topics = importlib.import_module("pydoc_data.topics").topics
    found = dict.fromkeys(p.strip() for name in sorted(topics) for p in topics[name].split("\n\n"))
    paragraphs = [p for p in found if len(p) >= 40]
    order = np.random.default_rng(0).permutation(len(paragraphs))
    shuffled = [paragraphs[i] for i in order.tolist()]
    if n_characters is not None:
        sizes = np.cumsum([len(p) for p in shuffled])
        shuffled = shuffled[: int(np.searchsorted(sizes, n_characters)) + 1]
    cut = len(shuffled) - max(len(shuffled) // 10, 1)
    return shuffled[:cut], shuffled[cut:]


@recipe(
    "language-models", source="Hifny 11.4; Baker 7.2; Martinez-Ramon 6.3", figure="none: the books print samples only"
)
def language_models(size: Size) -> Table:
    """Python's help pages foretold by n-grams, recurrent nets and a GPT: perplexity of paragraphs unseen by all."""
    tiny = size == "tiny"
    train, test = help_pages(6_000 if tiny else None)
    rows, notes, lines = [], list(NOTES), {}
    for label, made in models(TINY if tiny else NETS).items():
        watched = test if label in NETS else None  # no choice is made by it: it is drawn
        started = time.process_time()
        made.fit(train, validation=watched)
        seconds = time.process_time() - started
        rows.append((label, *measured(made, train[: len(test)], test), round(seconds, 1)))
        if label in ("3-gram", "lstm", "gpt"):
            notes.append(f"{label} after 'The class': {made.generate('The class', n_tokens=40, top_p=0.8)!r}.")
        if watched is not None:
            lines[label] = list(range(len(made.history_))), [epoch["validation_loss"] for epoch in made.history_]
    counted = min(float(row[2]) for row in rows if row[0].endswith("-gram"))
    lines["best n-gram"] = [0, max(len(x) for x, _ in lines.values()) - 1], [np.log(counted)] * 2
    picture = "The mean -ln p of a subword of the unseen paragraphs, epoch by epoch, in blocks of the context."
    columns = (
        "model", "perplexity of a subword (training)", "of a subword", "of a character", "bits a character",
        "CPU seconds of training",
    )  # fmt: skip
    return Table(
        "Characters of Python's help pages",
        columns,
        rows,
        notes,
        {"seed": 0, "characters": sum(map(len, train)), "unseen": sum(map(len, test)), "context": CONTEXT},
        pictures={picture: partial(curves, lines, across="epoch", up="-ln p of a subword")},
    )


def models(nets: dict[str, tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, LanguageModel]:
    """The models of the table by name, unfitted."""
    bpe: dict[str, Any] = {"unit": "bpe", "max_words": SUBWORDS, "progress": False}
    usual: dict[str, Any] = {"context": CONTEXT, "batch_size": 16, "clip_norm": 1.0} | bpe
    rates = registry.schedule("cosine", warmup=0.05)
    found = {}
    for label, unit, order in COUNTED:
        own = bpe if unit == "bpe" else {"unit": unit, "progress": False}
        found[label] = LanguageModel(registry.model("ngram", order=order), **own)
    for name, (options, settings) in nets.items():
        found[name] = LanguageModel(registry.model(name, **options), schedule=rates, **usual | settings)
    return found


def measured(lm: LanguageModel, seen: list[str], unseen: list[str]) -> tuple[Any, ...]:
    """Perplexities of a subword, of texts of training and of others; of a character; bits a character."""
    subwords = lm.codec_.options["unit"] == "bpe"
    tokens = (lm.perplexity(seen), lm.perplexity(unseen)) if subwords else ("", "")
    return *tokens, lm.perplexity(unseen, per="character"), lm.bits_per_character(unseen)
