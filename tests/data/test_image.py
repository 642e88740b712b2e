"""Pictures: refusals first, then layouts, modes, sizes, memory and streams."""

import io
import tracemalloc
import warnings

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from parnassus import store
from parnassus.data.images.image import Image
from parnassus.data.rows import Stream
from parnassus.errors import DataError, DataWarning, FileError, SettingError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 6, 5), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (12, 6, 5, 3), dtype=np.uint8)


def everything(codec, raw, view="image"):
    rows = codec.encode(raw)
    return codec.prepare(rows.take(torch.arange(len(rows))), view)["x"]


def files(folder, pictures, suffix=".png"):
    paths = []
    for i, picture in enumerate(pictures):
        paths.append(folder / f"{i:02}{suffix}")
        (picture if hasattr(picture, "save") else Pillow.fromarray(picture)).save(paths[-1])
    return paths


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (GREY.astype(np.float32), r"astype\('uint8'\)"),
        (GREY / 127.5 - 1, r"\(X \+ 1\) / 2"),
        (np.full((2, 4, 4), np.nan), "NaN or infinity"),
        (GREY.astype(np.int64) * 5, "whole pixels run from 0 to 255"),
        (GREY.astype(np.int64) - 300, "whole pixels run from 0 to 255"),
        (GREY[:0], "none of them 0"),
        (GREY[0], r"X\[None\]"),
        ([], "no pictures"),
        ([GREY[0], COLOUR[0]], r"1 pictures are grey and 1 have colours.*mode='RGB'"),
        ([GREY[0], np.zeros((4, 4, 7), np.uint8)], "picture 1 has shape"),
        (GREY.astype("complex64"), "type complex64"),
    ],
)
def test_what_is_no_picture_is_refused(raw, says):
    with pytest.raises(DataError, match=says):
        Image().fit(raw)


def test_mixed_modes_are_refused_by_file_name(tmp_path):
    paths = files(tmp_path, [COLOUR[0], COLOUR[1], GREY[0]])
    with pytest.raises(DataError, match=r"1 pictures are grey and 2 have colours; grey are \['.*02.png'\]"):
        Image().fit(paths)
    assert Image(mode="RGB").fit(paths).shape == (3, 6, 5)
    assert Image(mode="L").fit(paths).shape == (1, 6, 5)


@pytest.mark.parametrize("content", [b"", b"no picture at all", "cut"])
def test_files_that_cannot_be_read_are_named(tmp_path, content):
    paths = files(tmp_path, COLOUR[:2])
    paths[1].write_bytes(paths[1].read_bytes()[:60] if content == "cut" else content)
    with pytest.raises(FileError, match=r"01\.png cannot be read as a picture"):
        Image().fit(paths)
    with pytest.raises(FileError, match="does not exist"):
        Image().fit([tmp_path / "none.png"])


@pytest.mark.parametrize("options", [
    {"resize": "cut"}, {"mode": "CMYK"}, {"size": (0, 3)}, {"size": (1, 2, 3)}, {"size": "64"}, {"size": 64.0},
    {"size": True}, {"memory": "2GB"}, {"memory": -1}, {"memory": float("nan")},
])  # fmt: skip
def test_settings_that_do_not_exist_are_refused(options):
    with pytest.raises(SettingError, match=next(iter(options))):
        Image(**options)


def test_sizes_of_numpy_are_sizes():
    assert Image(size=np.int64(7)).options["size"] == Image(size=np.array([7, 7])).options["size"] == (7, 7)


def test_arrays_unlike_those_of_fit_are_refused():
    codec = Image().fit(COLOUR)
    for other in (GREY, COLOUR[:, :5], COLOUR[..., :2]):
        with pytest.raises(DataError, match="fit saw pictures of"):
            codec.encode(other)


@pytest.mark.parametrize("raw", [GREY, COLOUR])
def test_channels_are_standardised_and_decoding_gives_the_bytes_back(raw):
    codec = Image().fit(raw)
    x = everything(codec, raw)
    wide = raw.reshape(12, 6, 5, -1).astype(np.float64)
    expected = (wide - wide.mean((0, 1, 2))) / wide.std((0, 1, 2))
    assert x.numpy() == pytest.approx(expected.transpose(0, 3, 1, 2), abs=1e-5)
    assert codec.encode(raw).tensors["x"].dtype == torch.uint8
    for view in ("image", "vector"):
        assert np.array_equal(codec.decode(everything(codec, raw, view)), raw)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: x.transpose(0, 3, 1, 2),
        lambda x: torch.from_numpy(x).permute(0, 3, 1, 2),
        torch.from_numpy,
        list,
        lambda x: [Pillow.fromarray(p) for p in x],
        lambda x: x / 255,
        lambda x: (x / 255).astype(np.float32),
        lambda x: x.astype(np.int64),
        lambda x: [torch.from_numpy(p).permute(2, 0, 1) for p in x],
        lambda x: x[::-1][::-1],
    ],
)
def test_every_layout_gives_the_same_pictures(wrap):
    expected = Image().fit(COLOUR).encode(COLOUR).take(torch.arange(12))["x"]
    codec = Image().fit(wrap(COLOUR))
    assert torch.equal(codec.encode(wrap(COLOUR)).take(torch.arange(12))["x"], expected)
    assert codec.views()["image"] == {"in_channels": 3, "image_size": (6, 5)}


def test_floats_between_bytes_are_held_as_floats():
    x = RNG.random((4, 3, 3))
    codec = Image().fit(x)
    assert codec.encode(x).tensors["x"].dtype == torch.float32
    assert everything(codec, x).numpy() == pytest.approx(((x - x.mean()) / x.std())[:, None], abs=1e-5)


def test_4_B3_a_picture_flattens_row_by_row_with_its_colours_together():
    codec = Image().fit(COLOUR)
    codec.mean, codec.std = torch.zeros(3, 1, 1), torch.ones(3, 1, 1)
    flat = everything(codec, COLOUR, "vector")
    assert flat[0, :6].tolist() == [*COLOUR[0, 0, 0].tolist(), *COLOUR[0, 0, 1].tolist()]
    assert flat[0].tolist() == COLOUR[0].ravel().tolist()  # interleaved, not by planes
    assert Image().fit(np.zeros((1, 64, 64, 3), np.uint8)).views()["vector"] == {"in_features": 12288}


def test_2c_B7_6_a_28_by_28_picture_has_784_numbers():
    assert Image().fit(np.zeros((1, 28, 28), np.uint8)).views()["vector"] == {"in_features": 784}


def test_0_B11_a_grey_picture_of_five_by_five():
    rows = [
        [255, 200, 180, 100, 50],
        [230, 210, 190, 120, 80],
        [200] * 5,
        [150, 140, 130, 120, 110],
        [100, 80, 60, 40, 20],
    ]
    picture = np.array([rows], dtype=np.uint8)
    codec = Image().fit(picture)
    assert codec.shape == (1, 5, 5)
    assert codec.mean.item() == pytest.approx(142.6)
    assert (picture.min(), picture.max()) == (20, 255)


@pytest.mark.parametrize(
    ("mode", "value", "pixel"),
    [
        ("1", 1, 255),
        ("L", 7, 7),
        ("LA", (100, 255), 100),
        ("LA", (100, 0), 255),
        ("I;16", 65535, 255),
        ("I;16", 257, 1),
        ("I;16", 200, 1),  # dark, and by the rule of its set's brighter ones
        ("I", 300, 1),
        ("F", 0.4, 102),
    ],
)
def test_grey_modes_become_eight_bits(mode, value, pixel, tmp_path):
    picture = Pillow.new(mode, (4, 3), value)
    codec = Image().fit([picture])
    assert codec.encode([picture]).take(torch.tensor([0]))["x"].unique().tolist() == [pixel]
    assert codec.shape == (1, 3, 4)


@pytest.mark.parametrize(("mode", "value", "words"), [
    ("I", 70_000, "picture 0 holds whole numbers from 70000 to 70000"),
    ("I", -1, "from -1 to -1"),
    ("F", 200.0, "picture 0 holds floats up to 200"),
    ("F", float("nan"), "picture 0 holds NaN"),
])  # fmt: skip
def test_tones_that_no_picture_has_are_refused(mode, value, words):
    with pytest.raises(DataError, match=words):
        Image().fit([Pillow.new(mode, (4, 3), value)])


@pytest.mark.parametrize(
    ("mode", "value", "pixel"),
    [
        ("RGB", (1, 2, 3), [1, 2, 3]),
        ("RGBA", (1, 2, 3, 255), [1, 2, 3]),
        ("RGBA", (1, 2, 3, 0), [255] * 3),
        ("CMYK", (0, 0, 0, 0), [255] * 3),
    ],
)
def test_colour_modes_become_rgb(mode, value, pixel):
    picture = Pillow.new(mode, (4, 3), value)
    assert Image().fit([picture]).encode([picture]).take(torch.tensor([0]))["x"][0, :, 0, 0].tolist() == pixel


def test_a_palette_is_looked_up():
    picture = Pillow.fromarray(COLOUR[0]).quantize(8)
    assert np.array_equal(
        Image().fit([picture]).encode([picture]).take(torch.tensor([0]))["x"][0].permute(1, 2, 0),
        picture.convert("RGB"),
    )


def test_exif_turns_a_picture_upright(tmp_path):
    exif = Pillow.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    Pillow.fromarray(COLOUR[0]).save(tmp_path / "a.png", exif=exif)
    codec = Image().fit([tmp_path / "a.png"])
    assert codec.shape == (3, 5, 6)
    assert np.array_equal(
        codec.encode([tmp_path / "a.png"]).take(torch.tensor([0]))["x"][0].permute(1, 2, 0), np.rot90(COLOUR[0], -1)
    )


@pytest.mark.parametrize(("how", "corner", "middle"), [("crop", 255, 255), ("pad", 0, 255), ("stretch", 255, 255)])
def test_pictures_of_other_sizes_are_resized(how, corner, middle):
    white = [np.full(size, 255, np.uint8) for size in ((10, 20), (20, 10), (16, 16))]
    codec = Image(resize=how).fit(white)
    assert codec.shape == (1, 16, 16)  # the median of 10, 20, 16
    x = codec.encode(white).take(torch.tensor([0]))["x"][0, 0]
    assert (x[0, 0].item(), x[8, 8].item()) == (corner, middle)


def test_a_size_that_is_asked_for_is_made():
    codec = Image(size=3).fit(COLOUR)
    assert codec.shape == (3, 3, 3)
    theirs = Pillow.fromarray(COLOUR[2]).resize((3, 3), Pillow.Resampling.BILINEAR)
    assert np.array_equal(
        Image(size=3, resize="stretch").fit(COLOUR).encode(COLOUR).take(torch.tensor([2]))["x"][0].permute(1, 2, 0),
        theirs,
    )
    assert codec.encode(COLOUR[:, :4]).take(torch.tensor([0]))["x"].shape == (1, 3, 3, 3)
    assert Image(mode="L").fit(COLOUR).shape == (1, 6, 5)


def test_pictures_of_a_new_size_are_resized_with_a_warning():
    codec = Image().fit(list(COLOUR))
    with pytest.warns(DataWarning, match="1 pictures are not 6 x 5"):
        codec.encode([COLOUR[0], np.zeros((9, 9, 3), np.uint8)])


def test_pictures_beyond_the_memory_budget_give_the_same_batches(tmp_path):
    paths = files(tmp_path, COLOUR)
    held, streamed = Image().fit(paths), Image(memory=100).fit(paths)
    assert torch.equal(held.mean, streamed.mean)
    assert torch.equal(held.std, streamed.std)
    rows = streamed.encode(paths)
    assert isinstance(rows, Stream)
    index = torch.from_numpy(np.random.default_rng(5).permutation(12)[:7])
    assert torch.equal(rows.take(index)["x"], held.encode(paths).take(index)["x"])
    assert torch.equal(held.encode(COLOUR).take(index)["x"], rows.take(index)["x"])


def test_fit_and_encode_hold_bytes_once():
    x = np.zeros((2000, 32, 32, 3), np.uint8)
    x[::2] = 7
    tracemalloc.start()
    codec = Image().fit(x)
    rows = codec.encode(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows.n_bytes == x.nbytes
    assert peak < 0.3 * x.nbytes + (64 << 20)  # blocks of 4M pixels, no copy of all
    assert rows.tensors["x"].data_ptr() == x.ctypes.data


def test_a_batch_is_not_changed_by_prepare():
    codec = Image().fit(RNG.random((4, 3, 3)))
    batch = {"x": torch.rand(2, 1, 3, 3, generator=torch.Generator().manual_seed(0))}
    before = batch["x"].clone()
    codec.prepare(batch, "image", training=True)
    assert torch.equal(batch["x"], before)


def test_a_saved_codec_is_the_same_codec(tmp_path):
    codec = Image(size=(4, 4), mode="RGB").fit(COLOUR)
    store.save(tmp_path / "c", codec.state())
    again = Image.from_state(store.load(tmp_path / "c"))
    assert torch.equal(everything(again, COLOUR), everything(codec, COLOUR))
    assert again.views() == codec.views()


def test_read_only_pictures_are_copied_and_not_warned_about():
    x = COLOUR.copy()
    x.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(Image().fit(x).encode(x)) == 12


def test_a_jpeg_in_memory_is_a_picture():
    file = io.BytesIO()
    Pillow.fromarray(COLOUR[0]).save(file, "JPEG")
    assert Image().fit([Pillow.open(file)]).shape == (3, 6, 5)


def test_a_stack_of_another_mode_teaches_a_fitted_codec_nothing():
    grey = np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8)
    codec = Image(size=8).fit(grey)
    seen = codec.encode(grey[..., None].repeat(3, 3)).take(torch.arange(2))["x"]
    assert codec.shape == (1, 8, 8)
    assert torch.equal(seen, codec.encode(grey).take(torch.arange(2))["x"])
