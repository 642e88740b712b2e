"""Self-training: a model's own answers, where it is sure, become labels for a noisier student."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.answers import is_gap
from ..errors import DataError, SettingError, check_count
from ..estimators.fitting.intake import count_rows, take_rows
from ..estimators.judging.contenders import copies


@dataclass(frozen=True)
class Taught:
    """One round: rows with labels of people and of the teacher that were learned from, and the score on test rows."""

    n_labelled: int
    n_pseudo: int  # rows that carry the teacher's label
    confidence: float  # the teacher's mean probability of those labels; NaN in the first round, which has no teacher
    score: float  # NaN without test rows


@dataclass(frozen=True)
class Students:
    """What self-training made: the last student, and how the rounds went; print it."""

    estimator: Any
    rounds: list[Taught]

    def __str__(self) -> str:
        lines = ["round  labelled  by teacher  confidence   score"]
        for i, r in enumerate(self.rounds):
            numbers = ["" if np.isnan(v) else f"{v:.4f}" for v in (r.confidence, r.score)]
            lines.append(f"{i:>5}  {r.n_labelled:>8}  {r.n_pseudo:>10}  {numbers[0]:>10}  {numbers[1]:>6}".rstrip())
        return "\n".join(lines)


def noisy_student(
    students: Any,
    X: Any,
    y: Sequence[Any],
    *,
    n_rounds: int = 3,
    least: float = 0.5,
    balanced: bool = True,
    test: tuple[Any, Any] | None = None,
) -> Students:
    """Learn from few labels and many rows: the teacher labels the rest, a student learns from both and teaches next.

    Parameters
    ----------
    students : a classifier, or several, from the first teacher to the last student, which are best as large or larger
        each time; a single one is fitted anew each round. Their noise is what makes a student better than its teacher:
        dropout in the net, `augment=` in the codec, mixup among the regularisers.
    X : all rows.
    y : their labels, None (or NaN) for rows that nobody labelled.
    n_rounds : students after the first teacher.
    least : the probability below which the teacher's answer is not learned from.
    balanced : take equally many of the teacher's labels for each class, the surest of them, and repeat those of
        classes that have too few.
    test : rows and labels to score each round on.

    Systems: vit-comparators
    Source: Xie, Luong, Hovy and Le 2020, "Self-training with Noisy Student"; Wiley 6.6.1 names it beside the hybrid
    and the ResNet that `model("vit_s", stem="hybrid")` and `model("bit_resnet50")` are.
    """
    if not 0 <= least < 1:
        raise SettingError(f"least is a probability from 0 to below 1; got {least!r}")
    check_count("n_rounds", n_rounds)
    given = list(students) if isinstance(students, list | tuple) else [students]
    odd = next((one for one in given if not hasattr(one, "predict_proba") or isinstance(one, str | type)), None)
    if odd is not None or not given:
        came = odd if given else students
        raise SettingError(f"students are classifiers that give probabilities, one or more; got {came!r}")
    labels = np.array(list(y), dtype=object)
    known = np.array([not is_gap(v) for v in labels])
    if len(labels) != count_rows(X):
        raise DataError(f"X has {count_rows(X)} rows and y {len(labels)}; give None for rows without a label")
    if known.all() or not known.any():
        raise DataError(f"y has labels for {known.sum()} of {len(y)} rows; give some rows with labels and some without")
    own, rest = np.flatnonzero(known), np.flatnonzero(~known)
    answered = np.array(labels[own].tolist())
    teacher = fresh(given, 0).fit(take_rows(X, own), answered)
    rounds = [Taught(len(own), 0, float("nan"), scored(teacher, test))]
    for i in range(1, n_rounds + 1):
        sure = np.asarray(teacher.predict_proba(take_rows(X, rest)))
        rows = chosen(sure, least=least, balanced=balanced)
        if not len(rows):
            raise DataError(f"the teacher of round {i} is nowhere as sure as {least}; lower least, or label more rows")
        said = np.asarray(teacher.classes_)[sure[rows].argmax(1)]
        student = fresh(given, i)
        student.fit(take_rows(X, np.concatenate([own, rest[rows]])), np.concatenate([answered, said]))
        rounds.append(Taught(len(own), len(rows), float(sure[rows].max(1).mean()), scored(student, test)))
        teacher = student
    return Students(teacher, rounds)


def chosen(sure: np.ndarray, *, least: float, balanced: bool) -> np.ndarray:
    """Which rows of the teacher's probabilities (rows, classes) are learned from, some more than once where balanced.

    As many a class as the mean over classes that have any: the surest of those that have more, repeats of the others.

    >>> chosen(np.array([[.9, .1], [.8, .2], [.95, .05], [.3, .7], [.55, .45]]), least=0.6, balanced=True).tolist()
    [2, 0, 3, 3]
    """
    answer, confidence = sure.argmax(1), sure.max(1)
    good = np.flatnonzero(confidence >= least)
    if not balanced or not len(good):
        return good
    by_class = [good[answer[good] == k] for k in range(sure.shape[1])]
    held = [rows[np.argsort(-confidence[rows], kind="stable")] for rows in by_class if len(rows)]
    each = round(len(good) / len(held))
    return np.concatenate([np.resize(rows, each) for rows in held])


def fresh(given: list[Any], i: int) -> Any:
    """An unfitted copy of the i-th student, or of the last."""
    return copies(given[min(i, len(given) - 1)], 1)[0]


def scored(estimator: Any, test: tuple[Any, Any] | None) -> float:
    """The score on test rows; NaN where there are none."""
    return float("nan") if test is None else float(estimator.score(*test))
