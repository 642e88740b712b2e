"""`parnassus serve` under 50 clients: requests answered together (the default) beside one by one (--max-batch 1).

Each server is a process of its own, the clients are one more; all share the machine's cores. Every client sends its
next request once the last was answered, and every answer is compared with what the model says of that input alone.
The target: no error, no answer lost, and together never slower than one by one.
Run: python benchmarks/bench_serve.py [--repeats 5] [--tiny]. Prints the time of a round; requests/s and the slowest
hundredth of the answers on standard error.
"""

import asyncio
import io
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import parnassus as pn
from harness import arguments, compare

TINY = "--tiny" in sys.argv
if TINY:
    sys.argv.remove("--tiny")
CLIENTS, REQUESTS = (10, 60) if TINY else (50, 3_000)


def row_model(folder: Path) -> list[tuple[bytes, str, str]]:
    """A net on a table of 20 columns; requests of one row each, with the label each has alone."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 20)).round(4)
    model = pn.Classifier("mlp", epochs=2, progress=False).fit(X, np.where(X.sum(1) > 0, "above", "below"))
    model.save(folder / "row.parnassus")
    asked = X[rng.integers(0, len(X), 64)]
    bodies = [json.dumps({"inputs": [row.tolist()]}).encode() for row in asked]
    return [(b, "application/json", str(model.predict(x[None])[0])) for b, x in zip(bodies, asked, strict=True)]


def picture_model(folder: Path) -> list[tuple[bytes, str, str]]:
    """A net of 32 x 32 pictures; requests of one PNG each."""
    from PIL import Image

    rng = np.random.default_rng(0)
    X = rng.integers(0, 255, (64, 32, 32, 3), dtype=np.uint8)
    name = "cnn" if TINY else "resnet20"
    model = pn.Classifier(name, epochs=1, progress=False).fit(X, ["a", "b"] * 32)
    model.save(folder / "picture.parnassus")
    found = []
    for pixels in X[:32]:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        found.append((file.getvalue(), "image/png", str(model.predict(pixels[None])[0])))
    return found


class Server:
    """`parnassus serve` in a process, and clients that keep their connections."""

    def __init__(self, path: Path, *flags: str) -> None:
        command = [sys.executable, "-m", "parnassus", "serve", str(path), "--port", "0", *flags]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        while "http://" not in line:
            assert line, f"{command} ended"
            line = self.process.stderr.readline()
        self.port = int(line.split("127.0.0.1:")[1].split("/")[0])
        self.waited: list[float] = []

    def round(self, asked: list[tuple[bytes, str, str]]) -> None:
        """All requests of a round, answered and compared."""
        asyncio.run(self._round(asked))

    async def _round(self, asked: list[tuple[bytes, str, str]]) -> None:
        turns = iter(range(REQUESTS))
        await asyncio.gather(*(self._client(turns, asked) for _ in range(CLIENTS)))

    async def _client(self, turns: object, asked: list[tuple[bytes, str, str]]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for turn in turns:  # type: ignore[attr-defined]
            body, kind, wanted = asked[turn % len(asked)]
            begun = time.perf_counter()
            head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            told = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1]) for line in told.splitlines() if line.lower().startswith(b"content-length")
            )
            said = json.loads(await reader.readexactly(length))
            self.waited.append(time.perf_counter() - begun)
            assert told.startswith(b"HTTP/1.1 200"), said
            assert said["answers"][0]["label"] == wanted
        writer.close()

    def end(self) -> None:
        """Stop, by the signal that a service manager sends."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def main() -> None:
    """Two models, two servers each."""
    args = arguments()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, make in (("row", row_model), ("picture", picture_model)):
            asked = make(folder)
            path = folder / f"{what}.parnassus"
            servers = {"together": Server(path), "one by one": Server(path, "--max-batch", "1")}
            try:
                works = {who: (lambda s=server, a=asked: s.round(a)) for who, server in servers.items()}
                medians = compare(f"serve {what}: {REQUESTS} by {CLIENTS} clients", works, ours="together", args=args)
                for who, median in medians.items():
                    slow = statistics.quantiles(servers[who].waited, n=100)[98]
                    print(
                        f"{what}, {who}: {REQUESTS / median:,.0f} requests/s, p99 {slow * 1000:.1f} ms", file=sys.stderr
                    )
            finally:
                for server in servers.values():
                    server.end()


if __name__ == "__main__":
    main()
