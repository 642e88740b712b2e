"""Sequences: padding, symbols, standardising, and what is refused."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.data.codec import codec_for
from parnassus.data.rows import Ragged
from parnassus.data.timeseries.sequences import SequenceList, Sequences, Steps, split_by_lengths

RNG = np.random.default_rng(0)
RAGGED = [RNG.normal(3, 2, (n, 2)) for n in (4, 1, 3)]


def test_lists_of_arrays_and_three_dimensional_arrays_are_sequences():
    assert isinstance(codec_for(RAGGED), Sequences)
    assert isinstance(codec_for(np.zeros((3, 4, 2))), Sequences)
    assert isinstance(codec_for(SequenceList([np.array([0, 1])])), Sequences)


def test_batches_are_padded_and_say_how_long_rows_are():
    batch = Sequences(standardize=False).fit(RAGGED).encode(RAGGED).take(torch.tensor([2, 1]))
    assert batch["x"].shape == (2, 3, 2)
    assert batch["lengths"].tolist() == [3, 1]
    np.testing.assert_allclose(batch["x"][0], RAGGED[2], rtol=1e-6)
    assert not batch["x"][1, 1:].any()


@pytest.mark.parametrize("index", [[0, 1, 2], [1, 2], [2, 0], [1], [1, 1]])
def test_neighbours_of_one_length_come_without_a_copy_and_are_the_same(index):
    values, lengths = torch.arange(24.0).view(12, 2), torch.tensor([4, 4, 4])
    index = torch.tensor(index)
    one, other = Steps(values, lengths).take(index), Ragged(values, lengths).take(index)
    assert torch.equal(one["x"], other["x"])
    assert torch.equal(one["lengths"], other["lengths"])


def test_standardising_is_by_the_training_frames():
    codec = Sequences(standardize=True, dtype="float64").fit(RAGGED)
    frames = codec.encode(RAGGED).values.numpy()
    flat = np.concatenate(RAGGED)
    np.testing.assert_allclose(frames, (flat - flat.mean(0)) / flat.std(0))
    padded = codec.encode(RAGGED[:1]).take(torch.tensor([0]))["x"]
    np.testing.assert_allclose(codec.decode(padded)[0], RAGGED[0])


def test_sequences_of_one_length_are_vectors_too():
    X = RNG.normal(size=(30, 4, 2)) + np.arange(30)[:, None, None] % 2 * 3
    model = pn.Classifier("mlp", epochs=30).fit(X, np.arange(30) % 2)
    assert model.score(X, np.arange(30) % 2) > 0.9
    with pytest.raises(pn.DataError, match="takes 4"):
        model.predict(RNG.normal(size=(2, 5, 2)))


def test_lengths_split_one_array():
    parts = split_by_lengths(np.arange(12).reshape(6, 2), [1, 3, 2])
    assert [len(p) for p in parts] == [1, 3, 2]
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(12).reshape(6, 2))
    for lengths in ([2, 3], [7, -1], [6, 0]):
        with pytest.raises(pn.DataError, match="add up"):
            split_by_lengths(np.zeros((6, 2)), lengths)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([np.array([[0.0], [np.inf]])], "sequence 0, step 1 holds"),
        (SequenceList([np.array([0, -1])]), "symbol -1 is outside"),
        (SequenceList([np.array([0, 1]), np.zeros((2, 1))]), "sequence 1 has"),
        (SequenceList([np.array(["a"]), np.array([1])]), "sequence 1 step 0 holds"),
        (SequenceList([]), "no sequences"),
    ],
)
def test_what_cannot_be_read_is_named(raw, words):
    with pytest.raises(pn.DataError, match=words):
        Sequences().fit(raw)


def test_another_kind_than_fit_saw_is_refused():
    codec = Sequences().fit(RAGGED)
    with pytest.raises(pn.DataError, match="3 features a step, and fit saw 2 features"):
        codec.encode([np.zeros((2, 3))])
    with pytest.raises(pn.SettingError, match="float32"):
        Sequences(dtype="float16")


def test_an_alphabet_that_is_mostly_unseen_is_refused_before_it_takes_the_memory():
    with pytest.raises(pn.DataError, match="sequence 1, step 2: symbol 1000000000 makes an alphabet of 1,000,000,001"):
        Sequences().fit([np.array([0, 1]), np.array([1, 0, 10**9])])
    assert Sequences(n_symbols=100_000).fit([np.array([0, 99_999])]).vocab_size == 100_000


def test_lists_of_numbers_are_symbols_where_the_codec_says_so():
    codec = Sequences().fit([[0, 1, 2], [2, 1]])
    assert codec.views()["steps"]["vocab_size"] == 3
