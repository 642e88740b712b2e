"""The columns of a table as typed fields: their JSON schema, and how a value that came is read or refused."""

import datetime
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .refusal import invalid, told

EPOCH = datetime.datetime(1970, 1, 1)
LISTED = 12  # known categories that a message names


@dataclass(frozen=True)
class Field:
    """One value of a row. `read` takes what JSON held and the place to name in a refusal."""

    name: str
    kind: str  # number, boolean, category, text, date
    required: bool
    schema: dict[str, Any]
    read: Callable[[Any, str], Any]
    usual: Any  # the training rows' mean or commonest value: what a form begins with
    levels: tuple[Any, ...] = ()


def fields_of(schema: Any, *, filled: bool) -> list[Field]:
    """A field for each column of a fitted table's `Schema`; `filled` says that gaps may be sent as null."""
    return [field_of(spec, filled=filled) for spec in schema.specs]


def field_of(spec: dict[str, Any], *, filled: bool) -> Field:
    """The field of one column: what the column held in training, and what it does not hold is refused."""
    kind, idle = spec.get("was", spec["kind"]), spec["kind"] == "constant"
    optional = filled or idle
    if idle and kind not in ("number", "boolean", "category", "ordered", "date", "text"):
        return Field(spec["name"], "idle", False, {"description": "not used"}, lambda value, where: None, None)
    if kind in ("category", "ordered"):
        return category(spec, optional=optional, open_ended=bool(spec.get("cut")) or idle)
    made = {"number": number, "boolean": boolean, "date": date, "text": text}[kind](spec)
    schema, read, usual = made
    if optional:
        schema = schema | {"type": [schema["type"], "null"]}
        if idle:
            schema["description"] = "held one value in training, and is not used"
    return Field(spec["name"], kind, not optional, schema, or_gap(read, optional), usual)


def or_gap(read: Callable[[Any, str], Any], optional: bool) -> Callable[[Any, str], Any]:
    """The same reader, which takes null where a gap may be sent."""

    def reads(value: Any, where: str) -> Any:
        if value is None:
            if optional:
                return None
            raise invalid(f"{where} is null, and the model was fitted without gaps; send a value", where)
        return read(value, where)

    return reads


def number(spec: dict[str, Any]) -> tuple[dict[str, Any], Callable[[Any, str], Any], Any]:
    """A finite number; the range of the training rows is told, and not enforced."""
    schema: dict[str, Any] = {"type": "number"}
    low, high, mean = spec.get("low"), spec.get("high"), spec.get("mean")
    if low is not None and high is not None:
        schema["description"] = f"{low:.6g} to {high:.6g} in training"
    usual = 0.0 if mean is None else float(f"{mean:.4g}")
    return schema, read_number, usual


def read_number(value: Any, where: str) -> float:
    """A finite number from JSON; text, true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"{where} takes a number; got {told(value)}", where)
    try:
        read = float(value)
    except OverflowError:
        read = math.inf
    if not math.isfinite(read):
        raise invalid(f"{where} takes a finite number; got {told(value)}", where)
    return read


def boolean(spec: dict[str, Any]) -> tuple[dict[str, Any], Callable[[Any, str], Any], Any]:
    """True or false; 0 and 1 are taken too."""

    def read(value: Any, where: str) -> float:
        if isinstance(value, bool | int | float) and value in (0, 1):
            return float(value)
        raise invalid(f"{where} takes true or false; got {told(value)}", where)

    return {"type": "boolean"}, read, bool((spec.get("mean") or 0) > 0.5)


def date(spec: dict[str, Any]) -> tuple[dict[str, Any], Callable[[Any, str], Any], Any]:
    """A date, or a date and time, as ISO 8601 writes it."""

    def read(value: Any, where: str) -> Any:
        import numpy as np

        try:
            found = datetime.datetime.fromisoformat(value)
            if found.tzinfo is not None:
                found = found.astimezone(datetime.UTC).replace(tzinfo=None)
        except (ValueError, TypeError, OverflowError):
            raise invalid(f"{where} takes a date such as 2026-01-31 or 2026-01-31T12:00; got {told(value)}") from None
        return np.datetime64(found, "us")

    days = spec.get("mean")
    usual = (EPOCH + datetime.timedelta(days=round(days))).date().isoformat() if days is not None else "2026-01-01"
    return {"type": "string", "format": "date-time"}, read, usual


def text(spec: dict[str, Any]) -> tuple[dict[str, Any], Callable[[Any, str], Any], Any]:
    """Any text."""

    def read(value: Any, where: str) -> str:
        if not isinstance(value, str):
            raise invalid(f"{where} takes a text; got {told(value)}", where)
        return value

    return {"type": "string", "description": f"a text, of which {len(spec['rarity'])} words are counted"}, read, ""


def category(spec: dict[str, Any], *, optional: bool, open_ended: bool) -> Field:
    """One of the training rows' categories, in the type they had; open where rare ones were left out of the list."""
    levels = tuple(spec["levels"])
    known = {key_of(level): level for level in levels}

    def read(value: Any, where: str) -> Any:
        if isinstance(value, str | int | float) and (key := key_of(value)) in known:
            return known[key]
        if open_ended and isinstance(value, str) and set(spec["types"]) == {"str"}:
            return value
        more = f" and {len(levels) - LISTED} more" if len(levels) > LISTED else ""
        shown = ", ".join(told(level) for level in levels[:LISTED]) + more
        raise invalid(
            f"{where} takes one of {shown}; got {told(value)}", where, allowed=list(levels) if not more else None
        )

    listed: list[Any] = [*levels, None] if optional else list(levels)
    schema: dict[str, Any] = {"enum": listed}
    if open_ended:
        schema = {"description": "one of " + ", ".join(map(str, levels[:LISTED])) + ", or another"}
    usual = spec.get("mode", levels[0])
    return Field(spec["name"], "category", not optional, schema, or_gap(read, optional), usual, levels)


def key_of(value: Any) -> tuple[str, Any]:
    """What tells categories apart: 1 and 1.0 are one, 1, true and "1" are three."""
    kind = "bool" if isinstance(value, bool) else "str" if isinstance(value, str) else "number"
    return kind, value
