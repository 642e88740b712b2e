"""How far annotators agree beyond chance: Cohen's and Fleiss' kappa, and Krippendorff's alpha.

1 is full agreement, 0 what chance gives, below 0 less than that. NaN says that nothing can be told: every answer is the
same label, so that chance alone would agree as well.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ...errors import DataError, SettingError
from .inputs import Floats, coded, row_weights

Level = Literal["nominal", "ordinal", "interval", "ratio"]


def cohens_kappa(
    first: ArrayLike,
    second: ArrayLike,
    *,
    labels: Sequence | None = None,
    weights: Literal["linear", "quadratic"] | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Cohen's kappa of two annotators: (p_o - p_e) / (1 - p_e).

    p_o is the share of items that both label alike and p_e = sum_k p_k q_k, the share they would label alike if each
    drew labels at random in the proportions p and q that he uses. With `weights` a disagreement of labels i and j in
    the order of `labels` counts |i - j| ("linear") or its square, and kappa is 1 - observed / expected disagreement.

    first, second : one label an item, (items,).

    Source: Cohen (1960, 1968); Baker, section 5.1 (1:A088), which names it and gives no formula.

    Systems: cohens-kappa

    >>> round(cohens_kappa(["car"] * 25 + ["van"] * 25, ["car"] * 20 + ["van"] * 5 + ["car"] * 10 + ["van"] * 15), 12)
    0.4
    """
    for side in (first, second):
        given = np.asarray(side).ravel()
        held = given.tolist() if given.dtype.kind in "fO" else []
        for i in [i for i, v in enumerate(held) if v is None or (v == v) is not True][:1]:
            raise DataError(f"item {i} has no answer ({held[i]}); leave such items out")
    classes, a, b = coded(first, second, labels)
    k = len(classes)
    table = np.bincount(a * k + b, weights=row_weights(sample_weight, a.size), minlength=k * k).reshape(k, k)
    table = table / table.sum()
    expected = np.outer(table.sum(1), table.sum(0))
    apart = np.abs(np.subtract.outer(np.arange(k), np.arange(k)))
    costs = {None: apart > 0, "linear": apart, "quadratic": apart**2}
    if weights not in costs:
        raise SettingError(f"weights is None, 'linear' or 'quadratic'; got {weights!r}")
    by_chance = float((costs[weights] * expected).sum())
    return 1 - float((costs[weights] * table).sum()) / by_chance if by_chance else float("nan")


def fleiss_kappa(counts: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    """Fleiss' kappa of items that equally many annotators labelled: (P - P_e) / (1 - P_e).

    P is the mean over items of the share of annotator pairs that agree, and P_e = sum_k p_k^2 with p_k the share of all
    answers that are label k.

    counts : how many annotators gave each label, (items, labels).

    Source: Fleiss (1971). Where items have unequal numbers of answers, use `krippendorff_alpha`.

    >>> round(fleiss_kappa([[3, 0], [2, 1], [0, 3], [3, 0]]), 4)
    0.625
    """
    table = _counts(counts)
    n = table[0].sum()
    if n < 2 or not (table.sum(1) == n).all():
        raise DataError(
            f"Fleiss' kappa takes items with equally many answers, two or more; got "
            f"{int(table.sum(1).min())} to {int(table.sum(1).max())}; krippendorff_alpha takes any numbers, and a "
            "table of labels with an annotator a column is for parnassus.labelling.Answers.wide"
        )
    weight = row_weights(sample_weight, len(table))
    agree = ((table**2).sum(1) - n) / (n * (n - 1))
    by_chance = float(((weight @ table / (n * weight.sum())) ** 2).sum())
    return (float(np.average(agree, weights=weight)) - by_chance) / (1 - by_chance) if by_chance < 1 else float("nan")


def krippendorff_alpha(
    counts: ArrayLike,
    *,
    level: Level = "nominal",
    values: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Krippendorff's alpha, 1 - observed / expected disagreement, for any number of answers an item.

    Observed disagreement is that of pairs of answers to one item, expected disagreement that of pairs drawn from all
    answers. Items with one answer make no pair and are left out.

    counts : how many annotators gave each label, (items, labels).
    level : what a disagreement costs: 1 ("nominal"); by the answers that lie between ("ordinal", labels in order); the
        squared difference of `values` ("interval"), or that over their sum ("ratio").
    values : the number that each label stands for, (labels,), for "interval" and "ratio"; 0, 1, 2, ... if not given.
    sample_weight : how many times each item counts, (items,).

    Source: Krippendorff (2011), "Computing Krippendorff's alpha-reliability".

    >>> round(krippendorff_alpha([[3, 0], [2, 1], [0, 3], [1, 0]]), 4)
    0.6
    """
    table = _counts(counts)
    pairs = coincidences(table, sample_weight=sample_weight)
    used = pairs.sum(1)
    if not used.sum():
        raise DataError("no item has two answers, and alpha compares answers to one item; let some be labelled twice")
    apart = _distances(used, level, values)
    expected = np.outer(used, used) - np.diag(used)
    by_chance = float((apart * expected).sum())
    return 1 - float((apart * pairs).sum() * (used.sum() - 1)) / by_chance if by_chance else float("nan")


def coincidences(counts: ArrayLike, *, sample_weight: ArrayLike | None = None) -> Floats:
    """How often two answers to one item are labels c and k, (labels, labels), each item weighing its answers.

    o_ck = sum over items of n_c (n_k - [c = k]) / (n - 1), with n the item's answers.
    """
    table = _counts(counts)
    answers = table.sum(1)
    weight = row_weights(sample_weight, len(table))
    share = table * (weight * (answers > 1) / np.maximum(answers - 1, 1))[:, None]
    return share.T @ table - np.diag(share.sum(0))


def _distances(used: Floats, level: str, values: ArrayLike | None) -> Floats:
    """The cost of each pair of labels, (labels, labels)."""
    k = len(used)
    if level == "nominal":
        return 1.0 - np.eye(k)
    if level == "ordinal":
        middle = np.cumsum(used) - used / 2
        return np.subtract.outer(middle, middle) ** 2
    if level not in ("interval", "ratio"):
        raise SettingError(f"level is 'nominal', 'ordinal', 'interval' or 'ratio'; got {level!r}")
    numbers = np.arange(k, dtype=np.float64) if values is None else np.asarray(values, dtype=np.float64)
    if numbers.shape != (k,) or not np.isfinite(numbers).all():
        raise DataError(f"values has shape {numbers.shape}; expected one finite number for each of {k} labels")
    apart = np.subtract.outer(numbers, numbers) ** 2
    if level == "interval":
        return apart
    if (numbers < 0).any():
        raise DataError(f"a ratio scale begins at 0; values holds {numbers.min():g}; use level='interval'")
    whole = np.add.outer(numbers, numbers) ** 2
    return np.divide(apart, whole, out=np.zeros_like(apart), where=whole > 0)


def _counts(counts: ArrayLike) -> Floats:
    """Counts of answers (items, labels), checked."""
    try:
        table = np.asarray(counts, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"counts holds no numbers ({error}); give how many annotators gave each label, (items, labels); a table of "
            "labels with an annotator a column is for parnassus.labelling.Answers.wide"
        ) from error
    if table.ndim != 2 or not table.size or not (np.isfinite(table).all() and (table >= 0).all()):
        raise DataError(f"counts has shape {table.shape}; expected numbers from 0 up, (items, labels)")
    return table
