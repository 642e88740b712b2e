"""COCO's masks against COCO's own code: run lengths exactly, polygons up to their edges; files there and back."""

import json

import numpy as np
import pytest
from PIL import Image as Pictures

import parnassus as pn
from parnassus.data.detection.boxes import Boxes
from parnassus.data.detection.coco import read_coco, write_coco
from parnassus.data.detection.coco_masks import mask_of, mask_of_runs, runs_of_mask
from parnassus.data.detection.object_masks import things_of_map


@pytest.fixture
def coding():
    return pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed, and it is the oracle")


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_run_lengths_are_those_of_pycocotools(coding, share):
    rng = np.random.default_rng(0)
    mask = (rng.random((37, 50)) < share).astype(np.uint8)
    mask[5:30, 10:40] |= share == 0.02
    text = coding.encode(np.asfortranarray(mask))
    read = mask_of({"size": [37, 50], "counts": text["counts"].decode()}, (37, 50), "it")
    assert np.array_equal(read, mask)
    assert np.array_equal(mask_of_runs(runs_of_mask(mask), (37, 50)), mask)
    again = coding.frPyObjects({"size": [37, 50], "counts": runs_of_mask(mask)}, 37, 50)
    assert again["counts"] == text["counts"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
def test_polygons_are_those_of_pycocotools_up_to_pixels_at_their_edges(coding):
    rng = np.random.default_rng(1)
    for _ in range(10):
        turns = np.sort(rng.uniform(0, 2 * np.pi, 9))
        corners = 40 + rng.uniform(10, 35, 9)[:, None] * np.stack([np.cos(turns), np.sin(turns)], 1)
        ours = mask_of([corners.ravel().tolist()], (80, 90), "it")
        theirs = coding.decode(coding.merge(coding.frPyObjects([corners.ravel().tolist()], 80, 90))).astype(bool)
        around = np.abs(np.diff(np.concatenate([corners, corners[:1]]), axis=0)).sum()
        assert (ours != theirs).sum() < 0.5 * around  # half a pixel along the edge at most
    square = mask_of([[2, 3, 6, 3, 6, 8, 2, 8]], (10, 10), "it")
    assert square.sum() == 20
    assert square[3:8, 2:6].all()


def test_a_file_with_masks_is_written_and_read(tmp_path):
    numbers = np.zeros((20, 30), dtype=int)
    numbers[2:9, 3:12], numbers[5:18, 15:28], numbers[5:9, 15:20] = 1, 2, 0
    made = things_of_map(numbers, ["cat", "dog"])
    Pictures.fromarray((numbers * 90).astype(np.uint8)).save(tmp_path / "a.png")
    boxes = Boxes(made["boxes"], made["labels"], masks=made["masks"])
    write_coco(tmp_path / "a.json", [tmp_path / "a.png"], [boxes])
    files, found = read_coco(tmp_path / "a.json", masks=True)
    assert found == [boxes]
    assert read_coco(tmp_path / "a.json")[1][0].masks is None
    model = pn.Detector(pn.model("mask_rcnn", widths=(8,), hidden=8, mask_widths=(8,)), epochs=1, progress=False)
    assert model.fit(files * 2, found * 2).classes_.tolist() == ["cat", "dog"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "no segmentation"),
        ([], "no segmentation"),
        ([[1, 1, 5, 5]], "2 corners"),
        ([[1, 1, 5]], "cannot be read"),
        ({"size": [20, 31], "counts": [620]}, "is \\(20, 30\\)"),
        ({"size": [20, 30], "counts": [7, 9]}, "add up to 16"),
    ],
)
def test_masks_that_cannot_be_read_are_refused_by_annotation(tmp_path, given, words):
    Pictures.fromarray(np.zeros((20, 30), dtype=np.uint8)).save(tmp_path / "a.png")
    note = {"id": 7, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "segmentation": given}
    tree = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [note], "categories": [{"id": 1, "name": "c"}]}
    (tmp_path / "a.json").write_text(json.dumps(tree))
    with pytest.raises(pn.DataError, match=rf"a.png: annotation 7.*{words}"):
        read_coco(tmp_path / "a.json", masks=True)


@pytest.mark.parametrize(
    ("numbers", "labels", "words"),
    [([[0.5]], None, "whole numbers"), ([[1, 2]], ["a"], "thing 2"), ([1, 2], None, "height, width")],
)
def test_maps_of_things_that_cannot_be_cut_up_are_refused(numbers, labels, words):
    with pytest.raises(pn.DataError, match=words):
        things_of_map(numbers, labels)
