"""What a server refuses, and how: in plain words, with the status that fits, and never with a traceback."""

import asyncio
import io
import logging
import struct
import threading
import zlib

import numpy as np
import pytest

from parnassus.errors import SettingError
from parnassus.serve import app_of
from parnassus.serve.metrics import Metrics
from parnassus.serve.queue import Batcher
from parnassus.serve.refusal import Refused
from parnassus.serve.settings import Settings

from .conftest import ROW, asking, error_of, png, wav


def post(client, body, kind="application/json", path="/predict"):
    return client.post(path, content=body, headers={"Content-Type": kind})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"age": "old"}, "inputs[0].age takes a number; got 'old'"),
        ({"age": True}, "inputs[0].age takes a number; got true"),
        ({"age": None}, "inputs[0].age is null, and the model was fitted without gaps"),
        ({"age": 10**400}, "takes a finite number"),
        ({"age": [1]}, "takes a number; got an array of 1"),
        ({"city": "Paris"}, "inputs[0].city takes one of 'Oslo', 'Rome'; got 'Paris'"),
        ({"member": "yes"}, "takes true or false; got 'yes'"),
        ({"joined": "yesterday"}, "takes a date such as 2026-01-31"),
        ({"weight": 3}, "has the field 'weight', which the model does not know"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_due(table, change, words):
    with asking(table) as client:
        error = error_of(client.post("/predict", json={"inputs": [ROW | change]}), 422)
    assert words in error["message"]
    assert error["code"] == "invalid_input"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b'{"inputs": [1' + b"0" * 5000 + b"]}", 400),
        (b"null", 422),
        (b'{"inputs": []}', 422),
        (b'{"inputs": 3}', 422),
        (b'{"inputs": [{}], "more": 1}', 422),
        (b'{"inputs": [NaN]}', 422),
        (b'{"inputs": [{"age": NaN, "city": "Rome", "member": true, "joined": "2024-01-01"}]}', 422),
        (b'{"inputs": [{"\\ud800": 1}]}', 422),
        (b'{"inputs": [' + b"0," * 2000 + b"0]}", 413),
    ],
)
def test_a_broken_body_is_refused(table, body, status):
    with asking(table) as client:
        error_of(post(client, body), status)


def test_content_types_are_those_of_the_model(table, pictures):
    with asking(table) as client:
        assert "send {" in error_of(post(client, b"age=3", "application/x-www-form-urlencoded"), 415)["message"]
        error_of(post(client, png(np.zeros((4, 4), np.uint8)), "image/png"), 415)
    with asking(pictures) as client:
        assert "takes pictures" in error_of(post(client, b'{"inputs": ["x.png"]}'), 415)["message"]
        error_of(post(client, b"--x\r\nnonsense", "multipart/form-data; boundary=x"), 422)
        error_of(post(client, b"nothing", "multipart/form-data"), 400)
        error_of(client.post("/predict", files={}, data={"a": "b"}), 415)


def test_unknown_paths_and_methods_are_told_in_the_same_way(table):
    with asking(table) as client:
        assert error_of(client.get("/../../etc/passwd"), 404)["code"] == "not_found"
        assert error_of(client.get("/predict"), 405)["code"] == "wrong_method"


# --- files ----------------------------------------------------------------------------------------


def bomb(side):
    """A PNG of a few kilobytes that says it has side x side pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 10_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_picture_that_unpacks_to_gigabytes_is_refused_by_its_header(pictures, side):
    with asking(pictures) as client:
        response = post(client, bomb(side), "image/png")
    assert response.status_code in (413, 422)
    error_of(response, response.status_code)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"GIF89a", wav(np.zeros(100))])
def test_what_is_no_picture_is_refused(pictures, content):
    with asking(pictures) as client:
        assert "cannot be read as a picture" in error_of(post(client, content, "image/png"), 422)["message"]


def test_pictures_of_other_modes_and_sizes_are_taken(pictures):
    rng = np.random.default_rng(0)
    with asking(pictures) as client:
        for pixels in (rng.integers(0, 255, (30, 41, 3), np.uint8), rng.integers(0, 255, (7, 3, 4), np.uint8)):
            assert post(client, png(pixels), "image/png").status_code == 200
        assert post(client, png(rng.integers(0, 255, (9, 9), np.uint8), "BMP"), "image/bmp").status_code == 200


def test_sounds_beyond_reason_are_refused(sounds):
    with asking(sounds, max_seconds=2) as client:
        assert "lasts 5 s" in error_of(post(client, wav(np.zeros(40_000)), "audio/wav"), 413)["message"]
        assert "no samples" in error_of(post(client, wav(np.zeros(0)), "audio/wav"), 422)["message"]
        assert "does not fit in" in error_of(post(client, wav(np.ones(20) * 0.1), "audio/wav"), 422)["message"]
        rare = bytearray(wav(np.zeros(100)))
        rare[24:28] = struct.pack("<I", 2**31 - 1)
        error_of(post(client, bytes(rare), "audio/wav"), 422)
        error_of(post(client, b"RIFF????WAVEfmt ", "audio/wav"), 422)


# --- limits of the server -------------------------------------------------------------------------


def test_a_large_body_is_refused_by_its_header_and_by_its_bytes(table):
    with asking(table, max_bytes=1000) as client:
        assert error_of(post(client, b" " * 1001), 413)["code"] == "too_large"

        def endless():
            for _ in range(50):
                yield b" " * 100

        assert error_of(post(client, endless()), 413)["code"] == "too_large"
        assert client.post("/predict", json={"inputs": [ROW]}).status_code == 200


def test_the_token_is_asked_for_except_where_nothing_is_told(table):
    with asking(table, token="open sesame") as client:
        for path in ("/schema", "/metrics", "/openapi.json", "/nothing"):
            assert error_of(client.get(path), 401)["code"] == "unauthorized"
        for word in ("", "Bearer", "Bearer open", "Basic open sesame", "Bearer open sesame!", "Bearer \xff"):
            refused = client.post("/predict", json={"inputs": [ROW]}, headers={"Authorization": word.encode("latin-1")})
            assert error_of(refused, 401)
        for path in ("/", "/docs", "/health", "/ready"):
            assert client.get(path).status_code == 200
        good = {"Authorization": "Bearer open sesame"}
        assert client.post("/predict", json={"inputs": [ROW]}, headers=good).status_code == 200


@pytest.mark.parametrize("limits", [{"max_batch": 0}, {"timeout": -1}, {"token": " "}, {"max_queue": 1.5}])
def test_limits_out_of_range_are_refused_by_name(table, limits):
    with pytest.raises(SettingError, match=next(iter(limits))):
        app_of(table, **limits)


# --- the queue ------------------------------------------------------------------------------------


def batched(test, **limits):
    """Run a test with a queue that is at work, and close it."""

    async def whole():
        metrics = Metrics()
        batcher = Batcher(Settings(**limits), metrics)
        batcher.start()
        try:
            return await test(batcher, metrics)
        finally:
            await batcher.close()

    return asyncio.run(whole())


def test_what_comes_while_the_model_works_is_answered_together():
    gate, sizes = threading.Event(), []

    def work(items):
        sizes.append(len(items))
        gate.wait(5)
        return [2 * i for i in items]

    async def test(batcher, metrics):
        asked = [asyncio.create_task(batcher.submit(work, [i])) for i in range(1)]
        await asyncio.sleep(0.05)
        asked += [asyncio.create_task(batcher.submit(work, [i, i])) for i in range(1, 8)]
        await asyncio.sleep(0.05)
        gate.set()
        return await asyncio.gather(*asked)

    found = batched(test, max_batch=6)
    assert found == [[0]] + [[2 * i, 2 * i] for i in range(1, 8)]
    assert sizes == [1, 6, 6, 2]


def test_a_full_queue_refuses_and_says_when_to_come_again():
    gate = threading.Event()

    def work(items):
        gate.wait(5)
        return items

    async def test(batcher, metrics):
        first = asyncio.create_task(batcher.submit(work, [0]))
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(batcher.submit(work, [1, 2, 3]))
        await asyncio.sleep(0)
        with pytest.raises(Refused) as full:
            await batcher.submit(work, [4])
        with pytest.raises(Refused) as never:
            await batcher.submit(work, [0] * 4)
        gate.set()
        return full.value, never.value, await first, await waiting

    full, never, first, waiting = batched(test, max_queue=3)
    assert (full.status, full.code, full.headers) == (503, "queue_full", {"Retry-After": "1"})
    assert never.status == 413
    assert (first, waiting) == ([0], [1, 2, 3])


def test_time_is_up_for_one_request_and_not_for_the_others():
    gate, seen = threading.Event(), []

    def work(items):
        seen.extend(items)
        gate.wait(5)
        return items

    async def test(batcher, metrics):
        late = [asyncio.create_task(batcher.submit(work, [i])) for i in range(2)]
        found = await asyncio.gather(*late, return_exceptions=True)
        gate.set()
        return found, await batcher.submit(work, [9])

    found, after = batched(test, timeout=0.1, max_batch=1)
    assert [f.status for f in found] == [504, 504]
    assert after == [9]
    assert seen == [0, 9]  # the second had been given up before its turn


def test_one_bad_request_does_not_spoil_those_it_was_gathered_with():
    def work(items):
        if any(i < 0 for i in items):
            raise Refused(422, "invalid_input", "below 0")
        return items

    async def test(batcher, metrics):
        batcher.coming = 1
        asked = [asyncio.create_task(batcher.submit(work, [i])) for i in (1, -1, 3)]
        return await asyncio.gather(*asked, return_exceptions=True)

    one, bad, three = batched(test, max_wait_ms=20)
    assert (one, three) == ([1], [3])
    assert bad.status == 422


def test_a_lone_request_does_not_wait_for_others():
    async def test(batcher, metrics):
        begun = asyncio.get_running_loop().time()
        await batcher.submit(lambda items: items, [1])
        return asyncio.get_running_loop().time() - begun

    assert batched(test, max_wait_ms=5000) < 2


def test_what_was_taken_is_answered_before_the_end():
    async def test(batcher, metrics):
        asked = [asyncio.create_task(batcher.submit(lambda items: items, [i])) for i in range(20)]
        await asyncio.sleep(0)
        await batcher.close()
        with pytest.raises(Refused) as closed:
            await batcher.submit(lambda items: items, [0])
        return await asyncio.gather(*asked), closed.value

    found, closed = batched(test, max_batch=4)
    assert found == [[i] for i in range(20)]
    assert closed.code == "stopping"


@pytest.fixture
def logged():
    """What is logged meanwhile, as text."""
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    logging.getLogger().addHandler(handler)
    yield told
    logging.getLogger().removeHandler(handler)


def test_a_fault_of_the_model_is_told_without_its_traceback(table, monkeypatch, logged):
    with asking(table) as client:
        service = client.app.state.desk.current.service
        monkeypatch.setattr(service, "_answer", lambda X: 1 / 0)
        error = error_of(client.post("/predict", json={"inputs": [ROW]}), 500)
    assert error["code"] == "internal"
    assert "ZeroDivisionError" not in str(error)
    assert "ZeroDivisionError" in logged.getvalue()


# --- metrics --------------------------------------------------------------------------------------


def test_the_counts_are_those_of_the_requests(table):
    with asking(table) as client:
        for _ in range(3):
            client.post("/predict", json={"inputs": [ROW, ROW]})
        client.get("/nothing")
        client.get("/nothing/else")
        text = client.get("/metrics").text
    lines = text.splitlines()
    assert 'parnassus_requests_total{path="/predict",status="200"} 3' in lines
    assert 'parnassus_requests_total{path="other",status="404"} 2' in lines
    assert "parnassus_errors_total 2" in lines
    assert "parnassus_request_seconds_count 3" in lines
    assert "parnassus_batch_rows_sum 6" in lines
    assert 'parnassus_batch_rows_bucket{le="1"} 0' in lines
    assert 'parnassus_batch_rows_bucket{le="2"} 3' in lines
    assert 'parnassus_batch_rows_bucket{le="+Inf"} 3' in lines
    assert "parnassus_queue_rows 0" in lines
    for line in lines:
        assert line.startswith(("# HELP parnassus_", "# TYPE parnassus_", "parnassus_"))


def test_a_form_of_several_pictures_names_the_one_that_is_bad(pictures):
    good = ("file", ("a.png", png(np.zeros((5, 5), np.uint8)), "image/png"))
    with asking(pictures) as client:
        error = error_of(client.post("/predict", files=[good, ("file", ("b.png", io.BytesIO(b"x"), "image/png"))]), 422)
    assert error["where"] == "file 1"
