"""A finder of keypoints from the command line: a table of pictures and places in, a run, and places in new pictures."""

import json
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import parnassus as pn
from parnassus.cli import main
from parnassus.data.detection.keypoint_files import open_keypoints
from parnassus.data.detection.scenes import kite_scenes

NAMES = ("nose", "left", "tail", "right")


@pytest.fixture
def kites(tmp_path, monkeypatch):
    """Twelve pictures in a folder, and a table beside it; some corners are not told."""
    monkeypatch.chdir(tmp_path)
    pictures, points = kite_scenes(12, size=24, hidden=0.1, seed=3)
    (tmp_path / "pictures").mkdir()
    table = {"image": [f"pictures/{i:02}.png" for i in range(12)]}
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / table["image"][i])
    for k, name in enumerate(NAMES):
        table |= {f"{name}_x": points[:, k, 0], f"{name}_y": points[:, k, 1]}
    pd.DataFrame(table).to_csv(tmp_path / "kites.csv", index=False)
    return pictures, points


TRAIN = ("--model.widths", "4", "8", "--epochs", "1")


@pytest.mark.slow
def test_a_table_is_trained_on_judged_and_predicted(kites, tmp_path, capsys):
    assert main(["train", "keypoint-finder", "kites.csv", *TRAIN, "--validation", "0.2", "--out", "run"]) == 0
    said = capsys.readouterr().out
    assert "PCK" in said
    last = [line.strip() for line in said.splitlines()]
    commands = [line.split(None, 1)[1] for line in last if line.startswith(("predict", "evaluate"))]
    for command in commands:
        assert main(shlex.split(command)[1:]) == 0
    assert len(commands) == 2
    capsys.readouterr()
    assert main(["evaluate", "run", "run/test.csv", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["metrics"] == json.loads((tmp_path / "run" / "evaluation.json").read_text())["metrics"]
    assert main(["report", "run", "kites.csv", "-o", "page.html"]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "rings around the true ones" in page
    assert all(name in page for name in NAMES)
    assert "tail_x" in (tmp_path / "run" / "test.csv").read_text()


@pytest.mark.slow
def test_arrays_serve_as_well(kites, tmp_path):
    pictures, points = kites
    np.savez(tmp_path / "kites.npz", X=pictures, y=points)
    assert main(["train", "keypoint-finder", "kites.npz", *TRAIN, "--out", "run"]) == 0
    assert main(["evaluate", "run", "run/test.npz"]) == 0


def test_the_estimator_reads_the_same_table(kites):
    pictures, points = kites
    source = open_keypoints("kites.csv")
    assert source.names == list(NAMES)
    np.testing.assert_allclose(np.stack([one.points for one in source.y]), points, atol=1e-9)
    small = {"model": pn.model("heat_unet", widths=(4, 8)), "epochs": 1, "progress": False}
    from_file, from_arrays = (
        pn.KeypointFinder(**small).fit("kites.csv"),
        pn.KeypointFinder(**small).fit(pictures, points),
    )
    np.testing.assert_allclose(from_file.predict("kites.csv"), from_arrays.predict(pictures), atol=1e-6)
    told = from_file.evaluate("kites.csv", n_bootstrap=0)
    assert told.n_rows == 12
    assert [row["name"] for row in told.by_class] == list(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize(("change", "words"), [
    (lambda t: t.drop(columns="image"), "has no column 'image'"),
    (lambda t: t.drop(columns="tail_y"), r"the columns \['tail_x'\] are no pairs"),
    (lambda t: t.assign(id=1), r"the columns \['id'\] are no pairs"),
    (lambda t: t.assign(image="nowhere.png"), "row 0: 'nowhere.png' is no file"),
    (lambda t: t.assign(nose_x="left"), r"\['nose_x'\] hold other things than numbers"),
    (lambda t: t.assign(nose_x=99.0), "lies outside its picture"),
    (lambda t: t.assign(nose_x=np.nan), "keypoint 0 has one number of two"),
    (lambda t: t.assign(nose_x=np.nan, nose_y=np.nan), "keypoint 0 is there in none"),
])  # fmt: skip
def test_a_table_that_is_none_of_keypoints_is_refused(kites, tmp_path, capsys, change, words):
    change(pd.read_csv(tmp_path / "kites.csv")).to_csv(tmp_path / "bad.csv", index=False)
    assert main(["train", "keypoint-finder", "bad.csv", *TRAIN]) == 2
    said = capsys.readouterr().err
    with pytest.raises(pn.ParnassusError, match=words):
        raise pn.ParnassusError(said)


@pytest.mark.parametrize(("path", "words"), [
    ("nowhere.csv", "does not exist"), ("pictures", "pictures with keypoints are"), ("x.npz", "name their array y"),
])  # fmt: skip
def test_other_paths_are_refused(kites, tmp_path, path, words):
    np.savez(tmp_path / "x.npz", X=kites[0])
    with pytest.raises(pn.ParnassusError, match=words):
        open_keypoints(path)


def test_columns_are_no_answers_here(kites, capsys):
    assert main(["train", "keypoint-finder", "kites.csv", "--target", "nose_x"]) == 2
    assert "leave --target and --drop out" in capsys.readouterr().err


@pytest.mark.slow
def test_coco_s_subjects_are_learned_and_the_commands_that_are_said_work(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pictures, points = kite_scenes(30, size=32, seed=0)
    images, notes = [], []
    for i, (picture, places) in enumerate(zip(pictures, points, strict=True)):
        Image.fromarray(picture).save(f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png"})
        box = [*places.min(0).tolist(), *(places.max(0) - places.min(0)).tolist()]
        seen = np.column_stack([places, np.full(4, 2)]).ravel().tolist()
        notes.append({"id": i, "image_id": i, "category_id": 1, "bbox": box, "keypoints": seen})
    category = {"id": 1, "name": "kite", "keypoints": ["nose", "left", "tail", "right"]}
    Path("kites.json").write_text(json.dumps({"images": images, "annotations": notes, "categories": [category]}))
    words = ["--model.widths", "4", "8", "--epochs", "1", "--out", "run"]
    assert main(["train", "keypoint-finder", "kites.json", *words]) == 0
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.startswith("  "))
    for command in ("predict", "evaluate"):
        assert main(shlex.split(said[command])[1:]) == 0
