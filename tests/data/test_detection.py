"""Boxes from every form and file: read right, or refused by name; boxes that follow their pictures; digit scenes."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image as Pictures

import parnassus as pn
from parnassus.data.detection.annotations import annotated
from parnassus.data.detection.boxes import Boxes, BoxTargets, all_checked, boxes_of
from parnassus.data.detection.coco import write_coco
from parnassus.data.detection.moved_boxes import changed_with_boxes, moved_boxes
from parnassus.data.detection.placement import Placement
from parnassus.data.detection.scenes import digit_scenes
from parnassus.errors import DataError, FileError
from parnassus.functional.augmentation import geometry
from parnassus.functional.augmentation.cropping import jaccard_crops
from parnassus.functional.boxes import iou

RNG = np.random.default_rng(0)


def pictures(folder, *names, size=(20, 30)):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Pictures.fromarray(RNG.integers(0, 255, (*size, 3), dtype=np.uint8)).save(folder / name)


def names(found):
    return [p.name for p in found]


# --- COCO -----------------------------------------------------------------------------------------

COCO = {
    "images": [{"id": 7, "file_name": "a.png"}, {"id": 9, "file_name": "b.png"}],
    "categories": [{"id": 1, "name": "cat"}, {"id": 18, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 9, "category_id": 18, "bbox": [1, 2, 10, 8], "iscrowd": 0},
        {"id": 2, "image_id": 9, "category_id": 1, "bbox": [5, 5, 5, 5], "iscrowd": 1},
    ],
}


def written(path, tree):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree))
    return path


@pytest.mark.parametrize("where", [".", "images", "../images"])
def test_coco_files_are_read_wherever_their_pictures_lie(tmp_path, where):
    pictures(tmp_path / "notes" / where, "a.png", "b.png")
    X, y = annotated(written(tmp_path / "notes" / "train.json", COCO), None)
    assert names(X) == ["a.png", "b.png"]
    assert len(y[0]) == 0
    assert y[1].boxes.tolist() == [[1, 2, 11, 10], [5, 5, 10, 10]]
    assert y[1].labels.tolist() == ["dog", "cat"]
    assert y[1].crowd.tolist() == [False, True]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"annotations": [{"id": 3, "image_id": 99, "category_id": 1, "bbox": [0, 0, 1, 1]}]}, ["annotation 3", "99"]),
        ({"annotations": [{"id": 3, "image_id": 7, "category_id": 5, "bbox": [0, 0, 1, 1]}]}, ["category 5", "1, 18"]),
        ({"annotations": [{"id": 3, "image_id": 7, "category_id": 1, "bbox": [0, 0, 1]}]}, ["annotation 3", "four"]),
        ({"annotations": [{"id": 3, "image_id": 7, "category_id": 1}]}, ["annotation 3", "bbox"]),
        ({"images": [{"id": 7, "file_name": "a.png"}, {"id": 7, "file_name": "b.png"}]}, ["share the id", "image"]),
        ({"images": [{"id": 7}]}, ["file_name"]),
        ({"images": [], "annotations": []}, ["no images"]),
        ({"images": [{"id": 7, "file_name": "lost.png"}], "annotations": []}, ["lost.png", "no such picture"]),
    ],
)
def test_coco_files_that_contradict_themselves_are_refused(tmp_path, change, words):
    pictures(tmp_path, "a.png", "b.png")
    with pytest.raises((DataError, FileError)) as caught:
        annotated(written(tmp_path / "c.json", COCO | change), None)
    assert all(word in str(caught.value) for word in words), caught.value


def test_what_is_written_as_coco_is_read_back(tmp_path):
    pictures(tmp_path, "a.png", "b.png")
    boxes = [
        Boxes(np.array([[1.0, 2, 9, 8], [0, 0, 4, 4]]), np.array(["dog", "cat"]), crowd=np.array([False, True])),
        Boxes(np.zeros((0, 4)), np.zeros(0, dtype=object)),
    ]
    path = write_coco(tmp_path / "test.json", [tmp_path / "a.png", tmp_path / "b.png"], boxes)
    X, y = annotated(path, None)
    assert names(X) == ["a.png", "b.png"]
    assert y == boxes


def test_files_that_are_no_annotations_are_refused(tmp_path):
    (tmp_path / "cut.json").write_text('{"images": [')
    with pytest.raises(FileError, match=r"cut\.json is no JSON"):
        annotated(tmp_path / "cut.json", None)
    with pytest.raises(DataError, match="images, annotations and categories"):
        annotated(written(tmp_path / "other.json", {"a": 1}), None)
    with pytest.raises(FileError, match="does not exist"):
        annotated(tmp_path / "none", None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileError, match="neither pictures nor boxes"):
        annotated(tmp_path / "empty", None)


# --- VOC ------------------------------------------------------------------------------------------


def voc(path, name, *things, difficult=0):
    inner = "".join(
        f"<object><name>{c}</name><difficult>{difficult}</difficult><bndbox><xmin>{b[0]}</xmin><ymin>{b[1]}</ymin>"
        f"<xmax>{b[2]}</xmax><ymax>{b[3]}</ymax></bndbox></object>"
        for c, b in things
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<annotation><filename>{name}</filename>{inner}</annotation>")


def test_voc_files_count_pixels_from_one(tmp_path):
    pictures(tmp_path / "JPEGImages", "a.png", "b.png")
    voc(tmp_path / "Annotations" / "a.xml", "a.png", ("cat", (1, 1, 8, 6)), ("dog", (11, 3, 20, 12)))
    voc(tmp_path / "Annotations" / "b.xml", "b.png", ("cat", (2, 2, 3, 3)), difficult=1)
    X, y = annotated(tmp_path, None)
    assert names(X) == ["a.png", "b.png"]
    assert y[0].boxes.tolist() == [[0, 0, 8, 6], [10, 2, 20, 12]]
    assert y[1].ignored.tolist() == [True]
    again = annotated(tmp_path / "JPEGImages", tmp_path / "Annotations")
    assert names(again[0]) == names(X)
    assert again[1] == y


def test_voc_files_without_their_picture_and_pictures_without_their_file_are_refused(tmp_path):
    pictures(tmp_path, "a.png", "c.png")
    voc(tmp_path / "a.xml", "a.png", ("cat", (1, 1, 8, 6)))
    with pytest.raises(DataError, match=r"1 pictures have no \.xml, such as .*c\.png"):
        annotated(tmp_path, None)
    voc(tmp_path / "c.xml", "c.png")
    assert len(annotated(tmp_path, None)[1][1]) == 0
    voc(tmp_path / "b.xml", "b.png", ("cat", (1, 1, 8, 6)))
    with pytest.raises(FileError, match=r"b\.xml.*no such picture"):
        annotated(tmp_path, None)
    (tmp_path / "b.xml").write_text("<annotation>")
    with pytest.raises(FileError, match=r"b\.xml is no XML"):
        annotated(tmp_path, None)
    voc(tmp_path / "b.xml", "a.png", ("cat", (1, "x", 8, 6)))
    with pytest.raises(DataError, match=r"b\.xml: object 0 has no numbers"):
        annotated(tmp_path, None)


# --- YOLO -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("names_in", ["data.yaml", "classes.txt", None])
def test_yolo_files_are_shares_of_the_picture(tmp_path, names_in):
    pictures(tmp_path / "images", "a.png", "b.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("1 0.5 0.5 0.2 0.4\n\n0 0.1 0.2 0.2 0.2\n")
    if names_in:
        (tmp_path / names_in).write_text("names: [cat, dog]\n" if names_in.endswith("yaml") else "cat\ndog\n")
    X, y = annotated(tmp_path, None)
    assert names(X) == ["a.png", "b.png"]
    np.testing.assert_allclose(y[0].boxes, [[12, 6, 18, 14], [0, 2, 6, 6]])
    assert y[0].labels.tolist() == (["dog", "cat"] if names_in else [1, 0])
    assert len(y[1]) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2 0.5 0.5 0.2 0.4", ["a.txt, line 1", "class 2", "0 to 1"]),
        ("0 0.5 0.5 0.2", ["line 1", "class number and x, y, width, height"]),
        ("0 0.5 0.5 0.2 0.4\ncat 0.5 0.5 0.2 0.4", ["line 2", "cat"]),
        ("0 15 10 6 8", ["line 1", "no shares", "0 to 1"]),
    ],
)
def test_yolo_lines_that_cannot_be_are_refused_by_file_and_line(tmp_path, text, words):
    pictures(tmp_path, "a.png")
    (tmp_path / "a.txt").write_text(text)
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    with pytest.raises(DataError) as caught:
        annotated(tmp_path, None)
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_yolo_file_without_its_picture_is_refused(tmp_path):
    pictures(tmp_path, "a.png")
    (tmp_path / "z.txt").write_text("0 0.5 0.5 0.2 0.4")
    with pytest.raises(FileError, match=r"z\.txt has boxes for a picture 'z'"):
        annotated(tmp_path, None)


# --- tables and arrays ----------------------------------------------------------------------------

TABLE = pd.DataFrame(
    {"path": ["a.png", "b.png", "a.png"], "xmin": [0, np.nan, 4], "ymin": [1, np.nan, 4], "xmax": [9, np.nan, 8],
     "ymax": [9, np.nan, 8], "class": ["cat", None, "dog"]}
)  # fmt: skip


def test_a_table_has_one_row_a_box_and_rows_of_nothing(tmp_path):
    pictures(tmp_path, "a.png", "b.png")
    TABLE.to_csv(tmp_path / "boxes.csv", index=False)
    for X, y in (annotated(tmp_path / "boxes.csv", None), annotated(tmp_path, TABLE)):
        assert names(X) == ["a.png", "b.png"]
        assert y[0].boxes.tolist() == [[0, 1, 9, 9], [4, 4, 8, 8]]
        assert y[0].labels.tolist() == ["cat", "dog"]
        assert len(y[1]) == 0


def test_a_table_may_name_pictures_in_memory_by_their_place():
    X = np.zeros((3, 20, 30), dtype=np.uint8)
    table = TABLE.assign(path=[0, 1, 0]).rename(columns={"path": "image"})
    assert [len(one) for one in annotated(X, table)[1]] == [2, 0, 0]
    with pytest.raises(DataError, match="row 2 of the table of boxes is of picture 3"):
        annotated(X, table.assign(image=[0, 1, 3]))
    with pytest.raises(DataError, match="needs a column 'x1'"):
        annotated(X, table.drop(columns="xmin"))
    for nothing in (None, np.nan):
        with pytest.raises(DataError, match="row 2 of the table of boxes has a box of 0 and no label"):
            annotated(X, table.assign(**{"class": ["cat", None, nothing]}))
    with pytest.raises(DataError, match=r"picture 1: box 0, \(0, 0, 3, 3\), has no label"):
        all_checked([([], []), ([[0, 0, 3, 3]], [None]), ([], [])], X)
    with pytest.raises(FileError, match=r"'a\.png', and there is no such picture"):
        annotated(TABLE, None)


def test_boxes_are_given_as_pairs_dicts_tensors_or_nothing():
    pair = ([[1, 2, 3, 4]], ["cat"])
    same = [pair, {"boxes": pair[0], "labels": pair[1]}, (torch.tensor(pair[0]), pair[1]), boxes_of(pair, "p")]
    assert all(boxes_of(one, "p") == boxes_of(pair, "p") for one in same)
    assert len(boxes_of([], "p")) == len(boxes_of(None, "p")) == len(boxes_of(([], []), "p")) == 0
    with pytest.raises(DataError, match="p: a dict of boxes has the keys"):
        boxes_of({"bbox": []}, "p")
    with pytest.raises(DataError, match="p: a dict of boxes has no key 'keypoints'; leave it out"):
        boxes_of({"boxes": pair[0], "labels": pair[1], "keypoints": []}, "p")
    with pytest.raises(DataError, match="p: boxes of a picture are a pair"):
        boxes_of(3, "p")


def test_boxes_over_the_edge_by_a_pixel_are_cut_and_further_out_refused():
    X = np.zeros((1, 20, 30), dtype=np.uint8)
    (one,) = all_checked([([[-0.5, 0, 30.8, 21]], ["a"])], X)
    assert one.boxes.tolist() == [[0, 0, 30, 20]]
    assert one.size == (20, 30)
    with pytest.raises(DataError, match=r"picture 0: box 0, .*outside its picture of width 30 and height 20"):
        all_checked([([[0, 0, 31.5, 20]], ["a"])], X)


def test_boxes_in_shares_of_their_pictures_are_refused_and_those_of_the_first_pixel_are_not():
    X = np.zeros((2, 20, 30), dtype=np.uint8)
    shares = ([[0.1, 0.2, 0.5, 1.0]], ["a"])
    with pytest.raises(DataError, match=r"all boxes lie between 0 and 1, .* multiply x by the width"):
        all_checked([shares, ([], [])], X)
    assert len(all_checked([shares, ([[0.5, 2, 9, 7]], ["a"])], X)) == 2
    assert len(all_checked([([[0, 0, 1, 1]], ["a"]), ([], [])], X)) == 2
    assert len(all_checked([([[0.2, 0.2, 0.9, 1]], ["a"])], X[:1, :2, :2])) == 1


def test_a_picture_turned_by_exif_has_boxes_in_its_upright_form(tmp_path):
    image = Pictures.fromarray(np.zeros((20, 30), dtype=np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6  # shown turned by a quarter: 20 wide, 30 high
    image.save(tmp_path / "turned.jpg", exif=exif)
    (one,) = all_checked([([[1, 1, 19, 29]], ["a"])], [tmp_path / "turned.jpg"])
    assert one.size == (30, 20)


# --- frames ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["pad", "stretch"])
@pytest.mark.parametrize("size", [(40, 60), (60, 40), (33, 77), (64, 64)])
def test_boxes_go_where_pixels_go_when_a_picture_is_brought_to_a_frame(how, size):
    picture = np.zeros(size, dtype=np.uint8)
    box = np.array([[10.0, 8, 26, 28]])
    picture[8:28, 10:26] = 255
    codec = pn.Image(size=64, resize=how, mode="L").fit([picture, picture])
    seen = codec.encode([picture]).take(torch.tensor([0]))["x"][0, 0].numpy() > 127
    placed = Placement.of(size, (64, 64), how)
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    ink = np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]])
    np.testing.assert_allclose(placed.into(box), ink, atol=1.0)
    np.testing.assert_allclose(placed.back(placed.into(box)), box)


def test_the_target_survives_being_saved():
    raw = [Boxes(np.array([[1.0, 2, 3, 4]]), np.array([3]), size=(20, 30)), Boxes(np.zeros((0, 4)), np.zeros(0))]
    target = BoxTargets().fit(raw, pn.Image(resize="pad").fit(np.zeros((2, 20, 30), dtype=np.uint8)))
    again = BoxTargets.from_state(target.state())
    assert again.classes.tolist() == [3]
    assert (again.frame, again.resize) == ((20, 30), "pad")
    assert again.mean_box.tolist() == pytest.approx([1 / 30, 2 / 20, 3 / 30, 4 / 20])


# --- boxes that move ------------------------------------------------------------------------------


def batch_of(boxes):
    y = torch.tensor(boxes, dtype=torch.float32)
    return {
        "y": y,
        "y_labels": torch.arange(y.shape[1]).expand(y.shape[:2]),
        "y_lengths": torch.tensor([y.shape[1]] * len(y)),
    }


def test_mirrored_boxes_lie_mirrored_and_those_outside_are_gone():
    batch = batch_of([[[2.0, 3, 8, 9], [20, 1, 29, 9]]])
    mirror = geometry.mirror(torch.tensor([True]), size=(20, 30))
    assert moved_boxes(batch, mirror, (20, 30))["y"].tolist() == [[[22, 3, 28, 9], [1, 1, 10, 9]]]
    crop = geometry.crop(torch.tensor([[15.0, 0, 30, 20]]), size=(20, 30))
    after = moved_boxes(batch, crop, (20, 30))
    assert after["y_lengths"].tolist() == [1]
    assert after["y_labels"][0, 0] == 1
    assert after["y"][0, 0].tolist() == [10, 1, 28, 9]
    half = geometry.crop(torch.tensor([[6.0, 0, 24, 20]]), size=(20, 30))  # one centre at 5, the other at 24.5
    assert moved_boxes(batch, half, (20, 30))["y_lengths"].tolist() == [0]


def test_a_bright_square_stays_in_its_box_whatever_is_done_to_the_picture():
    x = torch.zeros(16, 1, 48, 48)
    x[:, :, 12:30, 20:34] = 1.0
    batch = batch_of([[[20.0, 12, 34, 30]]] * 16)
    made = pn.data.images.augmentation.Augmentation(flip=True, shift=0.1, zoom=0.2, jaccard_crop=0.5)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        after = changed_with_boxes(made, x, batch, axes=torch.empty(0, 0))
    for picture, box, n in zip(after["x"], after["y"], after["y_lengths"], strict=True):
        if n:
            rows, columns = (picture[0] > 0.5).any(1).nonzero()[:, 0], (picture[0] > 0.5).any(0).nonzero()[:, 0]
            ink = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
            assert torch.allclose(box[0], torch.stack(ink).float(), atol=1.5)


@pytest.mark.parametrize("least", [0.1, 0.5, 0.9])
def test_a122_crops_overlap_some_box_by_at_least_the_minimum(least):
    """Baker A122: a region is accepted if its IoU with one box at least is the minimum, and its shape within limits."""
    g = torch.Generator().manual_seed(0)
    corner = torch.rand(40, 3, 2, generator=g) * torch.tensor([60.0, 30.0])
    boxes = torch.cat([corner, corner + 5 + 30 * torch.rand(40, 3, 2, generator=g)], -1)
    n_boxes = torch.arange(40) % 4
    found = jaccard_crops(boxes, n_boxes, size=(60, 90), least=torch.full((40,), least), generator=g)
    whole = torch.tensor([0.0, 0, 90, 60])
    cut = [i for i in range(40) if not torch.equal(found[i], whole)]
    assert len(cut) > {0.1: 25, 0.5: 5, 0.9: -1}[least]
    for i in cut:
        assert float(iou(found[i : i + 1], boxes[i, : n_boxes[i]]).max()) >= least
        width, height = (found[i, 2:] - found[i, :2]).tolist()
        assert 0.5 <= width / height <= 2
        assert (found[i] >= 0).all()
        assert (found[i] <= torch.tensor([90, 60, 90, 60])).all()
    assert not set(cut) & {i for i in range(40) if not n_boxes[i]}


# --- scenes ---------------------------------------------------------------------------------------


def test_scenes_have_tight_boxes_masks_and_digits_of_their_own_split():
    scenes = digit_scenes(20, noise=0.0, overlap=0.0, seed=3)
    for picture, boxes, mask, things in zip(*scenes, strict=True):
        assert len(boxes) >= 1
        assert set(np.unique(mask)) == {0, *(boxes.labels + 1)}
        for k, (x1, y1, x2, y2) in enumerate(boxes.boxes.astype(int), 1):
            rows, columns = np.nonzero(things == k)
            assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == [x1, y1, x2, y2]
            assert picture[y1:y2, x1:x2].max() > 100
    again, other = digit_scenes(20, noise=0.0, overlap=0.0, seed=3), digit_scenes(20, seed=4)
    assert (again.pictures == scenes.pictures).all()
    assert not (other.pictures == scenes.pictures).all()
    with pytest.raises(pn.SettingError, match="train"):
        digit_scenes(1, split="all")


def test_a_state_of_before_points_had_names_is_read():
    target = BoxTargets().fit([Boxes(np.array([[0.0, 0, 4, 4]]), np.array(["a"]), size=(8, 8))])
    state = {k: v for k, v in target.state().items() if k != "point_names"}
    assert BoxTargets.from_state(state).point_names == ()


def test_boxes_of_lists_are_those_of_arrays_and_odd_ones_are_named():
    listed = Boxes([[1, 2, 9, 8], [0, 0, 4, 4]], ["dog", "cat"], scores=[0.5, 0.25], crowd=[False, True])
    arrays = (np.array([[1.0, 2, 9, 8], [0, 0, 4, 4]]), np.array(["dog", "cat"]))
    assert listed == Boxes(*arrays, np.array([0.5, 0.25]), np.array([False, True]))
    assert listed.take(np.array([1])).labels.tolist() == ["cat"]
    assert Boxes([], []) == Boxes(np.zeros((0, 4)), np.zeros(0))
    for corners, labels, said in (
        ([[1, 2, 9]], ["dog"], r"shape \(1, 3\)"), ([[1, 2, 9, 8]], ["dog", "cat"], "one label a box"),
        ([["a", 2, 9, 8]], ["dog"], "no numbers"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=said):
            Boxes(corners, labels)
    with pytest.raises(DataError, match=r"picture 0: its boxes have shape \(1, 3\)"):
        all_checked([Boxes(np.ones((1, 3)), np.array(["a"]))], np.zeros((1, 20, 30, 3), dtype=np.uint8))
