"""Vectors of words and of texts: counts, their directions, topics, and what foretells neighbours."""

from typing import Any, Literal

from ...errors import SettingError
from ...functional.word_vectors.counts import check_window
from ...objectives.text.topics import LDATopics, LSATopics
from ...objectives.text.word_vectors import Counted, Foretold, FullSoftmax, Glove, WordVectors
from ...registry import model

WHOLE = 2**31  # bytes of a table of words by words that is held whole
OUTPUTS = ("negative", "tree", "softmax")


def check_counts(name: str, **counts: int) -> None:
    """Refuses counts below 1."""
    for option, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise SettingError(f"model {name!r}: {option} is a whole number of at least 1; got {value!r}")


def check_whole(name: str, vocab_size: int, n_dimensions: int | None) -> None:
    """Refuses a table of all words by all words that is beyond memory, and more directions than there are."""
    if n_dimensions is None and 4 * vocab_size**2 > WHOLE:
        raise SettingError(
            f"model {name!r}: {vocab_size:,} words by as many are {4 * vocab_size**2 / 2**30:.0f} GiB; "
            + ("set max_words" if name == "one_hot" else "give n_dimensions=100, or set max_words")
        )
    if n_dimensions is not None:
        check_counts(name, n_dimensions=n_dimensions)
        if n_dimensions > vocab_size:
            raise SettingError(
                f"model {name!r}: {vocab_size} words have at most as many directions; got n_dimensions={n_dimensions}"
            )


@model.register("embedder")
def one_hot(*, vocab_size: int) -> WordVectors:
    """A direction of its own for every word: no word is like another, and a text is its bag of words."""
    check_whole("one_hot", vocab_size, None)
    return Counted(vocab_size, kind="one_hot", n_dimensions=None)


@model.register("embedder", name="cooccurrence")
def cooccurrence_counts(
    *,
    vocab_size: int,
    n_dimensions: int | None = None,
    window: int = 5,
    side: Literal["both", "left", "right"] = "both",
    by_distance: Literal["one", "inverse"] = "one",
) -> WordVectors:
    """How often each word stands within a window around each other: rows of counts, or their strongest directions.

    Parameters
    ----------
    n_dimensions : None keeps the whole rows; a number takes so many directions of the singular values.
    window : words on each side.
    side : which side of the word is counted.
    by_distance : "one" counts every pair alike, "inverse" by one over the words it is apart.
    """
    check_whole("cooccurrence", vocab_size, n_dimensions)
    check_window(window, side)
    options: dict[str, Any] = {"window": window, "side": side, "by_distance": by_distance}
    return Counted(vocab_size, kind="cooccurrence", n_dimensions=n_dimensions, **options)


@model.register("embedder", name="ppmi")
def ppmi_rows(
    *,
    vocab_size: int,
    n_dimensions: int | None = None,
    window: int = 5,
    shift: float = 1.0,
    smoothing: float = 0.75,
) -> WordVectors:
    """Positive pointwise mutual information of words and their contexts, whole or in its strongest directions.

    Parameters
    ----------
    n_dimensions : None keeps the whole rows; a number takes so many directions of the singular values.
    window : words on each side.
    shift : the logarithm of this is taken off; 1 takes nothing.
    smoothing : the power that contexts' counts are raised to; 1 is the plain definition.
    """
    check_whole("ppmi", vocab_size, n_dimensions)
    check_window(window)
    options: dict[str, Any] = {"window": window, "shift": shift, "smoothing": smoothing}
    return Counted(vocab_size, kind="ppmi", n_dimensions=n_dimensions, **options)


@model.register("embedder", name="lsa")
def lsa_directions(*, vocab_size: int, n_samples: int, n_dimensions: int = 100) -> WordVectors:
    """Latent semantic analysis: the strongest directions of the TF-IDF matrix of words and texts."""
    check_counts("lsa", n_dimensions=n_dimensions)
    return LSATopics(vocab_size, n_samples, n_dimensions=n_dimensions)


@model.register("embedder", name="lda")
def lda_topics(
    *, vocab_size: int, n_topics: int = 10, topic_prior: float | None = None, word_prior: float | None = None
) -> WordVectors:
    """Latent Dirichlet allocation: texts as mixtures of topics, topics as distributions over words.

    Parameters
    ----------
    n_topics : how many topics.
    topic_prior : of a text's topics; small ones want few topics a text. None takes 1 / n_topics.
    word_prior : of a topic's words; small ones want few words a topic. None takes 1 / n_topics.
    """
    check_counts("lda", n_topics=n_topics)
    for option, value in (("topic_prior", topic_prior), ("word_prior", word_prior)):
        if value is not None and not value > 0:
            raise SettingError(f"model 'lda': {option} is above 0; got {value!r}")
    return LDATopics(vocab_size, n_topics=n_topics, topic_prior=topic_prior, word_prior=word_prior)


def _foretold(name: str, vocab_size: int, **options: Any) -> Foretold:
    check_window(options["window"])
    counts = {k: options[k] for k in ("n_dimensions", "n_negative", "n_workers")}
    check_counts(name, **counts)
    if options["output"] not in OUTPUTS[:2]:
        known = " or ".join(map(repr, OUTPUTS if name == "skip_gram" else OUTPUTS[:2]))
        raise SettingError(f"model {name!r}: output is {known}; got {options['output']!r}")
    if not options["rate"] > 0 or options["threshold"] < 0:
        raise SettingError(f"model {name!r}: rate is above 0, and threshold 0 or more")
    return Foretold(vocab_size, **options)


@model.register("embedder")
def skip_gram(
    *,
    vocab_size: int,
    n_dimensions: int = 100,
    window: int = 5,
    output: str = "negative",
    n_negative: int = 5,
    rate: float = 0.025,
    threshold: float = 1e-3,
    power: float = 0.75,
    shrink: bool = True,
    n_workers: int = 1,
) -> WordVectors:
    """word2vec's skip-gram: a word's vector foretells each word around it.

    Parameters
    ----------
    n_dimensions : numbers a word.
    window : words on each side.
    output : "negative" sampling, a "tree" (hierarchical softmax), or the whole "softmax", for small vocabularies, which
        is trained by the estimator's optimizer.
    n_negative : words drawn from the noise for each pair.
    rate : the first step size; it falls to a ten-thousandth of that.
    threshold : words of a greater share of all are seen less often; 0 sees all.
    power : of the counts in the noise.
    shrink : draw each window's width from 1 to `window`.
    n_workers : threads; with several the same seed no longer gives the same vectors.
    """
    if output == "softmax":
        check_counts("skip_gram", n_dimensions=n_dimensions)
        check_window(window)
        return FullSoftmax(vocab_size, n_dimensions=n_dimensions, window=window)
    return _foretold(
        "skip_gram", vocab_size, mode="skip_gram", n_dimensions=n_dimensions, window=window, output=output,
        n_negative=n_negative, rate=rate, threshold=threshold, power=power, shrink=shrink, n_workers=n_workers,
    )  # fmt: skip


@model.register("embedder")
def cbow(
    *,
    vocab_size: int,
    n_dimensions: int = 100,
    window: int = 5,
    output: str = "negative",
    n_negative: int = 5,
    rate: float = 0.075,
    threshold: float = 1e-3,
    power: float = 0.75,
    shrink: bool = True,
    n_workers: int = 1,
) -> WordVectors:
    """word2vec's CBOW: the mean of the words around it foretells a word; options as of "skip_gram".

    The first step is three times skip-gram's: the words of a context share its gradient, as they should.
    """
    return _foretold(
        "cbow", vocab_size, mode="cbow", n_dimensions=n_dimensions, window=window, output=output,
        n_negative=n_negative, rate=rate, threshold=threshold, power=power, shrink=shrink, n_workers=n_workers,
    )  # fmt: skip


@model.register("embedder")
def fasttext(
    *,
    vocab_size: int,
    n_dimensions: int = 100,
    window: int = 5,
    output: str = "negative",
    n_negative: int = 5,
    rate: float = 0.05,
    threshold: float = 1e-3,
    power: float = 0.75,
    shrink: bool = True,
    n_workers: int = 1,
    n_buckets: int = 50_000,
    shortest: int = 3,
    longest: int = 6,
) -> WordVectors:
    """fastText: skip-gram whose words are means of their runs of characters, so that unseen words have vectors too.

    Parameters
    ----------
    n_buckets : rows that runs of characters are hashed into; the program of the paper has 2,000,000.
    shortest, longest : characters in a run, the word's edges among them. All else is as of "skip_gram".
    """
    check_counts("fasttext", n_buckets=n_buckets, shortest=shortest, longest=longest)
    return _foretold(
        "fasttext", vocab_size, mode="skip_gram", n_dimensions=n_dimensions, window=window, output=output,
        n_negative=n_negative, rate=rate, threshold=threshold, power=power, shrink=shrink, n_workers=n_workers,
        n_buckets=n_buckets, shortest=shortest, longest=longest,
    )  # fmt: skip


@model.register("embedder")
def doc2vec(
    *,
    vocab_size: int,
    n_samples: int,
    algorithm: Literal["bag", "mean"] = "bag",
    n_dimensions: int = 100,
    window: int = 5,
    output: str = "negative",
    n_negative: int = 5,
    rate: float = 0.025,
    threshold: float = 1e-3,
    power: float = 0.75,
    shrink: bool = True,
    n_workers: int = 1,
) -> WordVectors:
    """doc2vec: every text has a vector, which foretells its words.

    Parameters
    ----------
    algorithm : "bag" (PV-DBOW: the text's vector alone foretells each word; words have no vectors worth asking for)
        or "mean" (PV-DM: it joins the mean of the words around, wants many texts, and a larger rate, for it has a
        share of the gradient alone). All else is as of "skip_gram".

    Systems: doc2vec
    Source: Le and Mikolov 2014; Asgari and Mofrad 2015 (biological sequences, cut into runs of three letters); Baker
    A186 (by name).
    """
    if algorithm not in ("bag", "mean"):
        raise SettingError(f"model 'doc2vec': algorithm is 'bag' or 'mean'; got {algorithm!r}")
    return _foretold(
        "doc2vec", vocab_size, mode=f"document_{algorithm}", n_documents=n_samples, n_dimensions=n_dimensions,
        window=window, output=output, n_negative=n_negative, rate=rate, threshold=threshold, power=power,
        shrink=shrink, n_workers=n_workers,
    )  # fmt: skip


@model.register("embedder")
def glove(
    *,
    vocab_size: int,
    n_dimensions: int = 100,
    window: int = 10,
    x_max: float = 100.0,
    power: float = 0.75,
    rate: float = 0.05,
) -> WordVectors:
    """GloVe: products of vectors and biases that meet the logarithms of counts, by weighted squares.

    Parameters
    ----------
    n_dimensions : numbers a word.
    window : words on each side; a pair counts one over the words it is apart.
    x_max : the count from which on pairs weigh alike.
    power : how fast rarer pairs weigh less.
    rate : of AdaGrad's steps.
    """
    check_counts("glove", n_dimensions=n_dimensions)
    check_window(window)
    if not (x_max > 0 and power > 0 and rate > 0):
        raise SettingError(f"model 'glove': x_max, power and rate are above 0; got {x_max}, {power} and {rate}")
    return Glove(vocab_size, n_dimensions=n_dimensions, window=window, x_max=x_max, power=power, rate=rate)


@model.register("embedder", name="vectors")
def given_vectors(*, vocab_size: int, n_dimensions: int = 100) -> WordVectors:
    """Vectors that came from a file, by `Embedder.read`; there is nothing to train."""
    return Given(vocab_size, n_dimensions)


class Given(Counted):
    """A table that is filled from outside."""

    def __init__(self, vocab_size: int, n_dimensions: int) -> None:
        super().__init__(vocab_size, kind="given", n_dimensions=n_dimensions)

    def add(self, batch: Any) -> Any:
        """Nothing can be learned here."""
        raise SettingError("model 'vectors' comes from a file and learns nothing; call Embedder.read(path)")
