"""Requests that come one by one, answered together: a queue, one thread for the model, and a limit on what waits."""

import asyncio
import contextlib
import logging
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from ..errors import DataWarning, ParnassusError
from .metrics import Metrics
from .refusal import Refused
from .settings import Settings

LOG = logging.getLogger("parnassus.serve")
Work = Callable[[list[Any]], list[Any]]


class Waiting:
    """The inputs of one request, and the place for its answers."""

    def __init__(self, work: Work, items: list[Any], answers: "asyncio.Future[list[Any]]", since: float) -> None:
        self.work, self.items, self.answers, self.since = work, items, answers, since


class Batcher:
    """Gathers what waits into one call of the model.

    A request waits at most `max_wait_ms` for others, and not at all when none is on its way: `coming` counts those
    whose bodies are being read. While the model works, what comes piles up and is answered together next, so that
    under load batches form without any waiting. One thread runs the model: global random states and thread counts
    that it sets for a call are never seen by another.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings, self.metrics = settings, metrics
        self.queue: deque[Waiting] = deque()
        self.rows = self.coming = 0
        self.closing = self.busy = False
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self.news = asyncio.Event()
        self.task: asyncio.Task | None = None

    def start(self) -> None:
        """Begin to answer; called inside the running loop."""
        self.task = asyncio.create_task(self._work())

    async def submit(self, work: Work, items: list[Any]) -> list[Any]:
        """The answers to a request's inputs, in order; refused when the queue is full or time is up."""
        if self.closing:
            raise Refused(
                503, "stopping", "the server is stopping; send the request again", headers={"Retry-After": "1"}
            )
        if len(items) > self.settings.max_queue:
            raise Refused(
                413,
                "too_many_inputs",
                f"{len(items):,} inputs are more than the {self.settings.max_queue:,} that may wait",
            )
        if self.rows + len(items) > self.settings.max_queue:
            told = f"{self.rows:,} inputs wait already, and {self.settings.max_queue:,} are the most; try again later"
            raise Refused(503, "queue_full", told, headers={"Retry-After": "1"})
        loop = asyncio.get_running_loop()
        one = Waiting(work, items, loop.create_future(), loop.time())
        self.queue.append(one)
        self.rows += len(items)
        self.news.set()
        try:
            async with asyncio.timeout(self.settings.timeout):
                return await one.answers
        except TimeoutError:
            told = f"no answer within {self.settings.timeout:g} s; send fewer inputs, or try again later"
            raise Refused(504, "timeout", told) from None

    async def apart(self, call: Callable[..., Any], *given: Any) -> Any:
        """Run something else in the model's thread, between two batches."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, call, *given)

    async def close(self) -> None:
        """Take nothing more, answer what was taken, and end."""
        self.closing = True
        while self.queue or self.busy:
            await asyncio.sleep(0.005)
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task
        self.thread.shutdown()

    # --- the loop ---------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            while not self.queue:
                self.news.clear()
                await self.news.wait()
            self.busy = True
            await self._others()
            batch = self._taken()
            if batch:
                await self._answer(batch)
            self.busy = bool(self.queue)

    async def _others(self) -> None:
        """Wait for the requests that are on their way, within the limits."""
        loop = asyncio.get_running_loop()
        end = self.queue[0].since + self.settings.max_wait_ms / 1000
        while self.coming and self.rows < self.settings.max_batch and (left := end - loop.time()) > 0:
            self.news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.news.wait(), left)

    def _taken(self) -> list[Waiting]:
        """The next requests of one work, as many as a batch holds, and one at least."""
        batch: list[Waiting] = []
        n = 0
        while self.queue:
            one = self.queue[0]
            if batch and (one.work != batch[0].work or n + len(one.items) > self.settings.max_batch):
                break
            self.queue.popleft()
            self.rows -= len(one.items)
            if not one.answers.done():  # else its client was told that time is up
                batch.append(one)
                n += len(one.items)
        return batch

    async def _answer(self, batch: list[Waiting]) -> None:
        self.metrics.batch(sum(len(one.items) for one in batch))
        found = await self.apart(answered, [(one.work, one.items) for one in batch])
        for one, answer in zip(batch, found, strict=True):
            if one.answers.done():
                continue
            if isinstance(answer, BaseException):
                one.answers.set_exception(answer)
            else:
                one.answers.set_result(answer)


def answered(batch: list[tuple[Work, list[Any]]]) -> list[Any]:
    """For each request its answers or its error; where all together fail, each is tried by itself."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        if len(batch) > 1:
            together = _tried(batch[0][0], [item for _, items in batch for item in items])
            if not isinstance(together, BaseException):
                rest = iter(together)
                return [[next(rest) for _ in items] for _, items in batch]
        return [_tried(work, items) for work, items in batch]


def _tried(work: Work, items: list[Any]) -> Any:
    """Answers, or the error that stands in their place: it is the request's own, and must not end the thread's work."""
    try:
        answers = work(items)
        if len(answers) != len(items):
            raise RuntimeError(f"{len(items)} inputs were given {len(answers)} answers")
        return answers
    except ParnassusError as error:
        return error
    except Exception as error:
        LOG.debug("a batch failed", exc_info=True)
        return error
