"""Numbers that rows are drawn for: what a generator is told."""

from typing import Any, Self

from ..errors import DataError
from .answers import answer_array
from .codec import Codec
from .rows import Dense
from .targets import Numbers


class Conditions(Numbers):
    """Quantities that a row is to have, one or many a row, standardised: y is (rows, n_told) float32.

    Raises
    ------
    DataError : labels or texts, missing or infinite numbers, or another number of columns than `fit` saw.
    """

    kind = "conditions"

    def fit(self, raw: Any, inputs: Codec | None = None) -> Self:
        _refuse_words(raw)
        return super().fit(raw, inputs)

    def encode(self, raw: Any) -> Dense:
        _refuse_words(raw)
        return super().encode(raw)

    def facts(self) -> dict[str, Any]:
        return {"n_told": len(self.mean)}


def _refuse_words(raw: Any) -> None:
    y = answer_array(raw)
    if y.dtype.kind not in "biuf":
        raise DataError(
            f"row 0 of y is {y.flat[0] if y.size else ''!r}, and condition='numbers' is of quantities; give "
            "y.astype(float), or condition='class' for labels"
        )
