"""Pictures in, texts out: captions.

The contract of a model of the task "image_captioner": a builder whose facts are `in_channels`, `image_size` and
`target_vocab_size`, which returns a `Translation` whose net reads pictures.
"""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import nn

from ..data.images.image import Image
from ..data.sources import Columns
from ..data.text.parallel import TargetTexts, texts_of
from ..errors import DataError, SettingError
from ..evaluation.result import Evaluation
from ..evaluation.translation import check_metric, evaluate_translation, score_of_texts
from ..functional.metrics.translation import sentence_bleu
from ..layers.attention import kept_weights
from ..objectives.text.translation import Translation
from .answers.using import spread, usable
from .base import Estimator
from .fitting.assembly import rows_of
from .fitting.intake import Examples, as_learned, examples_of, inputs_of
from .protocol import fitted
from .translator import asked_in, check_search

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ImageCaptioner(Estimator):
    """Texts written of pictures, as pairs of them show.

    Parameters
    ----------
    unit : what texts are cut into: "words", "characters", "bytes", "bpe", "byte_bpe", "wordpiece" or "unigram".
    lower : fold upper case into lower case.
    max_words : how many words or subwords are kept; None keeps all words, 4,000 subwords.
    min_count : what training holds less often is never written.
    **training : the settings that all estimators share; see `Estimator`.

    A picture with several captions stands in X several times. Attributes: `history_`, `codec_` (of pictures),
    `target_` (of texts).
    """

    default_models = {"image": "vit_gpt"}

    codec_: Image
    target_: TargetTexts

    def __init__(
        self,
        model: Any = None,
        *,
        unit: str = "words",
        lower: bool = False,
        max_words: int | None = None,
        min_count: int = 1,
        **training: Any,
    ) -> None:
        super().__init__(model, **training)
        self.unit, self.lower, self.max_words, self.min_count = unit, lower, max_words, min_count

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from pictures X and what each is said to show, y.

        Parameters
        ----------
        X : pictures as `pn.Classifier` takes them: arrays, PIL images, paths.
        y : one text a picture.
        target : the column of X that holds the texts, in place of y.
        validation : a fraction to hold out, or (X, y); watched by `patience`.
        sample_weight : how much each pair counts (rows,).

        Raises
        ------
        DataError : the pairs break a contract; the message names the row and the remedy.
        """
        if isinstance(self.model, nn.Module):
            raise SettingError("ImageCaptioner takes a model's name or pn.model(...), such as 'vit_gpt'; not a module")
        examples = self._examples_of(X, y, target, sample_weight)
        goal = TargetTexts(unit=self.unit, lower=self.lower, max_words=self.max_words, min_count=self.min_count)
        return self._train(self._ready(examples, goal, validation, None))

    def _examples_of(self, X: Any, y: Any, target: Columns | None, sample_weight: Any = None) -> Examples:
        found = examples_of(X, y, target=target, sample_weight=sample_weight, memory=self.memory, as_text=True)
        if found.y is None:
            raise DataError("no captions: give y, one text a picture, or name the column that holds them by target=")
        found.y = texts_of(found.y, "y")
        return found

    def _objective(self) -> Translation:
        objective = fitted(self).objective_
        assert isinstance(objective, Translation)
        return objective

    # --- use --------------------------------------------------------------------------------------

    def caption(
        self,
        X: Any,
        *,
        beam: int = 1,
        n_best: int | None = None,
        length_penalty: float = 1.0,
        max_length: int | None = None,
        on_error: str = "raise",
    ) -> list[Any]:
        """What each picture shows: a text a picture, or with `n_best` a list of (text, score) each, best first.

        Parameters
        ----------
        beam : beginnings that are followed side by side; 1 takes the likeliest unit each time.
        length_penalty : scores are ln p / length^length_penalty, the end counted.
        max_length : units after which a text is broken off; None takes the longest of training and 10 more.
        on_error : "raise", or "skip" pictures that cannot be read, for which None comes back.
        """
        check_search(beam=beam, n_best=n_best, max_length=max_length, length_penalty=length_penalty)
        objective = self._objective()
        X, good = usable(self, inputs_of(X, self.target_name_), on_error)
        rows = self.codec_.encode(X)
        net: Any = objective.model
        decoding: dict[str, Any] = {
            "beam": max(beam, n_best or 1), "n_best": n_best or 1, "length_penalty": length_penalty,
            "never": self.target_.never,
            "n_tokens": min(max_length or self.target_.longest + 10, net.context),
        }  # fmt: skip
        order = torch.arange(len(rows))
        found = asked_in(self, objective, rows, order, lambda batch: objective.translate(batch, **decoding))
        named = [[(self.target_.text(ids), score) for ids, score in row] for row in found]
        return spread(named if n_best is not None else [row[0][0] for row in named], good)

    def predict(self, X: Any, *, on_error: str = "raise") -> list[Any]:
        """What each picture shows, the likeliest unit each time; None for rows that `on_error="skip"` passed over."""
        return self.caption(X, on_error=on_error)

    def looks(self, X: Any, y: Any = None) -> list[tuple[list[str], np.ndarray]]:
        """For each picture the units of y, or of what is written, and where the net looked before each.

        The weights of the last layer's heads, averaged: (units, rows, columns) over the places that the encoder keeps.
        """
        objective = self._objective()
        texts = self.caption(X) if y is None else texts_of(y, "y")
        pictures = inputs_of(X, self.target_name_)
        if len(texts) != len(pictures):
            raise DataError(f"there are {len(pictures)} pictures and {len(texts)} texts; each picture needs one")
        if not all(texts):
            raise DataError(f"picture {texts.index('')} has no words; give y, or leave it out")

        def asked(batch: dict[str, torch.Tensor]) -> list[np.ndarray]:
            with kept_weights(objective.model) as kept:
                objective.outputs(batch)
            last = [name for name in kept if name.endswith("cross")][-1]
            return list(kept[last][0].mean(1).double().cpu().numpy())

        rows = rows_of(self, Examples(pictures, texts))
        weights = asked_in(self, objective, rows, torch.arange(len(texts)), asked)
        net: Any = objective.model
        height, width = net.encoder.grid
        found = []
        for text, own in zip(texts, weights, strict=True):
            units = self.target_.units(text)
            places = own[: len(units), -height * width :]  # a class vector stands before the places
            found.append((units, places.reshape(len(units), height, width)))
        return found

    def plot(self, X: Any, y: Any = None) -> "Figure":
        """One picture, and beside it where the net looked before each unit of its caption."""
        from ..insight.captions import looks_at_picture

        ((units, maps),) = self.looks(X, y)
        batch = self.codec_.encode(inputs_of(X, self.target_name_)).take(torch.arange(1))
        return looks_at_picture(self.codec_.decode(self.codec_.prepare(batch, "image")["x"])[0], units, maps)

    # --- how good it is ---------------------------------------------------------------------------

    def _judged(self, X: Any, y: Any, target: Columns | None, sample_weight: Any = None) -> Examples:
        learned = fitted(self).target_name_
        return self._examples_of(X, y, learned if y is None and target is None else as_learned(target, learned),
                                 sample_weight)  # fmt: skip

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
        """BLEU of all rows, 0 to 100 (sacrebleu's); or "chrf", "chrf++", or "exact", a share."""
        check_metric(metric, sample_weight)
        examples = self._judged(X, y, target)
        return score_of_texts(examples.y, self.caption(examples.X, beam=beam), metric)

    def evaluate(
        self, X: Any, y: Any = None, *, target: Columns | None = None, sample_weight: Any = None
    ) -> Evaluation:
        """BLEU, chrF and exact answers with intervals, beside the commonest caption of training."""
        examples = self._judged(X, y, target, sample_weight)
        return evaluate_translation(
            examples.y,
            self.predict(examples.X),
            commonest=self.target_.commonest,
            sample_weight=examples.weight,
            seed=self.seed,
        )

    def worst(self, examples: Examples, n: int) -> list[tuple[int, str, str, str, str, dict[str, str]]]:
        """The pictures that were told worst: row, what was due and written, BLEU, its name."""
        y, written = texts_of(examples.y, "y"), self.predict(examples.X)
        scores = np.array([sentence_bleu(a, b).score for a, b in zip(written, y, strict=True)])
        order = [int(i) for i in np.argsort(scores, kind="stable") if written[i] != y[i]][:n]
        return [(i, y[i], written[i], f"{scores[i]:.1f}", "BLEU", {}) for i in order]
