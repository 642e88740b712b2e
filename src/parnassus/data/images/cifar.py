"""CIFAR's batches, which are pickles: their opcodes are read one by one, and nothing that they name is ever called."""

import pickletools
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FileError

MARK = object()
RECONSTRUCT = {"numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"}
NAMES = {*RECONSTRUCT, "numpy ndarray", "numpy dtype", "_codecs encode"}
PUSHED = {"BININT", "BININT1", "BININT2", "INT", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "UNICODE"}
BYTES = {"BINSTRING", "SHORT_BINSTRING", "STRING", "BINBYTES", "SHORT_BINBYTES"}
CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


def read_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (n, 32, 32, 3) uint8 and labels (n,) of one batch file in CIFAR-10's Python layout.

    Only what such a file needs is understood: numbers, strings, lists, dicts, and one array of bytes. Any other name
    or opcode is refused before anything is made of it.
    """
    try:
        found = _Reader(path).read(path.read_bytes())
        data, labels = _array(found["data"]), found["labels"]
    except (KeyError, ValueError, IndexError, TypeError, AttributeError, StopIteration) as error:
        raise FileError(f"{path}: not a batch of CIFAR-10 in its Python layout: {error}") from error
    if data.ndim != 2 or data.shape[1] != 3072 or len(labels) != len(data):
        raise FileError(f"{path}: data of shape {data.shape} and {len(labels)} labels; expected (n, 3072) and n labels")
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy(), np.asarray(labels, dtype=np.int64)


class _Reader:
    """A stack machine for the few opcodes of such a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def read(self, raw: bytes) -> dict[str, Any]:
        for opcode, argument, place in pickletools.genops(raw):
            self._step(opcode.name, argument, place or 0)
        found = self.stack.pop()
        return {_word(k): v for k, v in found.items()}

    def _step(self, name: str, argument: Any, place: int) -> None:
        stack = self.stack
        if name in PUSHED:
            stack.append(argument)
        elif name in BYTES:
            stack.append(argument if isinstance(argument, bytes) else argument.encode("latin-1"))
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name == "GLOBAL":
            stack.append(self._named(argument, place))
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[int(argument)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self.memo[int(argument)])
        elif name in BUILT:
            BUILT[name](self)
        elif name not in ("PROTO", "STOP", "FRAME"):
            raise FileError(f"{self.path}: opcode {name} at byte {place}, which no CIFAR batch holds; nothing was run")

    def _named(self, argument: str, place: int) -> tuple[str, str]:
        if argument not in NAMES:
            raise FileError(
                f"{self.path}: names {argument.replace(' ', '.')} at byte {place}, which no CIFAR batch does; "
                f"nothing was run"
            )
        return "name", argument

    def since_mark(self) -> list[Any]:
        """What was pushed since the last mark, which goes too."""
        at = len(self.stack) - 1 - next(i for i, v in enumerate(reversed(self.stack)) if v is MARK)
        found = self.stack[at + 1 :]
        del self.stack[at:]
        return found

    def tuple_of(self, n: int) -> None:
        found = tuple(self.stack[-n:])
        del self.stack[-n:]
        self.stack.append(found)

    def appended(self, values: list[Any]) -> None:
        self.stack[-1].extend(values)

    def filled(self, values: list[Any]) -> None:
        self.stack[-1].update(zip(values[::2], values[1::2], strict=True))

    def reduced(self) -> None:
        """A call in the file becomes a note of what it names: nothing is called."""
        arguments, (_, name) = self.stack.pop(), self.stack.pop()
        self.stack.append(
            arguments[0].encode("latin-1") if name == "_codecs encode" else {"made": name, "of": arguments}
        )

    def built(self) -> None:
        state = self.stack.pop()
        self.stack[-1]["state"] = state


BUILT: dict[str, Any] = {
    "MARK": lambda r: r.stack.append(MARK),
    "EMPTY_DICT": lambda r: r.stack.append({}),
    "EMPTY_LIST": lambda r: r.stack.append([]),
    "EMPTY_TUPLE": lambda r: r.stack.append(()),
    "TUPLE": lambda r: r.stack.append(tuple(r.since_mark())),
    "TUPLE1": lambda r: r.tuple_of(1),
    "TUPLE2": lambda r: r.tuple_of(2),
    "TUPLE3": lambda r: r.tuple_of(3),
    "LIST": lambda r: r.stack.append(r.since_mark()),
    "APPEND": lambda r: r.appended([r.stack.pop()]),
    "APPENDS": lambda r: r.appended(r.since_mark()),
    "SETITEM": lambda r: r.filled([r.stack.pop(), r.stack.pop()][::-1]),
    "SETITEMS": lambda r: r.filled(r.since_mark()),
    "REDUCE": _Reader.reduced,
    "BUILD": _Reader.built,
}


def _word(key: Any) -> str:
    return key.decode("latin-1") if isinstance(key, bytes) else str(key)


def _array(noted: Any) -> np.ndarray:
    """The array of bytes that a note of numpy's own reconstruction describes."""
    if not isinstance(noted, dict) or noted.get("made") not in RECONSTRUCT:
        raise ValueError("its data are no array")
    _, shape, kind, by_columns, raw = noted["state"]
    code = _word(kind["of"][0])
    if code != "u1":
        raise ValueError(f"its data are of type {code}, not bytes (u1)")
    return np.frombuffer(raw, np.uint8).reshape(shape, order="F" if by_columns else "C")
