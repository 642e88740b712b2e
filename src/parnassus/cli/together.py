"""One voice where `torchrun` started several processes: the first speaks, and of failures whoever failed first."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from ..train.environment import is_first, place


@contextmanager
def first_alone_speaks() -> Iterator[None]:
    """Inside, nothing that another process than the first prints is seen."""
    if is_first():
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def speaks(error: BaseException) -> bool:
    """Whether this process is to say what went wrong; one that fails because another is gone has nothing to add."""
    if place() is None:
        return True
    from ..train.distributed import GONE, gone
    from ..train.distributed import speaks as first_to_fail

    if not first_to_fail(error):
        return False
    if gone(error):
        print(GONE, file=sys.stderr, flush=True)
        return False
    return True
