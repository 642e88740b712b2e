"""Targets are codecs too: what is learned of y, and how outputs become the user's terms.

`Labels` holds one class a row, `Multilabel` any number of labels a row, `Numbers` quantities. Each names the kind of
loss it needs (`loss_kind`, a task of the `loss` registry) and the loss it takes by default (`loss_name`).
"""

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError, DataWarning, SettingError
from .answers import indicator_matrix, is_indicator, is_label_lists, label_array, label_lists, number_array, shown
from .codec import Codec, State
from .packing import packed, unpacked
from .rows import Batch, Dense


class Target(Codec):
    """What every target offers; given ones encode y, a derived one overrides `cut` and encodes nothing."""

    loss_name: ClassVar[str]

    @property
    def loss_kind(self) -> str:
        """The kind of loss that fits: binary, labels, multilabel, numbers."""
        raise NotImplementedError

    def fit(self, raw: Any, inputs: Codec | None = None) -> Self:
        """Learn from the training rows alone; derived targets learn from the fitted codec of the inputs."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """The facts a target supplies to a model's builder."""
        raise NotImplementedError

    def cut(self, batch: Batch) -> Batch:
        """The batch with the targets cut out of its inputs; given targets leave it as it is."""
        return batch

    def views(self) -> dict[str, dict[str, Any]]:
        return {"target": self.facts()}


class Labels(Target):
    """One class a row: strings, integers, booleans or whole floats, sorted as np.unique sorts.

    Two classes make one output, the logit of the second class: y is (rows, 1) of 0 and 1, and `loss_kind` is
    "binary". More classes make one logit a class: y is (rows,) of int64, and `loss_kind` is "labels".

    Attributes: `classes` (K,), in the user's own type; `counts` (K,), how often `fit` saw each.

    Systems: one-hot-encoding
    Source: Hifny A6.1, Baker A027. Labels are held as class numbers; `one_hot` writes the unit vectors out.
    """

    kind = "labels"
    loss_name = "cross_entropy"

    classes: np.ndarray
    counts: np.ndarray

    @property
    def loss_kind(self) -> str:
        return "binary" if len(self.classes) == 2 else "labels"

    def fit(self, raw: Any, inputs: Codec | None = None) -> Self:
        y = label_array(raw)
        if not len(y):
            raise DataError("y is empty; a classifier needs at least one row of each of two classes")
        self.classes, self.counts = np.unique(y, return_counts=True)
        if len(self.classes) < 2:
            raise DataError(
                f"y holds one class, {shown(self.classes)}; a classifier needs at least two classes: "
                "add rows of another class, or look whether the rows were sorted before they were cut"
            )
        return self

    def facts(self) -> dict[str, Any]:
        return {"n_outputs": 1 if len(self.classes) == 2 else len(self.classes)}

    def labels_like(self, raw: Any) -> np.ndarray:
        """Given labels (rows,), of the type that `fit` saw; new ones among them are let through."""
        y = self._written(label_array(raw))
        if (y.dtype.kind in "OUS") != (self.classes.dtype.kind in "OUS"):
            raise DataError(
                f"y holds {shown(np.unique(y))} of type {y.dtype}; fit saw {shown(self.classes)} of type "
                f"{self.classes.dtype}; give labels of the type used in fit"
            )
        return y

    def _written(self, y: np.ndarray) -> np.ndarray:
        """Whole numbers as texts, where `fit` saw such texts: of codes, a file may hold some that look like numbers."""
        texts = y.astype(str) if y.dtype.kind in "iu" and self.classes.dtype.kind in "OUS" else y
        return texts.astype(object) if texts is not y and np.isin(texts, self.classes.astype(str)).all() else y

    def indices(self, raw: Any) -> np.ndarray:
        """The class number of each row, int64; labels that `fit` has not seen are refused."""
        y = self._written(label_array(raw))
        return places(self.classes, y, np.arange(len(y)))

    def encode(self, raw: Any) -> Dense:
        at = torch.from_numpy(self.indices(raw))
        return Dense(y=at[:, None].float() if len(self.classes) == 2 else at)

    def one_hot(self, raw: Any) -> np.ndarray:
        """Unit vectors (rows, K), float64: 1 in the class's place."""
        return np.eye(len(self.classes))[self.indices(raw)]

    def probabilities(self, outputs: Tensor) -> np.ndarray:
        """(rows, K) float64 from logits: sigmoid for two classes, softmax for more."""
        z = outputs.detach().double().cpu()
        if len(self.classes) == 2:
            return torch.cat([(-z).sigmoid(), z.sigmoid()], 1).numpy()
        return z.softmax(1).numpy()

    def decode(self, outputs: Tensor, *, threshold: float = 0.5) -> np.ndarray:
        """Labels in the user's own type; with two classes the second needs `threshold` probability or more."""
        return self.decide(self.probabilities(outputs), threshold=threshold)

    def decide(self, probabilities: np.ndarray, *, threshold: float = 0.5) -> np.ndarray:
        """Labels from (rows, K) probabilities: the likeliest, or by `threshold` where there are two classes."""
        if len(self.classes) == 2:
            return self.classes[(probabilities[:, 1] >= threshold).astype(np.int64)]
        return self.classes[probabilities.argmax(1)]

    def state(self) -> State:
        return {
            "classes": packed(plain_labels(self.classes)),
            "dtype": self.classes.dtype.str,
            "counts": torch.from_numpy(self.counts),
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        target = cls()
        target.classes = as_labels(unpacked(state["classes"]), state["dtype"])
        target.counts = state["counts"].cpu().numpy()
        return target


class Multilabel(Target):
    """Any number of labels a row, none included: lists or sets of labels, or an indicator matrix of 0 and 1.

    y is (rows, L) float32, one logit a label. `decode` answers in the form that `fit` was given.

    Attributes: `labels` (L,); `counts` (L,), how many rows had each; `n_rows`.

    Systems: multi-hot-encoding
    Source: Hifny A7.1: any subset of L labels, so 2**L targets.
    """

    kind = "multilabel"
    loss_name = "cross_entropy"

    labels: np.ndarray
    counts: np.ndarray
    n_rows: int
    form_given: str  # indicator, list, set or tuple
    dtype_given: str

    @property
    def loss_kind(self) -> str:
        return "multilabel"

    def fit(self, raw: Any, inputs: Codec | None = None) -> Self:
        lists = is_label_lists(raw)
        names = [str(c) for c in raw.columns] if hasattr(raw, "columns") else None
        given = label_lists(raw) if lists else indicator_matrix(raw)
        if not len(given):
            raise DataError("y is empty; a classifier needs at least one row with each label")
        if lists:
            flat = [label for row in given for label in row]
            if not flat:
                raise DataError("no row of y has a label; give each row the list of its labels")
            self.labels, self.form_given, self.dtype_given = np.unique(label_array(flat)), type(raw[0]).__name__, ""
            hot = self.multi_hot(given)
        else:
            hot = np.asarray(given)
            self.labels = np.array(names) if names else np.arange(hot.shape[1])
            self.form_given, self.dtype_given = "indicator", hot.dtype.str
        self.n_rows, self.counts = len(hot), np.count_nonzero(hot, axis=0)
        self._warn(hot)
        return self

    def _warn(self, hot: np.ndarray) -> None:
        one_sided = (self.counts == 0) | (self.counts == len(hot))
        if one_sided.any():
            warnings.warn(
                f"labels {shown(self.labels[one_sided])} are on in all training rows or in none; nothing can "
                "be learned about them",
                DataWarning,
                stacklevel=4,
            )
        if self.form_given == "indicator" and hot.shape[1] > 1 and (np.count_nonzero(hot, axis=1) == 1).all():
            warnings.warn(
                "every row of y holds exactly one 1, and is learned as independent labels; if these are "
                "one-hot classes give y.argmax(1)",
                DataWarning,
                stacklevel=4,
            )

    def facts(self) -> dict[str, Any]:
        return {"n_outputs": len(self.labels)}

    def multi_hot(self, raw: Any) -> np.ndarray:
        """0 and 1 (rows, L), bool, from lists of labels or an indicator matrix."""
        if not is_label_lists(raw):
            given = indicator_matrix(raw)
            if given.shape[1] != len(self.labels):
                raise DataError(
                    f"y has {given.shape[1]} columns; fit saw {len(self.labels)} labels, {shown(self.labels)}"
                )
            return given.astype(bool)
        rows = label_lists(raw)
        hot = np.zeros((len(rows), len(self.labels)), dtype=bool)
        flat = [label for row in rows for label in row]
        if flat:
            owner = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
            hot[owner, places(self.labels, label_array(flat), owner)] = True
        return hot

    def encode(self, raw: Any) -> Dense:
        return Dense(y=torch.from_numpy(self.multi_hot(raw)).float())

    def probabilities(self, outputs: Tensor) -> np.ndarray:
        """(rows, L) float64: the sigmoid of each logit."""
        return outputs.detach().double().cpu().sigmoid().numpy()

    def decode(self, outputs: Tensor, *, threshold: float | Sequence[float] | np.ndarray = 0.5) -> Any:
        """Labels in the form given to fit; `threshold` is one number, or one a label."""
        return self.decide(self.probabilities(outputs), threshold=threshold)

    def decide(self, probabilities: np.ndarray, *, threshold: float | Sequence[float] | np.ndarray = 0.5) -> Any:
        """Labels from (rows, L) probabilities, in the form given to fit."""
        hot = probabilities >= np.asarray(threshold)
        if self.form_given == "indicator":
            return hot.astype(self.dtype_given)
        names = self.labels.tolist()
        form = {"list": list, "set": set, "frozenset": frozenset, "tuple": tuple}.get(self.form_given, list)
        return [form(names[j] for j in np.flatnonzero(row)) for row in hot]

    def state(self) -> State:
        return {
            "labels": packed(plain_labels(self.labels)),
            "dtype": self.labels.dtype.str,
            "n_rows": self.n_rows,
            "counts": torch.from_numpy(self.counts),
            "form": self.form_given,
            "dtype_given": self.dtype_given,
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        target = cls()
        target.labels = as_labels(unpacked(state["labels"]), state["dtype"])
        target.counts, target.n_rows = state["counts"].cpu().numpy(), state["n_rows"]
        target.form_given, target.dtype_given = state["form"], state["dtype_given"]
        return target


class Numbers(Target):
    """Quantities, one or many a row, standardised for training; `decode` gives the user's units, float64.

    Where the outputs are logarithms (`link="log"`, as for the Poisson loss) y stays as it is, and `decode` takes exp.
    y is (rows, m) float32. Rows given as (rows,) come back as (rows,). A column that never varies is only centred.

    Attributes: `mean`, `scale`, `median`, each (m,) float64, of the training rows.
    """

    kind = "numbers"
    loss_name = "squared_error"

    mean: np.ndarray
    scale: np.ndarray
    median: np.ndarray
    flat: bool

    def __init__(self, *, scaling: str = "standard", link: str = "identity") -> None:
        if scaling not in ("standard", "none"):
            raise SettingError(f"Numbers: scaling is 'standard' or 'none'; got {scaling!r}")
        if link not in ("identity", "log"):
            raise SettingError(f"Numbers: link is 'identity' or 'log'; got {link!r}")
        self.options = {"scaling": "none" if link == "log" else scaling, "link": link}

    @property
    def loss_kind(self) -> str:
        return "numbers"

    def fit(self, raw: Any, inputs: Codec | None = None) -> Self:
        y = number_array(raw)
        if not len(y):
            raise DataError("y is empty; a regressor needs at least one row")
        self.flat = y.ndim == 1
        y = y[:, None] if y.ndim == 1 else y
        if self.options["link"] == "log" and (y < 0).any():
            row = int((y < 0).any(1).argmax())
            raise DataError(
                f"row {row} of y is {y[row].min():g}, and this loss is for counts, 0 and above; use another loss"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            self.mean, self.median, spread = y.mean(0), np.median(y, axis=0), y.std(0)
        self.scale = np.where((y.max(0) > y.min(0)) & (spread > 0), spread, 1.0)
        if not np.isfinite(self.mean).all() or not np.isfinite(self.scale).all():
            raise DataError("y holds numbers too large for their mean and spread; divide y by a constant first")
        if self.options["scaling"] == "none":
            self.scale = np.ones_like(self.mean)
        return self

    @property
    def center(self) -> np.ndarray:
        """What is taken from y before it is divided by `scale`."""
        return self.mean if self.options["scaling"] == "standard" else np.zeros_like(self.mean)

    def facts(self) -> dict[str, Any]:
        return {"n_outputs": len(self.mean)}

    def encode(self, raw: Any) -> Dense:
        y = number_array(raw)
        y = y[:, None] if y.ndim == 1 else y
        if y.shape[1] != len(self.mean):
            raise DataError(f"y has {y.shape[1]} columns; fit saw {len(self.mean)}; give the same columns")
        y = np.divide(y - self.center, self.scale, out=np.empty(y.shape, np.float32), casting="same_kind")
        return Dense(y=torch.from_numpy(y))

    def decode(self, outputs: Tensor) -> np.ndarray:
        y = outputs.detach().double().cpu().numpy() * self.scale + self.center
        y = np.exp(y) if self.options["link"] == "log" else y
        return y[:, 0] if self.flat else y

    def state(self) -> State:
        return {
            "options": dict(self.options),
            "flat": self.flat,
            "mean": torch.from_numpy(self.mean),
            "scale": torch.from_numpy(self.scale),
            "median": torch.from_numpy(self.median),
        }

    @classmethod
    def from_state(cls, state: State) -> Self:
        target = cls(**state["options"])
        target.flat = state["flat"]
        target.mean, target.scale, target.median = (state[k].cpu().numpy() for k in ("mean", "scale", "median"))
        return target


def target_for(y: Any, task: str) -> Target:
    """The target codec that y calls for, unfitted: Numbers for a regressor; Labels or Multilabel for a classifier."""
    if task == "regressor":
        return Numbers()
    if task != "classifier":
        raise SettingError(f"targets are chosen for 'classifier' and 'regressor'; got {task!r}")
    return Multilabel() if is_label_lists(y) or is_indicator(y) else Labels()


def check_lengths(n_inputs: int, n_targets: int) -> None:
    """Refuses X and y that differ in their number of rows."""
    if n_inputs != n_targets:
        raise DataError(
            f"X has {n_inputs} rows and y has {n_targets}; each row of X needs one of y "
            f"(found inputs with inconsistent "
            "numbers of samples): look for a header, a lost row, or a transposed array"
        )


def places(known: np.ndarray, y: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The place of each label among the sorted known ones; `rows` are the rows the labels belong to, for messages."""
    if text_like(y) != text_like(known):
        raise DataError(
            f"y holds {shown(np.unique(y))} of type {y.dtype}; "
            f"fit saw {shown(known)} of type {known.dtype}; give labels of "
            "the type used in fit"
        )
    at = np.searchsorted(known, y).clip(max=len(known) - 1)
    unseen = known[at] != y
    if unseen.any():
        raise DataError(
            f"labels {shown(np.unique(y[unseen]))} were not seen by fit (first in row {rows[unseen.argmax()]}); it saw "
            f"{shown(known)}; fit again with rows of every class, or leave these rows out"
        )
    return at


def text_like(y: np.ndarray) -> bool:
    """Whether labels are text rather than numbers."""
    return y.dtype.kind in "OUS"


def plain_labels(labels: np.ndarray) -> list:
    """Labels as JSON values."""
    return [v.decode("latin-1") if isinstance(v, bytes) else v for v in labels.tolist()]


def as_labels(values: list, dtype: str) -> np.ndarray:
    """The labels that `plain_labels` wrote."""
    return np.array([v.encode("latin-1") for v in values] if np.dtype(dtype).kind == "S" else values, dtype=dtype)
