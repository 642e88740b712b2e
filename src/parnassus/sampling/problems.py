"""What makes draws, or a fitted distribution, doubtful: each in words, with what to do."""

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from . import diagnostics

if TYPE_CHECKING:
    from . import variational
    from .chains import Chains

AGREE, FEW = 1.01, 100  # R-hat above which chains disagree, and effective draws a chain needs
APART, GROWN = 1.1, 1.4  # R-hat and growth of a parameter that wanders; random walks grow 4-fold, settled chains not
REFUSED = 1e-3  # mean acceptance of a chain that stands still
SHOWN = 0.85  # share of the variance that points of SVGD are to show
SPREADING = 1.1  # growth of the widest deviation over the second half of SVGD's steps
FALL = 2.5  # of the log density over ten deviations of a fit; a Cauchy's is 5, that of 1 / |x| 2.3
RISEN = 1.0  # nats by which a bound that has settled does not rise over the second half


def rhat_text(value: float) -> str:
    """R-hat with four decimals, upwards, so that 1.01002 is not shown as 1.01; of more than a hundred, its size."""
    if not np.isfinite(value) or value > 100:
        return f"{value:.3g}"
    return f"{math.ceil(round(value * 1e4, 6)) / 1e4:.4f}"


def of_chains(chains: "Chains") -> list[str]:
    """Of draws: chains that disagree, wander or stand still, draws too few, paths that left, and what methods tell."""
    summary = chains.summary()
    found = _disagreeing(chains, summary)
    fewest = min(summary, key=lambda k: min(summary[k]["bulk ess"], summary[k]["tail ess"]))
    least = min(summary[fewest]["bulk ess"], summary[fewest]["tail ess"])
    if least < FEW * chains.n_chains:
        found.append(f"{fewest} has {least:.0f} effective draws; its quantiles need {FEW} a chain: draw more")
    return found + _of_paths(chains) + _of_method(chains)


def _disagreeing(chains: "Chains", summary: dict[str, dict[str, float]]) -> list[str]:
    worst = max(summary, key=lambda k: np.nan_to_num(summary[k]["R-hat"], nan=np.inf))
    rhat, found = summary[worst]["R-hat"], []
    if not rhat <= AGREE:
        text = f"R-hat of {worst} is {rhat_text(rhat)}" if np.isfinite(rhat) else f"{worst} never moved"
        found.append(f"the chains do not agree: {text} (at most {AGREE}); run longer, or start elsewhere")
    apart = {k: v for k, v in chains.columns().items() if summary[k]["R-hat"] > APART}
    grown = {k: diagnostics.displacement_growth(v) for k, v in apart.items() if v.shape[1] >= 40}
    if grown and max(grown.values()) > GROWN:
        name = max(grown, key=lambda k: grown[k])
        found.append(
            f"{name} still wanders: its spread grows with the run. Either the chains have far to go, or the density "
            f"has no finite integral over {name}; run longer, and where the spread grows again give it a prior"
        )
    return found


def _of_paths(chains: "Chains") -> list[str]:
    found, n = [], int(chains.divergent.sum())
    if n:
        found.append(
            f"{n} of {chains.divergent.size} paths diverged: the density bends faster than the step follows; "
            f"raise target, or sample other parameters (centre and scale them)"
        )
    if chains.method in ("hmc", "nuts") and chains.energy.shape[1] >= 4:
        with np.errstate(over="ignore", invalid="ignore"):
            fraction = diagnostics.energy_fraction(chains.energy)
        if np.nanmin(fraction, initial=np.inf) < 0.3:
            found.append(f"energies move slowly (fraction {np.nanmin(fraction):.2f}, at least .3): heavy tails")
    stuck = np.flatnonzero(chains.acceptance.mean(1) < REFUSED)
    if len(stuck) == chains.n_chains:
        found.append("nearly every move was refused; give a smaller step or scale")
    elif len(stuck):
        named = ", ".join(map(str, stuck[:5])) + (", ..." if len(stuck) > 5 else "")
        found.append(
            f"nearly every move of chain {named} was refused: it stands still; warm up longer, or start elsewhere"
        )
    return found


def _of_method(chains: "Chains") -> list[str]:
    found, settings = [], chains.settings
    if settings.get("least swap", 1.0) < 0.05:
        found.append(f"neighbouring powers change places {settings['least swap']:.3f} of the time; raise n_powers")
    if settings.get("variance shown", 1.0) < SHOWN:
        n, d = chains.log_p.shape[1], len(chains.columns())
        found.append(
            f"{n} points in {d} dimensions show about {100 * settings['variance shown']:.0f} % of a normal's "
            f"variance, so that every interval is too narrow; take method='nuts' or 'hmc', or many more points"
        )
    if settings.get("growth", 1.0) > SPREADING:
        found.append(
            f"the points still move apart, {settings['growth']:.2f}-fold over the second half of the steps: raise "
            f"n_steps; where they go as far again, the density has no finite integral and needs a prior"
        )
    if settings.get("widest", 0.0) > 1:
        found.append(
            f"in some direction the particles spread {settings['widest']:.3g} times as wide as the normal they began "
            f"with, and the evidence is too small; give a larger covariance. Where they spread wider again, the "
            f"density has no finite integral and no evidence"
        )
    return found


def variance_shown(n: int, d: int) -> float:
    """About what share of a normal's variance n points of Stein variational gradient descent show in d dimensions.

    Where the points stand still, in many dimensions, all are as far apart, |x_i - x_j|^2 = 2 d v, and the median gives
    the kernel exp(-|x_i - x_j|^2 / h) = 1 / (n + 1); the pull and the push then balance at v = ln(n + 1) / d. In few
    dimensions v is near 1; 1 / sqrt(1 + r^2) with r = d / ln(n + 1) goes from one to the other.

    Source: Ba et al. 2022, on the collapse of the variance, whose kernels this follows.

    >>> round(variance_shown(100, 1), 2), round(variance_shown(100, 50), 2)
    (0.98, 0.09)
    """
    return 1 / math.hypot(1.0, d / math.log(n + 1))


def of_variational(fit: "variational.Variational") -> list[str]:
    """Of a fitted distribution: one far from the posterior, and a bound that had not settled."""
    found = []
    if not fit.shape <= 0.7:
        richer = "family='full_rank', " if fit.family in ("mean_field", "low_rank") else ""
        richer += "transformed parameters with family='flow', " if fit.factors else ""
        richer += "family='flow', " if not fit.factors and fit.family != "flow" else ""
        found.append(
            f"Pareto's k is {fit.shape:.2f} (at most .7): the {fit.family} fit is far from the posterior; "
            f"try {richer}other parameters, or pn.sample"
        )
    if fit.fall < FALL:
        found.append(
            f"ten deviations from its mean along one axis the log density falls by {fit.fall:.2f} only, where a "
            f"normal's falls by 50: it is far wider than the fit, or has no finite integral and needs a prior"
        )
    rise = risen(fit.elbo)
    if rise > RISEN:
        found.append(
            f"the bound rose by {rise:.1f} over the second half of the steps: raise n_steps; where it rises again as "
            f"much, the density has no finite integral and needs a prior"
        )
    return found


def risen(elbo: ArrayLike) -> float:
    """How much the last tenth of bounds lies above those just past the middle; 0 where noise alone may do that."""
    values = np.asarray(elbo, dtype=np.float64)
    n = len(values) // 10
    if n < 10:
        return 0.0
    middle, last = values[len(values) // 2 : len(values) // 2 + n], values[-n:]
    rise = float(last.mean() - middle.mean())
    error = math.sqrt((middle.var(ddof=1) + last.var(ddof=1)) / n)
    return rise if rise > 5 * error else 0.0
