"""The branch of keypoints: cells and places by plain loops, its loss slowly, and what it is built of."""

import math

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.functional import boxes as fb
from parnassus.models.detection.keypoint_rcnn import PointHead
from parnassus.objectives.detection.proposals import Drawn

F64 = torch.float64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def cell_of(point, region, size):
    """A keypoint's cell by the rule in words: which column and row of the region it falls in; None outside."""
    (x, y, there), (x1, y1, x2, y2) = point, region
    if not there or not (x1 <= x <= x2 and y1 <= y <= y2):
        return None
    column, row = (min(int((v - low) / (high - low) * size), size - 1) for v, low, high in ((x, x1, x2), (y, y1, y2)))
    return row * size + column


def cases(n=6, k=4):
    g = generator()
    corner = 10 * torch.rand(n, 2, generator=g, dtype=F64)
    regions = torch.cat([corner, corner + 4 + 10 * torch.rand(n, 2, generator=g, dtype=F64)], 1)
    points = torch.cat([30 * torch.rand(n, k, 2, generator=g, dtype=F64),
                        (torch.rand(n, k, 1, generator=g) < 0.8).to(F64)], 2)  # fmt: skip
    points[0, 0] = torch.tensor([*regions[0, 2:].tolist(), 1.0], dtype=F64)  # on the far corner
    points[1, 0, :2], points[1, 0, 2] = regions[1, :2], 1.0
    return points, regions


def test_cells_are_those_of_the_plain_rule():
    points, regions = cases()
    found = fb.point_cells(points, regions, size=7)
    plain = [[cell_of(p, r, 7) for p in row] for row, r in zip(points.tolist(), regions.tolist(), strict=True)]
    assert found.tolist() == [[-1 if c is None else c for c in row] for row in plain]
    assert found[0, 0] == 48
    assert found[1, 0] == 0
    assert (found < 0).any()


def test_the_loss_is_the_cross_entropy_over_all_places():
    points, regions = cases()
    cells = fb.point_cells(points, regions, size=7)
    logits = torch.randn(6, 4, 7, 7, generator=generator(1), dtype=F64, requires_grad=True)
    found = fb.point_loss(logits, cells)
    for i in range(6):
        for j in range(4):
            flat = logits[i, j].flatten().tolist()
            due = math.log(sum(math.exp(v) for v in flat)) - flat[cells[i, j]] if cells[i, j] >= 0 else 0.0
            assert found.detach()[i, j].item() == pytest.approx(due, abs=1e-12)
    (slope,) = torch.autograd.grad(found.sum(), logits)
    assert ((slope.abs().sum((2, 3)) > 0) == (cells >= 0)).all()  # what is not there teaches nothing


def test_a_keypoint_goes_into_a_region_and_comes_back():
    region = torch.tensor([[3.0, 5.0, 31.0, 61.0]], dtype=F64)
    point = torch.tensor([[[11.3, 40.2, 1.0]]], dtype=F64)
    cell = int(fb.point_cells(point, region, size=56))
    logits = torch.full((1, 1, 56 * 56), -20.0, dtype=F64)
    logits[0, 0, cell] = 20.0
    places, heat = fb.points_of_maps(logits.view(1, 1, 56, 56), region)
    assert (places - point[..., :2]).abs().max() <= 0.5  # half a cell, of half a pixel and of one
    assert float(heat) > 0.99
    y, x = torch.meshgrid(*[torch.arange(56, dtype=F64) + 0.5] * 2, indexing="ij")
    at = 56 * (point[0, 0, :2] - region[0, :2]) / (region[0, 2:] - region[0, :2])
    bump = -((x - at[0]) ** 2 + (y - at[1]) ** 2) / 8
    torch.testing.assert_close(fb.points_of_maps(bump[None, None], region)[0], point[..., :2])


@pytest.mark.usefixtures("draws")
def test_the_head_of_the_paper_has_its_parameters_in_closed_form():
    head = PointHead(256, (512,) * 8, 17)
    n = sum(p.numel() for p in head.parameters())
    assert n == (256 * 512 * 9 + 512) + 7 * (512 * 512 * 9 + 512) + (512 * 17 * 16 + 17) == 17_838_097
    assert PointHead(8, (4,), 3)(torch.zeros(2, 8, 14, 14)).shape == (2, 3, 56, 56)


def made(**options):
    (builder,) = [b for b in pn.model if b.name == "keypoint_rcnn"]
    facts = {"in_channels": 1, "image_size": (32, 32), "n_outputs": 2, "n_points": 3}
    return builder.make(**facts, **builder.defaults | {"widths": (8, 8), "hidden": 8, "point_widths": (8,)} | options)


@pytest.mark.usefixtures("draws")
def test_each_picture_s_loss_is_the_mean_over_the_keypoints_of_its_positive_regions_alone():
    objective = made().double()
    maps = objective.maps(torch.randn(2, 1, 32, 32, generator=generator(), dtype=F64))
    points = torch.cat([32 * torch.rand(2, 2, 3, 2, generator=generator(1), dtype=F64), torch.ones(2, 2, 3, 1)], -1)
    regions = torch.tensor([[2.0, 3, 28, 25], [0.0, 0, 30, 30], [4.0, 8, 30, 31]], dtype=F64)
    none = torch.zeros(0, 4, dtype=F64)
    first = Drawn(regions, torch.tensor([1, 0, 2]), regions, torch.tensor([1, 0, 0]))
    second = Drawn(none, torch.zeros(0, dtype=torch.long), none, torch.zeros(0, dtype=torch.long))
    found = objective.loss_of_points(maps, [first, second], {"y_points": points})
    each = []
    for region, place in zip(regions[[0, 2]], (1, 0), strict=True):
        logits = objective.point_head(objective.looked_at([m[:1] for m in maps], [region[None]], size=14)).float()[0]
        for k in range(3):
            cell = cell_of(points[0, place, k].tolist(), region.tolist(), 56)
            if cell is not None:
                each.append(-logits[k].flatten().log_softmax(0)[cell])
    assert 0 < len(each) < 6
    torch.testing.assert_close(found, torch.stack([torch.stack(each).mean(), found.new_zeros(())]).to(found))
    (slope,) = torch.autograd.grad(
        objective.loss_of_points(maps, [second, second], {"y_points": points}).sum(), objective.point_head.enlarge.bias
    )
    assert (slope == 0).all()
    with pytest.raises(pn.DataError, match="'points'"):
        objective.loss_of_points(maps, [first], {})


@pytest.mark.usefixtures("draws")
def test_what_is_found_has_keypoints_in_its_boxes_and_pictures_without_boxes_have_none():
    objective = made().eval()
    with torch.no_grad():
        found = objective.detect({"x": torch.randn(2, 1, 32, 32, generator=generator())}, threshold=0.0, n_most=5)
        for one in found:
            assert one.points.shape == (len(one.boxes), 3, 2)
            assert one.heat.shape == (len(one.boxes), 3)
            low, high = one.boxes[:, None, :2], one.boxes[:, None, 2:]
            assert ((one.points >= low - 1e-4) & (one.points <= high + 1e-4)).all()
        (empty,) = objective.detect({"x": torch.randn(1, 1, 32, 32, generator=generator())}, threshold=1.0)
    assert empty.points.shape == (0, 3, 2)


@pytest.mark.parametrize(("options", "words"), [({"n_points": 0}, "'points'"), ({"point_widths": ()}, "point_widths")])
def test_what_cannot_be_built_is_refused(options, words, draws):
    (builder,) = [b for b in pn.model if b.name == "keypoint_rcnn"]
    facts = {"in_channels": 1, "image_size": (32, 32), "n_outputs": 2, "n_points": 3}
    with pytest.raises((pn.DataError, pn.SettingError), match=words):
        builder.make(**builder.defaults | facts | options)


def test_keypoints_follow_the_moves_of_their_boxes():
    from parnassus.data.detection.moved_boxes import moved_boxes

    y = torch.tensor([[[1.0, 1, 5, 5], [8.0, 8, 14, 14]]])
    points = torch.tensor([[[[2.0, 3, 1], [0.0, 0, 0]], [[9.0, 9, 1], [13.0, 12, 1]]]])
    batch = {"y": y, "y_labels": torch.tensor([[0, 1]]), "y_lengths": torch.tensor([2]), "y_points": points}
    matrix = torch.tensor([[[1.0, 0, -6], [0, 1.0, -7], [0, 0, 1.0]]])  # the first box leaves
    found = moved_boxes(batch, matrix, (16, 16))
    assert found["y_lengths"].tolist() == [1]
    np.testing.assert_allclose(found["y_points"][0, 0], [[3, 2, 1], [7, 5, 1]])
    assert (found["y_points"][0, 1] == 0).all()
