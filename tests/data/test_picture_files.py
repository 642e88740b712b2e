"""Pictures of a folder that are there and cannot be learned from: none goes without a word."""

import warnings
from pathlib import Path

import pytest
from PIL import Image as Pillow

from parnassus.data.sources import open_source
from parnassus.errors import DataWarning, FileError


@pytest.fixture
def folder(tmp_path):
    """Two classes of two pictures."""
    for place in ("a/1.png", "a/2.png", "b/1.png", "b/2.png"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        Pillow.new("L", (4, 4)).save(tmp_path / place)
    return tmp_path


@pytest.mark.parametrize("name", ["a/3.HEIC", "b/3.svg", "3.dng"])
def test_pictures_of_formats_that_are_not_read_are_counted(folder, name):
    (folder / name).write_bytes(b"x")
    (folder / "a" / ".hidden.heic").write_bytes(b"x")
    (folder / "a" / "notes.txt").write_text("x")
    with pytest.warns(DataWarning, match=rf"1 pictures are in formats that are not read.*{Path(name).name}, and"):
        assert len(open_source(folder)) == 4


def test_pictures_of_formats_that_are_not_read_are_counted_in_a_folder_without_classes(folder):
    (folder / "a" / "3.heic").write_bytes(b"x")
    with pytest.warns(DataWarning, match="3.heic"):
        assert len(open_source(folder / "a")) == 2


def test_a_link_to_nothing_is_refused_by_name(folder):
    (folder / "a" / "3.png").symlink_to(folder / "gone.png")
    with pytest.raises(FileError, match=r"3\.png \(a link to what is not there\)"):
        open_source(folder)


def test_links_to_pictures_and_files_of_other_kinds_say_nothing(folder):
    (folder / "a" / "3.png").symlink_to(folder / "b" / "1.png")
    (folder / "b" / "notes.txt").write_text("x")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(open_source(folder)) == 5
