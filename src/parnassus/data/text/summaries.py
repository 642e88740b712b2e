"""A text in a few of its own sentences."""

import torch

from ...errors import DataError, SettingError, did_you_mean
from ...functional.ranking_sentences import centrality
from .text import Text
from .tokenizers import sentences_of

METHODS = ("textrank", "centroid", "lead")


def summarize(text: str, n_sentences: int = 3, *, method: str = "textrank", clean: tuple[str, ...] = ()) -> list[str]:
    """The sentences that say most of a text, in their order.

    Parameters
    ----------
    method : "textrank" (central in the graph of cosines of TF-IDF vectors), "centroid" (the largest cosine with their
        mean) or "lead" (the first ones, which of news is hard to beat).
    clean : steps for comparing alone, such as ("stop_words", "porter"); see `pn.Text`.

    Nothing is rewritten: for new words, train `pn.Translator` on pairs of texts and summaries.

    Systems: summarisation
    Source: Baker A213 (named); Mihalcea and Tarau 2004; Radev et al. 2004.
    """
    if method not in METHODS:
        raise SettingError(f"method={method!r}; {did_you_mean(method, METHODS)}")
    if isinstance(n_sentences, bool) or not isinstance(n_sentences, int) or n_sentences < 1:
        raise SettingError(f"n_sentences is a whole number of at least 1; got {n_sentences!r}")
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"text is {'empty' if isinstance(text, str) else f'a {type(text).__name__}'}; give a text")
    sentences = sentences_of(text)
    if n_sentences >= len(sentences) or method == "lead":
        return sentences[:n_sentences]
    vectors = _vectors(sentences, clean)
    central = method == "textrank"
    score = centrality((vectors @ vectors.T).clamp(min=0)) if central else vectors @ vectors.mean(0)
    best = sorted(range(len(sentences)), key=lambda i: (-round(float(score[i]), 9), i))[:n_sentences]
    return [sentences[i] for i in sorted(best)]


def _vectors(sentences: list[str], clean: tuple[str, ...]) -> torch.Tensor:
    """TF-IDF vectors of sentences, of Euclidean length 1 or 0."""
    return torch.from_numpy(Text(weighting="tfidf", clean=clean).fit(sentences).vectors(sentences)).double()
