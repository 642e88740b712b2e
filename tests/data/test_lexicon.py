"""Lexicons: several ways to say a word, files, and what is refused."""

import pytest

from parnassus.data.audio.lexicon import Lexicon, letters, read_lexicon, whole
from parnassus.errors import DataError


def test_a_word_may_be_said_in_several_ways():
    found = Lexicon({"the": ["dh ah", ("dh", "iy"), "dh ah"], "a": "ah"})
    assert found["the"] == [("dh", "ah"), ("dh", "iy")]
    assert found.units == ["ah", "dh", "iy"]
    assert Lexicon(found.plain()).words == found.words
    assert Lexicon({"a": [["ax"], ["ey"]], "two": [["t", "uw"]], "i": ["ay"]})["a"] == [("ax",), ("ey",)]


def test_words_are_spelled_or_whole():
    assert letters(["two", "one"]).words == {"one": [("o", "n", "e")], "two": [("t", "w", "o")]}
    assert whole(["two"])["two"] == [("two",)]


def test_a_file_is_read_line_by_line(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("# digits\nzero z ih r ow\nzero z iy r ow\n\none w ah n # a comment\n", encoding="utf-8")
    found = read_lexicon(path)
    assert found["zero"] == [("z", "ih", "r", "ow"), ("z", "iy", "r", "ow")]
    assert found["one"] == [("w", "ah", "n")]


def test_a_line_without_units_is_refused_by_its_number(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("zero z ih\none\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"line 2: 'one' has no units"):
        read_lexicon(path)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "no words"),
        ({"a": ""}, "'a' has the pronunciations"),
        ({"a": []}, "'a'"),
        (
            {"a": "ax", "two": ["t", "uw"]},
            r"'two'.*one pronunciation of 2 units.*write 't uw', or \[\['t'\], \['uw'\]\]",
        ),
        ({"two": ("t", "uw")}, "may be one pronunciation"),
        (7, "mapping"),
        ("no.txt", "cannot be read"),
    ],
)
def test_what_is_no_lexicon_is_refused(given, words):
    with pytest.raises(DataError, match=words):
        read_lexicon(given)


def test_words_outside_are_refused_by_name():
    with pytest.raises(DataError, match=r"row 3: the word 'thee' is outside the lexicon of 1 words.*'the'"):
        Lexicon({"the": "dh ah"}).check(["the", "thee"], where="row 3")
