"""Belief nets against sums over every state, and the delta rule against autograd."""

import itertools

import torch

from parnassus.functional.energy.boltzmann import all_states
from parnassus.functional.sigmoid_beliefs import delta_rule, exact_belief_log_likelihood, log_bernoulli


def net(*widths):
    g = torch.Generator().manual_seed(0)
    weights = [torch.randn(a, b, generator=g, dtype=torch.float64) for a, b in itertools.pairwise(widths)]
    return weights, [torch.randn(n, generator=g, dtype=torch.float64) for n in widths]


def test_the_likelihood_is_the_sum_over_hidden_states_one_by_one():
    weights, biases = net(3, 2, 2)
    for v in all_states(3).double():
        total = 0.0
        for h, top in itertools.product(all_states(2).double(), all_states(2).double()):
            p = 1.0
            for x, pull in ((v, weights[0] @ h + biases[0]), (h, weights[1] @ top + biases[1]), (top, biases[2])):
                for unit, a in zip(x.tolist(), pull.tolist(), strict=True):
                    on = 1 / (1 + torch.tensor(-a, dtype=torch.float64).exp())
                    p = p * (on if unit else 1 - on)
            total = total + p
        torch.testing.assert_close(exact_belief_log_likelihood(v[None], weights, biases)[0], total.log())


def test_probabilities_of_all_rows_sum_to_one():
    for widths in ((4, 3), (4, 3, 2), (3, 2, 2, 2)):
        found = exact_belief_log_likelihood(all_states(widths[0]).double(), *net(*widths))
        torch.testing.assert_close(found.exp().sum(), torch.tensor(1.0, dtype=torch.float64))


def test_the_delta_rule_is_the_slope_of_the_likelihood_of_seen_units():
    (weight,), (bias, _) = net(3, 2)
    x, above = all_states(5).double().split([3, 2], 1)
    weight.requires_grad_()
    bias.requires_grad_()
    slopes = torch.autograd.grad(log_bernoulli(x, above @ weight.T + bias).mean(), (weight, bias))
    torch.testing.assert_close(delta_rule(x, above, weight.detach(), bias.detach()), slopes)
    theirs = torch.distributions.Bernoulli(logits=above @ weight.T + bias).log_prob(x).sum(1)
    torch.testing.assert_close(log_bernoulli(x, above @ weight.T + bias), theirs)
