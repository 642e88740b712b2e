"""Many clients at once, a real process, and a model whose file changes under way."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import numpy as np
import pytest

import parnassus as pn
from parnassus.serve import app_of
from parnassus.serve.app import listening

from .conftest import ROW, asking, frame_of, wav

CLIENTS, EACH = 50, 6


def rows(n):
    frame = frame_of(np.random.default_rng(9), n)
    return [
        {"age": a, "city": c, "member": bool(m), "joined": str(j)}
        for a, c, m, j in zip(frame.age, frame.city, frame.member, frame.joined.dt.date, strict=True)
    ], frame


async def stormed(app, requests):
    """The responses to requests, of `CLIENTS` clients that each send theirs one after the other."""
    found = {}
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:

            async def one(k):
                for i in range(k, len(requests), CLIENTS):
                    found[i] = await client.post("/predict", **requests[i])

            await asyncio.gather(*(one(k) for k in range(CLIENTS)))
            metrics = (await client.get("/metrics")).text
    return found, metrics


@pytest.mark.slow
def test_of_fifty_clients_each_gets_its_own_answer_as_if_it_were_alone(table):
    sent, frame = rows(CLIENTS * EACH)
    found, metrics = asyncio.run(stormed(app_of(table), [{"json": {"inputs": [row]}} for row in sent]))
    assert sorted(found) == list(range(len(sent)))
    assert {r.status_code for r in found.values()} == {200}
    frame["joined"] = frame.joined.dt.normalize()
    column = table.classes_.tolist().index("stays")
    for i in range(len(sent)):
        answer = found[i].json()["answers"][0]
        alone = table.predict_proba(frame.iloc[[i]])[0, column]
        said = next(p["probability"] for p in answer["probabilities"] if p["label"] == "stays")
        assert said == pytest.approx(alone, abs=1e-6)
    calls = int(next(line for line in metrics.splitlines() if line.startswith("parnassus_batch_rows_count")).split()[1])
    assert calls < len(sent) / 3  # many were answered together


def test_sounds_of_different_lengths_do_not_change_each_other(sounds):
    rng = np.random.default_rng(5)
    waves = [rng.normal(0, 0.1, int(n)).astype(np.float32) for n in rng.integers(2000, 9000, 20)]
    asked = [{"content": wav(w), "headers": {"Content-Type": "audio/wav"}} for w in waves]
    together, _ = asyncio.run(stormed(app_of(sounds), asked))
    apart, _ = asyncio.run(stormed(app_of(sounds, max_batch=1), asked))
    for i in range(len(waves)):
        a, b = (r[i].json()["answers"][0]["probabilities"][0] for r in (together, apart))
        assert a["label"] == b["label"]
        assert a["probability"] == pytest.approx(b["probability"], abs=1e-5)


# --- a new version --------------------------------------------------------------------------------


def until(condition, seconds=15):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.03)


def test_a_new_file_takes_the_place_of_the_old_and_a_broken_one_does_not(table, tmp_path):
    path = tmp_path / "model.parnassus"
    table.save(path)
    X = np.random.default_rng(0).normal(size=(30, 2))
    with asking(tmp_path, watch=0.02) as client:
        first = client.get("/health").json()["version"]
        path.write_bytes(path.read_bytes()[:2000])
        until(lambda: "refused" in client.get("/health").json())
        assert client.get("/health").json()["version"] == first
        assert client.post("/predict", json={"inputs": [ROW]}).status_code == 200
        path.unlink()
        until(lambda: "no longer there" in client.get("/health").json().get("refused", ""))
        assert client.post("/predict", json={"inputs": [ROW]}).status_code == 200
        pn.Regressor("mlp", epochs=1, progress=False).fit(X, X.sum(1)).save(path)
        until(lambda: client.get("/health").json()["version"] != first)
        told = client.get("/health").json()
        assert "refused" not in told
        assert client.post("/predict", json={"inputs": [ROW]}).status_code == 422
        answer = client.post("/predict", json={"inputs": [[1, 2]]}).json()
        assert answer["version"] == told["version"]
        assert "value" in answer["answers"][0]
        assert client.get("/openapi.json").json()["components"]["schemas"]["Input"]["oneOf"][1]["maxItems"] == 2
        counts = client.get("/metrics").text
        assert 'parnassus_reloads_total{outcome="taken"} 1' in counts
        assert 'parnassus_reloads_total{outcome="refused"}' in counts


def test_no_request_is_lost_while_versions_change(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2))
    models = [pn.Regressor("mlp", epochs=e, progress=False).fit(X, X.sum(1)) for e in (1, 3)]
    wanted = {}
    for i, model in enumerate(models):
        model.save(tmp_path / f"{i}.parnassus")
        wanted[i] = model.predict(np.array([[1.0, 2.0]]))[0]
    shutil.copy(tmp_path / "0.parnassus", tmp_path / "model.parnassus")
    seen = {}
    with asking(tmp_path, watch=0.01) as client:
        for turn in range(4):
            os.replace(shutil.copy(tmp_path / f"{turn % 2}.parnassus", tmp_path / "new"), tmp_path / "model.parnassus")
            for _ in range(15):
                said = client.post("/predict", json={"inputs": [[1, 2]]})
                assert said.status_code == 200
                seen.setdefault(said.json()["version"], set()).add(round(said.json()["answers"][0]["value"], 4))
    assert {v for values in seen.values() for v in values} <= {round(float(v), 4) for v in wanted.values()}
    assert all(len(values) == 1 for values in seen.values())  # an answer's version is the one that gave it


# --- a process ------------------------------------------------------------------------------------


@contextmanager
def process(path, *flags):
    """`parnassus serve` on a free port; yields the process and its address."""
    command = [sys.executable, "-m", "parnassus", "serve", str(path), "--port", "0", *flags]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    try:
        line = running.stderr.readline()
        while line and "http://" not in line:
            line = running.stderr.readline()
        assert "http://127.0.0.1:" in line, line
        yield running, "http://" + line.split("http://")[1].split("/")[0]
    finally:
        if running.poll() is None:
            running.kill()
        running.wait()
        running.stderr.close()


@pytest.mark.slow
def test_the_command_serves_loopback_alone_and_ends_well_on_sigterm(tmp_path):
    frame = frame_of(np.random.default_rng(0))
    labels = np.where(frame.age > 40, "old", "young")
    pn.Classifier("mlp", epochs=1, progress=False).fit(frame, labels).save(tmp_path / "model.parnassus")
    with process(tmp_path, "--max-batch", "8") as (running, address):
        port = int(address.rpartition(":")[2])
        with httpx.Client(base_url=address) as client:
            assert client.get("/ready").json() == {"ready": True}
            assert client.post("/predict", json={"inputs": [ROW]}).json()["answers"][0]["label"] in ("old", "young")
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((other_address(), port), timeout=2).close()
        body = json.dumps({"inputs": [ROW] * 1000}).encode()
        head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(head.encode() + body[:-10])  # a request that is on its way when the signal comes
            time.sleep(0.2)
            running.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            line.sendall(body[-10:])
            line.settimeout(20)
            answer = b""
            while piece := line.recv(65536):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 200")
        assert len(json.loads(answer.partition(b"\r\n\r\n")[2])["answers"]) == 1000
        assert running.wait(20) in (0, -signal.SIGTERM)
        assert "Traceback" not in running.stderr.read()


def other_address():
    """An address of this machine that is not 127.0.0.1."""
    return "127.0.0.2"


def test_a_port_that_is_taken_is_told_in_a_line(table, tmp_path, capsys):
    from parnassus.cli import main

    table.save(tmp_path / "model.parnassus")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["serve", str(tmp_path), "--port", str(taken.getsockname()[1])]) == 2
    said = capsys.readouterr().err
    assert "cannot listen on 127.0.0.1" in said
    assert "choose another host or port" in said


def test_answers_leave_at_once_and_do_not_wait_for_an_acknowledgement():
    """Without the protocol's name asyncio leaves Nagle's algorithm on, which costs 40 ms an answer."""
    with listening("127.0.0.1", 0) as place, socket.create_connection(place.getsockname()):
        taken, _ = place.accept()
        with taken:
            assert taken.proto == socket.IPPROTO_TCP


def test_a_model_that_is_absent_or_not_served_is_told_in_a_line(tmp_path, capsys):
    from parnassus.cli import main

    assert main(["serve", str(tmp_path)]) == 2
    assert "model.parnassus does not exist" in capsys.readouterr().err
    pytest.importorskip("av", reason="the extra video is not installed")
    X = np.random.default_rng(0).integers(0, 255, (4, 2, 8, 8, 2), dtype=np.uint8)
    fitted = pn.Classifier(codec=pn.Video(n_frames=2), epochs=1, progress=False).fit(X, ["a", "b"] * 2)
    fitted.save(tmp_path / "model.parnassus")
    assert main(["serve", str(tmp_path)]) == 2
    assert "videos of 2 channels are not served, for no file holds them" in capsys.readouterr().err
