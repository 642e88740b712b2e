"""Texts in few sentences: the walk by hand and by eigenvectors, central sentences, new words by a Translator."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.data.text.summaries import summarize
from parnassus.functional.ranking_sentences import centrality

STORY = (
    "The river flooded the town in spring. The flood of the river closed the bridge of the town. My cousin likes tea. "
    "After the flood the town built a new bridge over the river. Tea is best hot."
)


def test_the_walk_is_the_eigenvector_of_its_matrix():
    g = torch.Generator().manual_seed(0)
    likeness = torch.rand(7, 7, generator=g, dtype=torch.float64)
    likeness[3] = 0  # like no other
    weights = likeness.numpy().copy()
    np.fill_diagonal(weights, 0)
    sums = weights.sum(1, keepdims=True)
    walk = np.where(sums > 0, weights / np.where(sums > 0, sums, 1), 1 / 7)
    values, vectors = np.linalg.eig(0.85 * walk.T + 0.15 / 7)
    due = np.real(vectors[:, np.argmax(np.real(values))])
    np.testing.assert_allclose(centrality(likeness).numpy(), due / due.sum(), atol=1e-8)


def test_a_star_by_hand():
    """The middle of a star of three: p = .15 / 3 + .85 * 2 q and q = .15 / 3 + .85 p / 2."""
    p = (0.05 + 1.7 * 0.05) / (1 - 0.85**2)
    found = centrality(torch.tensor([[0.0, 1, 1], [1, 0, 0], [1, 0, 0]]))
    assert float(found[0]) == pytest.approx(p)


@pytest.mark.parametrize("method", ["textrank", "centroid"])
def test_what_most_sentences_speak_of_is_kept_in_order(method):
    found = summarize(STORY, 2, method=method)
    assert found == sorted(found, key=STORY.index)
    assert all("river" in sentence for sentence in found)


def test_the_first_ones_and_short_texts():
    assert summarize(STORY, 1, method="lead") == ["The river flooded the town in spring."]
    assert summarize("One. Two.", 5) == ["One.", "Two."]


@pytest.mark.slow
def test_new_words_come_from_a_translator_of_pairs():
    """Who does what, of sentences with more in them: a summary that is no sentence of the text."""
    rng = np.random.default_rng(0)
    who, does, how = ["the cat", "the dog", "a bird"], ["sleeps", "sings", "runs"], ["loudly", "all day", "at noon"]
    rows = [(rng.choice(who), rng.choice(does), rng.choice(how), rng.choice(how)) for _ in range(160)]
    pairs = [(f"{h.capitalize()}, as we saw, {w} {d} {k}.", f"{w} {d}") for w, d, h, k in rows]
    spec = pn.model("rnnsearch", hidden=32, width=16)
    model = pn.Translator(spec, lower=True, epochs=15, lr=0.01, batch_size=16, progress=False).fit(pairs[:120])
    assert model.score([a for a, _ in pairs[120:]], [b for _, b in pairs[120:]], metric="exact") > 0.95


@pytest.mark.parametrize(("given", "words"), [
    (("", 2), "text is empty"), ((None, 2), "a NoneType"), (("A.", 0), "n_sentences"), (("A. B.", 1, "lsa"), "method="),
])  # fmt: skip
def test_texts_and_settings_without_meaning_are_refused(given, words):
    text, n, *method = given
    with pytest.raises((pn.DataError, pn.SettingError), match=words):
        summarize(text, n, **({"method": method[0]} if method else {}))
