"""Files of boxes that were written for other pictures, by other programs, or are something else."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pictures

from parnassus.data.detection.annotations import annotated, of_table
from parnassus.data.detection.boxes import all_checked
from parnassus.errors import DataError, DataWarning

BOM = "\ufeff"  # how Windows begins a text file


def coco(path, mark="", **sides):
    notes = [{"id": 1, "image_id": 0, "category_id": 1, "bbox": [1, 2, 10, 8]}]
    images = [{"id": 0, "file_name": "a.jpg"} | sides]
    tree = {"images": images, "annotations": notes, "categories": [{"id": 1, "name": "cat"}]}
    path.write_text(mark + json.dumps(tree), encoding="utf-8")
    return path


def voc(path, size=""):
    box = "<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>11</xmax><ymax>10</ymax></bndbox>"
    path.write_text(f"<annotation>{size}<object><name>cat</name>{box}</object></annotation>")


def sides(width, height):
    return f"<size><width>{width}</width><height>{height}</height></size>"


@pytest.fixture
def folder(tmp_path):
    """A picture of 30 x 20 pixels."""
    Pictures.fromarray(np.zeros((20, 30, 3), dtype=np.uint8)).save(tmp_path / "a.jpg")
    return tmp_path


def test_boxes_of_coco_that_were_drawn_on_another_size_are_refused(folder):
    X, y = annotated(coco(folder / "a.json", width=60, height=40), None)
    with pytest.raises(DataError, match=r"a\.jpg.*are of a picture of 60 x 40 pixels, and it has 30 x 20"):
        all_checked(y, X)
    with pytest.warns(DataWarning, match="60 x 40"):
        assert all_checked(y, X, bad="repair")[0].boxes.tolist() == [[1, 2, 11, 10]]


@pytest.mark.parametrize("said", [{"width": 30, "height": 20}, {"width": 0, "height": 0}, {"width": None}, {}])
def test_boxes_of_coco_whose_sides_are_right_or_unsaid_are_taken(folder, said):
    X, y = annotated(coco(folder / "a.json", **said), None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all_checked(y, X)[0].size == (20, 30)


def test_boxes_of_a_photo_as_the_camera_held_it_are_refused_and_exif_named(folder):
    photo = Pictures.fromarray(np.zeros((20, 30, 3), dtype=np.uint8))
    exif = photo.getexif()
    exif[0x0112] = 6
    photo.save(folder / "a.jpg", exif=exif)
    X, y = annotated(coco(folder / "a.json", width=30, height=20), None)
    with pytest.raises(DataError, match=r"30 x 20 pixels, as the camera held it before EXIF.*it has 20 x 30"):
        all_checked(y, X)
    X, y = annotated(coco(folder / "a.json", width=20, height=30), None)
    assert all_checked(y, X)[0].size == (30, 20)


@pytest.mark.parametrize(("said", "fits"), [(sides(30, 20), True), (sides(0, 0), True), (sides(20, 30), False)])
def test_boxes_of_voc_know_their_pictures_size(folder, said, fits):
    voc(folder / "a.xml", said)
    X, y = annotated(folder, None)
    if fits:
        assert all_checked(y, X)[0].boxes.tolist() == [[1, 2, 11, 10]]
    else:
        with pytest.raises(DataError, match="20 x 30 pixels, as the camera"):
            all_checked(y, X)


def test_xml_that_is_no_annotation_is_no_picture_without_things(folder):
    (folder / "a.xml").write_text("<html></html>")
    with pytest.raises(DataError, match=r"a\.xml: VOC boxes stand in an <annotation>, and this file holds <html>"):
        annotated(folder, None)


def test_files_that_begin_with_the_mark_of_windows_are_read_without_it(folder):
    assert annotated(coco(folder / "a.json", mark=BOM), None)[1][0].labels.tolist() == ["cat"]
    (folder / "a.json").unlink()
    (folder / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    for name, text in (("classes.txt", "cat\ndog\n"), ("data.yaml", "names: [cat, dog]\n")):
        (folder / name).write_text(BOM + text, encoding="utf-8")
        assert annotated(folder, None)[1][0].labels.tolist() == ["cat"], name


def test_one_picture_under_two_ids_of_coco_is_refused_by_both(folder):
    """Half of its boxes would be missing from each, and one might be held out for the other."""
    path = coco(folder / "a.json")
    tree = json.loads(path.read_text())
    for other in ("a.jpg", "./a.jpg", "../" + folder.name + "/a.jpg"):
        path.write_text(json.dumps(tree | {"images": [*tree["images"], {"id": 7, "file_name": other}]}))
        with pytest.raises(DataError, match=r"the images of id 0 and 7 are one picture, a\.jpg"):
            annotated(path, None)
    Pictures.fromarray(np.zeros((20, 30, 3), dtype=np.uint8)).save(folder / "b.jpg")  # alike, and another file
    path.write_text(json.dumps(tree | {"images": [*tree["images"], {"id": 7, "file_name": "b.jpg"}]}))
    assert [file.name for file in annotated(path, None)[0]] == ["a.jpg", "b.jpg"]


def test_one_picture_under_two_names_of_a_table_or_of_voc_is_refused(folder):
    names = ["a.jpg", "./a.jpg"]
    table = pd.DataFrame({"image": names, "x1": 1, "y1": 2, "x2": [9, 8], "y2": [9, 8], "label": ["cat", "dog"]})
    with pytest.raises(DataError, match=r"'a\.jpg' and '\./a\.jpg' are one picture, a\.jpg"):
        of_table(table, folder)
    voc(folder / "a.xml", "<filename>a.jpg</filename>")
    voc(folder / "other.xml", "<filename>a.jpg</filename>")
    with pytest.raises(DataError, match=r"'a\.xml' and 'other\.xml' are one picture, a\.jpg"):
        annotated(folder, None)


def test_of_two_pictures_that_differ_by_their_suffix_voc_takes_the_one_it_names_and_passes_over_none(folder):
    voc(folder / "a.xml", "<filename>a.jpg</filename>")
    assert [file.name for file in annotated(folder, None)[0]] == ["a.jpg"]
    Pictures.fromarray(np.ones((20, 30, 3), dtype=np.uint8)).save(folder / "a.png")
    with pytest.raises(DataError, match=r"1 pictures have no \.xml, such as .*a\.png"):
        annotated(folder, None)
    assert [file.name for file in annotated(folder, str(folder))[0]] == ["a.jpg"]  # where some may be left aside


def test_boxes_of_yolo_that_may_be_of_either_picture_are_refused(folder):
    (folder / "classes.txt").write_text("cat\n")
    Pictures.fromarray(np.ones((20, 30, 3), dtype=np.uint8)).save(folder / "a.png")
    (folder / "b.txt").write_text("0 .5 .5 .2 .2\n")
    Pictures.fromarray(np.ones((20, 30, 3), dtype=np.uint8)).save(folder / "b.png")
    assert [len(one) for one in annotated(folder, None)[1]] == [0, 0, 1]  # nothing is said of either a
    (folder / "a.txt").write_text("0 .5 .5 .2 .2\n")
    with pytest.raises(DataError, match=r"a\.jpg and .*a\.png have one name"):
        annotated(folder, None)


def test_an_annotation_of_coco_that_stands_there_twice_is_refused_and_a_shared_id_told_of(folder):
    path = coco(folder / "a.json")
    tree = json.loads(path.read_text())
    first = tree["annotations"][0]
    path.write_text(json.dumps(tree | {"annotations": [first, dict(first)]}))
    with pytest.raises(DataError, match=r"a\.json: annotation 1 stands there twice, with the same box of image 0"):
        annotated(path, None)
    path.write_text(json.dumps(tree | {"annotations": [first, first | {"bbox": [3, 3, 9, 9]}]}))
    with pytest.warns(DataWarning, match=r"different annotations share the id 1; all are read"):
        assert len(annotated(path, None)[1][0]) == 2
    path.write_text(json.dumps(tree | {"annotations": [first, first | {"id": 2, "bbox": [3, 3, 9, 9]}]}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(annotated(path, None)[1][0]) == 2


@pytest.mark.parametrize(("named", "told"), [("a", False), ("", False), ("a.bmp", True), ("holiday.jpg", True)])
def test_voc_says_which_picture_it_took_for_one_that_is_not_there(folder, named, told):
    voc(folder / "a.xml", f"<filename>{named}</filename>")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert [file.name for file in annotated(folder, None)[0]] == ["a.jpg"]
    assert len(said) == told
    if told:
        assert f"a.xml names {named!r}, and a.jpg was taken" in str(said[0].message)


@pytest.mark.parametrize("named", ["a", "", "a.bmp"])
def test_voc_does_not_choose_between_pictures_that_differ_by_their_ending(folder, named):
    """With a folder of pictures of its own, where some may be without boxes, one was taken silently."""
    voc(folder / "a.xml", f"<filename>{named}</filename>")
    Pictures.fromarray(np.ones((20, 30, 3), dtype=np.uint8)).save(folder / "a.png")
    for pictures in (None, str(folder)):
        with pytest.raises(DataError, match=r"a\.jpg (or|and) a\.png.*<filename>"):
            annotated(folder, pictures) if pictures is None else annotated(pictures, str(folder))


@pytest.mark.parametrize("given", [None, 3, {"id": 1}])
def test_annotations_of_coco_that_are_no_list_are_refused(folder, given):
    path = coco(folder / "a.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"annotations": given}))
    with pytest.raises(DataError, match="annotations are a list in a COCO file"):
        annotated(path, None)
