"""Texts as one stream in blocks: every id is predicted once, targets are the ids that follow."""

import pytest
import torch

import parnassus as pn
from parnassus import store
from parnassus.data.text.prose import read_texts
from parnassus.data.text.token_stream import NextToken, TokenStream

TEXTS = ["abca", "", "bb", "cab"]


def test_1_A192_the_target_is_the_input_moved_by_one():
    codec = TokenStream(context=6).fit(["machine"])
    batch = codec.prepare(NextToken().cut(codec.encode(["machine"]).take(torch.tensor([0]))), "tokens")
    assert codec.decode(batch["x"]) == ["machi"]  # behind the end that begins the stream
    assert codec.decode(batch["y"]) == ["machin"]


@pytest.mark.parametrize("context", [1, 3, 5, 100])
def test_every_id_is_predicted_once_and_padding_never(context):
    codec = TokenStream(context=context).fit(TEXTS)
    rows = codec.encode(TEXTS)
    batch = codec.prepare(NextToken().cut(rows.take(torch.arange(len(rows)))), "tokens")
    targets = batch["y"][batch["y"] != -100]
    expected = [i for row in codec.rows(TEXTS) for i in row[1:].tolist()]
    assert targets.tolist() == expected
    assert batch["x"].shape == batch["y"].shape == (len(rows), context)
    assert batch["x"][0, 0] == codec.end == codec.views()["tokens"]["vocab_size"] - 1


def test_blocks_begin_anywhere_in_training_and_targets_go_with_them(draws):
    codec = TokenStream(context=4).fit(TEXTS)
    rows = codec.encode(TEXTS)
    stream = rows.stream.tolist()
    ring = stream[:-1] * 3
    runs = {tuple(ring[i : i + 5]) for i in range(len(stream) - 1)}
    seen = set()
    for _ in range(60):
        batch = codec.prepare(NextToken().cut(rows.take(torch.arange(len(rows)))), "tokens", training=True)
        for x, y in zip(batch["x"].tolist(), batch["y"].tolist(), strict=True):
            assert x[1:] == y[:-1]
            seen.add((*x, y[-1]))
    assert seen == runs
    still = codec.prepare(NextToken().cut(rows.take(torch.arange(len(rows)))), "stream", training=True)
    assert still["x"][:, 0].tolist() == stream[: len(rows) * 4 : 4]


def test_the_state_travels(tmp_path):
    codec = TokenStream(unit="byte_bpe", max_words=280, context=4).fit(TEXTS)
    store.save(tmp_path / "c", {"state": codec.state()})
    again = TokenStream.from_state(store.load(tmp_path / "c")["state"])
    assert torch.equal(again.encode(TEXTS).stream, codec.encode(TEXTS).stream)
    assert repr(again) == repr(codec)


def test_paragraphs_are_texts_and_windows_line_ends_are_read(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n\r\n\r\nthree\r\n")
    assert read_texts(tmp_path / "a.txt") == ["one\ntwo", "three"]
    (tmp_path / "b.txt").write_text("  \n")
    with pytest.raises(pn.FileError, match="holds no text"):
        read_texts(tmp_path / "b.txt")
    with pytest.raises(pn.FileError, match="nowhere"):
        read_texts(tmp_path / "nowhere.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(pn.FileError, match=r"no \.txt files"):
        read_texts(tmp_path / "empty")
