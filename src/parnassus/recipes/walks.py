"""Walks on Beale's surface: descent, Adam and chains of Metropolis and Hastings, with both constants."""

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import registry
from ..errors import Diverged
from ..estimators.fitting.descent import optimize
from ..functional.mcmc import ProposalShape, log_acceptance, log_proposal
from ..functional.surfaces import beale, critical_point, hessian
from ..insight.trajectories import trajectories
from . import Size, Table, recipe

Rows = list[tuple[Any, ...]]
PRINTED = 2.2625  # the book's third constant; Beale's own is 2.625


@recipe(
    "descent-and-adam-on-beale",
    source="Martinez-Ramon example 2.5.1, figures 2.7 and 2.8",
    figure="Adam is the steadier; minimum near (2.5, 1.5)",
    experiments="martinez-ramon-11",
)
def descent_and_adam(size: Size) -> Table:
    """A hundred steps of descent and of Adam on Beale's surface, with the printed constant and with the usual one."""
    n_steps = 10 if size == "tiny" else 100
    rows: Rows = []
    paths: dict[str, Any] = {}
    least = {}
    for c in (PRINTED, 2.625):
        surface = partial(beale, c=c)
        found = critical_point(surface, torch.tensor([2.5, 0.4], dtype=torch.float64))
        least[c] = found.point.tolist(), float(surface(found.point))
        for name, rate in (("sgd", 0.1), ("adam", 0.3)):
            for start in ((0.0, 0.0), (1.0, 1.0)):
                mover = registry.optimizer(name, lr=rate)
                try:
                    path = optimize(surface, start, mover, steps=n_steps)
                except Diverged:
                    rows.append((f"{c:g}", name, rate, str(start), "", "", "", "diverges"))
                    continue
                last = path.values[-2:].tolist()
                end = ", ".join(f"{v:.4f}" for v in path.points[-1])
                rows.append(
                    (c, name, rate, str(start), end, *last, "settles" if abs(last[1] - last[0]) < 1e-3 else "swings")
                )
                if c == PRINTED and start == (0.0, 0.0):
                    paths[name] = path.points, path.values
    at = {c: float(beale(torch.tensor([2.5, 1.5], dtype=torch.float64), c=c)) for c in least}
    notes = [
        *(f"With c = {c:g} the least value is {value:.7f}, at ({x:.4f}, {y:.4f}); at (2.5, 1.5) it is {at[c]:.2f}."
          for c, ((x, y), value) in least.items()),
        "The book names no start. At its rate of .1 descent swings between two places with the printed constant, "
        "which is "
        "what its figure may show, and diverges with Beale's own; Adam goes to the minimum of either.",
    ]  # fmt: skip
    pictures = {"Both from (0, 0) with the printed constant.": partial(trajectories, partial(beale, c=PRINTED), paths,
                                                                       low=(-0.5, -1), high=(4, 1.5))}  # fmt: skip
    columns = ("c", "rule", "rate", "start", "end", "value before the last step", "last value", "what it does")
    return Table("Descent and Adam on Beale's surface", columns, rows, notes, {"steps": n_steps, "seed": "none"},
                 pictures=pictures)  # fmt: skip


@recipe(
    "chains-on-beale",
    source="Martinez-Ramon example 9.3.1",
    figure="after 80 iterations ten times lower than descent; with the Hessian below 10 three times sooner",
    experiments="martinez-ramon-67",
)
def chains_on_beale(size: Size) -> Table:
    """Metropolis and Hastings on Beale's surface beside descent, by temperature and by the shape of the moves."""
    n_chains, n_steps = (20, 20) if size == "tiny" else (300, 80)
    surface = partial(beale, c=PRINTED)
    start = torch.tensor([1.2, 2.0], dtype=torch.float64)
    path = optimize(surface, start, registry.optimizer("sgd", lr=1e-3), steps=n_steps)
    below = np.flatnonzero(path.values < 10)
    rows: Rows = [("descent", "", 1e-3, float(path.values[-1]), float(path.values.min()),
                   float(below[0]) if len(below) else "", "", "")]  # fmt: skip
    for shape, step, temperatures in (("round", 0.3, (1.0, 0.1, 0.01)), ("Hessian", 0.1, (1.0, 0.1))):
        for temperature in temperatures:
            values, taken = _chains(start, shape, step, temperature, n_chains=n_chains, n_steps=n_steps)
            lower = np.where((values < 10).any(1), (values < 10).argmax(1), n_steps)
            rows.append((f"chains, {shape} moves", temperature, step, float(np.median(values[:, -1])),
                         float(np.median(values.min(1))), float(np.median(lower)),
                         float((values[:, -1] < path.values[-1] / 10).mean()), taken))  # fmt: skip
    curved = hessian(surface, start)
    bend = torch.linalg.eigvalsh(curved).tolist()
    notes = [
        "Values after the last step, the median of the chains. The book states no temperature: that its chain ends ten "
        "times below descent holds at a tenth or less, or for the best value on the way; at 1, for the smaller part.",
        f"At the start the Hessian's eigenvalues are {bend[0]:.2f} and {bend[1]:.2f}: it is no covariance, and their "
        "sizes "
        f"are taken. Its last entry is {curved[1, 1]:.2f}; the printed formula gives 251.28. Moves shaped by it are "
        "three "
        "times sooner below 10 than descent, but not than round moves.",
    ]
    columns = ("rule", "temperature", "step", f"value after {n_steps}", "best value", "steps to fall below 10",
               "share of chains below a tenth of descent", "moves taken")  # fmt: skip
    settings = {"chains": n_chains, "steps": n_steps, "start": "(1.2, 2)", "seed": 0}
    return Table("Chains on Beale's surface", columns, rows, notes, settings)


def _chains(
    start: Tensor, shape: str, step: float, temperature: float, *, n_chains: int, n_steps: int
) -> tuple[np.ndarray, float]:
    """Values of each chain after each step, (n_chains, n_steps + 1), and the share of moves taken."""
    generator = torch.Generator().manual_seed(0)
    surface = partial(beale, c=PRINTED)
    points = start.repeat(n_chains, 1)
    values, taken = [surface(points)], 0.0
    for _ in range(n_steps):
        noise = torch.randn(points.shape, generator=generator, dtype=points.dtype)
        chance = torch.rand(n_chains, generator=generator, dtype=points.dtype).log()
        here = _moves(points, shape, step)
        new = points + (here.factor @ noise[..., None])[..., 0]
        there, back = surface(new), _moves(new, shape, step)
        ways = log_proposal(new, points, here), log_proposal(points, new, back)
        log_p = -values[-1] / temperature, -there / temperature
        accepted = chance < log_acceptance(*log_p, *ways)
        points = torch.where(accepted[:, None], new, points)
        values.append(torch.where(accepted, there, values[-1]))
        taken += float(accepted.double().mean()) / n_steps
    return torch.stack(values, 1).numpy(), taken


def _moves(points: Tensor, shape: str, step: float) -> ProposalShape:
    """Round moves, or moves whose covariance is the Hessian with its eigenvalues taken by size, as the book has it."""
    if shape == "round":
        return ProposalShape(step * torch.eye(2, dtype=points.dtype).expand(len(points), 2, 2))
    at = points.detach().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(beale(at, c=PRINTED).sum(), at, create_graph=True)
        curved = torch.stack([torch.autograd.grad(slope[:, i].sum(), at, retain_graph=True)[0] for i in (0, 1)], 1)
    values, vectors = torch.linalg.eigh(curved)
    return ProposalShape(step * vectors * values.abs().clamp(min=1e-3).sqrt()[..., None, :])
