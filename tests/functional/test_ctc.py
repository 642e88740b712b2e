"""CTC by hand: the loss, posteriors, alignments. Numbers come from all paths written out, and from torch's ctc_loss."""

import itertools
import math

import pytest
import torch

from parnassus.functional.ctc import (
    Span,
    best_path,
    collapsed,
    ctc_loss,
    ctc_posteriors,
    forced_alignment,
    frames_needed,
)


def drawn(time, classes, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(time, classes, generator=g, dtype=torch.float64).log_softmax(-1)


def every_path(log_probs):
    time, classes = log_probs.shape
    for path in itertools.product(range(classes), repeat=time):
        yield path, float(sum(log_probs[t, k] for t, k in enumerate(path)))


@pytest.mark.parametrize("labels", [[], [1], [1, 2], [1, 1], [2, 2, 1], [1, 2, 1, 2]])
def test_the_loss_adds_up_all_paths(labels):
    log_probs = drawn(5, 3)
    total = sum(math.exp(score) for path, score in every_path(log_probs) if collapsed(path) == labels)
    assert float(ctc_loss(log_probs, torch.tensor(labels, dtype=torch.int64))) == pytest.approx(-math.log(total))


@pytest.mark.parametrize("labels", [[1], [1, 2, 3], [2, 2, 2], [3, 1, 1, 2]])
def test_loss_and_gradient_are_those_of_torch(labels):
    raw = drawn(11, 4).requires_grad_()
    y = torch.tensor(labels)
    ours = ctc_loss(raw.log_softmax(-1), y)
    sizes = torch.tensor([11]), torch.tensor([len(labels)])
    theirs = torch.nn.functional.ctc_loss(raw.log_softmax(-1)[:, None], y[None], *sizes, reduction="sum")
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    (one,), (other,) = torch.autograd.grad(ours, raw), torch.autograd.grad(theirs, raw)
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_posteriors_are_minus_the_gradient_by_log_probabilities():
    log_probs, labels = drawn(8, 4).requires_grad_(), torch.tensor([1, 3, 3])
    loss, gamma = ctc_posteriors(log_probs.detach(), labels)
    (gradient,) = torch.autograd.grad(ctc_loss(log_probs, labels), log_probs)
    states = torch.tensor([0, 1, 0, 3, 0, 3, 0])
    by_class = torch.zeros(8, 4, dtype=torch.float64).index_add_(1, states, gamma)
    torch.testing.assert_close(by_class, -gradient, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(gamma.sum(1), torch.ones(8, dtype=torch.float64))
    torch.testing.assert_close(loss, ctc_loss(log_probs.detach(), labels))


def test_too_few_frames_make_the_loss_infinite():
    assert ctc_loss(drawn(3, 3), torch.tensor([1, 1, 1])) == math.inf
    assert frames_needed(torch.tensor([[1, 1, 1], [1, 2, 0], [0, 0, 0]]), torch.tensor([3, 2, 0])).tolist() == [5, 2, 0]


def test_the_alignment_is_the_best_of_all_paths():
    log_probs, labels = drawn(6, 3, seed=3), [1, 2, 2]
    paths = [(score, path) for path, score in every_path(log_probs) if collapsed(path) == labels]
    score, path = max(paths)
    spans, found = forced_alignment(log_probs, torch.tensor(labels))
    assert found == pytest.approx(score)
    runs = [(k, list(run)) for k, run in itertools.groupby(enumerate(path), key=lambda one: one[1])]
    assert spans == [Span(run[0][0], run[-1][0] + 1) for k, run in runs if k]


def test_an_empty_transcript_is_all_blanks():
    log_probs = drawn(4, 3)
    empty = torch.zeros(0, dtype=torch.int64)
    assert float(ctc_loss(log_probs, empty)) == pytest.approx(-float(log_probs[:, 0].sum()))
    spans, score = forced_alignment(log_probs, empty)
    assert spans == []
    assert score == pytest.approx(float(log_probs[:, 0].sum()))


def test_the_best_path_stops_at_the_rows_length():
    log_probs = torch.tensor([[[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]]).log().expand(2, -1, -1)
    found = best_path(log_probs, torch.tensor([3, 2]))
    assert [labels for labels, _ in found] == [[1, 1], [1]]
    assert found[1][1] == pytest.approx(math.log(0.9 * 0.8), abs=1e-6)
