"""Two views of a scene against OpenCV, and the neocognitron's cells against their closed form."""

import torch

from ..functional import two_views as tv
from ..functional.neocognitron import falling_window, reinforced, s_cells
from ..imports import imported
from . import check, gap


@check("structure-from-motion", oracle="opencv-python-headless", tolerance=1e-6)
def two_views_against_opencv() -> float:
    """The fundamental matrix of twenty matches, and the points of space by two cameras."""
    cv2 = imported("cv2")
    g = torch.Generator().manual_seed(0)
    points = 4 * torch.rand(20, 3, generator=g, dtype=torch.float64) + torch.tensor([-2.0, -2.0, 4.0])
    lens = torch.tensor([[600.0, 0, 320], [0, 580, 240], [0, 0, 1]], dtype=torch.float64)
    turn = torch.linalg.matrix_exp(torch.tensor([[0, -0.1, 0.2], [0.1, 0, -0.05], [-0.2, 0.05, 0]]).double())
    first = lens @ torch.eye(3, 4, dtype=torch.float64)
    second = lens @ torch.cat([turn, torch.tensor([[0.8], [0.1], [-0.2]], dtype=torch.float64)], 1)
    a, b = tv.projected(points, first), tv.projected(points, second)
    theirs = torch.from_numpy(cv2.findFundamentalMat(a.numpy(), b.numpy(), cv2.FM_8POINT)[0])
    ours = tv.fundamental_matrix(a, b)
    theirs = theirs / theirs.norm() * torch.sign((theirs * ours).sum())
    found = torch.from_numpy(cv2.triangulatePoints(first.numpy(), second.numpy(), a.T.numpy(), b.T.numpy()))
    return max(gap(ours, theirs), gap(tv.triangulated(a, b, first, second), (found[:3] / found[3]).T))


@check("neocognitron", oracle="(published)", tolerance=1e-6)
def a_template_of_one_pattern_answers_by_the_cosine() -> float:
    """max(0, (1 + r) cos - r) of an S-cell that learned one pattern, from Fukushima's equations."""
    window, r = falling_window(5).double(), 2.0
    pattern, other = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    a, b = reinforced(pattern, (2, 2), window, amount=1e9)
    said = s_cells(other[None], a[None], b[None], window, selectivity=r)[0, 0, 2, 2]
    dot, one, two = ((window * x * y).sum() for x, y in ((pattern, other), (pattern, pattern), (other, other)))
    return gap(said, ((1 + r) * dot / (one * two).sqrt() - r).clamp(min=0))
