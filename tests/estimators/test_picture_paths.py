"""Pictures by their path, for estimators that look at their parts: one, a list, arrays, and what is none."""

import numpy as np
import pytest
from PIL import Image

import parnassus as pn
from parnassus.data.detection.scenes import digit_scenes, kite_scenes
from parnassus.errors import DataError, FileError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    scenes = digit_scenes(4, size=48, n_digits=(1, 2), seed=0)
    for i, (picture, mask) in enumerate(zip(scenes.pictures, scenes.masks, strict=True)):
        Image.fromarray(picture).save(folder / f"{i}.png")
        Image.fromarray((mask > 0).astype(np.uint8)).save(folder / f"{i}_mask.png")
    (folder / "list.txt").write_text("".join(f"{i}.png\n" for i in range(4)))
    (folder / "pairs.txt").write_text("".join(f"{i}.png\t{i}_mask.png\n" for i in range(4)))
    np.savez(folder / "plain.npz", X=scenes.pictures)
    np.savez(folder / "pairs.npz", X=scenes.pictures, y=(scenes.masks > 0).astype(int))
    (folder / "table.csv").write_text("a,b\n1,2\n")
    return folder, scenes


def learned(task, scenes):
    if task == "segmenter":
        net = pn.Segmenter(pn.model("u_net", widths=(4, 6)), epochs=1, progress=False)
        return net.fit(scenes.pictures, (scenes.masks > 0).astype(int))
    if task == "detector":
        return pn.Detector("ssd", epochs=1, progress=False).fit(scenes.pictures, scenes.boxes)
    net = pn.KeypointFinder(pn.model("heat_unet", widths=(4, 6)), epochs=1, progress=False)
    return net.fit(*kite_scenes(4, size=48))


@pytest.mark.parametrize("task", ["segmenter", "detector", "keypoint_finder"])
def test_one_picture_a_list_and_arrays_are_pictures(task, files):
    folder, scenes = files
    net = learned(task, scenes)
    due = net.predict(scenes.pictures)
    for name, n in (("0.png", 1), ("list.txt", 4), ("plain.npz", 4)):
        for path in (folder / name, str(folder / name)):
            said = net.predict(path)
            assert len(said) == n
            assert all(np.array_equal(a, b, equal_nan=task == "keypoint_finder") if task != "detector" else a == b
                       for a, b in zip(said, due, strict=False))  # fmt: skip
    with pytest.raises(FileError, match=r"nowhere\.png does not exist"):
        net.predict("nowhere.png")
    with pytest.raises((DataError, FileError), match=r"table\.csv|a table of boxes needs"):
        net.predict(folder / "table.csv")


def test_lists_of_pairs_and_arrays_are_learned_from(files):
    folder, scenes = files
    nets = [
        pn.Segmenter(pn.model("u_net", widths=(4, 6)), epochs=2, progress=False).fit(given)
        for given in (folder / "pairs.txt", str(folder / "pairs.npz"))
    ]
    shares = [net.predict_proba(scenes.pictures) for net in nets]
    np.testing.assert_array_equal(shares[0], shares[1])
    assert nets[0].score(folder / "pairs.npz") == nets[1].score(folder / "pairs.txt")
    with pytest.raises(DataError, match="there are no masks"):
        nets[0].fit(folder / "plain.npz")
