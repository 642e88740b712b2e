"""Batches by a number of tokens: what an estimator of pairs of texts trains on in place of batches of rows."""

from dataclasses import replace
from typing import Any

from ...data.rows import Joined
from ...data.text.token_groups import TokenGroups
from ...errors import SettingError, check_count
from .training import Ready


def in_groups(estimator: Any, ready: Ready) -> Ready:
    """The same with groups of rows in place of rows, where the estimator's `batch_tokens` asks for them.

    A pair has as many tokens as the longer of its texts, the end counted.

    Raises
    ------
    SettingError : a pair is larger than a batch may be, or a setting means batches of rows.
    """
    if estimator.batch_tokens is None:
        return ready
    check_count("batch_tokens", estimator.batch_tokens)
    for name in ("batch_size", "micro_batch_size"):
        if getattr(estimator, name) is not None:
            raise SettingError(f"batch_tokens and {name} both say how large a batch is; give one of them")
    assert isinstance(ready.rows, Joined)
    sources, targets = (part.lengths for part in ready.rows.parts[:2])  # type: ignore[attr-defined]
    sizes = sources.cpu().maximum(targets.cpu() + 1)
    return replace(ready, rows=TokenGroups(ready.rows, sizes, estimator.batch_tokens))
