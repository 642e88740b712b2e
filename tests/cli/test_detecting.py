"""A detector from the command line: a COCO file in, a run with test pictures that can be judged again."""

import json

import numpy as np
from PIL import Image

from parnassus.cli import main
from parnassus.data.coco import write_coco
from parnassus.data.scenes import digit_scenes


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
