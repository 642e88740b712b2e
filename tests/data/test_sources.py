"""Files: what cannot be read is named with the remedy; what can be read is the data that were written."""

import gc
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image as Pillow

from parnassus.data import sources
from parnassus.data.codec import form_of
from parnassus.data.sources import fingerprint, open_source
from parnassus.data.tables.chunks import Chunks
from parnassus.data.tables.table import Table
from parnassus.data.targets import Labels
from parnassus.errors import DataError, DataWarning, FileError, MissingExtra, SettingError

FRAME = pd.DataFrame(
    {
        "age": [25, 32, 45, 29],
        "colour": ["red", "blue", "red", "green"],
        "price": [1.5, 2.0, -3.25, 0.0],
        "day": pd.to_datetime(["2024-01-01", "2024-02-29", "2023-12-31", "2020-05-05"]),
        "kind": ["a", "b", "a", "b"],
    }
)


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", "", "0 bytes"),
        ("bad.csv", "a,b\n1,2\n3,4,5\n", "line 3: 3 cells where 2 are due"),
        ("wide.csv", "a,b\n1,2,3\n4,5,6\n", "line 2: 3 cells where the header names 2"),
        ("twice.csv", "a,b,a\n1,2,3\n", r"\['a'\] appear twice"),
        ("bare.csv", "1,2,3\n4,5,6\n", "numbers alone"),
        ("joined.csv", "a,b\n1,u\n2,v\na,b\n3,w\na,b\n", "row 2 .*repeats the header.* 1 more; remove such lines"),
        ("head.csv", "a,b\n", "no rows"),
        ("blank.csv", "a,,c\n1,2,3\n", "column 1 .counted from 0. has no name"),
        ("latin.csv", b"a,b\n\xe9,1\n", "not UTF-8"),
        ("open.csv", 'a,b\n"1,2\n3,4\n', "quotation|no rows"),
        ("date.csv", "d,x\n2024-01-01,1\n" + "2024-01-02,2\n" * 5000 + "soon,3\n", "'soon' where dates"),
        ("cut.parquet", b"PAR1 and no more", "cannot be read as Parquet"),
        ("bad.jsonl", '{"a": 1}\n{"a": \n', "no JSON object"),
        ("bad.npz", b"PK no zip", "cannot be read as NPZ"),
        ("list.txt", "no/such.png\n", "line 1: 'no/such.png' is no file"),
        ("none.txt", "\n\n", "names no pictures"),
        ("data.xlsx", "x", "files that end in '.xlsx' are not read"),
        ("data", "x", "files that end in 'nothing'"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path, name, content, says):
    with pytest.raises((FileError, DataError), match=says) as caught:
        open_source(written(tmp_path / name, content))
    assert name in str(caught.value)


def test_a_path_that_does_not_exist_gets_a_suggestion(tmp_path):
    written(tmp_path / "titanic.csv", "a\n1\n")
    with pytest.raises(FileError, match=r"did you mean 'titanic.csv'"):
        open_source(tmp_path / "titanik.csv")


def test_a_target_that_is_no_column_gets_a_suggestion(tmp_path):
    path = written(tmp_path / "t.csv", "age,kind\n1,a\n")
    with pytest.raises(DataError, match="no column 'kin' to predict; did you mean 'kind'"):
        open_source(path, target="kin")
    with pytest.raises(DataError, match="alone"):
        open_source(written(tmp_path / "u.csv", "kind\na\n"), target="kind")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("t.csv", lambda p: FRAME.to_csv(p, index=False)),
        ("t.tsv", lambda p: FRAME.to_csv(p, index=False, sep="\t")),
        ("semicolon.csv", lambda p: FRAME.to_csv(p, index=False, sep=";")),
        ("bar.csv", lambda p: FRAME.to_csv(p, index=False, sep="|", encoding="utf-8-sig")),
        ("t.parquet", lambda p: FRAME.to_parquet(p)),
        ("t.jsonl", lambda p: FRAME.assign(day=FRAME.day.astype(str)).to_json(p, orient="records", lines=True)),
    ],
)
def test_a_table_is_read_as_it_was_written(tmp_path, name, write):
    write(tmp_path / name)
    source = open_source(tmp_path / name, target="kind")
    assert source.names == list(FRAME.columns)
    assert source.y.tolist() == FRAME["kind"].tolist()
    assert source.target == "kind"
    assert list(source.X.columns) == ["age", "colour", "price", "day"]
    for column in ("age", "colour", "price"):
        assert source.X[column].tolist() == FRAME[column].tolist()
    if not name.endswith("jsonl"):
        assert source.X["day"].tolist() == FRAME["day"].tolist()
    assert open_source(tmp_path / name).y is None


def test_row_numbers_that_pandas_wrote_are_no_column(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv")
    with pytest.warns(DataWarning, match="first column has no name and is left out"):
        source = open_source(tmp_path / "t.csv")
    assert source.names == list(FRAME.columns)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_a_table_beyond_the_memory_budget_gives_the_same_batches(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(sources, "CHUNK_ROWS", 64)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=500),
            "b": rng.integers(0, 5, 500),
            "c": rng.choice(list("uvw"), 500),
            "y": rng.choice(["no", "yes"], 500),
        }
    )
    path = tmp_path / f"t{suffix}"
    {
        ".csv": lambda: frame.to_csv(path, index=False),
        ".parquet": lambda: frame.to_parquet(path),
        ".jsonl": lambda: frame.to_json(path, orient="records", lines=True, double_precision=15),
    }[suffix]()
    whole, parts = open_source(path, target="y"), open_source(path, target="y", memory=100)
    assert isinstance(parts.X, Chunks)
    assert (len(parts), form_of(parts.X), parts.X.names) == (500, "table", ["a", "b", "c"])
    assert parts.y.tolist() == whole.y.tolist()
    codec = Table().fit(whole.X)
    held, spilled = codec.encode(whole.X), codec.encode(parts.X)
    index = torch.from_numpy(rng.permutation(500)[:77])
    assert all(torch.equal(held.take(index)[k], spilled.take(index)[k]) for k in ("x", "columns"))
    assert Table().fit(parts.X).scaler.center == pytest.approx(codec.scaler.center, rel=1e-12)


def test_some_rows_of_chunks_come_in_the_order_asked_for():
    frame = pd.DataFrame({"a": np.arange(20.0)})
    chunks = Chunks(lambda: (frame.iloc[i : i + 6] for i in range(0, 20, 6)), 20)
    codec = Table(scaling="none").fit(frame)
    rows = np.array([7, 3, 19, 0, 3])
    part = chunks.take_rows(rows)
    assert codec.encode(part).take(torch.arange(5))["x"].ravel().tolist() == rows.tolist()
    again = part.take_rows(np.array([2, 2, 4]))
    assert codec.encode(again).take(torch.arange(3))["x"].ravel().tolist() == [19, 19, 3]


@pytest.mark.slow
def test_spilled_rows_leave_no_file_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    frame = pd.DataFrame({"a": np.arange(9.0)})
    rows = Table().fit(frame).encode(Chunks(lambda: iter([frame]), 9))
    assert len(rows) == 9
    del rows
    gc.collect()
    assert os.listdir(tmp_path) == []


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    FRAME.to_parquet(tmp_path / "t.parquet")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtra, match=r"parnassus\[parquet\]"):
        open_source(tmp_path / "t.parquet")


def test_arrays_are_read_and_pickles_are_not(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.eye(3), y=np.arange(3))
    source = open_source(tmp_path / "a.npz")
    assert np.array_equal(source.X, np.eye(3))
    assert source.y.tolist() == [0, 1, 2]
    np.savez(tmp_path / "b.npz", X=np.array([{}], dtype=object))
    with pytest.raises(FileError, match="pickle"):
        open_source(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", foo=np.eye(2))
    with pytest.raises(DataError, match="name the inputs X"):
        open_source(tmp_path / "c.npz")
    with pytest.raises(DataError, match="did you mean 'y'"):
        open_source(tmp_path / "a.npz", target="yy")


@pytest.fixture
def folder(tmp_path):
    for name in ("dog", "cat"):
        (tmp_path / name).mkdir()
        for i in (10, 2):
            Pillow.fromarray(np.full((4, 4), i, np.uint8)).save(tmp_path / name / f"{name}{i:02}.png")
    written(tmp_path / "cat" / ".hidden.png", "x")
    written(tmp_path / "cat" / "notes.md", "x")
    (tmp_path / ".cache").mkdir()
    return tmp_path


def test_a_folder_of_pictures_has_a_class_a_folder(folder):
    source = open_source(folder)
    assert source.y.tolist() == ["cat", "cat", "dog", "dog"]
    assert [p.name for p in source.X] == ["cat02.png", "cat10.png", "dog02.png", "dog10.png"]
    assert source.names == ["cat", "dog"]
    assert form_of(source.X) == "pictures"
    assert open_source(folder / "dog").y is None


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_pictures_that_cannot_be_read_are_named(folder, content):
    written(folder / "dog" / "bad.png", content)
    with pytest.raises(FileError, match=r"1 pictures cannot be read.*bad\.png"):
        open_source(folder)


def test_classes_without_pictures_are_named(folder):
    (folder / "bird").mkdir()
    with pytest.raises(FileError, match=r"\['bird'\] have no pictures"):
        open_source(folder)
    with pytest.raises(FileError, match="neither pictures nor folders"):
        open_source(folder / "bird")


def test_a_folder_of_parts_says_to_name_one(folder, tmp_path_factory):
    outer = tmp_path_factory.mktemp("outer")
    folder.rename(outer / "train")
    with pytest.raises(FileError, match=r"give the folder above the classes, such as .*train"):
        open_source(outer)


def test_a_list_of_pictures_may_have_labels(folder):
    path = written(folder / "list.txt", "dog/dog02.png\twoof\n\ncat/cat10.png\tmeow\n")
    source = open_source(path)
    assert [p.name for p in source.X] == ["dog02.png", "cat10.png"]
    assert source.y.tolist() == ["woof", "meow"]
    assert open_source(written(folder / "l.txt", "dog/dog02.png\n")).y is None
    with pytest.raises(DataError, match="label all or none"):
        open_source(written(folder / "l.txt", "dog/dog02.png\nocat\n".replace("ocat", "cat/cat10.png\tx")))


def test_a_fingerprint_changes_with_the_data(folder):
    path = written(folder / "t.csv", "a\n1\n")
    first, inside = fingerprint(path), fingerprint(folder)
    assert fingerprint(path) == first
    written(path, "a\n2\n")
    assert fingerprint(path) != first
    written(folder / "dog" / "new.png", "x")
    assert fingerprint(folder) != inside
    assert (
        fingerprint(path, whole=1) != fingerprint(written(path, "a\n12\n"), whole=1)
        if path.stat().st_size > 1 << 20
        else True
    )


def test_pictures_that_belong_to_no_class_are_counted(tmp_path):
    for place in ("a/1.png", "b/1.png", "loose.png", "a/deeper/2.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("L", (4, 4)).save(tmp_path / place)
    with pytest.warns(DataWarning, match="2 pictures lie beside"):
        assert len(open_source(tmp_path)) == 2


def test_codes_that_begin_with_a_zero_stay_as_they_are_written(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "zip,n,kind\n01234,0,01\n10001,10,02\n,3,10\n")
    source = open_source(path, target="kind")
    assert source.y.tolist() == ["01", "02", "10"]
    assert source.X["zip"].tolist()[:2] == ["01234", "10001"]
    assert source.X["zip"].isna()[2]
    assert source.X["n"].tolist() == [0, 10, 3]  # a lone 0 is a number


def test_codes_that_happen_to_look_like_numbers_in_a_later_file_are_the_codes_that_were_learned(tmp_path: Path) -> None:
    learned = Labels().fit(open_source(written(tmp_path / "a.csv", "x,kind\n1,01\n2,10\n3,12\n"), target="kind").y)
    later = open_source(written(tmp_path / "b.csv", "x,kind\n1,12\n2,10\n"), target="kind").y
    assert later.tolist() == [12, 10]
    assert learned.indices(later).tolist() == [2, 1]
    with pytest.raises(DataError, match="11"):
        learned.indices(np.array([11]))


def test_a_budget_in_words_is_refused_by_name(tmp_path):
    (tmp_path / "rows.csv").write_text("a,y\n1,2\n2,3\n3,4\n", encoding="utf-8")
    with pytest.raises(SettingError, match=r"memory is a number of bytes, such as 2\*\*30; got '1GB'"):
        open_source(tmp_path / "rows.csv", target="y", memory="1GB")


def test_as_text_keeps_every_cell_as_it_is_written(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("said,written\n007,7.0\n2026-01-02,NA\nnull,\n")
    found = open_source(path, "written", as_text=True)
    assert found.X["said"].to_list() == ["007", "2026-01-02", "null"]
    assert found.y.to_list()[:2] == ["7.0", "NA"]
    assert found.y.isna().to_list() == [False, False, True]
    assert open_source(path, "written").y.isna().sum() == 2  # where columns may be numbers, NA is none
