"""The mask branch: its loss slowly, its head's size in closed form, masks there and back, and what it is built of."""

import pytest
import torch

import parnassus as pn
from parnassus.functional import boxes as fb
from parnassus.models.detection.mask_rcnn import MaskHead
from parnassus.objectives.detection.proposals import Drawn

F64 = torch.float64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_loss_of_a_mask_is_that_of_the_plain_loops():
    g = generator()
    logits, classes = torch.randn(4, 3, 6, 6, generator=g, dtype=F64), torch.tensor([2, 0, 1, 2])
    masks = (torch.rand(4, 9, 12, generator=g) < 0.5).to(F64)
    corner = torch.rand(4, 2, generator=g, dtype=F64) * 4 - 1  # some stand over the edge
    regions = torch.cat([corner, corner + 2 + 6 * torch.rand(4, 2, generator=g, dtype=F64)], 1)
    fast = fb.mask_loss(logits, classes, fb.mask_targets(masks, regions, size=6))
    torch.testing.assert_close(fast, fb.mask_loss_twin(logits, classes, masks, regions))


def test_only_the_true_class_s_mask_is_taught():
    logits = torch.zeros(2, 3, 4, 4, dtype=F64, requires_grad=True)
    fb.mask_loss(logits, torch.tensor([1, 2]), torch.ones(2, 4, 4, dtype=F64)).sum().backward()
    taught = logits.grad.abs().sum((2, 3)) > 0
    assert taught.tolist() == [[False, True, False], [False, False, True]]
    assert logits.grad[0, 1].unique().tolist() == [-0.5 / 16]  # s(0) - 1, over 16 pixels


@pytest.mark.usefixtures("draws")
def test_the_head_of_the_paper_has_its_parameters_in_closed_form():
    """Four convolutions of 256, one transposed, K + 1 planes: He et al. 2017, figure 4; 2,646,107 at 91 planes."""
    n = sum(p.numel() for p in MaskHead(256, (256,) * 4, 90).parameters())
    assert n == 4 * (256 * 256 * 9 + 256) + (256 * 256 * 4 + 256) + 91 * (256 + 1) == 2_646_107
    assert MaskHead(8, (4,), 2)(torch.zeros(3, 8, 14, 14)).shape == (3, 3, 28, 28)


def test_a_mask_goes_into_a_region_and_comes_back():
    there = torch.zeros(1, 40, 50, dtype=torch.bool)
    there[0, 8:30, 10:38] = True
    there[0, 8:16, 10:20] = False
    box = fb.boxes_of_masks(there)
    assert box.tolist() == [[10, 8, 38, 30]]
    cells = fb.mask_targets(there, box, size=28)
    assert (fb.pasted_masks(cells, box, (40, 50)) != there).sum() <= 8  # an edge within a cell


def test_pasting_is_bilinear_between_cell_centres_and_cut_at_the_picture_s_edge():
    shares = torch.tensor([[[0.0, 1.0], [0.0, 1.0]]], dtype=F64)
    box = torch.tensor([[-2.0, 0.0, 6.0, 2.0]], dtype=F64)
    found = fb.pasted_masks(shares, box, (3, 5), threshold=0.5)
    # the cells' centres lie at x = 0 and 4, so that the share is x / 4 between them
    assert found.int().tolist() == [[[0, 0, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 0, 0, 0]]]
    assert fb.pasted_masks(shares, box, (3, 5), threshold=0.3).int()[0, 0].tolist() == [0, 1, 1, 1, 1]


def made(**options):
    (builder,) = [b for b in pn.model if b.name == "mask_rcnn"]
    facts = {"in_channels": 1, "image_size": (32, 32), "n_outputs": 2}
    return builder.make(**facts, **builder.defaults | {"widths": (8, 8), "hidden": 8, "mask_widths": (8,)} | options)


@pytest.mark.usefixtures("draws")
def test_each_picture_s_mask_loss_is_the_mean_over_its_positive_regions_alone():
    objective = made().double()
    maps = objective.maps(torch.randn(2, 1, 32, 32, generator=generator(), dtype=F64))
    masks = torch.randint(2, (2, 2, 32, 32), generator=generator(1), dtype=torch.uint8)
    regions = torch.tensor([[2.0, 3, 12, 15], [0.0, 0, 30, 30], [8.0, 8, 20, 24]], dtype=F64)
    none = torch.zeros(0, 4, dtype=F64)
    first = Drawn(regions, torch.tensor([1, 0, 2]), regions, torch.tensor([1, 0, 0]))
    second = Drawn(none, torch.zeros(0, dtype=torch.long), none, torch.zeros(0, dtype=torch.long))
    found = objective.loss_of_masks(maps, [first, second], {"y_masks": masks})
    expected = []
    for region, k, place in zip(regions[[0, 2]], (1, 2), (1, 0), strict=True):
        logits = objective.mask_head(objective.looked_at([m[:1] for m in maps], [region[None]], size=14))
        one = masks[0, place][None].to(F64)
        expected.append(fb.mask_loss_twin(logits, torch.tensor([k]), one, region[None]))
    torch.testing.assert_close(found, torch.stack([torch.cat(expected).mean(), torch.tensor(0.0, dtype=F64)]))


@pytest.mark.usefixtures("draws")
def test_a_found_box_s_mask_is_that_of_its_own_class():
    objective = made().eval()
    with torch.no_grad():
        objective.mask_head.planes.weight.zero_()
        objective.mask_head.planes.bias.copy_(torch.tensor([9.0, -2.0, 3.0]))  # background, class 0, class 1
        (found,) = objective.detect({"x": torch.randn(1, 1, 32, 32, generator=generator())}, threshold=0.0, n_most=60)
    assert {0, 1} == set(found.classes.tolist())
    shares = torch.tensor([-2.0, 3.0]).sigmoid()[found.classes]
    torch.testing.assert_close(found.masks, shares[:, None, None].expand(-1, 28, 28))


def test_boxes_without_masks_and_widths_of_nothing_are_refused():
    with pytest.raises(pn.SettingError, match="mask_widths"):
        made(mask_widths=())


def test_a_box_without_an_area_has_no_pixels():
    """As one is found that lies in the black around a padded picture, and is cut at the picture's edge."""
    boxes = torch.tensor([[3.0, 1.0, 3.0, 5.0], [0.5, 0.5, 0.5, 0.5], [0.0, 2.5, 4.0, 2.5], [1.0, 1.0, 3.0, 3.0]])
    found = fb.pasted_masks(torch.ones(4, 28, 28), boxes, (6, 7))
    assert found.sum((1, 2)).tolist() == [0, 0, 0, 4]
