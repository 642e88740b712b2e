"""What the array, table and science packages below this one do, as the books use them, on numbers that are known."""

import io
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from . import Size, Table, recipe

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def checked(rows: Sequence[tuple[str, Any, float]]) -> list[tuple]:
    """What was computed beside what it should be."""
    return [(name, float(found), float(due), bool(np.isclose(found, due, atol=1e-8))) for name, found, due in rows]


@recipe("array-toolkit", source="Hifny 1.1, Martinez-Ramon 3.2, Baker 2.6", figure="loops against whole arrays")
def array_toolkit(size: Size) -> Table:
    """Arrays of rank 0 to 3 made, reshaped, stacked, cut and multiplied; and a loop against one call.

    Systems: array-toolkit
    """
    x = np.arange(24.0).reshape(2, 3, 4)
    rows = checked(
        [
            ("rank of a scalar", np.array(5.0).ndim, 0),
            ("rank of 2 x 3 x 4", x.ndim, 3),
            ("x[1, 2, 3]", x[1, 2, 3], 23),
            ("sum over the last axis, first", x.sum(-1)[0, 0], 6),
            ("stacked on a new axis", np.stack([x, x]).shape[0], 2),
            ("side by side", np.concatenate([x, x], axis=2).shape[2], 8),
            ("every second of the last axis", x[..., ::2].shape[-1], 2),
            ("outer product by broadcasting", (np.arange(3)[:, None] * np.arange(4))[2, 3], 6),
            ("contraction i j k, k -> i j", np.einsum("ijk,k->ij", x, np.ones(4))[1, 2], 86),
            ("the same in torch", torch.tensordot(torch.from_numpy(x), torch.ones(4).double(), 1)[1, 2].item(), 86),
            ("two singular values of [[3, 0], [0, 4]]", np.linalg.svd(np.diag([3.0, 4.0]))[1].sum(), 7),
        ]
    )
    n = 20_000 if size == "tiny" else 2_000_000
    a, b = np.random.default_rng(0).normal(size=(2, n))
    slow, fast = (
        seconds(lambda: sum(u * v for u, v in zip(a.tolist(), b.tolist(), strict=True))),
        seconds(lambda: (a * b).sum()),
    )
    notes = [f"A dot product of {n:,} numbers by a loop took {slow / fast:,.0f} times as long as in one call."]
    return Table("Arrays", ("what", "computed", "known", "equal"), rows, notes, {"seed": 0})


def seconds(work: Callable[[], object]) -> float:
    """The least of three times."""
    found = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


@recipe("scientific-routines", source="Martinez-Ramon 3.4", figure="SciPy's parts on numbers that are known")
def scientific_routines(size: Size) -> Table:
    """Files, constants, linear algebra, integrals, minima, interpolation, splines, special functions, clusters.

    Systems: scientific-routines
    """
    from scipy import cluster, constants, integrate, interpolate, linalg, optimize, special
    from scipy import io as files

    A = np.array([[2.0, 1.0], [1.0, 3.0]])
    t = np.linspace(0, np.pi, 21)
    buffer = io.BytesIO()
    files.savemat(buffer, {"A": A})
    buffer.seek(0)
    points = np.array([[0.0, 0], [0.2, 0], [5, 5], [5.2, 5]])
    codes, _ = cluster.vq.vq(points, np.array([[0.1, 0], [5.1, 5]]))
    fitted, _ = optimize.curve_fit(lambda x, a, b: a * np.exp(b * x), t, 2 * np.exp(-0.5 * t))
    rows = checked(
        [
            ("a MATLAB file, written and read", files.loadmat(buffer)["A"][1, 1], 3),
            ("the speed of light, m/s", constants.c, 299_792_458),
            ("determinant", linalg.det(A), 5),
            ("largest singular value", linalg.svdvals(A)[0], (5 + 5**0.5) / 2),
            ("solution of A x = (3, 4), sum", linalg.solve(A, [3, 4]).sum(), 2),
            ("integral of sine from 0 to pi", integrate.quad(np.sin, 0, np.pi)[0], 2),
            ("the same by Simpson's rule, to 1e-4", round(integrate.simpson(np.sin(t), x=t), 3), 2),
            ("integral of x y over the unit square", integrate.nquad(lambda x, y: x * y, [(0, 1), (0, 1)])[0], 0.25),
            ("where (x - 3)^2 is least, to 1e-6", round(optimize.minimize_scalar(lambda x: (x - 3) ** 2).x, 6), 3),
            ("root of x^3 = 8, to 1e-8", round(optimize.root(lambda x: x**3 - 8, 1.0).x[0], 8), 2),
            ("decay fitted to a curve, to 1e-6", round(fitted[1], 6), -0.5),
            (
                "a cubic spline of sine at pi / 2, to 1e-5",
                round(float(interpolate.CubicSpline(t, np.sin(t))(1.5708)), 5),
                1,
            ),
            ("straight lines between points at 0.5", np.interp(0.5, [0, 1], [0, 10]), 5),
            ("gamma(5)", special.gamma(5), 24),
            ("error function at 0", special.erf(0), 0),
            ("vector quantisation: rows of the second code", codes.sum(), 2),
        ]
    )
    return Table("SciPy's routines", ("what", "computed", "known", "equal"), rows, [], {"seed": 0, "size": size})


@recipe(
    "dataframe-io", source="Martinez-Ramon 3.6", figure="select, sort, group, merge, fill, and write to five formats"
)
def dataframe_io(size: Size) -> Table:
    """A frame selected from, sorted, grouped, merged, filled, and sent through CSV, JSON, Parquet and SQL.

    Systems: dataframe-io
    """
    import pandas as pd

    frame = pd.DataFrame(
        {"city": ["Bonn", "Ulm"] * 2, "year": [2020, 2020, 2021, 2021], "people": [330.0, 126.0, np.nan, 128.0]}
    )
    states = pd.DataFrame({"city": ["Bonn", "Ulm"], "state": ["NW", "BW"]})
    filled, back = frame.fillna({"people": frame["people"].mean()}), written_and_read(frame)
    equal = {kind: float(np.allclose(f["people"], frame["people"], equal_nan=True)) for kind, f in back.items()}
    rows = checked(
        [
            (
                "loc: people of Ulm in 2021",
                frame.loc[(frame["city"] == "Ulm") & (frame["year"] == 2021), "people"].item(),
                128,
            ),
            ("iloc: first row, last column", frame.iloc[0, -1], 330),
            ("sorted by people, first", frame.sort_values("people").iloc[0]["people"], 126),
            ("mean by city, Ulm", frame.groupby("city")["people"].mean()["Ulm"], 127),
            ("merged: rows of NW", (frame.merge(states, on="city")["state"] == "NW").sum(), 2),
            ("missing people", frame["people"].isna().sum(), 1),
            ("filled by the mean", filled.loc[2, "people"], (330 + 126 + 128) / 3),
            *((f"{kind}, written and read", value, 1.0) for kind, value in equal.items()),
        ]
    )
    notes = ["Excel files take the package openpyxl, which this one does not bring along: pandas.read_excel."]
    return Table("Data frames", ("what", "computed", "known", "equal"), rows, notes, {"seed": 0, "size": size})


def written_and_read(frame: "pd.DataFrame") -> dict[str, "pd.DataFrame"]:
    """The frame after a round trip through each format."""
    import pandas as pd

    with tempfile.TemporaryDirectory() as name, closing(sqlite3.connect(":memory:")) as base:
        folder = Path(name)
        frame.to_csv(folder / "f.csv", index=False)
        frame.to_json(folder / "f.jsonl", orient="records", lines=True)
        frame.to_parquet(folder / "f.parquet")
        frame.to_sql("f", base, index=False)
        return {
            "CSV": pd.read_csv(folder / "f.csv"),
            "JSON lines": pd.read_json(folder / "f.jsonl", lines=True),
            "Parquet": pd.read_parquet(folder / "f.parquet"),
            "SQL": pd.read_sql("select * from f", base),
        }


@recipe(
    "plots",
    source="Martinez-Ramon 3.3 and 3.7",
    figure="the kinds of plots that the books draw",
    experiments="martinez-ramon-12",
)
def plots(size: Size) -> Table:
    """Lines, bars, shares, points, arrows, contours, boxes, violins, surfaces; and those of statistics.

    Systems: basic-plots, statistical-plots
    """
    figure = gallery()
    rows = [(ax.get_title(), len(ax.get_children()) > 10) for ax in figure.axes if ax.get_title()]
    notes = ["`parnassus.recipes.groundwork.gallery()` gives the figure; savefig writes PNG, PDF and SVG."]
    pictures = {"Every kind of plot once, on made numbers.": gallery}
    return Table("Plots", ("plot", "drawn"), rows, notes, {"seed": 0, "size": size}, pictures=pictures)


def gallery() -> "Figure":
    """One figure with an axis for each kind of plot."""
    from matplotlib.figure import Figure

    rng = np.random.default_rng(0)
    x, groups = np.linspace(0, 6, 50), [rng.normal(m, 1, 60) for m in (0, 1, 3)]
    a, b = rng.normal(size=(2, 200))
    b = 0.8 * a + 0.5 * b
    u, v = np.meshgrid(np.linspace(-2, 2, 20), np.linspace(-2, 2, 20))
    figure = Figure(figsize=(16, 12), layout="constrained")
    axes: dict[str, Any] = {
        name: figure.add_subplot(4, 4, i + 1, projection="3d" if name == "surface" else None)
        for i, name in enumerate(KINDS)
    }
    axes["line"].plot(x, np.sin(x), x, np.cos(x), "--")
    axes["bar"].bar(["a", "b", "c"], [len(g) for g in groups])
    axes["histogram"].hist(groups, bins=15)
    axes["pie"].pie([3, 2, 1], labels=["a", "b", "c"])
    axes["scatter"].scatter(a, b, s=6)
    axes["quiver"].quiver(u[::3, ::3], v[::3, ::3], -v[::3, ::3], u[::3, ::3])
    axes["contour"].contour(u, v, np.exp(-(u**2) - v**2))
    axes["box"].boxplot(groups)
    axes["violin"].violinplot(groups, showmedians=True)
    axes["surface"].plot_surface(u, v, np.exp(-(u**2) - v**2))
    axes["strip"].scatter(np.repeat(range(3), 60) + rng.uniform(-0.1, 0.1, 180), np.concatenate(groups), s=5)
    axes["joint density"].hexbin(a, b, gridsize=18)
    slope, start = np.polyfit(a, b, 1)
    axes["regression"].scatter(a, b, s=6)
    axes["regression"].plot(np.sort(a), start + slope * np.sort(a))
    middle = [g.mean() for g in groups]
    axes["point with interval"].errorbar(
        range(3), middle, [1.96 * g.std(ddof=1) / len(g) ** 0.5 for g in groups], fmt="o"
    )
    axes["empirical distribution"].step(np.sort(a), np.arange(1, 201) / 200)
    axes["pairs"].matshow(np.corrcoef([a, b, a * b]))
    for name, ax in axes.items():
        ax.set_title(name)
    return figure


KINDS = (
    *("line", "bar", "histogram", "pie", "scatter", "quiver", "contour", "box", "violin", "surface"),
    *("strip", "joint density", "regression", "point with interval", "empirical distribution", "pairs"),
)
