"""Records that a command answers with: as CSV in a file or on the screen, or as JSON."""

import csv
import io
from pathlib import Path
from typing import Any

from ..files import write_text
from .console import Console, note


def hand_out(rows: list[dict[str, Any]], out: Path | None, *, json: bool, what: str = "predictions") -> None:
    """Records as CSV in a file or on standard output, or as JSON."""
    if out is not None:
        write_text(out, as_csv(rows))
        note(f"wrote {len(rows):,} {what} to {out}")
    elif not json:
        print(as_csv(rows), end="")
    Console(json=json).result(rows)


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Records as CSV; several labels of a row are joined by semicolons."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: "; ".join(map(str, v)) if isinstance(v, list) else v for k, v in row.items()})
    return text.getvalue()
