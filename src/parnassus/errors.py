"""The errors a user meets, and the words they share."""

import difflib
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any


class ParnassusError(Exception):
    """Whatever goes wrong on purpose: the message says what, where, what was expected, and the next step."""


class DataError(ParnassusError, ValueError):
    """The data break a contract: names the row, column, file or box, what was expected, what came, what to do."""


class SettingError(ParnassusError, ValueError):
    """A setting cannot be met: an unknown name or option, a value out of range, parts that do not go together."""


class FileError(ParnassusError, OSError):
    """A file cannot be read or written: names it and says why."""


class MissingExtra(ParnassusError, ImportError):
    """An optional package is needed and absent: says which extra to install."""


class Diverged(ParnassusError, ArithmeticError):
    """A loss left the finite numbers: says which phase and step, which rows or layer, and what to try."""


class DataWarning(UserWarning):
    """The data look wrong in a way that does not stop the work: leaks, duplicates, columns that say nothing."""


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """The nearest known names, or all of them, as the end of a sentence."""
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, n=3)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    return f"choose one of {', '.join(known)}" if known else "there are none"


def check_count(name: str, value: Any, *, least: int = 1) -> int:
    """A whole number of at least `least`; anything else is refused by name."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise SettingError(f"{name} is a whole number of at least {least}; got {value!r}")
    return int(value)


def check_level(value: Any) -> float:
    """The share that an interval or a set is to hold, a number between 0 and 1; anything else is refused."""
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < float(value) < 1:
        raise SettingError(f"level is a share between 0 and 1, such as 0.9; got {value!r}")
    return float(value)


def missing_extra(package: str, extra: str, why: str) -> MissingExtra:
    """The error for an optional package that is not installed."""
    return MissingExtra(f"{why} needs the package {package!r}; install it with: pip install 'parnassus[{extra}]'")
