"""A browser that is driven: Chromium by its DevTools protocol, over two pipes, so that no package is needed."""

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path

BEGIN = """
import fcntl, os, sys
kept = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3]]
for fd, due in zip(kept, (3, 4)):  # where the browser reads its commands, and where it writes
    os.dup2(fd, due)
os.execvp(sys.argv[3], sys.argv[3:])
"""


class Driven:
    """One page; `do` evaluates JavaScript in it, mouse and keys act as a hand's do."""

    def __init__(self, chromium, folder, *flags, size=(1100, 900)):
        read, theirs = os.pipe()
        ours, write = os.pipe()
        command = [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe",
            f"--window-size={size[0]},{size[1]}", f"--user-data-dir={folder}",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", *flags, "about:blank",
        ]  # fmt: skip
        begun = [sys.executable, "-c", BEGIN, str(ours), str(theirs), *command]
        self.process = subprocess.Popen(begun, pass_fds=(ours, theirs), stderr=subprocess.DEVNULL)
        os.close(ours)
        os.close(theirs)
        self.read, self.write, self.held, self.number, self.session = read, write, b"", 0, None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Page.enable")

    def ask(self, method, **params):
        """Send a command, and wait for what it gives."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        os.write(
            self.write, json.dumps(message | ({"sessionId": self.session} if self.session else {})).encode() + b"\0"
        )
        while True:
            while b"\0" not in self.held:
                part = os.read(self.read, 1 << 16)
                assert part, "the browser ended"
                self.held += part
            first, _, self.held = self.held.partition(b"\0")
            said = json.loads(first)
            if said.get("id") == self.number:
                assert "error" not in said, said
                return said["result"]

    def do(self, script):
        """The value of an expression, once its promise is kept."""
        found = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, script, seconds=20):
        """Wait until an expression is true."""
        ends = time.monotonic() + seconds
        while not self.do(script):
            assert time.monotonic() < ends, (script, self.do("document.body.innerText"))
            time.sleep(0.05)

    def open(self, address):
        self.ask("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && document.querySelector('#fields').children.length > 0")

    def place(self, selector):
        """The middle of an element on the screen."""
        box = f"document.querySelector({selector!r}).getBoundingClientRect()"
        return self.do(
            f"(() => {{ const r = {box}; return [r.x + r.width / 2, r.y + r.height / 2, r.width, r.height]; }})()"
        )

    def mouse(self, kind, x, y):
        held = {"button": "left", "buttons": 1, "clickCount": 1}
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, **held)

    def click(self, selector):
        x, y, *_ = self.place(selector)
        self.mouse("mousePressed", x, y)
        self.mouse("mouseReleased", x, y)

    def draw(self, selector, points):
        """A stroke through points, as shares of an element's width and height."""
        x, y, width, height = self.place(selector)
        on = [(x + (u - 0.5) * width, y + (v - 0.5) * height) for u, v in points]
        for kind, at in [("mousePressed", on[0]), *(("mouseMoved", p) for p in on[1:]), ("mouseReleased", on[-1])]:
            self.mouse(kind, *at)

    def drop(self, selector, path):
        """A file dragged from the desktop onto an element."""
        x, y, *_ = self.place(selector)
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.ask("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def type(self, selector, text):
        """A click into a field, what it held taken out, and a text in its place."""
        self.click(selector)
        self.do(f"document.querySelector({selector!r}).select()")
        self.ask("Input.insertText", text=text)

    def shoot(self, path):
        """A picture of what is seen."""
        Path(path).write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        os.close(self.read)
        os.close(self.write)
