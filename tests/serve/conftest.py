"""Small fitted models that are served, made once, and the ways to ask them."""

import io
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus.data.proteins.hairpins import hairpin_proteins

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
pytest.importorskip("httpx", reason="the tests ask by httpx")
import anyio.to_thread  # noqa: F401
import fastapi.testclient  # noqa: F401  # what it imports draws from Python's random state

N = 120


def frame_of(rng, n=N):
    return pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "city": rng.choice(["Oslo", "Rome"], n),
            "member": rng.random(n) > 0.5,
            "joined": pd.date_range("2024-01-01", periods=n),
        }
    )


ROW = {"age": 30.5, "city": "Rome", "member": True, "joined": "2024-02-01"}


@pytest.fixture(scope="session")
def table():
    frame = frame_of(np.random.default_rng(0))
    y = np.where((frame.age > 40) ^ (frame.city == "Rome"), "stays", "leaves")
    return pn.Classifier("mlp", epochs=2, progress=False).fit(frame, y)


@pytest.fixture(scope="session")
def pictures():
    rng = np.random.default_rng(1)
    X = rng.integers(0, 255, (24, 12, 10), dtype=np.uint8)
    return pn.Classifier("cnn", epochs=1, progress=False).fit(X, ["u", "v"] * 12)


@pytest.fixture(scope="session")
def texts():
    X = [f"a good film number {i}" for i in "abcdef"] + [f"a bad film number {i}" for i in "abcdef"]
    return pn.Classifier("mlp", epochs=2, progress=False).fit(X, ["p"] * 6 + ["n"] * 6)


@pytest.fixture(scope="session")
def sounds():
    rng = np.random.default_rng(2)
    X = [rng.normal(0, 0.1, 3000 + 10 * i).astype(np.float32) for i in range(8)]
    return pn.Classifier("tdnn", epochs=1, progress=False, codec=pn.Speech(sample_rate=8000)).fit(X, ["a", "b"] * 4)


@pytest.fixture(scope="session")
def videos():
    """A classifier of four of every second frame, of any size."""
    pytest.importorskip("av", reason="the extra video is not installed")
    X = np.random.default_rng(3).integers(0, 255, (6, 8, 16, 16, 3), dtype=np.uint8)
    codec = pn.Video(n_frames=4, size=16, stride=2)
    return pn.Classifier(codec=codec, epochs=1, progress=False).fit(X, ["a", "b"] * 3)


@pytest.fixture(scope="session")
def predictor():
    made, small = hairpin_proteins(8), pn.model("contact_transformer", width=16, n_heads=2)
    return pn.ContactPredictor(small, epochs=1, progress=False).fit(made.sequences, made.coordinates)


@contextmanager
def asking(model, **limits):
    """A client in this process."""
    from fastapi.testclient import TestClient

    from parnassus.serve import app_of

    with TestClient(app_of(model, **limits), raise_server_exceptions=False) as client:
        yield client


def png(pixels, kind="PNG"):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def wav(samples, rate=8000):
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV")
    return file.getvalue()


def film(frames, kind="mp4", codec="mpeg4", rate=10):
    """The bytes of a file of frames (time, height, width, 3)."""
    av = pytest.importorskip("av", reason="the extra video is not installed")
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as held:
        stream = held.add_stream(codec, rate=rate)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        for one in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(one, format="rgb24")):
                held.mux(packet)
        for packet in stream.encode():
            held.mux(packet)
    return file.getvalue()


def error_of(response, status):
    """The error of a response that was refused, which is always told in the same way."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert {"code", "message"} <= error.keys() <= {"code", "message", "where", "allowed"}
    assert "Traceback" not in response.text
    assert 'File "' not in response.text
    return error
