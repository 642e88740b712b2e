"""Boxes on the command line: what of a COCO file a model learns, and the boxes that a trained model writes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SettingError

if TYPE_CHECKING:
    from ..data.detection.boxes import Boxes
    from ..estimators.base import Estimator
    from .training import Request

CORNERS = ("x1", "y1", "x2", "y2")


def parts_of(estimator: "Estimator") -> list[str]:
    """What a detector learns beside boxes, "masks" or "points"; nothing for any other estimator."""
    from ..estimators.answers.detecting import parts_learned

    return parts_learned(estimator.spec("model", estimator.model)) if estimator.task == "detector" else []


def parts_asked(request: "Request") -> list[str]:
    """The same of the estimator that a request is for."""
    from .training import estimator_for

    return parts_of(estimator_for(request, "image")) if request.task == "detector" else []


def hand_out_boxes(
    estimator: Any,
    X: Any,
    names: Sequence[Any],
    asked: dict[str, Any],
    *,
    heading: str,
    out: Path | None,
    on_error: str,
    json: bool,
) -> None:
    """The boxes found, as `predict` was asked for them: CSV with a row for each; `out` in .json makes a COCO file."""
    from .console import Console, note
    from .records import hand_out

    found = estimator.predict(X, on_error=on_error, **asked)
    reasons = estimator.skipped_ if on_error == "skip" else {}
    if out is None or out.suffix.lower() != ".json":
        parts = parts_of(estimator)
        n_points = estimator.target_.n_points if "points" in parts else 0
        points = headings_of(n_points, estimator.target_.point_names)
        rows = []
        for i, one in enumerate(found):
            empty = {heading: names[i]} | dict.fromkeys(("label", "score", *CORNERS, *points))
            empty |= {"error": reasons.get(i, "")} if on_error == "skip" else {}
            rows += [empty | row for row in ([] if one is None else records_of(one))] or [empty]
        hand_out(rows, out, json=json)
        if "masks" in parts:
            note("masks are written to a COCO file: --out found.json")
        return
    from ..data.detection.coco import write_coco

    if out.exists():
        raise SettingError(f"{out} is there already, and may be somebody's own boxes; name another file, or remove it")
    seen = [i for i, one in enumerate(found) if one is not None]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_coco(out, [Path(X[i]) for i in seen], [found[i] for i in seen])
    for i, reason in reasons.items():
        note(f"skipped {names[i]}: {reason}")
    note(f"wrote {sum(len(found[i]) for i in seen):,} boxes of {len(seen):,} pictures to {out}")
    Console(json=json).result({"boxes": str(out), "skipped": {str(names[i]): why for i, why in reasons.items()}})


def headings_of(n_points: int, names: Sequence[str]) -> list[str]:
    """Two columns for each keypoint, by its name where it has one: nose_x and nose_y, or point 0 x and point 0 y."""
    numbers = [str(k) for k in range(n_points)]  # what a file of points without names calls them
    unnamed = len(names) != n_points or list(names) == numbers
    return [
        name + axis for name in (f"point {k} " if unnamed else f"{names[int(k)]}_" for k in numbers) for axis in "xy"
    ]


def records_of(found: "Boxes") -> list[dict[str, Any]]:
    """A record for each box of a picture: label, score, corners and keypoints in pixels."""
    records: list[dict[str, Any]] = []
    for i in range(len(found)):
        score = None if found.scores is None else round(float(found.scores[i]), 6)
        corners = zip(CORNERS, found.boxes[i].round(3).tolist(), strict=True)
        points = [] if found.points is None else found.points[i].round(3).tolist()
        headings = headings_of(len(points), found.point_names)
        places = dict(zip(headings, [at for point in points for at in point], strict=True))
        records.append({"label": found.labels.tolist()[i], "score": score, **dict(corners), **places})
    return records
