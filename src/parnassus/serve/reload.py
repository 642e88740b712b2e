"""The model that answers now, and the watch over its file."""

import asyncio
import logging
from pathlib import Path

from ..errors import ParnassusError
from .metrics import Metrics
from .queue import Batcher
from .service import Service, loaded
from .settings import Settings

LOG = logging.getLogger("parnassus.serve")
Stamp = tuple[int, int, int]


class Current:
    """The service that answers; another takes its place once it was loaded and tried.

    `refused` is why the newest file was not taken, or None.
    """

    def __init__(self, service: Service, path: Path | None = None) -> None:
        self.service, self.path = service, path
        self.refused: str | None = None
        self.seen = stamp_of(path) if path is not None else None

    async def watch(self, settings: Settings, batcher: Batcher, metrics: Metrics) -> None:
        """Look at the file again and again."""
        while self.path is not None and settings.watch:
            await asyncio.sleep(settings.watch)
            stamp = stamp_of(self.path)
            if stamp == self.seen:
                continue
            self.seen = stamp
            if stamp is None:
                self.refused = f"{self.path} is no longer there; version {self.service.version} goes on"
            else:
                await self.renew(settings, batcher, metrics)

    async def renew(self, settings: Settings, batcher: Batcher, metrics: Metrics) -> None:
        """Load and try the file, in the model's thread, where it cannot meet a batch; keep the old one if it fails."""
        try:
            service = await batcher.apart(loaded, self.path, settings)
        except Exception as error:  # whatever is wrong with the new file, the old model goes on
            self.refused = str(error) if isinstance(error, ParnassusError) else f"{type(error).__name__}: {error}"
            metrics.reload("refused")
            LOG.warning("%s is not taken, and version %s goes on: %s", self.path, self.service.version, self.refused)
            return
        self.refused = None
        if service.version == self.service.version:
            return
        LOG.warning("version %s takes the place of %s", service.version, self.service.version)
        self.service = service
        metrics.reload("taken")


def stamp_of(path: Path) -> Stamp | None:
    """What changes when a file does; None while it is absent."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
