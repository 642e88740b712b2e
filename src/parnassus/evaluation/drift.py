"""How new rows differ from those a model learned from: column by column, and all columns together."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..data.codec import form_of
from ..data.sources import open_source
from ..data.tables.columns import Frame, is_missing, kind_of, read_frame
from ..errors import DataError
from ..functional.metrics.ranking import roc_auc
from ..imports import imported

SURE = 0.01  # chance, over all columns, of calling a shift what is none
FOLDS = 5
LOOKED_AT = 20_000  # rows that the classifier sees


@dataclass(frozen=True)
class ColumnDrift:
    """One column, before and after.

    `distance` is the largest gap between the distribution functions of numbers (Kolmogorov and Smirnov), or half the
    sum of the gaps between the shares of categories (total variation); `p_value` is the chance of one as large without
    a shift; `unseen` is the share of new rows with a category that was not there before.
    """

    name: str
    kind: str
    before: str
    after: str
    distance: float
    p_value: float
    missing_before: float
    missing_after: float
    unseen: float = 0.0


@dataclass(frozen=True)
class Drift:
    """What `pn.drift` finds; printed, it is a table, the most shifted column first.

    `auc` is how well boosted trees tell new rows from old ones on folds they have not seen: 0.5 is not at all, 1
    always; NaN where there are too few rows.
    """

    columns: Sequence[ColumnDrift]
    auc: float
    n_before: int
    n_after: int

    @property
    def shifted(self) -> list[str]:
        """Columns whose shift is sure, by Bonferroni's bound over all columns, or that hold new categories."""
        bound = SURE / max(1, len(self.columns))
        return [c.name for c in self.columns if c.p_value < bound or c.unseen > 0]

    def __str__(self) -> str:
        rows = [["column", "kind", "before", "after", "distance", "p", "missing", "unseen"]]
        rows += [
            [
                ("! " if c.name in self.shifted else "  ") + c.name,
                c.kind,
                c.before,
                c.after,
                f"{c.distance:.3f}",
                f"{c.p_value:.1e}",
                f"{c.missing_before:.0%} to {c.missing_after:.0%}",
                f"{c.unseen:.0%}",
            ]
            for c in self.columns
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(8)]
        table = ["  ".join(f"{c:{s}{w}}" for c, s, w in zip(r, "<<<<>>>>", widths, strict=True)).rstrip() for r in rows]
        words = f"{len(self.shifted)} of {len(self.columns)} columns have shifted (!)"
        told = f"boosted trees tell the {self.n_after:,} new rows from the {self.n_before:,} old ones with an AUC of"
        return "\n".join([f"{words}; {told} {self.auc:.3f}", "", *table])

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self) | {"columns": [asdict(c) for c in self.columns], "shifted": self.shifted}


def drift(before: Any, after: Any, *, seed: int = 0) -> Drift:
    """How the rows `after` differ from the rows `before`: two tables, sets of pictures or texts, or paths to them.

    Of pictures, columns are brightness, contrast and size; of texts, length and the share of words not seen before.

    Systems: distribution-shift
    Source: Baker A045; Rabanser, Guennemann and Lipton 2019 for tests by column beside a domain classifier. What the
    shift costs a model, `evaluation.compare.shift` says.
    """
    before, after = (open_source(rows).X if isinstance(rows, str | os.PathLike) else rows for rows in (before, after))
    old, new = frames_of(before, after)
    if old.names != new.names:
        raise DataError(
            f"the columns differ: {', '.join(map(str, old.names or []))} before, "
            f"{', '.join(map(str, new.names or []))} after; give tables with the same columns"
        )
    if old.n_columns != new.n_columns:
        raise DataError(f"{old.n_columns} columns before and {new.n_columns} after; give tables with the same columns")
    names = [str(n) for n in old.names] if old.names else [f"column {j}" for j in range(old.n_columns)]
    pairs = [(old.column(j), new.column(j)) for j in range(old.n_columns)]
    found = [column_drift(name, a, b) for name, (a, b) in zip(names, pairs, strict=True)]
    auc = domain_auc([coded(a, b) for a, b in pairs], old.n_rows, seed=seed)
    return Drift(sorted(found, key=lambda c: (c.p_value, -c.distance)), auc, old.n_rows, new.n_rows)


def frames_of(before: Any, after: Any) -> tuple[Frame, Frame]:
    """Both as tables: of what is none, a few measures a row."""
    form = form_of(before)
    if form_of(after) != form:
        raise DataError(f"{form} before and {form_of(after)} after cannot be compared; give two of one form")
    if form == "table":
        return read_frame(before), read_frame(after)
    if form == "pictures":
        return read_frame(looks(before)), read_frame(looks(after))
    if form == "strings":
        words = {word for text in before for word in str(text).lower().split()}
        return read_frame(reads(before, words)), read_frame(reads(after, words))
    raise DataError(f"drift compares tables, pictures or texts; got {form}")


def looks(pictures: Any) -> Any:
    """Brightness, contrast, height and width of pictures, as a frame."""
    import pandas as pd
    from PIL import Image

    def one(picture: Any) -> tuple[float, float, int, int]:
        if isinstance(picture, np.ndarray):
            pixels = picture
        else:
            with Image.open(picture) as opened:
                pixels = np.asarray(opened.convert("L"))
        return float(pixels.mean()), float(pixels.std()), pixels.shape[0], pixels.shape[1]

    return pd.DataFrame([one(p) for p in pictures], columns=["brightness", "contrast", "height", "width"])


def reads(texts: Any, words: set[str]) -> Any:
    """Words in a text, and the share of them that is not among `words`, as a frame."""
    import pandas as pd

    split = [str(text).lower().split() for text in texts]
    rows = [(len(ws), sum(w not in words for w in ws) / max(1, len(ws))) for ws in split]
    return pd.DataFrame(rows, columns=["n_words", "new_words"])


def column_drift(name: str, before: np.ndarray, after: np.ndarray) -> ColumnDrift:
    """One column's distance and the chance of it."""
    from scipy import stats

    gone = [is_missing(c) for c in (before, after)]
    a, b = before[~gone[0]], after[~gone[1]]
    kind = kind_of(before, f"column {name!r}") or "missing"
    share = [float(g.mean()) if len(g) else 0.0 for g in gone]
    if not len(a) or not len(b):
        return ColumnDrift(name, kind, "", "", float(bool(len(a)) != bool(len(b))), 1.0, share[0], share[1])
    if kind in ("number", "date"):
        x, y = numbers(a), numbers(b)
        test = stats.ks_2samp(x, y)
        return ColumnDrift(
            name, kind, spread(x), spread(y), float(test.statistic), float(test.pvalue), share[0], share[1]
        )
    levels, codes = np.unique(np.r_[a.astype(str), b.astype(str)], return_inverse=True)
    counts = np.stack([np.bincount(c, minlength=len(levels)) for c in np.split(codes, [len(a)])])
    shares = counts / counts.sum(1, keepdims=True)
    p = float(stats.chi2_contingency(counts).pvalue) if len(levels) > 1 else 1.0
    unseen = float(shares[1][counts[0] == 0].sum())
    most = [f"{levels[s.argmax()]} {s.max():.0%}" for s in shares]
    distance = float(np.abs(shares[0] - shares[1]).sum() / 2)
    return ColumnDrift(name, kind, most[0], most[1], distance, p, share[0], share[1], unseen)


def numbers(column: np.ndarray) -> np.ndarray:
    """Numbers and dates as float64."""
    return column.astype("datetime64[s]").astype(np.float64) if column.dtype.kind == "M" else column.astype(np.float64)


def spread(values: np.ndarray) -> str:
    """Mean and standard deviation in words."""
    return f"{values.mean():.4g} +- {values.std():.3g}"


def coded(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Both as one column of numbers for trees: categories by place, NaN for missing."""
    both = np.r_[before, after] if before.dtype == after.dtype else np.r_[before.astype(object), after.astype(object)]
    gone = is_missing(both)
    found = np.full(len(both), np.nan)
    if not gone.all() and kind_of(both, "a column") in ("number", "date"):
        found[~gone] = numbers(both[~gone])
    elif not gone.all():
        found[~gone] = np.unique(both[~gone].astype(str), return_inverse=True)[1]
    return np.column_stack([found, gone])


def domain_auc(columns: Sequence[np.ndarray], n_before: int, *, seed: int) -> float:
    """The area under the ROC curve of boosted trees that tell new rows from old, on folds they have not seen."""
    ensemble, selection = imported("sklearn.ensemble"), imported("sklearn.model_selection")
    X = np.column_stack(columns)
    y = np.repeat([0, 1], [n_before, len(X) - n_before])
    if min(n_before, len(X) - n_before) < 2 * FOLDS:
        return float("nan")
    some = np.sort(np.random.default_rng(seed).permutation(len(X))[:LOOKED_AT])
    trees = ensemble.HistGradientBoostingClassifier(max_iter=50, early_stopping=False, random_state=seed)
    folds = selection.StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    score = selection.cross_val_predict(trees, X[some], y[some], cv=folds, method="predict_proba")[:, 1]
    return roc_auc(y[some], score)
