"""How a recurrent step is laid out over time: what goes in, what is asked, and what the next step is given.

A step takes inputs (batch, ...) and a state and gives an output and the next state; `None` is the input of a step that
has none. What a net writes can be given back to it as the truth (teacher forcing), as its own answer (free running), or
as either by chance (scheduled sampling).
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..errors import SettingError

Output = TypeVar("Output")
Step = Callable[[Any, Any], tuple[Output, Any]]


def unroll(
    step: Step[Output], first: Any, state: Any, n_steps: int, following: Callable[[int, Output], Any]
) -> tuple[list[Output], Any]:
    """The outputs of `n_steps` steps and the last state; `following(t, output)` is the input after step t.

    Source: Martinez-Ramon 5.2.2.
    """
    outputs: list[Output] = []
    x = first
    for t in range(n_steps):
        output, state = step(x, state)
        outputs.append(output)
        x = following(t, output) if t < n_steps - 1 else None
    return outputs, state


# --- what goes in and what is asked -----------------------------------------------------------------------------------


def one_to_many(
    step: Step[Output], x: Any, state: Any, n_steps: int, *, fed: Callable[[Output], Any] | None = None
) -> list[Output]:
    """One input, many outputs: later steps have no input (None), or what `fed` makes of the output before.

    With n_steps=1 it is one to one.

    Systems: sequence-io-configs
    Source: Martinez-Ramon 5.2.2; Jaiswal 4.1 (J94: captions); Keras course 6.3.

    >>> one_to_many(lambda x, h: (h, h + (x or 0)), 5, 1, 3)
    [1, 6, 6]
    """
    return unroll(step, x, state, n_steps, lambda t, output: None if fed is None else fed(output))[0]


def many_to_one(step: Step[Output], xs: Iterable[Any], state: Any) -> Output:
    """Many inputs, and the output of the last step.

    Systems: sequence-io-configs
    Source: Martinez-Ramon 5.2.2; Jaiswal 4.1, figs. 4.7 and 4.8 (J101).

    >>> many_to_one(lambda x, h: (h + x, h + x), [1, 2, 3], 0)
    6
    """
    return aligned(step, xs, state)[-1]


def aligned(step: Step[Output], xs: Iterable[Any], state: Any) -> list[Output]:
    """Many inputs, and an output for each.

    Systems: sequence-io-configs
    Source: Martinez-Ramon 5.2.2; Jaiswal 4.1.

    >>> aligned(lambda x, h: (h + x, h + x), [1, 2, 3], 0)
    [1, 3, 6]
    """
    rows = list(xs)
    if not rows:
        raise SettingError("a row without steps has no output; give at least one step")
    return unroll(step, rows[0], state, len(rows), lambda t, _: rows[t + 1])[0]


def encoder_decoder(
    read: Step[Any], write: Step[Output], xs: Iterable[Any], state: Any, first: Any, n_steps: int,
    fed: Callable[[Output], Any],
) -> list[Output]:  # fmt: skip
    """Many inputs, and as many outputs as asked: `read` takes all inputs, `write` begins with its last state.

    Systems: sequence-io-configs
    Source: Martinez-Ramon 5.2.2; Hifny A11.16; Jaiswal J111; Keras course 6.4.

    >>> count = lambda x, h: (h + x, h + x)
    >>> encoder_decoder(count, count, [1, 2, 3], 0, 10, 2, fed=lambda y: y)
    [16, 32]
    """
    for x in xs:
        _, state = read(x, state)
    return free_running(write, first, state, n_steps, fed)


# --- what a net that writes is given ----------------------------------------------------------------------------------


def teacher_forced(step: Step[Output], first: Any, truth: Tensor, state: Any) -> list[Output]:
    """The outputs of a net that is given the true answer before: truth (batch, time, ...), one step each.

    ln p(y | x) = sum_t ln p(y_t | y_1 .. y_(t-1), x), each term of which has the truth behind its bar.

    Systems: teacher-forcing
    Source: Williams and Zipser 1989; Hifny eq. 11.20 (A11.27); Jaiswal 4.5 (J104).

    >>> teacher_forced(lambda x, h: (10 * x, h), torch.tensor([0]), torch.tensor([[1, 2, 3]]), None)
    [tensor([0]), tensor([10]), tensor([20])]
    """
    return unroll(step, first, state, truth.shape[1], lambda t, _: truth[:, t])[0]


def free_running(
    step: Step[Output], first: Any, state: Any, n_steps: int, fed: Callable[[Output], Any]
) -> list[Output]:
    """The outputs of a net that is given its own answer before; `fed` makes an input of an output.

    Systems: free-running
    Source: Hifny 10.7 (A10.11); Jaiswal fig. 4.9 (J105).

    >>> free_running(lambda x, h: (x + h, h), 1, 2, 4, fed=lambda y: y)
    [3, 5, 7, 9]
    """
    return unroll(step, first, state, n_steps, lambda t, output: fed(output))[0]


def scheduled_sampling(
    step: Step[Output], first: Any, truth: Tensor, state: Any, p: float, coins: Tensor, fed: Callable[[Output], Tensor]
) -> list[Output]:
    """As `teacher_forced` where a coin (batch, time) in [0, 1) falls below p, as `free_running` elsewhere.

    Coins fall for each row and step by themselves; the coin of step t decides what step t + 1 is given. p = 1 is
    teacher forcing and p = 0 free running.

    Systems: scheduled-sampling
    Source: Bengio, Vinyals, Jaitly and Shazeer 2015; Jaiswal 4.5.1 (J107), which tells it under another heading.
    """
    if not 0 <= p <= 1:
        raise SettingError(f"p is a probability; got {p}")

    def following(t: int, output: Output) -> Tensor:
        taken = (coins[:, t] < p).view(-1, *(1,) * (truth.ndim - 2))
        return torch.where(taken, truth[:, t], fed(output))

    return unroll(step, first, state, truth.shape[1], following)[0]


# --- how likely the truth is, by the steps of training gone by --------------------------------------------------------


def linear_decay(i: float, *, start: float = 1.0, slope: float = 1e-3, floor: float = 0.0) -> float:
    """max(floor, start - slope i): the probability of the truth after i steps.

    Systems: scheduled-sampling
    Source: Bengio et al. 2015, section 2.4.

    >>> linear_decay(300), linear_decay(2000, floor=0.25)
    (0.7, 0.25)
    """
    return max(floor, start - slope * i)


def exponential_decay(i: float, *, k: float = 0.999) -> float:
    """k^i, k < 1.

    Systems: scheduled-sampling
    Source: Bengio et al. 2015, section 2.4.

    >>> exponential_decay(2, k=0.5)
    0.25
    """
    if not 0 < k < 1:
        raise SettingError(f"k is in (0, 1), so that k^i falls; got {k}")
    return k**i


def inverse_sigmoid_decay(i: float, *, k: float = 1000.0) -> float:
    """k / (k + exp(i / k)), k >= 1: near 1 for a while, 1/2 at i = k ln k.

    Systems: scheduled-sampling
    Source: Bengio et al. 2015, section 2.4.

    >>> round(inverse_sigmoid_decay(0, k=10), 4), round(inverse_sigmoid_decay(10 * math.log(10), k=10), 4)
    (0.9091, 0.5)
    """
    if k < 1:
        raise SettingError(f"k is at least 1; got {k}")
    return k / (k + math.exp(min(i / k, 700.0)))
