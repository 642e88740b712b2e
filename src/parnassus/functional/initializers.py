"""How wide first weights should be drawn: fans of a weight, and the scale that each author gives.

A weight is (out, in, ...): `fan_in` inputs feed a unit, `fan_out` units are fed by an input, both times the size of a
kernel. The builders that fill weights by name are in `layers.initialization`.
"""

import math

from torch import Tensor


def fans(weight: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (out, in, ...).

    >>> import torch
    >>> fans(torch.empty(50, 100)), fans(torch.empty(8, 3, 5, 5))
    ((100, 50), (75, 200))
    """
    field = weight[0, 0].numel()
    return weight.shape[1] * field, weight.shape[0] * field


def fan_in_std(n_in: int) -> float:
    """1 / sqrt(n_in): outputs as spread as the inputs, for units that are linear near 0 (tanh).

    Drawn from a normal law it is LeCun's rule, which Martinez-Ramon calls Xavier. Jaiswal's "Xavier" (and torch's
    default) draws from U(-1 / sqrt(n_in), 1 / sqrt(n_in)), whose standard deviation is smaller by sqrt(3): one name,
    three laws, of which Glorot's own is `glorot_std`.

    Systems: xavier-fan-in
    Source: LeCun et al. 1998; Martinez-Ramon 2.2.2, Jaiswal J11 and J62 (F21).

    >>> round(fan_in_std(784), 6)
    0.035714
    """
    return 1 / math.sqrt(n_in)


def glorot_std(n_in: int, n_out: int) -> float:
    """sqrt(2 / (n_in + n_out)): between what outputs and what gradients ask for.

    Systems: glorot-init
    Source: Glorot and Bengio 2010; Martinez-Ramon 2.2.2, Jaiswal J63.

    >>> round(glorot_std(40, 10), 6)
    0.2
    """
    return math.sqrt(2 / (n_in + n_out))


def he_std(n_in: int) -> float:
    """sqrt(2 / n_in): ReLU stops half of the square, so the variance is doubled. (GoogLeNet's "Xavier / 2" is this.)

    Systems: he-init
    Source: He et al. 2015; Martinez-Ramon 2.2.2, Jaiswal J64 (F28).

    >>> round(he_std(100), 6)
    0.141421
    """
    return math.sqrt(2 / n_in)


def logistic_std(n_in: int) -> float:
    """3.6 / sqrt(n_in), for logistic units: their slope is at most 1/4.

    Systems: logistic-gaussian-init
    Source: Jaiswal J60.

    >>> round(logistic_std(100), 6)
    0.36
    """
    return 3.6 / math.sqrt(n_in)


def negative_mean(n_in: int) -> float:
    """max(-1, -8 / n_in): the mean of weights that keeps deep logistic units out of their flat half.

    A unit's inputs are outputs of logistic units, near 1/2, so with a mean of -8 / n the sum is near -4 at first.

    Systems: yilmaz-poli-init
    Source: Yilmaz and Poli 2022; Jaiswal J61.

    >>> [negative_mean(n) for n in (8, 10, 16, 100)]
    [-1.0, -0.8, -0.5, -0.08]
    """
    return max(-1.0, -8 / n_in)


def uniform_bound(std: float) -> float:
    """sqrt(3) std: U(-b, b) has that standard deviation, so Glorot's bound is sqrt(6 / (n + m)).

    >>> round(uniform_bound(glorot_std(40, 10)), 7)
    0.3464102
    """
    return math.sqrt(3) * std
