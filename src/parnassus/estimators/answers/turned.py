"""What a report of an image translator shows: pictures, what became of them, and the way back or the right answer."""

from typing import TYPE_CHECKING

import numpy as np

from ..fitting.intake import Examples, count_rows, take_rows

if TYPE_CHECKING:
    from ..image_translator import ImageTranslator

SHOWN = 8  # pictures of each kind
COMPARED = 2_000  # pairs that the worst are looked for among


def figures_of(model: "ImageTranslator", examples: Examples) -> dict[str, str]:
    """Title -> SVG: of pairs the first and those made worst, else both ways and back."""
    from ...insight.generated import plot_rows
    from ...insight.style import svg

    if model._learned.paired:
        return _pairs(model, examples)
    first = [np.arange(min(SHOWN, count_rows(side))) for side in (examples.X, examples.y)]
    a, b = take_rows(examples.X, first[0]), take_rows(examples.y, first[1])
    made, other = model.translate(a), model.translate(b, to="A")
    title = "Pictures {}, what they were made into, and what became of that on the way back."
    ways = {"A": {"A": model._shown(a, "A"), "as B": made, "back": model.translate(made, to="A")},
            "B": {"B": model._shown(b, "B"), "as A": other, "back": model.translate(other)}}  # fmt: skip
    return {title.format(kind): svg(plot_rows(rows)) for kind, rows in ways.items()}


def _pairs(model: "ImageTranslator", examples: Examples) -> dict[str, str]:
    from ...insight.generated import plot_rows
    from ...insight.style import svg

    def beside(index: np.ndarray) -> str:
        a, b = take_rows(examples.X, index), take_rows(examples.y, index)
        return svg(plot_rows({"A": model._shown(a, "A"), "made": model.translate(a), "B": model._shown(b, "B")}))

    of = np.arange(min(count_rows(examples.X), COMPARED))
    off = model._errors(take_rows(examples.X, of), take_rows(examples.y, of))
    worst = np.argsort(-off, kind="stable")[:SHOWN]
    return {
        "Pictures A, what they were made into, and the B that they belong to.": beside(of[:SHOWN]),
        f"The same of the pairs that were made worst, off by {off[worst].max():.3f} at most.": beside(worst),
    }
