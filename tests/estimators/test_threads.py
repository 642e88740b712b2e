"""How many threads a net is worth: one where threads would wait for each other longer than they work."""

import math

import pytest
import torch
from torch import nn

from parnassus.estimators.fitting.training import SMALL_PRODUCT, largest_product, threads_for
from parnassus.layers.cells import LSTM

SIZES = [
    (nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2)), 15),
    (nn.Linear(4, 4, bias=False), 16),
    (nn.LSTM(8, 128), 4 * 128 * 128),
    (LSTM(8, 128), 4 * 128 * 128),
    (nn.Sequential(nn.Embedding(10_000, 64), nn.Linear(64, 2)), 128),
    (nn.Sequential(nn.Conv1d(1, 2, 3), nn.Linear(2, 2)), math.inf),
    (nn.LayerNorm(1000), 0),
]


@pytest.mark.parametrize(("net", "largest"), SIZES, ids=lambda given: type(given).__name__)
def test_the_largest_product_is_that_of_any_matrix(net, largest):
    assert largest_product(net) == largest


@pytest.mark.parametrize(("batch_size", "threads"), [(1, 1), (SMALL_PRODUCT // 65_536 + 1, 2)])
def test_a_recurrent_net_of_large_batches_keeps_its_threads(batch_size, threads, monkeypatch):
    set_to = [2]
    monkeypatch.setattr(torch, "get_num_threads", lambda: set_to[-1])
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    with threads_for(LSTM(8, 128), batch_size):
        assert set_to[-1] == threads
    assert set_to[-1] == 2
