"""Two views: made cameras come back, the equations hold, OpenCV says the same where it is there."""

import math

import pytest
import torch

import parnassus as pn
from parnassus.functional import two_views as tv

F64 = torch.float64
LENS = torch.tensor([[600.0, 0, 320], [0, 580, 240], [0, 0, 1]], dtype=F64)
OTHER = torch.tensor([[500.0, 0, 300], [0, 510, 200], [0, 0, 1]], dtype=F64)


def turned(x, y, z):
    """A rotation about three axes in turn."""
    cos, sin = [math.cos(v) for v in (x, y, z)], [math.sin(v) for v in (x, y, z)]
    about_x = torch.tensor([[1, 0, 0], [0, cos[0], -sin[0]], [0, sin[0], cos[0]]], dtype=F64)
    about_y = torch.tensor([[cos[1], 0, sin[1]], [0, 1, 0], [-sin[1], 0, cos[1]]], dtype=F64)
    about_z = torch.tensor([[cos[2], -sin[2], 0], [sin[2], cos[2], 0], [0, 0, 1]], dtype=F64)
    return about_z @ about_y @ about_x


def scene(seed=0, n=20, second_lens=OTHER):
    """Points before two cameras, the second turned and moved by 1, and where both show them."""
    g = torch.Generator().manual_seed(seed)
    points = torch.rand(n, 3, generator=g, dtype=F64) * torch.tensor([4.0, 3, 4], dtype=F64) + torch.tensor(
        [-2.0, -1.5, 4], dtype=F64
    )
    rotation = turned(0.1, -0.2 + 0.05 * seed, 0.05)
    shift = torch.nn.functional.normalize(torch.randn(3, generator=g, dtype=F64), dim=0)
    moved = torch.cat([rotation, shift[:, None]], 1)
    first = tv.projected(points, LENS @ torch.eye(3, 4, dtype=F64))
    return points, rotation, shift, first, tv.projected(points, second_lens @ moved), moved


def cross(t):
    return torch.tensor([[0, -t[2], t[1]], [t[2], 0, -t[0]], [-t[1], t[0], 0]], dtype=F64)


@pytest.mark.parametrize("seed", range(5))
def test_made_cameras_and_points_come_back_from_matches_alone(seed):
    points, rotation, shift, first, second, _ = scene(seed)
    found = tv.structure_from_motion(first, second, LENS, OTHER)
    torch.testing.assert_close(found.rotation, rotation, atol=1e-7, rtol=0)
    torch.testing.assert_close(found.shift, shift, atol=1e-7, rtol=0)
    torch.testing.assert_close(found.points, points, atol=1e-5, rtol=0)


def test_the_fundamental_matrix_is_that_of_the_cameras_and_ties_every_match():
    """F = K'^-T [t]_x R K^-1 up to its sign and size, and x'^T F x = 0."""
    _, rotation, shift, first, second, _ = scene()
    found = tv.fundamental_matrix(first, second)
    expected = torch.linalg.inv(OTHER).T @ cross(shift) @ rotation @ torch.linalg.inv(LENS)
    expected = expected / expected.norm()
    assert min((found - expected).abs().max(), (found + expected).abs().max()) < 1e-9
    tied = (tv.homogeneous(second) * (tv.homogeneous(first) @ found.T)).sum(1)
    assert tied.abs().max() < 1e-9
    assert torch.linalg.svdvals(found)[2] < 1e-15
    values = torch.linalg.svdvals(tv.essential_matrix(found, LENS, OTHER))
    torch.testing.assert_close(values, torch.tensor([1.0, 1.0, 0.0], dtype=F64))


def test_triangulation_by_hand():
    """Cameras at 0 and at x = 2 that look ahead: a point at depth 4 is seen 2 / 4 further left by the second."""
    first, second = torch.eye(3, 4, dtype=F64), torch.eye(3, 4, dtype=F64)
    second[0, 3] = -2
    found = tv.triangulated(torch.tensor([[0.25, 0.5]]), torch.tensor([[-0.25, 0.5]]), first, second)
    torch.testing.assert_close(found, torch.tensor([[1.0, 2.0, 4.0]], dtype=F64))


def test_noise_of_a_tenth_of_a_pixel_moves_points_little():
    points, rotation, _, first, second, _ = scene(1, n=60)
    g = torch.Generator().manual_seed(5)
    shaken = [x + 0.1 * torch.randn(x.shape, generator=g, dtype=F64) for x in (first, second)]
    found = tv.structure_from_motion(*shaken, LENS, OTHER)
    turn = ((found.rotation.T @ rotation).trace().sub(1) / 2).clamp(-1, 1).acos()
    assert math.degrees(turn) < 1
    assert (found.points - points).norm(dim=1).median() < 0.25


def test_opencv_says_the_same():
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed, and it is the oracle")
    _, _, _, first, second, moved = scene(2)
    theirs = torch.from_numpy(cv2.findFundamentalMat(first.numpy(), second.numpy(), cv2.FM_8POINT)[0])
    ours = tv.fundamental_matrix(first, second)
    theirs = theirs / theirs.norm() * torch.sign((theirs * ours).sum())
    torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=0)
    start = LENS @ torch.eye(3, 4, dtype=F64)
    found = torch.from_numpy(
        cv2.triangulatePoints(start.numpy(), (OTHER @ moved).numpy(), first.T.numpy(), second.T.numpy())
    )
    torch.testing.assert_close(tv.triangulated(first, second, start, OTHER @ moved), (found[:3] / found[3]).T)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a, b: (a[:7], b[:7]), "8 matched points"),
        (lambda a, b: (a, b[:-1]), r"\(20, 2\) and \(19, 2\)"),
        (lambda a, b: (a * float("nan"), b), "match 0 holds NaN"),
        (lambda a, b: (a * 0, b), "one point"),
        (lambda a, b: (a, a), "more than one"),
    ],
)
def test_matches_that_say_nothing_are_refused(change, words):
    *_, first, second, _ = scene()
    with pytest.raises(pn.DataError, match=words):
        tv.structure_from_motion(*change(first, second), LENS)


def test_points_of_one_plane_are_refused():
    points, *_, moved = scene()
    points[:, 2] = 5
    first, second = tv.projected(points, LENS @ torch.eye(3, 4, dtype=F64)), tv.projected(points, LENS @ moved)
    with pytest.raises(pn.DataError, match="one plane"):
        tv.fundamental_matrix(first, second)
