"""The gallery is run: every script with small sizes, every exercise of the books answered once, in a few lines."""

import sys
from pathlib import Path

import pytest
import sklearn.datasets  # noqa: F401  # its first import draws from Python's random state, which no script may change

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS))
import gallery_pages as gallery  # noqa: E402

sys.path.remove(str(DOCS))

MOST_LINES = 20
NOT_YET: dict[str, str] = {}  # what no script answers, with the reason


@pytest.mark.slow
@pytest.mark.parametrize("path", gallery.scripts(), ids=lambda p: p.stem)
def test_a_script_runs_and_shows_something_in_every_answer(path, tmp_path, monkeypatch):
    monkeypatch.setenv("PARNASSUS_GALLERY", "tiny")
    monkeypatch.chdir(tmp_path)
    for answer in gallery.answers(gallery.run(path)):
        assert any(cell.printed or cell.pictures for cell in answer.cells), f"{answer.exercises} shows nothing"


def test_every_exercise_is_answered_once():
    given = [
        one for path in gallery.scripts() for answer in gallery.answers(gallery.cells(path)) for one in answer.exercises
    ]
    print("not answered yet:", NOT_YET)
    assert not [one for one in given if given.count(one) > 1], "answered twice"
    assert set(given) == set(gallery.exercises()) - set(NOT_YET)


def test_an_answer_is_short():
    long = [
        f"{path.name}, {answer.exercises}: {len(answer.code)} lines"
        for path in gallery.scripts()
        for answer in gallery.answers(gallery.cells(path))
        if len(answer.code) > MOST_LINES
    ]
    assert not long


@pytest.mark.parametrize("path", gallery.scripts(), ids=lambda p: p.stem)
def test_a_script_is_one_concept_in_ascii(path):
    text = path.read_text(encoding="utf-8")
    assert text.isascii()
    assert len(text.splitlines()) <= 400


def test_a_cell_keeps_what_it_prints_and_draws(tmp_path):
    path = tmp_path / "one.py"
    path.write_text(
        "# %% [markdown]\n# # Title\n# %%\nfrom parnassus.insight import curves\n"
        "# %% [markdown]\n# ## Adding\n# Exercise 4:Ex1.1\n"
        "# %%\n# a comment\nprint(1 + 1)\n\ncurves.activation_curves()\n"
    )
    (answer,) = gallery.answers(gallery.cells(path))
    assert answer.exercises == ("4:Ex1.1",)
    assert len(answer.code) == 2
    *_, last = gallery.run(path)
    assert last.printed == "2\n"
    assert last.pictures[0].startswith(b"\x89PNG")


def test_an_assertion_that_fails_is_told_with_its_line(tmp_path):
    path = tmp_path / "wrong.py"
    path.write_text("# %%\nx = 1\nassert x == 2\n")
    with pytest.raises(AssertionError) as told:
        gallery.run(path)
    assert told.traceback[-1].lineno + 1 == 3
