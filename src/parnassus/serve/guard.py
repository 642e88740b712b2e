"""What every request passes: the token, the size limit, the count; and what a client sees when something breaks."""

import hmac
import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .metrics import Metrics
from .refusal import Refused
from .settings import Settings

LOG = logging.getLogger("parnassus.serve")
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
OPEN = ("/", "/docs", "/health", "/ready")  # asked without the token: they tell nothing of the model's data
PATHS = (*OPEN, "/predict", "/explain", "/schema", "/metrics", "/openapi.json")


class Guard:
    """ASGI middleware around the application."""

    def __init__(self, app: Any, settings: Settings, metrics: Metrics) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics
        self.token = settings.token.strip().encode() if settings.token else None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0
        path = scope["path"] if scope["path"] in PATHS else "other"

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            self._check(scope, path)
            await self.app(scope, self._limited(receive), sent)
        except Refused as refused:
            if not status:
                await say(sent, refused)
        except Exception:
            LOG.exception("%s %s failed", scope["method"], path)
            if not status:
                told = "a fault of the server and not of the request; its log says more"
                await say(sent, Refused(500, "internal", told))
        finally:
            self.metrics.request(path, status, time.perf_counter() - started)

    def _check(self, scope: Message, path: str) -> None:
        headers = dict(scope["headers"])
        if self.token is not None and path not in OPEN:
            given = headers.get(b"authorization", b"")
            scheme, _, word = given.partition(b" ")
            same = hmac.compare_digest(word.strip(), self.token)
            if not same or scheme.lower() != b"bearer":
                told = "this server asks for its token; send the header Authorization: Bearer TOKEN"
                raise Refused(401, "unauthorized", told, headers={"WWW-Authenticate": "Bearer"})
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and (len(length) > 18 or int(length) > self.settings.max_bytes):
            raise too_large(self.settings)

    def _limited(self, receive: Receive) -> Receive:
        """The same, which refuses to take more bytes than the limit, whatever the headers say."""
        n = 0

        async def limited() -> Message:
            nonlocal n
            message = await receive()
            n += len(message.get("body", b""))
            if n > self.settings.max_bytes:
                raise too_large(self.settings)
            return message

        return limited


def too_large(settings: Settings) -> Refused:
    """The refusal of a body beyond the limit."""
    return Refused(413, "too_large", f"the request has more than {settings.max_bytes:,} bytes, the most taken")


async def say(send: Send, refused: Refused) -> None:
    """Answer with a refusal."""
    body = json.dumps(refused.body()).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **refused.headers}
    raw = [(k.lower().encode(), v.encode()) for k, v in headers.items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
