"""How many threads a net is worth: one where threads would wait for each other longer than they work."""

import math

import pytest
import torch
from torch import nn

from parnassus.estimators.fitting.training import SMALL_PRODUCT, largest_product, threads_for
from parnassus.layers.cells import LSTM

SIZES = {
    "dense": (lambda: nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2)), 15),
    "torch's LSTM": (lambda: nn.LSTM(8, 128), 4 * 128 * 128),
    "our LSTM": (lambda: LSTM(8, 128), 4 * 128 * 128),
    "looked up": (lambda: nn.Sequential(nn.Embedding(1000, 64), nn.Linear(64, 2)), 128),
    "convolution": (lambda: nn.Sequential(nn.Conv1d(1, 2, 3), nn.Linear(2, 2)), math.inf),
    "no product": (lambda: nn.LayerNorm(1000), 0),
}


@pytest.mark.parametrize(("make", "largest"), SIZES.values(), ids=SIZES)
def test_the_largest_product_is_that_of_any_matrix(make, largest, draws):
    assert largest_product(make()) == largest


@pytest.mark.parametrize(("batch_size", "threads"), [(1, 1), (SMALL_PRODUCT // 65_536 + 1, 2)])
def test_a_recurrent_net_of_large_batches_keeps_its_threads(batch_size, threads, monkeypatch, draws):
    set_to = [2]
    monkeypatch.setattr(torch, "get_num_threads", lambda: set_to[-1])
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    net = LSTM(8, 128)
    with threads_for(net, batch_size):
        assert set_to[-1] == threads
    assert set_to[-1] == 2
