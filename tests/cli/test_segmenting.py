"""A segmenter from the command line: a folder of pictures and masks in, a run, and maps as files."""

import json
import shlex

import numpy as np
import pytest
from PIL import Image

import parnassus as pn
from parnassus.cli import main
from parnassus.data.detection.mask_files import held_out, open_masked
from parnassus.errors import DataError


def scene(i, size=16):
    """A dark picture with a bright square, and where this is (class 1)."""
    rng = np.random.default_rng(i)
    picture, mask = rng.integers(0, 60, (size, size)).astype(np.uint8), np.zeros((size, size), np.uint8)
    row, column = rng.integers(1, size - 8, 2)
    picture[row : row + 7, column : column + 7] += 180
    mask[row : row + 7, column : column + 7] = 1
    return picture, mask


def write(folder, n=10, *, pictures="images", masks="masks", ending=".png"):
    for name in (pictures, masks):
        (folder / name).mkdir(parents=True)
    for i in range(n):
        picture, mask = scene(i)
        Image.fromarray(picture).save(folder / pictures / f"{i:02}.png")
        Image.fromarray(mask).save(folder / masks / f"{i:02}{ending}")
    return folder


@pytest.fixture
def scenes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "scenes")


TRAIN = ("train", "segmenter", "scenes", "--model.widths", "4", "8", "--lr", "0.01")


def refused(capsys, *words):
    assert main(list(words)) == 2
    return capsys.readouterr().err


@pytest.mark.slow
def test_a_folder_is_trained_on_judged_and_predicted(scenes, capsys):
    assert main([*TRAIN, "--epochs", "12", "--out", "run"]) == 0
    said = capsys.readouterr().out
    assert "Mean IoU" in said
    last = [line.strip() for line in said.splitlines()]
    commands = [line.split(None, 1)[1] for line in last if line.startswith(("predict", "evaluate"))]
    assert len(commands) == 2
    for command in commands:
        assert main(shlex.split(command)[1:]) == 0
    held = (scenes.parent / "run" / "test.txt").read_text().splitlines()
    assert len(held) == 2
    capsys.readouterr()
    assert main(["evaluate", "run", "run/test.txt", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["metrics"] == json.loads((scenes.parent / "run" / "evaluation.json").read_text())["metrics"]
    assert main(["report", "run", "scenes", "-o", "page.html"]) == 0
    assert "Mean IoU" in (scenes.parent / "page.html").read_text()


def test_maps_are_written_as_files_that_a_segmenter_reads_again(scenes, capsys):
    assert main([*TRAIN, "--epochs", "1", "--test", "0", "--out", "run"]) == 0
    capsys.readouterr()
    assert main(["predict", "run", "scenes", "-o", "maps", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    net = pn.load(scenes.parent / "run" / "model.parnassus")
    pictures = sorted((scenes / "images").iterdir())
    for row, said in zip(rows, net.predict(pictures), strict=True):
        held = np.asarray(Image.open(row["mask"]))
        np.testing.assert_array_equal(held, said)
        assert row["class 1"] == pytest.approx((said == 1).mean(), abs=1e-6)
    assert "exists, and is not overwritten" in refused(capsys, "predict", "run", "scenes", "-o", "maps")
    assert main(["predict", "run", "scenes/images/00.png", "-o", "shares.csv"]) == 0
    assert (scenes.parent / "shares.csv").read_text().startswith("picture,class 0,class 1\n")
    assert "leave --proba out" in refused(capsys, "predict", "run", "scenes/images", "--proba")


@pytest.mark.slow
def test_with_skip_a_broken_picture_gets_a_reason_and_the_others_maps(scenes, capsys):
    assert main([*TRAIN, "--epochs", "1", "--test", "0", "--out", "run"]) == 0
    whole = (scenes / "images" / "03.png").read_bytes()
    (scenes / "images" / "03.png").write_bytes(whole[: len(whole) // 2])
    capsys.readouterr()
    assert "03.png" in refused(capsys, "predict", "run", "scenes/images")
    assert main(["predict", "run", "scenes/images", "--on-error", "skip", "--json", "-o", "maps"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [i for i, row in enumerate(rows) if row["error"]] == [3]
    assert [row["mask"] is None for row in rows] == [i == 3 for i in range(10)]


@pytest.mark.slow
def test_lists_of_pairs_and_arrays_serve_as_well(scenes):
    lines = [f"scenes/images/{i:02}.png\tscenes/masks/{i:02}.png" for i in range(10)]
    (scenes.parent / "pairs.txt").write_text("\n".join(lines))
    assert main(["train", "segmenter", "pairs.txt", "--model.widths", "4", "8", "--epochs", "1", "--out", "a"]) == 0
    pairs = [scene(i) for i in range(10)]
    np.savez(scenes.parent / "all.npz", X=np.stack([p for p, _ in pairs]), y=np.stack([m for _, m in pairs]))
    assert main(["train", "segmenter", "all.npz", "--model.widths", "4", "8", "--epochs", "1", "--out", "b"]) == 0
    assert main(["evaluate", "b", "b/test.npz"]) == 0
    assert main(["predict", "b", "all.npz", "-o", "maps"]) == 0
    assert len(list((scenes.parent / "maps").iterdir())) == 10


@pytest.mark.slow
def test_a_path_to_test_on_and_one_to_watch(scenes, capsys):
    write(scenes.parent / "others", 4, pictures="pictures", masks="labels", ending="_mask.png")
    assert main([*TRAIN, "--epochs", "2", "--test", "others", "--validation", "others", "--out", "run"]) == 0
    assert "10 rows, 4 kept for the test" in capsys.readouterr().out
    strange = np.full((16, 16), 9, np.uint8)
    Image.fromarray(strange).save(scenes.parent / "others" / "labels" / "02_mask.png")
    said = refused(capsys, *TRAIN, "--test", "others", "--out", "again")
    assert "mask 2 has pixels of the classes [9]" in said
    assert not (scenes.parent / "again").exists()  # before anything is trained


def test_no_class_is_in_the_test_part_alone():
    held = [np.array([0, 1])] * 8 + [np.array([0, 5]), np.array([0, 7])]
    for seed in range(20):
        train, test = held_out(held, 0.4, seed=seed)
        assert sorted([*train, *test]) == list(range(10))
        assert {8, 9} <= set(train.tolist())
        assert len(test)
    with pytest.raises(DataError, match="none can be held out"):
        held_out([np.array([0]), np.array([1])], 0.5, seed=0)


def broken(scenes, how):
    mask, picture = scenes / "masks" / "04.png", scenes / "images" / "04.png"
    changes = {
        "another size": lambda: Image.fromarray(np.zeros((16, 12), np.uint8)).save(mask),
        "missing": mask.unlink,
        "spare": picture.unlink,
        "colours": lambda: Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(mask),
        "jpeg": lambda: (mask.unlink(), Image.fromarray(scene(4)[1]).save(mask.with_suffix(".jpg"))),
        "truncated": lambda: mask.write_bytes(mask.read_bytes()[:40]),
        "twice": lambda: Image.fromarray(scene(4)[1]).save(mask.with_suffix(".bmp")),
        "no masks": lambda: (scenes / "masks").rename(scenes / "others"),
        "two folders": lambda: (scenes / "labels").mkdir(),
        "one class": lambda: [Image.fromarray(np.zeros((16, 16), np.uint8)).save(one) for one in mask.parent.iterdir()],
        "uncounted": lambda: [
            Image.fromarray(np.asarray(Image.open(one)) * 255).save(one) for one in mask.parent.iterdir()
        ],
    }
    changes[how]()


@pytest.mark.parametrize(("how", "words"), [
    ("another size", "mask 4 (04.png) is 16 x 12 and its picture 16 x 16"),
    ("missing", "1 of 10 pictures have no mask: ['04.png']"),
    ("spare", "the masks ['04'] have no pictures"),
    ("colours", "mask 4 (04.png) has mode RGB: a mask has one class number a pixel"),
    ("jpeg", "JPEG and its like change class numbers"),
    ("truncated", "mask 4 (04.png)"),
    ("twice", "several masks have the names ['04']"),
    ("no masks", "holds no folder masks or labels"),
    ("two folders", "holds masks and labels"),
    ("one class", "the masks hold the classes [0]; segmentation learns to tell two or more apart"),
    ("uncounted", "pixels of 255 do not count"),
])  # fmt: skip
def test_what_is_no_pair_is_refused_before_anything_is_trained(scenes, capsys, how, words):
    broken(scenes, how)
    said = refused(capsys, *TRAIN, "--epochs", "1", "--out", "run")
    assert words in said
    assert not (scenes.parent / "run" / "model.parnassus").exists()


def test_the_places_of_a_palette_are_the_classes(scenes):
    for i in range(10):
        coloured = Image.fromarray(scene(i)[1], mode="P")
        coloured.putpalette([0, 0, 0, 200, 30, 30])
        coloured.save(scenes / "masks" / f"{i:02}.png")
    net = pn.Segmenter(pn.model("u_net", widths=(4, 8)), epochs=1, progress=False).fit(scenes)
    assert net.classes_.tolist() == [0, 1]
    assert net.evaluate(str(scenes), n_bootstrap=0).n_rows == 10
    assert len(net.predict(str(scenes))) == 10


@pytest.mark.parametrize(("path", "words"), [
    ("nowhere", "does not exist"), ("a.csv", "pictures with masks are a folder"), ("a.txt", "names no masks"),
    ("b.txt", "is no file"), ("a.npz", "name their array y"),
])  # fmt: skip
def test_other_paths_are_refused(scenes, path, words):
    folder = scenes.parent
    (folder / "a.csv").write_text("a\n1\n")
    (folder / "a.txt").write_text("scenes/images/00.png\n")
    (folder / "b.txt").write_text("scenes/images/00.png\tscenes/masks/none.png\n")
    np.savez(folder / "a.npz", X=np.zeros((2, 4, 4), np.uint8))
    with pytest.raises(pn.ParnassusError, match=words):
        open_masked(folder / path)


@pytest.mark.slow
def test_settings_are_searched_for_and_the_best_are_trained(scenes, capsys):
    words = [
        "--model.widths",
        "4",
        "8",
        "--epochs",
        "1",
        "--trials",
        "2",
        "--space",
        "lr=1e-3..1e-1:log",
        "--out",
        "run",
    ]
    assert main(["tune", "segmenter", "scenes", *words]) == 0
    assert "Mean IoU" in capsys.readouterr().out
    assert main(["evaluate", "run", "run/test.txt"]) == 0


def test_columns_are_no_masks(scenes, capsys):
    assert "leave --target and --drop out" in refused(capsys, *TRAIN, "--target", "a")
