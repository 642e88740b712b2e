"""Questions about texts and the spans that answer them: lists, frames, and SQuAD's file, looked over row by row."""

import json
import numbers
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import DataError, FileError
from ...files import write_text
from ..answers import is_gap
from ..sources import Source, fingerprint, open_table

FORMS = (
    'SQuAD\'s JSON, {"data": [{"paragraphs": [{"context": ..., "qas": [{"question": ..., "answers": [{"text": ..., '
    '"answer_start": ...}]}]}]}]}, or a CSV with the columns question, context, answer and answer_start'
)
COLUMNS = ("question", "context")


class Span(NamedTuple):
    """The characters of an answer, and where the first of them stands in its context."""

    text: str
    start: int


class QuestionList(list):
    """A list of (question, context) that says so."""

    form = "questions"


def questions_of(raw: Any) -> QuestionList:
    """Pairs of texts: tuples, dicts or a frame with `question` and `context`.

    Raises
    ------
    DataError : no rows, no pair of texts, or an empty one; the row is named.
    """
    if hasattr(raw, "columns"):
        names = [str(name) for name in raw.columns]
        absent = [name for name in COLUMNS if name not in names]
        if absent:
            raise DataError(f"X has no column {absent[0]!r}; it has {', '.join(names[:8])}: name them {COLUMNS}")
        raw = list(zip(*(raw[name] for name in COLUMNS), strict=True))
    if isinstance(raw, str | bytes) or not hasattr(raw, "__iter__"):
        what = "a single text" if isinstance(raw, str | bytes) else f"{raw!r:.60}"
        raise DataError(f"X is {what}; give a list of pairs, [(question, context)]")
    found = QuestionList()
    for i, row in enumerate(raw):
        pair = tuple(row.get(name) for name in COLUMNS) if isinstance(row, Mapping) else row
        if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise DataError(f"row {i} of X is {row!r:.60}, and a pair of texts is due, (question, context)")
        for name, text in zip(COLUMNS, pair, strict=True):
            if not isinstance(text, str) or not text.strip():
                what = "missing" if is_gap(text) else "empty" if isinstance(text, str) else f"{text!r:.60}"
                raise DataError(f"row {i} of X: the {name} is {what}; give a text, or leave the row out")
        found.append((str(pair[0]), str(pair[1])))
    if not found:
        raise DataError("X holds no rows; give at least one (question, context)")
    return found


def spans_of(raw: Any, questions: Sequence[tuple[str, str]]) -> list[list[Span]]:
    """The right answers of each question, none of those that have none.

    An entry is (text, start), {"text": ..., "start" or "answer_start": ...}, a text that stands once in its context, a
    list of any of these, or None; or a frame with `answer` and, where it is not to be looked for, `answer_start`.

    Raises
    ------
    DataError : other numbers than of questions, or a text that does not stand where it is said to; the row is named.
    """
    if hasattr(raw, "columns"):
        names = [str(name) for name in raw.columns]
        starts = raw["answer_start"] if "answer_start" in names else [None] * len(raw)
        raw = [None if is_gap(t) or t == "" else (_written(t), s) for t, s in zip(raw["answer"], starts, strict=True)]
    given = raw.to_list() if hasattr(raw, "to_list") else raw
    if isinstance(given, str | bytes) or not hasattr(given, "__len__"):
        raise DataError(f"y is {given!r:.60}; give a list with an answer a question, such as ('Paris', 17)")
    if len(given) != len(questions):
        raise DataError(f"there are {len(questions)} questions and {len(given)} answers; give one entry a question")
    return [_spans(i, one, context) for i, (one, (_, context)) in enumerate(zip(given, questions, strict=True))]


def _spans(i: int, given: Any, context: str) -> list[Span]:
    if is_gap(given):
        return []
    if isinstance(given, Mapping) and isinstance(given.get("text"), list | tuple):  # as the hub of datasets has it
        starts = given.get("answer_start", given.get("start", [None] * len(given["text"])))
        given = list(zip(given["text"], starts, strict=True))
    several = isinstance(given, list) and not (len(given) == 2 and isinstance(given[0], str) and not _text(given[1]))
    return [_span(i, one, context) for one in (given if several else [given])]


def _written(value: Any) -> Any:
    """A whole number, which a reader of tables made of a year, as text."""
    whole = isinstance(value, numbers.Real) and not isinstance(value, bool) and float(value).is_integer()
    return str(int(value)) if whole else value


def _text(value: Any) -> bool:
    return isinstance(value, str | tuple | list | Mapping)


def _span(i: int, given: Any, context: str) -> Span:
    """One answer, at its place."""
    if isinstance(given, Mapping):
        given = given.get("text"), given.get("answer_start", given.get("start"))
    text, start = given if isinstance(given, tuple | list) and len(given) == 2 else (given, None)
    if not isinstance(text, str) or not text.strip():
        raise DataError(
            f"row {i} of y is {given!r:.60}; an answer is a text and its start, or None where there is none"
        )
    if is_gap(start):
        n = context.count(text)
        if n != 1:
            raise DataError(f"row {i} of y: {text!r:.60} stands {n} times in its context; give (text, start)")
        return Span(text, context.index(text))
    if isinstance(start, bool) or not isinstance(start, numbers.Real) or start < 0 or float(start) % 1:
        raise DataError(f"row {i} of y: the start is {start!r:.40}; it is the number of a character, from 0")
    start = int(float(start))
    if context[start : start + len(text)] != text:
        at = context.find(text)
        where = f"it stands at {at}" if at >= 0 else "it stands nowhere in it"
        raise DataError(
            f"row {i} of y: {text!r:.60} does not stand at character {start} of its context, where there is "
            f"{context[start : start + len(text)]!r:.60}; {where}"
        )
    return Span(text, start)


# --- files ----------------------------------------------------------------------------------------


def names_questions(path: Any) -> bool:
    """Whether a path is that of a file that may hold questions."""
    return isinstance(path, str | os.PathLike) and Path(path).suffix.lower() in (".json", ".csv", ".tsv")


def open_questions(path: str | os.PathLike) -> Source:
    """Questions X and their answers y (None where the file has no word of answers) of a file; see `FORMS`.

    Raises
    ------
    FileError : there is no such file, or it cannot be read.
    DataError : it holds something else; the place is named.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileError(f"{path} is no file; questions are {FORMS}")
    if path.suffix.lower() != ".json":
        frame = open_table(path, "csv", None, memory=1 << 40).X
        X = questions_of(frame)
        y = spans_of(frame, X) if "answer" in frame.columns else None
        return Source(X, y, str(path), "questions", fingerprint=fingerprint(path))
    try:
        held = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot be read as JSON ({str(error)[:120]})") from error
    pairs, answers = [], []
    try:
        for article in held["data"]:
            for paragraph in article["paragraphs"]:
                for asked in paragraph["qas"]:
                    pairs.append((asked["question"], paragraph["context"]))
                    none = asked.get("is_impossible", False)
                    answers.append([] if none else asked.get("answers"))
    except (TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: {error} is not where it should be; questions are {FORMS}") from error
    X = questions_of(pairs)
    y = None if all(one is None for one in answers) else spans_of(answers, X)
    return Source(X, y, str(path), "questions", fingerprint=fingerprint(path))


def write_questions(path: str | os.PathLike, X: Any, y: Any) -> Path:
    """Write questions and answers, as `questions_of` and `spans_of` take them, as SQuAD's JSON; returns the path."""
    path, X = Path(path), questions_of(X)
    paragraphs: dict[str, list[dict[str, Any]]] = {}
    for i, ((question, context), spans) in enumerate(zip(X, spans_of(y, X), strict=True)):
        answers = [{"text": one.text, "answer_start": one.start} for one in spans]
        asked = {"id": str(i), "question": question, "answers": answers, "is_impossible": not spans}
        paragraphs.setdefault(context, []).append(asked)
    listed = [{"context": context, "qas": asked} for context, asked in paragraphs.items()]
    held = {"version": "v2.0", "data": [{"title": path.stem, "paragraphs": listed}]}
    write_text(path, json.dumps(held, ensure_ascii=False, indent=1) + "\n")
    return path
