"""`parnassus predict --impute`: a table whose holes an autoencoder has filled."""

from typing import Any

from ..errors import DataError, SettingError
from .anomalies import shown
from .console import finite

TASK = "autoencoder"


def filled(estimator: Any, X: Any, *, proba: bool, on_error: str) -> list[dict[str, Any]]:
    """One record a row, by column: what was observed as it was, and means for what was missing."""
    if proba or on_error != "raise":
        raise SettingError("--impute gives a table back: no --proba, and no --on-error skip")
    if not hasattr(X, "to_dict"):
        raise DataError("--impute fills the holes of a table of columns; Autoencoder.impute in Python takes others too")
    rows = estimator.impute(X).to_dict("records")
    return [{str(k): finite(shown(v)) for k, v in row.items()} for row in rows]
