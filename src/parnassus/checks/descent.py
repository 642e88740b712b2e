"""Optimizers step by step against torch.optim, ends of searches against closed forms, shapes of surfaces."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from ..data.tables.table import Table
from ..estimators.fitting.descent import optimize
from ..estimators.regressor import Regressor
from ..functional import search, surfaces
from ..functional.surfaces import quadratic, rosenbrock
from ..registry import model, optimizer, schedule
from ..train.blocks import Block, averages_in_place, clip
from ..train.randomness import seed_of
from ..train.timetable import Timetable
from . import check, gap

START = (-0.5, 0.4)
PLAIN = Table(scaling="none")


def beside_torch(name: str, theirs: Callable[[list[nn.Parameter]], Any], **options: Any) -> float:
    """The largest difference of 50 steps in Rosenbrock's valley."""
    point = nn.Parameter(torch.tensor(START, dtype=torch.float64))
    their, seen = theirs([point]), []
    with torch.enable_grad():
        for _ in range(50):
            their.zero_grad()
            rosenbrock(point).backward()
            their.step()
            seen.append(point.detach().numpy().copy())
    ours = optimize(rosenbrock, START, optimizer(name, **options), steps=50).points[1:]
    return gap(ours, np.array(seen))


@check("gradient-descent", "momentum-heavy-ball", "nesterov-momentum", oracle="torch", tolerance=1e-7)
def descent_with_and_without_momentum() -> float:
    """Plain descent and the heavy ball against torch.optim.SGD; Nesterov's point against its two lines written out."""
    at, velocity = np.array(START), np.zeros(2)
    for _ in range(50):
        ahead = torch.tensor(at + 0.9 * velocity)
        velocity = 0.9 * velocity - 1e-4 * surfaces.gradient(rosenbrock, ahead).numpy()
        at = at + velocity
    nesterov = optimize(rosenbrock, START, optimizer("nesterov", lr=1e-4, momentum=0.9), steps=50).points[-1]
    return max(
        beside_torch("sgd", lambda p: torch.optim.SGD(p, lr=1e-3), lr=1e-3),
        beside_torch("sgd", lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9), lr=1e-3, momentum=0.9),
        gap(nesterov, at),
    )


@check("momentum-ema", oracle="torch", tolerance=1e-10)
def the_averaged_velocity_is_torchs_dampening() -> float:
    """v = .9 v + .1 g from a velocity of zero, where torch would begin with the first gradient."""

    def theirs(params: list[nn.Parameter]) -> torch.optim.Optimizer:
        made = torch.optim.SGD(params, lr=1e-3, momentum=0.9, dampening=0.9)
        made.state[params[0]]["momentum_buffer"] = torch.zeros(2, dtype=torch.float64)
        return made

    return beside_torch("sgd", theirs, lr=1e-3, momentum=0.9, velocity="ema")


@check("adagrad", "adadelta", "rmsprop", oracle="torch", tolerance=1e-7)
def rates_by_coordinate_against_torch() -> float:
    """AdaGrad, AdaDelta and RMSprop with decay, 50 steps each."""
    return max(
        beside_torch("adagrad", lambda p: torch.optim.Adagrad(p, lr=0.1), lr=0.1),
        beside_torch("adadelta", lambda p: torch.optim.Adadelta(p, lr=1.0)),
        beside_torch("rmsprop", lambda p: torch.optim.RMSprop(p, lr=0.01), lr=0.01),
    )


@check("adam", "adamw", "adamax", "nadam", oracle="torch", tolerance=1e-7)
def moments_against_torch() -> float:
    """Adam and its kin, 50 steps each."""
    return max(
        beside_torch("adam", lambda p: torch.optim.Adam(p, lr=0.05), lr=0.05),
        beside_torch("adamw", lambda p: torch.optim.AdamW(p, lr=0.05), lr=0.05),
        beside_torch("adamax", lambda p: torch.optim.Adamax(p)),
        beside_torch("nadam", lambda p: torch.optim.NAdam(p)),
    )


@check("minibatch-sgd", oracle="torch", tolerance=1e-5)
def steps_of_mini_batches_against_a_loop() -> float:
    """Two epochs of a linear model, 8 rows a step in the same drawn order, against torch.optim.SGD in a bare loop."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)).astype(np.float32)
    y = (X @ [1.0, -2.0, 0.5] + 1).astype(np.float32)
    start = nn.utils.skip_init(nn.Linear, 3, 1)
    start.load_state_dict({"weight": torch.tensor([[0.3, -0.2, 0.1]]), "bias": torch.tensor([0.05])})
    ours = Regressor(copy.deepcopy(start), optimizer=optimizer("sgd", lr=0.1), epochs=2, batch_size=8, codec=PLAIN)
    ours.fit(X, y)
    mean, spread = y.mean(), y.std()
    x, goal = torch.from_numpy(X), torch.from_numpy((y - mean) / spread)
    mover = torch.optim.SGD(start.parameters(), lr=0.1)
    for epoch in range(2):
        generator = torch.Generator().manual_seed(seed_of(0, "order", epoch))
        for rows in torch.randperm(60, generator=generator).split(8):
            with torch.enable_grad():
                mover.zero_grad()
                (start(x[rows]).squeeze(1) - goal[rows]).square().mean().backward()
            mover.step()
    found = start(x).squeeze(1).detach().numpy() * spread + mean
    return gap(ours.predict(X), found)


@check("conjugate-gradient", oracle="numpy", tolerance=1e-8)
def conjugate_directions_solve_a_system() -> float:
    """Twenty equations with a symmetric matrix known by its products, against numpy.linalg.solve."""
    half = np.random.default_rng(0).normal(size=(20, 20))
    A, b = half @ half.T + np.eye(20), np.arange(20.0)
    given = torch.from_numpy(A)
    found = search.conjugate_gradient(lambda v: given @ v, torch.from_numpy(b), steps=60)
    return gap(found, np.linalg.solve(A, b))


@check("newton-method", "bfgs", "conjugate-gradient", "hessian-free", oracle="(closed form)", tolerance=1e-5)
def ends_of_rosenbrocks_valley() -> float:
    """Rules that know curvature end at (1, 1), where the valley's value is 0."""
    made = optimizer("bfgs"), optimizer("conjugate_gradient"), optimizer("newton")
    specs = (*made, optimizer("hessian_free", curvature="hessian"))
    paths = [optimize(rosenbrock, (-1.2, 1.0), s, steps=200, tolerance=1e-6) for s in specs]
    return max(gap(np.asarray(p.point), 1) for p in paths)


@check("alternating-minimisation", oracle="numpy", tolerance=1e-7)
def coordinates_in_turn_solve_a_system() -> float:
    """A quadratic minimised over one coordinate after the other ends where numpy solves A x = b."""
    A = torch.tensor([[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 5.0]], dtype=torch.float64)
    b = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    found = optimize(lambda x: x @ A @ x / 2 - b @ x, (0.0, 0.0, 0.0), "alternating", steps=200).point
    return gap(np.asarray(found), np.linalg.solve(A.numpy(), b.numpy()))


@check("simulated-annealing", oracle="(closed form)", tolerance=0.1)
def annealing_at_one_temperature_is_boltzmanns_law() -> float:
    """At temperature T the points of x^2 / 2 vary by T."""
    spec = optimizer("annealing", lr=1.0, temperature=0.5, cooling=1.0, n_moves=1)
    walk = optimize(lambda x: quadratic(x, curvatures=(1.0,)), 0.0, spec, steps=4000)
    return gap(walk.points[500:, 0].var(), 0.5)


@check("critical-point-classifier", "hessian-taylor-model", "convexity-test", oracle="(closed form)", tolerance=1e-9)
def shapes_of_surfaces() -> float:
    """The saddle of x^2 - y^2, Rosenbrock's Hessian at its end, and which of two curves is convex."""
    found = surfaces.critical_point(surfaces.saddle, torch.tensor([0.3, -0.2], dtype=torch.float64))
    end = torch.ones(2, dtype=torch.float64)
    wanted = torch.tensor([[802.0, -400.0], [-400.0, 200.0]], dtype=torch.float64)
    off = torch.tensor([0.01, -0.02], dtype=torch.float64)
    model = surfaces.taylor(rosenbrock, end)(end + off)
    wrong = [
        found.kind != "saddle",
        not surfaces.convexity(lambda x: x.exp().squeeze(-1), -2, 2).convex,
        surfaces.convexity(lambda x: x.cos().squeeze(-1), -2, 2).convex,
    ]
    return max(
        float(sum(wrong)),
        gap(surfaces.hessian(rosenbrock, end), wanted),
        gap(found.point, [0, 0]),
        gap(model, off @ wanted @ off / 2),
    )


@check("optimiser-test-functions", oracle="scipy", tolerance=1e-9)
def surfaces_against_scipy() -> float:
    """Rosenbrock's values against scipy's, and the published minima of Beale's, Himmelblau's and Rastrigin's."""
    from scipy.optimize import rosen

    points = torch.from_numpy(np.random.default_rng(0).normal(size=(20, 2)))
    zeros = (
        (surfaces.beale, (3.0, 0.5)),
        (surfaces.himmelblau, (3.0, 2.0)),
        (surfaces.rastrigin, (0.0, 0.0)),
    )
    at_minima = [gap(f(torch.tensor(x, dtype=torch.float64)), 0) for f, x in zeros]
    return max(gap(rosenbrock(points), rosen(points.numpy().T)), *at_minima)


@check("lr-schedules", oracle="torch", tolerance=1e-12)
def schedules_against_torch() -> float:
    """Cosine, exponential and stepwise rates of 20 steps against torch.optim.lr_scheduler."""
    kinds = torch.optim.lr_scheduler
    pairs: list[tuple[Any, Callable[[torch.optim.Optimizer], Any]]] = [
        (schedule("cosine"), lambda o: kinds.CosineAnnealingLR(o, 20)),
        (schedule("linear"), lambda o: kinds.LinearLR(o, 1.0, 1e-12, 20)),
    ]
    gaps = []
    for spec, theirs in pairs:
        made = spec.make()
        made.begin(Timetable(20, 1, [(0, 1)]))
        mover = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
        their = theirs(mover)
        for step in range(20):
            gaps.append(gap(made(step / 20), their.get_last_lr()[0]))
            mover.step()
            their.step()
    return max(gaps)


@check("lr-reduce-on-plateau", oracle="torch", tolerance=1e-12)
def a_plateau_against_torch() -> float:
    """Rates after each of 14 losses that stop falling twice, against torch's ReduceLROnPlateau."""
    losses = [1.0, 0.8, 0.8, 0.8, 0.8, 0.5, 0.5, 0.5, 0.5, 0.49, 0.6, 0.6, 0.6, 0.6]
    made = schedule("plateau", gamma=0.5, patience=1, threshold=1e-4, monitor="loss", floor=0.0).make()
    mover = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    their = torch.optim.lr_scheduler.ReduceLROnPlateau(mover, factor=0.5, patience=1, threshold=1e-4)
    gaps = []
    for n, loss in enumerate(losses, 1):
        made.observe([{"loss": v} for v in losses[:n]])
        their.step(loss)
        gaps.append(gap(made(0.5), their.get_last_lr()[0]))
    return max(gaps)


@check("gradient-norm-clipping", oracle="torch", tolerance=1e-7)
def clipped_gradients_against_torch() -> float:
    """Gradients of three tensors, cut to norm 1 together and by value, against torch.nn.utils."""
    rng = np.random.default_rng(0)
    values = [torch.from_numpy(rng.normal(0, 3, shape).astype(np.float32)) for shape in ((4, 3), (3,), (2, 2))]
    gaps = []
    cuts: list[tuple[dict[str, float | None], Any]] = [
        ({"norm": 1.0, "value": None}, nn.utils.clip_grad_norm_),
        ({"norm": None, "value": 0.5}, nn.utils.clip_grad_value_),
    ]
    for cut, theirs in cuts:
        block = Block([nn.Parameter(torch.zeros_like(v)) for v in values], decays=True)
        for slot, v in zip(block.parts(block.gradients), values, strict=True):
            slot.copy_(v)
        clip([block], **cut)
        params = [nn.Parameter(torch.zeros_like(v)) for v in values]
        for p, v in zip(params, values, strict=True):
            p.grad = v.clone()
        theirs(params, 1.0 if cut["norm"] else 0.5)
        found = block.parts(block.gradients)
        gaps += [gap(g, p.grad) for g, p in zip(found, params, strict=True) if p.grad is not None]
    return max(gaps)


@check("weight-averaging-ema", oracle="torch", tolerance=1e-7)
def averaged_weights_against_torch() -> float:
    """Weights after 30 epochs of descent, averaged by .9, against torch.optim.swa_utils.AveragedModel."""
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    net = nn.Linear(3, 2)
    their = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    block = Block(list(nn.Linear(3, 2).parameters()), decays=True)
    rng = np.random.default_rng(0)
    with torch.no_grad():
        their.update_parameters(net)
        start = torch.cat([p.flatten() for p in net.parameters()])
        block.average = start.clone()
        for _ in range(30):
            step = torch.from_numpy(rng.normal(size=len(start)).astype(np.float32))
            nn.utils.vector_to_parameters(step, net.parameters())
            their.update_parameters(net)
            block.values.copy_(step)
            block.average.lerp_(block.values, 1 - 0.9)
        with averages_in_place([block]):
            held = block.values.clone()
    wanted = torch.cat([p.flatten() for p in their.module.parameters()])
    return gap(held, wanted)


@check("svrg", oracle="(closed form)", tolerance=1e-5)
def variance_reduced_descent_ends_at_the_least_squares() -> float:
    """A linear fit by SVRG ends at the solution of the normal equations, where plain steps of one row still wander."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(64, 3)).astype(np.float64)
    y = X @ [1.0, -2.0, 0.5] + 0.1 * rng.normal(size=64)
    fitted = Regressor(nn.Linear(3, 1), optimizer=optimizer("svrg", lr=0.05), epochs=150, batch_size=8).fit(X, y)
    exact = Regressor(model("linear", solver="normal")).fit(X, y)
    return gap(fitted.predict(X), exact.predict(X))
