"""Masks by clicks and drafted boxes, with what they cost to correct."""

import numpy as np
import pytest

from parnassus.data.detection.boxes import Boxes
from parnassus.errors import DataError, ParnassusError
from parnassus.functional.regions import cluster_regions, grow_region, mask_iou, pixel_features
from parnassus.labelling import MaskDraft, box_corrections, clicks_to


def scene(seed=0):
    """A bright disk with a darker bar through it, on a noisy ground."""
    rows, columns = np.indices((40, 50))
    disk = (rows - 20) ** 2 + (columns - 25) ** 2 < 150
    bar = disk & (np.abs(rows - 20) < 3)
    picture = 0.1 + 0.8 * disk - 0.3 * bar
    return picture + 0.02 * np.random.default_rng(seed).random((40, 50)), disk


@pytest.mark.parametrize("diagonal", [False, True])
def test_a_region_is_scikit_images_flood(diagonal):
    segmentation = pytest.importorskip("skimage.segmentation", reason="scikit-image is not installed")
    picture = np.random.default_rng(0).integers(0, 4, (30, 30)).astype(float)
    for point in [(0, 0), (12, 17), (29, 3)]:
        theirs = segmentation.flood(picture, point, tolerance=1, connectivity=2 if diagonal else 1)
        assert (grow_region(picture, point, tolerance=1, diagonal=diagonal) == theirs).all()


def test_a_region_of_colours_is_near_in_every_channel():
    picture = np.zeros((1, 3, 3))
    picture[0, 1] = [0, 0, 5]
    assert grow_region(picture, (0, 0), tolerance=1).tolist() == [[True, False, False]]


@pytest.mark.parametrize(("point", "tolerance", "words"), [
    ((0, 0), -1, "0 or more; got -1"), ((0, 0), float("nan"), "0 or more; got nan"),
    ((0.5, 0), 1, r"the point \(0.5, 0\) lies outside"), ((3, 0), 1, "lies outside"),
])  # fmt: skip
def test_points_and_tolerances_that_select_nothing_are_refused(point, tolerance, words):
    with pytest.raises(ParnassusError, match=words):
        grow_region(np.zeros((3, 4)), point, tolerance=tolerance)


def test_overlap_of_masks():
    assert mask_iou([[1, 1]], [[1, 0]]) == 0.5
    assert mask_iou([[0]], [[0]]) == 1.0
    with pytest.raises(DataError, match="one picture"):
        mask_iou([[1]], [[1, 0]])


def test_two_clicks_and_a_removal_make_a_mask():
    picture, disk = scene()
    draft = MaskDraft(picture).add(12, 25).add(28, 25)
    assert mask_iou(draft.mask, disk) < 0.9  # the bar is missing
    draft.add(20, 25)
    assert mask_iou(draft.mask, disk) == 1.0
    draft.add(0, 0).remove(0, 0)
    assert mask_iou(draft.mask, disk) == 1.0
    assert [kind for *_, kind in draft.clicks] == ["add", "add", "add", "add", "remove"]


def test_clicks_are_counted_until_the_mask_is_right():
    picture, disk = scene()
    assert clicks_to(MaskDraft(picture), disk, iou=0.99) == 3
    assert clicks_to(MaskDraft(picture), np.zeros_like(disk)) == 0
    noise = np.random.default_rng(0).random((40, 50))
    assert clicks_to(MaskDraft(noise, tolerance=0.0), disk, most=5) is None


def test_a_segmenter_of_ones_own_drafts_masks():
    picture, disk = scene()
    assert clicks_to(MaskDraft(picture, segment=lambda image, point: disk), disk) == 1
    with pytest.raises(DataError, match="segment gave a mask of shape"):
        MaskDraft(picture, segment=lambda image, point: disk[:3]).add(0, 0)
    with pytest.raises(DataError, match="outside the picture"):
        MaskDraft(picture).add(40, 0)
    assert MaskDraft(picture).paint(disk).mask is not None
    with pytest.raises(DataError, match="the mask has shape"):
        MaskDraft(picture).paint(disk[:2])


def test_corrections_of_boxes_are_counted_by_overlap_and_label():
    true = [[0, 0, 10, 10], [20, 20, 40, 40], [60, 60, 70, 70]]
    drafted = [[0, 0, 10, 9], [22, 22, 46, 46], [80, 80, 90, 90], [1, 0, 10, 10]]
    found = box_corrections(drafted, true)
    assert (found.kept, found.moved, found.deleted, found.added) == (1, 1, 2, 1)
    assert (found.actions, found.by_hand) == (4, 3)
    wrong = box_corrections(drafted, true, labels=(["van", "car", "car", "van"], ["car", "car", "car"]))
    assert (wrong.kept, wrong.moved) == (0, 2)
    nothing = box_corrections([], true)
    assert (nothing.added, nothing.actions) == (3, 3)
    assert box_corrections(drafted, []).deleted == 4


@pytest.mark.parametrize(("boxes", "words"), [
    ([[0, 0, np.nan, 3]], r"drafted box 0 is \[0.0, 0.0, nan"),
    ([[0, 0, 2, 3], [5, 5, 1, 1]], "drafted box 1 .* none inside out"),
    ([[0, 0, 2, 3, 1, 1, 4, 4]], r"have shape \(1, 8\)"),
])  # fmt: skip
def test_boxes_that_are_none_are_no_corrections(boxes, words):
    with pytest.raises(DataError, match=words):
        box_corrections(boxes, [[0, 0, 2, 3]])
    with pytest.raises(DataError, match="1 drafted boxes have 2 labels"):
        box_corrections([[0, 0, 2, 3]], [[0, 0, 2, 3]], labels=(["a", "b"], ["a"]))
    assert box_corrections([], [[0, 0, 2, 3]]).added == 1


@pytest.mark.parametrize("picture", [np.zeros((0, 3)), np.zeros(4), np.full((2, 2), np.nan), np.zeros((2, 2, 3, 1))])
def test_what_is_no_picture_is_no_draft(picture):
    with pytest.raises(DataError, match="expected finite"):
        MaskDraft(picture)


def test_regions_of_like_colour_are_connected_and_of_one_colour():
    picture, disk = scene()
    regions = cluster_regions(picture, 3)
    measure = pytest.importorskip("skimage.measure", reason="scikit-image is not installed")
    for k in range(regions.max() + 1):
        assert np.ptp(picture[regions == k]) < 0.2
        assert measure.label(regions == k, connectivity=1).max() == 1
    bright = regions[12, 25]
    assert ((regions == bright) & ~disk).sum() == 0
    assert cluster_regions(np.zeros((3, 3)), 5).max() == 0
    with pytest.raises(DataError, match="n_colours"):
        cluster_regions(picture, 0)


def test_pixel_features_tell_the_slope_and_the_spread():
    flat, edge = np.full((1, 9, 9), 3.0), np.repeat(np.repeat([[[0.0, 1.0]]], 9, 1), 8, 2)
    np.testing.assert_allclose(pixel_features(flat)[..., [1, 5]], 3.0, atol=1e-9)
    np.testing.assert_allclose(pixel_features(flat)[..., [2, 3, 4, 6, 7, 8]], 0.0, atol=1e-3)
    found = pixel_features(edge)
    assert found[0, 4, 8, 2] > 5 * found[0, 4, 1, 2]
    with pytest.raises(DataError, match="expected finite ones"):
        pixel_features(np.zeros((3, 3)))


def test_pixels_in_colours_have_the_features_of_each_channel():
    pictures = np.random.default_rng(0).random((2, 6, 3, 3))
    found = pixel_features(pictures)
    assert found.shape == (2, 6, 3, 27)
    for c in range(3):
        turned = pixel_features(pictures[..., c].swapaxes(1, 2)).swapaxes(1, 2)
        np.testing.assert_allclose(found[..., 9 * c : 9 * c + 9], turned, atol=1e-9)
    with pytest.raises(DataError, match=r"picture\[None\]"):
        pixel_features(np.zeros((8, 9, 3)))


def test_boxes_as_a_detector_finds_them_are_taken_and_those_of_many_pictures_told_of():
    found = Boxes(np.array([[0.0, 0, 10, 10]]), np.array(["a"]))
    assert box_corrections(found, [[0, 0, 10, 11]]).kept == 1
    with pytest.raises(DataError, match=r"the true boxes are no \(n, 4\) corners.*one picture at a time"):
        box_corrections(found, [([[0, 0, 10, 11]], ["a"])])
    with pytest.raises(DataError, match="the drafted boxes are no"):
        box_corrections([found, found], found)
