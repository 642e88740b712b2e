"""Attention at a step of decoding: beside one row, one head at a time by its equation."""

import pytest
import torch

from parnassus import kernels
from parnassus.functional.attention import scaled_dot_product
from parnassus.functional.attention.lookback import looked_back
from parnassus.layers.attention import KeyValueCache

WAYS = {"compiled": "", "torch": "off"}


@pytest.fixture(params=WAYS, ids=str)
def way(request, monkeypatch):
    if request.param == "compiled" and kernels.load("lookback") is None:
        pytest.skip(f"no kernel: {kernels.status()['lookback']}")
    monkeypatch.setenv("PARNASSUS_KERNELS", WAYS[request.param])


def by_rows(q, k, v, memory, seen, bias, scale):
    """The definition, a row and a head at a time."""
    shared = q.shape[1] // k.shape[1]
    found = torch.zeros_like(q)
    for i, row in enumerate(q):
        for h, asked in enumerate(row):
            keys, values = (
                torch.stack([part[m, h // shared, t] for t, m in enumerate(memory[i].tolist())]) for part in (k, v)
            )
            mask = None if seen is None else seen[i][None]
            added = None if bias is None else bias[h][None]
            found[i, h] = scaled_dot_product(asked[None], keys, values, mask=mask, bias=added, scale=scale).z[0]
    return found


@pytest.mark.parametrize("size", [1, 5, 16, 33])
@pytest.mark.parametrize(("heads", "groups"), [(1, 1), (4, 2)])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("biased", [False, True])
def test_each_row_finds_what_its_steps_hold(size, heads, groups, masked, biased, way, draws):
    rows, memories, length = 7, 4, 9
    q = torch.randn(rows, heads, size)
    k, v = (torch.randn(memories, 12, groups, size).transpose(1, 2) for _ in range(2))
    memory = torch.randint(memories, (rows, length))
    seen = (torch.rand(rows, length) < 0.6) if masked else None
    if seen is not None:
        seen[2] = False  # who may look nowhere finds nothing
    bias = torch.randn(heads, length) if biased else None
    found = looked_back(q, k, v, memory, seen=seen, bias=bias, scale=0.7)
    torch.testing.assert_close(found, by_rows(q, k, v, memory, seen, bias, 0.7), rtol=2e-5, atol=2e-6)
    if seen is not None:
        assert not found[2].any()


def test_a_number_that_is_none_is_not_hidden(way, draws):
    q, k, v = torch.randn(2, 1, 4), torch.randn(2, 1, 3, 4), torch.randn(2, 1, 3, 4)
    k[1, 0, 2, 0] = torch.nan
    found = looked_back(q, k, v, torch.arange(2)[:, None].expand(2, 3))
    assert found[0].isfinite().all()
    assert found[1].isnan().all()


def test_survivors_of_a_beam_keep_what_they_read(way, draws):
    """Rows are doubled, crossed and dropped; what a copy of every row holds is what the table of rows finds."""
    cache, like = KeyValueCache.empty(3, 2, 8, 4, like=torch.zeros(1)), [torch.zeros(3, 2, 0, 4)] * 2
    for chosen in ([0, 0, 2], [2, 1, 1], [1, 0], [1, 1], [0, 1]):
        new = [torch.randn(len(like[0]), 2, 1, 4) for _ in range(2)]
        cache.extend(*new)
        like = [torch.cat([old, part], 2) for old, part in zip(like, new, strict=True)]
        q = torch.randn(len(like[0]), 2, 4)
        wanted = scaled_dot_product(q[:, :, None], *like).z[:, :, 0]
        with torch.inference_mode():
            torch.testing.assert_close(cache.found(q), wanted, rtol=2e-5, atol=2e-6)
        for held, kept in zip(cache.held(), like, strict=True):
            assert torch.equal(held, kept)
        cache.select(torch.tensor(chosen))
        like = [part[chosen] for part in like]


def test_more_rows_than_there_was_room_for_are_copied(way, draws):
    cache = KeyValueCache.empty(2, 1, 4, 3, like=torch.zeros(1))
    k, v = torch.randn(2, 1, 1, 3), torch.randn(2, 1, 1, 3)
    cache.extend(k, v)
    cache.select(torch.tensor([1, 0]))
    cache.select(torch.tensor([0, 0, 1]))
    assert torch.equal(cache.held()[0], k[[1, 1, 0]])
    cache.extend(torch.zeros(3, 1, 1, 3), torch.zeros(3, 1, 1, 3))
    assert torch.equal(cache.held()[1][:, :, :1], v[[1, 1, 0]])
