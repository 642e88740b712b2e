"""Rows of a table: products with unit vectors, gradients that add up, sizes of the books."""

import pytest
import torch

from parnassus.errors import DataError
from parnassus.functional.word_vectors import lookup, lookup_backward
from parnassus.layers.embedding import embedding_of


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_look_up_is_the_product_with_unit_vectors():
    table, ids = drawn(7, 3), torch.tensor([[2, 2, 0], [6, 1, 2]])
    wanted = torch.nn.functional.one_hot(ids, 7).double() @ table
    torch.testing.assert_close(lookup(table, ids), wanted)
    torch.testing.assert_close(torch.nn.functional.embedding(ids, table), wanted)


def test_its_gradient_adds_up_over_places():
    table, ids = drawn(7, 3).requires_grad_(), torch.tensor([[2, 2, 0], [6, 1, 2]])
    gradient = drawn(2, 3, 3, seed=1)
    (wanted,) = torch.autograd.grad(lookup(table, ids), table, gradient)
    torch.testing.assert_close(lookup_backward(gradient, ids, n_words=7), wanted)
    by_product = torch.nn.functional.one_hot(ids, 7).double().flatten(0, 1).mT @ gradient.flatten(0, 1)
    torch.testing.assert_close(wanted, by_product)


def test_baker_b58_twenty_words_of_sixteen_become_twenty_of_five():
    table, ids = drawn(16, 5), torch.arange(20) % 16
    assert torch.nn.functional.one_hot(ids, 16).shape == (20, 16)
    assert lookup(table, ids).shape == (20, 5)
    assert sum(p.numel() for p in embedding_of(table).parameters()) == 80


def test_given_vectors_stay_or_learn_on():
    vectors = drawn(6, 4).float()
    held, free = embedding_of(vectors), embedding_of(vectors, frozen=False, pad_id=0)
    assert not held.weight.requires_grad
    free(torch.tensor([0, 3])).sum().backward()
    assert not free.weight.grad[0].any()
    assert free.weight.grad[3].eq(1).all()
    assert not free(torch.tensor([0])).any()
    assert not held.weight.is_set_to(vectors)
    torch.testing.assert_close(held(torch.tensor([5])), vectors[5:])


@pytest.mark.parametrize("vectors", [torch.ones(3), torch.ones(3, 2, dtype=torch.int64), torch.full((2, 2), torch.nan)])
def test_what_is_no_table_is_refused(vectors):
    with pytest.raises(DataError, match="finite numbers"):
        embedding_of(vectors)
