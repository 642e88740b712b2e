"""A book of codes: the nearest by force, slopes that pass through, charges whose least is a mean, and its use."""

import math

import pytest
import torch

from parnassus.functional.vector_quantization import codebook_losses, nearest_codes, perplexity, straight_through


def test_the_nearest_code_is_found_as_by_force(draws):
    z, book = torch.randn(3, 5, 4, dtype=torch.float64), torch.randn(7, 4, dtype=torch.float64)
    slow = [[min(range(7), key=lambda k, v=v: float((v - book[k]).square().sum())) for v in row] for row in z]
    assert nearest_codes(z, book).tolist() == slow


def test_slopes_go_through_as_if_nothing_was_rounded(draws):
    z, code = torch.randn(4, 3, dtype=torch.float64).requires_grad_(), torch.randn(4, 3, dtype=torch.float64)
    made = straight_through(z, code)
    torch.testing.assert_close(made.detach(), code)
    (made.square().sum()).backward()
    torch.testing.assert_close(z.grad, 2 * code)


def test_the_book_is_charged_least_at_the_means_of_what_its_codes_stand_for(draws):
    """The first term's slope by a code is 0 at a step of Lloyd's k-means, and the second moves z alone."""
    z, numbers = torch.randn(20, 2, dtype=torch.float64).requires_grad_(), torch.arange(20) % 4
    book = torch.stack([z[numbers == k].mean(0) for k in range(4)]).detach().requires_grad_()
    moved, kept = codebook_losses(z, book[numbers])
    slope, none = torch.autograd.grad(moved.sum(), (book, z), allow_unused=True)
    assert none is None
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-12, rtol=0)
    toward, none = torch.autograd.grad(kept.sum(), (z, book), allow_unused=True)
    assert none is None
    torch.testing.assert_close(toward, 2 * (z - book[numbers]).detach())


@pytest.mark.parametrize(("codes", "due"), [([0, 1, 2, 3], 4.0), ([2, 2, 2], 1.0), ([0, 0, 0, 1], 4 / 27**0.25)])
def test_perplexity_is_how_many_codes_share_the_work(codes, due):
    assert float(perplexity(torch.tensor(codes), 5)) == pytest.approx(due)
    share = torch.tensor(codes).bincount().double() / len(codes)
    entropy = -sum(float(p) * math.log(float(p)) for p in share if p)
    assert math.log(due) == pytest.approx(entropy)
