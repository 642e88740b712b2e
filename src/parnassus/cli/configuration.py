"""Configuration files: TOML or YAML in, TOML out; the keys are the flags, with a table for each nested one."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..errors import FileError, SettingError


def read_configuration(path: Path) -> dict[str, Any]:
    """The keys and values of a TOML or YAML file, with underscores for hyphens."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise FileError(f"{path}: the configuration cannot be read ({why}); give a TOML or YAML file") from error
    suffix = path.suffix.lower()
    if suffix == ".toml":
        found = _toml(path, text)
    elif suffix in (".yaml", ".yml"):
        found = _yaml(path, text)
    else:
        raise FileError(f"{path}: a configuration ends in .toml, .yaml or .yml; got {suffix or 'no ending'!r}")
    if not isinstance(found, dict):
        raise SettingError(
            f"{path}: a configuration has keys and values, such as `epochs = 20`; got a {type(found).__name__}"
        )
    return {str(k).replace("-", "_"): _keys(v) for k, v in found.items()}


def _toml(path: Path, text: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"{path}: no TOML: {error}; mend that line") from error


def _yaml(path: Path, text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise FileError(f"{path}: no YAML: {' '.join(str(error).split())}; mend that line") from error


def _keys(value: Any) -> Any:
    return {str(k).replace("-", "_"): v for k, v in value.items()} if isinstance(value, dict) else value


def toml(
    values: Mapping[str, Any], comment: str = "", *, defaults: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
) -> str:
    """Values as TOML: plain ones first, then a table for each mapping; None is written as "none".

    `defaults` are what a table's other keys are where nothing is said; they become comments.

    >>> print(toml({"epochs": 20, "model": {"name": "mlp", "hidden": (64, 64)}, "lr": None}))
    epochs = 20
    lr = "none"
    <BLANKLINE>
    [model]
    name = "mlp"
    hidden = [64, 64]
    <BLANKLINE>
    """
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    lines += [f"{_key(k)} = {_written(v)}" for k, v in values.items() if not isinstance(v, Mapping)]
    for name, table in values.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{_key(name)}]", *(f"{_key(k)} = {_written(v)}" for k, v in table.items())]
            left = {k: v for k, v in defaults.get(name, {}).items() if k not in table}
            lines += [f"# {_key(k)} = {_written(v)}" for k, v in left.items()]
    return "\n".join(lines) + "\n"


def _key(name: object) -> str:
    text = str(name)
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else _written(text)


def _written(value: Any) -> str:
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_written(v) for v in value)}]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_written(v)}" for k, v in value.items()) + " }"
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped, and surrogates, which paths can hold
    text = json.dumps(str(value).encode("utf-8", "replace").decode(), ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")
