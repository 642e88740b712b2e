"""The application: its routes, its beginning and its end; and a process that serves it."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..errors import ParnassusError, SettingError, missing_extra
from .metrics import Metrics
from .openapi import document
from .page import HEADERS, page
from .queue import Batcher
from .reading import inputs_from
from .refusal import Refused
from .reload import Current
from .service import Service, file_of, loaded
from .settings import Settings

DECODERS = 2  # threads that unpack files: one picture each is in memory at a time


def app_of(model: Any, **limits: Any) -> Any:
    """A FastAPI application that answers with a fitted estimator, or with a saved one by its path.

    A path is watched: a new version in its place is loaded, tried, and taken. See `settings.Settings` for the limits.

    Raises
    ------
    SettingError : a limit out of range, or an estimator that is not served.
    MissingExtra : FastAPI is not installed.
    """
    settings = Settings(**limits)
    return application(current_of(model, settings), settings)


def current_of(model: Any, settings: Settings) -> Current:
    """What answers: a model in memory, or the newest in a file."""
    if isinstance(model, str | os.PathLike):
        path = file_of(os.fspath(model))
        return Current(loaded(path, settings), path)
    service = Service(model, settings)
    service.try_out()
    return Current(service)


def application(current: Current, settings: Settings) -> Any:
    """The application around what answers."""
    try:
        import python_multipart  # noqa: F401  # FastAPI says nothing of it before the first form
        from fastapi import FastAPI
        from starlette.exceptions import HTTPException
    except ImportError as error:
        raise missing_extra(error.name or "fastapi", "serve", "serving") from error
    from .guard import Guard

    desk = Desk(current, settings)
    app = FastAPI(title="parnassus", docs_url=None, redoc_url=None, lifespan=desk.lifespan, redirect_slashes=False)
    for path, method, handler in desk.routes():
        app.add_route(path, handler, methods=[method])
    app.openapi = lambda: document(current.service, token=settings.token is not None)  # type: ignore[method-assign]
    app.add_exception_handler(HTTPException, other_refusals)
    app.add_exception_handler(ParnassusError, refusals)
    app.add_middleware(Guard, settings=settings, metrics=desk.metrics)
    app.state.desk = desk
    return app


class Desk:
    """The handlers of requests, with what they share."""

    def __init__(self, current: Current, settings: Settings) -> None:
        self.current, self.settings, self.metrics = current, settings, Metrics()
        self.ready = False

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Begin to answer; at the end, answer what was taken."""
        self.batcher = Batcher(self.settings, self.metrics)
        self.decoding = ThreadPoolExecutor(DECODERS, thread_name_prefix="decoding")
        self.batcher.start()
        watching = asyncio.create_task(self.current.watch(self.settings, self.batcher, self.metrics))
        self.ready = True
        yield
        self.ready = False
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await self.batcher.close()
        self.decoding.shutdown()

    def routes(self) -> list[tuple[str, str, Any]]:
        """Paths, methods and handlers."""
        return [
            ("/", "GET", self.front),
            ("/docs", "GET", self.docs),
            ("/predict", "POST", self.predict),
            ("/explain", "POST", self.explain),
            ("/schema", "GET", self.schema),
            ("/health", "GET", self.health),
            ("/ready", "GET", self.is_ready),
            ("/metrics", "GET", self.counts),
        ]

    # --- answers ----------------------------------------------------------------------------------

    async def predict(self, request: Any) -> Any:
        """Answers to the inputs of a request."""
        service = self.current.service
        found = await self._answered(request, service, service.answer)
        return said({"answers": found, "version": service.version})

    async def explain(self, request: Any) -> Any:
        """What the answer to the one input of a request rests on."""
        service = self.current.service
        if service.explain is None:
            raise Refused(404, "no_explanation", f"nothing explains the answers of this {service.task}")
        found = await self._answered(request, service, service.explain, most=1)
        return said({"explanation": found[0], "version": service.version})

    async def _answered(self, request: Any, service: Service, work: Any, *, most: int | None = None) -> list[Any]:
        if not self.ready:
            raise Refused(503, "not_ready", "the server is starting or stopping", headers={"Retry-After": "1"})
        self.batcher.coming += 1
        try:
            items = await inputs_from(request, service.input, self.settings, self.decoding)
        finally:
            self.batcher.coming -= 1
            self.batcher.news.set()
        if most is not None and len(items) > most:
            raise Refused(422, "invalid_input", f"{most} input is explained at a time; got {len(items)}")
        return await self.batcher.submit(work, items)

    # --- the rest ---------------------------------------------------------------------------------

    async def front(self, request: Any) -> Any:
        """The page where the model is tried."""
        return shown("page")

    async def docs(self, request: Any) -> Any:
        """The page that describes the interface."""
        return shown("docs")

    async def schema(self, request: Any) -> Any:
        """What the page is built from."""
        return said(self.current.service.told() | {"token": self.settings.token is not None})

    async def health(self, request: Any) -> Any:
        """That the server runs; what became of the newest file where it was not taken."""
        told = {"status": "ok", "version": self.current.service.version}
        return said(told | ({"refused": self.current.refused} if self.current.refused else {}))

    async def is_ready(self, request: Any) -> Any:
        """Whether requests are taken."""
        return said({"ready": self.ready}, status=200 if self.ready else 503)

    async def counts(self, request: Any) -> Any:
        """Counts for Prometheus."""
        from starlette.responses import PlainTextResponse

        one = self.current.service
        text = self.metrics.text(waiting=self.batcher.rows, task=one.task, model=one.model, version=one.version)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def said(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Any:
    """A JSON response."""
    from starlette.responses import JSONResponse

    return JSONResponse(value, status_code=status, headers=headers)


def shown(name: str) -> Any:
    """A page as a response."""
    from starlette.responses import HTMLResponse

    return HTMLResponse(page(name), headers=HEADERS)


async def refusals(request: Any, error: Any) -> Any:
    """The response to a refusal: ours with its own status, one of the data's contract as 422."""
    if not isinstance(error, Refused):
        error = Refused(422, "invalid_input", str(error))
    return said(error.body(), status=error.status, headers=error.headers)


async def other_refusals(request: Any, error: Any) -> Any:
    """The response to what the framework refuses: unknown paths and methods."""
    words = {404: "there is nothing here; see /docs", 405: f"{request.method} is not taken here; see /docs"}
    message = words.get(error.status_code, str(error.detail))
    codes = {404: "not_found", 405: "wrong_method"}
    refused = Refused(error.status_code, codes.get(error.status_code, "refused"), message)
    return said(refused.body(), status=error.status_code, headers=dict(error.headers or {}))


def run(
    model: Any,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    grace: int = 30,
    started: Callable[[str], object] | None = None,
    **limits: Any,
) -> None:
    """Serve a fitted estimator, or a saved one by its path, until the process is told to stop.

    Only this machine can reach the server unless `host` says otherwise ("0.0.0.0" is everybody). SIGTERM and Ctrl-C
    end it once it has answered what it took, for which it has `grace` seconds. `started` is called with the address
    once there is an answer; port 0 takes a free one.
    """
    app = app_of(model, **limits)
    import uvicorn

    place = listening(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{place.getsockname()[1]}/"

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started and started is not None:
                started(address)

    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=grace, lifespan="on", server_header=False
    )
    with place:
        Server(config).run(sockets=[place])


def listening(host: str, port: int) -> socket.socket:
    """A socket at an address, or a refusal that says what is wrong with it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    place = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, or asyncio leaves Nagle's wait on
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((host, port))
        place.listen(2048)
    except (OSError, OverflowError) as error:
        place.close()
        why = getattr(error, "strerror", None) or str(error)
        raise SettingError(f"cannot listen on {host}, port {port}: {why}; choose another host or port") from error
    return place
