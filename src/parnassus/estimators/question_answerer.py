"""Questions about texts in, the words that answer them out: spans of each question's own context, or none.

The contract of a model of the task "question_answerer": a builder whose facts are `vocab_size`, `max_length` and
`n_segments`; it returns a `SpanAnswering`.
"""

import math
import os
import warnings
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import nn

from ..data.rows import batches as batches_of
from ..data.sources import Columns
from ..data.text.passages import Passages, SpanTargets
from ..data.text.questions import Span, names_questions, open_questions, questions_of, spans_of
from ..errors import DataError, DataWarning, SettingError
from ..evaluation.questions import SCORES, evaluate_questions, scores_of
from ..evaluation.result import Evaluation
from ..evaluation.thresholds import tune_margin
from ..functional.spans import Spans, scored_spans
from ..train.randomness import kept_random
from ..train.timetable import cuts_of
from ..train.trainer import Trainer
from .answers.using import spread, usable
from .base import Estimator
from .fitting.assembly import device_under, prepare
from .fitting.intake import Examples, weights_of
from .fitting.question_start import passages_of
from .fitting.training import Ready, threads_for
from .protocol import fitted

TOGETHER = 32  # questions that are answered at a time


class SpanFound(NamedTuple):
    """The characters of a context that answer, the first one's place (-1 of no answer), and how sure the net is."""

    text: str
    start: int
    probability: float
    score: float


class QuestionAnswerer(Estimator):
    """The words of a text that answer a question about it.

    Parameters
    ----------
    model : "bert" or "distilbert", or a spec such as `pn.model("bert", width=256, n_layers=4)`.
    longest : subwords of the longest answer.
    null_threshold : how much the score of no answer must exceed the best answer's for none to be given; or the metric
        ("f1", "exact_match") that is to be highest on validation questions, which are a fifth of all where none are
        given. It matters where training held questions without an answer.
    start : learned weights to go on from: a folder that `pn.hub` reads, with its tokenizer.json, a fitted
        QuestionAnswerer, or its file. A head that is not there begins anew.
    **training : the settings that all estimators share; see `Estimator`. `codec` is a
        `data.text.passages.Passages`, which says how long rows are and how far windows over longer contexts are apart.

    Attributes: `history_`; `target_.has_none`, whether questions without an answer were learned; `null_threshold_`, the
    threshold that was tuned.

    Source: Devlin et al. 2019, sections 4.2 and 4.3; Rajpurkar et al. 2016 and 2018 (SQuAD).
    """

    default_models = {"passages": "bert"}
    codec_: Passages
    target_: SpanTargets

    def __init__(
        self,
        model: Any = None,
        *,
        longest: int = 30,
        null_threshold: float | str = 0.0,
        start: Any = None,
        **training: Any,
    ) -> None:
        super().__init__(model, **training)
        self.longest, self.null_threshold, self.start = longest, null_threshold, start

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from questions with their contexts X and the answers y.

        Parameters
        ----------
        X : a list of (question, context), or of dicts, or a frame with these columns; or without y a frame with
            `answer` and `answer_start` too, or the path of SQuAD's JSON or of such a CSV.
        y : for each question (text, start), the number of the character where the text begins in the context; a text
            that stands there once; a list of several, of which training takes the first; or None where nothing answers.
        target : not used.
        validation : a fraction to hold out, or (X, y); watched by `patience`.
        sample_weight : how much each question counts (rows,).

        Raises
        ------
        DataError : an answer does not stand where it should, or a text is empty; the message names the row.
        """
        if isinstance(self.model, nn.Module):
            raise SettingError("QuestionAnswerer takes a model's name or pn.model(...), such as 'bert'; no module")
        if target is not None:
            raise SettingError(f"target={target!r}: answers are no column of their own; give them as y, see fit")
        if isinstance(self.longest, bool) or not isinstance(self.longest, int) or self.longest < 1:
            raise SettingError(f"longest is a whole number of subwords, at least 1; got {self.longest!r}")
        if not isinstance(self.null_threshold, str) and math.isnan(self.null_threshold):
            raise SettingError("null_threshold is a number, or the name of a score; got nan")
        examples = self._answered(X, y, sample_weight)
        if isinstance(self.null_threshold, str):
            validation = self._to_tune_on(examples.y, validation)
        if isinstance(validation, tuple):
            held = self._answered(*validation)
            validation = (held.X, held.y, held.weight)
        return self._train(self._ready(examples, SpanTargets(), validation, None))

    def _to_tune_on(self, y: list[list[Span]], validation: Any) -> Any:
        """What is held out where a threshold is to be tuned."""
        if self.null_threshold not in SCORES:
            raise SettingError(
                f"null_threshold is a number, or one of {', '.join(SCORES)}; got {self.null_threshold!r}"
            )
        if all(y):
            raise DataError("every question has an answer, so there is no null_threshold to tune; leave it out")
        return 0.2 if validation is None else validation

    def _conclude(self, ready: Ready, trainer: Trainer, seconds: float) -> Self:
        super()._conclude(ready, trainer, seconds)
        if isinstance(self.null_threshold, str):
            self.null_threshold_ = self._tuned(self.null_threshold)
        return self

    def _tuned(self, metric: str) -> float:
        """The threshold with the highest score on the questions that were held out."""
        held = self.held_
        assert held is not None  # fit holds some out
        true = [[span.text for span in spans] for spans in held.y]
        if all(true) or not any(true):
            warnings.warn(
                "the validation questions are all with an answer, or all without; null_threshold stays 0.0",
                DataWarning,
                stacklevel=4,
            )
            return 0.0
        found = self._found(held.X)
        said = [context[spans.start[0] : spans.end[0]] for (_, context), (spans, _) in zip(held.X, found, strict=True)]
        none, text = (scores_of(true, answers)[metric] for answers in ([""] * len(true), said))
        return tune_margin([null - spans.score[0] for spans, null in found], none, text, sample_weight=held.weight)

    @staticmethod
    def _examples(X: Any, y: Any = None, sample_weight: Any = None) -> Examples:
        """Pairs of texts, and their answers as lists of `Span` where y is given or comes with them."""
        if names_questions(X):
            if y is not None:
                raise SettingError(f"X is the path {X}; its answers come with it: leave y out")
            source = open_questions(X)
            return Examples(source.X, source.y, weights_of(sample_weight, len(source.X)), source)
        pairs = questions_of(X)
        if y is None and "answer" in list(getattr(X, "columns", ())):
            y = X
        return Examples(pairs, None if y is None else spans_of(y, pairs), weights_of(sample_weight, len(pairs)))

    def _answered(self, X: Any, y: Any = None, sample_weight: Any = None) -> Examples:
        examples = self._examples(X, y, sample_weight)
        if examples.y is None:
            raise DataError(
                "there are no answers; give y, for each question (text, start), or None where there is none"
            )
        return examples

    def own_codec(self, X: Any) -> Passages:
        if self.codec is not None and not isinstance(self.codec, Passages):
            raise SettingError(f"codec of a QuestionAnswerer is a data.passages.Passages; got {self.codec!r}")
        given = Passages() if self.codec is None else self.codec
        return given if self.start is None else passages_of(self.start, given)

    def _ready(self, *given: Any) -> Ready:
        """What is trained on, with a word on answers that no window holds."""
        ready, lost = super()._ready(*given), 0
        for taken in batches_of(ready.rows, torch.arange(len(ready.rows)), cuts_of(len(ready.rows), 256)):
            held = self.target_.cut(taken)["y"].any(-1).any(-1)
            lost += int(((taken["y"][:, 0] >= 0) & ~held).sum())
        if lost:
            warnings.warn(
                f"{lost} of {len(ready.rows)} answers stand whole in no window of {self.codec_.max_length} subwords, "
                "and are learned as if there were none; give codec=Passages(max_length=...) more, or a smaller stride",
                DataWarning,
                stacklevel=3,
            )
        return ready

    # --- use --------------------------------------------------------------------------------------

    def predict(self, X: Any, *, on_error: str = "raise") -> list[Any]:
        """The characters of each context that answer its question; "" where nothing does.

        on_error : "raise", or "skip" questions that cannot be read, for which None comes back.
        """
        X, good = usable(self, fitted(self)._examples(X).X, on_error)
        return spread([found[0].text for found in self.n_best(X, n=1)], good)

    def n_best(self, X: Any, *, n: int = 5) -> list[list[SpanFound]]:
        """The n best answers to each question, best first, with probabilities among all spans that may be.

        No answer is one of them where training held such questions, and stands first if it leads by `null_threshold`.
        A score is S_i + E_j, the two numbers of the first and of the last token.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise SettingError(f"n is how many answers to give, at least 1; got {n!r}")
        questions = fitted(self)._examples(X).X
        return [
            self._told(context, *found, n)
            for (_, context), found in zip(questions, self._found(questions), strict=True)
        ]

    def _told(self, context: str, spans: Spans, null: float, n: int) -> list[SpanFound]:
        scores = np.append(spans.score, null) if self.target_.has_none else spans.score
        share = np.exp(scores - scores.max())
        share /= share.sum()
        best = [
            SpanFound(context[a:b], int(a), float(p), float(s))
            for a, b, s, p in list(zip(*spans, share, strict=False))[:n]
        ]
        if not self.target_.has_none:
            return best
        none = SpanFound("", -1, float(share[-1]), null)
        lead = self.null_threshold_ if isinstance(self.null_threshold, str) else self.null_threshold
        if null - best[0].score > lead:
            return [none, *best][:n]
        return [best[0], *sorted([*best[1:], none], key=lambda one: -one.score)][:n]

    def _found(self, questions: Any) -> list[tuple[Spans, float]]:
        """All spans of each context and, of its windows, the least score of no answer."""
        objective: Any = self.objective_
        rows, device = self.codec_.encode(questions), device_under(objective)
        objective.eval()
        found = []
        with torch.inference_mode(), threads_for(objective, TOGETHER), kept_random(device, self.seed, "use"):
            for taken in batches_of(rows, torch.arange(len(rows)), cuts_of(len(rows), TOGETHER)):
                batch = prepare(self, device, taken)
                real = batch["lengths"] > 0
                scores = objective.outputs(batch).double().cpu().numpy()
                parts = [t[real].cpu().numpy() for t in (batch["offsets"], batch["inside"])]
                ends = real.sum(1).cumsum(0).tolist()
                for first, last in zip([0, *ends], ends, strict=False):
                    own, offsets, inside = (part[first:last] for part in (scores, *parts))
                    spans = scored_spans(own[..., 0], own[..., 1], offsets, inside, longest=self.longest)
                    found.append((spans, float(own[:, 0].sum(-1).min())))
        return found

    # --- how good it is ---------------------------------------------------------------------------

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """The share of questions that are answered exactly, as SQuAD counts."""
        return self.evaluate(X, y, target=target, sample_weight=sample_weight, n_bootstrap=0).headline.value

    def evaluate(
        self,
        X: Any,
        y: Any = None,
        *,
        target: Columns | None = None,
        sample_weight: Any = None,
        n_bootstrap: int = 1000,
    ) -> Evaluation:
        """Exact match and F1 of words with intervals over questions, beside the answer that training held most."""
        if target is not None:
            raise SettingError("give the answers as y")
        examples = fitted(self)._answered(X, y, sample_weight)
        return evaluate_questions(
            [[span.text for span in spans] for spans in examples.y], self.predict(examples.X),
            commonest=self.target_.commonest, sample_weight=examples.weight, seed=self.seed, n_bootstrap=n_bootstrap,
        )  # fmt: skip

    def worst(self, examples: Examples, n: int) -> list[tuple[int, str, str, str, str, dict[str, str]]]:
        """The questions answered worst: row, a right answer, what was said, its F1, and the two texts."""
        said, true = self.predict(examples.X), [[span.text for span in spans] for spans in examples.y]
        f1 = scores_of(true, said)["f1"]
        return [
            (i, true[i][0] if true[i] else "(none)", said[i] or "(none)", f"{f1[i]:.2f}", "F1 of words",
             {"question": examples.X[i][0], "context": examples.X[i][1]})
            for i in [int(i) for i in np.argsort(f1, kind="stable") if f1[i] < 1][:n]
        ]  # fmt: skip

    def report(self, path: str | os.PathLike, X: Any = None, y: Any = None, **words: Any) -> Evaluation:
        """Write one HTML page on how well questions X are answered, and return the numbers.

        The validation questions are taken where X is not given. The page needs no network. `words` are the title, data
        and command of `Estimator.report`.
        """
        from .judging.reporting import report_on

        return report_on(fitted(self), path, self._answered(X, y) if X is not None else None, answers=False, **words)

    def _judged(self, X: Any, y: Any, target: Columns | None, sample_weight: Any) -> Examples:
        return self._answered(X, y, sample_weight)

    learned = (*Estimator.learned, "null_threshold_")
