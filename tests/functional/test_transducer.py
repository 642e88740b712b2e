"""The transducer's loss and best path: equal to all paths through the lattice written out."""

import itertools
import math

import pytest
import torch

from parnassus.functional.transducer import best_alignment, transducer_loss, transducer_loss_twin


def drawn(*shape, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=g, dtype=torch.float64).log_softmax(-1)


def every_path(log_probs, labels):
    """Frames in which the labels are written, and the score, of every path."""
    time, n = log_probs.shape[0], len(labels)
    for frames in itertools.combinations_with_replacement(range(time), n):
        score, u = 0.0, 0
        for t in range(time):
            while u < n and frames[u] == t:
                score += float(log_probs[t, u, labels[u]])
                u += 1
            score += float(log_probs[t, u, 0])
        yield list(frames), score


@pytest.mark.parametrize(
    ("time", "labels"), [(1, []), (4, []), (1, [2, 1]), (4, [1]), (3, [1, 1, 2]), (2, [1, 2, 2, 1])]
)
def test_the_loss_adds_up_all_paths(time, labels):
    log_probs, y = drawn(time, len(labels) + 1, 3), torch.tensor(labels, dtype=torch.int64)
    total = -math.log(sum(math.exp(score) for _, score in every_path(log_probs, labels)))
    assert float(transducer_loss_twin(log_probs, y)) == pytest.approx(total)
    sizes = torch.tensor([time]), torch.tensor([len(labels)])
    assert float(transducer_loss(log_probs[None], sizes[0], y[None], sizes[1])) == pytest.approx(total)


def test_a_batch_is_its_rows_and_so_is_the_gradient():
    log_probs = drawn(3, 6, 5, 4).requires_grad_()
    labels = torch.tensor([[1, 2, 3, 1], [3, 3, 0, 0], [2, 0, 0, 0]])
    lengths, sizes = torch.tensor([6, 4, 1]), torch.tensor([4, 2, 1])
    whole = transducer_loss(log_probs, lengths, labels, sizes)
    rows = [
        transducer_loss_twin(log_probs[i, :n, : m + 1], labels[i, :m])
        for i, (n, m) in enumerate(zip(lengths.tolist(), sizes.tolist(), strict=True))
    ]
    torch.testing.assert_close(whole, torch.stack(rows), rtol=1e-12, atol=1e-12)
    (one,), (other,) = torch.autograd.grad(whole.sum(), log_probs), torch.autograd.grad(sum(rows), log_probs)
    assert one.isfinite().all()
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("time", "labels"), [(4, [1, 2]), (3, [1, 1, 2]), (1, [2]), (3, [])])
def test_the_best_path_is_the_best_of_all(time, labels):
    log_probs = drawn(time, len(labels) + 1, 3, seed=time)
    score, frames = max((score, frames) for frames, score in every_path(log_probs, labels))
    found, total = best_alignment(log_probs, torch.tensor(labels, dtype=torch.int64))
    assert found == frames
    assert total == pytest.approx(score)
