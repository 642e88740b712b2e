"""Machines with an energy against scikit-learn's, and against laws written out state by state."""

import itertools

import numpy as np
import torch

from ..functional import energy
from ..functional.energy.deep import DeepMachine, deep_energy, exact_deep_log_partition, exact_deep_log_weight
from ..functional.sigmoid_beliefs import delta_rule, exact_belief_log_likelihood
from . import check, gap


@check("rbm", oracle="scikit-learn", tolerance=1e-10)
def free_energies_and_hidden_units() -> float:
    """Free energies and hidden probabilities with the weights of scikit-learn's machine."""
    from sklearn.neural_network import BernoulliRBM

    rng = np.random.default_rng(0)
    theirs = BernoulliRBM(5, n_iter=2, random_state=0).fit(rng.random((40, 8)).round())
    parts = theirs.components_.T, theirs.intercept_visible_, theirs.intercept_hidden_
    w, b, c = (torch.from_numpy(part) for part in parts)
    ours = energy.Machine(w, b, c)
    v = rng.random((6, 8)).round()
    rows = torch.from_numpy(v)
    return max(
        gap(energy.free_energy(rows, ours), theirs._free_energy(v)),
        gap(energy.hidden_probability(rows, ours), theirs.transform(v)),
    )


@check("boltzmann-machine", "gibbs-sampling", oracle="(closed form)", tolerance=0.02)
def sweeps_against_the_law() -> float:
    """The shares of 16 states after sweeps of 20,000 machines of four units, against exp(-E) / Z."""
    draw = np.triu(np.random.default_rng(0).normal(size=(4, 4)), 1)
    w = torch.from_numpy(draw + draw.T)
    b = torch.from_numpy(np.random.default_rng(1).normal(size=4))
    _, law = energy.boltzmann_law(w, b)
    start = torch.zeros(20_000, 4, dtype=torch.float64)
    drawn = energy.gibbs_sweeps(start, w, b, n_sweeps=15, generator=torch.Generator().manual_seed(0))
    number = (drawn @ torch.tensor([8.0, 4.0, 2.0, 1.0], dtype=torch.float64)).long()
    return gap(torch.bincount(number, minlength=16) / 20_000, law)


@check("contrastive-divergence", oracle="(closed form)", tolerance=1e-5)
def slopes_of_the_exact_law() -> float:
    """Contrastive slopes with rows of the machine's own law, against the likelihood's gradient (oracle B7.3)."""
    w = torch.tensor([[1.0, -1.0], [0.5, 2.0], [-0.5, 0.0]], dtype=torch.float64)
    machine = energy.Machine(w, torch.tensor([0.1, -0.2, 0.3]).double(), torch.tensor([0.0, -0.5]).double())
    states = torch.tensor([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)], dtype=torch.float64)
    times = ((-energy.free_energy(states, machine)).softmax(0) * 2_000_000).round().long()
    data = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], dtype=torch.float64)
    by_w, _, _ = energy.contrastive_slopes(data, states.repeat_interleave(times, 0), machine)
    expected = torch.tensor([[0.081119, 0.002591], [-0.062775, -0.056911], [0.082402, 0.035272]], dtype=torch.float64)
    return gap(-by_w, expected)


@check("deep-boltzmann-machine", oracle="scikit-learn", tolerance=1e-10)
def a_deep_machine_of_one_layer() -> float:
    """ln p(v) + ln Z of a deep Boltzmann machine of one hidden layer, against scikit-learn's free energies."""
    from sklearn.neural_network import BernoulliRBM

    rng = np.random.default_rng(0)
    theirs = BernoulliRBM(5, n_iter=2, random_state=0).fit(rng.random((40, 8)).round())
    parts = theirs.components_.T, theirs.intercept_visible_, theirs.intercept_hidden_
    w, b, c = (torch.from_numpy(part) for part in parts)
    v = rng.random((6, 8)).round()
    ours = exact_deep_log_weight(torch.from_numpy(v), DeepMachine([w], [b, c]))
    return gap(ours, -theirs._free_energy(v))


@check("deep-boltzmann-machine", oracle="(closed form)", tolerance=1e-9)
def layers_summed_out_against_all_states() -> float:
    """ln Z of a machine of 3, 3, 2 and 2 units against the sum over its 1,024 states."""
    g = torch.Generator().manual_seed(0)
    widths = (3, 3, 2, 2)
    weights = [torch.randn(a, b, generator=g, dtype=torch.float64) for a, b in itertools.pairwise(widths)]
    machine = DeepMachine(weights, [torch.randn(n, generator=g, dtype=torch.float64) for n in widths])
    states = (torch.arange(1024)[:, None] >> torch.arange(10)) & 1
    whole = (-deep_energy(list(states.double().split(widths, 1)), machine)).logsumexp(0)
    return gap(whole, exact_deep_log_partition(machine))


@check("wake-sleep", oracle="torch", tolerance=1e-10)
def belief_nets_and_the_delta_rule() -> float:
    """Probabilities of all rows of a belief net sum to 1, and the delta rule is the slope of torch's log_prob."""
    g = torch.Generator().manual_seed(0)
    widths = (4, 3, 2)
    weights = [torch.randn(a, b, generator=g, dtype=torch.float64) for a, b in itertools.pairwise(widths)]
    biases = [torch.randn(n, generator=g, dtype=torch.float64) for n in widths]
    rows = ((torch.arange(16)[:, None] >> torch.arange(4)) & 1).double()
    whole = exact_belief_log_likelihood(rows, weights, biases).exp().sum()
    above = torch.rand(16, 3, generator=g, dtype=torch.float64).round()
    w = weights[0].clone().requires_grad_()
    seen = torch.distributions.Bernoulli(logits=above @ w.T + biases[0]).log_prob(rows).sum(1).mean()
    (slope,) = torch.autograd.grad(seen, w)
    ours, _ = delta_rule(rows, above, weights[0], biases[0])
    return max(gap(whole, 1), gap(slope, ours))
