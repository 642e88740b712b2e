"""What rows are asked to be of: a class, a text, or numbers."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...data.audio.transcripts import Transcripts
from ...data.conditions import Conditions
from ...data.targets import Labels, Target
from ...errors import DataError, SettingError, did_you_mean
from ...objectives.generative.generating import Generating

if TYPE_CHECKING:
    from ..generator import Generator

KINDS = ("class", "text", "numbers")
GIVEN = {"text": "learns what each picture shows; give the texts as y", "numbers": "is of columns of y; give them"}
TAKERS = {  # what a model that takes no such condition is told
    "class": ("classes", "ddpm, gan or dcgan"),
    "text": ("texts", "latent_diffusion or stackgan"),
    "numbers": ("numbers", "ddpm, flow_matching, vae, gan or dcgan"),
}


def goal_of(kind: Any, y: Any) -> Target | None:
    """The codec of the conditions y, unfitted; None where there are none."""
    if kind not in KINDS:
        raise SettingError(f"condition={kind!r}; {did_you_mean(str(kind), KINDS)}")
    if y is None and kind in GIVEN:
        raise SettingError(f"condition={kind!r} {GIVEN[kind]}, or leave it out")
    if y is None:
        return None
    shape = np.shape(y)
    if kind == "class" and len(shape) == 2 and shape[1] > 1:
        raise SettingError(
            f"y has {shape[1]} columns, and condition='class' takes one class a row; give condition='numbers' for "
            "quantities, or y.argmax(1) for one-hot rows"
        )
    if kind == "class" and len(set(np.ravel(np.asarray(y, dtype=object)).tolist())) == 1:
        raise DataError("y holds one class, and a condition says in what rows differ; leave y out")
    return (
        {"class": Labels, "numbers": Conditions}[kind]() if kind != "text" else Transcripts(units="words", lower=True)
    )


def check_taken(estimator: "Generator") -> None:
    """Refuses a model that takes no condition of this kind."""
    made = estimator.objective_
    if estimator.target_ is not None and not (isinstance(made, Generating) and (made.n_classes or made.n_told)):
        what, others = TAKERS[estimator.condition]
        raise SettingError(f"model {estimator.model!r} takes no {what}; leave y out, or choose {others}")


def asked_of(estimator: "Generator", condition: Any, n: int) -> Tensor | None:
    """What was asked for: classes as ids (n,), words as ids (n, longest) filled up with 0, numbers (n, n_told)."""
    target = estimator.target_
    if target is None:
        if condition is not None:
            raise SettingError("this generator was told no classes; fit(X, y) with the class of each row")
        return None
    if condition is None:
        raise SettingError(f"this generator draws rows of {_known(target)}")
    if isinstance(target, Conditions):
        return numbers_asked(target, condition, n)
    asked = np.asarray([condition] * n if np.ndim(condition) == 0 else condition)
    if len(asked) != n:
        raise SettingError(f"condition is one {estimator.condition}, or one for each of {n} rows; got {len(asked)}")
    if isinstance(target, Transcripts):
        return target.encode(asked.tolist()).take(torch.arange(n))["y"]
    unknown = [c for c in asked.tolist() if c not in set(target.classes.tolist())]
    if unknown:
        raise DataError(f"condition {unknown[0]!r} is no class that fit saw: {target.classes.tolist()[:8]}")
    return torch.from_numpy(target.indices(asked)).long()


def _known(target: Target) -> str:
    """What may be asked for, in words."""
    if isinstance(target, Conditions):
        return f"given numbers: sample(n, condition=[...]), {len(target.mean)} of them, or as many for each row"
    words = isinstance(target, Transcripts)
    known = target.known.names[1:] if isinstance(target, Transcripts) else target.classes.tolist()  # type: ignore[attr-defined]
    which = "what a text says, in words such as" if words else "a class: sample(n, condition=...), one of"
    return f"{which} {', '.join(map(repr, known[:8]))}"


def numbers_asked(target: Conditions, condition: Any, n: int) -> Tensor:
    """Numbers as the model is told them (n, n_told): those of one row for all, or of each."""
    n_told = len(target.mean)
    try:
        given = np.asarray(condition, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"condition is numbers, {n_told} a row; got {condition!r:.60}") from error
    rows = given[:, None] if given.ndim == 1 and n_told == 1 else np.atleast_2d(given)
    if rows.shape[1:] != (n_told,) or len(rows) not in (1, n):
        each = f"of shape ({n_told},), or ({n}, {n_told}) for each of {n} rows"
        raise DataError(f"condition is numbers {each}; got shape {given.shape}")
    if not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0].tolist()
        raise DataError(f"condition is {rows[row, column]} in row {row}, column {column}; every number has to be known")
    return target.encode(np.repeat(rows, n // len(rows), 0)).take(torch.arange(n))["y"]


def conditions_shown(estimator: "Generator", y: Any, n: int) -> Any:
    """What n pictures of a grid are asked to be of: each class in turn, or the first texts or numbers of y."""
    if estimator.target_ is None:
        return None
    given = estimator.classes_
    if given is None:
        given = np.asarray(y) if isinstance(estimator.target_, Conditions) else np.asarray(y, dtype=object)
    return given[np.arange(n) % len(given)]
