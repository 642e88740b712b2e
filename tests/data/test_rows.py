"""Every kind of rows gives the same for the same index."""

import pytest
import torch

from parnassus.data.rows import GATHERED, Dense, Joined, Ragged, Stream, Subset, Windows, batches


def dense(n=30):
    g = torch.Generator().manual_seed(0)
    return Dense(x=torch.randn(n, 4, generator=g), y=torch.arange(n))


def kinds():
    whole = dense()
    ragged = Ragged(torch.arange(1, 7), torch.tensor([1, 3, 2]), pad=0)
    stream = Stream(list(range(30)), lambda raw: Dense(**whole.take(torch.tensor(raw))))
    return {
        "dense": whole,
        "ragged": ragged,
        "windows": Windows(torch.arange(20.0).view(10, 2), 3),
        "stream": stream,
        "joined": Joined(Dense(x=torch.ones(5, 1)), Dense(y=torch.arange(5))),
        "subset": Subset(whole, torch.tensor([3, 1, 4, 1])),
    }


@pytest.mark.parametrize("name", list(kinds()))
def test_batches_are_what_take_gives_piece_by_piece(name):
    rows = kinds()[name]
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(1))
    sizes = [2] * (len(rows) // 2) + [1] * (len(rows) % 2)
    for piece, batch in zip(order.split(sizes), batches(rows, order, sizes), strict=True):
        wanted = rows.take(piece)
        assert batch.keys() == wanted.keys()
        assert all(torch.equal(batch[k], wanted[k]) for k in batch)


def test_batches_are_gathered_in_pieces_of_bounded_size():
    rows = Dense(x=torch.zeros(3000, 1000))  # 12 MB: three gatherings and more
    taken = []
    take = rows.take
    rows.take = lambda index: taken.append(len(index)) or take(index)
    order = torch.arange(3000)
    assert sum(len(b["x"]) for b in batches(rows, order, [100] * 30)) == 3000
    assert max(taken) * 4000 <= GATHERED
    assert len(taken) < 30


def test_one_window_larger_than_the_gathering_is_still_taken():
    rows = Dense(x=torch.zeros(3000, 1000))
    assert [len(b["x"]) for b in batches(rows, torch.arange(3000), [3000])] == [3000]


def test_ragged_rows_are_padded_to_the_longest_taken():
    batch = kinds()["ragged"].take(torch.tensor([0, 2]))
    assert batch["x"].tolist() == [[1, 0], [5, 6]]
    assert batch["lengths"].tolist() == [1, 2]


def test_a_stream_gives_what_memory_gives():
    rows = kinds()
    index = torch.tensor([7, 0, 29, 7])
    streamed, held = rows["stream"].take(index), rows["dense"].take(index)
    assert all(torch.equal(streamed[k], held[k]) for k in held)
    assert rows["stream"].n_bytes == 0


def test_windows_are_views_of_one_series():
    rows = kinds()["windows"]
    assert len(rows) == 8
    assert rows.take(torch.tensor([7]))["x"][0, :, 0].tolist() == [14.0, 16.0, 18.0]
