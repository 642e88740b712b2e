"""What `torchrun` tells a process of its place among the others; read without torch, so that it may be asked early."""

import multiprocessing
import os
from dataclasses import dataclass

NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Place:
    """A process's number among `size`, its number on its own machine, and how often all were started again."""

    rank: int
    size: int
    local_rank: int
    n_restarts: int = 0


def place() -> Place | None:
    """The place that `torchrun` gave this process; None where it is alone, or was started by one that has a place."""
    held = [os.environ.get(name) for name in NAMES]
    if None in held or multiprocessing.parent_process() is not None:
        return None
    rank, size, local_rank = (int(value or 0) for value in held[:3])
    return Place(rank, size, local_rank, int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))) if size > 1 else None


def is_first() -> bool:
    """Whether this process is the one that prints and writes."""
    here = place()
    return here is None or here.rank == 0
