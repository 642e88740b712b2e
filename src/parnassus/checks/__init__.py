"""Checks against outside oracles, run by pytest and by `parnassus verify`; one file a family.

A check is a function that returns measured differences from something this project did not write: a named package
with the same weights, a closed form, a published count, a number in a book.
"""

import functools
import importlib.metadata
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from ..errors import SettingError, did_you_mean
from ..imports import load_all
from ..systems import systems

Verdict = Literal["agrees", "differs", "not installed"]


@dataclass(frozen=True)
class Check:
    """One comparison: the systems it verifies, the oracle, and how far apart the two may be."""

    systems: tuple[str, ...]
    name: str
    oracle: str
    tolerance: float
    run: Callable[[], float]

    @property
    def summary(self) -> str:
        """What is compared, in one line."""
        return (self.run.__doc__ or "").partition("\n")[0]


@dataclass(frozen=True)
class Result:
    """What a check measured; `difference` is None where the oracle is not installed."""

    check: Check
    version: str
    difference: float | None
    verdict: Verdict


_CHECKS: list[Check] = []


def check(*ids: str, oracle: str, tolerance: float) -> Callable[[Callable[[], float]], Callable[[], float]]:
    """Decorator: a function that returns the largest difference from `oracle`.

    The oracle is the name of a distribution ("scikit-learn"), which must be installed, or words in parentheses
    ("(closed form)", "(published)", "(book)"), which need nothing.
    """

    def enter(run: Callable[[], float]) -> Callable[[], float]:
        for name in ids:
            if name not in systems():
                raise ValueError(f"check {run.__name__}: {name!r} is no system; {did_you_mean(name, systems())}")
        _CHECKS.append(Check(ids, run.__name__, oracle, tolerance, _kept(run)))
        return run

    return enter


def gap(found: Any, wanted: Any) -> float:
    """The largest difference of two numbers, arrays or tensors; infinite for NaN, and for arrays of other shapes."""
    own, due = _arrays(found, wanted)
    if own.ndim and due.ndim and own.shape != due.shape:
        return float("inf")
    away = np.abs(own - due)
    return float(np.where(np.isnan(away), np.inf, away).max(initial=0.0))


def relative_gap(found: Any, wanted: Any) -> float:
    """The largest difference as a share of what was due there; infinite as `gap` is, and where nothing was due."""
    own, due = _arrays(found, wanted)
    if own.ndim and due.ndim and own.shape != due.shape:
        return float("inf")
    with np.errstate(divide="ignore", invalid="ignore"):
        return gap(own / due, 1)


def _arrays(found: Any, wanted: Any) -> tuple[np.ndarray, np.ndarray]:
    own, due = (np.asarray(x.detach().cpu() if isinstance(x, torch.Tensor) else x) for x in (found, wanted))
    return own, due.astype(np.result_type(due, float))


def _kept(run: Callable[[], float]) -> Callable[[], float]:
    """The same from fixed random states, for oracles draw from them, and with the process's own as they were."""

    @functools.wraps(run)
    def work() -> float:
        ours, numpys, pythons = torch.get_rng_state(), np.random.get_state(), random.getstate()
        try:
            torch.manual_seed(0)
            np.random.seed(0)
            random.seed(0)
            return run()
        finally:
            torch.set_rng_state(ours)
            np.random.set_state(numpys)
            random.setstate(pythons)

    return work


def all_checks() -> list[Check]:
    """Every check; the modules of this package are walked, so there is no list to edit."""
    load_all(__name__)
    return sorted(_CHECKS, key=lambda c: (c.systems, c.name))


def selected(what: str = "all") -> list[Check]:
    """The checks of a family, of a system, of a check's name, or all."""
    checks = all_checks()
    if what == "all":
        return checks
    chosen = [c for c in checks if what == c.name or any(what in (s, systems()[s].family) for s in c.systems)]
    if not chosen:
        known = {c.name for c in checks} | {s for c in checks for s in c.systems}
        known |= {systems()[s].family for c in checks for s in c.systems}
        raise SettingError(f"no check for {what!r}; {did_you_mean(what, known)}")
    return chosen


def version_of(oracle: str) -> str | None:
    """The installed version of an oracle; "" where it needs none, None where it is absent."""
    if oracle.startswith("("):
        return ""
    try:
        return importlib.metadata.version(oracle)
    except importlib.metadata.PackageNotFoundError:
        return None


def verify(what: str = "all") -> Iterator[Result]:
    """Run checks one by one."""
    for one in selected(what):
        version = version_of(one.oracle)
        if version is None:
            yield Result(one, "", None, "not installed")
            continue
        difference = float(one.run())
        yield Result(one, version, difference, "agrees" if difference <= one.tolerance else "differs")
