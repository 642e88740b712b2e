"""Schedules: what the learning rate is multiplied by, as a function of progress in [0, 1); nothing to save.

Most depend on progress alone, so that a run of another length has the same shape. Those whose laws are stated in
steps or epochs are told the timetable before the first step. One that watches is shown the whole history at each
epoch's end and on resume, and finds its factor from that.

Systems: lr-schedules
Source: Jaiswal J17, Keras course K51, Baker A058, Martinez-Ramon 5.7, 6.3, 8.7 and 8.9.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from ..errors import SettingError
from ..registry import schedule
from .timetable import Timetable

Factor = Callable[[float], float]


class Schedule:
    """A factor by progress; `law` is the plain function, and a subclass may learn of the timetable and the history."""

    def __init__(self, law: Factor) -> None:
        self.law = law

    def __call__(self, progress: float) -> float:
        return self.law(progress)

    def begin(self, timetable: Timetable) -> None:
        """Hears how many steps and epochs there will be."""

    def observe(self, history: Sequence[Mapping[str, float]]) -> None:
        """Sees all epochs so far."""


def _warmed(factor: Factor, warmup: float) -> Schedule:
    """A linear rise over the first `warmup` of training, then `factor` over the rest."""
    if not 0 <= warmup < 1:
        raise SettingError(f"warmup is a fraction of training in [0, 1); got {warmup}")

    def warmed(progress: float) -> float:
        return progress / warmup if progress < warmup else factor((progress - warmup) / (1 - warmup))

    return Schedule(warmed)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SettingError(f"{name} is a number in [{low:g}, {high:g}]; got {value}")


@schedule.register()
def constant(*, warmup: float = 0.0) -> Schedule:
    """The same rate throughout, after a linear rise over `warmup`."""
    return _warmed(lambda progress: 1.0, warmup)


@schedule.register()
def cosine(*, warmup: float = 0.0, floor: float = 0.0) -> Schedule:
    """Half a cosine from 1 down to `floor`. Source: Loshchilov and Hutter 2017, without restarts."""
    return _warmed(lambda progress: floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2, warmup)


@schedule.register()
def restarts(*, n_cycles: int = 3, growth: float = 2.0, warmup: float = 0.0, floor: float = 0.0) -> Schedule:
    """Half cosines from 1 down to `floor`, each `growth` times as long as the one before.

    Source: Loshchilov and Hutter 2017 (SGDR).
    """
    if n_cycles < 1 or growth <= 0:
        raise SettingError(f"restarts: n_cycles is at least 1 and growth above 0; got {n_cycles} and {growth}")
    lengths = [growth**i for i in range(n_cycles)]
    ends = [sum(lengths[: i + 1]) / sum(lengths) for i in range(n_cycles)]

    def law(progress: float) -> float:
        i = next((i for i, end in enumerate(ends) if progress < end), n_cycles - 1)
        within = (progress - (ends[i - 1] if i else 0.0)) / (lengths[i] / sum(lengths))
        return floor + (1 - floor) * (1 + math.cos(math.pi * within)) / 2

    return _warmed(law, warmup)


@schedule.register()
def linear(*, warmup: float = 0.0, floor: float = 0.0) -> Schedule:
    """A straight line from 1 down to `floor`."""
    return _warmed(lambda progress: 1 - (1 - floor) * progress, warmup)


@schedule.register()
def late_linear(*, hold: float = 0.5, warmup: float = 0.0) -> Schedule:
    """1 for the first `hold` of training, then a straight line to 0.

    Source: Zhu et al. 2017: 100 epochs and 100 more; Martinez-Ramon 8.7.1.
    """
    _within("schedule 'late_linear': hold", hold, 0.0, 0.999)
    return _warmed(lambda progress: min(1.0, (1 - progress) / (1 - hold)), warmup)


@schedule.register()
def polynomial(*, power: float = 2.0, warmup: float = 0.0, floor: float = 0.0) -> Schedule:
    """(1 - progress) to a power, from 1 down to `floor`; power 1 is `linear`."""
    return _warmed(lambda progress: floor + (1 - floor) * (1 - progress) ** power, warmup)


@schedule.register()
def step(*, every: float = 0.3, gamma: float = 0.1, warmup: float = 0.0) -> Schedule:
    """Times `gamma` after each `every` of training."""
    if every <= 0:
        raise SettingError(f"schedule 'step': every is a fraction of training above 0; got {every}")
    return _warmed(lambda progress: gamma ** int(progress / every), warmup)


@schedule.register()
def exponential(*, floor: float = 0.01, warmup: float = 0.0) -> Schedule:
    """A geometric fall from 1 to `floor` over the whole of training."""
    return _warmed(lambda progress: floor**progress, warmup)


@schedule.register()
def one_cycle(*, rise: float = 0.3, start: float = 0.04, end: float = 4e-6) -> Schedule:
    """Half a cosine up from `start` to 1 over the first `rise` of training, then one down to `end`.

    lr is then the highest rate. Source: Smith and Topin 2018, with cosines.
    """
    if not 0 < rise < 1:
        raise SettingError(f"schedule 'one_cycle': rise is a fraction of training in (0, 1); got {rise}")

    def law(progress: float) -> float:
        if progress < rise:
            return 1 + (start - 1) * (1 + math.cos(math.pi * progress / rise)) / 2
        return end + (1 - end) * (1 + math.cos(math.pi * (progress - rise) / (1 - rise))) / 2

    return Schedule(law)


class Timed(Schedule):
    """A law of steps or of epochs gone by, each counted from 0, down to a floor."""

    def __init__(self, law: Factor, unit: str, floor: float) -> None:
        super().__init__(law)
        if unit not in ("steps", "epochs"):
            raise SettingError(f"unit is 'steps' or 'epochs'; got {unit!r}")
        self.unit, self.floor, self.timetable = unit, floor, Timetable(1, 1, [(0, 1)])

    def begin(self, timetable: Timetable) -> None:
        self.timetable = timetable

    def __call__(self, progress: float) -> float:
        gone = round(progress * self.timetable.steps, 6)
        return max(self.law(gone if self.unit == "steps" else self.timetable.epoch_at(gone)), self.floor)


@schedule.register()
def decay(
    *, gamma: float = 0.97, every: float = 100.0, unit: str = "steps", shape: str = "smooth", after: float = 0.0,
    floor: float = 0.0,
) -> Schedule:  # fmt: skip
    """Times `gamma` for each `every` steps or epochs once `after` of them are over, never below `floor`.

    `shape="smooth"` is gamma**(t / every), "stairs" is gamma**floor(t / every). The rate of 0.5 * 0.97**(t / 100) is
    the default with lr=0.5; halved every 100 epochs is gamma=0.5, unit="epochs", shape="stairs"; halved every half
    epoch after the fifth adds every=0.5, after=5. Source: Keras course K51; Martinez-Ramon 5.7.5, 8.9.
    """
    if every <= 0 or gamma <= 0 or shape not in ("smooth", "stairs"):
        raise SettingError(
            f"schedule 'decay': every and gamma are above 0, shape is 'smooth' or 'stairs'; got {every}, {gamma}, "
            f"{shape!r}"
        )

    def law(t: float) -> float:
        past = max(t - after, 0.0) / every
        return gamma ** (past if shape == "smooth" else math.floor(past + 1e-9))

    return Timed(law, unit, floor)


@schedule.register()
def inverse_time(*, decay: float = 0.01, unit: str = "steps", floor: float = 0.0) -> Schedule:
    """1 / (1 + decay t), t in steps or epochs: the rate of Robbins and Monro's 1951 conditions."""
    if decay < 0:
        raise SettingError(f"schedule 'inverse_time': decay is at least 0; got {decay}")
    return Timed(lambda t: 1 / (1 + decay * t), unit, floor)


@schedule.register()
def inverse_root(*, warmup: int = 4000, floor: float = 0.0) -> Schedule:
    """A linear rise over `warmup` steps to 1, then sqrt(warmup / t), t counted from 1.

    With lr = (d warmup)^-0.5 it is the Transformer's d^-0.5 min(t^-0.5, t warmup^-1.5). Source: Vaswani et al. 2017,
    section 5.3; Martinez-Ramon 6.3.
    """
    if warmup < 1:
        raise SettingError(f"schedule 'inverse_root': warmup is a number of steps, at least 1; got {warmup}")
    return Timed(lambda t: min((t + 1) / warmup, math.sqrt(warmup / (t + 1))), "steps", floor)


@schedule.register()
def noam(*, width: int = 512, warmup: int = 4000) -> Schedule:
    """width^-0.5 min(t^-0.5, t warmup^-1.5), t counted from 1: with lr=1 the Transformer's own rates.

    Systems: lr-schedules
    Source: Vaswani et al. 2017, section 5.3; Martinez-Ramon 6.3.
    """
    if width < 1 or warmup < 1:
        raise SettingError(f"schedule 'noam': width and warmup are at least 1; got {width} and {warmup}")
    return Timed(lambda t: width**-0.5 * min((t + 1) ** -0.5, (t + 1) * warmup**-1.5), "steps", 0.0)


class Plateau(Schedule):
    """Times `gamma` whenever a measure has not improved for more than `patience` epochs; from all the epochs so far.

    Systems: lr-reduce-on-plateau
    Source: Martinez-Ramon example 4.4.1; Jaiswal J17 and J92.
    """

    def __init__(self, *, gamma: float, patience: int, threshold: float, monitor: str, floor: float) -> None:
        super().__init__(lambda progress: self.factor)
        self.gamma, self.patience, self.threshold, self.monitor = gamma, patience, threshold, monitor
        self.floor, self.factor = floor, 1.0

    def observe(self, history: Sequence[Mapping[str, float]]) -> None:
        less = self.monitor.endswith(("loss", "error"))
        self.factor, best, waited = 1.0, math.inf, 0
        for summary in history:
            value = self._measured(summary) * (1 if less else -1)
            if value < best - abs(best if math.isfinite(best) else 0.0) * self.threshold:
                best, waited = value, 0
            else:
                waited += 1
            if waited > self.patience:
                self.factor, waited = max(self.factor * self.gamma, self.floor), 0

    def _measured(self, summary: Mapping[str, float]) -> float:
        for name in (f"validation_{self.monitor}", self.monitor):
            if name in summary:
                return summary[name]
        raise SettingError(
            f"schedule 'plateau' watches {self.monitor!r}, which is not measured; measured are {', '.join(summary)}"
        )


@schedule.register()
def plateau(
    *, gamma: float = 0.1, patience: int = 10, threshold: float = 1e-4, monitor: str = "loss", floor: float = 0.0
) -> Schedule:
    """Times `gamma` when the validation measure (or the training's) has not improved for `patience` epochs.

    Better by less than the fraction `threshold` is no improvement; patience=0 falls at every epoch that is none.
    """
    _within("schedule 'plateau': gamma", gamma, 0.0, 1.0)
    if patience < 0 or threshold < 0:
        raise SettingError(f"schedule 'plateau': patience and threshold are at least 0; got {patience} and {threshold}")
    return Plateau(gamma=gamma, patience=patience, threshold=threshold, monitor=monitor, floor=floor)
