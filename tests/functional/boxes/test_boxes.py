"""Formats, overlaps, offsets, anchors, matching and RoIAlign: the books' numbers, transformers, plain loops."""

import math

import pytest
import torch

from parnassus.functional import boxes as fb

F64 = torch.float64


def drawn(n, seed, *, low=0.0, high=10.0):
    g = torch.Generator().manual_seed(seed)
    corner = low + (high - low) * torch.rand(n, 2, generator=g, dtype=F64)
    return torch.cat([corner, corner + 0.5 + 4 * torch.rand(n, 2, generator=g, dtype=F64)], 1)


def test_b38_formats_and_offsets():
    """Baker, fixture B38."""
    corners = torch.tensor([2.0, 3, 6, 9], dtype=F64)
    assert fb.centers_of(corners).tolist() == [4, 6, 4, 6]
    assert fb.corners_of(torch.tensor([4.0, 6, 4, 6], dtype=F64)).tolist() == [2, 3, 6, 9]
    anchor, truth = (fb.corners_of(torch.tensor(b, dtype=F64)) for b in ([5.0, 5, 10, 10], [6.0, 4, 12, 8]))
    assert fb.encode_offsets(truth, anchor).tolist() == pytest.approx([0.1, -0.1, 0.1823216, -0.2231436], abs=5e-8)
    scaled = fb.encode_offsets(truth, anchor, variances=fb.SSD_VARIANCES)
    assert scaled.tolist() == pytest.approx([1, -1, 0.9116078, -1.1157178], abs=5e-8)


def test_every_format_and_code_goes_there_and_back():
    a, b = drawn(50, 0), drawn(50, 1)
    assert torch.allclose(fb.corners_of(fb.centers_of(a)), a)
    assert torch.allclose(fb.corners_of_sizes(fb.sizes_of(a)), a)
    for variances in ((1.0, 1.0, 1.0, 1.0), fb.SSD_VARIANCES):
        code = fb.encode_offsets(a, b, variances=variances)
        assert torch.allclose(fb.decode_offsets(code, b, variances=variances), a)
    wild = fb.decode_offsets(torch.full((1, 4), 1e4, dtype=F64), b[:1])
    assert wild.isfinite().all()


def test_overlaps_are_those_of_transformers():
    theirs = pytest.importorskip("transformers.loss.loss_for_object_detection", reason="transformers is the oracle")
    a, b = drawn(30, 2), drawn(20, 3)
    assert torch.allclose(fb.iou(a, b), theirs.box_iou(a, b)[0])
    ours = fb.giou(a[:, None], b[None])
    assert torch.allclose(ours, theirs.generalized_box_iou(a, b))


def test_overlaps_of_boxes_by_hand():
    one, inside = torch.tensor([0.0, 0, 4, 4], dtype=F64), torch.tensor([1.0, 1, 3, 3], dtype=F64)
    beside = torch.tensor([6.0, 0, 10, 4], dtype=F64)
    assert float(fb.iou_rows(one, inside)) == 0.25
    assert float(fb.giou(one, inside)) == 0.25  # nothing of the hull is empty
    assert float(fb.diou(one, inside)) == 0.25  # one centre
    assert float(fb.giou(one, beside)) == pytest.approx(-8 / 40)
    assert float(fb.diou(one, beside)) == pytest.approx(-36 / 116)


def test_anchors_stand_around_cell_centres_with_their_areas_and_ratios():
    sizes = fb.anchor_sizes([8, 16], [0.5, 1, 2])
    assert torch.allclose(sizes.prod(1), torch.tensor([64.0, 64, 64, 256, 256, 256]))
    assert torch.allclose(sizes[:, 0] / sizes[:, 1], torch.tensor([0.5, 1, 2, 0.5, 1, 2]))
    grid = fb.anchors_on_grid((2, 3), sizes, stride=(10.0, 20.0))
    assert grid.shape == (2 * 3 * 6, 4)
    middle = fb.centers_of(grid).view(2, 3, 6, 4)
    assert middle[1, 2, :, :2].tolist() == [[50.0, 15.0]] * 6
    assert fb.default_scales(6) == pytest.approx([0.2, 0.34, 0.48, 0.62, 0.76, 0.9])


def matched_slowly(anchors, truths, threshold):
    """A118 in loops: pairs by falling IoU until every box has an anchor, then the threshold."""
    overlap = [[float(fb.iou(a[None], t[None])) for t in truths] for a in anchors]
    pairs = sorted(
        ((overlap[i][j], i, j) for i in range(len(anchors)) for j in range(len(truths))), key=lambda p: -p[0]
    )
    found, done = [-1] * len(anchors), set()
    forced = {}
    for _, i, j in pairs:
        if i not in forced and j not in done:
            forced[i] = j
            done.add(j)
    for i in range(len(anchors)):
        best = max(range(len(truths)), key=lambda j: overlap[i][j])
        found[i] = forced.get(i, best if overlap[i][best] > threshold else -1)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_matching_forces_the_best_anchor_of_every_box_then_takes_the_threshold(seed):
    anchors, truths = drawn(40, seed), drawn(5, seed + 50)
    if seed % 2:  # two boxes that want one anchor
        truths[1] = truths[0] + 0.01
    batch = torch.stack([truths, torch.zeros_like(truths), truths.flip(0)])
    found = fb.match_anchors(anchors, batch, torch.tensor([5, 0, 3]))
    assert found[0].tolist() == matched_slowly(anchors, truths, 0.5)
    assert found[1].tolist() == [-1] * 40
    assert found[2].tolist() == matched_slowly(anchors, truths.flip(0)[:3], 0.5)
    assert set(range(5)) <= set(found[0].tolist())  # no box is without an anchor


def test_an_anchor_answers_when_its_overlap_exceeds_the_threshold_and_not_when_it_equals_it():
    anchors = torch.tensor([[0.0, 0, 10, 10], [0.0, 0, 10, 5.1], [0.0, 0, 10, 5], [0.0, 0, 10, 4.9]])
    found = fb.match_anchors(anchors, torch.tensor([[[0.0, 0, 10, 10]]]), torch.tensor([1]))
    assert found.tolist() == [[0, 0, -1, -1]]


def test_anchors_between_two_thresholds_are_ignored():
    anchors = torch.tensor([[0.0, 0, 10, 10], [0.0, 0, 10, 4.5], [0.0, 0, 10, 3], [30.0, 30, 40, 40]])
    found = fb.match_anchors(anchors, torch.tensor([[[0.0, 0, 10, 10]]]), torch.tensor([1]), threshold=0.5, low=0.4)
    assert found.tolist() == [[0, fb.IGNORED, fb.BACKGROUND, fb.BACKGROUND]]


def test_b40_seven_positives_keep_the_21_hardest_of_500_negatives():
    """Baker, fixture B40: no more than three negatives for a positive, the hardest first."""
    g = torch.Generator().manual_seed(0)
    losses = torch.rand(1, 507, generator=g)
    positive = torch.zeros(1, 507, dtype=torch.bool)
    positive[0, torch.randperm(507, generator=g)[:7]] = True
    kept = fb.hard_negatives(losses, positive)
    assert kept.sum() == 21
    assert not (kept & positive).any()
    worst = losses[~positive].sort(descending=True).values[:21]
    assert losses[kept].sort(descending=True).values.tolist() == worst.tolist()
    assert fb.hard_negatives(losses, torch.zeros_like(positive)).sum() == 0


def test_a_point_answers_for_the_smallest_box_around_it_that_suits_its_map():
    points = torch.tensor([[5.0, 5], [20.0, 20], [5.0, 5]])
    bands = torch.tensor([[0.0, 8], [0.0, 8], [8.0, 100]])
    boxes = torch.tensor([[[0.0, 0, 10, 10], [3.0, 3, 7, 7], [0.0, 0, 30, 30]]])
    found = fb.match_by_bands(points, bands, torch.full((3,), 100.0), boxes, torch.tensor([3]))
    assert found.tolist() == [[1, -1, 2]]
    narrow = fb.match_by_bands(points, bands, torch.full((3,), 4.0), boxes, torch.tensor([3]))
    assert narrow.tolist() == [[1, -1, -1]]  # (5, 5) is 10 from the large box's centre
    assert fb.match_by_bands(points, bands, torch.ones(3), boxes, torch.tensor([0])).tolist() == [[-1] * 3]


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_roi_align_is_its_definition_point_by_point(scale):
    g = torch.Generator().manual_seed(3)
    maps = torch.randn(2, 3, 9, 7, generator=g, dtype=F64)
    boxes = drawn(6, 4, low=-2, high=6) / scale
    rows = torch.tensor([0, 1, 1, 0, 1, 0])
    fast = fb.roi_align(maps, boxes, rows, size=3, scale=scale)
    assert torch.allclose(fast, fb.roi_align_twin(maps, boxes, rows, size=3, scale=scale))


def test_roi_align_of_a_slope_is_the_slope_at_cell_centres():
    """Bilinear interpolation is exact for a x + b y + c; the mean over a cell is the value at its centre."""
    y, x = torch.meshgrid(torch.arange(12) + 0.5, torch.arange(16) + 0.5, indexing="ij")
    maps = (2 * x - 3 * y + 1).double()[None, None]
    found = fb.roi_align(maps, torch.tensor([[3.0, 2.0, 11.0, 8.0]], dtype=F64), torch.tensor([0]), size=4)
    cx, cy = 3 + 8 * (torch.arange(4) + 0.5) / 4, 2 + 6 * (torch.arange(4) + 0.5) / 4
    assert torch.allclose(found[0, 0], (2 * cx[None] - 3 * cy[:, None] + 1).double())


def test_roi_align_gives_the_map_its_gradient():
    maps = torch.randn(1, 2, 6, 6, generator=torch.Generator().manual_seed(0), dtype=F64, requires_grad=True)
    boxes = torch.tensor([[0.7, 1.2, 4.9, 5.1]], dtype=F64)
    rows = torch.tensor([0])
    assert torch.autograd.gradcheck(lambda m: fb.roi_align(m, boxes, rows, size=2), maps)
    assert math.isfinite(float(fb.roi_align(maps, boxes[:0], rows[:0], size=2).sum()))
