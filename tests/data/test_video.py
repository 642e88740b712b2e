"""Clips out of videos: places, sizes, files, folders, what is refused."""

from fractions import Fraction

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.data.codec import form_of
from parnassus.data.images.video import Video
from parnassus.data.images.video_files import read_video, turned


def numbered(n_frames, size=(4, 6)):
    """A video whose frame t holds the number t everywhere."""
    return np.broadcast_to(np.arange(n_frames, dtype=np.uint8)[:, None, None, None], (n_frames, *size, 3)).copy()


def shown(codec, raw, *, training=False):
    """The number in each frame of each clip."""
    batch = codec.encode(raw).take(torch.arange(len(raw)))
    x = codec.prepare(batch, "clips", training=training)["x"]
    return codec.decode(x)[:, :, 0, 0, 0].tolist()


def test_0_B11_ten_frames_of_128_by_128_are_491520_numbers():
    video = np.zeros((10, 128, 128, 3), np.uint8)
    assert video.size == 491_520
    codec = Video(n_frames=10).fit(video[None])
    batch = codec.prepare(codec.encode(video[None]).take(torch.tensor([0])), "clips")
    assert batch["x"].shape == (1, 3, 10, 128, 128)
    assert "lengths" not in batch


def test_a_clip_lies_in_the_middle_and_a_short_video_stands_still():
    codec = Video(n_frames=4)
    raw = [numbered(8), numbered(2), numbered(4)]
    assert shown(codec.fit(raw), raw) == [[2, 3, 4, 5], [0, 1, 1, 1], [0, 1, 2, 3]]


@pytest.mark.usefixtures("draws")
def test_training_begins_anywhere_it_may():
    codec = Video(n_frames=4)
    raw = [numbered(6)] * 60
    starts = {clip[0] for clip in shown(codec.fit(raw), raw, training=True)}
    assert starts == {0, 1, 2}


def test_a_stride_takes_every_second_frame():
    codec = Video(n_frames=3, stride=2)
    raw = [numbered(6)]
    assert shown(codec.fit(raw), raw) == [[0, 2, 4]]


def test_sizes_are_made_alike_where_one_is_given():
    codec = Video(n_frames=2, size=8)
    raw = [numbered(2, (4, 6)), numbered(3, (10, 12))]
    assert codec.fit(raw).views()["clips"] == {"in_channels": 3, "frames": 2, "image_size": (8, 8)}
    assert shown(codec, raw)[0] == [0, 1]


def test_forms():
    assert form_of(np.zeros((2, 3, 4, 5, 3), np.uint8)) == "videos"
    assert form_of([numbered(2), numbered(3)]) == "videos"
    assert form_of(["a.mp4", "b.avi"]) == "videos"
    assert form_of(["a.mp4", "words"]) == "strings"
    assert form_of([np.zeros((4, 5, 3), np.uint8)]) == "pictures"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([], "no videos"),
        (np.zeros((2, 0, 4, 4, 3), np.uint8), "none of them 0"),
        (np.zeros((2, 2, 4, 4, 3)), "bytes from 0 to 255"),
        ([numbered(2), numbered(2, (4, 4))], "video 1 has frames of 4 x 4"),
        ([numbered(2), numbered(2)[..., :1]], "video 1 has 1 channels"),
        ([numbered(2), np.zeros((3, 4), np.uint8)], "video 1 has shape"),
    ],
)
def test_what_is_no_video_is_refused(raw, words):
    with pytest.raises(pn.DataError, match=words):
        Video().fit(raw).encode(raw) if len(raw) else Video().fit([numbered(2)]).encode(raw)


def test_what_memory_does_not_hold_is_read_when_needed_and_learns_the_same():
    rng = np.random.default_rng(0)
    X, y = [rng.integers(0, 255, (5 + i % 3, 6, 6, 1)).astype(np.uint8) for i in range(9)], np.arange(9) % 2
    whole, outside = Video(n_frames=3).fit(X), Video(n_frames=3, memory=500).fit(X)
    assert torch.equal(whole.mean, outside.mean)
    assert torch.equal(whole.std, outside.std)
    pixels = np.concatenate([x.reshape(-1) for x in X])
    assert float(whole.mean) == pytest.approx(pixels.mean())
    assert float(whole.std) == pytest.approx(pixels.std())
    held, read = whole.encode(X), outside.encode(X)
    assert read.n_bytes == 0 < held.n_bytes
    asked = torch.tensor([7, 0, 4])
    ours, theirs = read.take(asked), held.take(asked)
    assert all(torch.equal(ours[k], theirs[k]) for k in theirs)
    settings = {"epochs": 2, "batch_size": 3, "progress": False, "codec": pn.Video(n_frames=3)}
    one = pn.Classifier("cnn_lstm", **settings).fit(X, y)
    two = pn.Classifier("cnn_lstm", **settings, memory=500).fit(X, y)
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def write(av, path, frames, ticks=1, shown=None):
    with av.open(str(path), "w") as held:
        stream = held.add_stream("mpeg4", rate=24)
        if shown is not None:
            stream.set_display_rotation(**shown)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for i, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = ticks * i, Fraction(1, 24)
            for packet in stream.encode(picture):
                held.mux(packet)
        for packet in stream.encode():
            held.mux(packet)


def test_files_are_read_frame_by_frame(tmp_path):
    av = pytest.importorskip("av", reason="av is not installed: pip install 'parnassus[video]'")
    frames = np.broadcast_to((40 * np.arange(6, dtype=np.uint8))[:, None, None, None], (6, 32, 48, 3)).copy()
    write(av, tmp_path / "steps.mp4", frames)
    found = read_video(tmp_path / "steps.mp4")
    assert found.shape == frames.shape
    assert np.abs(found.mean((1, 2, 3)) - frames.mean((1, 2, 3))).max() < 4
    (tmp_path / "broken.mp4").write_bytes(b"nothing of the kind")
    with pytest.raises(pn.FileError, match=r"broken\.mp4: cannot be read as a video"):
        read_video(tmp_path / "broken.mp4")


QUARTER = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)


@pytest.mark.parametrize(
    ("matrix", "due"),
    [
        ((1, 0, 0, 1), QUARTER),
        ((0, -1, 1, 0), np.rot90(QUARTER, axes=(1, 2))),  # a quarter against the clock
        ((0, 1, -1, 0), np.rot90(QUARTER, -1, axes=(1, 2))),
        ((-1, 0, 0, -1), np.rot90(QUARTER, 2, axes=(1, 2))),
        ((-1, 0, 0, 1), QUARTER[:, :, ::-1]),  # mirrored, as by the camera in front
        ((1, 0, 0, -1), QUARTER[:, ::-1]),
        ((0, 1, 1, 0), QUARTER.swapaxes(1, 2)),
    ],
)
def test_a_display_matrix_turns_and_mirrors(matrix, due):
    a, b, c, d = matrix
    held = np.array([65536 * a, 65536 * b, 0, 65536 * c, 65536 * d, 0, 7, 9, 1 << 30], dtype=np.int32)
    np.testing.assert_array_equal(turned(QUARTER, held.tobytes()), due)


@pytest.mark.parametrize(("degrees", "hflip"), [(0, False), (90, False), (-90, False), (180, False), (90, True)])
def test_videos_of_phones_stand_upright(degrees, hflip, tmp_path):
    av = pytest.importorskip("av", reason="av is not installed: pip install 'parnassus[video]'")
    if not hasattr(av.video.stream.VideoStream, "set_display_rotation"):
        pytest.skip("this av writes no display matrix")
    corners = np.zeros((3, 32, 48, 3), np.uint8)
    corners[:, :16, :24], corners[:, :16, 24:], corners[:, 16:, :24] = 60, 130, 220
    write(av, tmp_path / "phone.mp4", corners, shown={"degrees": degrees, "hflip": hflip})
    due = np.rot90(corners, degrees // 90, axes=(1, 2))
    due = due[:, :, ::-1] if hflip else due
    found = read_video(tmp_path / "phone.mp4")
    assert found.shape == due.shape
    assert np.abs(found.astype(int) - due.astype(int)).mean() < 6


def test_the_part_of_a_file_that_is_gone_is_missed_aloud(tmp_path):
    av = pytest.importorskip("av", reason="av is not installed: pip install 'parnassus[video]'")
    noise = np.random.default_rng(0).integers(256, size=(12, 32, 48, 3), dtype=np.uint8)
    write(av, tmp_path / "whole.avi", noise)
    whole = (tmp_path / "whole.avi").read_bytes()
    (tmp_path / "half.avi").write_bytes(whole[: len(whole) // 2])
    assert len(read_video(tmp_path / "whole.avi")) == 12
    with pytest.warns(pn.DataWarning, match=r"half\.avi: ends after \d frames, before its header says"):
        assert len(read_video(tmp_path / "half.avi")) < 9
    write(av, tmp_path / "slow.avi", noise, ticks=4)  # its header counts what is held as frames
    assert len(read_video(tmp_path / "slow.avi")) == 12
    with pytest.raises(pn.FileError, match=r"gone\.mp4: does not exist"):
        read_video(tmp_path / "gone.mp4")


def test_a_file_of_sound_alone_is_named_as_such(tmp_path):
    av = pytest.importorskip("av", reason="av is not installed: pip install 'parnassus[video]'")
    with av.open(str(tmp_path / "song.mp4"), "w") as held:
        stream = held.add_stream("aac", rate=16000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 16000
        for packet in (*stream.encode(samples), *stream.encode()):
            held.mux(packet)
    with pytest.raises(pn.FileError, match=r"song\.mp4: holds no pictures; give a video, or leave it out$"):
        read_video(tmp_path / "song.mp4")


def test_a_folder_of_classes_is_learned(tmp_path):
    av = pytest.importorskip("av", reason="av is not installed: pip install 'parnassus[video]'")
    for name, level in (("dark", 20), ("light", 220)):
        (tmp_path / name).mkdir()
        for i in range(3):
            write(av, tmp_path / name / f"{i}.mp4", np.full((4 + i, 32, 32, 3), level + i, np.uint8))
    plan = {"epochs": 6, "lr": 0.01, "batch_size": 3}
    clf = pn.Classifier(codec=pn.Video(n_frames=3, size=8), **plan).fit(str(tmp_path))
    assert clf.model_name == "cnn_lstm"
    assert list(clf.predict([str(tmp_path / "dark" / "0.mp4"), str(tmp_path / "light" / "2.mp4")])) == ["dark", "light"]


def test_without_pyav_files_are_refused_with_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(pn.MissingExtra, match=r"parnassus\[video\]"):
        read_video("clip.mp4")


@pytest.mark.parametrize("size", [5.5, "8", (8,), True, 0])
def test_sizes_that_are_none_are_refused(size):
    with pytest.raises(pn.SettingError, match="Video: size is"):
        Video(size=size)
