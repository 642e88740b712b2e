"""Files of segmenters, keypoint finders and detectors: what they answer, brought to pictures here by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import parnassus as pn
from parnassus.cli import main
from parnassus.data.detection.scenes import digit_scenes, kite_scenes
from parnassus.errors import SettingError

pytestmark = pytest.mark.slow

onnx = pytest.importorskip("onnx", reason="the extra 'export' is not installed")
runtime = pytest.importorskip("onnxruntime", reason="the extra 'export' is not installed")
SMALL = pn.model("heat_unet", widths=(4, 8))


def answers(path: Path, x: np.ndarray) -> np.ndarray:
    """What ONNX Runtime says, and nothing of this library."""
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def told(path: Path) -> dict:
    return json.loads({p.key: p.value for p in onnx.load(path).metadata_props}["parnassus"])


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("model", ["u_net", "fcn", "segnet", "deeplab"])
def test_the_largest_share_of_a_pixel_is_its_class(model, tmp_path):
    X = noise(9, 22, 19)
    net = pn.Segmenter(pn.model(model, widths=(4, 6, 8)), epochs=2, progress=False).fit(X, (X > 128) * 4 + 1)
    made = pn.export.to_onnx(net, tmp_path / "m.onnx")
    assert made.output["classes"] == [1, 5]
    for n in (1, 9):
        shares = answers(made.path, X[:n, None])
        due = net.predict_proba(X[:n])
        far = np.abs(shares - due) > 1e-6
        assert far.mean() <= (0.1 if model == "segnet" else 0)  # whose pooling may take another of two that nearly tie
        sure = np.abs(due[..., 0] - 0.5) > 1e-3
        np.testing.assert_array_equal(np.array([1, 5])[shares.argmax(-1)][sure], np.stack(net.predict(X[:n]))[sure])


def test_maps_of_pictures_of_several_sizes_lie_in_the_frame(tmp_path):
    X = [noise(20, 30, 3), noise(25, 16, 3), noise(24, 24, 3)]
    codec = pn.Image(size=24, resize="pad")
    net = pn.Segmenter(pn.model("u_net", widths=(4, 8)), codec=codec, epochs=1, progress=False)
    net.fit(X, [x[..., 0] // 128 for x in X])
    made = pn.export.to_onnx(net, tmp_path / "m.onnx", X=X)
    assert told(made.path)["inputs"]["x"]["resize"] == "pad"
    assert told(made.path)["inputs"]["x"]["shape"] == [3, 24, 24]
    own = answers(made.path, X[2].transpose(2, 0, 1)[None])[0].argmax(-1)
    np.testing.assert_array_equal(own, net.predict([X[2]])[0])


def test_shares_of_the_frame_are_the_places_of_keypoints(tmp_path):
    X, y = kite_scenes(40, size=24)
    y[:, :, 0] /= 2  # the frame is twice as high as wide
    net = pn.KeypointFinder(SMALL, epochs=4, lr=0.01, progress=False).fit(X[:, :, ::2], y)
    made = pn.export.to_onnx(net, tmp_path / "m.onnx", X=X[:, :, ::2])
    assert made.output["n_points"] == 4
    for n in (1, 7):
        said = answers(made.path, np.ascontiguousarray(X[:n, None, :, ::2]))
        np.testing.assert_allclose(said[..., :2] * [12, 24], net.predict(X[:n, :, ::2]), atol=1e-3)
        np.testing.assert_allclose(said[..., 2], net.heat(X[:n, :, ::2]), atol=1e-5)


def kept(boxes: np.ndarray, scores: np.ndarray, threshold: float = 0.45) -> list[int]:
    """Greedy suppression, box by box."""
    stay: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        low, high = np.maximum(boxes[i, :2], boxes[stay, :2]), np.minimum(boxes[i, 2:], boxes[stay, 2:])
        shared = (high - low).clip(min=0).prod(1)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        if not (shared / (areas[i] + areas[stay] - shared) > threshold).any():
            stay.append(int(i))
    return stay


@pytest.mark.parametrize("model", ["ssd", "retinanet", "fcos"])
def test_places_of_a_score_less_those_that_a_better_one_overlaps_are_the_boxes(model, tmp_path):
    scenes = digit_scenes(12, size=48, n_digits=(1, 2), seed=0)
    net = pn.Detector(model, epochs=2, progress=False).fit(scenes.pictures, scenes.boxes)
    made = pn.export.to_onnx(net, tmp_path / "m.onnx")
    classes = np.array(made.output["classes"])
    every = answers(made.path, scenes.pictures[:3, None])
    least = float(np.sort(every[..., 4:].ravel())[-301:-299].mean())  # 300 scores are above it
    for found, one in zip(net.predict(scenes.pictures[:3], threshold=least), every, strict=True):
        boxes, scores = one[:, :4] * 48, one[:, 4:]
        chosen = []
        for k in range(len(classes)):
            own = np.flatnonzero(scores[:, k] >= least)
            chosen += [(scores[own[i], k], classes[k], *boxes[own[i]]) for i in kept(boxes[own], scores[own, k])]
        chosen = sorted(chosen, reverse=True)[:100]
        assert len(chosen) == len(found) > 0
        np.testing.assert_allclose([row[0] for row in chosen], found.scores, atol=1e-5)
        np.testing.assert_allclose([row[2:] for row in chosen], found.boxes, atol=1e-3)
        np.testing.assert_array_equal([row[1] for row in chosen], found.labels)


def test_a_net_that_jumps_is_refused_all_the_same_where_it_answers_otherwise(tmp_path, monkeypatch):
    from parnassus.export import picture_graph

    X = noise(9, 16, 16)
    net = pn.Segmenter(pn.model("segnet", widths=(4, 6)), epochs=1, progress=False).fit(X, X // 128)
    whole = picture_graph.inlet_of

    def wrong(estimator, rows):
        inlet = whole(estimator, rows)
        return picture_graph.Inlet(inlet.names, inlet.feeds, lambda g: {"x": g["x"] / 2}, inlet.told)

    monkeypatch.setattr(picture_graph, "inlet_of", wrong)
    with pytest.raises(SettingError, match="away from the estimator"):
        pn.export.to_onnx(net, tmp_path / "m.onnx")


def test_programs_and_eight_bits_of_nets_of_places(tmp_path):
    X = noise(40, 24, 24)
    net = pn.Segmenter(pn.model("u_net", widths=(8, 16)), epochs=1, progress=False).fit(X, X // 128)
    made = pn.export.to_program(net, tmp_path / "m.pt2")
    read = torch.export.load(made.path).module()
    np.testing.assert_allclose(read(torch.from_numpy(X[:5, None])).detach(), net.predict_proba(X[:5]), atol=1e-6)
    small = pn.export.to_onnx(net, tmp_path / "m8.onnx", X=X, int8="static")
    assert 1e-6 < small.difference < 0.1


def test_regions_that_are_looked_at_again_have_no_file(tmp_path):
    scenes = digit_scenes(4, size=48, n_digits=(1, 2), seed=0)
    model = pn.model("faster_rcnn", widths=(8, 16), hidden=16, anchor_scale=2.5, n_regions=8)
    net = pn.Detector(model, epochs=1, progress=False).fit(scenes.pictures, scenes.boxes)
    with pytest.raises(SettingError, match="'ssd', 'retinanet' and 'fcos' are written"):
        pn.export.to_onnx(net, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()
    pn.export.write_card(net, tmp_path / "card.md")
    assert "Seen in fewer than 30 boxes of training" in (tmp_path / "card.md").read_text()


def test_a_run_of_keypoints_becomes_a_file_and_a_card(tmp_path, capsys):
    X, y = kite_scenes(16, size=24)
    np.savez(tmp_path / "kites.npz", X=X, y=y)
    words = ["train", "keypoint-finder", str(tmp_path / "kites.npz"), "--epochs", "1", "--model.widths", "4", "8"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    assert main(["export", str(tmp_path / "run"), str(tmp_path / "kites.npz"), "--json"]) == 0
    given = json.loads(capsys.readouterr().out)
    assert given["difference"] < 1e-4
    assert given["n_rows"] == 16
    assert answers(tmp_path / "run" / "model.onnx", X[:2, None]).shape == (2, 4, 3)
    assert main(["export", str(tmp_path / "run"), "--to", "card"]) == 0
    assert "within 10 %" in (tmp_path / "run" / "card.md").read_text()


def test_a_run_is_tried_on_pictures_without_answers(tmp_path, capsys):
    for folder in ("images", "masks"):
        (tmp_path / "scenes" / folder).mkdir(parents=True)
        for i, picture in enumerate(noise(6, 16, 16)):
            Image.fromarray(picture if folder == "images" else picture // 128).save(
                tmp_path / "scenes" / folder / f"{i}.png"
            )
    words = ["train", "segmenter", str(tmp_path / "scenes"), "--epochs", "1", "--model.widths", "4", "6"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    for name, n in (("scenes", 6), ("scenes/images", 6), ("scenes/images/0.png", 2)):  # two at least are tried
        capsys.readouterr()
        assert main(["export", str(tmp_path / "run"), str(tmp_path / name), "--to", "program", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["n_rows"] == n
    assert main(["export", str(tmp_path / "run"), str(tmp_path / "scenes"), "--to", "card"]) == 0
    assert "On 6 rows" in (tmp_path / "run" / "card.md").read_text()
