"""Exponential smoothing by error correction over many candidates, and the slopes of its squared errors.

A candidate is a row alpha, beta, gamma, phi, level, trend, season...: weights, and states before the first step.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ... import kernels

Floats = NDArray[np.float64]
STATES = 6  # where the states of the season begin in a row


class Steps(NamedTuple):
    """What each step was forecast from: l + phi b, b and s before it, and its error."""

    before: list[float]
    trend: list[float]
    season: list[float]
    error: list[float]


def run_smoothing(values: Floats, rows: Floats, *, multiply: bool) -> tuple[Floats, Floats]:
    """One-step forecasts (rows, time) of a series (time,), and the rows with the states after the last step.

    A forecast that leaves all bounds is infinite or NaN from there on. The compiled loop serves where there is one.
    """
    kernel = kernels.load("smoothing")
    if kernel is None:
        return run_slowly(values, rows, multiply=multiply)
    fitted, last = np.empty((len(rows), len(values))), np.empty_like(rows)
    kernel.run(*map(torch.from_numpy, (values, rows)), multiply, *map(torch.from_numpy, (fitted, last)))
    return fitted, last


def smoothing_slopes(values: Floats, rows: Floats, *, multiply: bool) -> tuple[Floats, Floats]:
    """Sums of squared one-step errors (rows,), and their slopes by every number of a row (rows, 6 + season)."""
    kernel = kernels.load("smoothing")
    if kernel is None:
        return slopes_slowly(values, rows, multiply=multiply)
    losses, slopes = np.empty(len(rows)), np.empty_like(rows)
    kernel.slopes(*map(torch.from_numpy, (values, rows)), multiply, *map(torch.from_numpy, (losses, slopes)))
    return losses, slopes


def run_slowly(values: Floats, rows: Floats, *, multiply: bool) -> tuple[Floats, Floats]:
    """The twin of `run_smoothing`, one step after another."""
    fitted, last = np.empty((len(rows), len(values))), rows.copy()
    for i, row in enumerate(rows.tolist()):
        steps, states = _forth(values.tolist(), row, multiply)
        fitted[i] = values - steps.error
        last[i, 4:] = states
        last[i, STATES:] = np.roll(last[i, STATES:], -(len(values) % (len(row) - STATES)))
    return fitted, last


def slopes_slowly(values: Floats, rows: Floats, *, multiply: bool) -> tuple[Floats, Floats]:
    """The twin of `smoothing_slopes`: the chain rule from the last step to the first."""
    losses, slopes = np.empty(len(rows)), np.empty_like(rows)
    for i, row in enumerate(rows.tolist()):
        steps, _ = _forth(values.tolist(), row, multiply)
        losses[i] = sum(e * e for e in steps.error)
        slopes[i] = _back(steps, row, multiply)
    return losses, slopes


def _forth(values: list[float], row: list[float], multiply: bool) -> tuple[Steps, list[float]]:
    """Every step, and the states after the last one."""
    alpha, beta, gamma, phi, level, trend = row[:STATES]
    season, m = row[STATES:], len(row) - STATES
    steps = Steps([], [], [], [])
    for t, value in enumerate(values):
        before, s = level + phi * trend, season[t % m]
        error = value - (before * s if multiply else before + s)
        for kept, number in zip(steps, (before, trend, s, error), strict=True):
            kept.append(number)
        season[t % m] = s + gamma * (_ratio(error, before) if multiply else error)
        push = _ratio(error, s) if multiply else error
        level, trend = before + alpha * push, phi * trend + alpha * beta * push
    return steps, [level, trend, *season]


def _back(steps: Steps, row: list[float], multiply: bool) -> list[float]:
    """Slopes of the sum of squared errors; `by_x` is that by x as it is after the step that is undone next."""
    alpha, beta, gamma, phi = row[:4]
    m, by_level, by_trend = len(row) - STATES, 0.0, 0.0
    by_season, by_weights = [0.0] * m, [0.0] * 4
    for t, (before, trend, s, error) in reversed(list(enumerate(zip(*steps, strict=True)))):
        held, push = by_season[t % m], _ratio(error, s) if multiply else error
        share = _ratio(error, before) if multiply else error
        moved = by_level + beta * by_trend
        by_weights[0] += moved * push
        by_weights[1] += alpha * by_trend * push
        by_weights[2] += held * share
        if multiply:
            by_error = 2 * error + _ratio(alpha * moved, s) + _ratio(held * gamma, before)
            by_season[t % m] = held - by_error * before - _ratio(alpha * moved * push, s)
            by_level += -by_error * s - _ratio(held * gamma * share, before)
        else:
            by_error = 2 * error + alpha * moved + held * gamma
            by_season[t % m] = held - by_error
            by_level -= by_error
        by_trend += by_level
        by_weights[3] += by_trend * trend
        by_trend *= phi
    return [*by_weights, by_level, by_trend, *by_season]


def _ratio(above: float, below: float) -> float:
    """above / below, NaN where Python would stop."""
    return above / below if below else float("nan")
