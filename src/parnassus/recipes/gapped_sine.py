"""A sine with a gap, learned by nets with a distribution over their weights: Hamiltonian chains and variation."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import registry
from ..estimators.regressor import Regressor
from ..insight.style import MUTED, SERIES, canvas, styled
from . import Size, Table, recipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIGMA, PARTS = 0.3, ((-0.2, 0.2), (0.6, 1.0))
REGIONS = {"on the data": PARTS, "in the gap": ((0.25, 0.55),), "outside": ((-0.4, -0.25), (1.05, 1.2))}
NOTES = [
    "Two deviations of a normal hold 95.4 % of new answers. With the noise each interval holds about as many on the "
    "data. The weights alone hold few, and are to: they say where the curve is, not where an answer will be. An "
    "interval drawn without the noise is what looks too narrow in the book.",
    "Variation is like the chains on the data. In the gap, where both agree on a wrong curve, and outside it is surer "
    "than they are: the chains' weights part there, and independent normals stay where the fit was, which no setting "
    "of theirs mends; covariance='full' has the chains' deviation in the gap. Five layers leave the gap open.",
    "Units may change places and signs without a change of the curve, so that chains of a net disagree in its weights "
    "whatever their length: what is said of them below is of the weights, and nothing is said of the curves.",
    "True curve within those: the share of places where two deviations of the weights reach the curve without noise.",
    "Rows and answers are standardised before the net sees them, so that a prior of variance 10 is not the book's to "
    "the letter; its text and the notebook behind it have different noises and priors.",
]


def truth(x: np.ndarray) -> np.ndarray:
    """x + .3 sin(2 pi x) + .3 sin(4 pi x), the book's function."""
    return x + 0.3 * np.sin(2 * np.pi * x) + 0.3 * np.sin(4 * np.pi * x)


def drawn(parts: Any, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n places in each of the intervals, (rows, 1), and the function there with noise."""
    x = np.concatenate([rng.uniform(low, high, n) for low, high in parts])
    return x[:, None], truth(x) + SIGMA * rng.normal(size=len(x))


@recipe(
    "gapped-sine",
    source="Martinez-Ramon 9.3.2 and 9.3.4, figures 9.2 to 9.4",
    figure="an interval a little too narrow and poor in the gap; wider with five layers; by variation as by HMC",
    experiments="martinez-ramon-68 martinez-ramon-69 martinez-ramon-70",
)
def gapped_sine(size: Size) -> Table:
    """Intervals of three nets with distributions over their weights, on the data, in the gap and outside."""
    tiny = size == "tiny"
    rng = np.random.default_rng(0)
    X, y = drawn(PARTS, 20 if tiny else 500, rng)
    rows: list[tuple[Any, ...]] = []
    pictures: dict[str, Any] = {}
    grid, problems = np.linspace(-0.5, 1.2, 120)[:, None], []
    for name, (hidden, engine) in plans(float(y.std()), tiny).items():
        net = registry.model("mlp", hidden=hidden, activation="tanh")
        made = Regressor(net, inference=engine, epochs=5 if tiny else 300, lr=0.01, seed=0, progress=False).fit(X, y)
        for region, parts in REGIONS.items():
            new, answers = drawn(parts, 20 if tiny else 400, rng)
            rows.append((name, region, *judged(made, new, answers)))
        found = made.uncertainty(grid)
        band = made.predict(grid), np.asarray(found.epistemic), np.asarray(found.total)
        pictures[f"{name}: mean, two deviations of the weights, and with the noise."] = partial(
            _band, grid[:, 0], *band, X, y
        )
        chains = getattr(made.objective_, "chains", None)
        if chains is not None and not tiny:
            problems.append(f"Of the chains of {name} the library says: {'; '.join(chains.problems) or 'no problems'}.")
    columns = ("net", "where", "error of the mean", "deviation by weights", "new answers within two deviations",
               "within two of the weights alone", "true curve within those")  # fmt: skip
    settings = {"rows": len(y), "noise": SIGMA, **warmed(tiny), "seed": 0}
    return Table("A sine with a gap", columns, rows, [*NOTES, *problems], settings, pictures=pictures)


def warmed(tiny: bool) -> dict[str, int]:
    """How long chains are."""
    return {"n_warmup": 4, "n_draws": 4, "n_chains": 1} if tiny else {"n_warmup": 150, "n_draws": 200, "n_chains": 4}


def plans(spread: float, tiny: bool) -> dict[str, tuple[tuple[int, ...], Any]]:
    """Hidden layers and inference of each net; answers are standardised for the net, and the noise with them."""
    noise, long = SIGMA / spread, warmed(tiny)
    found: dict[str, tuple[tuple[int, ...], Any]] = {
        "1-5-1 tanh, HMC, prior variance 10": ((5,), registry.inference("hmc", prior_std=10**0.5, noise=noise, **long)),
        "1-5-1 tanh, variation, prior variance 10": ((5,), registry.inference("vi", prior_std=10**0.5, noise=noise)),
        "five layers of 10, HMC, prior variance 5": (
            (10,) * 5, registry.inference("hmc", prior_std=5**0.5, noise=noise, **long)),
    }  # fmt: skip
    return dict(list(found.items())[:2]) if tiny else found


def judged(made: Regressor, new: np.ndarray, answers: np.ndarray) -> tuple[float, ...]:
    """The error of the mean curve, the deviation by weights, and what two deviations hold: answers, and the curve."""
    mean, found = made.predict(new), made.uncertainty(new)
    weights, total = np.asarray(found.epistemic), np.asarray(found.total)
    from_truth, from_answer = np.abs(mean - truth(new[:, 0])), np.abs(mean - answers)
    shares = (from_answer < 2 * total, from_answer < 2 * weights, from_truth < 2 * weights)
    return float(np.sqrt((from_truth**2).mean())), float(weights.mean()), *(float(s.mean()) for s in shares)


@styled
def _band(
    at: np.ndarray, mean: np.ndarray, weights: np.ndarray, total: np.ndarray, X: np.ndarray, y: np.ndarray
) -> "Figure":
    figure, (ax,) = canvas(width=5.6, height=3.4, label="Mean and intervals by place")
    ax.scatter(X[::4, 0], y[::4], s=4, color=MUTED, alpha=0.5)
    for width, shade in ((total, 0.15), (weights, 0.35)):
        ax.fill_between(at, mean - 2 * width, mean + 2 * width, color=SERIES[0], alpha=shade, linewidth=0)
    ax.plot(at, mean, color=SERIES[0], label="mean")
    ax.plot(at, truth(at), color=SERIES[1], linestyle="--", label="truth")
    ax.set(xlabel="x", ylim=(-2.5, 3))
    ax.legend()
    return figure
