"""Conditional random fields against all taggings written out, and against the HMM that they contain."""

import itertools
import math

import pytest
import torch

from parnassus.functional import chains, crf

K, LENGTHS = 3, [4, 1, 3]


@pytest.fixture
def field():
    g = torch.Generator().manual_seed(0)
    scores = torch.randn(len(LENGTHS), 4, K, generator=g, dtype=torch.float64)
    parts = {
        n: torch.randn(*s, generator=g, dtype=torch.float64)
        for n, s in (("transitions", (K, K)), ("start", (K,)), ("end", (K,)))
    }
    return scores, torch.tensor(LENGTHS), parts


def taggings(scores, n, transitions, start, end):
    found = {}
    for tags in itertools.product(range(K), repeat=n):
        value = start[tags[0]] + end[tags[-1]] + sum(scores[t, k] for t, k in enumerate(tags))
        found[tags] = float(value + sum(transitions[a, b] for a, b in itertools.pairwise(tags)))
    return found


def test_probabilities_marginals_and_best_tags_are_those_of_all_taggings(field):
    scores, lengths, parts = field
    partition = crf.log_partition(scores, lengths, **parts)
    shares = crf.marginals(scores, lengths, **parts)
    best, values = crf.decode(scores, lengths, **parts)
    for r, n in enumerate(LENGTHS):
        every = taggings(scores[r], n, **parts)
        total = math.fsum(math.exp(v) for v in every.values())
        assert math.isclose(float(partition[r]), math.log(total), rel_tol=1e-12)
        top = max(every, key=every.get)
        assert tuple(best[r].tolist()) == top
        assert math.isclose(float(values[r]), every[top], rel_tol=1e-12)
        for t, k in itertools.product(range(4), range(K)):
            expected = math.fsum(math.exp(v) for y, v in every.items() if t < n and y[t] == k) / total
            assert math.isclose(float(shares[r, t, k]), expected, abs_tol=1e-12)
        tags = torch.zeros(len(LENGTHS), 4, dtype=torch.int64)
        tags[r, :n] = torch.tensor(top)
        found = crf.log_likelihood(scores, tags, lengths, **parts)[r]
        assert math.isclose(float(found), every[top] - math.log(total), rel_tol=1e-12)


def test_what_follows_a_rows_end_changes_nothing_and_gets_no_slope(field):
    scores, lengths, parts = field
    tags = torch.ones(3, 4, dtype=torch.int64)
    before = crf.log_likelihood(scores, tags, lengths, **parts)
    scores = scores.clone()
    scores[1, 1:] = 99.0
    scores.requires_grad_()
    after = crf.log_likelihood(scores, tags, lengths, **parts)
    torch.testing.assert_close(before, after)
    (slope,) = torch.autograd.grad(after.sum(), scores)
    assert not slope[1, 1:].any()


def test_gradients_are_those_of_finite_differences(field):
    scores, lengths, parts = field
    tags = torch.tensor([[0, 2, 1, 1], [2, 0, 0, 0], [1, 1, 0, 0]])

    def loss(scores, transitions, start, end):
        return crf.log_likelihood(scores, tags, lengths, transitions=transitions, start=start, end=end)

    inputs = [t.clone().requires_grad_() for t in (scores, parts["transitions"], parts["start"], parts["end"])]
    assert torch.autograd.gradcheck(loss, inputs)


def test_log_probabilities_make_it_the_hmm(field):
    scores, _, parts = field
    start, step = parts["start"].log_softmax(0), parts["transitions"].log_softmax(1)
    found = crf.log_partition(scores[:1], torch.tensor([4]), transitions=step, start=start, end=torch.zeros(K).double())
    torch.testing.assert_close(found[0], chains.forward(start, step, scores[0])[1], rtol=1e-12, atol=0)
