"""The learning rate range test: what each rate does to the loss, from a few steps of training that leave no trace."""

import math

import torch

from ..data.rows import Rows
from ..errors import SettingError
from .randomness import kept_random
from .schedules import Schedule
from .trainer import Trainer

SMOOTHING = 0.9  # of the average of losses, in which one window counts little
BLOWUP = 4.0  # times the least average at which the test ends


def rate_range(
    trainer: Trainer, rows: Rows, *, low: float = 1e-6, high: float = 10.0, steps: int = 100
) -> tuple[list[float], list[float]]:
    """Rates that grow by one factor from `low` to `high`, one a step, and the averaged loss at each.

    It ends early where the loss explodes. The trainer is afterwards as it was before.

    Source: Smith 2017, section 3.3; averages corrected as Adam's are.
    """
    first = next(iter(trainer.optimizers.values()), None)
    if first is None or not first.scheduled or not first.lr:
        what = "this model learns without an optimizer" if first is None else f"optimizer {first.name!r} has no rate"
        raise SettingError(f"{what}, so there is none to find; choose an optimizer with a rate, such as 'adam'")
    if not 0 < low < high or steps < 2:
        raise SettingError(f"low is above 0 and below high, steps at least 2; got {low}, {high} and {steps}")
    before, schedule, trainer.rows = trainer.state_dict(), trainer.schedule, rows
    with torch.no_grad(), kept_random(trainer.device):
        trainer.objective.train()
        try:
            return _climb(trainer, rows, [low * (high / low) ** (i / (steps - 1)) for i in range(steps)], first.lr)
        finally:
            trainer.schedule = schedule
            trainer.load_state_dict(before)


def _climb(trainer: Trainer, rows: Rows, rates: list[float], base: float) -> tuple[list[float], list[float]]:
    name, average, averages = next(iter(trainer.optimizers)), 0.0, list[float]()
    if trainer.step == 0:
        trainer.start(rows)
    while len(averages) < len(rates):
        if trainer.step >= trainer.steps:
            trainer.step = 0  # a short plan is gone through again
        for window in trainer.windows(rows):
            rate = rates[len(averages)]
            trainer.schedule = Schedule(lambda progress, rate=rate: rate / base)  # type: ignore[misc]
            trainer.train_step(window)
            loss = float(trainer.losses[name].values[-1])
            for losses in trainer.losses.values():
                losses.clear()
            average = SMOOTHING * average + (1 - SMOOTHING) * loss
            corrected = average / (1 - SMOOTHING ** (len(averages) + 1))
            if not math.isfinite(corrected) or (averages and corrected > BLOWUP * min(averages)):
                return rates[: len(averages)], averages
            averages.append(corrected)
            if len(averages) == len(rates):
                break
    return rates, averages


def steepest(rates: list[float], losses: list[float], *, span: int = 1, skip: int = 0) -> float:
    """The rate in the middle of the `span` steps over which the loss falls most, before it is least.

    The first `skip` averages are of few windows, and their falls say little.

    >>> steepest([0.001, 0.01, 0.1, 1.0], [1.0, 0.9, 0.4, 0.3])
    0.01
    """
    end = losses.index(min(losses[skip:]), skip)
    span = max(1, min(span, end - skip))
    falls = [losses[i + span] - losses[i] for i in range(skip, end - span + 1)]
    return rates[skip + falls.index(min(falls)) + span // 2] if falls else rates[end]
