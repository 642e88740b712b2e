"""Tar shards: written by tarfile and numpy alone, read where they lie, and refused where they are tricks."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

import parnassus as pn
from parnassus.data.shards import Member, shards_of
from parnassus.data.sources import open_source
from parnassus.errors import DataError, FileError, SettingError


def png(value: int) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(value).integers(0, 60, (8, 8), dtype=np.uint8) + 40 * (value % 4)
    Image.fromarray(pixels.astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def wav(value: int) -> bytes:
    out = io.BytesIO()
    time = np.arange(800) / 8000
    wavfile.write(out, 8000, (8000 * np.sin(2 * np.pi * (200 + 300 * (value % 2)) * time)).astype(np.int16))
    return out.getvalue()


def write(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, held in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(held)
            tar.addfile(info, io.BytesIO(held))
    return path


def shards(folder: Path, n: int = 40, each: int = 16) -> list[Path]:
    made = []
    for start in range(0, n, each):
        files = {}
        for i in range(start, min(start + each, n)):
            files |= {f"part/{i:04}.png": png(i), f"part/{i:04}.cls": str(i % 4).encode()}
            files[f"part/{i:04}.json"] = json.dumps({"shade": i % 4 / 3, "name": f"n{i}"}).encode()
        made.append(write(folder / f"s-{start // each:03}.tar", files))
    return made


def test_pictures_lie_in_shards_and_train_like_the_files_that_were_packed(tmp_path):
    shards(tmp_path)
    loose = tmp_path / "loose"
    for i in range(40):
        (loose / str(i % 4)).mkdir(parents=True, exist_ok=True)
        (loose / str(i % 4) / f"{i:04}.png").write_bytes(png(i))
    found = open_source(f"{tmp_path}/s-{{000..002}}.tar")
    assert (len(found), found.kind, found.y.tolist()[:5]) == (40, "pictures", [0, 1, 2, 3, 0])
    clf = pn.Classifier("cnn", epochs=2).fit(f"{tmp_path}/s-*.tar")
    files = [loose / str(i % 4) / f"{i:04}.png" for i in range(40)]
    same = pn.Classifier("cnn", epochs=2).fit(files, [i % 4 for i in range(40)])
    np.testing.assert_array_equal(clf.predict_proba(files), same.predict_proba(f"{tmp_path}/s-*.tar"))


def test_pictures_that_memory_does_not_hold_are_read_from_their_shards_when_needed(tmp_path):
    shards(tmp_path)
    whole = pn.Classifier("cnn", epochs=2).fit(str(tmp_path / "s-*.tar"))
    little = pn.Classifier("cnn", epochs=2, memory=100).fit(str(tmp_path / "s-*.tar"))
    found = open_source(tmp_path / "s-000.tar").X
    assert all(isinstance(m, Member) for m in found)
    np.testing.assert_array_equal(whole.predict_proba(found), little.predict_proba(found))


def test_a_folder_of_shards_and_an_answer_in_json(tmp_path):
    shards(tmp_path)
    assert len(open_source(tmp_path)) == 40
    source = open_source(tmp_path / "s-*.tar", target="shade")
    assert source.y.tolist()[:4] == [0, 1 / 3, 2 / 3, 1]
    reg = pn.Regressor("cnn", epochs=1).fit(str(tmp_path / "s-*.tar"), target="shade")
    assert reg.predict(source.X[:3]).shape == (3,)
    with pytest.raises(DataError, match="no 'shadow'; did you mean 'shade'"):
        open_source(tmp_path / "s-000.tar", target="shadow")
    with pytest.raises(SettingError, match="one key of"):
        open_source(tmp_path / "s-000.tar", target=["shade", "name"])


def test_sounds_texts_and_tables_lie_in_shards_too(tmp_path):
    write(
        tmp_path / "w.tar",
        {k: v for i in range(12) for k, v in ((f"{i}.wav", wav(i)), (f"{i}.cls", b"ab"[i % 2 :][:1]))},
    )
    clf = pn.Classifier("tdnn", epochs=1).fit(str(tmp_path / "w.tar"))
    assert clf.classes_.tolist() == ["a", "b"]
    write(
        tmp_path / "t.tar",
        {k: v for i in range(9) for k, v in ((f"{i}.txt", b"tea cup"), (f"{i}.cls", b"%d" % (i % 3)))},
    )
    source = open_source(tmp_path / "t.tar")
    assert (source.kind, source.X[0], source.y.tolist()[:3]) == ("texts", "tea cup", [0, 1, 2])
    write(tmp_path / "j.tar", {f"{i}.json": json.dumps({"a": i, "y": i % 2}).encode() for i in range(6)})
    source = open_source(tmp_path / "j.tar", target="y")
    assert (list(source.X.columns), source.y.tolist()) == (["a"], [0, 1, 0, 1, 0, 1])
    captions = write(tmp_path / "c.tar", {"1.png": png(1), "1.txt": b"a shade ", "2.png": png(2), "2.txt": b"more"})
    assert open_source(captions).y.tolist() == ["a shade", "more"]


def test_braces_count_with_their_zeros_and_missing_shards_are_named(tmp_path):
    shards(tmp_path)
    assert [p.name for p in shards_of(tmp_path / "s-{000..001}.tar")] == ["s-000.tar", "s-001.tar"]
    with pytest.raises(FileError, match=r"s-003\.tar"):
        shards_of(tmp_path / "s-{000..003}.tar")
    with pytest.raises(FileError, match="runs upwards"):
        shards_of(tmp_path / "s-{003..001}.tar")
    with pytest.raises(FileError, match="no such shard"):
        open_source(tmp_path / "x-*.tar")


def trick(path: Path, name: str, kind: bytes, to: str = "") -> Path:
    with tarfile.open(path, "w") as tar:
        held = png(0)
        good = tarfile.TarInfo("0.png")
        good.size = len(held)
        tar.addfile(good, io.BytesIO(held))
        bad = tarfile.TarInfo(name)
        bad.type, bad.linkname = kind, to
        bad.size = len(held) if kind == tarfile.REGTYPE else 0
        tar.addfile(bad, io.BytesIO(held) if kind == tarfile.REGTYPE else None)
    return path


@pytest.mark.parametrize(
    ("name", "kind", "to", "told"),
    [
        ("../../1.png", tarfile.REGTYPE, "", "leads out of the shard"),
        ("/etc/1.png", tarfile.REGTYPE, "", "leads out of the shard"),
        ("a/../../1.png", tarfile.REGTYPE, "", "leads out of the shard"),
        ("..\\1.png", tarfile.REGTYPE, "", "leads out of the shard"),
        ("1.png", tarfile.SYMTYPE, "/etc/passwd", "is a link or a device"),
        ("1.png", tarfile.LNKTYPE, "/etc/passwd", "is a link or a device"),
        ("1.png", tarfile.FIFOTYPE, "", "is a link or a device"),
        ("1.png", tarfile.CHRTYPE, "", "is a link or a device"),
    ],
)
def test_names_that_lead_out_and_links_are_refused(name, kind, to, told, tmp_path):
    with pytest.raises(FileError, match=told):
        open_source(trick(tmp_path / "t.tar", name, kind, to))


def test_a_tar_that_is_broken_packed_or_no_tar_is_refused_by_name(tmp_path):
    whole = shards(tmp_path, n=4)[0].read_bytes()
    for cut in (700, len(whole) // 3):
        (tmp_path / "cut.tar").write_bytes(whole[:cut])
        with pytest.raises((FileError, DataError), match=r"cut\.tar"):
            open_source(tmp_path / "cut.tar")
    (tmp_path / "no.tar").write_bytes(b"\x80\x04cposix\nsystem\n" * 100)
    with pytest.raises(FileError, match="cannot be read as a tar"):
        open_source(tmp_path / "no.tar")
    (tmp_path / "p.tar.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(FileError, match="is packed"):
        open_source(tmp_path / "p.tar.gz")


def test_a_tar_that_is_damaged_within_loses_nothing_in_silence(tmp_path):
    """`tarfile` takes a header that it cannot read for the end, so that the samples behind it would not be there."""
    path = shards(tmp_path, n=4)[0]
    with tarfile.open(path) as tar:
        third = tar.getmembers()[2].offset
    held = bytearray(path.read_bytes())
    held[third + 20 : third + 80] = b"\xff" * 60
    path.write_bytes(held)
    with pytest.raises(FileError, match=rf"s-000\.tar is damaged at byte {third:,}"):
        open_source(path)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"1.png": png(1), "1.cls": b"0", "2.png": png(2)}, "'2' has no .cls"),
        ({"1.png": png(1), "2.cls": b"0"}, "'2' has no .png"),
        ({"1.npy": b"..", "1.cls": b"0"}, "none is an input"),
        ({"1.json": b"[1]"}, "holds a list"),
        ({"1.json": b"{"}, "is no JSON"),
        ({"1.png": b"no picture", "1.cls": b"0"}, "cannot be read"),
        ({"readme": b"x"}, "holds no samples"),
        ({"1.txt": b"\xff\xfe\x00", "1.cls": b"1"}, "is not UTF-8"),
    ],
)
def test_samples_that_lack_something_are_named(files, told, tmp_path):
    with pytest.raises((DataError, FileError), match=told):
        open_source(write(tmp_path / "t.tar", files))


def test_a_sample_that_is_there_twice_is_refused(tmp_path):
    write(tmp_path / "a.tar", {"1.png": png(1)})
    write(tmp_path / "b.tar", {"1.png": png(2)})
    with pytest.raises(DataError, match="an earlier shard too"):
        open_source(tmp_path / "*.tar")


def test_a_shard_that_changes_while_it_is_used_is_noticed(tmp_path):
    path = shards(tmp_path, n=4)[0]
    member = open_source(path).X[-1]
    path.write_bytes(path.read_bytes()[: member.offset + 3])
    with pytest.raises(FileError, match="changed or was cut short"):
        member.read_bytes()


def test_shards_are_divided_without_loss_and_their_files_have_paths(tmp_path):
    shards(tmp_path)
    made = pn.Classifier(pn.model("cnn", channels=(4,)), epochs=1, batch_size=8)
    made.fit(f"{tmp_path}/s-{{000..002}}.tar", validation=0.25)
    assert len(made.held_.X) == 10
    path = tmp_path / "s-001.tar" / "part" / "0017.png"
    (found,) = open_source(path).X
    assert found.read_bytes() == png(17)
    assert made.predict(str(path)) == made.predict([found])
    (tmp_path / "some.txt").write_text(f"s-001.tar/part/0017.png\t1\n{path}\t1\n", encoding="utf-8")
    assert [one.read_bytes() for one in open_source(tmp_path / "some.txt").X] == [png(17)] * 2
    for odd in ("s-001.tar/part/9999.png", "s-001.tar/part", "s-009.tar/part/0017.png"):
        with pytest.raises(FileError, match="does not exist"):
            open_source(tmp_path / odd)
    write(tmp_path / "s-001.tar", {"part/0017.png": png(3)})  # another tar by the same name
    assert open_source(path).X[0].read_bytes() == png(3)


def test_rows_held_out_of_shards_are_evaluated_again_as_the_run_says(tmp_path, capsys):
    from parnassus.cli import main

    shards(tmp_path)
    for i, words in enumerate(([], ["--target", "name"])):
        if words:
            files = {f"{k}.{e}": png(k) if e == "png" else json.dumps({"name": "ab"[k % 2]}).encode()
                     for k in range(20) for e in ("png", "json")}  # fmt: skip
            write(tmp_path / "named.tar", files)
        data, run = str(tmp_path / ("named.tar" if words else "s-{000..002}.tar")), tmp_path / f"run{i}"
        assert main(["train", "classifier", data, *words, "--epochs", "1", "--out", str(run), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        held = told["commands"]["evaluate"].split()[-1]
        assert main(["evaluate", str(run), held, "--json"]) == 0
        again = json.loads(capsys.readouterr().out)
        assert again["metrics"][0] == told["evaluation"]["metrics"][0]
        picture = told["commands"]["predict"].split()[-1]
        assert main(["predict", str(run), picture, "--json"]) == 0
        assert len(json.loads(capsys.readouterr().out)) == 1


def test_an_empty_class_is_no_class(tmp_path):
    files = {
        f"{i}.{e}": png(i) if e == "png" else str(i % 2).encode() * (i != 3) for i in range(6) for e in ("png", "cls")
    }
    with pytest.raises(DataError, match=r"3\.cls is empty"):
        open_source(write(tmp_path / "some.tar", files))
