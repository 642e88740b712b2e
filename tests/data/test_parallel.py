"""Pairs of texts: vocabularies, ends, what is unknown, what is refused."""

import warnings

import pandas as pd
import pytest
import torch

from parnassus.data.rows import Dense, Joined
from parnassus.data.text.parallel import SourceTexts, TargetTexts, pairs_of
from parnassus.errors import DataError, DataWarning, FileError, SettingError

TEXTS = ["ein haus", "das haus ist rot", "rot"]


def test_an_end_stands_behind_each_source_and_none_in_targets():
    codec, target = SourceTexts().fit(TEXTS), TargetTexts().fit(TEXTS)
    names = ["<pad>", "<unknown>", "das", "ein", "haus", "ist", "rot"]
    batch = codec.encode(TEXTS).take(torch.arange(3))
    assert [[names[i] for i in row if 0 < i < 7] for row in batch["x"].tolist()] == [t.split() for t in TEXTS]
    assert batch["x"].tolist() == [[3, 4, 7, 0, 0], [2, 4, 5, 6, 7], [6, 7, 0, 0, 0]]
    assert batch["lengths"].tolist() == [3, 5, 2]
    assert codec.views()["tokens"] == {"source_vocab_size": 8, "pad_id": 0, "max_length": 5}
    written = target.encode(TEXTS).take(torch.arange(3))
    assert written["y"].tolist() == [[3, 4, 0, 0], [2, 4, 5, 6], [6, 0, 0, 0]]
    assert (target.facts(), target.longest, target.decode([[3, 4, 7], [6]])) == (
        {"target_vocab_size": 8, "start_id": 7, "end_id": 7}, 4, ["ein haus", "rot"],
    )  # fmt: skip


def test_2b_A6_12_a_vocabulary_keeps_the_most_frequent_words_seen_twice():
    codec = SourceTexts(max_words=2, min_count=2, lower=True).fit(["a A b", "a b c c", "b d"])
    assert codec.tokenizer.names == ["a", "b"]
    with pytest.warns(DataWarning, match=r"2 of 3 sources hold 3 words .*'c', 'd'.* first in row 1"):
        x = codec.encode(["a B", "c c a", "d"]).take(torch.arange(3))["x"]
    assert codec.n_unknown == 3
    assert x.tolist() == [[2, 3, 4, 0], [1, 1, 2, 4], [1, 4, 0, 0]]


@pytest.mark.parametrize("unit", ["bytes", "byte_bpe"])
def test_of_bytes_nothing_is_unknown(unit):
    codec = SourceTexts(unit=unit).fit(TEXTS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert codec.decode(codec.encode(["Z\u00fcrich!"]).take(torch.arange(1))["x"]) == ["Z\u00fcrich!"]


def test_one_vocabulary_for_both_sides_knows_the_words_of_both():
    codec = SourceTexts().fit(["ja nein"], besides=["yes no"])
    target = TargetTexts(shared=True).fit(["yes no"], codec)
    assert target.tokenizer.names == codec.tokenizer.names == ["ja", "nein", "no", "yes"]
    with pytest.raises(SettingError, match="sources"):
        TargetTexts(shared=True).fit(["yes"])


def test_texts_from_right_to_left_keep_the_order_they_are_stored_in():
    text = "\u0645\u0631\u062d\u0628\u0627 \u0628\u0643\u0645"
    codec = SourceTexts(unit="characters").fit([text])
    ids = codec.encode([text]).take(torch.arange(1))["x"]
    assert codec.decode(ids) == [text]
    assert codec.units(text) == list(text)


def test_2b_B37_the_split_of_the_book_is_nine_to_one():
    assert round(199_378 / (199_378 + 22_154), 5) == 0.9


def test_pairs_come_as_two_lists_one_list_or_two_files(tmp_path):
    wanted = (["a b", "c"], ["x", "y z"])
    assert pairs_of(*wanted) == wanted
    assert pairs_of([("a b", "x"), ("c", "y z")], None) == wanted
    paths = [tmp_path / "a.de", tmp_path / "a.en"]
    for path, lines in zip(paths, wanted, strict=True):
        path.write_text("\n".join(lines) + "\n")
    assert pairs_of(*paths) == wanted
    paths[1].write_bytes(b"x\n\xffy\n")
    with pytest.raises(FileError, match="byte 2 is no UTF-8"):
        pairs_of(*paths)
    with pytest.raises(FileError, match="cannot be read"):
        pairs_of(tmp_path / "none", paths[0])


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (["a", "b"], ["x"], "2 sources and 1 targets"),
        (["a"], None, "nothing to write"),
        ([("a", "b"), ("c",)], None, "row 1 of X"),
    ],
)
def test_pairs_that_do_not_match_are_refused(X, y, words):
    with pytest.raises(DataError, match=words):
        pairs_of(X, y)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (["a", "  "], "row 1 of X is empty"),
        (["a", None], "row 1 of X is missing"),
        (["a", float("nan")], "row 1 of X is missing"),
        (["a", 3], "row 1 of X is 3"),
        ("a text", "one text"),
        ([], "no texts"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), "columns"),
    ],
)
def test_what_is_no_text_is_refused_by_its_row(raw, words):
    with pytest.raises(DataError, match=words):
        SourceTexts().fit(raw)


@pytest.mark.parametrize("setting", [{"unit": "hashed"}, {"unit": "word"}, {"max_words": 0}, {"min_count": 1.5}])
def test_settings_that_make_no_vocabulary_are_refused(setting):
    for codec in (SourceTexts, TargetTexts):
        with pytest.raises(SettingError):
            codec(**setting)


def test_texts_of_like_length_train_together_and_every_row_is_taken_once():
    generator = torch.Generator().manual_seed(0)
    texts = [" ".join("a" * n) for n in torch.randint(1, 40, (1700,), generator=generator).tolist()]
    rows = Joined(SourceTexts().fit(texts).encode(texts), Dense(weight=torch.ones(1700)))
    order = torch.randperm(1700, generator=generator)
    found = rows.arranged(order, 16, generator)
    assert sorted(found.tolist()) == list(range(1700))
    windows = [rows.take(part)["lengths"] for part in found.split(16)][:100]
    wasted = sum(int((w.max() - w).sum()) for w in windows) / sum(int(w.sum()) for w in windows)
    assert wasted < 0.03
    means = torch.stack([w.float().mean() for w in windows])
    assert bool((means.diff() < 0).any())  # windows themselves come in any order
    assert not torch.equal(found, rows.arranged(order, 16, generator))


def test_few_texts_keep_the_order_that_was_drawn():
    generator = torch.Generator().manual_seed(0)
    rows = SourceTexts().fit(TEXTS).encode(TEXTS * 100)
    order = torch.randperm(300, generator=generator)
    assert torch.equal(rows.arranged(order, 16, generator), order)
