"""Published weights: fetched when asked for, from a server that is made here."""

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

import parnassus as pn
from parnassus import hub


class Server:
    """Files by path; large ones are kept behind a redirect that names their digest, as the real one has it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.digests: dict[str, str] = {}
        self.onward = ""
        self.refused = 0
        outer = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers.get("Authorization")))
                kept = outer.files.get(self.path.removeprefix("/store"))
                if outer.refused or kept is None:
                    self.send_error(outer.refused or 404)
                elif self.path.endswith(".safetensors") and not self.path.startswith("/store"):
                    self.send_response(302)
                    self.send_header("Location", outer.onward or f"/store{self.path}")
                    digest = outer.digests.get(self.path, hashlib.sha256(kept).hexdigest())
                    self.send_header("X-Linked-ETag", f'"{digest}"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(kept)))
                    self.end_headers()
                    self.wfile.write(kept)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def keep(self, folder: Path, name: str, revision: str = "main") -> None:
        for path in folder.iterdir():
            self.files[f"/{name}/resolve/{revision}/{path.name}"] = path.read_bytes()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    made = Server()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{made.http.server_port}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("resnet")
    builder = pn.model("resnet18", width=0.0625, stem="paper").builders("classifier")[0]
    with torch.random.fork_rng():
        net = builder.make(in_channels=1, image_size=(32, 32), n_outputs=3, width=0.0625, stem="paper")
    hub.save_pretrained(net, where)
    return where


def test_a_published_model_is_loaded_where_that_is_asked(server: Server, folder: Path) -> None:
    server.keep(folder, "some/net")
    with pytest.raises(pn.FileError, match=r"pn\.hub\.fetch"):
        hub.load("some/net")
    assert server.asked == []
    x = torch.linspace(0, 1, 2048).view(2, 1, 32, 32)
    torch.testing.assert_close(hub.load("some/net", download=True)(x), hub.load(folder)(x))
    n = len(server.asked)
    place = hub.fetch("some/net")
    assert {path.name for path in folder.iterdir()} <= {path.name for path in place.iterdir()}
    assert not [path for path, _ in server.asked[n:] if path.endswith((".safetensors", "/config.json"))]


def test_a_revision_goes_to_a_folder_of_ones_own(server: Server, folder: Path, tmp_path: Path) -> None:
    server.keep(folder, "some/net", "v2")
    place = hub.fetch("some/net", tmp_path / "here", revision="v2")
    assert (place / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    with pytest.raises(pn.FileError, match="404"):
        hub.fetch("some/net")
    server.keep(folder, "some/net", "refs%2Fpr%2F1")
    assert hub.fetch("some/net", revision="refs/pr/1") != hub.fetch("some/net", revision="v2")


def test_a_token_is_told_to_the_server_and_not_to_where_it_sends_on(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.keep(folder, "some/net")
    monkeypatch.setenv("HF_TOKEN", "secret")
    hub.fetch("some/net")
    told = {path.startswith("/store"): token for path, token in server.asked}
    assert told == {False: "Bearer secret", True: None}


def test_bytes_that_the_server_did_not_name_are_not_kept(server: Server, folder: Path) -> None:
    server.keep(folder, "some/net")
    server.digests["/some/net/resolve/main/model.safetensors"] = "0" * 64
    with pytest.raises(pn.FileError, match=r"model\.safetensors.*not what the server named"):
        hub.fetch("some/net")
    server.digests.clear()
    place = hub.fetch("some/net")
    assert (place / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    assert not list(place.glob("*.part"))


def test_shards_are_fetched_and_no_other_file_that_an_index_names(server: Server) -> None:
    base = "/some/large/resolve/main/"
    parts = {f"model-0000{i}-of-00002.safetensors": bytes([i]) * 9 for i in (1, 2)}
    index = {"weight_map": dict(zip("ab", parts, strict=True))}
    server.files = {base + "config.json": b"{}", base + "model.safetensors.index.json": json.dumps(index).encode()}
    server.files |= {base + name: kept for name, kept in parts.items()}
    place = hub.fetch("some/large")
    assert {name: (place / name).read_bytes() for name in parts} == parts
    index["weight_map"]["a"] = "../../evil.safetensors"
    server.files[base.replace("large", "evil") + "config.json"] = b"{}"
    server.files[base.replace("large", "evil") + "model.safetensors.index.json"] = json.dumps(index).encode()
    with pytest.raises(pn.FileError, match="no safetensors file beside it"):
        hub.fetch("some/evil")


def test_pickles_are_not_fetched(server: Server) -> None:
    server.files = {f"/some/old/resolve/main/{name}": b"{}" for name in ("config.json", "pytorch_model.bin")}
    with pytest.raises(pn.FileError, match="pickles are not fetched"):
        hub.fetch("some/old")
    assert not any("pytorch_model" in path for path, _ in server.asked)


def test_refusals_say_what_to_do(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.keep(folder, "some/net")
    server.refused = 401
    with pytest.raises(pn.FileError, match="HF_TOKEN"):
        hub.fetch("some/net")
    server.refused, server.onward = 0, "http://elsewhere.example/x"
    with pytest.raises(pn.FileError, match="no https address"):
        hub.fetch("some/net")
    for name in ("resnet", "a/b/c", "../x", "a/.."):
        with pytest.raises(pn.SettingError, match="owner/model"):
            hub.fetch(name)
    with pytest.raises(pn.SettingError, match="revision"):
        hub.fetch("some/net", revision="..")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1.example.com")
    with pytest.raises(pn.SettingError, match="HF_ENDPOINT"):
        hub.fetch("some/net")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(pn.FileError, match="cannot be reached"):
        hub.fetch("some/other")


def test_an_answer_that_is_no_http_is_told_of(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as odd:

        def answer() -> None:
            line, _ = odd.accept()
            with line:
                line.recv(4096)
                line.sendall(b"nonsense\r\n\r\n")

        speaking = threading.Thread(target=answer, daemon=True)
        speaking.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{odd.getsockname()[1]}")
        with pytest.raises(pn.FileError, match="cannot be reached"):
            hub.fetch("some/net")
        speaking.join()
