"""Texts in, texts out: translation, or any rewriting that pairs of texts show.

The contract of a model of the task "translator": a builder whose facts are `source_vocab_size` and `target_vocab_size`,
which returns a `Translation`. A batch holds x (batch, n) of ids that end with the last id, lengths (batch,), and where
targets are known y (batch, longest), without ends, and y_lengths (batch,).
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from ..data.codec import Codec
from ..data.sources import Columns
from ..data.text.parallel import SourceTexts, TargetTexts, one_column, pairs_of, texts_of
from ..errors import DataError, SettingError, check_count, did_you_mean
from ..evaluation.result import Evaluation
from ..evaluation.translation import check_metric, evaluate_translation, score_of_texts
from ..functional.decoding import Normalization, length_divisor
from ..functional.metrics.translation import sentence_bleu
from ..functional.reranking import minimum_risk
from ..insight.word_alignment import WordAlignment
from ..layers.attention import kept_weights
from ..models.text.t5 import T5
from ..models.text.transformer import Transformer
from ..objectives.text.translation import Translation
from ..train.randomness import kept_random
from .answers.using import spread, usable
from .base import Estimator
from .fitting.assembly import device_under, prepare, rows_of
from .fitting.intake import Examples, examples_of, inputs_of, weights_of
from .fitting.token_batches import in_groups
from .fitting.training import Ready, threads_for
from .fitting.written_start import of_folder, texts_from
from .protocol import fitted

TOGETHER = 64  # texts that are translated at a time
CHOICES = ("likeliest", "risk")


class Translator(Estimator):
    """Texts written from texts, as pairs of them show: languages, spellings, dates, summaries.

    Parameters
    ----------
    unit : what texts are cut into: "words", "characters", "bytes", "bpe", "byte_bpe", "wordpiece", "unigram" or
        "pieces" (T5's subwords, with sentinels).
    target_unit : of what is written, where it is another.
    lower : fold upper case into lower case.
    max_words : how many words or subwords of each side are kept; None keeps all words, 4,000 subwords.
    min_count : what training holds less often is unknown; it is read as such, and never written.
    shared : one vocabulary for both sides.
    start : learned weights to go on from, with their vocabulary: a fitted Translator, a LanguageModel of "t5", the path
        of one, or a folder of T5 or Marian that `pn.hub` reads, with its tokenizer.json or SentencePiece files.
    batch_tokens : a step's pairs times the longest of their texts, ends counted, are at most this many, in place of
        batch_size; pairs of like length meet.
    **training : the settings that all estimators share; see `Estimator`.

    Attributes: `history_`, `codec_` (of sources), `target_`.
    """

    default_models = {"source_texts": "transformer"}

    codec_: SourceTexts
    target_: TargetTexts

    def __init__(
        self,
        model: Any = None,
        *,
        unit: str = "words",
        target_unit: str | None = None,
        lower: bool = False,
        max_words: int | None = None,
        min_count: int = 1,
        shared: bool = False,
        start: Any = None,
        batch_tokens: int | None = None,
        **training: Any,
    ) -> None:
        super().__init__(model, **training)
        self.unit, self.target_unit, self.lower = unit, target_unit, lower
        self.max_words, self.min_count, self.shared, self.start = max_words, min_count, shared, start
        self.batch_tokens = batch_tokens

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from texts X and what each is written as, y.

        Parameters
        ----------
        X : a list of texts; a list of pairs, without y; a frame of two columns, or its path; the path of a UTF-8 file
            of one text a line.
        y : one text a row, or the path of a file whose lines match those of X.
        target : the column of a frame that holds what is to be written.
        validation : a fraction to hold out, or (X, y); watched by `patience`.
        sample_weight : how much each pair counts (rows,).

        Raises
        ------
        DataError : the pairs break a contract; the message names the row and the remedy.
        """
        if isinstance(self.model, nn.Module):
            raise SettingError("Translator takes a model's name or pn.model(...), such as 'rnnsearch'; not a module")
        if self.shared and self.target_unit not in (None, self.unit):
            raise SettingError(f"shared=True is for one unit; got {self.unit!r} and {self.target_unit!r}")
        examples = self._examples(X, y, target, sample_weight)
        if isinstance(validation, tuple):
            held = self._examples(validation[0], validation[1], None, validation[2] if len(validation) > 2 else None)
            validation = (held.X, held.y, held.weight) if held.weight is not None else (held.X, held.y)
        elif validation is not None and not isinstance(validation, int | float):
            held = self._examples(validation, None, target)
            validation = (held.X, held.y)
        own = {"lower": self.lower, "max_words": self.max_words, "min_count": self.min_count}
        goal = TargetTexts(unit=self.target_unit or self.unit, shared=self.shared, **own)  # type: ignore[arg-type]
        return self._train(self._ready(examples, goal, validation, None))

    def _examples(self, X: Any, y: Any, target: Columns | None = None, sample_weight: Any = None) -> Examples:
        """Sources and targets as lists of texts."""
        if target is not None or (isinstance(X, str | Path) and y is None):
            if target is None:
                raise DataError(f"{X}: name the column that holds what is to be written by target=")
            found = examples_of(X, y, target=target, memory=self.memory, as_text=True)
            X, y = one_column(found.X), found.y
        elif hasattr(X, "columns") and y is None:
            raise DataError("X has columns; name the one that holds what is to be written by target=")
        elif hasattr(X, "columns"):
            X = one_column(X)
        elif isinstance(X, str) and isinstance(y, str):
            X, y = Path(X), Path(y)
        X, y = pairs_of(X, y)
        X, y = texts_of(X, "X"), texts_of(y, "y")
        return Examples(X, y, weights_of(sample_weight, len(X)), None, target)

    def _fit_codecs(self, train: Examples, target: Any) -> None:
        if self.codec is not None and not isinstance(self.codec, SourceTexts):
            raise SettingError(f"codec of a Translator is a SourceTexts; got {self.codec!r}")
        if self.start is not None:
            self.codec_, self.target_ = texts_from(self.start, train.X, texts_of(train.y, "y"))
            return
        made: Codec | None = self.codec
        codec = SourceTexts(unit=self.unit, lower=self.lower, max_words=self.max_words, min_count=self.min_count)
        codec = SourceTexts(**made.options) if isinstance(made, SourceTexts) else codec
        self.codec_ = codec.fit(train.X, besides=texts_of(train.y, "y") if self.shared else ())
        self.target_ = target.fit(train.y, self.codec_)

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """A Translator that answers as the folder's T5 or Marian does, by its tokenizer; `start=` learns on."""
        return of_folder(cls, folder)

    def _ready(self, *given: Any) -> Ready:
        return in_groups(self, with_tables(self, super()._ready(*given)))

    # --- use --------------------------------------------------------------------------------------

    def translate(
        self,
        X: Any,
        *,
        beam: int = 1,
        n_best: int | None = None,
        length_penalty: float = 1.0,
        max_length: int | None = None,
        choose: str = "likeliest",
        beside: Sequence["Translator"] = (),
        on_error: str = "raise",
        normalization: Normalization = "length",
        coverage_penalty: float = 0.0,
    ) -> list[Any]:
        """What each text is written as: a text a row, or with `n_best` a list of (text, score) a row, best first.

        Parameters
        ----------
        beam : beginnings that are followed side by side; 1 takes the likeliest unit each time.
        length_penalty : scores are ln p / length^length_penalty, the end counted: 0 is the sum, 1 the mean.
        normalization : "length", or "gnmt": ln p / ((5 + length) / 6)^length_penalty.
        coverage_penalty : for models with attention, what a beam's texts lose for sources not looked at: they gain
            coverage_penalty * sum_i ln min(sum_j p_ij, 1), p_ij the weight of source i for unit j (Wu et al. 2016).
        max_length : units after which a text is broken off; None takes for each text the longest of training or twice
            its source, whichever is more, rounded up to 16, and 10 more.
        choose : "likeliest", or "risk": of a beam's texts the one of most expected chrF, which is then the score.
        beside : other fitted translators of the same vocabularies, whose probabilities are averaged with this one's.
        on_error : "raise", or "skip" texts that cannot be read, for which None comes back.
        """
        check_search(beam=beam, n_best=n_best, max_length=max_length, length_penalty=length_penalty)
        check_choice(choose, coverage_penalty, max(beam, n_best or 1))
        self._objective()
        others = [self._fellow(other) for other in ([beside] if isinstance(beside, Translator) else beside)]
        if isinstance(X, str) and not Path(X[:200]).suffix:
            raise DataError(f"X is one text, {X[:40]!r}, and no path; give a list of texts, such as [{X[:40]!r}]")
        X = one_column(inputs_of(X, self.target_name_)) if hasattr(X, "columns") else X
        X, good = usable(self, X, on_error)
        rows = self.codec_.encode(X)
        decoding: dict[str, Any] = {
            "beam": (width := max(beam, n_best or 1)), "length_penalty": length_penalty,
            "n_best": width if choose == "risk" else n_best or 1,
            "never": self.target_.never, "beside": others,
            "normalization": normalization, "coverage_penalty": coverage_penalty,
        }  # fmt: skip
        found = written(self, rows, max_length, decoding)
        named = [[(self.target_.text(ids), score) for ids, score in row] for row in found]
        if choose == "risk":
            sums = [[s * length_divisor(len(ids), length_penalty, normalization) for ids, s in row] for row in found]
            named = [
                minimum_risk([text for text, _ in row], log_p)[: n_best or 1]
                for row, log_p in zip(named, sums, strict=True)
            ]
        return spread(named if n_best is not None else [row[0][0] for row in named], good)

    def predict(self, X: Any, *, on_error: str = "raise") -> list[Any]:
        """What each text is written as, the likeliest unit each time; None for rows that `on_error="skip"` passed."""
        return self.translate(X, on_error=on_error)

    def _objective(self) -> Translation:
        objective = fitted(self).objective_
        assert isinstance(objective, Translation)
        return objective

    def _fellow(self, other: "Translator") -> Translation:
        own = (self.codec_.tokenizer.names, self.target_.tokenizer.names)
        if not isinstance(other, Translator) or own != (other.codec_.tokenizer.names, other.target_.tokenizer.names):
            raise SettingError("beside takes fitted translators of the same vocabularies; fit all on the same pairs")
        other._objective().eval()
        return other._objective()

    def _asked(self, rows: Any, ask: Any) -> list[Any]:
        """What `ask` says of batches of encoded rows, rows of like length together, in the order of the rows."""
        lengths = rows.lengths if hasattr(rows, "lengths") else rows.parts[0].lengths
        return asked_in(self, self._objective(), rows, lengths.argsort(stable=True), ask)

    def align(self, X: Any, y: Any = None) -> list[WordAlignment]:
        """Where the net looked in each text for each unit of y, or of what it writes itself; the ends are left out.

        Systems: alignment-map
        Source: Bahdanau et al. 2015, fig. 3; Martinez-Ramon figs. 6.7 and 6.11.
        """
        sources = texts_of(X, "X")
        objective = self._objective()
        targets = self.translate(sources) if y is None else texts_of(y, "y")
        if len(targets) != len(sources):
            raise DataError(f"there are {len(sources)} sources and {len(targets)} targets; each source needs one")
        spoken = [i for i, text in enumerate(targets) if text]
        if len(spoken) < len(targets):
            lost = next(i for i in range(len(targets)) if i not in set(spoken))
            raise DataError(f"nothing was written for row {lost}, {sources[lost][:60]!r}; give y, or leave it out")
        weights = self._asked(rows_of(self, Examples(sources, targets)), lambda batch: looks(objective, batch))
        found = []
        for source, target, looked in zip(sources, targets, weights, strict=True):
            across, down = self.codec_.units(source), self.target_.units(target)
            found.append(WordAlignment(across, down, looked[: len(down), : len(across)]))
        return found

    def log_prob(self, X: Any, y: Any) -> np.ndarray:
        """ln p of each text of y, its end included, given its source (rows,) float64."""
        objective = self._objective()
        examples = self._examples(X, y, None)
        losses = self._asked(rows_of(self, examples), lambda batch: objective.row_losses(batch).double().tolist())
        return -np.array(losses)

    # --- how good it is ---------------------------------------------------------------------------

    def score(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        target: Columns | None = None,
        metric: str = "bleu",
        beam: int = 1,
    ) -> float:
        """BLEU of all rows, 0 to 100 (sacrebleu's, words cut by "13a"); or "chrf", "chrf++", or "exact", a share.

        Systems: bleu
        """
        check_metric(metric, sample_weight)
        examples = self._judged(X, y, target)
        return score_of_texts(examples.y, self.translate(examples.X, beam=beam), metric)

    def evaluate(
        self, X: Any, y: Any = None, *, target: Columns | None = None, sample_weight: Any = None
    ) -> Evaluation:
        """BLEU, chrF and exact answers with intervals, beside saying the source again or a constant answer."""
        examples = self._judged(X, y, target, sample_weight)
        return evaluate_translation(
            examples.y,
            self.predict(examples.X),
            sources=examples.X,
            commonest=self.target_.commonest,
            sample_weight=examples.weight,
            seed=self.seed,
        )

    def _judged(self, X: Any, y: Any, target: Columns | None, sample_weight: Any = None) -> Examples:
        learned = fitted(self).target_name_
        framed = hasattr(X, "columns") or isinstance(X, str | Path)
        return self._examples(X, y, learned if y is None and target is None and framed else target, sample_weight)

    def worst(self, examples: Examples, n: int) -> list[tuple[int, str, str, str, str, dict[str, str]]]:
        """The texts that were written worst: row, what was due and written, BLEU, its name, the source."""
        pairs = self._judged(examples.X, examples.y, None)
        X, y, written = pairs.X, pairs.y, self.predict(pairs.X)
        scores = np.array([sentence_bleu(a, b).score for a, b in zip(written, y, strict=True)])
        order = [int(i) for i in np.argsort(scores, kind="stable") if written[i] != y[i]][:n]
        return [(i, y[i], written[i], f"{scores[i]:.1f}", "BLEU", {"source": X[i][:200]}) for i in order]


def with_tables(translator: Translator, ready: Ready) -> Ready:
    """Refuse a net that has one table of ids for two vocabularies, whose ids mean different things."""
    net, given = translator._objective().model, (translator.codec_.tokenizer, translator.target_.tokenizer)
    one = isinstance(net, T5) or (isinstance(net, Transformer) and net.sources is net.targets)
    if one and given[0].names != given[1].names:
        raise SettingError(
            f"{translator.model_name} has one table for what it reads and what it writes, and X and y have a "
            "vocabulary each; give shared=True, or a model with two tables, such as pn.model('transformer')"
        )
    return ready


def check_choice(choose: str, coverage_penalty: float, n_found: int) -> None:
    """Refuse ways to choose among a beam's texts that are unknown, or two at a time."""
    if choose not in CHOICES:
        raise SettingError(f"choose={choose!r}; {did_you_mean(choose, CHOICES)}")
    if choose == "risk" and n_found < 2:
        raise SettingError("choose='risk' chooses among the texts of a beam; give a beam of 2 or more")
    if choose == "risk" and coverage_penalty:
        raise SettingError("choose='risk' goes by ln p alone; give coverage_penalty=0, or choose='likeliest'")


def check_search(*, length_penalty: Any, **counts: Any) -> None:
    """Refuse settings of a search that are no whole numbers of at least 1, and a penalty that is no number."""
    for name, value in counts.items():
        if value is not None:
            check_count(name, value)
    if isinstance(length_penalty, bool) or not isinstance(length_penalty, int | float) or np.isnan(length_penalty):
        raise SettingError(f"length_penalty is a number: 0 sums ln p, 1 takes its mean; got {length_penalty!r}")


def asked_in(estimator: Any, objective: Translation, rows: Any, order: torch.Tensor, ask: Any) -> list[Any]:
    """What `ask` says of batches of encoded rows taken in this order, in the order of the rows."""
    device = device_under(objective)
    objective.eval()
    found: list[Any] = [None] * len(rows)
    with torch.inference_mode(), threads_for(objective, TOGETHER), kept_random(device, estimator.seed, "use"):
        for index in order.split(TOGETHER):
            answers = ask(prepare(estimator, device, rows.take(index)))
            for i, answer in zip(index.tolist(), answers, strict=True):
                found[i] = answer
    return found


def written(estimator: Translator, rows: Any, max_length: int | None, decoding: dict[str, Any]) -> list[Any]:
    """What encoded sources are written as, each up to a length of its own: it must not depend on the others."""
    longest, order, objective = estimator.target_.longest, rows.lengths.argsort(stable=True), estimator._objective()
    limits = ((2 * rows.lengths).clamp(min=longest) + 15) // 16 * 16 + 10  # by sixteens, so that many go together
    limits = limits if max_length is None else torch.full_like(limits, max_length)
    found: list[Any] = [None] * len(rows)
    for most in limits.unique().tolist():
        part = order[limits[order] == most]
        said = asked_in(estimator, objective, rows, part, partial(objective.translate, n_tokens=most, **decoding))
        for i in part.tolist():
            found[i] = said[i]
    return found


def looks(objective: Translation, batch: dict[str, torch.Tensor]) -> list[np.ndarray]:
    """Weights (units written and the end, n) of each row of a batch, given its targets."""
    net: Any = objective.model
    if hasattr(net, "kept"):
        net.kept = []
        try:
            objective.outputs(batch)
            weights = torch.stack(net.kept, 1)
        finally:
            net.kept = None
    else:
        with kept_weights(net) as kept:
            crossed = [name for name in kept if name.endswith("cross")]
            if not crossed:
                raise SettingError("this model has no attention; 'transformer', 'rnnsearch' and 'conv_s2s' have")
            objective.outputs(batch)
            weights = kept[crossed[-1]][0].mean(1)
    return list(weights.double().cpu().numpy())
