"""What a person reads: lines, tables and JSON; warnings and errors in one line each."""

import json
import os
import re
import shlex
import shutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CODECS = ("Table", "Image", "Text", "Speech", "Sequences")


@dataclass(frozen=True)
class Console:
    """Results on standard output; where they are asked for as JSON, that alone, and the words on standard error."""

    json: bool = False

    def say(self, text: str = "") -> None:
        """A line of words."""
        print(text, file=sys.stderr if self.json else sys.stdout, flush=True)

    def table(self, rows: Sequence[Sequence[object]]) -> None:
        """Aligned columns under the headings of the first row."""
        self.say(aligned(rows, width=shutil.get_terminal_size().columns if sys.stdout.isatty() else None))

    def result(self, value: Any) -> None:
        """The result as JSON, where that was asked for; numbers that are not finite become null."""
        if self.json:
            print(json.dumps(finite(value), indent=2, ensure_ascii=False, default=str))


def aligned(rows: Sequence[Sequence[object]], *, width: int | None = None) -> str:
    """Rows as text in columns, headings first; what exceeds the width is cut.

    >>> print(aligned([("name", "n"), ("mlp", 1), ("perceptron", 12)]))
    name        n
    mlp         1
    perceptron  12
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join(line if width is None or len(line) <= width else line[: width - 3] + "..." for line in lines)


def finite(value: Any) -> Any:
    """The same for JSON: dicts, lists, Python's numbers, None for what is not finite."""
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [finite(v) for v in value]
    if hasattr(value, "tolist"):
        return finite(value.tolist())
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return None
    return value


def note(text: str) -> None:
    """One line on standard error."""
    print(" ".join(text.split()), file=sys.stderr, flush=True)


@contextmanager
def warnings_in_a_line() -> Iterator[list[str]]:
    """Inside, each warning for the user is printed as one line, once; the list holds them."""
    seen: list[str] = []

    def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
        text = spoken(str(message))
        if text not in seen:
            seen.append(text)
            note(f"warning: {text}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield seen


# options of models, of which messages name one and its value, and settings that they name without one
OPTIONS = ("likelihood", "criterion", "variance", "lipschitz", "game", "sampler", "bound")
SERIES = "sequence|space|time|series|past|known|missing|duplicates|frequency"


def spoken(text: str) -> str:
    """A message that speaks of Python's settings, in flags.

    >>> spoken("fill them by codec=pn.Table(missing='median')")
    'fill them by --codec.missing median'
    >>> spoken("give class_weight='balanced'; a spec such as pn.schedule('cosine', warmup=0.1)")
    'give --class-weight balanced; a spec such as cosine --schedule.warmup 0.1'
    """

    def made(found: re.Match) -> str:
        role, name, options = found["role"], found["name"], found["options"] or ""
        first = name or ""
        if role in CODECS:
            role = "codec"
        pairs = re.findall(r"(\w+)\s*=\s*(\([^)]*\)|[^,]+)", options)
        flags = [f"--{role}.{_flag(k)} {' '.join(v.strip('()').replace(',', ' ').split())}" for k, v in pairs]
        return " ".join([first, *flags]).replace("'", "").replace('"', "").strip()

    roles = "|".join(["model", "optimizer", "schedule", "loss", *CODECS])
    text = re.sub(
        rf"(?:\b\w+=)?pn\.(?P<role>{roles})\((?:['\"](?P<name>\w+)['\"](?:, )?)?(?P<options>[^()]*"
        rf"(?:\([^)]*\)[^()]*)?)\)",
        made,
        text,
    )
    text = re.sub(rf"\b({roles})__(\w)", r"\1.\2", text)
    text = re.sub(
        r"\b([a-z_]+)=(['\"])([\w./-]+)\2", lambda m: f"--{'model.' * (m[1] in OPTIONS)}{_flag(m[1])} {m[3]}", text
    )
    text = re.sub(rf"\b({SERIES})=(?=[ ,;]|$)", lambda m: f"--{_flag(m[1])}", text)
    return re.sub(
        r"(?<!\()(?<!, )\b(target|out|epochs|lr|validation|device|class_weight|on_error|n_cross_fits)=(?=[\w. ,;:]|$)",
        lambda m: f"--{_flag(m[1])} ",
        text,
    ).replace("--resume True", "--resume")


def _flag(name: str) -> str:
    return name.replace("_", "-")


def program() -> str:
    """How to call this command from where the user stands: its name where the shell finds it, else its path."""
    called = Path(sys.argv[0])
    if called.name != "parnassus" or not called.exists():
        return "parnassus"
    found = shutil.which("parnassus")
    return "parnassus" if found and os.path.samefile(found, called) else shlex.quote(os.path.relpath(called))
