"""Fitted segmenters, keypoint finders and detectors as one module of tensors: pictures in, places in them out.

Pictures go in as the codec brings them into its frame, and answers lie in this frame; the way back to a picture's own
size stays outside.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.rows import Batch
from ..data.rows import batches as batches_of
from ..errors import SettingError
from ..estimators.answers.detecting import TOGETHER
from ..estimators.fitting.assembly import prepare
from ..functional.boxes import clipped
from ..models.detection.segmentation import SegNet
from ..objectives.detection.detector import CANDIDATES, Detection
from ..objectives.detection.keypoints import HeatKeypoints
from ..objectives.detection.proposals import FasterRCNN
from ..train.timetable import cuts_of
from .graph import Graph, Inlet, inlet_of, listed


class PlaceGraph(Graph):
    """`forward(x)`, pictures in the frame -> what `answered` makes of a prepared batch."""

    def __init__(self, estimator: Any, inlet: Inlet) -> None:
        super().__init__(estimator, inlet)
        self.frame: tuple[int, int] = tuple(estimator.codec_.shape[1:])
        self.output = self.told(estimator)

    def forward(self, *given: Tensor) -> Tensor:
        batch = self.inlet.batch(dict(zip(self.inlet.names, given, strict=True)))
        return self.answered(self.codec.prepare(batch, self.view))

    def answered(self, batch: Batch) -> Tensor:
        """The answers (rows, ...) float32 in the frame."""
        raise NotImplementedError

    def told(self, estimator: Any) -> dict[str, Any]:
        """What the answers are, in words."""
        raise NotImplementedError

    def as_shares(self, places: Tensor) -> Tensor:
        """Places (..., 2 m), x before y, in pixels of the frame, as shares of its width and height."""
        high, wide = self.frame
        return places / places.new_tensor([wide, high] * (places.shape[-1] // 2))


class PixelGraph(PlaceGraph):
    """`forward(x)` -> the probability of each class at each pixel (rows, height, width, classes) float32."""

    def __init__(self, estimator: Any, inlet: Inlet) -> None:
        super().__init__(estimator, inlet)
        # of two numbers that all but tie, one program's rounding pools the one, another's the other
        self.jumps = any(isinstance(part, SegNet) for part in self.objective.modules())

    def answered(self, batch: Batch) -> Tensor:
        return self.objective.outputs(batch).float().softmax(-1)

    def told(self, estimator: Any) -> dict[str, Any]:
        holds = "the probability of each class at each pixel of the frame"
        return {"holds": holds, "classes": listed(estimator.classes_)}

    def due(self, estimator: Any, rows: Any) -> np.ndarray:
        return estimator.predict_proba(rows)


class PointGraph(PlaceGraph):
    """`forward(x)` -> x, y and heat of each keypoint (rows, points, 3) float32."""

    objective: HeatKeypoints

    def answered(self, batch: Batch) -> Tensor:
        return self.joined(*self.objective.found(batch))

    def joined(self, places: Tensor, heat: Tensor) -> Tensor:
        """Places in pixels of the frame and the heat there, as they are answered."""
        return torch.cat([self.as_shares(places), heat[..., None]], -1)

    def told(self, estimator: Any) -> dict[str, Any]:
        holds = "x and y of each keypoint as shares of the frame's width and height, and the share of its heat there"
        names = list(estimator.target_.names)
        return {"holds": holds, "n_points": estimator.n_points_} | ({"points": names} if names else {})

    def due(self, estimator: Any, rows: Any) -> np.ndarray:
        return self.joined(*map(torch.from_numpy, estimator._found(rows))).numpy()


class BoxGraph(PlaceGraph):
    """`forward(x)` -> x1, y1, x2, y2 and a score for each class, of every place (rows, places, 4 + classes) float32."""

    objective: Detection

    def answered(self, batch: Batch) -> Tensor:
        scores, boxes = self.objective.scored(batch)
        return torch.cat([self.as_shares(clipped(boxes.float(), self.frame)), scores.float()], -1)

    def told(self, estimator: Any) -> dict[str, Any]:
        holds = "x1, y1, x2, y2 as shares of the frame's width and height and a score for each class, of every place"
        then = (
            f"scores from a threshold on are boxes, the {CANDIDATES} best of all places and classes; of each class "
            "those stay that no better one overlaps (NMS)"
        )
        return {"holds": holds, "classes": listed(estimator.classes_), "then": then}

    def due(self, estimator: Any, rows: Any) -> np.ndarray:
        encoded, device = self.codec.encode(rows), torch.device("cpu")
        taken = batches_of(encoded, torch.arange(len(encoded)), cuts_of(len(encoded), TOGETHER))
        with torch.inference_mode():
            return torch.cat([self.answered(prepare(estimator, device, one)) for one in taken]).numpy()


GRAPHS = {"segmenter": PixelGraph, "keypoint_finder": PointGraph, "detector": BoxGraph}


def graph_of_pictures(estimator: Any, rows: Any) -> PlaceGraph:
    """The graph of an estimator of `PLACED`, in evaluation mode; rows are some pictures."""
    if isinstance(estimator.objective_, FasterRCNN):
        raise SettingError(
            f"{estimator.model_name} looks again at the regions that it proposes, as many as they are, and has no "
            "answers of a fixed number; 'ssd', 'retinanet' and 'fcos' are written, and `parnassus serve` answers for "
            "this one"
        )
    return GRAPHS[estimator.task](estimator, inlet_of(estimator, rows)).eval()


def pictures_to_try(estimator: Any, X: Any) -> Any:
    """Pictures as the estimator takes them, without what `fit` would learn of them."""
    if estimator.task == "detector":
        return estimator._examples(X, None, boxes=False).X
    return estimator._examples(X).X
