"""How many threads torch's operators and the compiled loops may take."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_before: ContextVar[int] = ContextVar("threads_before", default=1)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch inside (also as a decorator): for steps so small that threads would wait for each other.

    Compiled loops, which share out large pieces and wait for no thread that is late, keep what `n_threads` says.
    """
    before = torch.get_num_threads()
    token = _before.set(max(before, _before.get()))
    if before > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if before > 1:
            torch.set_num_threads(before)
        _before.reset(token)


def n_threads() -> int:
    """The threads that a compiled loop may take: torch's, or what they were before `one_thread`."""
    return max(torch.get_num_threads(), _before.get())
