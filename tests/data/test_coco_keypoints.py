"""COCO's keypoint files: subjects cut out of their pictures, points that follow, and what is refused."""

import json

import numpy as np
import pytest
from PIL import Image

import parnassus as pn
from parnassus.data.detection.coco_keypoints import read_coco_keypoints
from parnassus.data.detection.keypoint_files import open_keypoints, write_keypoints
from parnassus.errors import DataError, DataWarning, FileError

NAMES = ["nose", "tail"]


def note(number, image, box, points, **more):
    return {"id": number, "image_id": image, "category_id": 1, "bbox": box, "keypoints": points, "iscrowd": 0} | more


@pytest.fixture
def folder(tmp_path):
    """Two pictures whose pixels say where they are: red is the column, green the row."""
    (tmp_path / "images").mkdir()
    for name, (height, width) in {"a.png": (40, 60), "b.png": (30, 30)}.items():
        rows, columns = np.mgrid[:height, :width]
        pixels = np.stack([columns, rows, 0 * rows], 2).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / name)
    return tmp_path


def written(folder, notes, **tree):
    whole = {
        "images": [{"id": 7, "file_name": "a.png"}, {"id": 3, "file_name": "b.png"}],
        "categories": [{"id": 1, "name": "fish", "keypoints": NAMES, "skeleton": [[1, 2]]}, {"id": 2, "name": "buoy"}],
        "annotations": notes,
    } | tree
    (folder / "fish.json").write_text(json.dumps(whole))
    return folder / "fish.json"


def test_subjects_are_cut_out_and_their_points_show_the_same_pixels(folder):
    notes = [
        note(1, 3, [10, 10, 10, 10], [12, 13, 2, 18, 19, 1]),
        note(2, 7, [30, 5, 20, 10], [31, 6, 2, 55, 14, 2]),  # its tail lies outside the widened box
        note(3, 7, [0, 30, 10, 10], [0, 0, 0, 4, 33, 2]),  # its nose is not known; the widened box ends at the border
    ]
    cuts, points = read_coco_keypoints(written(folder, notes))
    assert [cut.shape for cut in cuts] == [(12, 27, 3), (11, 11, 3), (12, 12, 3)]
    assert [tuple(cut[0, 0, :2]) for cut in cuts] == [(28, 4), (0, 29), (9, 9)]
    wanted = [[(31, 6), (55, 14)], [None, (4, 33)], [(12, 13), (18, 19)]]
    for cut, one, true in zip(cuts, points, wanted, strict=True):
        assert one.names == ("nose", "tail")
        for place, at in zip(one.points, true, strict=True):
            if at is None:
                assert np.isnan(place).all()
                continue
            column, row = place.astype(int)
            shown = cut[min(row, cut.shape[0] - 1), min(column, cut.shape[1] - 1), :2]
            assert abs(shown.astype(int) - at).max() <= 1  # a point at the cut's very edge lies behind its last pixel


def test_crowds_and_unknown_subjects_are_left_out_aloud(folder):
    notes = [
        note(1, 7, [1, 1, 9, 9], [2, 2, 2, 3, 3, 2]),
        note(2, 7, [1, 1, 9, 9], [2, 2, 2, 3, 3, 2], iscrowd=1),
        note(3, 7, [1, 1, 9, 9], [0] * 6),
        {"id": 4, "image_id": 7, "category_id": 2, "bbox": [1, 1, 2, 2]},  # of a category without keypoints
    ]
    with pytest.warns(DataWarning, match="3 subjects are left out"):
        source = open_keypoints(written(folder, notes))
    assert (len(source.X), source.names) == (1, NAMES)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"keypoints": [1, 2, 2]}, "annotation 1 has 3 numbers under 'keypoints'; 2 points have"),
        ({"keypoints": [70, 2, 2, 1, 1, 2]}, "annotation 1 has a keypoint outside its picture of width 60"),
        ({"bbox": [1, 2]}, r"annotation 1 has the box \[1, 2\]"),
        ({"image_id": 9}, "annotation 1 is of image 9, which the file does not name"),
        ({"iscrowd": 1}, "none of its 1 subjects has a known keypoint"),
        ({"keypoints": [1, 1, 5, 2, 2, 2]}, "keypoint 0 has the visibility 5"),
    ],
)
def test_annotations_that_do_not_fit_are_refused_by_name(folder, change, words):
    with pytest.raises(DataError, match=words):
        read_coco_keypoints(written(folder, [note(1, 7, [1, 1, 9, 9], [2, 2, 2, 3, 3, 2]) | change]))


def test_files_without_keypoints_or_pictures_are_refused(folder):
    one = [note(1, 7, [1, 1, 9, 9], [2, 2, 2, 3, 3, 2])]
    with pytest.raises(DataError, match="no category names keypoints"):
        read_coco_keypoints(written(folder, one, categories=[{"id": 1, "name": "fish"}]))
    both = [{"id": 1, "name": "a", "keypoints": ["x"]}, {"id": 2, "name": "b", "keypoints": ["y"]}]
    with pytest.raises(DataError, match="2 sets of keypoints"):
        read_coco_keypoints(written(folder, one, categories=both))
    (folder / "images" / "a.png").unlink()
    with pytest.raises(FileError, match="no such picture"):
        read_coco_keypoints(written(folder, one))


def test_a_finder_learns_from_such_a_file(folder):
    rng = np.random.default_rng(0)
    notes = []
    for i in range(12):
        x, y = rng.integers(5, 20, 2).tolist()
        notes.append(note(i, 7, [x, y, 12, 12], [x + 2, y + 2, 2, x + 9, y + 9, 2]))
    path = written(folder, notes)
    model = pn.KeypointFinder(pn.model("heat_unet", widths=(4, 8)), epochs=2, batch_size=4, progress=False).fit(path)
    assert model.predict(path).shape == (12, 2, 2)
    assert model.target_.names == ("nose", "tail")
    assert len(model.evaluate(path).by_class) == 2


def test_cut_out_subjects_are_written_as_pictures_beside_a_table(folder):
    notes = [note(i, 7, [10 * i, 5, 9, 9], [10 * i + 2, 6, 2, 10 * i + 5, 9, 2]) for i in range(3)]
    cuts, points = read_coco_keypoints(written(folder, notes))
    again = open_keypoints(write_keypoints(folder / "test.csv", cuts, points))
    assert again.y == points
    for path, cut in zip(again.X, cuts, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(path)), cut)
