"""Tables of paths: which columns they are, what they start from, and that nobody learns the names of files."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image as Pictures

import parnassus as pn
from parnassus.cli.inputs import opened, write_rows
from parnassus.data.codec import form_of
from parnassus.data.sources import open_source
from parnassus.data.tables.path_columns import path_columns, paths_alone
from parnassus.errors import DataError

NAMES = [f"pics/{i:02}.png" for i in range(12)]
LABELS = ["dark", "light"] * 6


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with pictures, and a table of their paths from there."""
    (tmp_path / "pics").mkdir()
    rng = np.random.default_rng(0)
    for i, name in enumerate(NAMES):
        pixels = rng.integers(0, 60, (6, 6)) + 150 * (i % 2)
        Pictures.fromarray(pixels.astype(np.uint8)).save(tmp_path / name)
    pd.DataFrame({"image": NAMES, "size": range(12), "label": LABELS}).to_csv(tmp_path / "all.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def classifier(**settings):
    return pn.Classifier("mlp", epochs=8, lr=0.02, progress=False, **settings)


@pytest.mark.parametrize("made", [pd.DataFrame, pl.DataFrame, lambda d: pl.DataFrame(d).to_arrow()])
def test_columns_of_paths_are_found_in_any_frame(made):
    frame = made(
        {"a": ["x.png", None, "y.JPG"], "n": [1, 2, 3], "v": ["t.mp4", "u.mp4", None], "w": ["x.png", "no", "no"]}
    )
    assert path_columns(frame) == ["a", "v"]


@pytest.mark.parametrize("raw", [np.zeros((3, 1)), pd.DataFrame(), pd.DataFrame({0: [1]}), ["x.png"], None, 3])
def test_what_has_no_columns_of_paths_stays_as_it_is(raw):
    assert path_columns(raw) == []
    assert paths_alone(raw) is raw


def test_columns_without_names_may_hold_paths():
    assert paths_alone(pd.DataFrame({1: ["a.png", "b.png"]})) == [Path("a.png"), Path("b.png")]


@pytest.mark.parametrize("cell", [None, "notes.txt"])
def test_a_cell_that_is_no_path_among_paths_is_refused_by_its_row(cell):
    with pytest.raises(DataError, match="row 25: its path of a picture or video is "):
        paths_alone(pd.DataFrame({"image": ["a.png"] * 25 + [cell]}))


@pytest.mark.parametrize("given", [
    NAMES, np.array(NAMES), np.array(NAMES, dtype=object), pd.Series(NAMES), pd.DataFrame({"image": NAMES}),
    pl.DataFrame({"image": NAMES}), list(map(Path, NAMES)),
], ids=["strings", "array", "objects", "series", "pandas", "polars", "paths"])  # fmt: skip
def test_paths_in_any_container_are_pictures_and_no_texts(folder, given):
    net = classifier().fit(given, LABELS)
    assert net.codec_.kind == "image"
    assert net.predict(given).tolist() == LABELS


def test_a_list_of_texts_that_only_mentions_a_picture_is_texts():
    assert form_of(["a.png", "look at a.png please"]) == "strings"
    assert form_of(["a.png", "b.jpeg"]) == "pictures"


def test_a_table_in_a_file_names_pictures_from_its_own_folder(folder, monkeypatch, tmp_path_factory):
    pd.read_csv("all.csv").drop(columns="size").to_csv("two.csv", index=False)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    net = classifier().fit(folder / "two.csv", target="label")
    assert net.codec_.kind == "image"
    assert net.score(folder / "two.csv") == 1.0
    assert net.predict(folder / "two.csv").tolist() == LABELS


def test_paths_that_lead_nowhere_from_the_table_are_left_as_they_stand(folder):
    pd.DataFrame({"image": ["gone.png", NAMES[0]]}).to_csv("some.csv", index=False)
    assert open_source(folder / "some.csv").X["image"].tolist() == ["gone.png", str(folder / NAMES[0])]


def test_paths_beside_other_columns_are_refused_and_not_learned_as_categories(folder):
    with pytest.raises(DataError, match=r"column 'image' of X holds paths of pictures or videos, .* drop it"):
        classifier().fit("all.csv", target="label")
    assert classifier(codec=pn.Table()).fit("all.csv", target="label").codec_.kind == "table"  # who insists may


def test_the_command_line_leaves_columns_out_and_writes_such_rows_for_later(folder, tmp_path_factory, monkeypatch):
    examples = opened("all.csv", target="label", drop=["size"])
    assert [path.name for path in examples.X] == [Path(name).name for name in NAMES]
    written = write_rows(examples, tmp_path_factory.mktemp("run"))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    again = opened(str(written), target="label")
    assert [path.resolve() for path in again.X] == [folder / name for name in NAMES]
    assert again.y.tolist() == LABELS


def test_pictures_without_answers_are_written_as_a_list_of_paths(folder, tmp_path_factory):
    pd.DataFrame({"image": NAMES}).to_csv("only.csv", index=False)
    written = write_rows(opened("only.csv"), tmp_path_factory.mktemp("run"))
    assert written.read_text(encoding="utf-8").splitlines() == [str(folder / name) for name in NAMES]
