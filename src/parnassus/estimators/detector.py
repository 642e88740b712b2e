"""Pictures in, boxes out: what is in each picture, where, and how sure that is.

The contract of a model of the task "detector": a builder whose facts are those of the view "image" and `n_outputs`, the
number of classes; it returns a `Detection`, an objective with a method `detect(batch, threshold=, iou_threshold=,
n_most=)` that gives a `Found` a picture.
"""

import os
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import nn

from ..data.codec import Codec, codec_for
from ..data.detection.annotations import annotated
from ..data.detection.boxes import BAD_BOXES, Boxes, BoxTargets, all_checked, sizes_of
from ..data.images.image import Image
from ..data.rows import batches as batches_of
from ..data.sources import Columns
from ..errors import DataError, SettingError, did_you_mean
from ..evaluation.detection import evaluate_detection
from ..evaluation.result import Evaluation
from ..train.randomness import kept_random
from ..train.timetable import cuts_of
from .answers.detecting import (
    TOGETHER,
    check_parts_are_met,
    framed,
    judged,
    parts_found,
    parts_learned,
    worst_pictures,
)
from .answers.using import spread, unusable
from .base import Estimator
from .fitting.assembly import device_under, prepare
from .fitting.intake import Examples, examples_of, take_rows
from .fitting.pictures import pictures_given
from .fitting.training import threads_for
from .fitting.transfer import model_from_start
from .protocol import fitted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 512  # pixels of the longer side that pictures are brought to unless told otherwise
SURE, DOUBTFUL = 0.3, 0.01  # least scores of boxes that are answered, and of those that are judged


class Detector(Estimator):
    """What is in pictures, and where, as boxes.

    Parameters
    ----------
    bad_boxes : "refuse" boxes outside their picture, inside out or without an area, or "repair" them: cut at the edge,
        turn, leave out, with a warning that says how many. Boxes that hold NaN are refused always.
    augment : random changes of training pictures, which the boxes follow, such as "shift-flip" or
        {"jaccard_crop": 0.5, "brightness": 0.3}; see `pn.data.images.augmentation.Augmentation`.
    start : what to start from instead of drawn weights: a fitted detector or the path of a saved one, whose frame and
        scale of pixels are taken too, and whose last layers are drawn anew for other classes, or, where it is of
        another model, all but the backbone and its pyramid; or, as the backbone, a fitted classifier, the path of one
        or of a folder that `pn.hub` reads, or an nn.Module.
    freeze : what stays as it is: "body" (the backbone), a number of layers from the input, or names such as
        "maps.body" or "*.bn1.*".
    unfreeze : the epoch from which everything trains, or a dict from epochs to names that join then.
    rate_decay : what multiplies the learning rate from each layer to the one below it.
    **training : the settings that all estimators share; see `Estimator`. `codec` is a `pn.Image`, with resize="pad" or
        "stretch"; None, or a `pn.Image` that leaves `resize` open, pads pictures to their common or median size, at
        most 512 pixels a side.

    Attributes: `classes_`, `start_`, `history_`.
    """

    default_models = {"image": "ssd"}

    target_: BoxTargets

    learned = (*Estimator.learned, "start_")

    def __init__(
        self,
        model: Any = None,
        *,
        bad_boxes: str = "refuse",
        augment: Any = None,
        start: Any = None,
        freeze: int | str | tuple[str, ...] = (),
        unfreeze: Any = None,
        rate_decay: float = 1.0,
        **training: Any,
    ) -> None:
        super().__init__(model, **training)
        self.bad_boxes, self.augment = bad_boxes, augment
        self.start, self.freeze, self.unfreeze, self.rate_decay = start, freeze, unfreeze, rate_decay

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from pictures X and the boxes in each, y.

        Parameters
        ----------
        X : an array or list of pictures, or paths; the path of a COCO file, a table of boxes, or a folder with VOC's or
            YOLO's files; a table of boxes with a column of paths. Of COCO's, masks and keypoints are read where the
            model learns them.
        y : for each picture a pair (boxes, labels), boxes being corners x1, y1, x2, y2 in pixels; a dict with these
            keys, and 'masks' (n, height, width), which "mask_rcnn" learns, or 'points' (n, k, 2), keypoints, x before
            y and NaN where one is not there, or (n, k, 3) with COCO's visibility, for "keypoint_rcnn"; a table with
            the columns image, x1, y1, x2, y2, label; or the path of annotations, X being the folder of the pictures.
        target : not used; a table's columns go by their names.
        validation : a fraction to hold out, (X, y), or a path; watched by `patience`.
        sample_weight : how much each picture counts (pictures,).

        Raises
        ------
        DataError : the data break a contract; the message names the picture, the box and the remedy.
        """
        if isinstance(self.model, nn.Module):
            raise SettingError("Detector takes a model's name or pn.model(...), such as 'ssd'; not a module")
        if target is not None:
            raise SettingError(
                f"target={target!r}: boxes are no column; give them as y, or a table with x1, y1, x2, y2"
            )
        if self.bad_boxes not in BAD_BOXES:
            raise SettingError(f"bad_boxes={self.bad_boxes!r}; {did_you_mean(self.bad_boxes, BAD_BOXES)}")
        parts = self._parts()
        examples = self._examples(X, y, sample_weight, parts=parts)
        if isinstance(validation, tuple):
            weight = validation[2] if len(validation) > 2 else None
            held = self._examples(validation[0], validation[1], weight, parts=parts)
            validation = (held.X, held.y, held.weight)
        elif isinstance(validation, str) or hasattr(validation, "suffix"):
            held = self._examples(validation, None, parts=parts)
            validation = (held.X, held.y)
        ready = self._ready(examples, BoxTargets(), validation, None)
        check_parts_are_met(self.objective_, self.target_, self.codec_)
        return self._train(ready)

    def _examples(
        self, X: Any, y: Any, sample_weight: Any = None, *, boxes: bool = True, parts: list[str] | None = None
    ) -> Examples:
        """Pictures and their checked boxes, with `parts` (None: those learned); without `boxes` the pictures alone."""
        if parts is None:
            parts = parts_found(self.objective_) if hasattr(self, "objective_") else self._parts()
        X, y = annotated(X, y, parts if boxes else ())
        X = pictures_given(X)
        if not boxes:
            return Examples(X)
        if y is None:
            raise DataError("there are no boxes; give y, or the path of annotations as X")
        found = examples_of(X, all_checked(y, X, bad=self.bad_boxes), sample_weight=sample_weight, memory=self.memory)
        return Examples(found.X, found.y, found.weight)

    def _parts(self) -> list[str]:
        """What the model learns beside boxes."""
        return parts_learned(self.spec("model", self.model or model_from_start(self) or self.default_models["image"]))

    def own_codec(self, X: Any) -> Codec:
        codec = self.codec
        if codec is None and codec_for(X).kind != "image":
            raise DataError(
                f"X looks like {codec_for(X).kind}, and no pictures; give uint8 arrays, PIL images or paths, or "
                "for float pictures of one channel codec=pn.Image()"
            )
        memory = {} if self.memory is None else {"memory": self.memory}
        made = framed("Detector", codec, X, resize="pad", largest=LARGEST, **memory)
        if self.augment is None:
            return made
        if made.augmentation is not None:
            raise SettingError("augment is given to the Detector and to pn.Image; give it once")
        return Image(**dict(made.options) | {"augment": self.augment})

    # --- use --------------------------------------------------------------------------------------

    @property
    def classes_(self) -> np.ndarray:
        """The classes that training saw, sorted."""
        return fitted(self).target_.classes

    def predict(
        self,
        X: Any,
        *,
        threshold: float = SURE,
        iou_threshold: float = 0.45,
        n_most: int = 100,
        on_error: str = "raise",
    ) -> list[Any]:
        """The boxes found in each picture, `Boxes` with corners in its own pixels, labels and scores, best first.

        Those of "mask_rcnn" also have `masks`, booleans (n, height, width), and those of "keypoint_rcnn" `points`
        (n, k, 2) in the picture's pixels and `heat` (n, k), the share of each one's map that lies there.

        Parameters
        ----------
        threshold : the least score of a box.
        iou_threshold : boxes of a class that overlap a better one by more are dropped.
        n_most : the most boxes of a picture.
        on_error : "raise", or "skip" pictures that cannot be read, for which None comes back.
        """
        for name, value in (("threshold", threshold), ("iou_threshold", iou_threshold)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise SettingError(f"{name} is a number from 0 to 1; got {value!r}")
        if isinstance(n_most, bool) or not isinstance(n_most, int) or n_most < 1:
            raise SettingError(f"n_most is a whole number of at least 1; got {n_most!r}")
        X = fitted(self)._examples(X, None, boxes=False).X
        good = np.ones(len(X), dtype=bool)
        if on_error == "skip":
            self.skipped_ = dict(unusable(self, X, np.arange(len(X))))
            good[list(self.skipped_)] = False
            if not good.any():
                raise DataError(f"no picture of X can be used; the first: {self.skipped_[0]}")
            X = take_rows(X, np.flatnonzero(good))
        elif on_error != "raise":
            raise SettingError(f"on_error is 'raise' or 'skip'; got {on_error!r}")
        found = self._detected(X, threshold=threshold, iou_threshold=iou_threshold, n_most=n_most)
        return spread(self.target_.decode(found, sizes_of(X)), good)

    def _detected(self, X: Any, **settings: Any) -> list[tuple[np.ndarray, ...]]:
        """Corners in the frame, scores and class numbers of every picture."""
        objective: Any = self.objective_
        rows, device = self.codec_.encode(X), device_under(self.objective_)
        objective.eval()
        found: list[tuple[np.ndarray, ...]] = []
        with torch.inference_mode(), threads_for(objective, TOGETHER), kept_random(device, self.seed, "use"):
            for taken in batches_of(rows, torch.arange(len(rows)), cuts_of(len(rows), TOGETHER)):
                for one in objective.detect(prepare(self, device, taken), **settings):
                    found.append(tuple(part.cpu().numpy() for part in one))
        return found

    def draw(self, X: Any, y: Any = None, *, n_most: int = 16, threshold: float = SURE) -> "Figure":
        """The first pictures of X with the boxes and masks found in them; true boxes, where y is given, are dashed."""
        from ..insight.boxes import draw_boxes

        examples = fitted(self)._examples(X, y, boxes=y is not None)
        first = examples.take(np.arange(min(n_most, len(examples))))
        return draw_boxes(first.X, self.predict(first.X, threshold=threshold), first.y)

    # --- how good it is ---------------------------------------------------------------------------

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """The mean average precision at IoU 0.5: 1 is perfect."""
        return self.evaluate(X, y, target=target, sample_weight=sample_weight, n_bootstrap=0)["map_50"].value

    def evaluate(
        self,
        X: Any,
        y: Any = None,
        *,
        target: Columns | None = None,
        sample_weight: Any = None,
        n_bootstrap: int = 200,
    ) -> Evaluation:
        """Mean average precision and recall as COCO has them, with intervals, beside a constant answer.

        Where masks are learned and given, the same numbers of masks come with them, their names beginning with mask_;
        where keypoints are, those of poses by the likeness of keypoints (OKS), beginning with pose_.
        """
        if target is not None:
            raise SettingError(f"target={target!r}: boxes are no column; give them as y")
        examples = fitted(self)._examples(X, y, sample_weight)
        for i, one in enumerate(examples.y):
            self.target_.indices(one.labels[~one.uncounted], f"picture {i}")
        found, beside = judged(lambda X: self.predict(X, threshold=DOUBTFUL), examples)
        return evaluate_detection(
            examples.y,
            found,
            classes=self.classes_.tolist(),
            constant=self.constant_,
            beside=beside,
            sample_weight=examples.weight,
            seed=self.seed,
            n_bootstrap=n_bootstrap,
        )

    def worst(self, examples: Examples, n: int) -> list[tuple[int, str, str, str, str, dict[str, str]]]:
        """The pictures with most boxes missed or made up."""
        return worst_pictures(examples, self.predict(examples.X), n)

    def figures(self, examples: Examples) -> dict[str, str]:
        """Pictures with found and true boxes, for the report."""
        from ..insight.style import svg

        return {"What was found in the first pictures.": svg(self.draw(examples.X, examples.y, n_most=8))}

    def report(self, path: str | os.PathLike, X: Any = None, y: Any = None, **words: Any) -> Evaluation:
        """Write one HTML page on how good the detector is on pictures X with boxes y, and return the numbers.

        The validation pictures are taken where X is not given. The page needs no network. `words` are the title, data
        and command of `Estimator.report`.
        """
        from .judging.reporting import report_on

        given = fitted(self)._examples(X, y) if X is not None else None
        return report_on(fitted(self), path, given, answers=False, **words)

    @property
    def constant_(self) -> Boxes:
        """The baseline's answer, in shares of a picture: the mean box of the commonest class."""
        target = fitted(self).target_
        return Boxes(target.mean_box[None], target.classes[[int(target.counts.argmax())]])
