"""Videos that are sent as files: answered as in Python, within limits, and never opened beyond their own bytes."""

import io

import numpy as np
import pytest

import parnassus as pn
from parnassus.serve.settings import Settings
from parnassus.serve.videos import Clip

from .conftest import asking, error_of, film

av = pytest.importorskip("av", reason="the extra video is not installed")
SIDE = 16


def frames_of(n=8, side=SIDE, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (n, side, side, 3), dtype=np.uint8)


def fitted(X, **codec):
    settings = {"codec": pn.Video(n_frames=4, **codec), "epochs": 1, "progress": False}
    return pn.Classifier(**settings).fit(X, ["a", "b"] * (len(X) // 2))


@pytest.fixture(scope="module")
def client(videos):
    with asking(videos, max_seconds=5, max_pixels=40_000) as client:
        yield client


def sent(client, content, path="/predict", kind="video/mp4"):
    return client.post(path, content=content, headers={"Content-Type": kind})


def said(response):
    assert response.status_code == 200, response.text
    return {p["label"]: p["probability"] for p in response.json()["answers"][0]["probabilities"]}


@pytest.mark.parametrize(("kind", "codec", "rate"), [("mp4", "mpeg4", 10), ("webm", "libvpx", 10), ("avi", "mpeg4", 10),
                                               ("mpg", "mpeg1video", 25)])  # fmt: skip
def test_a_file_is_answered_as_its_path_is_in_python(videos, client, tmp_path, kind, codec, rate):
    path = tmp_path / f"one.{kind}"
    grey = np.stack([np.full((24, 32, 3), 20 * i, np.uint8) for i in range(11)])
    path.write_bytes(film(grey, {"mpg": "mpeg"}.get(kind, kind), codec, rate))
    wanted = dict(zip(videos.classes_, videos.predict_proba([str(path)])[0], strict=True))
    assert said(sent(client, path.read_bytes())) == pytest.approx(wanted, abs=1e-6)


def test_the_interface_asks_for_a_video_and_a_form_of_two_is_answered_twice(client):
    body = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert body["video/*"]["schema"]["contentMediaType"] == "video/*"
    told = client.get("/schema").json()["input"]
    assert (told["kind"], told["upload"], told["height"]) == ("video", "video", SIDE)
    files = [("file", ("x.mp4", film(frames_of(seed=s)), "video/mp4")) for s in (1, 2)]
    assert len(client.post("/predict", files=files).json()["answers"]) == 2


def test_grey_models_see_grey_as_pictures_become_grey():
    from PIL import Image

    grey = fitted(np.stack([frames_of(5, seed=i)[..., 0] for i in range(4)]))
    content = film(frames_of(5, seed=9))
    with av.open(io.BytesIO(content)) as held:
        colour = [frame.to_ndarray(format="rgb24") for frame in held.decode(video=0)]
    shades = np.stack([np.asarray(Image.fromarray(one).convert("L")) for one in colour])
    with asking(grey) as client:
        found = said(sent(client, content))
    wanted = dict(zip(grey.classes_, grey.predict_proba(shades[None])[0], strict=True))
    assert found == pytest.approx(wanted, abs=1e-6)


def test_frames_of_another_size_are_refused_where_training_knew_one():
    with asking(fitted(np.stack([frames_of(4, seed=i) for i in range(4)]))) as client:
        error = error_of(sent(client, film(frames_of(4, 32))), 422)
    assert error["message"] == "file 0 has frames of 32 x 32, and the model takes 16 x 16; send it in that size"


def test_what_is_no_video_or_only_part_of_one_is_refused(client):
    whole = film(frames_of(30))
    assert "known by its first bytes" in error_of(sent(client, b""), 422)["message"]
    assert "send MP4 or WebM" in error_of(sent(client, whole[:600]), 422)["message"]
    assert "[Errno" not in error_of(sent(client, whole[:600]), 422)["message"]
    cut = film(frames_of(30), "avi")
    error_of(sent(client, cut[: len(cut) // 2]), 422)
    sound = io.BytesIO()
    with av.open(sound, "w", format="mp4") as held:
        stream = held.add_stream("aac", rate=16000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 16000
        for packet in (*stream.encode(samples), *stream.encode()):
            held.mux(packet)
    assert "holds no pictures" in error_of(sent(client, sound.getvalue()), 422)["message"]
    assert error_of(client.post("/predict", json={"inputs": [[1]]}), 415)["message"].startswith(
        "this model takes video"
    )


def test_playlists_lead_to_no_other_file(client, tmp_path):
    """FFmpeg follows the files that a playlist names, with whatever the server may read."""
    (tmp_path / "own.mp4").write_bytes(film(frames_of()))
    place = tmp_path / "own.mp4"
    for text in (
        f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.0,\nfile://{place}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{place}'\n",
        f"<?xml version='1.0'?><MPD><BaseURL>file://{place}</BaseURL></MPD>",
    ):
        assert "known by its first bytes" in error_of(sent(client, text.encode()), 422)["message"]


def test_videos_beyond_the_limits_are_refused_before_they_are_held(client, videos):
    error = error_of(sent(client, film(np.zeros((2, 208, 208, 3), np.uint8))), 413)
    assert (error["code"], "208 x 208" in error["message"]) == ("too_many_pixels", True)
    assert error_of(sent(client, film(frames_of(60))), 413)["message"] == "file 0 lasts 6 s, and 5 s are the most taken"
    with asking(videos, max_pixels=SIDE * SIDE * 9) as client:
        assert sent(client, film(frames_of(9))).status_code == 200
        assert "more than 9 frames" in error_of(sent(client, film(frames_of(10))), 413)["message"]


def test_unpacking_ends_with_its_time(videos):
    clip = Clip(videos.codec_, Settings(timeout=1e-3))
    with pytest.raises(pn.ParnassusError, match=r"not unpacked after 0\.001 s; send a shorter or a smaller one"):
        clip.decode(film(frames_of(50, 64)), "file 0")


def test_frames_explain_by_what_blank_ones_would_change(videos, client):
    content = film(frames_of(13, seed=4))
    found = sent(client, content, "/explain").json()["explanation"]
    with av.open(io.BytesIO(content)) as held:
        video = np.stack([frame.to_ndarray(format="rgb24") for frame in held.decode(video=0)])
    seen = [2, 4, 6, 8]  # of every second frame, 0 to 12, the four in the middle, the earlier ones where they are odd
    assert [p["part"] for p in found["parts"]] == [f"frame {i}" for i in seen]
    other = video.copy()
    other[6] = videos.codec_.mean.flatten().round().numpy().astype(np.uint8)
    label = videos.predict(video[None])[0]
    column = videos.classes_.tolist().index(label)
    whole, without = (videos.predict_proba(one[None])[0, column] for one in (video, other))
    assert found["of"] == f"the probability of {label}"
    assert found["parts"][2]["effect"] == pytest.approx(whole - without, abs=2e-6)
    assert abs(whole - without) > 4e-6


def test_an_autoencoder_shows_the_frames_that_its_code_gives_back():
    X = np.stack([frames_of(4, 8, seed=i) for i in range(6)])
    model = pn.Autoencoder("vae", codec=pn.Video(n_frames=4, size=8), epochs=1, progress=False).fit(X)
    with asking(model) as client:
        found = sent(client, film(frames_of(4))).json()["answers"][0]
    assert len(found["reconstruction"]["pictures"]) == 4
    assert all(url.startswith("data:image/png;base64,") for url in found["reconstruction"]["pictures"])
