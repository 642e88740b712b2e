"""SSD's loss by hand and by loops, what anchors answer for, and the published sizes of SSD300."""

import math

import pytest
import torch
from torch.nn import functional as F

import parnassus as pn
from parnassus.functional import boxes as fb
from parnassus.objectives.detection.anchor_free import FCOS, centrality
from parnassus.objectives.detection.detector import chosen, picked
from parnassus.objectives.detection.proposals import drawn

F64 = torch.float64


def loss_slowly(scores, offsets, classes, goals, alpha, ratio):
    """Equation A119 with A121 in loops over pictures and anchors."""
    total, n = 0.0, 0
    for s, o, c, g in zip(scores, offsets, classes.tolist(), goals, strict=True):
        named = [-float(s[i].log_softmax(0)[max(k, 0)]) for i, k in enumerate(c)]
        positive = [i for i, k in enumerate(c) if k > 0]
        negative = sorted((i for i, k in enumerate(c) if k == 0), key=lambda i: -named[i])
        n += len(positive)
        total += sum(named[i] for i in positive) + sum(named[i] for i in negative[: int(ratio * len(positive))])
        for i in positive:
            for e in (o[i] - g[i]).tolist():
                total += alpha * (0.5 * e * e if abs(e) < 1 else abs(e) - 0.5)
    return total / n if n else 0.0


@pytest.mark.parametrize("ratio", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_the_loss_is_equation_one_in_loops(alpha, ratio):
    g = torch.Generator().manual_seed(0)
    scores, offsets = torch.randn(3, 20, 4, generator=g, dtype=F64), torch.randn(3, 20, 4, generator=g, dtype=F64)
    goals, classes = 2 * torch.randn(3, 20, 4, generator=g, dtype=F64), torch.zeros(3, 20, dtype=torch.long)
    classes[0, :3], classes[0, 3:6], classes[1, 4] = torch.tensor([1, 2, 3]), -1, 2
    scores[0, 3:6, 0] = -9.0  # of those left out, who would be the hardest negatives of all
    ours = fb.ssd_loss(scores, offsets, classes, goals, alpha=alpha, ratio=ratio)
    assert float(ours) == pytest.approx(loss_slowly(scores, offsets, classes, goals, alpha, ratio), rel=1e-12)


def test_b40_without_a_match_the_loss_is_zero_and_has_a_gradient():
    """Baker, fixture B40."""
    scores = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss = fb.ssd_loss(scores, torch.zeros(2, 5, 4), torch.zeros(2, 5, dtype=torch.long), torch.zeros(2, 5, 4))
    assert loss.item() == 0.0
    loss.backward()
    assert scores.grad.abs().sum() == 0


def test_pictures_weigh_as_copies_do():
    g = torch.Generator().manual_seed(1)
    scores, offsets = torch.randn(2, 9, 3, generator=g, dtype=F64), torch.randn(2, 9, 4, generator=g, dtype=F64)
    classes = torch.tensor([[1, 0, 0, 2, 0, 0, 0, 0, 0], [0, 0, 2, 0, 0, 0, 0, 0, 0]])
    goals, twice = torch.zeros(2, 9, 4, dtype=F64), [0, 0, 1]
    copied = fb.ssd_loss(scores[twice], offsets[twice], classes[twice], goals[twice])
    weighed = fb.ssd_loss(scores, offsets, classes, goals, weight=torch.tensor([2.0, 1.0], dtype=F64))
    assert float(copied) == pytest.approx(float(weighed), rel=1e-12)


def test_the_focal_loss_is_its_equation_a_number_at_a_time():
    g = torch.Generator().manual_seed(2)
    logits, classes = torch.randn(2, 6, 3, generator=g, dtype=F64), torch.tensor([[0, 1, 3, -1, 0, 2], [0] * 6])
    total = 0.0
    for row, named in zip(logits.tolist(), classes.tolist(), strict=True):
        for zs, c in zip(row, named, strict=True):
            for k, z in enumerate(zs):
                p = 1 / (1 + math.exp(-z))
                p_t, a_t = (p, 0.25) if c == k + 1 else (1 - p, 0.75)
                total -= (c >= 0) * a_t * (1 - p_t) ** 2 * math.log(p_t)
    assert float(fb.focal_box_loss(logits, classes)) == pytest.approx(total, rel=1e-10)


def test_places_take_the_class_of_their_box_and_uncounted_boxes_leave_them_out():
    matched = torch.tensor([[0, 1, fb.BACKGROUND, fb.IGNORED]])
    classes, boxes = picked(matched, torch.arange(8.0).view(1, 2, 4), torch.tensor([[2, -1]]))
    assert classes.tolist() == [[3, -1, 0, -1]]
    assert boxes[0, 0].tolist() == [0, 1, 2, 3]
    none, _ = picked(torch.tensor([[fb.BACKGROUND]]), torch.zeros(1, 0, 4), torch.zeros(1, 0, dtype=torch.long))
    assert none.tolist() == [[0]]


def test_found_boxes_pass_the_threshold_and_suppression_by_class():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0.0, 0, 10, 9], [20.0, 0, 30, 10]])
    scores = torch.tensor([[0.9, 0.0], [0.8, 0.7], [0.2, 0.3]])
    found = chosen(scores, boxes, threshold=0.25, iou_threshold=0.5, n_most=5)
    assert found.scores.tolist() == pytest.approx([0.9, 0.7, 0.3])
    assert found.classes.tolist() == [0, 1, 1]
    assert len(chosen(scores, boxes, threshold=0.25, iou_threshold=0.5, n_most=1).scores) == 1


def made(name, **given):
    (builder,) = [b for b in pn.model if b.name == name and "detector" in b.tasks]
    facts = {"in_channels": 3, "image_size": (64, 64), "n_outputs": 3}
    return builder.make(**facts | {k: given.pop(k) for k in list(given) if k in facts}, **builder.defaults | given)


@pytest.mark.slow
@pytest.mark.usefixtures("draws")
def test_ssd300_has_the_published_number_of_boxes_and_parameters():
    """8,732 boxes: Liu et al. 2016. 35,641,826 parameters at 90 classes: the published count of the same net."""
    net = made("ssd", backbone="vgg16", image_size=(300, 300), n_outputs=90)
    assert net.anchors.shape == (8732, 4)
    assert sum(p.numel() for p in net.parameters()) == 35_641_826


PUBLISHED = [
    ("retinanet", {"depth": 4, "n_outputs": 91}, 34_014_999),
    ("fcos", {"depth": 4, "n_outputs": 91}, 32_269_600),
    ("faster_rcnn", {"hidden": 1024, "n_outputs": 90}, 41_755_286),
    ("mask_rcnn", {"hidden": 1024, "n_outputs": 90, "mask_widths": (256,) * 4}, 44_401_393),
    ("keypoint_rcnn", {"hidden": 1024, "n_outputs": 1, "n_points": 17, "point_widths": (512,) * 8}, 59_137_258),
]


@pytest.mark.slow
@pytest.mark.usefixtures("draws")
@pytest.mark.parametrize(("name", "options", "published"), PUBLISHED)
def test_nets_on_resnet50_have_the_published_number_of_parameters(name, options, published):
    """Published of the same nets for 91 numbers of COCO, whose batch normalisation is frozen and not counted."""
    net = made(name, backbone="resnet50", **options)
    frozen = sum(p.numel() for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d) for p in m.parameters())
    assert sum(p.numel() for p in net.parameters()) - frozen == published


NETS = {
    "ssd": {"widths": (8, 8, 8)},
    "retinanet": {"widths": (8, 8, 8), "depth": 1},
    "fcos": {"widths": (8, 8, 8), "depth": 1},
    "faster_rcnn": {"widths": (8, 8), "hidden": 8},
    "mask_rcnn": {"widths": (8, 8), "hidden": 8, "mask_widths": (8,)},
    "keypoint_rcnn": {"widths": (8, 8), "hidden": 8, "point_widths": (8,), "n_points": 2},
}


@pytest.mark.slow
@pytest.mark.usefixtures("draws")
@pytest.mark.parametrize("name", NETS)
def test_every_parameter_gets_a_gradient_and_scores_are_shares(name):
    objective = made(name, **NETS[name])
    g = torch.Generator().manual_seed(3)
    batch = {
        "x": torch.randn(2, 3, 64, 64, generator=g),
        "y": torch.tensor([[[4.0, 4, 20, 24], [30.0, 8, 60, 40]], [[8.0, 10, 50, 62], [0.0, 0, 0, 0]]]),
        "y_labels": torch.tensor([[0, 2], [1, 0]]),
        "y_lengths": torch.tensor([2, 1]),
        "y_masks": torch.randint(2, (2, 2, 64, 64), generator=g, dtype=torch.uint8),
        "y_points": torch.cat(
            [
                torch.tensor([[[[9.0, 8.0]], [[40.0, 30.0]]], [[[20.0, 50.0]], [[0.0, 0.0]]]]).expand(2, 2, 2, 2),
                torch.ones(2, 2, 2, 1),
            ],
            3,
        ),
    }
    objective.mean_loss(batch).backward()
    assert [n for n, p in objective.named_parameters() if p.grad is None] == []
    assert all(p.grad.isfinite().all() for p in objective.parameters())
    with torch.no_grad():
        found = objective.eval().detect({"x": batch["x"]}, threshold=0.0, n_most=7)
        empty = objective.mean_loss({**batch, "y_lengths": torch.zeros(2, dtype=torch.long)})
    assert len(found) == 2
    assert empty.isfinite()
    for one in found:
        assert one.boxes.shape[1] == 4
        assert len(one.scores) <= 7
        assert (one.scores >= 0).all()
        assert (one.scores <= 1).all()
        assert (one.boxes >= 0).all()
        assert (one.boxes <= 64).all()


def test_smooth_l1_and_huber_are_one_at_delta_one():
    e = torch.linspace(-3, 3, 13, dtype=F64)
    from parnassus.functional.losses import huber

    assert torch.allclose(huber(e), F.smooth_l1_loss(e, torch.zeros_like(e), reduction="none"))


def test_what_is_drawn_is_of_the_asked_and_no_more():
    of = torch.rand(4, 30, generator=torch.Generator().manual_seed(0)) < 0.5
    with torch.random.fork_rng():
        torch.manual_seed(0)
        some, other = drawn(of, 5), drawn(of, torch.tensor([0, 3, 99, 1]))
    assert not (some & ~of).any()
    assert some.sum(1).tolist() == [5] * 4
    assert other.sum(1).tolist() == [0, 3, int(of[2].sum()), 1]


@pytest.mark.usefixtures("draws")
def test_regions_are_looked_at_on_the_map_that_suits_their_size_as_roi_align_does():
    objective = made("faster_rcnn", widths=(8, 8, 8), hidden=8, image_size=(128, 128)).eval()
    maps = objective.maps(torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0)))
    small, large = torch.tensor([[4.0, 4, 30, 34]]), torch.tensor([[0.0, 0, 128, 126]])
    found = objective.looked_at(maps, [small, large])
    first = fb.roi_align_twin(maps[0], small, torch.tensor([0]), scale=1 / 4)
    second = fb.roi_align_twin(maps[1], large, torch.tensor([1]), scale=1 / 8)
    assert torch.allclose(found, torch.cat([first, second]), atol=1e-5)


def test_centrality_and_boxes_of_points_by_hand():
    points, boxes = torch.tensor([[4.0, 5.0]]), torch.tensor([[0.0, 0, 10, 10]])
    assert centrality(points, boxes).item() == pytest.approx(math.sqrt(4 / 6))
    objective = FCOS(torch.nn.Identity(), points, torch.tensor([2.0]), torch.tensor([[0.0, 9]]), (20, 20), radius=1.5)
    assert objective.boxes_at(torch.tensor([[[1.0, 2, 3, 4]]])).tolist() == [[[2, 1, 10, 13]]]
