"""`predict` on files of videos: answered by their names, unreadable ones passed over where that is asked for."""

import csv

import numpy as np
import pytest

import parnassus as pn
from parnassus.cli import main

av = pytest.importorskip("av", reason="av is not installed: pip install 'parnassus[video]'")


def write(path, frames):
    with av.open(str(path), "w") as held:
        stream = held.add_stream("mpeg4", rate=24)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        pictures = [av.VideoFrame.from_ndarray(frame, format="rgb24") for frame in frames]
        for packet in (packet for picture in [*pictures, None] for packet in stream.encode(picture)):
            held.mux(packet)


def test_files_are_answered_on_the_command_line_by_their_names(tmp_path, capsys):
    for name, level in (("dark", 20), ("light", 220)):
        (tmp_path / name).mkdir()
        for i in range(3):
            write(tmp_path / name / f"{i}.mp4", np.full((4 + i, 32, 32, 3), level + i, np.uint8))
    files = [tmp_path / "dark" / "2.mp4", tmp_path / "light" / "0.mp4"]
    clf = pn.Classifier(codec=pn.Video(n_frames=3, size=8), epochs=1, progress=False).fit(str(tmp_path))
    clf.save(tmp_path / "m.parnassus")
    assert main(["predict", str(tmp_path / "m.parnassus"), *map(str, files)]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["video"] for row in rows] == list(map(str, files))
    assert [row["prediction"] for row in rows] == list(clf.predict(list(map(str, files))))
    assert main(["predict", str(tmp_path / "m.parnassus"), str(tmp_path / "light")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    files[0].write_bytes(b"no video")
    assert main(["predict", str(tmp_path / "m.parnassus"), str(tmp_path / "dark"), "--on-error", "skip"]) == 0
    assert "cannot be read" in capsys.readouterr().out
