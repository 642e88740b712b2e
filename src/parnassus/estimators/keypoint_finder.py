"""Pictures in, keypoints out: where the named points of the one subject of each picture are."""

import os
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import nn

from ..data.codec import Codec
from ..data.detection.boxes import named, sizes_of
from ..data.detection.keypoint_files import names_keypoints, open_keypoints
from ..data.detection.keypoints import PointTargets, keypoints_of
from ..data.detection.sides import settle_pairs
from ..data.images.image import is_stack
from ..data.rows import batches as batches_of
from ..data.sources import Columns
from ..errors import DataError, SettingError
from ..evaluation.keypoints import evaluate_keypoints
from ..evaluation.result import Evaluation
from ..functional.metrics.keypoints import keypoint_distances
from ..train.randomness import kept_random
from ..train.timetable import cuts_of
from .answers.detecting import TOGETHER, framed
from .answers.using import spread, usable
from .base import Estimator
from .fitting.assembly import device_under, prepare
from .fitting.intake import Examples, examples_of
from .fitting.pictures import pictures_given
from .fitting.training import threads_for
from .protocol import fitted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 256  # pixels of the longer side that pictures are brought to unless told otherwise


class KeypointFinder(Estimator):
    """The places of the same k points in every picture: corners of a face, joints, landmarks.

    Parameters
    ----------
    start : what to start from instead of drawn weights: a fitted finder or the path of a saved one, whose frame and
        scale of pixels are taken too; a fitted "u_net" of a Segmenter, or the path of one, where `model` names the
        "heat_unet" of its widths; or an nn.Module. The last layer is drawn anew for other points.
    freeze : what stays as it is: "body" (all but the head), a number of layers from the input, or names such as
        "down.0" or "*.weight".
    unfreeze : the epoch from which everything trains, or a dict from epochs to names that join then.
    rate_decay : what multiplies the learning rate from each layer to the one below it.
    **training : the settings that all estimators share; see `Estimator`. `codec` is a `pn.Image`, with resize="pad" or
        "stretch"; None, or a `pn.Image` that leaves `resize` open, pads pictures to their common or median size, at
        most 256 pixels a side. Keypoints follow what `pn.Image(augment=...)` does. Where it flips, points whose names
        differ by left and right change places, or those of its `flip_pairs`; where neither says which, it is refused.

    Attributes: `n_points_`, `start_`, `history_`.

    Source: Tompson et al. 2014; He et al. 2017, section 5.
    """

    default_models = {"image": "heat_unet"}
    target_: PointTargets

    learned = (*Estimator.learned, "start_")

    def __init__(
        self,
        model: Any = None,
        *,
        start: Any = None,
        freeze: int | str | tuple[str, ...] = (),
        unfreeze: Any = None,
        rate_decay: float = 1.0,
        **training: Any,
    ) -> None:
        super().__init__(model, **training)
        self.start, self.freeze, self.unfreeze, self.rate_decay = start, freeze, unfreeze, rate_decay

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from pictures X and the keypoints in each, y.

        Parameters
        ----------
        X : an array or list of pictures, paths, or the path of a folder of pictures; or without y the path of a table
            (CSV) with a column `image` of paths and, for each point, two such as nose_x and nose_y; or of a COCO file
            (JSON), each of whose subjects is cut out by its box.
        y : (n, k, 2), x before y in pixels of each picture, NaN where a point is not there; (n, k, 3) with COCO's
            visibility; or a list of one such a picture.
        target : not used.
        validation : a fraction to hold out, or (X, y); watched by `patience`.
        sample_weight : how much each picture counts (pictures,).

        Raises
        ------
        DataError : the data break a contract; the message names the picture, the point and the remedy.
        """
        if isinstance(self.model, nn.Module):
            raise SettingError("KeypointFinder takes a model's name or pn.model(...), such as 'heat_unet'; no module")
        if target is not None:
            raise SettingError(f"target={target!r}: keypoints are no column; give them as y")
        examples = self._examples(X, y, sample_weight)
        if examples.y is None:
            raise DataError("there are no keypoints; give y, (n, k, 2), x before y, or as X a table with both")
        if isinstance(validation, tuple):
            held = self._examples(*validation)
            validation = (held.X, held.y, held.weight)
        ready = self._ready(examples, PointTargets(), validation, None)
        settle_pairs(self.codec_, self.target_.names, self.n_points_)
        return self._train(ready)

    def _examples(self, X: Any, y: Any = None, sample_weight: Any = None) -> Examples:
        """Pictures, and their keypoints as `Points` where y is given or comes with them."""
        if y is None and names_keypoints(X):
            source = open_keypoints(X)
            X, y = source.X, source.y
        X = pictures_given(X)
        if y is None:
            return Examples(X)
        found = examples_of(X, keypoints_of(y, X), sample_weight=sample_weight, memory=self.memory)
        return Examples(found.X, found.y, found.weight)

    def own_codec(self, X: Any) -> Codec:
        codec = framed("KeypointFinder", self.codec, X, resize="pad", largest=LARGEST)
        if codec.options["resize"] == "crop" and not (codec.options["size"] is None and is_stack(X)):
            raise SettingError("resize='crop' cuts keypoints away; take 'pad' or 'stretch'")
        if codec.augmentation is not None and codec.augmentation.jaccard_crop:
            raise SettingError("augment: jaccard_crop cuts around boxes; leave it out for keypoints")
        return codec

    # --- use --------------------------------------------------------------------------------------

    @property
    def n_points_(self) -> int:
        """How many keypoints a picture has."""
        return fitted(self).target_.n_points

    def predict(self, X: Any, *, on_error: str = "raise") -> np.ndarray:
        """Where each keypoint is, (pictures, k, 2), x before y in pixels of each picture.

        on_error : "raise", or "skip" pictures that cannot be read, whose places are NaN.
        """
        X, good = usable(self, fitted(self)._examples(X).X, on_error)
        return spread(self.target_.decode(self._found(X)[0], sizes_of(X)), good)

    def heat(self, X: Any) -> np.ndarray:
        """The share (pictures, k) of each point's heat at the pixel where it was found; near 0 if the net is lost."""
        return self._found(fitted(self)._examples(X).X)[1]

    def _found(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Places in the frame (n, k, 2) and the heat there (n, k)."""
        objective: Any = self.objective_
        rows, device = self.codec_.encode(X), device_under(self.objective_)
        objective.eval()
        places, heat = [], []
        with torch.inference_mode(), threads_for(objective, TOGETHER), kept_random(device, self.seed, "use"):
            for taken in batches_of(rows, torch.arange(len(rows)), cuts_of(len(rows), TOGETHER)):
                at, there = objective.found(prepare(self, device, taken))
                places.append(at.cpu().numpy())
                heat.append(there.cpu().numpy())
        return np.concatenate(places), np.concatenate(heat).astype(np.float64)

    def draw(self, X: Any, y: Any = None, *, n_most: int = 8) -> "Figure":
        """The first pictures of X with the keypoints found in them, and the true ones where y is given."""
        from ..insight.keypoints import draw_keypoints

        examples = fitted(self)._examples(X, y)
        first = examples.take(np.arange(min(n_most, len(examples))))
        truths = None if first.y is None else np.stack([one.points for one in first.y])
        return draw_keypoints(first.X, self.predict(first.X), truths)

    # --- how good it is ---------------------------------------------------------------------------

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """The share of keypoints found within 10 % of their subject's scale: 1 is perfect."""
        return self.evaluate(X, y, target=target, sample_weight=sample_weight, n_bootstrap=0)["pck_10"].value

    def evaluate(
        self,
        X: Any,
        y: Any = None,
        *,
        target: Columns | None = None,
        sample_weight: Any = None,
        n_bootstrap: int = 500,
    ) -> Evaluation:
        """PCK at three reaches and the mean distance with intervals over pictures, beside the mean place of each."""
        if target is not None:
            raise SettingError("give the keypoints as y")
        examples = self._judged(X, y, sample_weight)
        return evaluate_keypoints(
            examples.y,
            self.predict(examples.X),
            mean_points=self.target_.mean_points,
            names=self.target_.names,
            sample_weight=examples.weight,
            seed=self.seed,
            n_bootstrap=n_bootstrap,
        )

    def _judged(self, X: Any, y: Any, sample_weight: Any = None) -> Examples:
        """Pictures with as many keypoints as were learned."""
        examples = fitted(self)._examples(X, y, sample_weight)
        if examples.y is None:
            raise SettingError("give the keypoints as y")
        self.target_.encode(examples.y)  # refuses another number of points
        if all(np.isnan(one.points).all() for one in examples.y):
            raise DataError("no picture has a keypoint, so that nothing can be judged; give some that have")
        return examples

    def worst(self, examples: Examples, n: int) -> list[tuple[int, str, str, str, str, dict[str, str]]]:
        """The pictures whose keypoints were found furthest off: row, points, what was said, how far, the picture."""
        found = self.predict(examples.X)
        apart = keypoint_distances(np.stack([one.points for one in examples.y]), found)
        mean = np.nan_to_num(apart).sum(1) / np.maximum((~np.isnan(apart)).sum(1), 1)
        order = [int(i) for i in np.argsort(-mean, kind="stable") if mean[i]][:n]
        return [
            (i, _told(examples.y[i].points), _told(found[i]), f"{mean[i]:.1f}", "pixels off, on average",
             {"picture": named(examples.X, i)})
            for i in order
        ]  # fmt: skip

    def figures(self, examples: Examples) -> dict[str, str]:
        """Pictures with found and true keypoints, for the report."""
        from ..insight.keypoints import draw_keypoints
        from ..insight.style import svg

        first = examples.take(np.arange(min(8, len(examples))))
        drawn = draw_keypoints(first.X, self.predict(first.X), np.stack([one.points for one in first.y]))
        return {"The first pictures: points found, and rings around the true ones.": svg(drawn)}

    def report(self, path: str | os.PathLike, X: Any = None, y: Any = None, **words: Any) -> Evaluation:
        """Write one HTML page on how good the keypoints found in pictures X are, and return the numbers.

        The validation pictures are taken where X is not given. The page needs no network. `words` are the title, data
        and command of `Estimator.report`.
        """
        from .judging.reporting import report_on

        given = self._judged(X, y) if X is not None else None
        return report_on(fitted(self), path, given, answers=False, **words)


def _told(points: np.ndarray) -> str:
    """The first few places, in whole pixels."""
    shown = ["-" if np.isnan(x) else f"({x:.0f}, {y:.0f})" for x, y in points[:6]]
    return " ".join(shown) + (" ..." if len(points) > 6 else "")
