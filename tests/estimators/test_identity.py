"""Fingerprints: equal for equal rows, others for others, and those of earlier versions are still understood."""

import hashlib

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus import store
from parnassus.data.rows import Dense, Joined, Ragged
from parnassus.estimators.fitting import identity
from parnassus.estimators.fitting.identity import FOLDED, LANES, fingerprint
from parnassus.estimators.fitting.training import checkpoint_path

N = FOLDED // 16 + 100  # rows of 16 bytes: folded, and some bytes are left over


def drawn(n: int, d: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0))


def test_folding_is_its_loop_over_words():
    """xor, times an odd number, xor of the high half, word after word of each lane, by Python's own integers."""
    held = np.random.default_rng(1).integers(0, 256, 8 * LANES * 3 + 5, dtype=np.uint8)
    odd = [2 * int(w) + 1 for w in np.random.default_rng(0).integers(0, 2**63, LANES, dtype=np.uint64)]
    words = held[:-5].view(np.uint64).reshape(3, LANES)
    found = identity._folded(held)
    for lane in (0, 1, LANES - 1):
        state = 0
        for word in words[:, lane].tolist():
            state = (state ^ word) * odd[lane] % 2**64
            state ^= state >> 32
        assert int(found[:-5].view(np.uint64)[lane]) == state
    assert found[-5:].tolist() == held[-5:].tolist()


def test_few_rows_have_the_digest_that_they_always_had():
    x = drawn(50, 4)
    by_hand = hashlib.blake2b(b"50", digest_size=16)
    by_hand.update(b"x")
    by_hand.update(x.numpy().tobytes())
    assert fingerprint(Dense(x=x)) == by_hand.hexdigest()


@pytest.mark.parametrize("place", [0, 1, N // 2, N - 1])
@pytest.mark.parametrize("column", [0, 3])
def test_one_bit_anywhere_makes_another_fingerprint(place, column):
    x = drawn(N, 4)
    before = fingerprint(Dense(x=x))
    x.view(torch.int32)[place, column] ^= 1
    assert fingerprint(Dense(x=x)) != before


def test_order_shape_kind_and_answers_count():
    x, y = drawn(N, 4), torch.arange(N)
    rows = [Dense(x=x), Dense(x=x.flip(0)), Dense(x=x.view(torch.int32)), Joined(Dense(x=x), Dense(y=y))]
    rows += [Joined(Dense(x=x), Dense(y=y.flip(0))), Ragged(x, torch.tensor([N])), Ragged(x, torch.tensor([5, N - 5]))]
    found = [fingerprint(one) for one in rows]
    assert len(set(found)) == len(found)
    assert all(one.startswith("2-") and len(one) == 32 for one in found)
    assert fingerprint(Dense(x=x.clone())) == found[0]


def test_a_checkpoint_from_before_folding_is_taken_up_on_its_rows_alone(tmp_path, monkeypatch):
    X = drawn(FOLDED // 8, 2).numpy()
    settings = {"out": tmp_path, "seed": 0, "progress": False}
    monkeypatch.setattr(identity, "FOLDED", 1 << 40)
    pn.Clusterer("kmeans", n_clusters=2, epochs=3, **settings).fit(X)
    monkeypatch.undo()
    assert not store.load(checkpoint_path(tmp_path))["data"]["fingerprint"].startswith("2-")
    resumed = pn.Clusterer("kmeans", n_clusters=2, epochs=3, resume=True, **settings).fit(X)
    assert len(resumed.history_) == 3
    with pytest.raises(pn.DataError, match="made on other data"):
        pn.Clusterer("kmeans", n_clusters=2, epochs=3, resume=True, **settings).fit(X[::-1].copy())
