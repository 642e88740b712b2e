"""Hopfield's net, Boltzmann machines of few units, and the first machines, against sums over all states."""

import numpy as np
import torch

from ..byhand.first_machines import mark1, mcculloch_pitts
from ..data.samples import truth_table
from ..functional import energy
from . import check, gap


@check("hopfield-network", oracle="(closed form)", tolerance=0)
def stored_patterns_are_valleys() -> float:
    """Three patterns of 64 units come back from seven flipped units each, and no flip of one unit lowers the energy."""
    rng = np.random.default_rng(0)
    patterns = torch.from_numpy(rng.choice([-1.0, 1.0], (3, 64)))
    weights = energy.hebbian_weights(patterns)
    spoilt = patterns.clone()
    for row in spoilt:
        row[torch.from_numpy(rng.choice(64, 7, replace=False))] *= -1
    back = energy.recall(spoilt, weights)
    flips = 1 - 2 * torch.eye(64, dtype=torch.float64)
    valley = energy.hopfield_energy(patterns[0] * flips, weights) >= energy.hopfield_energy(patterns[:1], weights)
    return gap(back, patterns) + float(not valley.all())


@check("bm-learning", oracle="(closed form)", tolerance=1e-6)
def slopes_of_a_machine_of_five_units() -> float:
    """The slope by every weight of KL(data || machine), against finite differences of the sum over all states."""
    rng = np.random.default_rng(0)
    w = np.triu(rng.normal(size=(5, 5)), 1)
    weights, bias = torch.from_numpy(w + w.T), torch.from_numpy(rng.normal(size=5))
    data = torch.from_numpy(rng.integers(0, 2, (6, 3)).astype(float))

    def cost(weights: torch.Tensor) -> float:
        states, law = energy.boltzmann_law(weights, bias)
        shown = [float(law[(states[:, :3] == row).all(1)].sum()) for row in data]
        return -float(np.mean(np.log(shown)))

    slope, _ = energy.boltzmann_gradient(data, weights, bias, n_visible=3)
    worst = 0.0
    for i, j in ((0, 1), (1, 4), (3, 4)):
        moved = torch.zeros(5, 5, dtype=torch.float64)
        moved[i, j] = moved[j, i] = 1e-5
        worst = max(worst, gap((cost(weights + moved) - cost(weights - moved)) / 2e-5, slope[i, j]))
    return worst


@check("gaussian-rbm", oracle="scipy", tolerance=1e-6)
def a_machine_of_real_units_is_a_mixture_of_normal_laws() -> float:
    """exp(-F(v)) of two real units and two hidden ones: its integral over the plane, by scipy, is Z."""
    from scipy.integrate import dblquad

    parts = [[[0.4, -0.3], [0.2, 0.5]], [0.1, -0.2], [0.3, -0.1]]
    w, b, c = (torch.tensor(p, dtype=torch.float64) for p in parts)
    machine = energy.Machine(w, b, c, gaussian=True)

    def weight(y: float, x: float) -> float:
        return float((-energy.free_energy(torch.tensor([[x, y]], dtype=torch.float64), machine)).exp())

    return gap(np.log(dblquad(weight, -8, 8, -8, 8, epsabs=1e-7)[0]), energy.exact_log_partition(machine))


@check("mcculloch-pitts", "rosenblatt-mark1", oracle="(closed form)", tolerance=0)
def the_first_machines_and_their_gates() -> float:
    """AND, OR and NOT by thresholds alone; XOR, which no plane parts, by units wired at random."""
    corners, both = truth_table("and")
    _, either = truth_table("or")
    _, odd = truth_table("xor")
    machine = mark1(corners, 2 * odd - 1, n_wires=2)
    return max(
        gap(mcculloch_pitts(corners, 1), both),
        gap(mcculloch_pitts(corners, 0), either),
        gap(mcculloch_pitts([[1], [1]], 0, inhibit=[0, 1]), [1, 0]),
        gap(machine.output(corners), 2 * odd - 1),
    )
