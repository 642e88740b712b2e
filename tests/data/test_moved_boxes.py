"""Boxes, masks and keypoints follow every change of their pictures: what is painted there is found there."""

import numpy as np
import pytest
import scipy.ndimage
import torch

import parnassus as pn
from parnassus.data.detection.moved_boxes import changed_with_boxes, changed_with_masks, changed_with_points
from parnassus.data.images import augmentation as module
from parnassus.data.images.augmentation import Augmentation
from parnassus.functional.augmentation import distortion, geometry
from parnassus.train.randomness import kept_random

SIZE, SPOTS = (45, 60), ((14, 20), (30, 22), (24, 45))  # height and width; rows and columns of round things
NONE = torch.empty(0, 0)
MOVES = {
    "flip": True, "flip_vertical": True, "rotate": 25, "shift": 0.1, "zoom": 0.2, "shear": 15, "perspective": 0.15,
    "crop": 0.6, "elastic": 40.0, "elastic_sigma": 5.0, "randaugment": 2,
}  # fmt: skip


@pytest.fixture(autouse=True)
def seeded():
    with kept_random(torch.device("cpu"), 0):
        yield


@pytest.fixture(params=[*({name: value} for name, value in MOVES.items() if name != "elastic_sigma"), MOVES], ids=str)
def change(request, monkeypatch):
    """One move at a time, then all; RandAugment draws among its moves alone, since tones change what is painted."""
    moving = [one for one in module.OPERATIONS if one(torch.rand(1, 1, 6, 6), 0.5)[1] is not None]
    assert len(moving) == 5
    monkeypatch.setattr(module, "OPERATIONS", moving)
    return Augmentation(**request.param)


def painted(n=12):
    """Pictures with three discs, their maps (n, 3, h, w), boxes and middles."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    maps = np.stack([((y - r) ** 2 + (x - c) ** 2 < 36) for r, c in SPOTS])
    edges = [(np.flatnonzero(m.any(0)), np.flatnonzero(m.any(1))) for m in maps]
    boxes = [[across[0], down[0], across[-1] + 1, down[-1] + 1] for across, down in edges]
    middles = [[c, r] for r, c in SPOTS]
    each = torch.tensor(maps).to(torch.uint8).expand(n, -1, -1, -1)
    return each, torch.tensor(boxes).float().expand(n, -1, -1), torch.tensor(middles).float().expand(n, -1, -1)


def test_boxes_masks_and_keypoints_follow_every_change(change):
    maps, boxes, middles = painted()
    x = maps.amax(1, keepdim=True).float()
    there = torch.ones(*middles.shape[:2], 1)
    batch = {
        "x": x,
        "y": boxes,
        "y_labels": torch.arange(3).expand(12, 3),
        "y_lengths": torch.full((12,), 3),
        "y_masks": maps,
        "y_points": torch.cat([middles, there], -1)[:, :, None],
    }
    after = changed_with_boxes(change, x, batch, axes=NONE)
    n_seen = 0
    for i in range(12):
        shown = after["x"][i, 0].numpy() > 0.5
        for k in range(int(after["y_lengths"][i])):
            mask = after["y_masks"][i, k].numpy() > 0
            if mask.sum() < 30:
                continue
            n_seen += 1
            rows, columns = np.nonzero(mask)
            x1, y1, x2, y2 = after["y"][i, k].tolist()
            inside = [columns.min() - x1, x2 - columns.max() - 1, rows.min() - y1, y2 - rows.max() - 1]
            assert min(inside) >= -1.5
            inner = scipy.ndimage.binary_erosion(mask, iterations=2)
            assert shown[inner].all()  # the picture shows the thing where its mask says so
            point, seen = after["y_points"][i, k, 0, :2].numpy(), float(after["y_points"][i, k, 0, 2])
            whole = min(x1, y1, SIZE[1] - x2, SIZE[0] - y2) > 2
            if whole and seen:
                middle = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
                assert np.abs(point - middle).max() < 3
    assert n_seen > 12


def test_maps_of_classes_and_lone_keypoints_follow_as_well(change):
    maps, _, middles = painted()
    x = maps.amax(1, keepdim=True).float()
    with kept_random(torch.device("cpu"), 5):
        classes = changed_with_masks(
            change, x, {"x": x, "y": (maps * torch.tensor([1, 2, 3])[:, None, None]).sum(1)}, axes=NONE
        )
    with kept_random(torch.device("cpu"), 5):
        points = changed_with_points(
            change, x, {"x": x, "y": torch.cat([middles, torch.ones(12, 3, 1)], -1)}, axes=NONE
        )
    assert torch.equal(classes["x"], points["x"])
    inner = scipy.ndimage.binary_erosion(classes["y"].numpy() > 0, np.ones((1, 5, 5)))
    assert (classes["x"][:, 0].numpy() > 0.5)[inner].all()
    n_found = 0
    for i, k in np.argwhere(points["y"][..., 2].numpy() > 0):
        column, row = (int(v) for v in points["y"][i, k, :2])
        if 1 < row < SIZE[0] - 1 and 1 < column < SIZE[1] - 1:
            n_found += 1
            assert int(classes["y"][i, row, column]) == k + 1
    assert n_found > 12


def test_a_point_lies_where_the_displaced_picture_shows_it():
    size = (30, 42)
    field = distortion.elastic_field(1, size, alpha=36.0, sigma=5.0, like=torch.zeros(1, dtype=torch.float64))
    matrix = geometry.affine(
        size=size, angle=torch.tensor([0.3]), zoom=torch.tensor([1.1]), shift=torch.tensor([[1.0, -2.0]]),
        shear=torch.tensor([0.1]),
    ).double()  # fmt: skip
    old = torch.rand(1, 40, 2, dtype=torch.float64) * torch.tensor([20.0, 14.0]) + torch.tensor([11.0, 8.0])
    new = geometry.move_points(old, matrix, displacement=field)[0].numpy()
    places = [new[:, 1] - 0.5, new[:, 0] - 0.5]
    moved = [scipy.ndimage.map_coordinates(field[0, ..., c].numpy(), places, order=1, mode="nearest") for c in (0, 1)]
    back = np.c_[new, np.ones(40)] @ np.linalg.inv(matrix[0].numpy()).T
    np.testing.assert_allclose(back[:, :2] + np.stack(moved, 1), old[0].numpy(), atol=0.05)


@pytest.mark.parametrize("size", [None, 40])
def test_a_codec_that_leaves_the_frame_open_takes_the_task_s_own(size):
    rng = np.random.default_rng(0)
    X = [rng.integers(0, 256, (h, w), dtype=np.uint8) for h, w in ((30, 50), (40, 30), (30, 50), (36, 44))]
    codec = pn.Image(size=size, augment={"elastic": 10, "randaugment": 1, "rotate": 5})
    shape = (1, 40, 40) if size else (1, 33, 47)
    fast = {"epochs": 1, "batch_size": 2, "progress": False, "codec": codec}
    boxes = [([[2, 3, 20, 21]], ["a"])] * 4
    detector = pn.Detector(pn.model("fcos", widths=(8, 8, 8)), **fast).fit(X, boxes)
    masks = [(np.add.outer(np.arange(x.shape[0]), np.arange(x.shape[1])) > 40).astype(int) for x in X]
    segmenter = pn.Segmenter(pn.model("u_net", widths=(4, 8)), **fast).fit(X, masks)
    finder = pn.KeypointFinder(pn.model("heat_unet", widths=(4, 8)), **fast).fit(X, np.full((4, 1, 2), 12.0))
    found = {"pad": detector, "stretch": segmenter}
    assert {how: model.codec_.options["resize"] for how, model in found.items()} == {how: how for how in found}
    assert finder.codec_.options["resize"] == "pad"
    assert {model.codec_.shape for model in (detector, segmenter, finder)} == {shape}
    assert codec.options["resize"] is None  # the one that was given stays as it was
