"""How often words occur, by their rank: Zipf's law."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..data.text.text import strings
from ..data.text.tokenizers import Tokenizer
from ..errors import DataError, SettingError
from ..functional.ngram_counts import count_ngrams
from .style import SERIES, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = ("words", "bigrams", "trigrams")


def ranked_counts(texts: Sequence[str], n: int = 1, *, unit: str = "words", lower: bool = True) -> np.ndarray:
    """How often each run of n units occurs in texts, most often first.

    >>> ranked_counts(["a b a", "b a c"]).tolist(), ranked_counts(["a b a", "b a c"], 2).tolist()
    ([3, 2, 1], [2, 1, 1])
    """
    if n < 1:
        raise SettingError(f"runs have at least 1 unit; got {n}")
    tokenizer = Tokenizer(unit, lower=lower).fit(strings(texts))
    ids, lengths = tokenizer.ids(strings(texts))
    counts = count_ngrams(ids, lengths, n, n_ids=tokenizer.n_ids)[n - 1].counts
    return np.sort(counts[counts > 0])[::-1]


def zipf_slope(counts: np.ndarray) -> float:
    """The slope of ln count over ln rank by least squares; a rank weighs 1 / rank, so that the tail does not decide.

    Source: Zipf 1935 has -1 for words.

    >>> round(zipf_slope(1000 / np.arange(1, 50)), 6)
    -1.0
    """
    if len(counts) < 2:
        raise DataError("a slope needs two different words at least; give longer texts")
    x, y = np.log(np.arange(1, len(counts) + 1)), np.log(np.asarray(counts, dtype=np.float64))
    weight = 1 / np.arange(1, len(counts) + 1)
    x, y = x - np.average(x, weights=weight), y - np.average(y, weights=weight)
    return float((weight * x * y).sum() / (weight * x * x).sum())


@styled
def plot_zipf(texts: Sequence[str], *, n: int = 3, unit: str = "words", lower: bool = True) -> "Figure":
    """Counts over ranks of runs of 1 to n units, both logarithmic, with the slope of each.

    Systems: zipf-plot
    Source: Baker A174 and its figure.
    """
    figure, (axes,) = canvas(width=5.0, height=4.0, label="Counts of words and of runs of words over their ranks")
    for k in range(1, n + 1):
        counts = ranked_counts(texts, k, unit=unit, lower=lower)
        if len(counts) < 2:
            continue
        own = NAMES[k - 1] if unit == "words" and k <= len(NAMES) else f"{k}-grams"
        label = f"{own} (slope {zipf_slope(counts):.2f})"
        axes.loglog(np.arange(1, len(counts) + 1), counts, color=SERIES[(k - 1) % len(SERIES)], label=label)
    axes.set_xlabel("rank")
    axes.set_ylabel("count")
    axes.legend(frameon=False)
    return figure
