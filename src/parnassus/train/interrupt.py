"""Ctrl-C, and what ends a process by request, between two steps instead of inside one."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Interrupt:
    """Whether the user asked to stop."""

    def __init__(self) -> None:
        self.asked = False
        self.ending = False


@contextmanager
def deferred_interrupt(*, ending: bool = True) -> Iterator[Interrupt]:
    """The first Ctrl-C sets `asked`, so that the step under way ends whole; the second interrupts at once.

    SIGTERM, by which schedulers end a process, sets it too where `ending`, and the process ends with the block. A
    program's own handlers of either stay in place.
    """
    interrupt = Interrupt()
    held = {signal.SIGINT: signal.default_int_handler} | ({signal.SIGTERM: signal.SIG_DFL} if ending else {})
    ours = threading.current_thread() is threading.main_thread()
    held = {number: usual for number, usual in held.items() if ours and signal.getsignal(number) is usual}

    def ask(number: int, frame: Any) -> None:
        interrupt.asked = True
        interrupt.ending = number == signal.SIGTERM
        signal.signal(number, held[signal.Signals(number)])

    for number in held:
        signal.signal(number, ask)
    try:
        yield interrupt
    finally:
        for number, usual in held.items():
            signal.signal(number, usual)
        if interrupt.ending:
            print("parnassus: ended by SIGTERM after a whole step; a run with a folder can be resumed", file=sys.stderr)
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGTERM)
