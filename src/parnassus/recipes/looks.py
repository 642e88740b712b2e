"""Attention before nets: a mean weighted by nearness, and the waves that tell a place."""

from functools import partial
from typing import Any

import numpy as np
import torch

from ..functional.attention.regression import average, best_bandwidth, kernel_weights, nadaraya_watson
from ..functional.positions import sinusoidal
from ..insight.attention import heat_maps
from . import Size, Table, recipe
from .drawn import curves

Rows = list[tuple[Any, ...]]

NEAR = (
    "Squared distance from the sine, the mean over 11 queries and all draws; the noise has a variance of 1, as "
    "large "
    "as the sine twice over. The book's .5 is a good choice, and leaving rows out one by one finds it or a "
    "neighbour.",
    "The kernel as printed lacks its minus sign: its weights grow with distance, and the answer comes from the "
    "other "
    "end of the line.",
)


@recipe(
    "mean-weighted-by-nearness",
    source="Martinez-Ramon example 6.2.1",
    figure="11 queries on 100 points of a noisy sine, bandwidth .5",
    experiments="martinez-ramon-38",
)
def mean_weighted_by_nearness(size: Size) -> Table:
    """Nadaraya and Watson's mean of a noisy sine by bandwidth and kernel, beside the printed kernel's sign."""
    n_draws = 3 if size == "tiny" else 200
    queries = torch.linspace(0, 10, 11, dtype=torch.float64)
    bandwidths = (0.05, 0.2, 0.5, 1.0, 2.0, 10.0)
    errors: dict[Any, list[float]] = {}
    chosen, wrong = [], []
    for seed in range(n_draws):
        rng = np.random.default_rng(seed)
        x = torch.from_numpy(rng.uniform(0, 10, 100))
        y = x.sin() + torch.from_numpy(rng.normal(size=100))
        for h in bandwidths:
            said = nadaraya_watson(queries, x, y, bandwidth=h)
            errors.setdefault(h, []).append(float((said - queries.sin()).square().mean()))
        errors.setdefault("mean", []).append(float((average(y, 11) - queries.sin()).square().mean()))
        chosen.append(best_bandwidth(x, y, bandwidths))
        grown = (torch.cdist(queries[:, None], x[:, None]) / 0.5).softmax(1)  # the printed kernel, without its minus
        wrong.append(float((grown @ y - queries.sin()).square().mean()))
    rows: Rows = []
    for h in bandwidths:
        weights = kernel_weights(queries, x, bandwidth=h)
        n_near = float((1 / weights.square().sum(1)).mean())
        rows.append((f"bandwidth {h:g}", float(np.mean(errors[h])), n_near, chosen.count(h) / n_draws))
    rows.append(("the mean of all", float(np.mean(errors["mean"])), 100.0, ""))
    rows.append(("the printed kernel, bandwidth .5", float(np.mean(wrong)), "", ""))
    fine = torch.linspace(0, 10, 200, dtype=torch.float64)
    lines: dict[str, Any] = {
        f"bandwidth {h:g}": (fine, nadaraya_watson(fine, x, y, bandwidth=h)) for h in (0.05, 0.5, 2.0)
    }
    lines["sine"] = (fine, fine.sin())
    pictures = {
        "The last draw.": partial(curves, lines, across="x", up="y", points={"rows": (x, y)}),
        "Weights of 100 rows, by place, for each of the 11 queries.": partial(
            heat_maps, kernel_weights(queries, x.sort().values, bandwidth=0.5).numpy()),
    }  # fmt: skip
    columns = ("weights", "squared error", "rows that count", "chosen, of all draws")
    return Table(
        "A mean weighted by nearness", columns, rows, NEAR, {"draws": n_draws, "seed": "0 on"}, pictures=pictures
    )


@recipe(
    "waves-that-tell-a-place",
    source="Martinez-Ramon 6.2.7",
    figure="plots of 100 places in 512 numbers",
    experiments="martinez-ramon-39",
)
def waves_that_tell_a_place(size: Size) -> Table:
    """Sinusoidal positions of 100 places in 512 numbers: values, lengths, and products that tell a distance."""
    table = sinusoidal(100, 512).double()
    gaps = (1, 5, 20)
    rows: Rows = []
    for place in (0, 1, 99):
        rows.append(
            (place, *table[place, :4].tolist(), *table[place, -2:].tolist(), float(table[place].square().sum()))
        )
    spread = {g: [float(table[i] @ table[i + g]) for i in range(100 - g)] for g in gaps}
    told = "; ".join(f"{g} apart, {min(v):.4f} to {max(v):.4f}" for g, v in spread.items())
    nearest = torch.cdist(table, table) + 1e9 * torch.eye(100, dtype=table.dtype)
    notes = [
        "Every row has the squared length 256, half the width: each pair of columns is a point on a circle.",
        f"The product of two rows depends on their distance alone: {told}. No two places are nearer than "
        f"{float(nearest.min()):.3f}.",
    ]
    lines: dict[str, Any] = {f"column {k}": (range(100), table[:, k]) for k in (0, 40, 80, 160)}
    pictures = {
        "All numbers of 100 places, -1 white and 1 dark.": partial(heat_maps, (table.numpy() + 1) / 2),
        "Four columns by place.": partial(curves, lines, across="place", up="value"),
    }
    columns = ("place", "column 0", "1", "2", "3", "column 510", "511", "squared length")
    return Table("Waves that tell a place", columns, rows, notes, {"base": 10_000, "seed": "none"}, pictures=pictures)
