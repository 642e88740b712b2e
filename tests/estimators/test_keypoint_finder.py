"""Keypoints: found, saved, padded there and back, moved with their pictures, judged, drawn, and refused."""

import json

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

import parnassus as pn
from parnassus.cli import main
from parnassus.data.detection.keypoints import Points, PointTargets
from parnassus.data.detection.scenes import kite_scenes
from parnassus.data.detection.sides import pairs_by_name, settle_pairs, swapped
from parnassus.errors import DataError, SettingError
from parnassus.evaluation.keypoints import evaluate_keypoints
from parnassus.functional.heatmaps import heatmaps
from parnassus.objectives.detection.keypoints import HeatKeypoints

pytestmark = pytest.mark.slow

SMALL = pn.model("heat_unet", widths=(8, 16))


@pytest.fixture(scope="module")
def fitted():
    return pn.KeypointFinder(SMALL, epochs=12, lr=0.01, progress=False).fit(*kite_scenes(160, size=24, hidden=0.2))


def test_corners_of_kites_are_found_to_a_pixel_or_two(fitted):
    X, y = kite_scenes(40, size=24, seed=5)
    told = fitted.evaluate(X, y, n_bootstrap=100)
    assert fitted.n_points_ == 4
    assert told["pck_20"].low > told["pck_20"].baseline + 0.3
    assert told["mean_distance"].high < told["mean_distance"].baseline
    assert told["pck_10"].value == fitted.score(X, y)
    assert told["pck_5"].value <= told["pck_10"].value <= told["pck_20"].value
    assert [row["name"] for row in told.by_class] == [f"keypoint {i}" for i in range(4)]
    assert "Keypoints within 10 % (PCK)" in told.table()
    heat = fitted.heat(X)
    assert heat.shape == (40, 4)
    assert ((heat > 0) & (heat <= 1)).all()


def test_a_saved_finder_says_the_same(fitted, tmp_path):
    X, _ = kite_scenes(4, size=24, seed=2)
    fitted.save(tmp_path / "k.parnassus")
    np.testing.assert_array_equal(pn.load(tmp_path / "k.parnassus").predict(X), fitted.predict(X))


class Told(torch.nn.Module):
    """Scores (n, h, w, k) that were given beforehand."""

    def __init__(self, scores):
        super().__init__()
        self.scores = torch.nn.Parameter(scores)

    def forward(self, x):
        return self.scores


def test_the_loss_is_the_cross_entropy_of_places_and_is_least_at_the_bumps_themselves(draws):
    points = torch.tensor([[[3.2, 4.7], [6.0, 2.0]]], dtype=torch.float64)
    bumps = heatmaps(points, (8, 9), sigma=1.5)
    goal = bumps.flatten(2) / bumps.flatten(2).sum(-1, keepdim=True)
    entropy = -(goal * goal.log()).sum(-1)
    y = torch.cat([points, torch.tensor([[[1.0], [1.0]]], dtype=torch.float64)], -1)
    due = HeatKeypoints(Told(bumps.log().permute(0, 2, 3, 1).float()), sigma=1.5)
    torch.testing.assert_close(due.mean_loss({"x": y, "y": y}).double(), entropy.mean(), atol=1e-5, rtol=1e-5)
    places, _ = due.found({"x": y})
    torch.testing.assert_close(places.double(), points, atol=1e-3, rtol=0)
    drawn = HeatKeypoints(Told(torch.randn(1, 8, 9, 2)), sigma=1.5)
    alone = {"x": y, "y": torch.cat([points, torch.tensor([[[0.0], [1.0]]], dtype=torch.float64)], -1)}
    by_hand = -(goal[0, 1] * drawn.net.scores[0, ..., 1].flatten().log_softmax(0)).sum()
    torch.testing.assert_close(drawn.mean_loss(alone).double(), by_hand.double(), atol=1e-5, rtol=1e-5)
    assert drawn.weight(alone) == 1
    assert drawn.weight({"x": y, "y": y, "weight": torch.tensor([3.0])}) == 6


@pytest.mark.parametrize("how", ["pad", "stretch"])
def test_places_go_into_the_frame_and_back(how):
    codec = pn.Image(size=(16, 24), resize=how).fit([np.zeros((10, 20), np.uint8), np.zeros((30, 12), np.uint8)])
    given = [
        Points(np.array([[1.0, 2.0], [19.5, 9.0]]), (10, 20)),
        Points(np.array([[0.0, 0.0], [12.0, 30.0]]), (30, 12)),
    ]
    target = PointTargets().fit(given, codec)
    y = target.encode(given).take(torch.arange(2))["y"]
    assert (y[..., 0] <= 24).all()
    assert (y[..., 1] <= 16).all()
    np.testing.assert_allclose(
        target.decode(y[..., :2], [(10, 20), (30, 12)]), [one.points for one in given], atol=1e-5
    )


def test_pictures_of_several_sizes_get_places_in_their_own_pixels():
    X, y = kite_scenes(12, size=24)
    wide = [np.pad(x, ((0, 0), (0, 12 * (i % 2)))) for i, x in enumerate(X)]
    net = pn.KeypointFinder(SMALL, epochs=2, progress=False).fit(wide, list(y))
    assert net.predict(wide).shape == (12, 4, 2)
    assert net.predict(wide[:1]).max() <= 36


def test_points_move_with_their_pictures_and_go_where_they_leave_them():
    X, y = kite_scenes(20, size=24, noise=0.0)
    codec = pn.Image(augment={"rotate": 90, "shift": 0.3}).fit(X)
    target = PointTargets().fit([Points(one, (24, 24)) for one in y], codec)
    rows = torch.arange(20)
    batch = codec.encode(X).take(rows) | target.encode([Points(one, (24, 24)) for one in y]).take(rows)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        moved = codec.prepare(batch, "image", training=True)
    pixels = (moved["x"] * codec.std + codec.mean)[:, 0]
    there = moved["y"][..., 2] > 0
    assert 0.5 < there.float().mean() < 1
    assert not torch.equal(moved["y"], batch["y"])
    inner = moved["y"][..., :2] * 0.8 + 0.2 * moved["y"][:, 2:3, :2]  # a fifth of the way to the tail lies on the kite
    whole = there.all(1)
    seen = [float(pixels[i, int(p[1]), int(p[0])]) for i in whole.nonzero()[:, 0] for p in inner[i, [0]]]
    assert np.mean(np.array(seen) > 100) > 0.9


def flipped_exactly(y, *, wide):
    """Places of kites (nose, left, tail, right) in mirrored pictures: the left corner is then where the right was."""
    mirrored = y.copy()
    mirrored[..., 0] = wide - y[..., 0]
    return mirrored[:, [0, 3, 2, 1]]


@pytest.mark.parametrize("pairs", [[(1, 3)], [["left", "right"]], None])
def test_points_of_mirrored_pictures_change_sides(pairs):
    X, y = kite_scenes(30, size=24, noise=0.0)
    given = [Points(one, (24, 24), ("nose", "left", "tail", "right")) for one in y]
    codec = pn.Image(augment={"flip": True, "flip_pairs": pairs}).fit(X)
    target = PointTargets().fit(given, codec)
    settle_pairs(codec, target.names, target.n_points)
    rows = torch.arange(30)
    batch = codec.encode(X).take(rows) | target.encode(given).take(rows)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        moved = codec.prepare(batch, "image", training=True)
    pixels = codec.decode(moved["x"])
    turned = np.array([not np.array_equal(one, x) for one, x in zip(pixels, X, strict=True)])
    assert 8 < turned.sum() < 22
    np.testing.assert_array_equal(pixels[turned], X[turned][:, :, ::-1])
    due = np.where(turned[:, None, None], flipped_exactly(y, wide=24), y)
    np.testing.assert_allclose(moved["y"][..., :2], due, atol=1e-4)
    again = pn.Image.from_state(codec.state())
    assert again.augmentation == codec.augmentation
    assert again.augmentation.flip_pairs == ((1, 3),)


def test_pictures_flipped_both_ways_are_turned_and_keep_their_sides():
    points = torch.tensor([[[1.0, 2, 1], [3, 4, 1]]]).expand(4, 2, 3)
    both = torch.tensor([[1.0, 1, 1], [-1, 1, 1], [1, -1, 1], [-1, -1, 1]])
    found = swapped(points, torch.diag_embed(both), ((0, 1),))
    assert found[:, 0, 0].tolist() == [1, 3, 3, 1]
    torch.testing.assert_close(swapped(points, torch.diag_embed(both), ()), points)


@pytest.mark.parametrize(("names", "pairs"), [
    (["nose", "left_eye", "right_eye", "right_hip", "left_hip"], ((1, 2), (3, 4))),  # COCO's way
    (["LeftEye", "RightEye"], ((0, 1),)),
    (["l_eye", "r_eye", "lip.R", "lip.L"], ((0, 1), (2, 3))),
    (["nose", "tail", "collar"], None),
])  # fmt: skip
def test_names_tell_which_points_are_partners(names, pairs):
    assert pairs_by_name(names) == pairs


def test_a_side_without_its_partner_is_refused():
    with pytest.raises(SettingError, match="'left_eye' has no partner 'right_eye'"):
        pairs_by_name(["left_eye", "nose"])


@pytest.mark.parametrize("given", [5, "1-3", [1, 3], [(1, 1)], [(1, -3)], [(1, 2, 3)], {1: 3}])
def test_what_are_no_pairs_is_refused(given):
    with pytest.raises(SettingError, match="flip_pairs are pairs of keypoints"):
        pn.Image(augment={"flip": True, "flip_pairs": given})


def test_a_finder_that_learns_with_flips_is_saved_with_its_pairs(tmp_path):
    X, y = kite_scenes(8, size=24)
    codec = pn.Image(augment={"flip": True, "flip_pairs": [(3, 1)]})
    net = pn.KeypointFinder(SMALL, codec=codec, epochs=1, progress=False).fit(X, y)
    assert codec.options["augment"] == {"flip": True, "flip_pairs": [(3, 1)]}  # the user's own is left alone
    net.save(tmp_path / "k.parnassus")
    again = pn.load(tmp_path / "k.parnassus")
    assert again.codec_.augmentation.flip_pairs == ((3, 1),)
    np.testing.assert_array_equal(again.predict(X), net.predict(X))


def test_numbers_of_a_known_answer():
    true = [
        Points(np.array([[0.0, 0.0], [10.0, 0.0]]), (20, 20)),
        Points(np.array([[5.0, 5.0], [np.nan, np.nan]]), (20, 20)),
    ]
    found = np.array([[[0.9, 0.0], [10.0, 1.9]], [[5.0, 8.0], [0.0, 0.0]]])  # scales: 10, and 20 of one point alone
    told = evaluate_keypoints(true, found, mean_points=np.full((2, 2), 0.5), n_bootstrap=0)
    assert told["pck_10"].value == pytest.approx(1 / 3)
    assert told["pck_20"].value == pytest.approx(3 / 3)
    assert told["mean_distance"].value == pytest.approx((0.9 + 1.9 + 3) / 3)
    assert told["mean_distance"].baseline == pytest.approx((np.hypot(10, 10) + 10 + np.hypot(5, 5)) / 3)
    assert told.by_class[1]["points"] == 1


@pytest.mark.parametrize(("make", "words"), [
    (lambda X, y: (X, None), "there are no keypoints"),
    (lambda X, y: (X, y[:5]), "keypoints for 5 and 8 pictures"),
    (lambda X, y: (X, y[..., :1]), "picture 0: its keypoints have shape"),
    (lambda X, y: (X, [*y[:7], y[7][:2]]), r"pictures have \[2, 4\] keypoints"),
    (lambda X, y: (X, [["a", "b"]] * 8), "no numbers"),
    (lambda X, y: (X, y + 40), "picture 0: keypoint 0, .* lies outside its picture"),
    (lambda X, y: (X, np.where(y == y[3, 1], np.inf, y)), "picture 3: keypoint 1, .* lies outside"),
    (lambda X, y: (X, np.where(y == y[3, 1, 0], np.nan, y)), r"picture 3: keypoint 1 has one number of two, \(nan, "),
    (lambda X, y: (X, y / 24), "all keypoints lie between 0 and 1, .* multiply x by the width"),
    (lambda X, y: (X, np.where(np.arange(4)[:, None] == 2, np.nan, y)), "keypoint 2 is there in none of the 8"),
    (lambda X, y: (X, np.dstack([y, np.full((8, 4, 1), 7)])), "visibility 7"),
    (lambda X, y: (X[:0], y[:0]), "no pictures"),
    (lambda X, y: (X, 3), "keypoints for a int in place and 8"),
])  # fmt: skip
def test_what_are_no_keypoints_is_refused(make, words):
    with pytest.raises(DataError, match=words):
        pn.KeypointFinder(SMALL, epochs=1, progress=False).fit(*make(*kite_scenes(8, size=24)))


@pytest.mark.parametrize(("settings", "words"), [
    ({"codec": pn.Image(augment={"flip": True})}, "left points right ones, and these have no names .* flip_pairs"),
    ({"codec": pn.Image(augment={"flip": True, "flip_pairs": [(1, 4)]})}, "keypoint 4; there are 4, counted from 0"),
    ({"codec": pn.Image(augment={"flip": True, "flip_pairs": [(1, 3), (3, 2)]})}, "keypoint 3 twice"),
    ({"codec": pn.Image(augment={"flip": True, "flip_pairs": [("a", "b")]})}, "these keypoints have no names"),
    ({"codec": pn.Image(augment={"jaccard_crop": 1})}, "jaccard_crop"),
    ({"codec": pn.Image(size=16, resize="crop")}, "crop"),
    ({"codec": pn.Table()}, "codec=pn.Image"),
    ({"model": torch.nn.Flatten()}, "no module"),
    ({"model": pn.model("heat_unet", sigma=0)}, "sigma is in pixels"),
    ({"model": pn.model("heat_unet", widths=(4,))}, "two levels"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(settings, words):
    with pytest.raises(SettingError, match=words):
        pn.KeypointFinder(**{"epochs": 1} | settings).fit(*kite_scenes(8, size=24))


def test_questions_without_an_answer_are_refused(fitted):
    X, y = kite_scenes(4, size=24)
    with pytest.raises(SettingError, match="keypoints as y"):
        fitted.evaluate(X)
    with pytest.raises(DataError, match="3 keypoints; fit saw 4"):
        fitted.evaluate(X, y[:, :3])
    with pytest.raises(DataError, match="nothing can be judged"):
        fitted.evaluate(X, y * np.nan)
    with pytest.raises(SettingError, match="no column"):
        pn.KeypointFinder().fit(X, y, target="a")


def test_coco_s_visibility_and_validation_and_weights_are_taken():
    (X, y), other = kite_scenes(12, size=24), kite_scenes(4, size=24, seed=9)
    seen = np.concatenate([y, np.full((12, 4, 1), 2.0)], -1)
    seen[3, 1] = 0  # not labelled: COCO writes zeros
    net = pn.KeypointFinder(SMALL, epochs=2, progress=False, patience=5)
    net.fit(X, seen, validation=other, sample_weight=np.arange(1, 13))
    assert net.held_.y[0].points.shape == (4, 2)
    assert len(net.history_) == 2


def test_points_are_drawn_and_reported(fitted, tmp_path):
    X, y = kite_scenes(6, size=24, hidden=0.3)
    assert len(fitted.draw(X, y).axes) >= 6
    assert len(fitted.draw(X[:2]).axes) == 2
    found = fitted.report(tmp_path / "r.html", X, y)
    page = (tmp_path / "r.html").read_text()
    for words in ("PCK at 10 %", "rings around the true ones", "keypoint 3", "pixels off"):
        assert words in page
    assert found.n_rows == 6
    with pytest.raises(SettingError, match="give the keypoints as y"):
        fitted.report(tmp_path / "r.html", X)


def test_the_command_line_asks_a_saved_finder_and_passes_over_what_cannot_be_read(fitted, tmp_path, capsys):
    X, _ = kite_scenes(3, size=24)
    for i, picture in enumerate(X):
        Pillow.fromarray(picture).save(tmp_path / f"{i}.png")
    fitted.save(tmp_path / "k.parnassus")
    whole = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(whole[: len(whole) // 2])
    pictures = [str(tmp_path / f"{i}.png") for i in range(3)]
    with pytest.warns(pn.DataWarning, match="1 of 3 rows were skipped"):
        said = fitted.predict(pictures, on_error="skip")
    assert np.isnan(said).all((1, 2)).tolist() == [False, True, False]
    assert main(["predict", str(tmp_path / "k.parnassus"), *pictures, "--on-error", "skip", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    np.testing.assert_allclose([rows[0][f"prediction {i}"] for i in range(4)], said[0])
    assert rows[1]["prediction 0"] is None
    assert rows[1]["error"]
    assert main(["predict", str(tmp_path / "k.parnassus"), pictures[0]]) == 0
    assert capsys.readouterr().out.startswith("picture,prediction 0,prediction 1,prediction 2,prediction 3\n")
