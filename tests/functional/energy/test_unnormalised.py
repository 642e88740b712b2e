"""Weights learned without Z against the law written out."""

import pytest
import torch

from parnassus.functional.energy import boltzmann_energy, boltzmann_law
from parnassus.functional.energy.unnormalised import probability_flow, unit_log_likelihood


def machine(d=4):
    g = torch.Generator().manual_seed(0)
    w = torch.randn(d, d, generator=g, dtype=torch.float64).triu(1)
    return w + w.T, torch.randn(d, generator=g, dtype=torch.float64)


def test_both_are_what_energies_and_conditionals_written_out_make_of_them():
    w, b = machine()
    states, law = boltzmann_law(w, b)
    number = {tuple(s.tolist()): i for i, s in enumerate(states)}
    pseudo, flow = torch.zeros(16).double(), torch.zeros(16).double()
    for i, s in enumerate(states):
        for j in range(4):
            other = s.clone()
            other[j] = 1 - other[j]
            k = number[tuple(other.tolist())]
            pseudo[i] += (law[i] / (law[i] + law[k])).log()
            flow[i] += (0.5 * (boltzmann_energy(s, w, b) - boltzmann_energy(other, w, b))).exp()
    torch.testing.assert_close(unit_log_likelihood(states, w, b), pseudo)
    torch.testing.assert_close(probability_flow(states, w, b), flow)


@pytest.mark.parametrize("loss", [lambda s, w, b: -unit_log_likelihood(s, w, b), probability_flow])
def test_the_least_loss_over_the_exact_law_is_at_the_true_weights(loss):
    true_w, true_b = machine()
    states, law = boltzmann_law(true_w, true_b)
    raw, b = torch.zeros(4, 4).double().requires_grad_(), torch.zeros(4).double().requires_grad_()
    fit = torch.optim.LBFGS([raw, b], max_iter=500, line_search_fn="strong_wolfe", tolerance_grad=1e-10)

    def closure():
        fit.zero_grad()
        upper = raw.triu(1)
        found = (law * loss(states, upper + upper.T, b)).sum()
        found.backward()
        return found

    for _ in range(3):
        fit.step(closure)
    torch.testing.assert_close(raw.detach().triu(1), true_w.triu(1), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(b.detach(), true_b, rtol=1e-4, atol=1e-4)
