"""Language models side by side on the help pages that every Python installation carries."""

import importlib
import time
from typing import Any

import numpy as np

from .. import registry
from ..estimators.language_model import LanguageModel
from . import Size, Table, recipe

CONTEXT = 128
MODELS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ngram", {"order": 1}),
    ("ngram", {"order": 3}),
    ("ngram", {"order": 6}),
    ("rnn", {"hidden": 256}),
    ("lstm", {"hidden": 256}),
    ("gpt", {"width": 128, "n_layers": 4, "n_heads": 4, "dropout": 0.1}),
)
TINY: dict[str, dict[str, Any]] = {
    "rnn": {"hidden": 16},
    "lstm": {"hidden": 16},
    "gpt": {"width": 16, "n_layers": 1, "n_heads": 2, "dropout": 0.0},
}


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
    """Characters of Python's help pages foretold by n-grams, recurrent nets and a GPT, on unseen paragraphs."""
    tiny = size == "tiny"
    train, test = help_pages(6_000 if tiny else None)
    rows = []
    for name, options in MODELS:
        given = TINY.get(name, options) if tiny else options
        settings: dict[str, Any] = {} if name == "ngram" else {"epochs": 1 if tiny else 20, "lr": 0.002}
        if name != "ngram" and not tiny:
            settings |= {"batch_size": 32, "schedule": registry.schedule("cosine", warmup=0.05), "clip_norm": 1.0}
        lm = LanguageModel(
            registry.model(name, **given), unit="characters", context=CONTEXT, progress=False, **settings
        )
        started = time.perf_counter()
        lm.fit(train)
        seconds = time.perf_counter() - started
        label = f"{options['order']}-gram" if name == "ngram" else name
        bits = lm.bits_per_character(test)
        rows.append((label, lm.perplexity(train[: len(test)]), lm.perplexity(test), bits, seconds))
    columns = ("model", "perplexity (training)", "perplexity", "bits per character", "seconds")
    return Table(
        "Characters of Python's help pages",
        columns,
        rows,
        ["Perplexity is of a character, ends of texts among them, on a tenth of the paragraphs; none was seen."],
        {"seed": 0, "characters": sum(map(len, train)), "context": CONTEXT},
    )
