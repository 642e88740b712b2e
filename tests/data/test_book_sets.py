"""The books' sets, read from files of the right form that are made here; nothing in them is ever run."""

import gzip
import os
import pickle
import struct

import numpy as np
import pytest

from parnassus.data.book_sets import READERS, read_set
from parnassus.errors import DataError, FileError, SettingError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (5, 28, 28), dtype=np.uint8)
LABELS = np.array([3, 1, 4, 1, 5], dtype=np.uint8)


def idx(values):
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


def mnist(folder, *, packed=False, dot="-"):
    for part in ("train", "t10k"):
        for kind, values in (("images", PIXELS), ("labels", LABELS)):
            path = folder / f"{part}-{kind}{dot}idx{values.ndim}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(idx(values)) if packed else idx(values))
    return folder


@pytest.mark.parametrize(("packed", "dot"), [(False, "-"), (True, "-"), (False, ".")])
def test_mnist_is_read_from_its_four_files(tmp_path, packed, dot):
    found = read_set("mnist", mnist(tmp_path, packed=packed, dot=dot))
    np.testing.assert_array_equal(found.X, PIXELS)
    np.testing.assert_array_equal(found.y_test, LABELS)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "begins with nothing"),
        (b"PNG.", "no IDX file"),
        (idx(PIXELS)[:9], "cut off within its header"),
        (idx(PIXELS)[:-1], r"says \(5, 28, 28\), but 3919 values follow"),
        (gzip.compress(idx(PIXELS))[:-20], "cannot be unpacked"),
        (idx(PIXELS[:4]), r"pictures \(4, 28, 28\) and labels \(5,\)"),
    ],
)
def test_a_broken_file_of_mnist_is_refused_by_name(tmp_path, raw, says):
    mnist(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(raw)
    with pytest.raises((FileError, DataError), match=says):
        read_set("mnist", tmp_path)


def batch(data, labels, protocol=2):
    names = [f"{i}.png".encode() for i in range(len(labels))]
    return pickle.dumps({b"batch_label": b"made", b"labels": labels, b"data": data, b"filenames": names}, protocol)


def cifar(folder):
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        (folder / name).write_bytes(batch(RNG.integers(0, 256, (4, 3072), dtype=np.uint8), [0, 9, 2, 7]))
    return folder


def python_2_batch(data):
    """The same opcodes as the batches that the set's page offers: strings of bytes, numpy by its old name."""

    def short(text):
        return b"U" + bytes([len(text)]) + text

    kind = (
        b"cnumpy\ndtype\n("
        + short(b"u1")
        + b"K\x00K\x01tR(K\x03"
        + short(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + short(b"b") + b"tR"
    shape = b"(" + b"".join(b"M" + struct.pack("<H", n) for n in data.shape) + b"t"
    raw = b"T" + struct.pack("<I", data.size) + data.tobytes()
    labels = b"](" + b"".join(b"K" + bytes([i]) for i in range(len(data))) + b"e"
    state = b"(K\x01" + shape + kind + b"\x89" + raw + b"tb"
    return b"\x80\x02}(" + short(b"labels") + labels + short(b"data") + array + state + b"u."


def test_cifar_is_read_as_python_3_and_as_python_2_write_it(tmp_path):
    data = RNG.integers(0, 256, (4, 3072), dtype=np.uint8)
    cifar(tmp_path)
    assert read_set("cifar10", tmp_path).X.shape == (20, 32, 32, 3)
    old = python_2_batch(data)
    np.testing.assert_array_equal(pickle.loads(old, encoding="bytes")[b"data"], data)  # the file is what it claims
    (tmp_path / "test_batch").write_bytes(old)
    found = read_set("cifar10", tmp_path)
    np.testing.assert_array_equal(found.X_test[2, 5, 7], data[2].reshape(3, 32, 32)[:, 5, 7])
    assert found.y_test.tolist() == [0, 1, 2, 3]


class Harm:
    def __reduce__(self):
        return os.mkdir, ("harmed",)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_what_a_batch_asks_to_run_is_refused_and_not_run(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    cifar(tmp_path)
    (tmp_path / "data_batch_3").write_bytes(pickle.dumps({b"data": Harm(), b"labels": [1]}, protocol))
    with pytest.raises(FileError, match="nothing was run"):
        read_set("cifar10", tmp_path)
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x80\x02}.", b"no pickle", batch(np.zeros((4, 3072)), [1] * 4), batch(np.zeros((4, 9), np.uint8), [1] * 4)],
)
def test_what_is_no_batch_is_refused(tmp_path, raw):
    cifar(tmp_path)
    (tmp_path / "data_batch_2").write_bytes(raw)
    with pytest.raises(FileError, match="data_batch_2"):
        read_set("cifar10", tmp_path)


def test_reviews_intents_sentences_and_pictures(tmp_path):
    for part in ("train", "test"):
        for label in ("neg", "pos"):
            (tmp_path / part / label).mkdir(parents=True)
            (tmp_path / part / label / "0_3.txt").write_text(f"a {label} film", encoding="utf-8")
        (tmp_path / f"atis_intents_{part}.csv").write_text(
            'atis_flight," from boston, to denver"\natis_airfare,how much\n'
        )
    assert read_set("imdb", tmp_path).X == ["a neg film", "a pos film"]
    found = read_set("atis", tmp_path)
    assert found.X[0] == "from boston, to denver"
    assert found.y_test.tolist() == ["atis_flight", "atis_airfare"]
    (tmp_path / "deu.txt").write_text("Go.\tGeh.\tCC-BY 2.0\nHi.\tHallo!\tCC-BY 2.0\n", encoding="utf-8")
    found = read_set("tatoeba", tmp_path / "deu.txt")
    assert (found.X, found.y) == (["Go.", "Hi."], ["Geh.", "Hallo!"])
    animals = tmp_path / "animals"
    animals.mkdir()
    for name in ("cat.0.jpg", "dog.0.jpg", "dog.1.jpg"):
        (animals / name).write_bytes(b"")
    assert read_set("cats_dogs", animals).y.tolist() == ["cat", "dog", "dog"]


def test_series_come_in_the_order_of_their_dates(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("year,month,passengers\n1949,February,118\n1949,Jan,112\n")
    found = read_set("flights", path)
    assert found.X.astype(str).tolist() == ["1949-01", "1949-02"]
    assert found.y.tolist() == [112, 118]
    path.write_text("Date,Open,Close\n2020-01-03,1,2.5\n2020-01-02,1,2\n")
    assert read_set("prices", path).y.tolist() == [2, 2.5]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("flights", "year,month\n1949,Jan\n", "no column passengers; it has year, month"),
        ("flights", "year,month,passengers\n1949,Foo,1\n", "'Foo' in column month"),
        ("flights", "year,month,passengers\n1949,Jan,many\n", "row 1 of column passengers is no number: 'many'"),
        ("flights", "", "no rows"),
        ("tatoeba", "alone\n", "line 1 has 1 fields of at least 2"),
        ("tatoeba", "", "no lines"),
    ],
)
def test_files_of_another_form_are_refused_by_name(tmp_path, name, text, says):
    path = tmp_path / "file.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=says):
        read_set(name, path)


def test_unknown_sets_and_missing_files_are_refused(tmp_path):
    with pytest.raises(SettingError, match="did you mean 'mnist'"):
        read_set("mnits", tmp_path)
    for name in READERS:
        with pytest.raises(FileError, match="there is no such"):
            read_set(name, tmp_path / "nowhere")
    with pytest.raises(FileError, match="no file train-images"):
        read_set("mnist", tmp_path)
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\t\xff")
    with pytest.raises(FileError, match="not in UTF-8"):
        read_set("tatoeba", tmp_path / "a.txt")
