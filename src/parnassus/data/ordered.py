"""Classes that have an order."""

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError, SettingError
from ..functional.ordinal import ordinal_log_probabilities
from .answers import label_array, shown
from .codec import Codec, State
from .packing import packed, unpacked
from .rows import Dense
from .targets import Labels, as_labels, places, plain_labels


class Ordered(Labels):
    """One of K ordered classes a row, as its rank 0 to K - 1; a model says K - 1 cumulative logits.

    The order is `order` where it is given; else that of an ordered pandas Categorical (or a polars Enum); else numbers
    and booleans as they count. Words without an order are refused. Classes that no training row has are left out.

    Attributes: `classes` (K,), lowest first; `counts` (K,).

    Source: McCullagh 1980; see `functional.ordinal`.
    """

    kind = "ordered"
    loss_name = "ordinal"

    def __init__(self, *, order: tuple = ()) -> None:
        self.options = {"order": tuple(order)}

    @property
    def loss_kind(self) -> str:
        return "ordinal"

    def fit(self, raw: Any, inputs: Codec | None = None) -> Self:
        declared = list(self.options["order"]) or order_of(raw)
        super().fit(raw, inputs)
        if not declared:
            if self.classes.dtype.kind in "OUS":
                raise DataError(
                    f"y holds the words {shown(self.classes)}, which have no order; give an ordered pandas "
                    "Categorical, or loss=pn.loss('ordinal', order=(...)) with the lowest first"
                )
            return self
        if len(set(declared)) < len(declared):
            raise SettingError(f"order names each class once, lowest first; got {tuple(declared)}")
        rank = {label: i for i, label in enumerate(declared)}
        lost = [label for label in self.classes.tolist() if label not in rank]
        if lost:
            raise DataError(f"y holds {shown(lost)}, which the order {shown(declared)} does not name; add them to it")
        by_rank = np.argsort([rank[label] for label in self.classes.tolist()])
        self.classes, self.counts = self.classes[by_rank], self.counts[by_rank]
        return self

    def facts(self) -> dict[str, Any]:
        return {"n_outputs": len(self.classes) - 1}

    def indices(self, raw: Any) -> np.ndarray:
        y, by_name = self._written(label_array(raw)), np.argsort(self.classes)
        return by_name[places(self.classes[by_name], y, np.arange(len(y)))]

    def encode(self, raw: Any) -> Dense:
        return Dense(y=torch.from_numpy(self.indices(raw)))

    def probabilities(self, outputs: Tensor) -> np.ndarray:
        """(rows, K) float64 from cumulative logits, lowest class first."""
        return ordinal_log_probabilities(outputs.detach().double().cpu()).softmax(1).numpy()

    def state(self) -> State:
        return super().state() | {"order": packed(plain_labels(np.array(self.options["order"], dtype=object)))}

    @classmethod
    def from_state(cls, state: State) -> Self:
        target = cls(order=tuple(unpacked(state["order"])))
        target.classes = as_labels(unpacked(state["classes"]), state["dtype"])
        target.counts = state["counts"].cpu().numpy()
        return target


def order_of(raw: Any) -> list:
    """The categories of an ordered Categorical or an Enum, lowest first; nothing where y declares no order."""
    dtype = getattr(raw, "dtype", None)
    if getattr(dtype, "ordered", False):
        return list(dtype.categories)  # type: ignore[union-attr]
    return list(dtype.categories) if type(dtype).__name__ == "Enum" else []  # type: ignore[union-attr]
