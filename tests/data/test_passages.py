"""Questions and contexts read from lists, frames and files, cut into windows, and answers placed in them."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from parnassus import store
from parnassus.data.text.passages import Passages, SpanTargets
from parnassus.data.text.questions import Span, open_questions, questions_of, spans_of, write_questions
from parnassus.errors import DataError, FileError, SettingError

CONTEXT = "Ann Lee went to Rome in 1901. Bo saw  Paris, which is far; Cy slept."
X = [("Where did Ann go?", CONTEXT), ("Who slept?", CONTEXT), ("Who saw Oslo?", CONTEXT), ("Who?", "Ann.")]
Y = [[Span("Rome", 16)], [Span("Cy", 59), Span("Cy slept", 59)], [], [Span("Ann", 0)]]


@pytest.mark.parametrize("raw", [
    X, [list(pair) for pair in X], np.array(X, dtype=object), pd.DataFrame(X, columns=["question", "context"]),
    [{"question": q, "context": c, "id": 3} for q, c in X],
])  # fmt: skip
def test_pairs_come_in_many_forms(raw):
    assert questions_of(raw) == X


@pytest.mark.parametrize("raw", [
    Y, [("Rome", 16), [("Cy", 59), ("Cy slept", 59)], None, "Ann"], [["Rome", 16], Y[1], [], ["Ann"]],
    [{"text": "Rome", "answer_start": 16}, {"text": ["Cy", "Cy slept"], "answer_start": [59, 59]}, np.nan,
     {"text": "Ann", "start": 0}],
    pd.Series(Y),
])  # fmt: skip
def test_answers_come_in_many_forms(raw):
    assert spans_of(raw, X) == Y


@pytest.mark.parametrize(("raw", "words"), [
    ([("Rom", 16)] * 3, "4 questions and 3 answers"),
    ([("Rome", 17), *Y[1:]], "row 0 of y: 'Rome' does not stand at character 17 .* there is 'ome '; it stands at 16"),
    ([("Milan", 3), *Y[1:]], "it stands nowhere"),
    ([*Y[:3], "n"], "row 3 of y: 'n' stands 2 times"),
    ([*Y[:3], ("Ann", -1)], "the number of a character"),
    ([*Y[:3], ("Ann", 0.5)], "the number of a character"),
    ([*Y[:3], ("", 0)], "row 3 of y is"),
    ([*Y[:3], 7], "row 3 of y is 7"),
    ("Rome", "give a list"),
])  # fmt: skip
def test_what_does_not_answer_is_refused_by_its_row(raw, words):
    with pytest.raises(DataError, match=words):
        spans_of(raw, X)


@pytest.mark.parametrize(("raw", "words"), [
    ([("a", "b"), ("a", "")], "row 1 of X: the context is empty"), ([("", "b")], "row 0 of X: the question is empty"),
    ([("a", None)], "the context is missing"), (["ab"], "row 0 of X is 'ab'"), ([("a", "b", "c")], "a pair of texts"),
    ([], "no rows"), ("a text", "single text"), (None, "X is None; give a list"),
    (pd.DataFrame({"question": ["a"]}), "no column 'context'"),
])  # fmt: skip
def test_what_is_no_pair_is_refused_by_its_row(raw, words):
    with pytest.raises(DataError, match=words):
        questions_of(raw)


def test_squad_s_file_and_a_table_hold_the_same(tmp_path):
    path = write_questions(tmp_path / "q.json", X, Y)
    held = json.loads(path.read_text())
    assert held["data"][0]["paragraphs"][0]["qas"][0]["answers"] == [{"text": "Rome", "answer_start": 16}]
    assert [asked["is_impossible"] for asked in held["data"][0]["paragraphs"][0]["qas"]] == [False, False, True]
    pd.DataFrame({
        "question": [q for q, _ in X], "context": [c for _, c in X], "answer": ["Rome", "Cy", None, "Ann"],
        "answer_start": [16, 59, None, 0],
    }).to_csv(tmp_path / "q.csv", index=False)  # fmt: skip
    source, table = open_questions(path), open_questions(tmp_path / "q.csv")
    assert (source.X, source.y) == (X, Y)
    plain = [("Rome", 16), [("Cy", 59), ("Cy slept", 59)], None, "Ann"]
    assert open_questions(write_questions(tmp_path / "p.json", [list(pair) for pair in X], plain)).y == Y
    with pytest.raises(DataError, match="row 1 of y"):
        write_questions(tmp_path / "n.json", X, [None, "nowhere", None, None])
    assert (table.X, table.y) == (X, [spans[:1] for spans in Y])
    years = pd.DataFrame({"question": ["When?"] * 2, "context": ["In 1901."] * 2, "answer": [1901, None]})
    assert spans_of(years, questions_of(years)) == [[Span("1901", 3)], []]
    del held["data"][0]["paragraphs"][1]["qas"][0]["answers"]
    path.write_text(json.dumps({"data": held["data"][1:] + [{"paragraphs": held["data"][0]["paragraphs"][1:]}]}))
    assert open_questions(path).y is None


@pytest.mark.parametrize(("text", "words"), [
    ("{", "cannot be read as JSON"), ("[]", "SQuAD's JSON"),
    ('{"data": [{"paragraphs": [{"qas": [{}]}]}]}', "'question'"),
])  # fmt: skip
def test_other_files_are_refused(tmp_path, text, words):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises((DataError, FileError), match=words):
        open_questions(tmp_path / "x.json")
    with pytest.raises(FileError, match="is no file"):
        open_questions(tmp_path / "y.json")


@pytest.fixture(scope="module")
def codec():
    return Passages(max_length=16, stride=4).fit(X)


def batch_of(codec, index):
    target = SpanTargets().fit(Y, codec)
    raw = codec.encode(X).take(index) | target.encode(Y).take(index)
    return codec.prepare(target.cut(raw), "pieces")


def test_windows_hold_the_question_and_every_character_of_the_context(codec):
    batch = batch_of(codec, torch.arange(4))
    assert batch["x"].shape[2] <= 16
    cut = codec.tokenizer
    for row, (question, context) in enumerate(X):
        seen = set()
        for window in range(int((batch["lengths"][row] > 0).sum())):
            n, ids = int(batch["lengths"][row, window]), batch["x"][row, window].tolist()
            inside = batch["inside"][row, window]
            asked = cut.rows([question])[0]
            assert ids[: len(asked) + 2] == [cut.cls, *asked, cut.sep]
            assert ids[n - 1] == cut.sep
            assert all(i == cut.pad for i in ids[n:])
            assert batch["segments"][row, window].tolist()[:n] == [0] * (len(asked) + 2) + [1] * (n - len(asked) - 2)
            assert int(inside.sum()) == n - len(asked) - 3
            seen |= {c for a, b in batch["offsets"][row, window][inside].tolist() for c in range(a, b)}
        assert seen == {i for i, c in enumerate(context) if not c.isspace()}


def test_answers_point_to_their_own_characters_in_each_window_that_holds_them(codec):
    batch = batch_of(codec, torch.arange(4))
    for row, (spans, (_, context)) in enumerate(zip(Y, X, strict=True)):
        found = []
        for window in (batch["lengths"][row] > 0).nonzero()[:, 0].tolist():
            first, last = batch["y"][row, window].tolist()
            place = batch["offsets"][row, window]
            found += [context[place[first, 0] : place[last, 1]]] if first else []
            chars = {c for a, b in place[batch["inside"][row, window]].tolist() for c in range(a, b)}
            whole = bool(spans) and set(range(spans[0].start, spans[0].start + len(spans[0].text))) <= chars
            assert bool(first) == whole
        assert set(found) == {span.text for span in spans[:1]}


def test_rows_are_the_same_alone_and_together_and_know_their_length(codec):
    whole, rows = batch_of(codec, torch.arange(4)), codec.encode(X)
    alone = batch_of(codec, torch.tensor([3]))
    for name, tensor in alone.items():
        own = whole[name][3:]
        assert torch.equal(tensor, own[tuple(slice(n) for n in tensor.shape)]), name
    generator = torch.Generator().manual_seed(0)
    assert sorted(rows.arranged(torch.arange(4), 2, generator).tolist()) == [0, 1, 2, 3]
    many = codec.encode(X * 50)
    order = many.arranged(torch.arange(200), 4, generator)
    assert sorted(order.tolist()) == list(range(200))
    sizes = many.counts[order].view(50, 4)
    assert (sizes != sizes[:, :1]).any(1).sum() <= 3  # where one length ends and the next begins
    assert (many.counts.view(50, 4) != many.counts[:1]).any(1).all()


def test_state_makes_an_equal_codec_and_target(codec, tmp_path):
    store.save(tmp_path / "codec", {"state": codec.state()})
    again = Passages.from_state(store.load(tmp_path / "codec")["state"])
    assert repr(again) == repr(codec)
    assert torch.equal(again.encode(X).windows.values, codec.encode(X).windows.values)
    target = SpanTargets().fit(Y)
    back = SpanTargets.from_state(target.state())
    assert (back.has_none, back.commonest) == (target.has_none, target.commonest) == (True, "")
    assert not SpanTargets().fit(Y[:2]).has_none


def test_what_does_not_fit_is_refused(codec):
    with pytest.raises(DataError, match=r"row 1: the question has \d+ subwords and leaves no room"):
        codec.encode([X[0], ("Who went where when " * 5, "Ann.")])
    with pytest.raises(DataError, match="row 0: the context holds no word"):
        codec.encode([("Who?", "\u200b\u0000")])
    with pytest.raises(DataError, match="no question has an answer"):
        SpanTargets().fit([[], []])
    with pytest.raises(SettingError, match="stride"):
        Passages(stride=0)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("answer", ["São Paulo", "東京", "Krako\u0301w", "naïve", "Ünder", "한국", "x²", "\U0001f642"])
def test_answers_of_any_script_are_their_own_characters(answer, lower):
    context = f"  In São Paulo, 東京 \u200band\tKrako\u0301w \U0001f642 a naïve Ünder of 한국 is x².\n{answer} again"
    X, start = [("Which, naïve?", context)], context.index(answer)
    y = [[Span(answer, start)]]
    codec = Passages(lower=lower).fit(X)
    batch = codec.encode(X).take(torch.arange(1)) | SpanTargets().fit(y).encode(y).take(torch.arange(1))
    first, last = SpanTargets().cut(batch)["y"][0, 0].tolist()
    place = batch["x"][0, 0, :, 2:].tolist()
    assert first > 0
    assert context[place[first][0] : place[last][1]] == answer
