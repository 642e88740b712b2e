"""Words of a command line or a file as the values that settings take, and back."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import SettingError
from .settings import Setting, Source

YES, NO, NONE = ("true", "yes", "on"), ("false", "no", "off"), "none"
NOUNS = {"int": "a whole number", "float": "a number", "bool": "true or false", "tuple": "one or more values"}


def value_of(words: Sequence[str], setting: Setting, flag: str) -> Any:
    """The value that these words give a setting: "none" is None, several words are a tuple.

    >>> value_of(["64", "32"], Setting("hidden", "tuple[int, ...]", (64,)), "--model.hidden")
    (64, 32)
    """
    kinds = kinds_of(setting)
    if list(words) == [NONE] and "None" in kinds:
        return None
    parts = words[0].split(",") if len(words) == 1 else []
    if "int" in kinds.get("tuple", {}) and len(parts) > 1 and all(part.strip().isdecimal() for part in parts):
        given = " ".join(f"{flag} {part.strip()}" for part in parts)
        raise SettingError(f"{flag} takes several values one by one, {given}; got {words[0]!r}")
    if "tuple" in kinds and (len(words) != 1 or not {"int", "float", "str", "any"} & kinds.keys()):
        return tuple(one(word, kinds["tuple"], flag) for word in words)
    if not words and "bool" in kinds:
        return True
    if len(words) != 1:
        came = f"{len(words)} values: {' '.join(words)}" if words else "none"
        raise SettingError(f"{flag} takes one value; got {came}")
    return one(words[0], kinds, flag)


def kinds_of(setting: Setting) -> dict[str, dict]:
    """What a setting's type allows: "int", "float", "bool", "str", "None", "any", and "tuple" with its elements'."""
    found = parsed(setting.annotation)
    if setting.default is None:
        found["None"] = {}
    return found


def parsed(annotation: str) -> dict[str, dict]:
    """The alternatives of an annotation; what is not known takes anything."""
    found: dict[str, dict] = {}
    for part in split(annotation, "|"):
        name, _, inner = part.partition("[")
        inner = inner.removesuffix("]")
        if name in ("int", "float", "bool", "str", "None"):
            found[name] = {}
        elif name in ("tuple", "list", "Sequence"):
            found["tuple"] = parsed(split(inner, ",")[0] if inner else "Any")
        else:
            found["str" if name == "Literal" else "any"] = {}
    return found


def split(text: str, mark: str) -> list[str]:
    """The parts of an annotation between marks that no bracket holds."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if letter == mark and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def one(word: str, kinds: Mapping[str, dict], flag: str) -> Any:
    """One word as the first of these kinds that it can be."""
    if "any" in kinds:
        return guessed(word, flag)
    for kind in ("int", "float", "bool"):
        if kind in kinds:
            value = {"int": whole, "float": number, "bool": truth}[kind](word)
            if value is not None:
                return value
    if "str" in kinds:
        return word
    wanted = " or ".join(NOUNS[kind] for kind in kinds if kind in NOUNS)
    raise SettingError(f"{flag} is {wanted}{' or none' if 'None' in kinds else ''}; got {word!r}")


def guessed(word: str, flag: str) -> Any:
    """A word for a setting of no one type: a mapping in JSON, a number, true, false, or text."""
    if word[:1] in "{[":
        try:
            return json.loads(word)
        except json.JSONDecodeError as error:
            raise SettingError(f"{flag}: {word!r} is no JSON ({error}); write it like '{{\"cat\": 2}}'") from error
    for read in (whole, number, truth):
        value = read(word)
        if value is not None:
            return value
    return word


def whole(word: str) -> int | None:
    """The whole number that a word is."""
    return int(word) if re.fullmatch(r"[+-]?\d+(_\d+)*", word, re.ASCII) else None


def number(word: str) -> float | None:
    """The number that a word is."""
    try:
        return float(word)
    except ValueError:
        return None


def truth(word: str) -> bool | None:
    """What a word says: true or false."""
    return True if word.lower() in YES else False if word.lower() in NO else None


def words_of(value: Any) -> list[str]:
    """The words that stand for a value of a file, so that one reading serves both.

    >>> words_of(0.1), words_of((64, 64)), words_of(None), words_of({"cat": 2})
    (['0.1'], ['64', '64'], ['none'], ['{"cat": 2}'])
    """
    if isinstance(value, list | tuple):
        return [w for v in value for w in (words_of(v) if not isinstance(v, list | tuple) else [json.dumps(v)])]
    if isinstance(value, Mapping):
        return [json.dumps({str(k): v for k, v in value.items()})]
    if value is None:
        return [NONE]
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def shown(value: Any) -> str:
    """A default as help shows it."""
    return str(value) if isinstance(value, Source) else " ".join(words_of(value)) or '""'
