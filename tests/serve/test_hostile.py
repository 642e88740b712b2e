"""Anything at all as a request: it is answered, or refused in our words; never a 500, a traceback, or a crash.

PARNASSUS_FUZZ says how many requests there are at least; 10,000 are the proof. Every run has the same.
"""

import json
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import ROW, asking, error_of, film, png, wav

N_REQUESTS = int(os.environ.get("PARNASSUS_FUZZ", "500"))
pytestmark = pytest.mark.timeout(60 + N_REQUESTS)
REFUSED = {400, 401, 404, 405, 408, 413, 415, 422}
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.integers(10**300, 10**320),
    st.sampled_from(["Rome", "2024-01-01", "\ud800", "\0", "/etc/passwd", "9" * 40, "0001-01-01T00:00:00+23:59"]),
)  # fmt: skip
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
)
NEARLY = st.fixed_dictionaries({}, optional=dict.fromkeys(ROW, SCALARS)).map(lambda some: ROW | some)
KINDS = st.sampled_from(
    ["application/json", "application/json; charset=utf-7", "image/png", "audio/wav", "multipart/form-data; boundary=b",
     "multipart/form-data", "text/plain", "", "application/octet-stream", "application/vnd.x+json", "image/\xff"]
)  # fmt: skip


def share(part):
    """Settings of a test that takes this part of all requests."""
    n = max(10, round(part * N_REQUESTS))
    return settings(
        max_examples=n, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )


@pytest.fixture(scope="module")
def servers(table, pictures, texts, sounds, videos, predictor):
    """A client of each model; they live as long as the module."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        models = {"table": table, "pictures": pictures, "texts": texts, "sounds": sounds}
        models |= {"videos": videos, "chains": predictor}
        limits = {"max_bytes": 1 << 18, "max_seconds": 5, "max_pixels": 10**6, "max_queue": 64}
        yield {k: stack.enter_context(asking(m, **limits)) for k, m in models.items()}


def check(client, path, body, kind):
    """Send a request: 200, or a refusal of the one form; and the server is well afterwards."""
    response = client.post(path, content=body, headers={"Content-Type": kind.encode("latin-1")})
    if response.status_code != 200:
        assert response.status_code in REFUSED, (response.status_code, response.text, body)
        error_of(response, response.status_code)
    elif path == "/predict":
        assert response.json()["answers"]
    return response


@given(which=st.sampled_from(["table", "texts", "pictures", "sounds", "videos", "chains"]),
       path=st.sampled_from(["/predict", "/explain"]),
       body=st.binary(max_size=300), kind=KINDS)  # fmt: skip
@share(0.2)
def test_any_bytes(servers, which, path, body, kind):
    check(servers[which], path, body, kind)


@pytest.mark.slow
@given(
    which=st.sampled_from(["table", "texts", "chains"]),
    inputs=st.lists(JSON, max_size=4),
    path=st.sampled_from(["/predict", "/explain"]),
)
@share(0.25)
def test_any_json(servers, which, inputs, path):
    check(servers[which], path, json.dumps({"inputs": inputs}), "application/json")


@pytest.mark.slow
@given(inputs=st.lists(NEARLY, min_size=1, max_size=3))
@share(0.25)
def test_rows_that_are_nearly_right(servers, inputs):
    check(servers["table"], "/predict", json.dumps({"inputs": inputs}), "application/json")


@given(text=st.text(max_size=200))
@share(0.1)
def test_any_text(servers, text):
    check(servers["texts"], "/predict", json.dumps({"inputs": [text]}), "application/json")
    check(servers["texts"], "/explain", json.dumps({"inputs": [text]}), "application/json")
    check(servers["chains"], "/predict", json.dumps({"inputs": [text]}), "application/json")


PICTURE = png(np.arange(120, dtype=np.uint8).reshape(12, 10))
JPEG = png(np.arange(120, dtype=np.uint8).reshape(12, 10), "JPEG")
GIF = png(np.arange(120, dtype=np.uint8).reshape(12, 10), "GIF")
TIFF = png(np.arange(120, dtype=np.uint8).reshape(12, 10), "TIFF")
SOUND = wav(np.linspace(-0.5, 0.5, 2000))
FILM = np.random.default_rng(0).integers(0, 255, (6, 16, 16, 3), dtype=np.uint8)
FILMS = [film(FILM), film(FILM, "webm", "libvpx"), film(FILM, "avi")]


CUTS = st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=8)), max_size=4)


@pytest.mark.slow
@given(file=st.sampled_from([PICTURE, JPEG, GIF, TIFF, SOUND, *FILMS]), cuts=CUTS, end=st.integers(0, 5000))
@share(0.25)
def test_files_with_broken_bytes(servers, file, cuts, end):
    made = bytearray(file)
    for at, what in cuts:
        made[at : at + len(what)] = what
    which, kind = ("sounds", "audio/wav") if file is SOUND else ("pictures", "image/png")
    which, kind = ("videos", "video/mp4") if file in FILMS else (which, kind)
    check(servers[which], "/predict", bytes(made[:end]), kind)


@given(path=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=30),
       verb=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"]))  # fmt: skip
@share(0.1)
def test_any_path_and_verb(servers, path, verb):
    from urllib.parse import quote

    response = servers["table"].request(verb, "/" + quote(path, safe="/%?#"))
    assert response.status_code < 500


def test_after_all_that_the_servers_answer_as_before(servers, table):
    for _ in range(3):
        assert check(servers["table"], "/predict", json.dumps({"inputs": [ROW]}), "application/json").status_code == 200
    assert check(servers["pictures"], "/predict", PICTURE, "image/png").status_code == 200
    assert check(servers["sounds"], "/predict", SOUND, "audio/wav").status_code == 200
    assert check(servers["videos"], "/predict", FILMS[0], "video/mp4").status_code == 200
    assert all('status="500"' not in one.get("/metrics").text for one in servers.values())
