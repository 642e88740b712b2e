"""Rows put aside in files: those that are taken are those that were written, whatever is in memory."""

import errno
import os

import numpy as np
import pytest
import torch

from parnassus.data import spilled
from parnassus.data.rows import Dense, Joined, batches
from parnassus.data.spilled import Scratch, Spilled
from parnassus.errors import FileError


def made(n: int, memory: int, widths: tuple[int, ...] = (3, 1)) -> tuple[Spilled, dict[str, torch.Tensor]]:
    draw = np.random.default_rng(0)
    files = {f"part {w}": Scratch((n, w), np.dtype(np.float32)) for w in widths}
    for file in files.values():
        file.array[:] = draw.normal(size=file.array.shape)
    wanted = {name: torch.from_numpy(file.array.copy()) for name, file in files.items()}
    return Spilled(files, memory=memory), wanted


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(spilled, "STRETCH", 64)  # four rows of sixteen bytes
    monkeypatch.setattr(spilled, "LEAST_POOL", 1)


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.setattr(spilled, "STRETCH", 1 << 16)  # 4,096 rows of sixteen bytes, which are whole pages
    monkeypatch.setattr(spilled, "LEAST_POOL", 1)


def assert_taken(rows: Spilled, wanted: dict[str, torch.Tensor], index: torch.Tensor) -> None:
    taken = rows.take(index)
    assert taken.keys() == wanted.keys()
    assert all(torch.equal(taken[name], held[index]) for name, held in wanted.items())


def test_any_order_of_rows_gives_those_rows(small):
    rows, wanted = made(203, memory=64 * 6)
    generator = torch.Generator().manual_seed(1)
    order = rows.arranged(torch.arange(203), 8, generator)
    for piece in order.split(17):  # the plan's
        assert_taken(rows, wanted, piece)
    for piece in torch.arange(203).split(5):  # the file's
        assert_taken(rows, wanted, piece)
    for piece in torch.randperm(203, generator=generator).split(9):  # nobody's, and from more places than there is room
        assert_taken(rows, wanted, piece)
    assert_taken(rows, wanted, torch.tensor([202, 0, 202]))


def test_rows_are_read_past_the_cache_and_to_the_last_one(pages):
    rows, wanted = made(50_001, memory=1 << 18)
    for _ in range(2):
        for piece in rows.arranged(torch.arange(50_001), 8, torch.Generator()).split(4_097):
            assert_taken(rows, wanted, piece)
    if not all(file.skips_cache for file in rows._files.values()):
        pytest.skip("the folder of temporary files has no way past the cache")


def test_each_stretch_of_an_epoch_is_read_once_and_the_next_pool_before_it_is_asked_for(small, monkeypatch):
    rows, _ = made(200, memory=64 * 10)
    order = rows.arranged(torch.arange(200), 8, torch.Generator().manual_seed(0))
    read, held = [], rows._stretches
    own = held._read
    monkeypatch.setattr(held, "_read", lambda number, slot: read.append(number) or own(number, slot))
    pieces = order.split(20)
    rows.take(pieces[0])
    held._readers.submit(int).result()
    for number in list(held._reading):
        held._wait(number)
    assert set(read) == set((torch.cat(pieces[:2]) // 4).tolist())
    for piece in pieces[1:]:
        rows.take(piece)
    for number in list(held._reading):
        held._wait(number)
    assert sorted(read) == list(range(50))


def test_batches_of_rows_beside_targets_are_gathered_together(small, monkeypatch):
    rows, wanted = made(200, memory=64 * 10)
    joined, y = Joined(rows, Dense(y=torch.arange(200.0))), torch.arange(200.0)
    taken, own = [], rows.take
    monkeypatch.setattr(rows, "take", lambda index: taken.append(len(index)) or own(index))
    order = rows.arranged(torch.arange(200), 10, torch.Generator().manual_seed(0))
    for piece, batch in zip(order.split(10), batches(joined, order, [10] * 20), strict=True):
        assert torch.equal(batch["y"], y[piece])
        assert torch.equal(batch["part 3"], wanted["part 3"][piece])
    assert len(taken) < 5


def test_a_disk_that_fails_is_named(small, monkeypatch):
    rows, _ = made(200, memory=64 * 10)

    def fails(*given):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "preadv", fails)
    with pytest.raises(FileError, match=r"put aside in .* cannot be read back: Input/output error; set TMPDIR"):
        rows.take(torch.arange(10))
