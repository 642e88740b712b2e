"""What an Embedder answers: nearest words, means of words as they weigh, and tables that came from files."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ...data.text.corpus import Corpus
from ...data.text.word_vectors import read_vectors
from ...errors import DataError, check_count
from ...functional.word_vectors import analogy_scores, nearest, similarities
from ...registry import model
from ..fitting.assembly import choose
from ..fitting.identity import versions
from ..fitting.texts import texts_of
from ..protocol import fitted

if TYPE_CHECKING:
    from ..embedder import Embedder

Kind = TypeVar("Kind", bound="Embedder")


def words_of(given: Any) -> list[str]:
    """A word, or several, as a list."""
    words = [given] if isinstance(given, str) or not hasattr(given, "__iter__") else list(given)
    odd = [w for w in words if not isinstance(w, str)]
    if odd:
        raise DataError(f"a question is of words; got {odd[0]!r}")
    return words


def answers(
    embedder: "Embedder", positive: list[str], negative: list[str], *, n: int, measure: str
) -> list[tuple[str, float]]:
    """The n words nearest to some and away from others, those of the question left out, with their scores."""
    check_count("n", n)
    names, table = [*positive, *negative], embedder._table()
    new = [w for w in names if w not in embedder]
    rows = torch.cat([table, *(torch.from_numpy(embedder.vector(w))[None] for w in new)])
    at = [len(table) + new.index(w) if w in new else embedder._row_of(w) for w in names]
    k = len(positive)
    scores = analogy_scores(rows, at[:k], at[k:], measure=measure)[: len(table)]
    found = nearest(scores, n, without=[i for i in at if i < len(table)])
    words = embedder.words_
    return [(words[i], float(scores[i])) for i in found]


def share_right(embedder: "Embedder", questions: Sequence[Sequence[str]], *, measure: str) -> float:
    """The share of questions (a, b, c, d) that are answered by d."""
    if not len(questions):
        raise DataError("no questions; give tuples of four words")
    right = 0
    for question in questions:
        if isinstance(question, str) or len(question) != 4:
            raise DataError(f"a question is four words, a to b as c to d; got {question!r}")
        a, b, c, d = question
        embedder._row_of(d)
        first = embedder.analogy(a, b, c, n=1, measure=measure)
        right += bool(first) and first[0][0] == embedder._cased(d)
    return right / len(questions)


def placed(embedder: "Embedder", texts: list[str]) -> tuple[Tensor, Tensor]:
    """Vectors of texts (texts, d) float32, and which of the texts hold no known word (texts,)."""
    rows = embedder.codec_.encode(texts)
    with torch.no_grad():
        found, lengths = embedder.objective_.eval().documents(rows.values, rows.lengths), rows.lengths
        if found is None:
            found, lengths = weighed(embedder, texts)
    return found.cpu().float(), lengths == 0


def weighed(embedder: "Embedder", texts: list[str]) -> tuple[Tensor, Tensor]:
    """Means of the words of texts as they weigh (texts, d), and how many words each text has."""
    codec, table, idf = embedder.codec_, embedder._table().double(), embedder.codec_.idf
    made = getattr(embedder.objective_, "vectors_of", None)
    tokens, at = codec.tokens(texts), {word: i for i, word in enumerate(codec.words)}
    new = list(dict.fromkeys(w for row in tokens for w in row if w not in at))
    others = made(new) if made is not None and new else None
    if others is not None:  # words never seen are as rare as can be
        at |= {word: len(table) + i for i, word in enumerate(new)}
        table = torch.cat([table, others.double()])
        idf = torch.cat([idf, idf.new_full((len(new),), float(np.log(1 + codec.n_texts) + 1))])
    known = [[at[w] for w in row if w in at] for row in tokens]
    lengths = torch.tensor([len(row) for row in known])
    ids = torch.tensor([i for row in known for i in row], dtype=torch.int64)
    weight = idf[ids] if embedder.weighting == "tfidf" else torch.ones(len(ids), dtype=torch.float64)
    starts = np.concatenate([[0], lengths.numpy().cumsum()])
    from scipy.sparse import csr_array  # a table may be as wide as the vocabulary: its rows are never gathered

    bags = csr_array((weight.numpy(), ids.numpy(), starts), shape=(len(texts), len(table)))
    total = np.maximum(bags.sum(1), 1e-300)
    return torch.from_numpy((bags @ table.numpy()) / total[:, None]), lengths


def found_texts(embedder: "Embedder", query: str, *, n: int, documents: Any) -> list[tuple[int, float, str]]:
    """The n documents nearest to a query, of those given or of `fit`, whose vectors are made once."""
    if not isinstance(query, str):
        raise DataError(f"a query is one text; got {query!r}")
    check_count("n", n)
    if documents is not None:
        texts = texts_of(documents, None)
        table = placed(embedder, texts)[0]
    else:
        held: list[str] | None = getattr(fitted(embedder), "documents_", None)
        if held is None:
            raise DataError("this Embedder was read from a file, which keeps no texts; give documents=")
        texts = held
        if embedder._placed is None:
            embedder._placed = placed(embedder, texts)[0]
        table = embedder._placed
    asked, empty = placed(embedder, [query])
    if bool(empty[0]):
        raise DataError(f"the query {query[:60]!r} holds no word of this vocabulary of {len(embedder.words_)}")
    scores = similarities(asked, table)[0]
    return [(i, float(scores[i]), texts[i]) for i in nearest(scores, n)]


def filled(kind: type[Kind], path: str | os.PathLike, *, lower: bool) -> Kind:
    """An estimator that answers by the vectors of a file."""
    words, table = read_vectors(path)
    made = kind(model("vectors", n_dimensions=table.shape[1]), lower=lower, min_count=1)
    own: Any = made
    own.codec_, own.target_, own.target_name_ = Corpus.of_words(words, lower=lower), None, None
    own.view_, make, own.facts_ = choose(made, None)
    own.objective_ = made.objective_around(make())
    own.objective_.vectors.copy_(torch.from_numpy(table))
    own.history_, own.n_steps_, own.best_epoch_, own.seconds_ = [], 0, None, None
    own.data_, own.versions_, own.held_ = {"source": Path(path).name}, versions(), None
    own.documents_, own._placed = None, None
    return made
