"""Products of a few rows by the kernel: torch's, at every size, and torch's own where it does not serve."""

import pytest
import torch
from torch.nn.functional import linear

from parnassus import kernels
from parnassus.functional import few_rows
from parnassus.functional.few_rows import affine

pytestmark = pytest.mark.usefixtures("draws")


@pytest.mark.skipif(kernels.load("few_rows") is None, reason="no C++ compiler here: torch's linear serves")
@pytest.mark.parametrize("rows", range(1, 9))
@pytest.mark.parametrize(("n_in", "n_out"), [(1, 1), (7, 5), (16, 4), (37, 11), (88, 3), (384, 30)])
def test_products_are_torchs(rows, n_in, n_out, monkeypatch):
    x, w, b = torch.randn(rows, n_in), torch.randn(n_out, n_in), torch.randn(n_out)
    monkeypatch.setattr(few_rows, "linear", lambda *_: pytest.fail("the kernel was not used"))
    with torch.inference_mode():
        for bias in (b, None):
            wanted = linear(x.double(), w.double(), None if bias is None else b.double())
            torch.testing.assert_close(affine(x, w, bias).double(), wanted, rtol=1e-5, atol=1e-5 * n_in**0.5)
        turned = torch.randn(n_in, rows).t()  # rows that do not lie one behind the other
        torch.testing.assert_close(affine(turned, w, b), linear(turned.contiguous(), w, b), rtol=1e-5, atol=1e-4)


@pytest.mark.skipif(kernels.load("few_rows") is None, reason="no C++ compiler here: torch's linear serves")
def test_threads_change_nothing():
    x, w, found = torch.randn(3, 500), torch.randn(301, 500), []
    before = torch.get_num_threads()
    try:
        for n in (1, 3):
            torch.set_num_threads(n)
            with torch.no_grad():
                found.append(affine(x, w))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)


def test_slopes_doubles_and_many_rows_are_torchs_work():
    x, w = torch.randn(3, 4), torch.randn(5, 4, requires_grad=True)
    (slope,) = torch.autograd.grad(affine(x, w).sum(), w)
    torch.testing.assert_close(slope, x.sum(0).expand(5, 4))
    with torch.no_grad():
        assert torch.equal(affine(x.double(), w.double()), linear(x.double(), w.double()))
        many = torch.randn(9, 4)
        assert torch.equal(affine(many, w), linear(many, w))
