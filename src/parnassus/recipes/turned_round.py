"""Translation whose alignment is known: letters turned round, by nets with and without attention."""

import time
from typing import Any

import numpy as np

from .. import registry
from ..estimators.translator import Translator
from . import Size, Table, recipe
from .translation import drawn_pairs, reverse, unseen

MODELS: dict[str, dict[str, Any]] = {
    "seq2seq": {"width": 48, "hidden": 96},
    "rnnsearch": {"width": 32, "hidden": 64},
    "transformer": {"width": 64, "n_layers": 2, "dropout": 0.0, "smoothing": 0.0},
}


@recipe(
    "soft-alignment",
    source="Hifny figure 11.9, Jaiswal 5.4",
    figure="soft alignments of two translations; a Transformer beats what was before",
    experiments="hifny-15 jaiswal-13",
)
def soft_alignment(size: Size) -> Table:
    """Rows of letters turned round, by three translators: whole rows right, chrF, and where attention looks."""
    n, epochs = (60, 1) if size == "tiny" else (3000, 10)
    train, test = drawn_pairs(reverse, n, seed=0), drawn_pairs(reverse, 300, seed=1)
    held = unseen(test, train)
    sources, targets = [s for s, _ in held], [t for _, t in held]
    rows, kept = [], {}
    for name, options in MODELS.items():
        started = time.perf_counter()
        made = Translator(
            registry.model(name, **options), unit="words", epochs=epochs, lr=3e-3, batch_size=32, clip_norm=1.0,
            schedule=registry.schedule("cosine", warmup=0.05), progress=False,
        ).fit(train)  # fmt: skip
        seconds = time.perf_counter() - started
        looked: float | str = ""
        if name != "seq2seq":
            kept[name] = made.align(sources[:200], targets[:200])
            looked = mirrored([a.weights for a in kept[name]])
        long = [pair for pair in held if len(pair[0].split()) >= 7]
        found = made.score(held, metric="exact"), made.score(long, metric="exact"), made.score(held, metric="chrf")
        rows.append((name, *map(float, found), looked, seconds))
    notes = [
        "Two to eight of twelve letters, and the same from last to first, so that it is known where each letter comes "
        "from: the fourth column is the share of letters written whose largest weight lies on the right one.",
        "The book's two sentences, and the corpora of its literature, are not at hand; nothing here says anything "
        "about them.",
    ]
    one = max(range(len(kept["rnnsearch"])), key=lambda i: len(kept["rnnsearch"][i].targets))
    shown = {f"Where {name} looks, letter by letter written.": kept[name][one].plot for name in kept}
    columns = ("model", "rows right, unseen", "of rows of 7 or 8", "chrF", "looks at the right letter", "seconds")
    return Table(
        "Letters turned round", columns, rows, notes, {"pairs": n, "epochs": epochs, "seed": 0}, pictures=shown
    )


def mirrored(weights: list[np.ndarray]) -> float:
    """Of letters written, the share whose largest weight lies on the letter as far from the other end."""
    right = [w.argmax(1) == w.shape[1] - 1 - np.arange(len(w)) for w in weights]
    return float(np.concatenate(right).mean())
