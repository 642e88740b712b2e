"""Two pictures of one scene: the matrix that ties matched points, the cameras that follow, and the points in space.

Points of a picture are (n, 2), x before y; a camera is P = K [R | t] (3, 4), which brings a point X of space to
x = P (X, 1), divided by its last number. Everything is float64.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import DataError

LEAST = 8  # matches that a fundamental matrix needs


class TwoViews(NamedTuple):
    """Where the second camera stands as the first one sees it, and what both saw.

    rotation : (3, 3). shift : (3,), of length 1: how far apart cameras are cannot be told from pictures.
    points : (n, 3) in the first camera's frame, in units of the shift.
    """

    rotation: Tensor
    shift: Tensor
    points: Tensor


def projected(points: Tensor, camera: Tensor) -> Tensor:
    """Where a camera (3, 4) shows points of space (n, 3): (n, 2).

    >>> camera = torch.eye(3, 4, dtype=torch.float64)
    >>> projected(torch.tensor([[1.0, 2.0, 4.0]], dtype=torch.float64), camera)
    tensor([[0.2500, 0.5000]], dtype=torch.float64)
    """
    seen = homogeneous(points.double()) @ camera.double().T
    return seen[:, :2] / seen[:, 2:]


def homogeneous(points: Tensor) -> Tensor:
    """Points (n, d) with a 1 behind: (n, d + 1)."""
    return torch.cat([points, points.new_ones(len(points), 1)], 1)


def fundamental_matrix(first: Tensor, second: Tensor) -> Tensor:
    """The matrix F (3, 3) that ties matched points, x'^T F x = 0, by the normalised eight-point algorithm.

    Both sets are moved to mean 0 and scaled to a mean distance of sqrt(2), without which pixels of hundreds drown the
    ones beside them; F is the right singular vector of the least singular value of the rows x' (x) x; its own least
    singular value is set to 0, for all its lines meet in one point; then the scaling is undone. F has norm 1.

    first, second : (n, 2), n of at least 8, the same points of the scene in both pictures, in the same order.

    Source: Longuet-Higgins 1981; Hartley 1997; Jaiswal J66, which names the aim and no equation.
    """
    a, b = _matched(first, second)
    if len(a) < LEAST:
        raise DataError(f"a fundamental matrix needs {LEAST} matched points at least; got {len(a)}")
    (a, into), (b, into_second) = _normalised(a), _normalised(b)
    rows = (homogeneous(b)[:, :, None] * homogeneous(a)[:, None, :]).flatten(1)
    values, directions = torch.linalg.svd(rows, full_matrices=True)[1:]
    if float(values[7]) < 1e-9 * float(values[0]):
        raise DataError(
            "these matches fit more than one fundamental matrix: the points lie in one plane, or the camera only "
            "turned; add matches of other depths"
        )
    u, s, v = torch.linalg.svd(directions[8].view(3, 3))
    flat = u @ torch.diag(torch.cat([s[:2], s.new_zeros(1)])) @ v
    found = into_second.T @ flat @ into
    return found / found.norm()


def essential_matrix(fundamental: Tensor, first_lens: Tensor, second_lens: Tensor | None = None) -> Tensor:
    """The matrix E = K'^T F K (3, 3) of cameras whose lenses K, K' are known, its singular values brought to 1, 1, 0.

    Source: Longuet-Higgins 1981; Hartley and Zisserman 2004, section 9.6.
    """
    lens = first_lens.double()
    other = lens if second_lens is None else second_lens.double()
    u, _, v = torch.linalg.svd(other.T @ fundamental.double() @ lens)
    return u @ torch.diag(u.new_tensor([1.0, 1.0, 0.0])) @ v


def triangulated(first: Tensor, second: Tensor, camera: Tensor, other: Tensor) -> Tensor:
    """The points of space (n, 3) that two cameras (3, 4) show at matched places (n, 2), by direct linear transform.

        x p3 - p1, y p3 - p2, x' p3' - p1', y' p3' - p2'  times (X, 1) = 0

    with p_i the rows of a camera; (X, 1) is the right singular vector of the least singular value of these four rows.

    Systems: structure-from-motion
    Source: Hartley and Zisserman 2004, section 12.2; Jaiswal J66.
    """
    a, b = _matched(first, second)
    p, q = camera.double(), other.double()
    rows = torch.stack(
        [a[:, :1] * p[2] - p[0], a[:, 1:] * p[2] - p[1], b[:, :1] * q[2] - q[0], b[:, 1:] * q[2] - q[1]], 1
    )
    rows = rows / rows.norm(dim=2, keepdim=True)
    found = torch.linalg.svd(rows)[2][:, 3]
    return found[:, :3] / found[:, 3:]


def structure_from_motion(
    first: Tensor, second: Tensor, first_lens: Tensor, second_lens: Tensor | None = None
) -> TwoViews:
    """How the camera moved between two pictures, and the points in space, from matched points alone.

    E = [t]_x R has four solutions, R = U W V^T or U W^T V^T with t = +-u_3; the one that sees most points in front of
    both cameras is taken. All is known up to one scale: the shift has length 1.

    first, second : (n, 2), n of at least 8. first_lens, second_lens : K (3, 3) of both pictures; the second is the
    first unless given.

    Systems: structure-from-motion
    Source: Longuet-Higgins 1981; Hartley and Zisserman 2004, sections 9.6 and 12.2; Jaiswal J66.
    """
    lens = first_lens.double()
    other = lens if second_lens is None else second_lens.double()
    u, _, v = torch.linalg.svd(essential_matrix(fundamental_matrix(first, second), lens, other))
    u, v = u * torch.linalg.det(u).sign(), v * torch.linalg.det(v).sign()
    turn = u.new_tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    start = lens @ torch.eye(3, 4, dtype=lens.dtype, device=lens.device)
    best, most = None, -1
    for rotation in (u @ turn @ v, u @ turn.T @ v):
        for shift in (u[:, 2], -u[:, 2]):
            moved = torch.cat([rotation, shift[:, None]], 1)
            points = triangulated(first, second, start, other @ moved)
            ahead = int(((points[:, 2] > 0) & ((homogeneous(points) @ moved.T)[:, 2] > 0)).sum())
            if ahead > most:
                best, most = TwoViews(rotation, shift, points), ahead
    assert best is not None
    return best


def _matched(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    a, b = torch.as_tensor(first).double(), torch.as_tensor(second).double()
    if a.ndim != 2 or a.shape[1:] != (2,) or a.shape != b.shape:
        raise DataError(f"matched points are (n, 2) in both pictures; got {tuple(a.shape)} and {tuple(b.shape)}")
    strange = (~(a.isfinite() & b.isfinite()).all(1)).nonzero()
    if len(strange):
        raise DataError(f"match {int(strange[0])} holds NaN or infinity; leave it out")
    return a, b


def _normalised(points: Tensor) -> tuple[Tensor, Tensor]:
    """Points of mean 0 and mean distance sqrt(2), and the matrix (3, 3) that brought them there."""
    middle = points.mean(0)
    spread = (points - middle).norm(dim=1).mean()
    if float(spread) == 0:
        raise DataError("all matched points are one point; nothing can be told from it")
    scale = 2**0.5 / spread
    into = torch.diag(torch.stack([scale, scale, torch.ones_like(scale)]))
    into[:2, 2] = -scale * middle
    return (points - middle) * scale, into
