"""Forests and boosted trees on lags and what is known ahead: grown by scikit-learn, kept as arrays of nodes."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import SettingError
from ...imports import imported
from ...registry import model
from ...train.phase import Batch, Objective, Phase

NODES = ("feature", "threshold", "left", "right", "value", "roots", "outputs_of", "start")


class Trees(Objective):
    """Trees grown once on all training rows; outputs are `start` + rate times the sum of the leaves reached.

    Nodes are arrays end to end: where a row goes left (feature, threshold), the children, the leaves' values. What is
    saved are these; no scikit-learn is needed to forecast.

    Systems: tree-forecaster
    Source: Baker A161; Breiman 2001, Friedman 2001.
    """

    full_batch = True
    epochs = 1
    probabilistic = False

    def __init__(self, grow: Callable[[np.ndarray, np.ndarray], dict[str, Any]], n_outputs: int) -> None:
        super().__init__()
        self.grow, self.n_outputs = grow, n_outputs
        for name in NODES:
            self.register_buffer(name, torch.empty(0))
        self._rows: list[Batch] = []

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *given: Any) -> None:
        """How many nodes there are is known from what is loaded alone."""
        for name in NODES:
            if prefix + name in state_dict:
                setattr(self, name, torch.empty_like(state_dict[prefix + name]))
        super()._load_from_state_dict(state_dict, prefix, *given)

    def phases(self) -> Sequence[Phase]:
        return [Phase("grow", self.add, after=self.finish)]

    def add(self, batch: Batch) -> Tensor:
        """Keep the rows; nothing is known of the loss before the trees are grown."""
        self._rows.append({k: batch[k] for k in ("x", "y")})
        return batch["y"].square().mean()

    def finish(self) -> None:
        """Grow the trees on all rows kept, and forget these."""
        x = torch.cat([b["x"] for b in self._rows]).cpu().numpy()
        y = torch.cat([b["y"] for b in self._rows]).double().cpu().numpy()
        self._rows = []
        for name, values in self.grow(x, y).items():
            setattr(self, name, torch.from_numpy(np.ascontiguousarray(values)))

    def outputs(self, batch: Batch) -> Tensor:
        n = dict(self.named_buffers())
        x = batch["x"].cpu()
        found = n["start"].expand(len(x), -1).clone()
        rows = torch.arange(len(x))
        for root, out in zip(n["roots"].tolist(), n["outputs_of"].tolist(), strict=True):
            at = torch.full((len(x),), root)
            while True:
                inner = n["feature"][at] >= 0
                if not inner.any():
                    break
                left = x[rows, n["feature"][at].clamp(min=0)] <= n["threshold"][at]
                at = torch.where(inner, torch.where(left, n["left"][at], n["right"][at]), at)
            values = n["value"][at]
            if out < 0:
                found += values
            else:
                found[:, out] += values[:, 0]
        return found.float().to(batch["x"].device)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        if not self.get_buffer("roots").numel():
            return {"loss": batch["y"].square().mean()}
        return {"loss": (self.outputs(batch) - batch["y"]).square().mean()}


def packed_trees(trees: Iterable[tuple[Any, int]], start: np.ndarray, rate: float) -> dict[str, np.ndarray]:
    """Nodes of scikit-learn trees end to end; each comes with the output that it adds to, -1 for all."""
    parts: dict[str, list[np.ndarray]] = {k: [] for k in ("feature", "threshold", "left", "right", "value")}
    roots, outputs, first = [], [], 0
    for tree, output in trees:
        roots.append(first)
        outputs.append(output)
        parts["feature"].append(np.where(tree.children_left < 0, -1, tree.feature))
        parts["threshold"].append(tree.threshold)
        parts["left"].append(tree.children_left + first)
        parts["right"].append(tree.children_right + first)
        parts["value"].append(rate * tree.value[:, :, 0])
        first += tree.node_count
    found = {k: np.concatenate(v) for k, v in parts.items()}
    found |= {k: found[k].astype(np.int64) for k in ("feature", "left", "right")}
    return found | {"roots": np.array(roots), "outputs_of": np.array(outputs), "start": start[None].astype(np.float64)}


@model.register("forecaster")
def forest(
    *, in_features: int, n_outputs: int, n_trees: int = 200, min_leaf: int = 2, share: float = 0.5, seed: int = 0
) -> Trees:
    """A random forest on lags: trees on drawn rows, each split looking at a `share` of the features, averaged."""
    _checked("forest", n_trees=n_trees, min_leaf=min_leaf)
    if not 0 < share <= 1:
        raise SettingError(f"model 'forest': share is above 0 and at most 1; got {share}")

    def grow(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
        kind = imported("sklearn.ensemble").RandomForestRegressor
        grown = kind(n_trees, min_samples_leaf=min_leaf, max_features=share, random_state=seed)
        grown.fit(x, y if n_outputs > 1 else y[:, 0])
        return packed_trees(((t.tree_, -1) for t in grown.estimators_), np.zeros(n_outputs), 1 / n_trees)

    return Trees(grow, n_outputs)


@model.register("forecaster")
def gradient_boosting(
    *, in_features: int, n_outputs: int, n_trees: int = 100, depth: int = 3, rate: float = 0.1, seed: int = 0
) -> Trees:
    """Gradient boosting on lags: shallow trees one after another on what is left over, a row of them for each step."""
    _checked("gradient_boosting", n_trees=n_trees, depth=depth)
    if not 0 < rate <= 1:
        raise SettingError(f"model 'gradient_boosting': rate is above 0 and at most 1; got {rate}")

    def grow(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
        kind = imported("sklearn.ensemble").GradientBoostingRegressor
        grown = [
            kind(n_estimators=n_trees, max_depth=depth, learning_rate=rate, random_state=seed).fit(x, y[:, j])
            for j in range(n_outputs)
        ]
        trees = ((t.tree_, j) for j, g in enumerate(grown) for t in g.estimators_[:, 0])
        return packed_trees(trees, y.mean(0), rate)

    return Trees(grow, n_outputs)


def _checked(name: str, **counts: int) -> None:
    for key, value in counts.items():
        if value < 1:
            raise SettingError(f"model {name!r}: {key} is at least 1; got {value}")
