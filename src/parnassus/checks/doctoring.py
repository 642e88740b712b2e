"""What is found of a training: slopes on their way down, dead and flat units, verdicts, and layers that stay."""

import copy
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..data.rows import Dense
from ..functional.criteria import Loss
from ..insight.verdicts import fit_verdict, gradient_advice, layer_advice
from ..insight.vitals import vitals_of
from ..objectives.supervised import Supervised
from ..objectives.transfer import Transferred, frozen_by, stages_of
from ..registry import loss, optimizer, schedule
from ..train.plan import Plan
from ..train.randomness import kept_random
from ..train.trainer import Trainer
from . import check, gap


def squares() -> Loss:
    """The mean squared error."""
    made: Loss = loss("squared_error").make(task="numbers")
    return made


@check("gradient-norm-profile", oracle="(closed form)", tolerance=1e-10)
def slopes_through_a_deep_linear_net() -> float:
    """Slopes by a layer's outputs are products of the matrices above: of small ones they vanish, of large explode."""
    rng = np.random.default_rng(0)
    x, y, worst = rng.normal(size=(8, 4)), rng.normal(size=(8, 2)), 0.0
    for scale, said in ((0.1, "vanish"), (1.0, ""), (15.0, "explode")):
        sizes = [4, 4, 4, 4, 2]
        matrices = [scale * np.linalg.qr(rng.normal(size=(4, 4)))[0][:n] for n in sizes[1:]]
        net = nn.Sequential(*(nn.Linear(a, b, bias=False) for a, b in pairwise(sizes))).double()
        for layer, w in zip(net, matrices, strict=True):
            layer.weight.data = torch.from_numpy(w.copy())
        objective = Supervised(net, squares(), kind="numbers", n_outputs=2)
        found = vitals_of(objective, {"x": torch.from_numpy(x), "y": torch.from_numpy(y)})
        answer = x
        for w in matrices:
            answer = answer @ w.T
        slope, wanted = answer - y, []  # of each row's mean over two squares
        for w in reversed(matrices):
            wanted.append(np.sqrt(np.square(slope).mean()))
            slope = slope @ w
        worst = max(worst, gap(np.array([v.gradient for v in found]) / wanted[::-1], 1.0))
        told = " ".join(advice.what for advice in gradient_advice(found))
        worst = max(worst, 0.0 if said in told and bool(said) == bool(told) else 1.0)
    return worst


@check("training-doctor", oracle="torch", tolerance=1e-6)
def dead_units_and_flat_outputs() -> float:
    """Shares of units that are 0 on every row, and of outputs of tanh whose slope by autograd is under a twentieth."""
    with kept_random(torch.device("cpu"), 0):
        net: Any = nn.Sequential(nn.Linear(3, 40), nn.ReLU(), nn.Linear(40, 30), nn.Tanh(), nn.Linear(30, 1))
    with torch.no_grad():
        net[0].bias -= 1.7
        net[2].weight *= 300.0
    x = torch.from_numpy(np.random.default_rng(0).normal(0, 2, (20, 3)).astype(np.float32))
    objective = Supervised(net, squares(), kind="numbers", n_outputs=1)
    found = {v.name: v for v in vitals_of(objective, {"x": x, "y": torch.zeros(20, 1)})}
    with torch.enable_grad():
        h = net[0](x).relu()
        z = net[2](h).detach().requires_grad_()
        (slope,) = torch.autograd.grad(z.tanh().sum(), z)
    dead, flat = float((h.amax(0) == 0).float().mean()), float((slope < 0.05).float().mean())
    advice = " ".join(one.what for one in layer_advice(list(found.values())))
    told = ("dead" in advice) == (dead >= 0.2) and ("saturated" in advice) == (flat >= 0.5)
    middling = 0.2 < dead < 0.8 and 0.5 < flat < 0.95
    zeros = float((h == 0).float().mean())
    return max(
        gap([found["1"].dead, found["3"].saturated, found["1"].zeros], [dead, flat, zeros]),
        0.0 if told and middling else 1.0,
    )


@check("overfitting-diagnosis", oracle="(closed form)", tolerance=0)
def verdicts_on_least_squares() -> float:
    """Of p columns and n rows errors are (1 - p/n) in training, 1 + p/(n - p - 1) else: 8 of 400 fit, 200 overfit."""
    wrong = 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X, new = rng.normal(size=(2, 400, 200))
        signal = np.r_[3 * np.ones(8), np.zeros(192)]
        y, y_new = (rows @ signal + rng.normal(size=400) for rows in (X, new))
        for p, wanted in ((0, "underfits"), (8, "fits"), (200, "overfits")):
            w = np.linalg.lstsq(X[:, :p], y, rcond=None)[0]
            losses = [float(np.square(rows[:, :p] @ w - t).mean()) for rows, t in ((X, y), (new, y_new))]
            record = dict(zip(("loss", "validation_loss"), losses, strict=True))
            history = [dict.fromkeys(record, 50.0), dict.fromkeys(record, 40.0)] + [record] * 8
            wrong += fit_verdict(history, float(y.var()))[0] != wanted
    return float(wrong)


@check("layer-freezing", oracle="torch", tolerance=1e-6)
def a_frozen_layer_and_its_statistics() -> float:
    """Weights and running statistics after three epochs on a frozen layer and three on all, by torch's own loop."""
    with kept_random(torch.device("cpu"), 0):
        net: Any = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 2))
    net[1].running_mean.normal_(generator=torch.Generator().manual_seed(0))
    theirs, before = copy.deepcopy(net), copy.deepcopy(net.state_dict())
    rng = np.random.default_rng(0)
    x, y = (torch.from_numpy(rng.normal(size=(16, n)).astype(np.float32)) for n in (4, 2))
    found, wanted = [], []
    for unfreeze in (None, 3):
        ours = copy.deepcopy(net)
        stages = stages_of(frozen_by(1, ours, frozenset()), unfreeze, ours)
        game = Transferred(ours, squares(), kind="numbers", n_outputs=2, stages=stages, rates={})
        game.transfer.n_epochs = 6
        rule: Any = {"optimizer": optimizer("sgd", lr=0.1), "schedule": schedule("constant"), "n_rows": 16}
        Trainer(game, lambda b, training=False: b, plan=Plan(epochs=6, batch_size=16), **rule).fit(Dense(x=x, y=y))
        peer = copy.deepcopy(theirs).train()
        with torch.enable_grad():
            for epoch in range(6):
                still = unfreeze is None or epoch < unfreeze
                peer[1].train(not still)
                move = torch.optim.SGD((peer[3] if still else peer).parameters(), lr=0.1)
                peer.zero_grad()
                F.mse_loss(peer(x), y).backward()
                move.step()
        found += [t.double().numpy() for t in ours.state_dict().values()]
        wanted += [t.double().numpy() for t in peer.state_dict().values()]
        if unfreeze is None:
            names = [n for n in before if n[0] in "01"]
            found += [ours.state_dict()[n].numpy() for n in names]
            wanted += [before[n].numpy() for n in names]
    return max(gap(a, b) for a, b in zip(found, wanted, strict=True))
