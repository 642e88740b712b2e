"""Published weights fetched into a folder when somebody asks for them, and never otherwise."""

import hashlib
import http.client
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import FileError, SettingError
from .files import replacing
from .kernels.loader import cache_folder

SERVER = "https://huggingface.co"  # HF_ENDPOINT names another; HF_TOKEN is told to it
CONFIG, WEIGHTS, SHARDS = "config.json", "model.safetensors", "model.safetensors.index.json"
BESIDE = ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json", "generation_config.json")
NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
SECONDS = 30.0  # without a byte
PIECE = 1 << 20  # bytes at a time


def fetch(name: str, folder: str | os.PathLike | None = None, *, revision: str = "main") -> Path:
    """The folder of a published model, whose configuration, safetensors and tokenizer are fetched where they lack.

    Parameters
    ----------
    name : owner and model, such as "microsoft/resnet-18".
    folder : where its files go; None takes a place of its own in the user's cache.
    revision : a branch, a tag or a commit, which fixes what is fetched.

    A file that is there is left as it is, so that what broke off goes on with the next call. Each is written whole or
    not at all, and held against the SHA-256 that the server names. Pickles are never fetched.

    Raises
    ------
    SettingError : a name that is not owner/model, or a revision of dots; a server that is neither https nor this
        machine.
    FileError : the server cannot be reached or refuses, has no safetensors of that model, or sent something else than
        it named; the message says which file.
    """
    if not NAME.fullmatch(name) or ".." in name:
        raise SettingError(f"a published model is named owner/model, such as 'microsoft/resnet-18'; got {name!r}")
    if not revision.strip("."):
        raise SettingError(f"revision is a branch, a tag or a commit, such as 'main'; got {revision!r}")
    place = Path(folder) if folder is not None else _own_place(name, revision)
    server = os.environ.get("HF_ENDPOINT", SERVER).rstrip("/")
    if not _trusted(server):
        raise SettingError(f"HF_ENDPOINT is an https address; got {server!r}")
    where = f"{server}/{name}/resolve/{urllib.parse.quote(revision, safe='')}"
    _fetched(where, place, CONFIG)
    if not _fetched(where, place, WEIGHTS, optional=True):
        if not _fetched(where, place, SHARDS, optional=True):
            raise FileError(
                f"{where} has no {WEIGHTS}, and pickles are not fetched; look for a revision with safetensors, or "
                "convert its weights and give their folder"
            )
        for shard in _shards(place / SHARDS):
            _fetched(where, place, shard)
    for file in BESIDE:
        _fetched(where, place, file, optional=True)
    return place


def _trusted(address: str) -> bool:
    """Whether an address is told over an encrypted line, or stays on this machine."""
    there = urllib.parse.urlsplit(address)
    return there.scheme == "https" or (there.scheme == "http" and there.hostname in ("127.0.0.1", "localhost"))


def _own_place(name: str, revision: str) -> Path:
    return cache_folder().parent / "hub" / name.replace("/", "--") / urllib.parse.quote(revision, safe="")


def _shards(index: Path) -> list[str]:
    """The files that an index of shards names, each a plain name."""
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileError(f"{index}: not an index of shards ({error}); remove it and fetch again") from error
    strange = [n for n in names if not isinstance(n, str) or Path(n).name != n or not n.endswith(".safetensors")]
    if strange:
        raise FileError(f"{index}: names {strange[0]!r}, which is no safetensors file beside it")
    return names


def _fetched(where: str, place: Path, file: str, *, optional: bool = False) -> bool:
    """Whether the file is there now; an optional one may lack on the server."""
    target = place / file
    if target.is_file():
        return True
    with _told(f"{where}/{file}", optional=optional) as (answer, named):
        if answer is None:
            return False
        with replacing(target) as part, part.open("wb") as out:
            _written(answer, out, f"{where}/{file}", named)
    return True


class _Following(urllib.request.HTTPRedirectHandler):
    """Follows a server to where it keeps large files, and remembers the digest that it named on the way."""

    named = ""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if not _trusted(newurl):
            raise FileError(f"{req.full_url}: the server sends on to {newurl}, which is no https address")
        self.named = self.named or headers.get("X-Linked-ETag", "")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextmanager
def _told(address: str, *, optional: bool) -> Iterator[tuple[Any, str]]:
    """The server's answer and the digest that it names; None where it has no such file and need not."""
    following = _Following()
    asked = urllib.request.Request(address, headers={"User-Agent": "parnassus"})
    if token := os.environ.get("HF_TOKEN"):
        asked.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        answer = urllib.request.build_opener(following).open(asked, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        if optional and error.code == http.HTTPStatus.NOT_FOUND:
            yield None, ""
            return
        hint = "; a model with conditions wants a token in HF_TOKEN" if error.code in (401, 403) else ""
        raise FileError(f"{address}: the server says {error.code} {error.reason}{hint}; look at the name") from error
    except (OSError, http.client.HTTPException) as error:
        raise FileError(
            f"{address}: cannot be reached ({error}); fetch the files elsewhere and give the path of their folder"
        ) from error
    with answer:
        yield answer, (following.named or answer.headers.get("X-Linked-ETag") or "").strip('"')


def _written(answer: Any, out: Any, address: str, named: str) -> None:
    """Copy what the server sends, and hold it against the length and the digest that it named."""
    digest, n = hashlib.sha256(), 0
    try:
        while piece := answer.read(PIECE):
            out.write(piece)
            digest.update(piece)
            n += len(piece)
    except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise FileError(f"{address}: broke off after {n:,} bytes ({error}); fetch it again") from error
    due = answer.headers.get("Content-Length")
    if (due is not None and int(due) != n) or (re.fullmatch(r"[0-9a-f]{64}", named) and named != digest.hexdigest()):
        raise FileError(f"{address}: {n:,} bytes came that are not what the server named; fetch it again")
