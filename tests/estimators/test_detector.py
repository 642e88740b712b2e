"""The detector: learns where squares and crosses are, saves, resumes, refuses, reports; nothing is dropped unsaid."""

import warnings

import numpy as np
import pytest
import torch
from PIL import Image as Pictures

import parnassus as pn
from parnassus.data.detection.boxes import Boxes
from parnassus.estimators.detector import Detector

pytestmark = pytest.mark.slow

SIZE = 32
TRAINING = {"epochs": 40, "batch_size": 16, "lr": 5e-3, "progress": False}
MODELS = {
    "ssd": pn.model("ssd", widths=(16, 24, 32), anchor_scale=2.5),
    "retinanet": pn.model("retinanet", widths=(16, 24, 32), depth=1, anchor_scale=2.0),
    "fcos": pn.model("fcos", widths=(16, 24, 32), depth=1),
    "faster_rcnn": pn.model("faster_rcnn", widths=(16, 24), hidden=32, anchor_scale=2.5, n_regions=16),
}
every_model = pytest.mark.parametrize("name", MODELS)


def scenes(n, seed=0):
    """One or two things a picture: filled squares and crosses, of 7 to 13 pixels."""
    rng = np.random.default_rng(seed)
    pictures, found = rng.integers(0, 30, (n, SIZE, SIZE)).astype(np.uint8), []
    for picture in pictures:
        boxes, labels = [], []
        for half in range(rng.integers(1, 3)):
            side = int(rng.integers(7, 14))
            x, y = int(rng.integers(0, SIZE - side + 1)), int(16 * half + rng.integers(0, max(17 - side, 1)))
            if rng.random() < 0.5:
                picture[y : y + side, x : x + side] = 220
                labels.append("square")
            else:
                at = np.arange(side)
                for thick in (-1, 0, 1):
                    picture[y + at, x + np.clip(at + thick, 0, side - 1)] = 220
                    picture[y + at, x + np.clip(side - 1 - at + thick, 0, side - 1)] = 220
                labels.append("cross")
            boxes.append([x, y, x + side, y + side])
        found.append((np.array(boxes, dtype=np.float64), labels))
    return pictures, found


X, Y = scenes(160)
NEW, TRUE = scenes(40, seed=1)


def detector(name="ssd", **settings):
    return Detector(MODELS[name], **TRAINING | settings)


@pytest.fixture(scope="module")
def trained():
    made: dict[str, Detector] = {}

    def get(name="ssd"):
        if name not in made:
            made[name] = detector(name, epochs=20 if name == "faster_rcnn" else 40).fit(X, Y)
        return made[name]

    return get


@every_model
def test_it_finds_squares_and_crosses(trained, name):
    model = trained(name)
    assert model.score(NEW, TRUE) > 0.9
    assert model.classes_.tolist() == ["cross", "square"]
    found = model.predict(NEW)
    assert all(isinstance(one, Boxes) for one in found)
    for one in found:
        assert one.scores.tolist() == sorted(one.scores, reverse=True)
        assert (one.boxes >= 0).all()
        assert (one.boxes <= SIZE).all()


@every_model
def test_a_picture_s_boxes_do_not_depend_on_what_stands_beside_it(trained, name):
    together, alone = trained(name).predict(NEW[:5]), [trained(name).predict(NEW[i : i + 1])[0] for i in range(5)]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=1e-3)
        assert one.labels.tolist() == other.labels.tolist()


@every_model
def test_what_is_saved_answers_as_before(trained, name, tmp_path):
    trained(name).save(tmp_path / "m.parnassus")
    again = pn.load(tmp_path / "m.parnassus")
    assert again.predict(NEW) == trained(name).predict(NEW)
    assert again.classes_.tolist() == ["cross", "square"]


@every_model
def test_micro_batches_change_nothing_beyond_rounding(name):
    losses = [
        detector(name, epochs=1, micro_batch_size=m, lr=1e-4).fit(X[:32], Y[:32]).history_[0]["loss"] for m in (None, 4)
    ]
    if name == "ssd":  # batch norm sees smaller batches, so that the losses are near each other and not equal
        assert losses[0] == pytest.approx(losses[1], rel=0.5)


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path):
    whole = detector(epochs=3).fit(X[:32], Y[:32])
    half = detector(epochs=3, out=tmp_path / "run", resume=True)

    class Killed(Exception):
        pass

    from parnassus.train import trainer as engine

    kept = engine.Trainer.end_epoch

    def dying(self, *given):
        kept(self, *given)
        if len(self.history) == 2:
            raise Killed

    engine.Trainer.end_epoch = dying
    try:
        with pytest.raises(Killed):
            half.fit(X[:32], Y[:32])
    finally:
        engine.Trainer.end_epoch = kept
    half.fit(X[:32], Y[:32])
    for one, other in zip(whole.objective_.parameters(), half.objective_.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_evaluation_stands_beside_a_constant_answer_and_its_report_shows_boxes(trained, tmp_path):
    found = trained().report(tmp_path / "r.html", NEW, TRUE)
    assert found["map_50"].value > 0.9 > 0.5 > found["map_50"].baseline
    assert found["map_50"].low <= found["map_50"].value <= found["map_50"].high + 1e-9
    assert [row["name"] for row in found.by_class] == ["cross", "square"]
    page = (tmp_path / "r.html").read_text()
    assert "<svg" in page
    assert "found; dashed: true" in page


def test_pictures_are_drawn_with_their_boxes(trained):
    figure = trained().draw(NEW, TRUE, n_most=3)
    assert len(figure.axes) == 3
    boxes = trained().predict(NEW[:3])
    assert [len(ax.patches) for ax in figure.axes] == [
        len(found) + len(true[1]) for found, true in zip(boxes, TRUE, strict=False)
    ]


def test_pictures_of_other_sizes_are_padded_and_their_boxes_come_back_in_their_own_pixels(trained, tmp_path):
    wide = np.zeros((2 * SIZE, 4 * SIZE), dtype=np.uint8)
    wide[: 2 * SIZE, : 2 * SIZE] = NEW[0].repeat(2, 0).repeat(2, 1)
    Pictures.fromarray(wide).save(tmp_path / "wide.png")
    sizes = [(np.array([[10, 20, 50, 60]], dtype=float), ["a"])]
    model = Detector(MODELS["ssd"], epochs=1, progress=False)
    model.fit([tmp_path / "wide.png"] * 4, sizes * 4)
    assert model.codec_.shape == (1, 64, 128)
    square = Detector(MODELS["ssd"], epochs=1, progress=False, codec=pn.Image(size=64, resize="pad"))
    square.fit([tmp_path / "wide.png"] * 4, sizes * 4)
    taken = square.target_.encode(square._examples([wide], sizes).y).take(torch.tensor([0]))
    assert taken["y"][0, 0].tolist() == [5, 26, 25, 46]  # half the size, 16 rows of black above
    ((back,),) = ([square.target_.decode([(taken["y"][0], None, [0])], [(64, 128)])[0].boxes],)
    assert back.tolist() == [[10, 20, 50, 60]]


def test_crowds_and_difficult_boxes_are_neither_learned_nor_counted():
    hard = [Boxes(b, np.array(names), ignored=np.arange(len(names)) > 0) for b, names in Y[:16]]
    model = detector(epochs=1).fit(X[:16], hard)
    batch = model.target_.encode(model._examples(X[:16], hard).y).take(torch.arange(16))
    assert ((batch["y_labels"] == -1).sum(1) == (batch["y_lengths"] - 1)).all()


def test_pictures_of_nothing_are_learned_from_and_answered_with_nothing(trained):
    empty = np.full((4, SIZE, SIZE), 10, dtype=np.uint8)
    mixed = detector(epochs=2).fit(np.concatenate([X[:28], empty]), [*Y[:28], *[([], [])] * 4])
    assert mixed.history_[-1]["loss"] > 0
    assert [len(one) for one in trained().predict(empty)] == [0] * 4


def test_weights_of_zero_leave_pictures_out():
    twice = np.concatenate([X[:16], NEW[:16]])
    weight = np.repeat([1.0, 0.0], 16)
    model = detector(epochs=2, batch_size=32, lr=1e-3)
    model.fit(twice, [*Y[:16], *TRUE[:16]], sample_weight=weight)
    assert np.isfinite(model.history_[-1]["loss"])
    assert model.evaluate(twice, [*Y[:16], *TRUE[:16]], sample_weight=weight, n_bootstrap=0)["map_50"].value >= 0


def test_boxes_follow_what_is_done_to_training_pictures():
    model = detector(augment={"jaccard_crop": 0.5, "brightness": 0.3, "flip": True})
    model.fit(X, Y, validation=(NEW, TRUE))
    assert model.score(NEW, TRUE) > 0.7
    assert "validation_loss" in model.history_[-1]


# --- masks ----------------------------------------------------------------------------------------


def with_masks(pictures, truths):
    """The boxes, and what is bright in each as its mask."""
    given = []
    for picture, (boxes, labels) in zip(pictures, truths, strict=True):
        masks = np.zeros((len(boxes), SIZE, SIZE), dtype=bool)
        for mask, (x1, y1, x2, y2) in zip(masks, boxes.astype(int).tolist(), strict=True):
            mask[y1:y2, x1:x2] = picture[y1:y2, x1:x2] > 100
        given.append({"boxes": boxes, "labels": labels, "masks": masks})
    return given


MASKED, MASKED_TRUE = with_masks(X, Y), with_masks(NEW, TRUE)
MASK_RCNN = pn.model("mask_rcnn", widths=(16, 24), hidden=32, mask_widths=(16,), anchor_scale=2.5, n_regions=16)


@pytest.fixture(scope="module")
def masked():
    codec = pn.Image(size=SIZE, resize="pad")
    return Detector(MASK_RCNN, codec=codec, **TRAINING | {"epochs": 12}).fit(X, MASKED)


def test_masks_are_learned_and_come_back_in_the_picture_s_own_pixels(masked, tmp_path):
    judged = masked.evaluate(NEW, MASKED_TRUE, n_bootstrap=20)
    assert judged["map_50"].value > 0.85
    assert judged["mask_map_50"].value > 0.8
    assert judged["mask_map_50"].low <= judged["mask_map_50"].value <= judged["mask_map_50"].high + 1e-9
    found = masked.predict(NEW)
    assert all(one.masks.shape == (len(one), SIZE, SIZE) and one.masks.dtype == bool for one in found)
    masked.save(tmp_path / "m.parnassus")
    assert pn.load(tmp_path / "m.parnassus").predict(NEW) == found
    twice = NEW[:3].repeat(2, 1).repeat(2, 2)
    for one, other in zip(masked.predict(twice), found, strict=False):
        assert one.masks.shape[1:] == (2 * SIZE, 2 * SIZE)
        if len(one) == len(other):
            assert abs(one.masks.sum() / 4 - other.masks.sum()) < 0.3 * other.masks.sum() + 1


def test_a_report_of_masks_has_their_numbers_and_pictures(masked, tmp_path):
    masked.report(tmp_path / "r.html", NEW, MASKED_TRUE)
    page = (tmp_path / "r.html").read_text()
    assert "mAP of masks at IoU 0.5" in page
    figure = masked.draw(NEW, MASKED_TRUE, n_most=2)
    assert len(figure.axes[0].images) == 1 + len(masked.predict(NEW[:1])[0])


def test_boxes_around_masks_need_not_be_given():
    bare = [{"masks": one["masks"], "labels": one["labels"]} for one in MASKED[:8]]
    made = detector()._examples(X[:8], bare).y
    for one, (boxes, _) in zip(made, Y, strict=False):
        assert one.boxes.tolist() == boxes.tolist()


def test_masks_follow_what_is_done_to_training_pictures():
    model = Detector(MASK_RCNN, epochs=1, progress=False, augment={"flip": True, "shift": 0.1})
    batch = model.fit(X[:32], MASKED[:32]).target_.encode(model._examples(X[:32], MASKED[:32]).y).take(torch.arange(32))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        rows = model.codec_.encode(X[:32]).take(torch.arange(32))
        moved = model.codec_.prepare(rows | batch, "image", training=True)
    assert not torch.equal(moved["y_masks"], batch["y_masks"])
    bright = (moved["x"] * model.codec_.std + model.codec_.mean)[:, 0] > 120
    for i, n in enumerate(moved["y_lengths"].tolist()):
        for mask in moved["y_masks"][i, :n].bool():
            assert bright[i][mask].float().mean() > 0.8  # bilinear edges are half as bright


def test_packed_masks_of_padded_pictures_lie_where_the_pictures_do():
    picture = np.zeros((20, 33), dtype=np.uint8)
    picture[4:11, 5:20] = 255
    model = Detector(MASK_RCNN, epochs=1, progress=False, codec=pn.Image(size=32, resize="pad"))
    given = [{"masks": (picture > 0)[None], "labels": ["a"]}] * 4
    model.fit([picture] * 4, given)
    taken = model.target_.encode(model._examples([picture] * 4, given).y).take(torch.tensor([2]))
    shown = model.codec_.encode([picture]).take(torch.tensor([0]))["x"][0].squeeze() > 127
    assert ((taken["y_masks"][0, 0] == 1) != shown).sum() <= 4


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda one: one | {"masks": one["masks"][:, :9]}, ["picture 0", "(2, 9, 32)", "height 32"]),
        (lambda one: one | {"masks": one["masks"].astype(float) * 0.5}, ["picture 0", "0 and 1"]),
        (lambda one: one | {"masks": np.zeros_like(one["masks"])}, ["picture 0", "mask 0 has no pixel"]),
        (lambda one: one | {"masks": one["masks"][:, ::-1]}, ["picture 0", "outside its box"]),
        (lambda one: one | {"masks": one["masks"][:1]}, ["picture 0", "2 boxes and 1 masks", "one of each a box"]),
        (lambda one: {"labels": one["labels"]}, ["picture 0", "'boxes', or 'masks'"]),
        (lambda one: {k: one[k] for k in ("boxes", "labels")}, ["picture 0 have no masks"]),
    ],
)
def test_masks_that_cannot_be_are_refused_by_picture_and_number(given, words):
    two = next(i for i, one in enumerate(MASKED) if len(one["labels"]) == 2 and one["boxes"][0, 3] < 15)
    with pytest.raises(pn.DataError) as caught:
        Detector(MASK_RCNN, epochs=1, progress=False).fit(X[[two, 1]], [given(MASKED[two]), MASKED[1]])
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_model_of_masks_wants_masks_and_others_say_that_they_leave_them():
    with pytest.raises(pn.DataError, match="these boxes have none"):
        Detector(MASK_RCNN, epochs=1, progress=False).fit(X[:8], Y[:8])
    with pytest.warns(pn.DataWarning, match="this model learns boxes alone"):
        detector(epochs=1).fit(X[:8], MASKED[:8])


# --- refusals -------------------------------------------------------------------------------------

GOOD = np.array([[1.0, 1, 9, 9]])


@pytest.mark.parametrize(
    ("boxes", "labels", "words"),
    [
        ([[1, 1, 40, 9]], ["a"], ["picture 1", "box 0", "outside", "32"]),
        ([[1, 1, 9, 9], [9, 9, 1, 1]], ["a", "a"], ["picture 1", "box 1", "before it begins"]),
        ([[1, 1, 1, 9]], ["a"], ["picture 1", "box 0", "no area"]),
        ([[1, float("nan"), 4, 9]], ["a"], ["picture 1", "box 0", "NaN"]),
        ([[1, 2, 3]], ["a"], ["picture 1", "(1, 3)", "corners"]),
        ([["a", 1, 2, 3]], ["a"], ["picture 1", "no numbers"]),
        ([[1, 1, 9, 9]], ["a", "b"], ["picture 1", "one label a box"]),
        ([[1, 1, 9, 9]], [3], ["texts", "numbers"]),
    ],
)
def test_boxes_that_cannot_be_are_refused_by_picture_and_number(boxes, labels, words):
    with pytest.raises(pn.DataError) as caught:
        detector().fit(X[:2], [(GOOD, ["a"]), (boxes, labels)])
    assert all(word in str(caught.value) for word in words), caught.value


def test_bad_boxes_are_mended_when_asked_and_counted():
    bad = [(np.array([[1, 1, 40, 9], [9, 9, 1, 1], [4, 4, 4, 9.0]]), ["a"] * 3), (GOOD, ["a"])]
    with pytest.warns(pn.DataWarning, match="3 boxes were mended or left out"):
        model = detector(bad_boxes="repair", epochs=1).fit(X[:2], bad)
    with pytest.warns(pn.DataWarning):
        kept = model._examples(X[:2], bad).y
    assert kept[0].boxes.tolist() == [[1, 1, 32, 9], [1, 1, 9, 9]]


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: detector().fit(X[:4], Y[:3]), ["4 pictures", "boxes of 3"]),
        (lambda: detector().fit(X[:4]), ["no boxes"]),
        (lambda: detector().fit(X[:4], [([], [])] * 4), ["none of the 4 pictures"]),
        (lambda: detector().fit(np.zeros((3, 2)), [(GOOD, ["a"])] * 3), ["(3, 2)", "pictures are"]),
        (lambda: detector(bad_boxes="drop").fit(X[:4], Y[:4]), ["bad_boxes", "repair"]),
        (lambda: detector(codec=pn.Text()).fit(X[:4], Y[:4]), ["pn.Image"]),
        (lambda: detector(codec=pn.Image(size=64, resize="crop")).fit(X[:4], Y[:4]), ["crop", "pad"]),
        (lambda: detector().fit(X[:4], Y[:4], target="a"), ["target", "y"]),
        (lambda: Detector(pn.model("ssd", backbone="vgg16")).fit(X[:4], Y[:4]), ["300", "(32, 32)"]),
        (lambda: Detector("sdd").fit(X[:4], Y[:4]), ["did you mean 'ssd'"]),
        (lambda: Detector(torch.nn.Identity()).fit(X[:4], Y[:4]), ["not a module"]),
        (
            lambda: pn.Classifier(codec=pn.Image(augment={"jaccard_crop": 1}), epochs=1).fit(X[:4], [0, 1] * 2),
            ["boxes"],
        ),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(work, words):
    with pytest.raises((pn.DataError, pn.SettingError)) as caught:
        work()
    assert all(word in str(caught.value) for word in words), caught.value


def test_classes_that_fit_has_not_seen_are_refused_when_scored(trained):
    with pytest.raises(pn.DataError, match=r"picture 1.*'circle'.*'cross', 'square'"):
        trained().score(NEW[:2], [TRUE[0], (GOOD, ["circle"])])
    with pytest.raises(pn.SettingError, match="threshold is a number from 0 to 1"):
        trained().predict(NEW[:2], threshold=2)


def test_pictures_that_cannot_be_read_are_skipped_when_asked(trained, tmp_path):
    Pictures.fromarray(NEW[0]).save(tmp_path / "good.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:60])
    paths = [tmp_path / "good.png", tmp_path / "cut.png"]
    with pytest.raises(pn.FileError, match=r"cut\.png"):
        trained().predict(paths)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pn.DataWarning)
        found = trained().predict(paths, on_error="skip")
    assert found[1] is None
    assert len(found[0]) == len(trained().predict(NEW[:1])[0])
