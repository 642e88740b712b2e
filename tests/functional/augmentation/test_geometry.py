"""Moves of pictures, points and boxes: whole pixels by hand, the rest against scipy and Pillow."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from parnassus.functional.augmentation import geometry

SIZE = (5, 7)


def picture(n=2, channels=3, size=SIZE, seed=0):
    return torch.rand(n, channels, *size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def still(n=2):
    return {
        "angle": torch.zeros(n, dtype=torch.float64),
        "zoom": torch.ones(n, dtype=torch.float64),
        "shift": torch.zeros(n, 2, dtype=torch.float64),
        "shear": torch.zeros(n, dtype=torch.float64),
    }


def test_nothing_asked_leaves_the_picture():
    x = picture()
    torch.testing.assert_close(geometry.warp(x, geometry.affine(size=SIZE, **still())), x)


def test_a_shift_of_whole_pixels_moves_them_and_leaves_black():
    x = picture()
    shift = torch.tensor([[2.0, -1.0], [0.0, 3.0]], dtype=torch.float64)
    moved = geometry.warp(x, geometry.affine(size=SIZE, **(still() | {"shift": shift})))
    expected = torch.zeros_like(x)
    expected[0, :, :4, 2:] = x[0, :, 1:, :5]  # two to the right, one up
    expected[1, :, 3:] = x[1, :, :2]
    torch.testing.assert_close(moved, expected)


def test_a_quarter_turn_is_rot90():
    x = picture(size=(6, 6))
    moves = still() | {"angle": torch.full((2,), math.pi / 2, dtype=torch.float64)}
    turned = geometry.warp(x, geometry.affine(size=(6, 6), **moves))
    torch.testing.assert_close(turned, torch.rot90(x, -1, (2, 3)))  # clockwise on a screen


@pytest.mark.parametrize("vertical", [False, True])
def test_a_mirror_flips_only_where_asked(vertical):
    x = picture()
    matrix = geometry.mirror(torch.tensor([True, False]), size=SIZE, vertical=vertical).double()
    expected = torch.stack([x[0].flip(1 if vertical else 2), x[1]])
    torch.testing.assert_close(geometry.warp(x, matrix), expected)


def test_any_affine_move_is_scipys_affine_transform():
    x = picture(size=(9, 11))
    moves = {
        "angle": torch.tensor([0.3, -1.0], dtype=torch.float64),
        "zoom": torch.tensor([1.3, 0.8], dtype=torch.float64),
        "shift": torch.tensor([[1.5, -0.7], [0.2, 2.0]], dtype=torch.float64),
        "shear": torch.tensor([0.2, -0.4], dtype=torch.float64),
    }
    matrix = geometry.affine(size=(9, 11), **moves)
    ours = geometry.warp(x, matrix, fill="zeros")
    for i in range(2):
        back = np.linalg.inv(matrix[i].numpy())
        yx = back[:2, :2][::-1, ::-1]  # scipy counts rows first, from the centres of pixels
        offset = back[:2, 2][::-1] + yx @ [0.5, 0.5] - 0.5
        for channel in range(3):
            theirs = ndimage.affine_transform(x[i, channel].numpy(), yx, offset, order=1, mode="grid-constant")
            np.testing.assert_allclose(ours[i, channel].numpy(), theirs, atol=1e-12)


def test_a_crop_of_whole_pixels_is_a_slice():
    x = picture(size=(8, 8))
    boxes = torch.tensor([[2.0, 1.0, 6.0, 5.0], [0.0, 0.0, 8.0, 8.0]], dtype=torch.float64)
    moved = geometry.warp(x, geometry.crop(boxes, size=(8, 8)))
    theirs = torch.nn.functional.interpolate(x[:1, :, 1:5, 2:6], scale_factor=2, mode="bilinear")
    torch.testing.assert_close(moved[0, :, 1:-1, 1:-1], theirs[0, :, 1:-1, 1:-1])  # at the edge it sees what is beyond
    torch.testing.assert_close(moved[1], x[1])


def test_perspective_takes_the_corners_where_they_belong():
    old = torch.tensor([[[0.0, 0], [7, 0], [7, 5], [0, 5]]], dtype=torch.float64)
    new = torch.tensor([[[1.0, 0.5], [6, 0], [7, 4], [0.2, 5]]], dtype=torch.float64)
    matrix = geometry.perspective(old, new)
    torch.testing.assert_close(geometry.move_points(old, matrix), new)


def test_a_bright_pixel_is_found_where_its_point_went():
    x = torch.zeros(1, 1, 21, 21, dtype=torch.float64)
    x[0, 0, 7:10, 12:15] = 1
    moves = {
        "angle": torch.tensor([0.5], dtype=torch.float64),
        "zoom": torch.tensor([1.2], dtype=torch.float64),
        "shift": torch.tensor([[-1.0, 2.0]], dtype=torch.float64),
        "shear": torch.tensor([0.1], dtype=torch.float64),
    }
    matrix = geometry.affine(size=(21, 21), **moves)
    moved = geometry.warp(x, matrix)[0, 0]
    centres = geometry.positions(21, 21)[..., :2].double()
    centre = (centres * moved[..., None]).sum((0, 1)) / moved.sum()
    due = geometry.move_points(torch.tensor([[[13.5, 8.5]]], dtype=torch.float64), matrix)[0, 0]
    torch.testing.assert_close(centre, due, atol=0.05, rtol=0)


def test_boxes_hold_their_moved_corners_and_say_what_is_left():
    matrix = geometry.affine(size=(10, 10), **(still(1) | {"shift": torch.tensor([[4.0, 0.0]], dtype=torch.float64)}))
    boxes = torch.tensor([[[2.0, 2.0, 8.0, 4.0], [7.0, 1.0, 9.0, 3.0]]], dtype=torch.float64)
    moved, kept = geometry.move_boxes(boxes, matrix, size=(10, 10))
    torch.testing.assert_close(moved[0, 0], torch.tensor([6.0, 2, 10, 4], dtype=torch.float64))
    assert kept[0].tolist() == pytest.approx([4 / 6, 0.0])
    turn = still(1) | {"angle": torch.tensor([math.pi / 4], dtype=torch.float64)}
    turned, _ = geometry.move_boxes(
        torch.tensor([[[4.0, 4, 6, 6]]]).double(), geometry.affine(size=(10, 10), **turn), size=(10, 10)
    )
    half = math.sqrt(2)
    assert turned[0, 0].tolist() == pytest.approx([5 - half, 5 - half, 5 + half, 5 + half])


def test_masks_keep_their_classes():
    mask = torch.randint(0, 4, (1, 1, 9, 9), generator=torch.Generator().manual_seed(0)).double()
    moves = still(1) | {"angle": torch.tensor([0.4], dtype=torch.float64)}
    moved = geometry.warp(mask, geometry.affine(size=(9, 9), **moves), nearest=True)
    assert set(moved.unique().tolist()) <= {0.0, 1.0, 2.0, 3.0}


@pytest.mark.parametrize("channels_last", [False, True])
def test_whole_pixels_are_copied_as_the_resampling_would_have_them(channels_last):
    n, size = 60, (9, 12)
    g = torch.Generator().manual_seed(0)
    x = torch.rand(n, 2, *size, generator=g, dtype=torch.float64)
    x = x.contiguous(memory_format=torch.channels_last) if channels_last else x
    shift = torch.randint(-14, 15, (n, 2), generator=g).double()
    turned = torch.rand(n, 2, generator=g) < 0.5
    matrix = geometry.affine(size=size, **(still(n) | {"shift": shift}))
    for k in range(2):
        matrix = matrix @ geometry.mirror(turned[:, k], size=size, vertical=bool(k)).double()
    back = torch.linalg.inv(matrix)
    assert geometry.by_whole_pixels(x, back)
    assert not geometry.by_whole_pixels(
        x, torch.linalg.inv(geometry.affine(size=size, **(still(n) | {"shift": shift + 0.5})))
    )
    resampled = geometry.warp(x.clone().requires_grad_(), matrix).detach()
    torch.testing.assert_close(geometry.warp(x, matrix), resampled, atol=1e-9, rtol=0)
