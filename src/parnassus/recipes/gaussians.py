"""Gaussians: shapes of their contours, mixtures of them, and classes told apart by likelihood or discrimination."""

from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_iris
from torch import Tensor

from ..estimators.density import Density
from ..functional.discriminative import extended_baum_welch, mmi
from ..functional.mixtures import GaussianParameters, em_step
from ..functional.probability import ellipse_axes, log_gaussian, log_normal
from ..insight.densities import plot_ellipses
from . import Size, Table, recipe
from .drawn import curves, regions

SHAPES = ("spherical", "diag", "full")


@recipe(
    "contours-of-covariances",
    source="Hifny figure 13.2",
    figure="circles, ellipses along the axes, and ellipses at an angle",
    experiments="hifny-18",
)
def contours(size: Size) -> Table:
    """One Gaussian with three kinds of covariances on two columns that belong together: axes, angle, likelihood."""
    n = 300 if size == "tiny" else 5000
    root = np.linalg.cholesky(np.array([[2.0, 1.0], [1.0, 2.0]]))
    sets = {
        "covariance [[2, 1], [1, 2]]": np.random.default_rng(0).normal(size=(n, 2)) @ root.T,
        "iris, length and width of petals": load_iris().data[:, 2:],
    }
    rows, fitted = [], {}
    for name, x in sets.items():
        for shape in SHAPES:
            made = Density("gmm", covariance_type=shape, progress=False).fit(x)
            covariance = made.covariances_.reshape(-1)
            whole = covariance.reshape(2, 2) if covariance.size == 4 else np.eye(2) * covariance
            lengths, axes = ellipse_axes(torch.from_numpy(whole))
            turned = float(np.degrees(np.arctan2(*axes[:, int(lengths.argmax())].numpy()[::-1]))) % 180
            round_one = float(lengths.max() / lengths.min()) < 1 + 1e-9
            likely = float(made.log_density(x).mean())
            rows.append((name, shape, *sorted(lengths.tolist(), reverse=True), "any" if round_one else turned, likely))
            fitted[name, shape] = made.means_, whole
    notes = [
        "Axes are of the contour one standard deviation out; the angle is the long one's, in degrees from the first "
        "column. [[2, 1], [1, 2]] has axes of sqrt(3) and 1, at 45 degrees.",
    ]
    x = sets["iris, length and width of petals"]
    shown = {
        f"Iris, {shape} covariance.": lambda s=shape: plot_ellipses(
            *_drawn(fitted["iris, length and width of petals", s]), points=x
        )
        for shape in SHAPES
    }
    columns = ("rows", "covariance", "long axis", "short axis", "angle", "mean log-likelihood")
    return Table("Contours by kind of covariance", columns, rows, notes, {"rows": n, "seed": 0}, pictures=shown)


def _drawn(fitted: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return fitted[0].reshape(1, 2), fitted[1].reshape(1, 2, 2)


@recipe(
    "one-gaussian-or-three",
    source="Hifny figures 13.4 and 13.5",
    figure="a single Gaussian misfits a density with three humps",
    experiments="hifny-19",
)
def humps(size: Size) -> Table:
    """Numbers with three humps: the log-likelihood of unseen ones by the number of Gaussians, beside the truth."""
    n = 300 if size == "tiny" else 3000
    rng = np.random.default_rng(0)
    weights, means, deviations = np.array([0.3, 0.5, 0.2]), np.array([-4.0, 0.0, 3.5]), np.array([0.7, 1.0, 0.5])

    def drawn(count: int) -> np.ndarray:
        which = rng.choice(3, count, p=weights)
        return (means[which] + deviations[which] * rng.normal(size=count))[:, None]

    def truth(x: np.ndarray) -> np.ndarray:
        each = log_normal(torch.from_numpy(x), torch.from_numpy(means), torch.from_numpy(deviations**2))
        return (each.exp().numpy() * weights).sum(1)

    petals = np.random.default_rng(1).permutation(load_iris().data[:, 2:3])
    sets = {"three humps": (drawn(n), drawn(n)), "iris, length of petals": (petals[:100], petals[100:])}
    rows: list[tuple[Any, ...]] = [
        ("three humps", "the density itself", "", float(np.log(truth(sets["three humps"][1])).mean()))
    ]
    kept = {}
    for name, (x, new) in sets.items():
        for k in (1, 2, 3, 4):
            made = Density("gmm", n_components=k, n_init=3, progress=False).fit(x)
            kept[name, k] = made
            rows.append(
                (
                    name,
                    f"{k} Gaussian{'s' * (k > 1)}",
                    float(made.log_density(x).mean()),
                    float(made.log_density(new).mean()),
                )
            )
    grid = np.linspace(-8, 7, 400)[:, None]
    lines = {
        "the density": (grid, truth(grid)),
        **{f"{k} Gaussian{'s' * (k > 1)}": (grid, np.exp(kept["three humps", k].log_density(grid))) for k in (1, 3)},
    }
    shown = {"The density, one Gaussian and three.": lambda: curves(lines, across="x", up="density")}
    found = np.sort(kept["three humps", 3].means_[:, 0])
    notes = [f"Means of the three: {', '.join(f'{m:.2f}' for m in found)}; those drawn from are -4, 0 and 3.5."]
    columns = ("numbers", "model", "mean log-likelihood, training", "unseen")
    return Table("A density with three humps", columns, rows, notes, {"rows": n, "seed": 0}, pictures=shown)


@recipe(
    "likelihood-or-discrimination",
    source="Hifny figure 13.8",
    figure="the border moves and turns so that fewer rows are wrong",
    experiments="hifny-20",
)
def discriminated(size: Size) -> Table:
    """Two classes of Gaussians by likelihood, and moved by extended Baum-Welch: errors on training and unseen rows."""
    n_steps = 20 if size == "tiny" else 200
    iris = load_iris()
    order = np.random.default_rng(0).permutation(100)
    petals, kinds = iris.data[50:][order], iris.target[50:][order] - 1
    sets = {
        "a class with a far cloud": (*far_cloud(400, seed=0), *far_cloud(2000, seed=1)),
        "iris, versicolor and virginica": (petals[:60], kinds[:60], petals[60:], kinds[60:]),
    }
    rows, borders = [], {}
    for name, (x, y, new, answers) in sets.items():
        first = by_likelihood(torch.from_numpy(x), torch.from_numpy(y))
        for label, n in (("likelihood", 0), (f"{n_steps} steps of extended Baum-Welch", n_steps)):
            means, variances = moved(torch.from_numpy(x), torch.from_numpy(y), *first, n_steps=n)
            criterion = float(mmi(joint(torch.from_numpy(x), means, variances), torch.from_numpy(y)).mean())
            wrong = [float((said(v, means, variances) != t).mean()) for v, t in ((x, y), (new, answers))]
            rows.append((name, label, criterion, *wrong))
            borders[name, label] = means, variances
    x, y = sets["a class with a far cloud"][:2]
    shown = {
        f"By {label}.": lambda b=borders[name, label]: regions(lambda v: said(v, *b), x, y)
        for name, label in borders
        if name.startswith("a class")
    }
    notes = [
        "Each class is one Gaussian with a variance for each column. Likelihood puts the first between its two clouds "
        "and makes it wide; discrimination gives up how likely rows are for where the border lies.",
        "The variance of the update is less the square of the new mean, which the book's eq. 13.101 leaves out: its "
        "variances are too large by that square.",
    ]
    columns = ("rows", "trained by", "mean log p(class given row)", "wrong, training", "wrong, unseen")
    return Table("Likelihood and discrimination", columns, rows, notes, {"steps": n_steps, "seed": 0}, pictures=shown)


def far_cloud(n: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A class of a near and a far cloud, and one beside the near cloud: no single Gaussian fits the first."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    far = (rng.random(n) < 0.25) & (y == 0)
    x = 0.8 * rng.normal(size=(n, 2)) + np.where(y[:, None] == 1, [1.6, 0.6], [-0.6, 0.0])
    x[far] += [-6.0, 3.0]
    return x, y


def by_likelihood(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each class, (2, d) each: one step of EM from anywhere, since each class is one Gaussian."""
    start = GaussianParameters(torch.ones(1).to(x), torch.zeros(1, x.shape[1]).to(x), torch.eye(x.shape[1])[None].to(x))
    found = [em_step(x[y == k], start)[0] for k in (0, 1)]
    return torch.cat([f.means for f in found]), torch.stack([f.covariances[0].diagonal() for f in found])


def joint(x: Tensor, means: Tensor, variances: Tensor) -> Tensor:
    """ln p(x, class) with equal priors, (n, 2)."""
    return log_gaussian(x, means, torch.diag_embed(variances)) - np.log(2)


def said(x: np.ndarray, means: Tensor, variances: Tensor) -> np.ndarray:
    """The likelier class of each row."""
    return joint(torch.from_numpy(x), means, variances).argmax(1).numpy()


def moved(x: Tensor, y: Tensor, means: Tensor, variances: Tensor, *, n_steps: int) -> tuple[Tensor, Tensor]:
    """Means and variances after steps of extended Baum-Welch: counts of the right classes less those of all."""
    truth = torch.eye(2).to(x)[y]
    for _ in range(n_steps):
        shares = joint(x, means, variances).softmax(1)
        numerator, denominator = ((g.sum(0), g.T @ x, g.T @ x.square()) for g in (truth, shares))
        means, variances, _ = extended_baum_welch(means, variances, numerator, denominator)
    return means, variances
