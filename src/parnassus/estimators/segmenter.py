"""Pictures in, maps of classes out: what every pixel is of."""

import os
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..data.codec import Codec
from ..data.detection.boxes import named, sizes_of
from ..data.detection.mask_files import held_out, names_masks, open_masked
from ..data.detection.masks import MaskTargets, masks_of
from ..data.images.image import is_stack
from ..data.sources import Columns
from ..errors import DataError, SettingError
from ..evaluation.result import Evaluation
from ..evaluation.segmentation import evaluate_segmentation
from .answers.detecting import framed
from .answers.using import outputs_of
from .base import Estimator
from .fitting.intake import Examples, examples_of
from .fitting.pictures import pictures_given
from .protocol import fitted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 512  # pixels of the longer side that pictures are brought to unless told otherwise


class Segmenter(Estimator):
    """A class for every pixel.

    Parameters
    ----------
    ignored : the number of pixels that are neither learned nor judged; None counts every number.
    start : what to start from instead of drawn weights: a fitted segmenter or the path of a saved one, whose frame and
        scale of pixels are taken too; or an nn.Module. The last layer is drawn anew for other classes.
    freeze : what stays as it is: "body" (all but the head), a number of layers from the input, or names such as
        "down.0" or "*.weight".
    unfreeze : the epoch from which everything trains, or a dict from epochs to names that join then.
    rate_decay : what multiplies the learning rate from each layer to the one below it.
    **training : the settings that all estimators share; see `Estimator`. `codec` is a `pn.Image`, with resize="pad" or
        "stretch"; None, or a `pn.Image` that leaves `resize` open, stretches pictures to their common or median size,
        at most 512 pixels a side. Masks follow what `pn.Image(augment=...)` does.

    Attributes: `classes_`, `start_`, `history_`.

    Systems: semantic-segmentation
    Source: Baker A125; Martinez-Ramon, problem 4.8.
    """

    default_models = {"image": "u_net"}
    target_: MaskTargets

    learned = (*Estimator.learned, "start_")

    def __init__(
        self,
        model: Any = None,
        *,
        ignored: int | None = 255,
        start: Any = None,
        freeze: int | str | tuple[str, ...] = (),
        unfreeze: Any = None,
        rate_decay: float = 1.0,
        **training: Any,
    ) -> None:
        super().__init__(model, **training)
        self.ignored = ignored
        self.start, self.freeze, self.unfreeze, self.rate_decay = start, freeze, unfreeze, rate_decay

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from pictures X and a mask for each, y.

        Parameters
        ----------
        X : an array or list of pictures, paths, or the path of a folder of pictures; that of a folder that holds the
            folders `images` and `masks`, of files of the same names, of a list of pairs (.txt), or of arrays X and y
            (.npz) is pictures and masks in one, without y.
        y : whole class numbers (n, height, width), a list of such maps or of paths of PNG files, or the path of a
            folder with a mask for each picture, in the order of their names.
        target : not used.
        validation : a fraction to hold out, none with a class that no other picture has; or (X, y); watched by
            `patience`.
        sample_weight : how much each picture counts (pictures,).

        Raises
        ------
        DataError : a mask does not fit its picture; the message names both.
        """
        if target is not None:
            raise SettingError(f"target={target!r}: masks are no column; give them as y")
        examples = self._examples(X, y, sample_weight)
        if examples.y is None:
            raise DataError(
                "there are no masks; give y: arrays, PNG files or the path of their folder; or as X a folder that "
                "holds the folders images and masks"
            )
        if isinstance(validation, tuple) or names_masks(validation):
            held = self._examples(*(validation if isinstance(validation, tuple) else (validation,)))
            validation = (held.X, held.y, held.weight)
        share = 0.1 if validation is None and self.patience else validation
        if isinstance(share, float) and 0 < share < 1:
            kept, held_rows = held_out([np.unique(one) for one in examples.y], share, seed=self.seed)
            held, examples = examples.take(held_rows), examples.take(kept)
            validation = (held.X, held.y, held.weight)
        return self._train(self._ready(examples, MaskTargets(self.ignored), validation, None))

    def _examples(self, X: Any, y: Any = None, sample_weight: Any = None) -> Examples:
        """Pictures, and their masks as arrays where y is given or lies beside them."""
        if y is None and names_masks(X):
            source = open_masked(X)
            X, y = source.X, source.y
        X = pictures_given(X)
        if y is None:
            return Examples(X)
        found = examples_of(X, masks_of(y, sizes_of(X)), sample_weight=sample_weight, memory=self.memory)
        return Examples(found.X, found.y, found.weight)

    def own_codec(self, X: Any) -> Codec:
        codec = framed("Segmenter", self.codec, X, resize="stretch", largest=LARGEST)
        same = codec.options["size"] is None and is_stack(X)  # nothing is resized
        if codec.options["resize"] == "crop" and not same:
            raise SettingError("resize='crop' cuts pixels away that have a class; take 'stretch' or 'pad'")
        if codec.augmentation is not None and codec.augmentation.jaccard_crop:
            raise SettingError("augment: jaccard_crop cuts around boxes; use crop for masks")
        return codec

    # --- use --------------------------------------------------------------------------------------

    @property
    def classes_(self) -> np.ndarray:
        """The class numbers that training saw, sorted."""
        return fitted(self).target_.classes

    def predict(self, X: Any) -> list[np.ndarray]:
        """The class number of every pixel, (height, width) a picture, in its own size."""
        X = fitted(self)._examples(X).X
        return self.target_.decode(outputs_of(self, X).argmax(-1).numpy(), sizes_of(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """(pictures, height, width, classes) float64, in the frame that the net sees."""
        return outputs_of(fitted(self), self._examples(X).X).double().softmax(-1).numpy()

    def draw(self, X: Any, y: Any = None, *, n_most: int = 8) -> "Figure":
        """The first pictures of X with their predicted maps over them, and the true ones where y is given."""
        from ..insight.masks import draw_masks

        examples = self._examples(X, y)
        first = examples.take(np.arange(min(n_most, len(examples))))
        return draw_masks(first.X, self.predict(first.X), first.y, classes=self.classes_.tolist())

    # --- how good it is ---------------------------------------------------------------------------

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """The mean intersection over union of the classes: 1 is perfect."""
        return self.evaluate(X, y, target=target, sample_weight=sample_weight, n_bootstrap=0)["mean_iou"].value

    def evaluate(
        self,
        X: Any,
        y: Any = None,
        *,
        target: Columns | None = None,
        sample_weight: Any = None,
        n_bootstrap: int = 500,
    ) -> Evaluation:
        """Mean IoU, Dice, pixel and class accuracy with intervals over pictures, beside the commonest class."""
        examples = fitted(self)._examples(X, y, sample_weight)
        if examples.y is None or target is not None:
            raise SettingError("give the masks as y")
        goal = self.target_
        true = [goal.numbers(one, f"mask {i}") for i, one in enumerate(examples.y)]
        said = [np.searchsorted(goal.classes, one) for one in self.predict(examples.X)]
        return evaluate_segmentation(
            true, said, classes=goal.classes.tolist(), commonest=int(goal.counts.argmax()),
            sample_weight=examples.weight, seed=self.seed, n_bootstrap=n_bootstrap,
        )  # fmt: skip

    def worst(self, examples: Examples, n: int) -> list[tuple[int, str, str, str, str, dict[str, str]]]:
        """The pictures with most wrong pixels: row, what is there, what was said, how wrong, its name, the picture."""
        said, goal = self.predict(examples.X), self.target_
        true = [goal.numbers(one, f"mask {i}") for i, one in enumerate(examples.y)]
        places = [np.searchsorted(goal.classes, one) for one in said]
        wrong = [float(((a != b) & (a >= 0)).sum() / max((a >= 0).sum(), 1)) for a, b in zip(true, places, strict=True)]
        order = [int(i) for i in np.argsort(-np.array(wrong), kind="stable") if wrong[i]][:n]
        return [
            (i, self._shares(true[i]), self._shares(places[i]), f"{wrong[i]:.1%}", "pixels wrong",
             {"picture": named(examples.X, i)})
            for i in order
        ]  # fmt: skip

    def _shares(self, places: np.ndarray) -> str:
        """The classes of a map and their shares of it, the largest first."""
        counts = np.bincount(places[places >= 0], minlength=len(self.classes_))
        order = [int(k) for k in np.argsort(-counts, kind="stable") if counts[k]][:6]
        return ", ".join(f"class {self.classes_[k]} {counts[k] / counts.sum():.0%}" for k in order) or "nothing"

    def figures(self, examples: Examples) -> dict[str, str]:
        """Pictures with predicted and true maps, for the report."""
        from ..insight.style import svg

        return {"The first pictures, the maps found and the true ones.": svg(self.draw(examples.X, examples.y))}

    def report(self, path: str | os.PathLike, X: Any = None, y: Any = None, **words: Any) -> Evaluation:
        """Write one HTML page on how good the maps of pictures X with masks y are, and return the numbers.

        The validation pictures are taken where X is not given. The page needs no network. `words` are the title, data
        and command of `Estimator.report`.
        """
        from .judging.reporting import report_on

        given = fitted(self)._examples(X, y) if X is not None else None
        if given is not None and given.y is None:
            raise SettingError("give the masks as y")
        return report_on(fitted(self), path, given, answers=False, **words)
