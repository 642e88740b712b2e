"""Vectors of words and of texts, from texts: which words are alike, which texts are near, what texts are about."""

import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from ..data.sources import Columns
from ..data.text.corpus import Corpus
from ..data.text.word_rows import WordRows
from ..data.text.word_vectors import write_vectors
from ..errors import DataError, DataWarning, SettingError, did_you_mean
from ..evaluation.result import Evaluation
from ..functional.word_vectors import nearest
from ..objectives.text.topics import Topics
from ..objectives.text.word_vectors import WordVectors
from .answers.word_answers import answers, filled, found_texts, placed, share_right, words_of
from .base import Estimator
from .fitting.assembly import passes
from .fitting.intake import Examples
from .fitting.texts import texts_of
from .protocol import fitted

if TYPE_CHECKING:
    from ..insight.word_maps import WordMap

WEIGHTINGS = ("mean", "tfidf")


class Embedder(Estimator):
    """A vector for every word, and for every text, learned from texts.

    Parameters
    ----------
    model : "skip_gram", "cbow", "fasttext", "glove", "doc2vec", "ppmi", "cooccurrence", "lsa", "lda" or "one_hot", or a
        spec such as `pn.model("skip_gram", n_dimensions=50)`.
    lower : fold upper case into lower case.
    min_count : words seen less often are left out.
    max_words : the most frequent words that are kept; None keeps all.
    clean : steps that make texts plainer first, such as ("html", "stop_words"); see `pn.Text`.
    weighting : of words in a text's vector: "mean", or "tfidf", where rare words weigh more. "lsa", "lda" and "doc2vec"
        have vectors of texts by themselves.
    device : word vectors are learned on the processor.
    **training : the settings that all estimators share; see `Estimator`. `epochs` None takes 5 to 50 where neighbours
        are foretold: as many as show two million words. `optimizer` and `lr` are for `output="softmax"` alone; the
        others have a `rate` of their own.

    Attributes: `words_` (most frequent first), `vectors_` (n_words, d), `counts_`.

    Systems: embedding-retrieval
    Source: Baker A168, A186, A218.
    """

    default_models = {"corpus": "skip_gram"}

    codec_: Corpus
    objective_: WordVectors
    documents_: list[str] | None  # the texts of `fit`; not saved
    _placed: Tensor | None  # their vectors

    def __init__(
        self,
        model: Any = None,
        *,
        lower: bool = True,
        min_count: int = 2,
        max_words: int | None = None,
        clean: tuple[str, ...] = (),
        weighting: str = "mean",
        device: str = "cpu",
        **training: Any,
    ) -> None:
        super().__init__(model, device=device, **training)
        self.lower, self.min_count, self.max_words = lower, min_count, max_words
        self.clean, self.weighting = clean, weighting

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from texts X.

        Parameters
        ----------
        X : a list of texts, a column of a frame, a frame, the path of a UTF-8 text file (whose paragraphs are texts) or
            of a folder of them.
        y : ignored.
        target : the column of a frame that holds the texts.
        validation : a fraction of the texts to hold out, or other texts; watched by `patience`, where the model has a
            loss on texts.

        Raises
        ------
        DataError : the texts break a contract; the message names the row, or the file and the byte, and the remedy.
        """
        if sample_weight is not None:
            raise SettingError("Embedder weighs all texts alike; leave sample_weight out, or repeat texts")
        if self.weighting not in WEIGHTINGS:
            raise SettingError(f"weighting={self.weighting!r}; {did_you_mean(self.weighting, WEIGHTINGS)}")
        texts = texts_of(X, target)
        if validation is not None and not isinstance(validation, int | float):
            validation = (texts_of(validation, target), None)
        ready = self._ready(Examples(texts, target=target), None, validation, None)
        count = getattr(self.objective_, "count", None)
        if count is not None:
            count(passes(self, ready))
        self._train(ready)
        self.documents_, self._placed = texts, None
        return self

    def own_codec(self, X: Any) -> Corpus:
        if self.codec is None:
            return Corpus(lower=self.lower, min_count=self.min_count, max_words=self.max_words, clean=self.clean)
        if not isinstance(self.codec, Corpus):
            raise SettingError(f"codec of an Embedder is a Corpus; got {self.codec!r}")
        return self.codec

    def objective_around(self, made: Any) -> WordVectors:
        """The objective, told of the vocabulary."""
        if not isinstance(made, WordVectors):
            raise SettingError(f"Embedder takes a model's name or pn.model(...), such as 'skip_gram'; got {made!r}")
        for name in ("loss", "inference"):
            if getattr(self, name) is not None:
                raise SettingError(f"word vectors bring an objective of their own; leave {name}=None")
        made.know(self.codec_.words, self.codec_.counts, self.epochs)
        return made

    # --- words ------------------------------------------------------------------------------------

    @property
    def words_(self) -> list[str]:
        """The vocabulary, most frequent first."""
        return fitted(self).codec_.words

    @property
    def counts_(self) -> np.ndarray:
        """How often training holds each word (n_words,)."""
        return fitted(self).codec_.counts.numpy()

    @property
    def vectors_(self) -> np.ndarray:
        """A row a word (n_words, d) float32."""
        return self._table().numpy()

    def _table(self) -> Tensor:
        return fitted(self).objective_.vectors.detach().cpu().float()

    def __contains__(self, word: str) -> bool:
        return self._cased(word) in fitted(self).codec_.tokenizer._at

    def _cased(self, word: Any) -> str:
        if not isinstance(word, str):
            raise DataError(f"a word is a string; got {word!r}")
        return word.lower() if fitted(self).codec_.options["lower"] else word

    def _row_of(self, word: str) -> int:
        """The place of a word in the vocabulary; an unknown one is refused with those spelt most alike."""
        at = self.codec_.tokenizer._at.get(self._cased(word))
        if at is None:
            raise DataError(
                f"the word {word!r} is not in this vocabulary of {len(self.words_)}, which leaves out words seen less "
                f"than {self.codec_.options['min_count']} times; {did_you_mean(self._cased(word), self.words_)}"
            )
        return at - 2

    def vector(self, word: str) -> np.ndarray:
        """The vector of a word (d,) float32; "fasttext" has one for every word, the others for those of training."""
        made = getattr(fitted(self).objective_, "vectors_of", None)
        if word not in self and made is not None and (found := made([self._cased(word)])) is not None:
            return found[0].numpy()
        return self._table()[self._row_of(word)].numpy()

    def most_similar(
        self, positive: Any, negative: Sequence[str] = (), *, n: int = 10, measure: str = "add"
    ) -> list[tuple[str, float]]:
        """The n words nearest to a word, to several, or to some and away from others, with their cosines.

        Parameters
        ----------
        positive : a word, or a list of words.
        negative : words to be unlike.
        measure : how several words are put together: "add" (the cosine with their mean) or "multiply" (3CosMul); see
            `functional.word_vectors.analogy_scores`.

        The words of the question are never among the answers.
        """
        return answers(self, words_of(positive), words_of(negative), n=n, measure=measure)

    def analogy(self, a: str, b: str, c: str, *, n: int = 5, measure: str = "add") -> list[tuple[str, float]]:
        """What is to c as b is to a: the words nearest to b - a + c, with their scores.

        `embedder.analogy("man", "king", "woman")` asks for the queen.
        """
        return self.most_similar([b, c], [a], n=n, measure=measure)

    def analogies(self, questions: Sequence[Sequence[str]], *, measure: str = "add") -> float:
        """The share of questions (a, b, c, d) whose first answer to `analogy(a, b, c)` is d."""
        return share_right(self, questions, measure=measure)

    # --- texts ------------------------------------------------------------------------------------

    def transform(self, X: Any) -> np.ndarray:
        """A vector of each text (texts, d) float32; of texts without a known word zeros, with a warning."""
        found, empty = placed(fitted(self), texts_of(X, None))
        if bool(empty.any()):
            warnings.warn(
                f"{int(empty.sum())} of {len(empty)} texts hold no known word and stand at 0 "
                f"(first row {int(empty.int().argmax())})",
                DataWarning,
                stacklevel=2,
            )
        return found.numpy()

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """`fit(X)`, and a vector of each of these texts."""
        return self.fit(X).transform(self.documents_)

    def retrieve(self, query: str, *, n: int = 5, documents: Any = None) -> list[tuple[int, float, str]]:
        """The n documents whose vectors have the largest cosines with the query's: row, cosine, text.

        `documents` None takes the texts of `fit`, which a saved model does not keep. Where they are what was said,
        the row says whose reply to take.

        Systems: dialogue-management
        Source: Baker A215 (named): a response is selected by what it answered before.
        """
        return found_texts(self, query, n=n, documents=documents)

    def topics(self, n: int = 10) -> list[list[tuple[str, float]]]:
        """The n words that weigh most in each topic of "lda" (with p(word | topic)) or direction of "lsa"."""
        objective = fitted(self).objective_
        if not isinstance(objective, Topics):
            raise SettingError(f"{self.model_name} has no topics; 'lda' and 'lsa' have")
        table = objective.topics.cpu()
        return [[(self.words_[i], float(row[i])) for i in nearest(row.abs(), n)] for row in table]

    def map(self, words: Sequence[str] | None = None, *, method: str = "pca", n: int = 60) -> "WordMap":
        """Words as points in a plane by "pca" or "tsne", with a `plot()`; None takes the n most frequent."""
        from ..insight.word_maps import map_words

        chosen = self.words_[:n] if words is None else list(words)
        return map_words(chosen, np.stack([self.vector(w) for w in chosen]), method=method, seed=self.seed)

    def codec_of_words(self) -> WordRows:
        """A codec that turns texts into these vectors, as they are, for any model of sequences or of vectors.

        `pn.Classifier("lstm", codec=embedder.codec_of_words()).fit(texts, y)` reads a vector a word; a model of tables
        reads the mean of a text's words. Words outside the vocabulary are left out.
        """
        return WordRows().hold(fitted(self).codec_, self._table())

    # --- judged, written and read -----------------------------------------------------------------

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """Minus the model's loss on texts: the mean ln p of what it foretells; more is better."""
        rows = fitted(self).codec_.encode(texts_of(X, target))
        batch = rows.take(torch.arange(len(rows)))
        with torch.no_grad():
            return -float(self.objective_.eval().evaluate(batch)["loss"])

    def evaluate(
        self, X: Any, y: Any = None, *, target: Columns | None = None, sample_weight: Any = None
    ) -> Evaluation:
        """Nothing: words have no right answers; ask `analogies(questions)`, or train a Classifier on `transform`."""
        raise SettingError(
            "word vectors have no right answers to be judged by; take analogies(questions), score(texts), or the "
            "accuracy of a Classifier on transform(texts)"
        )

    def export(self, path: str | os.PathLike) -> Self:
        """Write words and vectors in word2vec's text format, which `Embedder.read` and other libraries read."""
        write_vectors(path, self.words_, self.vectors_)
        return self

    @classmethod
    def read(cls, path: str | os.PathLike, *, lower: bool = False) -> Self:
        """An Embedder of the vectors in a file of word2vec's or GloVe's text format; it answers, and learns nothing."""
        return filled(cls, path, lower=lower)
