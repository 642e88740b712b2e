"""What follows in a text, how likely a text is, and texts written on."""

import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from ..data.codec import Codec
from ..data.sources import Columns
from ..data.text.text import strings
from ..data.text.token_stream import NextToken, TokenStream
from ..data.text.tokenizers import words_of
from ..errors import DataError, DataWarning, SettingError
from ..evaluation.language import bits, evaluate_language, perplexity
from ..evaluation.result import Evaluation
from ..objectives.text.language import NGramCounting
from ..registry import Spec
from ..train.randomness import kept_random
from .answers.choosing import share_chosen
from .answers.contextual import text_vectors, token_vectors
from .answers.generation import Manner, continued, least_expected, net_scores, prompted, telling
from .answers.masked import (
    BOTH_WAYS,
    codec_of_gaps,
    fill,
    gap_log_probs,
    kind_of_gaps,
    refuse_writing,
)
from .answers.using import EVALUATED
from .base import Estimator
from .fitting.assembly import device_under
from .fitting.intake import Examples
from .fitting.teaching import refuse_parts
from .fitting.texts import texts_of
from .fitting.training import threads_for
from .fitting.written_start import language_of_arpa, language_of_folder, units_from
from .protocol import fitted

UNITS_OF = ("token", "word", "character")
CONTEXT = 128


class LanguageModel(Estimator):
    """How likely texts are, and what follows.

    Parameters
    ----------
    unit : what texts are cut into: "words", "characters", "bytes", "bpe", "byte_bpe", "wordpiece" or "unigram"; None
        takes words for n-grams and characters for nets.
    lower : fold upper case into lower case.
    max_words : how many words or subwords are kept; None keeps all words, 4,000 subwords.
    min_count : what training holds less often is unknown.
    context : units that a net looks at together, 128 or those of the start unless told otherwise; an n-gram model has
        its `order`.
    start : learned weights to go on from, with their vocabulary: a fitted LanguageModel, the path of one, or a folder
        of GPT-2, BERT or T5 that `pn.hub` reads, with its tokenizer.json.
    **training : the settings that all estimators share; see `Estimator`. `codec` is a `TokenStream`, in place of these.

    The texts are one stream for training, an end before each and behind the last, and are cut into blocks of `context`.
    Scores take each text by itself: see `log_prob`.
    """

    default_models = {"token_stream": "gpt"}

    codec_: Any  # a TokenStream, HiddenPieces or BrokenSpans
    target_: NextToken | None

    def __init__(
        self,
        model: Any = None,
        *,
        unit: str | None = None,
        lower: bool = False,
        max_words: int | None = None,
        min_count: int = 1,
        context: int | None = None,
        start: Any = None,
        **training: Any,
    ) -> None:
        super().__init__(model, **training)
        self.unit, self.lower, self.max_words = unit, lower, max_words
        self.min_count, self.context, self.start = min_count, context, start

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from texts X.

        Parameters
        ----------
        X : a list of texts, a frame, the path of a UTF-8 text file (whose paragraphs are texts) or of a folder of them.
        y : ignored.
        target : the column of a frame that holds the texts.
        validation : a fraction of the texts to hold out, other texts, or a path; watched by `patience`.

        Raises
        ------
        DataError : the texts break a contract; the message names the row, or the file and the byte, and the remedy.
        """
        if sample_weight is not None:
            raise SettingError("LanguageModel weighs all texts alike; leave sample_weight out, or repeat texts")
        texts = texts_of(X, target)
        if validation is not None and not isinstance(validation, int | float):
            validation = (texts_of(validation, target), None)
        goal = NextToken() if kind_of_gaps(self) is None else None
        return self._train(self._ready(Examples(texts, target=target), goal, validation, None))

    def partial_fit(self, X: Any, *, target: Columns | None = None) -> Self:
        """One pass over texts X, going on from where the last call ended; units are those of `start`, or of the first.

        An "ngram" adds counts to counts, so that a corpus larger than memory is learned part by part.
        """
        refuse_parts(self)
        first = not hasattr(self, "objective_") and kind_of_gaps(self) is None
        self._partial_fit(Examples(texts_of(X, target), target=target), NextToken() if first else None)
        return self

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """A LanguageModel that says what the folder's GPT-2, BERT or T5 does, by its tokenizer.json.

        Or what an ARPA file of n-grams does, whose words have spaces between; an unknown one has the file's "<unk>".

        `start=` a folder goes on learning. A text begins with the id that ends the one before, as GPT-2 was taught, or
        with the `bos_token_id` of its config.json.
        """
        return (language_of_arpa if Path(folder).is_file() else language_of_folder)(cls, folder)

    @property
    def room(self) -> int:
        """The context that was asked for."""
        return CONTEXT if self.context is None else self.context

    def _fit_codecs(self, train: Examples, target: Any) -> None:
        if self.start is None:
            super()._fit_codecs(train, target)
            return
        self.codec_, self.target_ = units_from(self, train.X), target

    def own_codec(self, X: Any) -> Codec:
        due = kind_of_gaps(self) or TokenStream
        if self.codec is None:
            return self._stream() if due is TokenStream else codec_of_gaps(self)
        if not isinstance(self.codec, due):
            raise SettingError(f"codec of a LanguageModel of this kind is a {due.__name__}; got {self.codec!r}")
        return self.codec

    def _stream(self) -> Codec:
        given = self.model.name if isinstance(self.model, Spec) else self.model
        unit = self.unit or ("words" if given == "ngram" else "characters")
        return TokenStream(
            unit=unit, lower=self.lower, max_words=self.max_words, min_count=self.min_count, context=self.room
        )

    # --- how likely -------------------------------------------------------------------------------

    def token_log_probs(self, X: Any, *, stride: int | None = None) -> list[np.ndarray]:
        """ln p of each token of each text and of its end, given what stands before it; float64.

        A net reads a text in windows of `context`, each `stride` (half the context unless told otherwise) further than
        the one before, and each token is scored once, by the first window that holds it. So a token has at least
        context - stride tokens before it, or all there are. N-gram models see the whole text. Of "bert" and "t5" it is
        ln p of each subword given all others, without the end: compare such numbers with each other alone.
        """
        objective, codec = fitted(self).objective_, self.codec_
        if isinstance(objective, BOTH_WAYS):
            return gap_log_probs(self, texts_of(X))
        stride = max(codec.context // 2, 1) if stride is None else stride
        if not 1 <= stride <= codec.context:
            raise SettingError(f"stride is from 1 to the context, {codec.context}; got {stride}")
        rows = codec.rows(texts_of(X))
        if isinstance(objective, NGramCounting):
            return objective.scores(rows)
        objective.eval()
        device = device_under(objective)
        with torch.inference_mode(), threads_for(objective, EVALUATED), kept_random(device, self.seed, "use"):
            return net_scores(objective.model, rows, context=codec.context, stride=stride)

    def log_prob(self, X: Any, *, stride: int | None = None) -> np.ndarray:
        """ln p of each text, its end included (texts,) float64."""
        return np.array([each.sum() for each in self.token_log_probs(X, stride=stride)])

    def perplexity(self, X: Any, *, per: str = "token", stride: int | None = None) -> float:
        """exp of minus the mean ln p over all units of all texts, an end a text among them.

        `per` is "token" (what the model was trained on), "word" or "character", which models of different units can be
        compared by. A token that is unknown costs what one unknown thing costs: compare models of one vocabulary.
        """
        if per not in UNITS_OF:
            raise SettingError(f"per is one of {', '.join(UNITS_OF)}; got {per!r}")
        texts = texts_of(X)
        each = self.token_log_probs(texts, stride=stride)
        n = sum(len(row) for row in each)
        if per != "token":
            n = len(texts) + sum(len(text) if per == "character" else len(words_of(text)) for text in texts)
        return perplexity(float(sum(row.sum() for row in each)), n)

    def bits_per_character(self, X: Any, *, stride: int | None = None) -> float:
        """-log2 p of all texts, their ends included, over their characters."""
        texts = texts_of(X)
        n = sum(map(len, texts))
        if not n:
            raise DataError("the texts have no characters to count bits by; give texts that say something")
        return bits(float(self.log_prob(texts, stride=stride).sum()), n)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """The mean ln p of a token: more is better."""
        return -math.log(self.perplexity(texts_of(X, target)))

    def evaluate(
        self, X: Any, y: Any = None, *, target: Columns | None = None, sample_weight: Any = None
    ) -> Evaluation:
        """Perplexity and bits a character with intervals over whole texts, beside even chances."""
        texts = texts_of(X, target)
        each = self.token_log_probs(texts)
        log_p, n_tokens = np.array([row.sum() for row in each]), np.array([len(row) for row in each])
        n_characters = np.array([len(text) for text in texts])
        n_choices = self.codec_.n_choices if isinstance(self.codec_, TokenStream) else self.codec_.end
        return evaluate_language(log_p, n_tokens, n_characters, vocab_size=n_choices, seed=self.seed)

    def worst(self, examples: Examples, n: int) -> list[tuple[int, str, str, str, str, dict[str, str]]]:
        """The texts that were foretold worst: row, text, its least likely token, perplexity, its name."""
        return least_expected(self.codec_, examples.X, self.token_log_probs(examples.X), n)

    def token_vectors(self, X: Any) -> list[np.ndarray]:
        """A vector of each token of each text in its context, from the last layer: (tokens, width) float32 a text.

        Of "bert" and "t5", which read both ways, and of "gpt", where a vector knows what stands before it. Tokens are
        those of `codec_.tokenizer`, without marks at the ends.
        """
        return token_vectors(self, texts_of(X))

    def transform(self, X: Any) -> np.ndarray:
        """A vector of each text, the mean of its tokens' (texts, width) float32; an empty text stands at 0."""
        return text_vectors(self, texts_of(X))

    # --- what follows -----------------------------------------------------------------------------

    def generate(
        self,
        prompt: str | Sequence[str] = "",
        *,
        n_tokens: int = 50,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        typical_p: float | None = None,
        repetition_penalty: float | None = None,
        beam: int | None = None,
        length_penalty: float = 1.0,
        stop: str | Sequence[str] = (),
        stream: Callable[..., None] | None = None,
        long_prompt: str = "refuse",
        seed: int | Sequence[int] | None = None,
    ) -> Any:
        """The prompt (or each of several) and what follows, until the model ends the text, `stop` or `n_tokens`.

        Parameters
        ----------
        temperature : 0 takes the likeliest each time; below 1 the likely becomes likelier.
        top_k, top_p, min_p, typical_p, repetition_penalty : filters of what may be drawn; see `functional.decoding`.
        beam : search for the likeliest whole with so many beginnings side by side, in place of drawing.
        length_penalty : of the beam: 0 compares sums of ln p, 1 means.
        stop : strings that end the text where they appear; they are cut off.
        stream : called with each new piece of text as it comes, and with the prompt's number where there are several;
            of a beam with its whole text at the end.
        long_prompt : "refuse" prompts longer than the context, or "slide": look at their last part only.
        seed : of what is drawn; None takes the estimator's own. A prompt's text does not depend on the others, but on
            its place among them; with a seed for each it is that of its prompt alone.

        What is written beyond the context slides: a full cache is read again from its newer half.
        """
        refuse_writing(self)
        prompts = [prompt] if isinstance(prompt, str) else strings(prompt)
        stops = tuple(stop) if isinstance(stop, Sequence) and not isinstance(stop, str) else (stop,)
        manner = Manner(
            n_tokens, temperature, top_k, top_p, min_p, typical_p, repetition_penalty, beam, length_penalty,
            stops, self.seed if seed is None else tuple(seed) if isinstance(seed, Sequence) else seed,
        )  # fmt: skip
        tell = telling(stream, isinstance(prompt, str))
        ids = prompted(fitted(self).codec_, prompts, long_prompt, cut=not isinstance(self.objective_, NGramCounting))
        objective: Any = self.objective_.eval()
        device = device_under(objective)
        with torch.inference_mode(), threads_for(objective, len(prompts)), kept_random(device, self.seed, "use"):
            found = continued(objective, self.codec_, prompts, ids, manner, tell)
        return found[0] if isinstance(prompt, str) else found

    def fill(self, text: str, *, n: int = 5) -> list[tuple[str, float]]:
        """The n likeliest subwords ("bert") or spans ("t5") for the one [MASK] of a text, with their probabilities."""
        return fill(self, text, n)

    def choose(self, prompt: str, choices: Sequence[str]) -> str:
        """The one of several continuations that is likeliest after the prompt, by the ln p of all its tokens.

        Models of words take a choice as words of its own, with a space before it or without.
        """
        if isinstance(choices, str) or not len(choices):
            found = f"one text, {choices!r:.60}" if choices else "nothing"
            raise DataError(f"choices are a list of texts that may follow; got {found}")
        options = strings(list(choices))
        between = " " if fitted(self).codec_.options.get("unit") == "words" else ""
        scores = [row[:-1].sum() for row in self.token_log_probs([prompt + between + option for option in options])]
        if max(scores) == -math.inf:
            warnings.warn("no choice is possible for this model: the first is taken", DataWarning, stacklevel=2)
        return options[int(np.argmax(scores))]

    def cloze(self, prompts: Sequence[str], answers: Sequence[str], choices: Sequence[Sequence[str]]) -> float:
        """The share of prompts after which the answer is the likeliest of its choices."""
        return share_chosen(self.choose, prompts, answers, choices)
