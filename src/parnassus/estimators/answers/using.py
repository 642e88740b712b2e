"""A fitted estimator at work: outputs for raw rows, rows that cannot be used, answers in their places."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...data.audit import WRITTEN
from ...data.rows import batches as batches_of
from ...errors import DataError, DataWarning, ParnassusError, SettingError
from ...train.randomness import kept_random
from ...train.timetable import cuts_of
from ..fitting.assembly import device_under
from ..fitting.intake import Examples, as_learned, count_rows, examples_of, inputs_of, take_rows
from ..fitting.training import threads_for
from ..protocol import fitted

if TYPE_CHECKING:
    from ...data.sources import Columns
    from ..base import Estimator

EVALUATED = 1024  # rows that a prediction takes at a time
PLACED = ("detector", "segmenter", "keypoint_finder")  # whose answers lie in pictures
PAIRED = (*WRITTEN, "question_answerer")  # tasks whose rows and answers come in forms of their own


def outputs_of(estimator: "Estimator", X: Any) -> Tensor:
    """What the model says of raw rows, in order, (rows, ...) on the CPU."""
    objective, codec = fitted(estimator).objective_, estimator.codec_
    rows, device = codec.encode(X), device_under(objective)
    objective.eval()
    parts = []
    most = min(len(rows), EVALUATED)
    with torch.inference_mode(), threads_for(objective, most), kept_random(device, estimator.seed, "use"):
        for taken in batches_of(rows, torch.arange(len(rows)), cuts_of(len(rows), EVALUATED)):
            batch = codec.prepare({k: t.to(device) for k, t in taken.items()}, estimator.view_)
            parts.append(objective.outputs(batch).float().cpu())
    return torch.cat(parts)


def hidden_of(estimator: "Estimator", X: Any) -> np.ndarray:
    """What the model's last dense layer is given of raw rows, (rows, features) float32: its learned features.

    Places in between (steps, patches) are averaged.
    """
    last = [m for m in fitted(estimator).objective_.modules() if isinstance(m, torch.nn.Linear)][-1:]
    if not last:
        raise SettingError(f"model {estimator.model_name!r} has no dense layer whose input could be its features")
    seen: list[Tensor] = []
    hook = last[0].register_forward_pre_hook(lambda _, given: seen.append(given[0].detach().float().cpu()))
    try:
        outputs_of(estimator, X)
    finally:
        hook.remove()
    return np.concatenate([h.flatten(1, -2).mean(1).numpy() if h.ndim > 2 else h.numpy() for h in seen])


def usable(estimator: "Estimator", X: Any, on_error: str) -> tuple[Any, np.ndarray]:
    """The rows of X that can be encoded, and a mask (rows,) of them; "raise" lets every error through.

    What "skip" passed over is kept, row by row with the reason, in `estimator.skipped_`.
    """
    if on_error not in ("raise", "skip"):
        raise SettingError(f"on_error is 'raise' or 'skip'; got {on_error!r}")
    if fitted(estimator).codec_.kind in ("text", "pieces") and isinstance(X, str) and not Path(X[:200]).exists():
        raise DataError(f"X is one text, {X[:40]!r}, and no path; give a list of texts, such as [{X[:40]!r}]")
    X = inputs_of(X, estimator.target_name_, memory=estimator.memory)
    n = count_rows(X)
    good = np.ones(n, dtype=bool)
    if on_error == "raise" or not n:
        return X, good
    reasons = dict(unusable(estimator, X, np.arange(n)))
    if len(reasons) == n:
        raise DataError(f"no row of X can be used; the first: {reasons[0]}")
    good[list(reasons)] = False
    estimator.skipped_ = reasons
    if reasons:
        shown = "; ".join(list(reasons.values())[:5])
        warnings.warn(f"{len(reasons)} of {n} rows were skipped ({shown}); see skipped_", DataWarning, stacklevel=3)
    return take_rows(X, np.flatnonzero(good)), good


def unusable(estimator: "Estimator", X: Any, index: np.ndarray) -> list[tuple[int, str]]:
    """Rows that cannot be encoded and why, by halving."""
    try:
        estimator.codec_.encode(take_rows(X, index))
    except ParnassusError as error:
        if len(index) == 1:
            return [(int(index[0]), str(error).replace("row 0", f"row {index[0]}", 1))]
        half = len(index) // 2
        return unusable(estimator, X, index[:half]) + unusable(estimator, X, index[half:])
    return []


def asked(estimator: "Estimator", X: Any, y: Any, target: "Columns | None", sample_weight: Any) -> Examples:
    """Examples to score: where no answers are given, they are in the column that `fit` learned to predict."""
    if fitted(estimator).task in PAIRED:
        own: Any = estimator
        return own._judged(X, y, target, sample_weight)
    if estimator.task in PLACED:
        own = estimator
        found: Examples = own._examples(X, y, sample_weight)
        if found.y is None:
            raise SettingError("give the answers as y: what is in each picture, and where")
        return found
    learned = estimator.target_name_
    target = learned if y is None and target is None else as_learned(target, learned)
    return examples_of(X, y, target=target, sample_weight=sample_weight, memory=estimator.memory)


def spread(answers: Any, good: np.ndarray) -> Any:
    """Answers in the places of the rows they are for; NaN or None elsewhere."""
    if good.all():
        return answers
    if isinstance(answers, list):
        whole_list: list[Any] = [None] * len(good)
        for row, answer in zip(np.flatnonzero(good).tolist(), answers, strict=True):
            whole_list[row] = answer
        return whole_list
    answers = np.asarray(answers)
    empty, dtype = (np.nan, np.float64) if answers.dtype.kind == "f" else (None, object)
    whole = np.full((len(good), *answers.shape[1:]), empty, dtype=dtype)
    whole[good] = answers
    return whole
