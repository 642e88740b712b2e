"""Ensembles out of one training: snapshots at the ends of cosine cycles, and the mean of the weights on the way."""

import copy
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..data.rows import batches as batches_of
from ..data.targets import Target
from ..errors import SettingError, check_count
from ..estimators.answers.using import EVALUATED
from ..estimators.base import Estimator
from ..estimators.classifier import Classifier
from ..estimators.fitting.assembly import device_under, placed
from ..estimators.fitting.intake import Examples
from ..estimators.fitting.regularization import regularized
from ..estimators.fitting.training import record_of, threads_for
from ..estimators.protocol import unfitted_on_error
from ..registry import schedule
from ..train.randomness import kept_random
from ..train.trainer import Trainer
from .base import Ensemble
from .members import check_share, copied, part_of

State = dict[str, Tensor]


class Snapshot(Ensemble):
    """The mean of n nets out of one training: the rate falls along a cosine n times, and each low point is kept.

    After each fall the rate jumps back, so that the net leaves the minimum it is in. It costs one training; each cycle
    gets the n-th part of the estimator's `epochs`.

    Parameters
    ----------
    estimator : one of ours, trained by gradients, with schedule="constant": the cosine takes its place.
    n : how many cycles, and members.

    Attributes
    ----------
    members_ : the snapshots, oldest first.

    Source: Huang et al. 2017, equation 2; Loshchilov and Hutter 2017 for the restarts.
    """

    decides = "estimator"

    def __init__(self, estimator: Any, *, n: int = 5) -> None:
        self.estimator, self.n = estimator, n

    def _fit(self, examples: Examples, goal: Target) -> list[Any]:
        n = check_count("n", self.n)
        net = _trainable(self, self.estimator)
        if net.schedule != "constant":
            raise SettingError(
                f"Snapshot has a schedule of its own, cosine cycles; got {net.schedule!r}: leave 'constant'"
            )
        net.set_params(schedule=schedule("restarts", n_cycles=n, growth=1.0))
        states: list[State] = []

        def keep(trainer: Trainer) -> None:
            if trainer.step == -(-trainer.steps * (len(states) + 1) // n):
                states.append(_state(trainer.objective))

        _train(net, part_of(net, examples, goal), keep)
        if len(states) < n:
            raise SettingError(f"{n} cycles need {n} steps or more, and this training has fewer; raise epochs")
        return [_with_state(net, state) for state in states]


class SWA(Ensemble):
    """Stochastic weight averaging: one net whose weights are the mean of those at the last epochs' ends.

    A rate that stays high walks around the floor of a wide valley, and the mean lies nearer its middle. The statistics
    of batch normalisation are those of other weights, so they are taken anew from the training rows. The setting
    `average` of every estimator is the moving average that forgets; this one counts all it sees alike.

    Parameters
    ----------
    estimator : one of ours, trained by gradients. Its schedule is kept: one that ends at 0 leaves nothing to average.
    start : the share of the training after which weights are averaged.

    Attributes
    ----------
    members_ : the net alone.
    n_averaged_ : how many epochs' ends went into it.

    Source: Izmailov et al. 2018, algorithm 1.
    """

    learned = (*Ensemble.learned, "n_averaged_")
    decides = "estimator"

    def __init__(self, estimator: Any, *, start: float = 0.75) -> None:
        self.estimator, self.start = estimator, start

    def _fit(self, examples: Examples, goal: Target) -> list[Any]:
        start = check_share("start", self.start)
        net = _trainable(self, self.estimator)
        mean: State = {}
        self.n_averaged_ = 0

        def gather(trainer: Trainer) -> None:
            late = trainer.step >= start * trainer.steps
            if late and trainer.timetable.ends_epoch(trainer.step):
                self.n_averaged_ += 1
                _add(mean, trainer.objective, self.n_averaged_)

        _train(net, part_of(net, examples, goal), gather)
        _load(net, mean)
        refresh_norms(net, examples.X)
        return [_retuned(net)]


def refresh_norms(estimator: Estimator, X: Any) -> None:
    """Take the running statistics of batch normalisation anew, as plain means over batches of rows X.

    Everything else is as in prediction. Source: Izmailov et al. 2018, section 3.2.
    """
    objective = estimator.objective_.eval()
    norms = [m for m in objective.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not norms:
        return
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch then averages all batches alike
        norm.train()
    rows, device = estimator.codec_.encode(X), device_under(objective)
    n, n_cuts = len(rows), math.ceil(len(rows) / EVALUATED)
    cuts = [n // n_cuts + (i < n % n_cuts) for i in range(n_cuts)]  # near equal: a batch of one row has no variance
    with torch.no_grad(), kept_random(device, estimator.seed, "norms"):
        for taken in batches_of(rows, torch.arange(n), cuts):
            batch = {k: t.to(device) for k, t in taken.items()}
            objective.outputs(estimator.codec_.prepare(batch, estimator.view_))
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    objective.eval()


def _trainable(ensemble: Ensemble, given: Any) -> Estimator:
    """A copy of the estimator, which must be one of ours and keep the weights of the last step."""
    name = type(ensemble).__name__
    if not isinstance(given, Estimator):
        raise SettingError(
            f"{name} looks into one training, which takes an estimator such as pn.Classifier('mlp'); got {given!r}"
        )
    for setting in ("patience", "average"):
        if getattr(given, setting):
            raise SettingError(
                f"{name} takes the weights on the way, and {setting}={getattr(given, setting)!r} chooses others at the "
                f"end; leave {setting}=None"
            )
    return copied(given)


def _train(net: Estimator, part: dict[str, Any], after_step: Callable[[Trainer], None]) -> None:
    """`net.fit(**part)`, with a look at the trainer after each step."""
    started = time.perf_counter()
    ready = net._take(**part)
    with unfitted_on_error(net), regularized(net, net.objective_) as held_back:
        trainer = net._trainer(ready, held_back)
        with threads_for(net.objective_, trainer.window):
            rows = placed(ready.rows, ready.device)
            trainer.fit(rows, record=record_of(net, net.data_), after_step=after_step)
    net._conclude(ready, trainer, time.perf_counter() - started)


def _state(objective: nn.Module) -> State:
    return {k: v.detach().clone() for k, v in objective.state_dict().items()}


def _add(mean: State, objective: nn.Module, count: int) -> None:
    """Take the weights into a mean of `count` of them; whole numbers are the last."""
    for name, value in _state(objective).items():
        if name in mean and value.is_floating_point():
            mean[name] += (value - mean[name]) / count
        else:
            mean[name] = value


def _load(net: Estimator, state: State) -> None:
    if state.keys() != net.objective_.state_dict().keys():
        raise SettingError(
            f"regularizers {net.regularizers!r} change what the weights are while they are learned, so that those on "
            f"the way are no net; leave out 'l0'"
        )
    net.objective_.load_state_dict(state)


def _with_state(net: Estimator, state: State) -> Estimator:
    member = copy.deepcopy(net)
    member.held_ = net.held_  # a copy leaves these rows behind
    _load(member, state)
    return _retuned(member)


def _retuned(net: Estimator) -> Estimator:
    """The net with a threshold tuned on its own weights; that of the training is the last step's."""
    if isinstance(net, Classifier) and isinstance(net.threshold, str):
        net.threshold_ = net._threshold()
    return net
