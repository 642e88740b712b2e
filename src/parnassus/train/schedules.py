"""Schedules: pure functions of progress in [0, 1) to a factor for the learning rate; nothing to save."""

import math
from collections.abc import Callable

from ..errors import SettingError
from ..registry import schedule

Factor = Callable[[float], float]


def _warmed(factor: Factor, warmup: float) -> Factor:
    """A linear rise over the first `warmup` of training, then `factor` over the rest."""
    if not 0 <= warmup < 1:
        raise SettingError(f"warmup is a fraction of training in [0, 1); got {warmup}")

    def warmed(progress: float) -> float:
        return progress / warmup if progress < warmup else factor((progress - warmup) / (1 - warmup))

    return warmed


@schedule.register()
def constant(*, warmup: float = 0.0) -> Factor:
    """The same rate throughout, after a linear rise over `warmup`."""
    return _warmed(lambda progress: 1.0, warmup)


@schedule.register()
def cosine(*, warmup: float = 0.0, floor: float = 0.0) -> Factor:
    """Half a cosine from 1 down to `floor`. Source: Loshchilov and Hutter 2017, without restarts."""
    return _warmed(lambda progress: floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2, warmup)


@schedule.register()
def linear(*, warmup: float = 0.0, floor: float = 0.0) -> Factor:
    """A straight line from 1 down to `floor`."""
    return _warmed(lambda progress: 1 - (1 - floor) * progress, warmup)


@schedule.register()
def step(*, every: float = 0.3, gamma: float = 0.1, warmup: float = 0.0) -> Factor:
    """Times `gamma` after each `every` of training."""
    if every <= 0:
        raise SettingError(f"schedule 'step': every is a fraction of training above 0; got {every}")
    return _warmed(lambda progress: gamma ** int(progress / every), warmup)


@schedule.register()
def exponential(*, floor: float = 0.01, warmup: float = 0.0) -> Factor:
    """A geometric fall from 1 to `floor` over the whole of training."""
    return _warmed(lambda progress: floor**progress, warmup)
