"""What learns places and starts from learned weights: what is taken, what is new, what stays, what is refused."""

import numpy as np
import pandas as pd
import PIL.Image
import pytest
import torch

import parnassus as pn
from parnassus.data.detection.scenes import kite_scenes

pytestmark = pytest.mark.slow

rng = np.random.default_rng(0)
PICTURES = rng.integers(0, 255, (6, 64, 64, 3)).astype(np.uint8)
PETS = [([[4, 6, 30, 40]], ["cat"]), ([[20, 10, 50, 44]], ["dog"])] * 3
CARS = [([[4, 6, 30, 40]], ["bus"]), ([[20, 10, 50, 44]], ["car"]), ([[2, 2, 20, 30]], ["van"])] * 2
MAPS = (PICTURES[:, :16, :16, 0] > 128).astype(int)
QUICK = {"epochs": 1, "batch_size": 3, "lr": 0.01, "progress": False}
GENTLE = QUICK | {"lr": 1e-4}
SMALL = {
    "ssd": pn.model("ssd", widths=(8, 8)),
    "retinanet": pn.model("retinanet", widths=(8, 8), depth=1),
    "fcos": pn.model("fcos", widths=(8, 8), depth=1),
    "faster_rcnn": pn.model("faster_rcnn", widths=(8, 8), hidden=8, n_regions=8),
}
LAST = {  # the layers that say a class, as they are named in the files of the nets
    "ssd": "classes.",
    "retinanet": "classes.",
    "fcos": "classes.",
    "faster_rcnn": ("head.classes.", "head.offsets."),
}


def weights(detector):
    return {name: tensor.clone() for name, tensor in detector.objective_.learner.state_dict().items()}


def unmoved(module):
    """Settings under which a training changes no weight beyond 1e-6."""
    return {**QUICK, "lr": 1e-9, "optimizer": "sgd"} | module


@pytest.fixture(scope="module")
def pets():
    made: dict[str, pn.Detector] = {}

    def get(name):
        if name not in made:
            made[name] = pn.Detector(SMALL[name], **QUICK).fit(PICTURES, PETS)
        return made[name]

    return get


@pytest.fixture(scope="module")
def classes():
    """A classifier of pictures with the stem that detectors have."""
    spec = pn.model("resnet18", stem="paper")
    return pn.Classifier(spec, **QUICK).fit(PICTURES, ["a", "b"] * 3)


@pytest.mark.parametrize("name", SMALL)
def test_a_detector_of_other_classes_gives_all_but_its_last_layers(pets, name):
    base = pets(name)
    found = pn.Detector(start=base, **unmoved({})).fit(PICTURES, CARS)
    before, after = weights(base), weights(found)
    new = {n for n in after if n.startswith(LAST[name])}
    assert set(found.start_["new"]) == new
    for n in after.keys() - new:
        if "running" not in n and "batches" not in n:
            torch.testing.assert_close(after[n], before[n], atol=1e-6, rtol=0)
    assert found.classes_.tolist() == ["bus", "car", "van"]
    assert found.model_name == base.model_name


@pytest.mark.parametrize("name", SMALL)
def test_the_same_classes_keep_every_layer(pets, name):
    found = pn.Detector(start=pets(name), **unmoved({})).fit(PICTURES, PETS)
    assert found.start_["new"] == []
    for n, tensor in weights(found).items():
        if "running" not in n and "batches" not in n:
            torch.testing.assert_close(tensor, weights(pets(name))[n], atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", SMALL)
def test_a_frozen_backbone_is_the_old_one_bit_for_bit_with_its_norms(pets, name):
    found = pn.Detector(start=pets(name), freeze="body", **QUICK).fit(PICTURES, CARS)
    before, after = weights(pets(name)), weights(found)
    body = "maps." if name == "ssd" else "maps.body."
    assert any("running_mean" in n for n in after if n.startswith(body))
    assert all(torch.equal(before[n], after[n]) for n in after if n.startswith(body))
    moved = [n for n, p in found.objective_.learner.named_parameters() if not n.startswith(body)]
    assert any(not torch.equal(before[n], after[n]) for n in moved if n not in found.start_["new"])


def test_a_net_and_an_objective_are_starts_as_the_estimator_is(pets):
    for start in (pets("fcos").objective_, pets("fcos").objective_.net):
        found = pn.Detector(SMALL["fcos"], start=start, freeze="body", **QUICK).fit(PICTURES, PETS)
        assert torch.equal(
            weights(found)["maps.body.stages.0.0.0.weight"], weights(pets("fcos"))["maps.body.stages.0.0.0.weight"]
        )


def test_layers_join_from_an_epoch_on(pets):
    settings = {**QUICK, "epochs": 2}
    found = pn.Detector(start=pets("ssd"), freeze="body", unfreeze=1, rate_decay=0.5, **settings).fit(PICTURES, CARS)
    assert [[k for k in h if k not in ("rate", "loss")] for h in found.history_] == [["fit"], ["from_epoch_1"]]
    first = "maps.stages.0.0.0.weight"
    assert not torch.equal(weights(found)[first], weights(pets("ssd"))[first])


@pytest.mark.parametrize("name", ["retinanet", "faster_rcnn"])
def test_a_classifier_is_a_backbone(classes, name, tmp_path):
    classes.save(tmp_path / "base.parnassus")
    spec = pn.model(name, backbone="resnet18")
    found = pn.Detector(spec, start=str(tmp_path / "base.parnassus"), freeze="body", **GENTLE).fit(PICTURES, PETS)
    theirs, own = classes.objective_.model.state_dict(), weights(found)
    body = {n.removeprefix("maps.body.net."): t for n, t in own.items() if n.startswith("maps.body.net.")}
    assert body.keys() == {n for n in theirs if not n.startswith("head.")}
    assert all(torch.equal(theirs[n], t) for n, t in body.items())
    assert set(found.start_["new"]) == {n for n in own if not n.startswith("maps.body.")}
    assert torch.equal(found.codec_.mean, classes.codec_.mean)
    found.save(tmp_path / "own.parnassus")
    (tmp_path / "base.parnassus").unlink()
    again = pn.load(tmp_path / "own.parnassus")
    assert again.predict(PICTURES) == found.predict(PICTURES)
    assert again.start_ == found.start_
    assert found.score(PICTURES, PETS) == again.score(PICTURES, PETS)


def test_a_folder_and_a_module_are_backbones_too(classes, tmp_path):
    pn.hub.save_pretrained(classes, tmp_path / "folder")
    theirs = classes.objective_.model.state_dict()
    for start in (str(tmp_path / "folder"), classes.objective_.model):
        found = pn.Detector(pn.model("fcos", backbone="resnet18"), start=start, freeze="body", **GENTLE)
        found.fit(PICTURES[:3], PETS[:3])
        assert torch.equal(weights(found)["maps.body.net.conv1.weight"], theirs["conv1.weight"])


@pytest.mark.usefixtures("draws")
def test_vgg16_is_the_backbone_of_ssd_convolution_by_convolution():
    from parnassus.estimators.fitting.places_start import above_backbone, as_backbone

    facts = {"in_channels": 3, "n_outputs": 2}
    vgg = pn.model("vgg16", head=8).builders("classifier")[0].make(
        image_size=(32, 32), **facts, **pn.model("vgg16", head=8).get_params(task="classifier")
    )  # fmt: skip
    net = pn.model("ssd", backbone="vgg16").builders("detector")[0].make(
        image_size=(300, 300), **facts, **pn.model("ssd", backbone="vgg16").get_params(task="detector")
    ).net  # fmt: skip
    taken = as_backbone(net, vgg.state_dict(), "a VGG", "model 'ssd'")
    theirs = [m.weight for m in vgg.features if isinstance(m, torch.nn.Conv2d)]
    ours = [n for n in net.state_dict() if n.startswith(("maps.first", "maps.second")) and n.endswith("weight")]
    assert len(theirs) == 13
    assert all(torch.equal(taken[n], t) for n, t in zip(ours, theirs, strict=False))
    assert set(ours[13:]) <= above_backbone(net)  # fc6 and fc7 are convolutions here, and dense there


def test_a_saved_detector_takes_pictures_of_another_size_into_its_frame(pets, tmp_path):
    pets("fcos").save(tmp_path / "d.parnassus")
    larger = np.kron(PICTURES, np.ones((1, 2, 2, 1), dtype=np.uint8))
    boxes = [(2 * np.array(b), names) for b, names in CARS]
    found = pn.Detector(start=tmp_path / "d.parnassus", freeze="body", **QUICK).fit(larger, boxes)
    assert found.codec_.shape == (3, 64, 64)
    assert torch.equal(found.codec_.std, pets("fcos").codec_.std)
    flipped = pn.Detector(start=pets("fcos"), augment="shift-flip", **QUICK).fit(list(PICTURES), CARS)
    assert flipped.codec_.augmentation is not None
    assert flipped.codec_.shape == (3, 64, 64)


def test_a_detector_s_start_that_does_not_fit_is_refused_with_the_remedy(pets, classes):
    def said(model=None, **settings):
        with pytest.raises(pn.ParnassusError) as error:
            pn.Detector(model, **QUICK | settings).fit(PICTURES, PETS)
        return str(error.value)

    assert "pn.model('retinanet', backbone='resnet18')" in said(start=classes)
    assert "no classifier has the backbone of model 'ssd'" in said("ssd", start=classes)
    assert "pn.model('resnet34', stem='paper')" in said(pn.model("fcos", backbone="resnet34"), start=classes)
    assert "another kind, whose backbone is not that of model 'fcos'" in said("fcos", start=pets("ssd"))
    assert "do not fit" in said(pn.model("ssd", widths=(8, 16)), start=pets("ssd"))
    other = pn.Classifier("mlp", **QUICK).fit(rng.normal(size=(9, 2)), [0, 1, 2] * 3)
    assert "'vgg16' as its backbone" in said(start=other)
    spec = pn.model("retinanet", backbone="resnet18")
    assert "they are new here" in said(spec, start=classes, freeze="maps")
    assert "never comes in 1 epochs" in said(start=pets("ssd"), freeze="body", unfreeze=5)
    assert "no weights are named 'trunk'" in said(start=pets("ssd"), freeze="trunk")
    with pytest.raises(pn.SettingError, match=r"conv1.weight is .64, 3, 7, 7. there and .64, 1, 7, 7. here"):
        pn.Detector(spec, start=classes, **QUICK).fit(PICTURES[..., 0], PETS)
    coloured = pn.Image(mode="RGB", size=64, resize="pad")
    pn.Detector(spec, start=classes, codec=coloured, **GENTLE).fit(list(PICTURES[..., 0]), PETS)


@pytest.mark.parametrize(
    ("ours", "theirs", "shared"),
    [
        ("fcos", "retinanet", {"maps.body", "maps.pyramid"}),
        ("retinanet", "ssd", {"maps.body"}),
        ("ssd", "faster_rcnn", {"maps.stages"}),
        ("faster_rcnn", "fcos", {"maps.body", "maps.pyramid"}),
    ],
)
def test_a_detector_of_another_kind_lends_its_backbone_and_its_pyramid(pets, ours, theirs, shared):
    found = pn.Detector(SMALL[ours], start=pets(theirs), freeze="body", **QUICK).fit(PICTURES, PETS)
    assert {".".join(name.split(".")[:2]) for name in found.start_["taken"]} == shared
    before, after = weights(pets(theirs)), weights(found)
    prefixes = ["maps." if name == "ssd" else "maps.body." for name in (ours, theirs)]
    body = [name.removeprefix(prefixes[0]) for name in after if name.startswith(f"{prefixes[0]}stages.")]
    assert len(body) > 40
    assert all(torch.equal(after[prefixes[0] + name], before[prefixes[1] + name]) for name in body)
    assert found.model.name == ours


@pytest.mark.parametrize("classes_here", [["cat"], ["bird"]])
def test_boxes_of_regions_begin_masks_of_regions(pets, classes_here):
    spec = pn.model("mask_rcnn", widths=(8, 8), hidden=8, n_regions=8)
    told = [
        {
            "boxes": b,
            "labels": names if classes_here == ["cat"] else ["bird"],
            "masks": np.ones((1, 64, 64), dtype=bool),
        }
        for b, names in PETS
    ]
    found = pn.Detector(spec, start=pets("faster_rcnn"), **QUICK).fit(PICTURES, told)
    new = {name.rpartition(".")[0].split(".convolutions")[0] for name in found.start_["new"]}
    others = {"head.classes", "head.offsets"} if classes_here == ["bird"] else set()
    assert new == {"mask_head", "mask_head.enlarge", "mask_head.planes"} | others


# --- segmenters -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def masks():
    made: dict[str, pn.Segmenter] = {}

    def get(name):
        if name not in made:
            spec = pn.model(name, widths=(4, 6, 8))
            made[name] = pn.Segmenter(spec, **QUICK).fit(PICTURES[:, :16, :16], MAPS)
        return made[name]

    return get


@pytest.mark.parametrize("name", ["u_net", "fcn", "segnet", "deeplab"])
def test_a_segmenter_starts_from_one_of_other_classes(masks, name):
    other = MAPS + (PICTURES[:, :16, :16, 1] > 200)  # three classes for two
    base = masks(name)
    found = pn.Segmenter(start=base, freeze="body", **QUICK).fit(PICTURES[:, :16, :16], other)
    before, after = base.objective_.model.state_dict(), found.objective_.model.state_dict()
    head = {"fcn": "heads.", "deeplab": "head.3."}.get(name, "head.")
    new = {n for n in after if n.startswith(head)}
    assert set(found.start_["new"]) == new
    assert all(torch.equal(before[n], after[n]) for n in after.keys() - new)
    assert torch.equal(found.codec_.mean, base.codec_.mean)
    assert found.predict_proba(PICTURES[:2, :16, :16]).shape == (2, 16, 16, 3)


def test_a_saved_segmenter_starts_another_whose_weights_move_from_there(masks, tmp_path):
    base = masks("u_net")
    base.save(tmp_path / "s.parnassus")
    found = pn.Segmenter(start=tmp_path / "s.parnassus", **unmoved({})).fit(PICTURES[:, :16, :16], MAPS)
    assert found.start_["new"] == []
    for n, p in found.objective_.model.named_parameters():
        torch.testing.assert_close(p, base.objective_.model.state_dict()[n], atol=1e-6, rtol=0)
    found.save(tmp_path / "t.parnassus")
    (tmp_path / "s.parnassus").unlink()
    assert pn.load(tmp_path / "t.parnassus").start_ == found.start_


def test_what_no_segmenter_begins_with_is_refused(classes, masks):
    with pytest.raises(pn.SettingError, match="no segmenter begins with one; take a fitted segmenter"):
        pn.Segmenter(start=classes, **QUICK).fit(PICTURES[:, :16, :16], MAPS)
    with pytest.raises(pn.SettingError, match="do not fit model 'fcn'"):
        pn.Segmenter("fcn", start=masks("u_net"), **QUICK).fit(PICTURES[:, :16, :16], MAPS)


# --- finders of keypoints -------------------------------------------------------------------------

KITES = kite_scenes(9, size=16, seed=0)
HEAT = pn.model("heat_unet", widths=(4, 6))


@pytest.fixture(scope="module")
def corners():
    return pn.KeypointFinder(HEAT, **QUICK).fit(*KITES)


def test_a_finder_starts_from_one_of_other_points(corners, tmp_path):
    corners.save(tmp_path / "k.parnassus")
    found = pn.KeypointFinder(start=tmp_path / "k.parnassus", freeze="body", **QUICK).fit(KITES[0], KITES[1][:, :3])
    before, after = weights(corners), weights(found)
    assert set(found.start_["new"]) == {"head.weight", "head.bias"}
    assert all(torch.equal(before[n], after[n]) for n in after.keys() - set(found.start_["new"]))
    assert found.predict(KITES[0]).shape == (9, 3, 2)
    assert torch.equal(found.codec_.mean, corners.codec_.mean)
    found.save(tmp_path / "l.parnassus")
    assert pn.load(tmp_path / "l.parnassus").start_ == found.start_


def test_a_finder_of_the_same_points_goes_on_from_every_weight(corners):
    found = pn.KeypointFinder(start=corners, **unmoved({})).fit(*KITES)
    assert found.start_["new"] == []
    for n, p in found.objective_.net.named_parameters():
        torch.testing.assert_close(p, weights(corners)[n], atol=1e-6, rtol=0)


def test_points_of_other_names_are_other_points(tmp_path):
    def table(*names):
        columns = {f"{n}_{axis}": KITES[1][:, k, i] for k, n in enumerate(names) for i, axis in enumerate("xy")}
        path = tmp_path / f"{names[0]}.csv"
        pd.DataFrame({"image": pictures} | columns).to_csv(path, index=False)
        return path

    pictures = [f"{i}.png" for i in range(9)]
    for name, picture in zip(pictures, KITES[0], strict=True):
        PIL.Image.fromarray(picture).save(tmp_path / name)
    base = pn.KeypointFinder(HEAT, **QUICK).fit(table("nose", "tail"))
    assert pn.KeypointFinder(start=base, **QUICK).fit(table("tail", "nose")).start_["new"] == [
        "head.bias",
        "head.weight",
    ]
    assert pn.KeypointFinder(start=base, **QUICK).fit(KITES[0], KITES[1][:, :2]).start_["new"] == []


def test_a_segmenter_s_u_net_begins_a_finder_that_names_its_widths(corners):
    base = pn.Segmenter(pn.model("u_net", widths=(4, 6)), **QUICK).fit(KITES[0], (KITES[0] > 90).astype(int))
    found = pn.KeypointFinder(HEAT, start=base, freeze="body", unfreeze=1, rate_decay=0.5, **QUICK | {"epochs": 2})
    found.fit(*KITES)
    assert set(found.start_["new"]) == {"head.weight", "head.bias"}
    assert [[k for k in h if k not in ("rate", "loss")] for h in found.history_] == [["fit"], ["from_epoch_1"]]
    with pytest.raises(pn.SettingError, match="name the finder that has its layers"):
        pn.KeypointFinder(start=base, **QUICK).fit(*KITES)
    with pytest.raises(pn.SettingError, match="do not fit model 'heat_unet'"):
        pn.KeypointFinder("heat_unet", start=corners, **QUICK).fit(*KITES)
