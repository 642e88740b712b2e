"""What a model takes, as a client sends it: rows, texts, tokens, sequences and series as JSON, the rest as files."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import SettingError
from .fields import Field, fields_of, read_number
from .refusal import Refused, invalid, told

Json = dict[str, Any]


class Input:
    """One kind of input: `read` checks one and makes it what the estimator takes, `stack` puts several together."""

    kind: str
    upload: str | None = None  # "image", "audio" or "video" where a file is sent
    schema: Json = {}
    parameters: dict[str, Json] = {}  # what the address of a request may say of its inputs

    def beside(self, given: Mapping[str, str]) -> "Input":
        """The input as the parameters of a request's address ask for it."""
        return self

    def read(self, item: Any, where: str) -> Any:
        """One input from JSON, or refused."""
        raise Refused(415, "wrong_type", f"this model takes {self.kind}s as files; send the file")

    def decode(self, content: bytes, where: str) -> Any:
        """One input from a file's bytes, or refused."""
        raise Refused(415, "wrong_type", f'this model takes JSON, {{"inputs": [...]}}, and no files; see {"/docs"}')

    def stack(self, items: list[Any]) -> Any:
        """Several inputs as the estimator takes them."""
        return items

    def example(self) -> Any:
        """An input as `read` or `decode` returns it, to try a model with."""
        raise NotImplementedError

    def told(self) -> Json:
        """What the page is built from."""
        return {"kind": self.kind, "upload": self.upload}


class Row(Input):
    """A row of a table: an object with a typed field for each column; an array where columns have no names."""

    kind = "row"

    def __init__(self, codec: Any) -> None:
        self.fields: list[Field] = fields_of(codec.schema, filled=codec.options["missing"] != "refuse")
        self.named = codec.feature_names is not None
        self.matrix = not self.named and codec.schema.plain
        known = {f.name: f.schema for f in self.fields}
        required = [f.name for f in self.fields if f.required]
        schema: Json = {"type": "object", "properties": known, "additionalProperties": False}
        if required:
            schema["required"] = required
        n = len(self.fields)
        array: Json = {"type": "array", "minItems": n, "maxItems": n, "items": {}}
        self.schema = schema if self.named else {"oneOf": [schema, array]}

    def read(self, item: Any, where: str) -> list[Any]:
        if isinstance(item, list) and not self.named:
            if len(item) != len(self.fields):
                raise invalid(f"{where} has {len(item)} values, and a row has {len(self.fields)}", where)
            item = {f.name: value for f, value in zip(self.fields, item, strict=True)}
        if not isinstance(item, dict):
            raise invalid(f"{where} is {told(item)}; a row is an object with a field for each column", where)
        names = [f.name for f in self.fields]
        for name in item.keys() - set(names):
            raise invalid(f"{where} has the field {told(name)}, which the model does not know", where, names[:100])
        missing = [f.name for f in self.fields if f.required and f.name not in item]
        if missing:
            raise invalid(f"{where} lacks the fields {', '.join(map(repr, missing[:10]))}", where, names[:100])
        return [f.read(item.get(f.name), f"{where}.{f.name}") for f in self.fields]

    def stack(self, items: list[Any]) -> Any:
        columns = [column_of(f, [row[j] for row in items]) for j, f in enumerate(self.fields)]
        if self.matrix:
            return np.stack(columns, 1).astype(np.float64)
        import pandas as pd

        frame = pd.concat([pd.Series(c) for c in columns], axis=1)
        return frame.set_axis([f.name for f in self.fields] if self.named else range(len(columns)), axis=1)

    def example(self) -> list[Any]:
        return self.read({f.name: f.usual for f in self.fields}, "example")

    def told(self) -> Json:
        shown = [
            {"name": f.name, "kind": f.kind, "required": f.required, "usual": f.usual, "levels": list(f.levels)}
            | {"hint": f.schema.get("description", "")}
            for f in self.fields
            if f.kind != "idle"
        ]
        return super().told() | {"fields": shown}


def column_of(field: Field, values: list[Any]) -> np.ndarray:
    """One column as training read it; gaps are NaN, NaT or None."""
    if field.kind == "date":
        return np.array([np.datetime64("NaT") if v is None else v for v in values], dtype="datetime64[us]")
    if field.kind in ("number", "boolean", "idle"):
        return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


class Text(Input):
    """A text; it is never taken for the path of a file."""

    kind = "text"
    schema = {"type": "string"}

    def __init__(self, example: str = "an example") -> None:
        self._example = example

    def read(self, item: Any, where: str) -> str:
        return read_text(item, where)

    def example(self) -> str:
        return self._example

    def told(self) -> Json:
        return super().told() | {"example": self._example}


def read_text(item: Any, where: str) -> str:
    """Text that can be encoded; JSON can spell halves of characters, which is none."""
    if not isinstance(item, str):
        raise invalid(f"{where} takes a text; got {told(item)}", where)
    try:
        item.encode("utf-8")
    except UnicodeEncodeError:
        raise invalid(f"{where} holds half a character (a lone surrogate); send whole characters", where) from None
    return item


class Question(Input):
    """A question and the text that answers it."""

    kind = "question"
    schema = {
        "type": "object",
        "properties": {"question": {"type": "string"}, "context": {"type": "string"}},
        "required": ["question", "context"],
        "additionalProperties": False,
    }

    def __init__(self, example: str = "an example") -> None:
        self._example = {"question": example, "context": example}

    def read(self, item: Any, where: str) -> dict[str, str]:
        names = list(self.schema["properties"])
        if not isinstance(item, dict) or sorted(item) != sorted(names):
            raise invalid(f"{where} is {told(item)}; an object with question and context is due", where, names)
        for name in names:
            if not read_text(item[name], f"{where}.{name}").strip():
                raise invalid(f"{where}.{name} holds no word", where)
        return item

    def example(self) -> dict[str, str]:
        return self._example

    def told(self) -> Json:
        return super().told() | {"example": json.dumps(self._example)}


class Tokens(Input):
    """A sentence as a list of its words, or as a text that is cut at spaces."""

    kind = "tokens"
    schema = {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}

    def read(self, item: Any, where: str) -> list[str]:
        words = item if isinstance(item, list) else read_text(item, where).split()
        if not words:
            raise invalid(f"{where} holds no word", where)
        return [read_text(word, f"{where}[{i}]") for i, word in enumerate(words)]

    def example(self) -> list[str]:
        return ["an", "example"]


class Steps(Input):
    """A sequence: an array of steps, each an array of numbers; or of symbols, whole numbers."""

    kind = "sequence"

    def __init__(self, codec: Any) -> None:
        self.n_features, self.vocab_size = codec.n_features, codec.vocab_size
        step: Json = {"type": "array", "items": {"type": "number"}}
        step |= {"minItems": self.n_features, "maxItems": self.n_features}
        symbol: Json = {"type": "integer", "minimum": 0, "maximum": self.vocab_size - 1}
        self.schema = {"type": "array", "minItems": 1, "items": symbol if self.vocab_size else step}
        self.n_example = codec.n_steps or codec.max_length
        self.n_shown = codec.n_steps or 8  # some models take sequences of one length alone

    def read(self, item: Any, where: str) -> np.ndarray:
        if not isinstance(item, list) or not item:
            raise invalid(f"{where} takes an array of steps; got {told(item)}", where)
        if self.vocab_size:
            return np.array([self._symbol(value, f"{where}[{i}]") for i, value in enumerate(item)], dtype=np.int64)
        return np.array([self._step(step, f"{where}[{i}]") for i, step in enumerate(item)], dtype=np.float64)

    def _symbol(self, value: Any, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < self.vocab_size:
            raise invalid(f"{where} takes a whole number from 0 to {self.vocab_size - 1}; got {told(value)}", where)
        return value

    def _step(self, step: Any, where: str) -> list[float]:
        if not isinstance(step, list) or len(step) != self.n_features:
            raise invalid(f"{where} takes an array of {self.n_features} numbers; got {told(step)}", where)
        return [read_number(value, f"{where}[{j}]") for j, value in enumerate(step)]

    def example(self) -> np.ndarray:
        n = min(self.n_example, 1000)
        return np.zeros(n, dtype=np.int64) if self.vocab_size else np.zeros((n, self.n_features))

    def told(self) -> Json:
        return super().told() | {"example": json.dumps(self.example()[: self.n_shown].tolist())}


class Options(Input):
    """An object of settings: what a generator, a language model and a forecaster are asked for."""

    def __init__(
        self, kind: str, fields: dict[str, tuple[Json, Any]], usual: Json | None = None, required: tuple[str, ...] = ()
    ) -> None:
        self.kind, self.fields, self.usual, self.required = kind, fields, usual or {}, required
        known = {name: schema for name, (schema, _) in fields.items()}
        self.schema = {"type": "object", "properties": known, "additionalProperties": False}
        self.schema |= {"required": list(required)} if required else {}

    def read(self, item: Any, where: str) -> Json:
        if not isinstance(item, dict):
            raise invalid(f"{where} is {told(item)}; it is an object with fields of {', '.join(self.fields)}", where)
        for name in item.keys() - self.fields.keys():
            raise invalid(f"{where} has the field {told(name)}, which is unknown", where, allowed=list(self.fields))
        for name in self.required:
            if item.get(name) is None:
                raise invalid(f"{where} lacks {name!r}; add the field", f"{where}.{name}")
        return {k: self.fields[k][1](v, f"{where}.{k}") for k, v in item.items() if v is not None}

    def example(self) -> Json:
        return self.read(self.usual, "example")

    def told(self) -> Json:
        return super().told() | {"options": {k: s for k, (s, _) in self.fields.items()}, "usual": self.usual}


def whole(low: int, high: int) -> tuple[Json, Any]:
    """The schema and the reader of a whole number in a range."""

    def read(value: Any, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise invalid(f"{where} takes a whole number from {low} to {high}; got {told(value)}", where)
        return value

    return {"type": "integer", "minimum": low, "maximum": high}, read


def between(low: float, high: float) -> tuple[Json, Any]:
    """The schema and the reader of a number in a range."""

    def read(value: Any, where: str) -> float:
        found = read_number(value, where)
        if not low <= found <= high:
            raise invalid(f"{where} takes a number from {low:g} to {high:g}; got {told(value)}", where)
        return found

    return {"type": "number", "minimum": low, "maximum": high}, read


def numbers(least: int) -> tuple[Json, Any]:
    """The schema and the reader of a series of numbers."""

    def read(value: Any, where: str) -> np.ndarray:
        if not isinstance(value, list) or len(value) < least:
            raise invalid(f"{where} takes an array of {least} numbers or more; got {told(value)}", where)
        return np.array([read_number(v, f"{where}[{i}]") for i, v in enumerate(value)], dtype=np.float64)

    return {"type": "array", "items": {"type": "number"}, "minItems": least}, read


def chosen(known: list[Any]) -> tuple[Json, Any]:
    """The schema and the reader of one of several values."""

    def read(value: Any, where: str) -> Any:
        for one in known:
            if type(one) is type(value) and one == value:
                return one
        raise invalid(f"{where} takes one of {', '.join(told(k) for k in known[:12])}; got {told(value)}", where)

    return {"enum": known}, read


TEXT: tuple[Json, Any] = ({"type": "string"}, read_text)


def input_of(codec: Any, limits: Any) -> Input:
    """The input that a fitted codec takes, or a refusal that says which codecs are served."""
    from .chains import Chain
    from .files import Picture, Sound
    from .videos import Clip

    kind = codec.kind
    if kind in ("table", "holed_table"):
        return Row(codec)
    if kind == "image":
        return Picture(codec, limits)
    if kind == "speech":
        return Sound(codec, limits)
    if kind == "video":
        return Clip(codec, limits)
    if kind == "residues":
        return Chain()
    if kind == "sequences":
        return Steps(codec)
    if kind == "tokens":
        return Tokens()
    if kind == "passages":
        return Question(word_of(codec))
    if codec.form == "strings" or kind in ("source_texts", "corpus", "pieces", "text", "token_stream"):
        return Text(word_of(codec))
    raise SettingError(
        f"models of {kind} are not served; tables, texts, pictures, sounds, videos, sequences and series are: "
        f"use parnassus predict for this one"
    )


def word_of(codec: Any) -> str:
    """A word that the codec knows, where it tells of one."""
    for holder in (codec, getattr(codec, "tokenizer", None), getattr(codec, "vocabulary", None)):
        words = [w for w in list(getattr(holder, "names", ()) or ())[:2000] if isinstance(w, str) and w.isalpha()]
        if words:
            return max(words[:50], key=len)
    return "an example"
