"""Who looks where: the weights of every attention in a net, as arrays and as heat-maps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ..errors import DataError, SettingError, did_you_mean
from ..layers.attention import kept_weights
from .plots import shortened
from .style import INK, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = 4  # side by side


@dataclass(frozen=True)
class AttentionMaps:
    """Weights by the name of the layer: (rows, heads, n_queries, n_keys) each; what a query may not see is 0.

    `lengths` (rows,) says how many places of each row are real; None where all are. `written` (rows,) says the same of
    what a net with a decoder writes, its start counted: layers under "decoder" ask from there, and those named "cross"
    look at the row that was read.
    """

    maps: Mapping[str, np.ndarray]
    lengths: np.ndarray | None = None
    written: np.ndarray | None = None

    @property
    def names(self) -> list[str]:
        """The layers, in the order of the net."""
        return list(self.maps)

    def of(self, layer: str | int = -1, *, row: int = 0) -> np.ndarray:
        """One row's weights in one layer, its padding cut off: (heads, n_queries, n_keys)."""
        if isinstance(layer, int) and not -len(self.maps) <= layer < len(self.maps):
            raise SettingError(f"the net has {len(self.maps)} attentions; got layer={layer}")
        name = self.names[layer] if isinstance(layer, int) else layer
        if name not in self.maps:
            raise SettingError(f"no attention {name!r}; {did_you_mean(name, self.maps)}")
        weights = self.maps[name]
        if not 0 <= row < len(weights):
            raise SettingError(f"there are {len(weights)} rows; got row={row}")
        if self.lengths is None:
            return weights[row]
        if self.written is not None and "decoder" in name.split("."):
            n = int(self.written[row])
            return weights[row][:, :n, : int(self.lengths[row]) if name.endswith("cross") else n]
        n_more = max(weights.shape[3] - int(self.lengths.max()), 0)  # a class vector stands before the row
        n = int(self.lengths[row]) + n_more
        return weights[row][:, : n if weights.shape[2] == weights.shape[3] else None, :n]

    def rollout(self, *, row: int = 0) -> np.ndarray:
        """How much of each place reaches each place at the end: the product of (A + I) / 2 over layers, A over heads.

        Source: Abnar and Zuidema 2020.
        """
        if self.written is not None:
            raise SettingError("rollout is of nets that attend to themselves alone, and this one writes; see of(layer)")
        product: np.ndarray | None = None
        for name in self.names:
            mean = self.of(name, row=row).mean(0)
            if mean.shape[0] != mean.shape[1]:
                raise SettingError(f"rollout is of nets that attend to themselves; {name!r} asks another row")
            step = (mean + np.eye(len(mean))) / 2
            product = step if product is None else step @ product
        if product is None:
            raise DataError("there are no weights to multiply")
        return product

    def plot(
        self,
        layer: str | int = -1,
        *,
        row: int = 0,
        labels: Sequence[str] | None = None,
        of: Sequence[str] | None = None,
    ) -> "Figure":
        """One heat-map a head, queries downwards; `labels` name the keys, `of` the queries where they are others."""
        name = self.names[layer] if isinstance(layer, int) and -len(self.maps) <= layer < len(self.maps) else layer
        return heat_maps(self.of(layer, row=row), keys=labels, queries=labels if of is None else of, title=str(name))


def attention_maps(net: Any, X: Any, *, n_rows: int = 16) -> AttentionMaps:
    """The weights of every attention of a fitted estimator (or of an nn.Module, which X is given to) on rows of X.

    Of a LanguageModel X are texts, which begin with their start; of a Translator texts, for which it looks while it
    writes, or pairs of them.

    Systems: alignment-map
    Source: Hifny A11.19, Martinez-Ramon 6.2.4 and problem 6.8.
    """
    module = net if isinstance(net, nn.Module) else getattr(getattr(net, "objective_", None), "model", None)
    if module is None:
        raise SettingError("give a fitted estimator, such as pn.Classifier('transformer').fit(X, y), or an nn.Module")
    with kept_weights(module) as kept:
        if not kept:
            raise SettingError(
                "no attention in this net to look at; 'transformer', 'gpt', 'masked_attention' and 'vit_ti' have some, "
                "as has MultiHeadAttention, and a Translator's align(X) shows that of others"
            )
    batch = {"x": X[:n_rows]} if isinstance(net, nn.Module) else _batch(net, X, n_rows)
    with kept_weights(module) as kept, torch.no_grad():
        training = module.training
        module.eval()
        try:
            if "y_lengths" in batch:
                net.objective_.outputs(batch)
            else:
                module(*(batch[name] for name in ("x", "lengths") if name in batch))
        finally:
            module.train(training)
        found = {name or "attention": weights[0].double().cpu().numpy() for name, weights in kept.items() if weights}
    lengths = batch["lengths"].cpu().numpy() if "lengths" in batch else None
    written = batch["y_lengths"].cpu().numpy() + 1 if "y_lengths" in batch else None
    return AttentionMaps(found, lengths, written)


def _batch(net: Any, X: Any, n_rows: int) -> dict[str, torch.Tensor]:
    """The first rows of X as the net of a fitted estimator is given them."""
    codec, device = net.codec_, next(net.objective_.parameters()).device
    if codec.kind == "token_stream":  # whose rows are blocks of many texts
        cut = [torch.from_numpy(row[:-1][: codec.context]) for row in codec.rows(X)[:n_rows]]
        lengths = torch.tensor([len(row) for row in cut])
        batch = {"x": nn.utils.rnn.pad_sequence(cut, batch_first=True), "lengths": lengths}
        return {name: t.to(device) for name, t in batch.items()}
    answers: dict[str, torch.Tensor] = {}
    if codec.kind == "source_texts":
        pairs = list(X)[:n_rows]
        given = bool(pairs) and not isinstance(pairs[0], str)
        X = [source for source, _ in pairs] if given else pairs
        written = [target for _, target in pairs] if given else net.translate(X)
        if "" in written:
            i = written.index("")
            raise DataError(f"nothing was written for row {i}, {X[i]!r:.60}; give pairs of texts, or leave it out")
        y = net.target_.encode(written)
        answers = y.take(torch.arange(len(y)))
    rows = codec.encode(X)
    taken = rows.take(torch.arange(min(n_rows, len(rows)))) | answers
    return codec.prepare({name: t.to(device) for name, t in taken.items()}, net.view_)


@styled
def heat_maps(
    weights: np.ndarray,
    *,
    keys: Sequence[str] | None = None,
    queries: Sequence[str] | None = None,
    title: str = "",
) -> "Figure":
    """Weights (n_queries, n_keys), or (heads, n_queries, n_keys), as pictures with names at their sides.

    The map of a translation has sources across and targets downwards.

    Systems: alignment-map
    Source: Bahdanau et al. 2015, fig. 3; Hifny fig. 11.9, Martinez-Ramon figs. 6.7 and 6.11.
    """
    weights = np.asarray(weights, dtype=float)
    weights = weights[None] if weights.ndim == 2 else weights
    n_heads, n_queries, n_keys = weights.shape
    for what, names, n in (("keys", keys, n_keys), ("queries", queries, n_queries)):
        if names is not None and len(names) != n:
            raise DataError(f"{len(names)} names for {n} {what}; give one each")
    n_columns = min(n_heads, PANELS)
    n_lines = -(-n_heads // n_columns)
    names_down = 0.09 * max((len(shortened(str(q))) for q in queries), default=0) if queries is not None else 0.4
    width, height = 0.22 * max(n_keys, 7) + 0.35, 0.22 * max(n_queries, 7) + 0.7
    shape = {"width": min(width, 3.0) * n_columns + names_down + 0.8, "height": min(height, 3.2) * n_lines + 0.5}
    figure, axes = canvas(
        n_lines, n_columns, label=f"{title} attention weights".strip(), sharex=True, sharey=True, **shape
    )
    for i, ax in enumerate(axes):
        if i >= n_heads:
            ax.set_axis_off()
            continue
        drawn = ax.imshow(weights[i], cmap="Blues", vmin=0, vmax=max(float(weights.max()), 1e-12), aspect="auto")
        ax.grid(visible=False)
        ax.set_title(f"head {i + 1}" if n_heads > 1 else "", fontsize=9, color=INK)
        for axis, names, turn in ((ax.xaxis, keys, 90), (ax.yaxis, queries, 0)):
            if names is not None and len(names) <= 60:
                axis.set_ticks(range(len(names)), [shortened(str(name)) for name in names], rotation=turn, fontsize=8)
    figure.supxlabel("looked at", fontsize=9)
    figure.supylabel("looking", fontsize=9)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    figure.colorbar(drawn, ax=axes, shrink=0.8, label="weight")
    return figure
