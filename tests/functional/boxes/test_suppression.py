"""Overlaps and suppression: the fixture, a plain loop over pairs, and the kernel against its twin."""

import math

import pytest
import torch
from torch import Tensor

from parnassus import kernels
from parnassus.errors import DataError
from parnassus.functional.boxes import area, iou, matrix_nms, nms, nms_by_class, nms_twin, soft_nms


def drawn(n: int, seed: int, *, grid: bool = False, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Random boxes and scores; on a grid there are many equal scores, equal boxes and empty boxes."""
    g = torch.Generator().manual_seed(seed)
    corner, size = torch.rand(n, 2, generator=g, dtype=dtype) * 10, torch.rand(n, 2, generator=g, dtype=dtype) * 4
    boxes, scores = torch.cat([corner, corner + size], 1), torch.rand(n, generator=g, dtype=dtype)
    return (boxes.round(), (scores * 4).round()) if grid else (boxes, scores)


def greedy(boxes: Tensor, scores: Tensor, threshold: float) -> list[int]:
    """The definition, a pair at a time, in Python's float64."""
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: -float(scores[i])):
        overlaps = []
        for j in kept:
            a, b = boxes[i].tolist(), boxes[j].tolist()
            width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
            shared = max(width, 0.0) * max(height, 0.0)
            union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
            overlaps.append(shared / union if union else 0.0)
        if all(overlap <= threshold for overlap in overlaps):
            kept.append(i)
    return kept


@pytest.mark.parametrize("grid", [False, True], ids=["random", "ties"])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_kernel_twin_and_definition_keep_the_same_boxes(threshold: float, grid: bool) -> None:
    boxes, scores = drawn(120, 3, grid=grid, dtype=torch.float64)
    expected = greedy(boxes, scores, threshold)
    assert nms(boxes, scores, threshold).tolist() == expected
    assert nms_twin(boxes, scores, threshold).tolist() == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_kernel_and_twin_agree_in_every_dtype(dtype: torch.dtype) -> None:
    boxes, scores = drawn(300, 5)
    boxes, scores = boxes.to(dtype), scores.to(dtype)
    assert torch.equal(nms(boxes, scores, 0.4), nms_twin(boxes, scores, 0.4))


@pytest.mark.parametrize("n", [0, 1])
def test_no_box_and_one_box_are_kept(n: int) -> None:
    boxes, scores = drawn(n, 0)
    assert nms(boxes, scores, 0.5).tolist() == list(range(n))
    assert nms_twin(boxes, scores, 0.5).tolist() == list(range(n))


def test_equal_empty_boxes_all_stay() -> None:
    boxes = torch.ones(3, 4)
    assert nms(boxes, torch.ones(3), 0.5).tolist() == [0, 1, 2]


def test_a_strided_view_gives_what_its_copy_gives() -> None:
    boxes, scores = drawn(60, 7)
    wide = torch.zeros(60, 8)
    wide[:, ::2] = boxes
    assert torch.equal(nms(wide[:, ::2], scores, 0.3), nms(boxes, scores, 0.3))


def test_boxes_of_a_wrong_shape_are_refused() -> None:
    with pytest.raises(DataError, match=r"boxes \(n, 4\)"):
        nms(torch.zeros(3, 5), torch.zeros(3), 0.5)
    with pytest.raises(DataError, match=r"scores \(n,\)"):
        nms(torch.zeros(3, 4), torch.zeros(3, 1), 0.5)


@pytest.mark.parametrize("suppress", [lambda b, s: nms(b, s, 0.5), soft_nms, matrix_nms])
@pytest.mark.parametrize(("boxes", "scores"), [
    ([[0.0, 0, 1, 1], [0, 0, 1, 1]], [float("nan"), 0.5]), ([[0.0, 0, 1, float("nan")], [0, 0, 1, 1]], [0.6, 0.5]),
])  # fmt: skip
def test_nan_does_not_win_over_every_score(suppress, boxes, scores) -> None:
    with pytest.raises(DataError, match="hold NaN"):
        suppress(torch.tensor(boxes), torch.tensor(scores))


def test_b37_overlaps_and_suppression_of_four_boxes() -> None:
    """Baker, fixture B37: overlaps .6807, .5 and .3158; a box goes when its overlap exceeds the threshold."""
    boxes = torch.tensor([[0, 0, 10, 10], [1, 1, 11, 11], [0, 0, 10, 5], [20, 20, 30, 30]], dtype=torch.float64)
    scores = torch.tensor([0.9, 0.8, 0.7, 0.6])
    overlaps = iou(boxes, boxes)
    assert overlaps[0, 1].item() == pytest.approx(0.6807, abs=5e-5)
    assert overlaps[0, 2].item() == pytest.approx(0.5)
    assert overlaps[1, 2].item() == pytest.approx(0.3158, abs=5e-5)
    assert overlaps.diagonal().tolist() == [1.0] * 4
    assert area(boxes).tolist() == [100, 100, 50, 100]
    for threshold, expected in ((0.45, [0, 3]), (0.5, [0, 2, 3]), (0.7, [0, 1, 2, 3])):
        assert nms(boxes, scores, threshold).tolist() == expected
        assert nms_twin(boxes, scores, threshold).tolist() == expected


def test_the_kernel_is_what_runs_where_there_is_a_compiler() -> None:
    nms(*drawn(4, 0), 0.5)
    assert kernels.status()["nms"].startswith(("compiled", "twin: no C++ compiler", "off"))


# --- by class, soft, in one matrix ----------------------------------------------------------------


def test_classes_are_suppressed_one_by_one() -> None:
    boxes, scores = drawn(200, 11, dtype=torch.float64)
    labels = torch.arange(200) % 3
    expected = []
    for label in range(3):
        own = (labels == label).nonzero()[:, 0]
        expected += [int(own[i]) for i in greedy(boxes[own], scores[own], 0.4)]
    kept = nms_by_class(boxes, scores, labels, iou_threshold=0.4)
    assert sorted(kept.tolist()) == sorted(expected)
    assert scores[kept].tolist() == sorted(scores[kept].tolist(), reverse=True)
    assert nms_by_class(boxes[:0], scores[:0], labels[:0], iou_threshold=0.4).tolist() == []


def softened(boxes: Tensor, scores: Tensor, sigma: float | None, threshold: float, least: float) -> list:
    """Soft-NMS by its definition, a box at a time."""
    left = {i: float(s) for i, s in enumerate(scores)}
    found = []
    while left:
        best = max(left, key=lambda i: left[i])
        if left[best] < least:
            break
        found.append((best, left.pop(best)))
        for i in left:
            overlap = float(iou(boxes[best : best + 1], boxes[i : i + 1]))
            if sigma is None:
                left[i] *= 1 - overlap if overlap > threshold else 1
            else:
                left[i] *= math.exp(-(overlap**2) / sigma)
    return found


@pytest.mark.parametrize("sigma", [None, 0.5])
def test_soft_suppression_lowers_scores_as_its_definition_does(sigma: float | None) -> None:
    boxes, scores = drawn(60, 13, dtype=torch.float64)
    expected = softened(boxes, scores, sigma, 0.3, 0.05)
    kept, lowered = soft_nms(boxes, scores, sigma=sigma, iou_threshold=0.3, least=0.05)
    assert kept.tolist() == [i for i, _ in expected]
    assert lowered.tolist() == pytest.approx([s for _, s in expected], rel=1e-12)


@pytest.mark.parametrize("sigma", [None, 2.0])
def test_matrix_suppression_is_its_formula(sigma: float | None) -> None:
    boxes, scores = drawn(40, 17, dtype=torch.float64)
    f = (lambda u: 1 - u) if sigma is None else (lambda u: math.exp(-sigma * u * u))
    order = sorted(range(40), key=lambda i: -float(scores[i]))
    overlap = iou(boxes, boxes)
    expected = scores.clone()
    for place, j in enumerate(order):
        decays = []
        for at, i in enumerate(order[:place]):
            own = max((float(overlap[k, i]) for k in order[:at]), default=0.0)
            decays.append(f(float(overlap[i, j])) / f(own))
        expected[j] *= min(decays, default=1.0)
    assert torch.allclose(matrix_nms(boxes, scores, sigma=sigma), expected, rtol=1e-10, atol=1e-12)
