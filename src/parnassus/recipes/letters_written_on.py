"""Letters foretold by one layer of attention and by a small GPT, texts never seen, and every way to write on."""

import re
import textwrap
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from .. import registry
from ..estimators.language_model import LanguageModel
from . import Size, Table, recipe
from .language import help_pages

Rows = list[tuple[Any, ...]]
BOOKS_PROMPT = "On a distant planet, a curious explorer stumbles upon an ancient temple guarded by"


@cache
def descriptions() -> dict[str, str]:
    """What scikit-learn says of each data set that it describes, by name."""
    found = sorted(resources.files("sklearn.datasets.descr").iterdir(), key=lambda p: p.name)
    return {p.name[:-4]: p.read_text(encoding="utf-8") for p in found if p.name.endswith(".rst")}


def plain_letters(text: str) -> str:
    """A text in thirty symbols: small letters, space, full stop, comma and hyphen."""
    return re.sub(r"[^a-z.,-]+", " ", text.lower()).strip()


def stretches(length: int = 300) -> tuple[list[str], list[str]]:
    """The descriptions in thirty symbols, cut at spaces: nine stretches of ten to learn from, and the tenth."""
    whole = [part for text in descriptions().values() for part in textwrap.wrap(plain_letters(text), length)]
    order = np.random.default_rng(0).permutation(len(whole)).tolist()
    cut = len(order) // 10
    return [whole[i] for i in order[cut:]], [whole[i] for i in order[:cut]]


def real_words(said: str, texts: list[str]) -> float:
    """The share of the words written, the first and the last cut off, that the texts have."""
    known = {word for text in texts for word in re.findall(r"[A-Za-z]+", text)}
    found = re.findall(r"[A-Za-z]+", said)[1:-1]
    return float(np.mean([word in known for word in found])) if found else 0.0


LETTERS: dict[str, tuple[str, dict[str, Any], int, dict[str, Any]]] = {  # model, options, context, training
    "counts of one letter": ("ngram", {"order": 1}, 8, {}),
    "counts of six letters": ("ngram", {"order": 6}, 8, {}),
    "one layer of attention": ("masked_attention", {}, 8, {"epochs": 30, "lr": 5e-3, "batch_size": 64}),
    "GPT, 3 layers of 96": ("gpt", {"width": 96, "n_layers": 3, "n_heads": 6, "dropout": 0.2, "activation": "relu",
                                    "tied": False, "bias": False}, 64, {"epochs": 45, "lr": 2e-3, "batch_size": 16}),
}  # fmt: skip


@recipe(
    "letters-by-attention",
    source="Martinez-Ramon examples 6.2.3 and 6.3.1",
    figure="a line that cannot be read; lines of mostly real words",
    experiments="martinez-ramon-41 martinez-ramon-43",
)
def letters_by_attention(size: Size) -> Table:
    """Thirty symbols foretold by one layer of attention and by a GPT, beside counts; what they write."""
    tiny = size == "tiny"
    train, test = stretches()
    train, test = (train[:12], test[:3]) if tiny else (train, test)
    rows: Rows = [("even chances over thirty symbols", 0, 0, "", float(np.log(30)), float(np.log2(30)), "")]
    written = {}
    for name, (model, options, context, plan) in LETTERS.items():
        rate = registry.schedule("cosine", warmup=0.1)
        more = plan | ({"schedule": rate, "clip_norm": 1.0} if plan else {}) | ({"epochs": 1} if tiny and plan else {})
        small = {"width": 12, "n_layers": 1} if tiny and model == "gpt" else {}
        lm = LanguageModel(
            registry.model(model, **options | small), unit="characters", context=context, progress=False, **more
        ).fit(train)
        loss = float(np.log(lm.perplexity(test)))
        said = [lm.generate("the ", n_tokens=200, temperature=0.7, seed=seed) for seed in range(1 if tiny else 4)]
        written[name] = said[0]
        weights, seen = sum(p.numel() for p in lm.objective_.parameters()), options.get("order", context + 1) - 1
        rows.append((name, weights, seen, float(np.log(lm.perplexity(train[: len(test)]))), loss,
                     lm.bits_per_character(test), real_words(" ".join(said), train)))  # fmt: skip
    notes = [
        f"{sum(map(len, train)):,} letters of scikit-learn's descriptions to learn from, {sum(map(len, test)):,} new; "
        "losses are nats a symbol, the end of a stretch being a symbol more. The last column is the share of words, "
        "drawn at a temperature of .7, that training has.",
        "The book has a poem of 18,696 words. Its first net looks at eight letters by a layer of sixteen heads, which "
        "is told nothing of their order; its second has six layers of 384, a context of 256 and 5,000 steps.",
        *(f"By {name}: {text[:150]!r}" for name, text in list(written.items())[1:]),
    ]
    columns = ("model", "weights", "letters before", "loss, training", "loss, unseen", "bits a letter", "real words")
    settings = {"letters": sum(map(len, train)), "seed": 0}
    return Table("Letters by attention", columns, rows, notes, settings)


# --- one net on many texts --------------------------------------------------------------------------------------------


@cache
def small_gpt(tiny: bool) -> tuple[LanguageModel, list[str], list[str]]:
    """A GPT of bytes that read Python's help pages, what it read, and paragraphs that it did not."""
    train, test = help_pages(3_000 if tiny else 100_000)
    net = registry.model(
        "gpt", **({"width": 12, "n_layers": 1, "n_heads": 2} if tiny else {"width": 96, "n_layers": 3, "n_heads": 4})
    )
    made = LanguageModel(
        net, unit="bytes", context=96, epochs=1 if tiny else 24, lr=3e-3, batch_size=16, clip_norm=1.0, progress=False,
        schedule=registry.schedule("cosine", warmup=0.1),
    ).fit(train)  # fmt: skip
    return made, train, test


def by_counts(texts: list[str], *, order: int) -> LanguageModel:
    """Smoothed counts of bytes."""
    model = registry.model("ngram", order=order)
    return LanguageModel(model, unit="bytes", context=96, progress=False).fit(texts)


@recipe(
    "one-net-on-many-texts",
    source="Martinez-Ramon table 6.1",
    figure="GPT-2 without further training better than what was known on 7 of 8 sets",
    experiments="martinez-ramon-46",
)
def one_net_on_many_texts(size: Size) -> Table:
    """A small GPT on eight texts of a kind that it never saw, beside counts of its reading and of each text's own."""
    tiny = size == "tiny"
    gpt, train, unseen = small_gpt(tiny)
    counted = by_counts(train, order=6)
    longest = sorted(descriptions(), key=lambda name: -len(descriptions()[name]))[: 2 if tiny else 8]
    rows: Rows = []
    for name in ["help pages", *sorted(longest)]:
        if name == "help pages":
            own, new = train, unseen
        else:
            parts = [p for p in descriptions()[name].split("\n\n") if p.strip()]
            parts = [p[:300] for p in parts[:6]] if tiny else parts
            own, new = parts[: len(parts) // 2], parts[len(parts) // 2 :]
        bits = [lm.bits_per_character(new) for lm in (gpt, counted, by_counts(own, order=6))]
        rows.append((name, sum(map(len, new)), gpt.perplexity(new, per="word"), *bits,
                     ("GPT", "counts, same reading", "counts of its own")[int(np.argmin(bits))]))  # fmt: skip
    won = sum(row[-1] == "GPT" for row in rows[1:])
    weights = sum(p.numel() for p in gpt.objective_.parameters())
    notes = [
        f"The GPT has {weights:,} weights and read {sum(map(len, train)):,} letters of Python's help pages; the texts "
        "are what scikit-learn says of data sets, of which it saw nothing: the second half of each is foretold. Counts "
        "are of six bytes with Kneser and Ney's smoothing: of the same reading, and of the first half of each text.",
        f"Fewest bits by the GPT on {won} of {len(rows) - 1} texts. GPT-2 has 1,558 million weights, and 40 billion "
        "letters of reading; its table is of words, letters and cloze questions by set, and nothing here can stand "
        "beside it but the way of measuring: no word of a text is learned from before it is foretold.",
        "Taught for half as long, the GPT was worse on its own kind and better on the eight others: it learns the help "
        "pages, and with so narrow a reading more of them is less of everything else.",
    ]
    columns = ("text", "letters foretold", "GPT: perplexity of a word", "GPT: bits a letter", "counts, same reading",
               "counts of its own", "fewest bits")  # fmt: skip
    return Table("One net on many texts", columns, rows, notes, {"context": 96, "seed": 0})


# --- ways to write on -------------------------------------------------------------------------------------------------

WAYS: dict[str, dict[str, Any]] = {
    "greedy": {"temperature": 0.0},
    "beam of 2": {"beam": 2},
    "beam of 8": {"beam": 8},
    "drawn": {},
    "temperature .5": {"temperature": 0.5},
    "temperature 1.5": {"temperature": 1.5},
    "top 5": {"top_k": 5},
    "top .9 of probability": {"top_p": 0.9},
    "at least .1 of the best": {"min_p": 0.1},
    "typical .9": {"typical_p": 0.9},
    "greedy, repeats at 1.3": {"temperature": 0.0, "repetition_penalty": 1.3},
}


@recipe(
    "ways-to-write-on",
    source="Martinez-Ramon example 6.5.1",
    figure="one text by a beam, lost in print",
    experiments="martinez-ramon-47",
)
def ways_to_write_on(size: Size) -> Table:
    """One small GPT written on in eleven ways: how likely it finds what it says, real words, and what it says again."""
    tiny = size == "tiny"
    gpt, train, _ = small_gpt(tiny)
    prompts = ["The class of ", "If the value is ", "A function that ", "This is "][: 1 if tiny else None]
    n_tokens = 20 if tiny else 160
    rows: Rows = []
    told = {}
    for name, manner in WAYS.items():
        texts = gpt.generate(prompts, n_tokens=n_tokens, seed=0, **manner)
        new = [text[len(start) :] for text, start in zip(texts, prompts, strict=True)]
        scores = [p[len(start.encode()) : -1] for p, start in zip(gpt.token_log_probs(texts), prompts, strict=True)]
        surprise = -float(np.concatenate(scores).sum()) / max(sum(map(len, scores)), 1)
        said_again, letters = float(np.mean([again(text) for text in new])), sum(map(len, new)) / len(new)
        rows.append((name, surprise, real_words(" ".join(new), train), said_again, letters))
        told[name] = " ".join(new[0].split())
    strange = gpt.generate(BOOKS_PROMPT, n_tokens=n_tokens // 2, temperature=0.5, seed=0, long_prompt="slide")
    notes = [
        f"The net has read Python's help pages, byte by byte, and goes on for {n_tokens} bytes from {len(prompts)} "
        "beginnings. Surprise is minus the mean ln p that the net itself gives to each byte; the third column is the "
        "share of words that its reading has, the fourth that of runs of four words that were said before.",
        "What is likeliest goes round in circles, and what is drawn at a high temperature falls out of the language; "
        "filters stand between. The book's published net of 124 million weights is not at hand.",
        *(f"{name}: {told[name][:110]!r}" for name in ("greedy", "beam of 8", "drawn", "top .9 of probability")),
        f"The book's beginning, of which this net's reading has nothing: {' '.join(strange.split())!r}",
    ]
    columns = ("way", "surprise", "real words", "said again", "letters")
    return Table("Ways to write on", columns, rows, notes, {"tokens": n_tokens, "seed": 0})


def again(text: str) -> float:
    """The share of runs of four words that stood in the text before."""
    words = text.split()
    runs = [tuple(words[i : i + 4]) for i in range(len(words) - 3)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
