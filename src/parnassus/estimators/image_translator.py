"""Pictures of one kind into pictures of another: photographs into paintings, maps into views, with pairs or without."""

import os
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from ..data.codec import Codec
from ..data.images.image import Image, is_stack
from ..data.images.picture_pairs import PictureTarget, centred, pictures_of
from ..data.rows import batches as batches_of
from ..data.sources import Columns
from ..data.split import random_split
from ..errors import DataError, SettingError, did_you_mean
from ..evaluation.result import Evaluation, Metric
from ..evaluation.unsupervised import mean_of
from ..functional.metrics.generation import squared_mmd
from ..objectives.generative.image_translation import Translating
from ..train.randomness import kept_random
from ..train.timetable import cuts_of
from .answers.turned import figures_of
from .base import Estimator
from .fitting.assembly import device_under
from .fitting.intake import Examples, count_rows, take_rows, weights_of
from .fitting.training import threads_for
from .protocol import fitted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOGETHER = 32  # pictures translated at a time
COMPARED = 2_000  # pictures that a likeness is measured on


class ImageTranslator(Estimator):
    """Pictures of kind A made into pictures of kind B, and back where the model learned both ways.

    Parameters
    ----------
    model : "cyclegan" learns from two sets of pictures that are no pairs, both ways; "pix2pix" from pairs, one way.
    schedule : how the rate changes; the default keeps it for half of the training and brings it to 0 in the other.
    **training : the settings that all estimators share; see `Estimator`. The published batch is of one picture. `codec`
        is `pn.Image(size=...)` for both kinds.

    Attributes: `history_`, `codec_` (of A), `target_` (of B).

    Systems: cyclegan, pix2pix
    Source: Martinez-Ramon 8.7.
    """

    default_models = {"image": "cyclegan"}

    codec_: Image
    target_: PictureTarget

    def __init__(self, model: Any = None, *, schedule: Any = "late_linear", **training: Any) -> None:
        super().__init__(model, schedule=schedule, **training)

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from pictures A, given as X, and pictures B, given as y.

        Parameters
        ----------
        X, y : arrays, lists of pictures or paths, or folders. Without pairs their numbers may differ; an epoch is once
            through the larger set.
        target : not used.
        validation : a fraction to hold out of both, or (A, B); watched by `patience`.
        sample_weight : how much each pair counts (pairs,); not for pictures that are no pairs.

        Raises
        ------
        DataError : the pictures break a contract; the message names them and the remedy.
        """
        if target is not None:
            raise SettingError(f"target={target!r}: pictures B are no column; give them as y")
        if y is None:
            raise DataError("there are no pictures B; give them as y: fit(A, B)")
        if not self._paired() and sample_weight is not None:
            raise SettingError("sample_weight weighs pairs, and these pictures are none; leave it out")
        examples, held = self._sides(X, y), None
        if isinstance(validation, tuple):
            held = self._sides(*validation)
        elif validation is not None or self.patience:
            examples, held = self._split(examples, 0.1 if validation is None else validation)
        ready = self._together(*examples, sample_weight)
        watched = None if held is None else self._together(*held, None)
        checked = None if watched is None else (watched.X, watched.y)
        return self._train(self._ready(ready, PictureTarget(), checked, None))

    # --- pictures of two kinds --------------------------------------------------------------------

    def _paired(self) -> bool:
        """Whether the model learns from pairs."""
        spec = self.spec("model", self.model or "cyclegan")
        return spec.name != "cyclegan"

    def _sides(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Pictures of both kinds, looked over."""
        a, b = pictures_of(X, "A"), pictures_of(y, "B")
        for name, side in (("A", a), ("B", b)):
            if count_rows(side) < 2:
                n = f"{count_rows(side)} picture{'s' * (count_rows(side) != 1)}"
                raise DataError(f"{name} holds {n}; a kind is learned from 2 or more, and judged by as many")
        if a is b or (is_stack(a) and is_stack(b) and a.shape == b.shape and np.array_equal(a, b)):
            raise DataError("A and B are the same pictures; give those of the other kind as y")
        if not is_stack(a) and not is_stack(b) and isinstance(a[0], str) and set(map(str, a)) & set(map(str, b)):
            raise DataError(f"{len(set(map(str, a)) & set(map(str, b)))} files are in A and in B; a kind is one of two")
        if self._paired() and count_rows(a) != count_rows(b):
            raise DataError(
                f"model 'pix2pix' learns from pairs, and there are {count_rows(a)} pictures A and {count_rows(b)} B; "
                "match them, or choose 'cyclegan', which needs no pairs"
            )
        return a, b

    def _split(self, sides: tuple[Any, Any], fraction: Any) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        """Both kinds without the pictures held out, and those; pairs stay together."""
        if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 < fraction < 1:
            raise SettingError(f"validation is a fraction in (0, 1), or (A, B); got {fraction!r}")
        kept, held = [], []
        for side in sides:
            train, rest = random_split(count_rows(side), float(fraction), seed=self.seed)
            kept.append(take_rows(side, train))
            held.append(take_rows(side, rest))
        return (kept[0], kept[1]), (held[0], held[1])

    def _together(self, a: Any, b: Any, sample_weight: Any) -> Examples:
        """Rows of one A and one B; of the smaller set pictures come again."""
        n = max(count_rows(a), count_rows(b))
        if count_rows(a) != count_rows(b):
            a, b = (
                side if count_rows(side) == n else take_rows(side, np.arange(n) % count_rows(side)) for side in (a, b)
            )
        return Examples(a, b, weights_of(sample_weight, n))

    def _fit_codecs(self, train: Examples, target: Any) -> None:
        codec: Codec = Image() if self.codec is None else self.codec
        if not isinstance(codec, Image):
            raise SettingError(f"ImageTranslator takes codec=pn.Image(...); got {codec!r}")
        if codec.augmentation is not None and self._paired():
            raise SettingError("augment changes pictures A and leaves their pairs B as they are; change both before")
        self.codec_ = centred(Image(**dict(codec.options)).fit(train.X))
        self.target_ = target.fit(train.y, self.codec_)

    # --- use --------------------------------------------------------------------------------------

    @property
    def _learned(self) -> Translating:
        objective = fitted(self).objective_
        assert isinstance(objective, Translating)
        return objective

    def _maps(self, X: Any, to: str) -> torch.Tensor:
        """Pictures of the side that is not `to`, as `to`, from -1 to 1."""
        learned = fitted(self)._learned
        if to not in learned.sides:
            both = ("A", "B")
            hint = (
                "this model learned one way, to='B'; 'cyclegan' learns both" if to in both else did_you_mean(to, both)
            )
            raise SettingError(f"to={to!r}; {hint}")
        codec, other = (self.codec_, self.target_.image) if to == "B" else (self.target_.image, self.codec_)
        pictures = pictures_of(X, "X")
        if is_stack(pictures):
            self._refuse_other_side(pictures, codec, other, to)
        rows, device, parts = codec.encode(pictures), device_under(learned), []
        learned.eval()
        with torch.inference_mode(), threads_for(learned, TOGETHER), kept_random(device, self.seed, "use"):
            for batch in batches_of(rows, torch.arange(len(rows)), cuts_of(len(rows), TOGETHER)):
                x = codec.prepare({"x": batch["x"].to(device)}, "image")["x"]
                parts.append(learned.made(x, to).cpu())
        return torch.cat(parts)

    def _refuse_other_side(self, pictures: Any, codec: Image, other: Image, to: str) -> None:
        """Refuses a stack that has the channels of the kind that it is to be made into."""
        shape = tuple(pictures.shape)
        n = 1 if len(shape) == 3 else shape[3] if shape[3] in (1, 2, 3, 4) else shape[1]
        if n != codec.shape[0] and n == other.shape[0] and codec.options["mode"] == "auto":
            own = "A" if to == "B" else "B"
            raise DataError(
                f"X has {n} channels, as pictures {to} had, and those of {own}, which become {to}, had "
                f"{codec.shape[0]}; give pictures {own}, or another to="
            )

    def translate(self, X: Any, *, to: str = "B") -> np.ndarray:
        """Pictures made into the other kind, uint8 (n, height, width[, channels]); `to` says which kind is wanted."""
        maps = self._maps(X, to)
        return self.target_.decode(maps) if to == "B" else self.codec_.decode(maps)

    def predict(self, X: Any) -> np.ndarray:
        """`translate(X)` under scikit-learn's name."""
        return self.translate(X)

    # --- how good ---------------------------------------------------------------------------------

    def evaluate(
        self, X: Any, y: Any = None, *, target: Columns | None = None, sample_weight: Any = None
    ) -> Evaluation:
        """How far made pictures are from the right ones, of pairs; else how unlike pictures B they are as a whole.

        Of pairs: the mean absolute error from 0 to 1 with its interval, beside that of the mean picture B. Without: the
        squared maximum mean discrepancy to pictures B, beside that of pictures A as they are, and the cycle's error.
        """
        if y is None or target is not None or sample_weight is not None:
            raise SettingError("evaluate(A, B) takes pictures of both kinds, and neither target nor sample_weight")
        task: Any = "image_translator"
        a, b = (take_rows(side, np.arange(min(count_rows(side), COMPARED))) for side in self._sides(X, y))
        real = self._plain(b, self.target_.image)
        if self._learned.paired:
            errors = self._errors(a, b)
            alone = float((real - real.mean(0)).abs().mean()) / 2
            metric = mean_of("absolute_error", errors, alone, higher_is_better=False)
            return Evaluation(task, [metric], len(errors), "the mean of these very pictures B for each")
        made, given = self._maps(a, "B"), self._plain(a, self.codec_)
        unchanged = squared_mmd(given.flatten(1), real.flatten(1)) if given.shape[1:] == real.shape[1:] else None
        found = Metric("squared_mmd", squared_mmd(made.flatten(1), real.flatten(1)), None, None, unchanged, False)
        back = self._maps(self.target_.decode(made), "A")
        errors = (back - given).abs().flatten(1).mean(1).numpy() / 2
        alone = float((given - given.mean(0)).abs().mean()) / 2
        cycle = mean_of("cycle_error", errors, alone, higher_is_better=False)
        return Evaluation(task, [found, cycle], len(errors), "pictures A as they are; of the cycle, their mean picture")

    def _plain(self, pictures: Any, codec: Image) -> torch.Tensor:
        """Pictures as maps from -1 to 1."""
        rows = codec.encode(pictures)
        return codec.prepare(rows.take(torch.arange(len(rows))), "image")["x"].cpu()

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """Minus the first number of `evaluate(A, B)`: 0 is best."""
        return -self.evaluate(X, y, target=target, sample_weight=sample_weight).metrics[0].value

    def plot(self, X: Any, *, to: str = "B", n: int = 10) -> "Figure":
        """Pictures above, and what they were made into below."""
        from ..insight.generated import plot_turned

        fitted(self)
        first = take_rows(pictures_of(X, "X"), np.arange(min(n, count_rows(pictures_of(X, "X")))))
        return plot_turned(self._shown(first, "A" if to == "B" else "B"), self.translate(first, to=to))

    def figures(self, examples: Examples) -> dict[str, str]:
        """What a report shows beside the numbers: pictures of each kind and what they were made into."""
        return figures_of(self, examples)

    def _shown(self, pictures: Any, kind: str) -> np.ndarray:
        """Pictures of a kind as the model sees them, bytes."""
        codec = self.codec_ if kind == "A" else self.target_.image
        return codec.decode(self._plain(pictures, codec))

    def _errors(self, a: Any, b: Any) -> np.ndarray:
        """The mean absolute error from 0 to 1 of each pair (pairs,)."""
        made, real = self._maps(a, "B"), self._plain(b, self.target_.image)
        return (made - real).abs().flatten(1).mean(1).numpy() / 2

    def worst(self, examples: Examples, n: int) -> list[Any]:
        """The rows answered worst, for a report, which shows them among its figures."""
        return []

    def report(self, path: str | os.PathLike, X: Any = None, y: Any = None, **words: Any) -> Evaluation:
        """Write one HTML page on how good pictures B made of pictures A (X) are, and return the numbers.

        The validation pictures are taken where X is not given; y holds pictures B. The page needs no network. `words`
        are the title, data and command of `Estimator.report`.
        """
        from .judging.reporting import report_on

        if X is not None and y is None:
            raise SettingError("a report takes pictures of both kinds: report(path, A, B)")
        given = Examples(*fitted(self)._sides(X, y)) if X is not None else None
        return report_on(fitted(self), path, given, answers=False, **words)
