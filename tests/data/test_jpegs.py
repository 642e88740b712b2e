"""JPEGs by OpenCV and by Pillow's decoder alone against Pillow's files: the same pixels, or left to Pillow."""

import io
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

import parnassus as pn
from parnassus.data.images import jpegs
from parnassus.data.images.jpegs import frame_of, jpeg_pixels
from parnassus.data.images.pictures import converted, open_picture
from parnassus.data.shards import samples_in


@pytest.fixture(params=["OpenCV", "Pillow"])
def decoder(request, monkeypatch):
    """Which of the two decodes."""
    if request.param == "Pillow":
        monkeypatch.setattr(jpegs, "opencv", lambda: None)
    else:
        pytest.importorskip("cv2", reason="OpenCV is not installed: Pillow reads JPEGs alone")
    return request.param


def written(path, mode="RGB", size=(37, 53), turned=None, **options):
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (7, 9, 3) if mode != "L" else (7, 9), dtype=np.uint8)
    image = Pillow.fromarray(small).resize(size[::-1], Pillow.Resampling.BICUBIC).convert(mode)
    exif = Pillow.Exif()
    if turned:
        exif[0x0112] = turned
        options["exif"] = exif
    image.save(path, "JPEG", **options)
    return path


@pytest.mark.parametrize("options", [
    {"quality": 90}, {"quality": 40, "subsampling": 0}, {"quality": 70, "subsampling": 1}, {"progressive": True},
    {"mode": "L"}, {"size": (64, 64)}, {"size": (1, 3)}, {"optimize": True},
    {"keep_rgb": True}, *({"turned": k} for k in range(1, 9)), {"mode": "L", "turned": 6},
], ids=str)  # fmt: skip
def test_pixels_are_pillow_s(tmp_path, options, decoder):
    path = written(tmp_path / "a.jpg", **options)
    mode = options.get("mode", "RGB")
    found = jpeg_pixels(path, mode)
    if decoder == "Pillow" and options.get("turned"):
        assert found is None  # left to Pillow's files, which turn
        return
    expected = np.asarray(converted(open_picture(path, "a"), mode))
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)


def test_frames_say_components_and_size(tmp_path):
    for mode, n in (("RGB", 3), ("L", 1), ("CMYK", 4)):
        assert frame_of(written(tmp_path / "a.jpg", mode=mode).read_bytes()) == (n, 37, 53)
    assert frame_of(b"") is None
    assert frame_of(b"\xff\xd8" + bytes(40)) is None
    png = io.BytesIO()
    Pillow.new("RGB", (4, 4)).save(png, "PNG")
    assert frame_of(png.getvalue()) is None


def test_what_pillow_has_to_judge_is_left_to_it(tmp_path, monkeypatch, decoder):
    good = written(tmp_path / "a.jpg")
    assert jpeg_pixels(good, "L") is None
    assert jpeg_pixels(written(tmp_path / "grey.jpg", mode="L"), "RGB") is None
    assert jpeg_pixels(written(tmp_path / "ink.jpg", mode="CMYK"), "RGB") is None
    assert jpeg_pixels(tmp_path / "nothing.jpg", "RGB") is None
    assert jpeg_pixels(np.zeros((4, 4, 3), np.uint8), "RGB") is None
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(good.read_bytes()[:-200])
    assert jpeg_pixels(cut, "RGB") is None
    with pytest.raises(pn.FileError, match=r"cut.jpg cannot be read as a picture"):
        pn.Image().fit([good, cut])
    (tmp_path / "png.jpg").write_bytes(b"\x89PNG" + bytes(100))
    assert jpeg_pixels(tmp_path / "png.jpg", "RGB") is None
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 100)
    assert jpeg_pixels(good, "RGB") is None


@pytest.mark.parametrize("size", [None, 24])
def test_a_codec_sees_the_same_with_it_and_without(tmp_path, monkeypatch, size):
    pytest.importorskip("cv2", reason="OpenCV is not installed: Pillow reads JPEGs alone")
    files = [written(tmp_path / f"{i}.jpg", quality=50 + 10 * i, turned=i + 1) for i in range(4)]
    seen = []
    for found in (jpegs.opencv(), None):
        monkeypatch.setattr(jpegs, "opencv", lambda found=found: found)
        codec = pn.Image(size=size, resize="pad")
        rows = codec.fit(files).encode(files)
        seen.append(rows.take(torch.arange(len(rows)))["x"])
    assert seen[0].equal(seen[1])


def test_jpegs_that_pillow_s_decoder_breaks_off_are_refused_as_its_files_are(tmp_path, monkeypatch):
    monkeypatch.setattr(jpegs, "opencv", lambda: None)
    bad = written(tmp_path / "a.jpg")
    data = bad.read_bytes()
    bad.write_bytes(data[: len(data) // 2] + data[-2:])
    assert jpeg_pixels(bad, "RGB") is None or np.array_equal(jpeg_pixels(bad, "RGB"), np.asarray(Pillow.open(bad)))
    scan = data.index(b"\xff\xda")
    bad.write_bytes(data[:scan] + b"\xff\xd9")
    assert jpeg_pixels(bad, "RGB") is None
    with pytest.raises(pn.FileError, match=r"a.jpg cannot be read as a picture"):
        pn.Image().fit([written(tmp_path / "b.jpg"), bad])


def test_members_of_shards_are_read_too(tmp_path, decoder):
    written(tmp_path / "0.jpg")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(tmp_path / "0.jpg", "0.jpg")
    member = samples_in([tmp_path / "a.tar"])["0"]["jpg"]
    np.testing.assert_array_equal(jpeg_pixels(member, "RGB"), jpeg_pixels(tmp_path / "0.jpg", "RGB"))
