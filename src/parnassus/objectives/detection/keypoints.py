"""Keypoints as maps of heat: a net's map for each point is a distribution over places, learned by cross-entropy."""

from torch import Tensor, nn

from ...functional.heatmaps import heatmaps, peaks
from ...train.phase import Batch
from ..transfer import Staged


class HeatKeypoints(Staged):
    """A map of scores for each keypoint, whose softmax over all places says where the point is.

        L = mean over points that are there of -sum_{y,x} q(y, x) log softmax(m)(y, x)

    q is the bump of `functional.heatmaps.heatmaps` around the true point, made to add up to 1; with a small `sigma` it
    is one place, as in the keypoint head of Mask R-CNN. In use a point is the peak of its map, to parts of a pixel.

    Parameters
    ----------
    net : (n, channels, h, w) -> scores (n, h, w, k).
    sigma : width of the bumps in pixels.

    A batch holds y (n, k, 3): x and y in pixels, and 1 for points that are there.

    Source: He et al. 2017, section 5 (one-hot softmax over places); Tompson et al. 2014 (bumps).
    """

    probabilistic = False

    def __init__(self, net: nn.Module, *, sigma: float) -> None:
        super().__init__()
        self.net, self.sigma = net, sigma

    def outputs(self, batch: Batch) -> Tensor:
        """Scores (n, k, h, w)."""
        return self.net(batch["x"]).permute(0, 3, 1, 2)

    def weight(self, batch: Batch) -> Tensor:
        return self._counted(batch).sum().clamp(min=1e-6)

    @staticmethod
    def _counted(batch: Batch) -> Tensor:
        """How much each point counts (n, k)."""
        there = batch["y"][..., 2]
        return there * batch["weight"][:, None] if "weight" in batch else there

    def mean_loss(self, batch: Batch) -> Tensor:
        """The cross-entropy of places, a mean over the points that are there."""
        scores = self.outputs(batch).float()
        bumps = heatmaps(batch["y"][..., :2], (scores.shape[2], scores.shape[3]), sigma=self.sigma).flatten(2)
        goal = bumps / bumps.sum(-1, keepdim=True).clamp(min=1e-12)
        each = -(goal * scores.flatten(2).log_softmax(-1)).sum(-1)
        counted = self._counted(batch)
        return (each * counted).sum() / counted.sum().clamp(min=1e-6)

    def found(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The places (n, k, 2) in pixels of x, and the share (n, k) of the heat that lies there."""
        scores = self.outputs(batch).float()
        heat = scores.flatten(2).softmax(-1).view_as(scores)
        return peaks(heat)
