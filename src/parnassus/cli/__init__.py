"""The command `parnassus`: thin calls of the estimators.

Exit codes: 0 done, 1 a check failed, 2 a mistake in what was asked (one line says what, where and what to do), 130
interrupted, 70 a fault of this program's own. Nothing heavy is imported before a command needs it.
"""

import os
import random
import sys
import traceback
from collections.abc import Sequence

from ..errors import ParnassusError
from .console import note, spoken, warnings_in_a_line
from .together import first_alone_speaks, speaks

DONE, FAILED, MISTAKE, FAULT, INTERRUPTED = 0, 1, 2, 70, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (the process's own, unless another is given); returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug = bool(os.environ.get("PARNASSUS_DEBUG"))
    drawn = random.getstate()  # the import of rich, which cyclopts writes with, draws from it
    try:
        with warnings_in_a_line(), first_alone_speaks():
            return run(words)
    except KeyboardInterrupt:
        note("parnassus: interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read standard output has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # the flush at exit must find something open
        return DONE
    except ParnassusError as error:
        return _mistaken(spoken(str(error)), debug) if speaks(error) else MISTAKE
    except OSError as error:
        if not speaks(error):
            return FAULT
        if error.filename is None:
            return _faulted()
        return _mistaken(f"{os.fspath(error.filename)}: {error.strerror}; look at the path and its rights", debug)
    except Exception as error:
        return _faulted() if speaks(error) else FAULT
    finally:
        random.setstate(drawn)


def run(words: list[str]) -> int:
    """Parse and run; errors pass through, but for those of the command line itself."""
    from cyclopts import CycloptsError

    from .commands import application
    from .training import joined

    words = joined(words)
    try:
        code = application(words)(words, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return _mistaken(f"{str(error).rstrip('.')}; see {commanded(words)} --help", False)
    return code if isinstance(code, int) else DONE


def commanded(words: Sequence[str]) -> str:
    """The command that words begin with, as far as there is one."""
    from .commands import NAMES
    from .machines import SHORT
    from .settings import tasks

    found = ["parnassus", *(w for w in words[:1] if w in NAMES)]
    if found[1:] in (["train"], ["tune"]):
        found += [w for w in words[1:2] if w.replace("-", "_") in (*tasks(), *SHORT)]
    return " ".join(found)


def _mistaken(message: str, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    note(f"parnassus: {message}")
    return MISTAKE


def _faulted() -> int:
    traceback.print_exc()
    note("parnassus: this is a fault of parnassus, not yours; please report it with the lines above and the command")
    return FAULT
