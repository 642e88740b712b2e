"""A detector from the command line: boxes, masks and keypoints in, a run that can be judged again."""

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

import parnassus as pn
from parnassus.cli import main
from parnassus.cli.detecting import headings_of
from parnassus.data.detection.coco import read_coco, write_coco
from parnassus.data.detection.scenes import digit_scenes

pytestmark = pytest.mark.slow


def test_a_coco_file_is_trained_on_judged_and_predicted(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scenes = digit_scenes(24, n_digits=(4, 5), zoom=(1.5, 2.0), seed=2)
    files = [tmp_path / f"{i:02}.png" for i in range(24)]
    for file, picture in zip(files, scenes.pictures, strict=True):
        Image.fromarray(picture).save(file)
    write_coco(tmp_path / "all.json", files, scenes.boxes)
    assert main(["train", "detector", "all.json", "--epochs", "1", "--model.widths", "8", "8", "--out", "run"]) == 0
    held = json.loads((tmp_path / "run" / "test.json").read_text())
    assert len(held["images"]) == 5
    assert np.isclose(held["annotations"][0]["bbox"][2] % 1, 0)
    assert main(["evaluate", "run", "run/test.json"]) == 0
    assert "mAP at IoU 0.5" in capsys.readouterr().out
    assert main(["predict", "run", "00.png"]) == 0


def slabs(folder, n=12, size=32):
    """Pictures with a bright slab each, as files, and the slab's box, corners and pixels."""
    files, things = [], []
    for i in range(n):
        picture = np.zeros((size, size), dtype=np.uint8)
        x, y = 2 + i, 14 - i // 2
        picture[y : y + 12, x : x + 10] = 200
        files.append(folder / f"{i:02}.png")
        Image.fromarray(picture).save(files[-1])
        corners = np.array([[[x, y], [x + 10, y + 12]]], dtype=float)
        things.append(pn.Boxes(corners.reshape(1, 4), np.array(["slab"]), masks=picture[None] > 0, points=corners))
    return files, things


SMALL = ["--model.widths", "16", "24", "--model.hidden", "16"]
LONG = ["--epochs", "8", "--batch-size", "4", "--lr", "0.006"]


def test_keypoints_of_a_coco_file_are_learned_judged_and_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    files, things = slabs(tmp_path)
    write_coco(tmp_path / "all.json", files, things)
    assert main(["train", "detector", "all.json", "--model", "keypoint_rcnn", *SMALL, *LONG, "--out", "run"]) == 0
    assert "mAP of poses" in capsys.readouterr().out
    assert main(["evaluate", "run", "run/test.json"]) == 0
    assert "mAP of poses" in capsys.readouterr().out
    found = pn.load("run").predict(files[:2], threshold=0.3)
    assert main(["predict", "run", "00.png", "01.png"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["picture"] for row in rows} == {"00.png", "01.png"}
    assert {"label", "score", "x1", "y2", "point 0 x", "point 1 y"} < rows[0].keys()
    assert sum(bool(row["label"]) for row in rows) == sum(map(len, found))
    assert main(["predict", "run", "00.png", "01.png", "--threshold", "0.01", "--n-most", "3"]) == 0
    assert headings_of(2, ("nose", "tail")) == ["nose_x", "nose_y", "tail_x", "tail_y"]
    scores = [float(row["score"]) for row in csv.DictReader(io.StringIO(capsys.readouterr().out))]
    doubtful = pn.load("run").predict(files[:2], threshold=0.01, n_most=3)
    np.testing.assert_allclose(scores, np.concatenate([one.scores for one in doubtful]), atol=1e-6)
    assert main(["predict", "run", "00.png", "--top-k", "3"]) == 2
    assert "--top-k" in capsys.readouterr().err
    assert main(["predict", "run", "00.png", "01.png", "--out", "found.json"]) == 0
    again = read_coco(tmp_path / "found.json", points=True)[1]
    assert sum(map(len, again)) > 0
    for one, said in zip(again, found, strict=True):
        np.testing.assert_allclose(one.boxes, said.boxes, atol=1e-9)
        np.testing.assert_allclose(one.points, said.points, atol=1e-9)
    assert main(["predict", "run", "00.png", "--out", "found.json"]) == 2
    assert "already" in capsys.readouterr().err


def test_masks_of_a_coco_file_are_learned(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_coco(tmp_path / "all.json", *slabs(tmp_path))
    assert main(["train", "detector", "all.json", "--model", "mask_rcnn", *SMALL, "--epochs", "1", "--out", "run"]) == 0
    assert "mAP of masks" in capsys.readouterr().out


def test_a_table_of_boxes_is_trained_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    files, things = slabs(tmp_path)
    rows = [f"{f.name},slab,{','.join(map(str, one.boxes[0]))}" for f, one in zip(files, things, strict=True)]
    (tmp_path / "boxes.csv").write_text("\n".join(["image,label,x1,y1,x2,y2", *rows]))
    ssd = ["--epochs", "1", "--model.widths", "8", "8", "--out", "run"]
    assert main(["train", "detector", "boxes.csv", *ssd]) == 0
    assert "mAP at IoU 0.5" in capsys.readouterr().out
    assert main(["train", "detector", "all.yaml", *ssd[:-2]]) == 2
    assert "all.yaml does not exist" in capsys.readouterr().err
