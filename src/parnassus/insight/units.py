"""What units of a fitted net do: filters, feature maps, pictures that excite them, and units over rows."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import Diverged, SettingError
from .attribution import Looked, named_layer
from .style import MUTED, canvas, styled
from .watching import inputs_of, outputs_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TILES = 32  # that a figure shows


@dataclass(frozen=True)
class HiddenUnits:
    """A layer's outputs on rows: `values` (rows, units), each unit's `mean`, and how units go together, (units, units).

    Systems: hidden-unit-map
    Source: Baker, sections 2.2.1 and 3.6.3.
    """

    values: np.ndarray
    layer: str

    @property
    def mean(self) -> np.ndarray:
        """Each unit's mean over the rows, (units,)."""
        return self.values.mean(0)

    @property
    def correlation(self) -> np.ndarray:
        """Correlation of every two units over the rows; NaN for a unit that is constant."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.corrcoef(self.values.T)

    @property
    def redundancy(self) -> float:
        """The mean size of the correlation of two different units: 0 if every unit says something of its own."""
        found = np.abs(self.correlation[~np.eye(self.values.shape[1], dtype=bool)])
        return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")

    @styled
    def plot(self) -> "Figure":
        """Rows downwards, units to the right, with each unit's mean above."""
        figure, (top, ax) = canvas(
            2, 1, width=6.5, height=4.5, label=f"units of {self.layer}", height_ratios=(1, 4), sharex=True
        )
        top.bar(range(self.values.shape[1]), self.mean, color=MUTED, width=1.0)
        top.set_title(f"{self.layer}: mean, and each row", loc="left")
        ax.imshow(self.values, aspect="auto", interpolation="nearest", cmap="viridis")
        ax.set(xlabel="unit", ylabel="row")
        ax.grid(False)
        return figure


def layers_of(estimator: Any) -> dict[str, str]:
    """The layers of a fitted net by name, with their kinds: what `layer=` may name."""
    net = estimator.objective_.model
    return {name: type(m).__name__ for name, m in net.named_modules() if name and not list(m.children())}


def hidden_units(estimator: Any, X: Any, *, layer: str | None = None) -> HiddenUnits:
    """What a layer gives for rows X, any kind of data; maps are averaged over places. None is the last hidden layer."""
    net = getattr(getattr(estimator, "objective_", None), "model", None)
    if net is None:
        raise SettingError("give a fitted estimator, such as pn.Classifier('mlp').fit(X, y)")
    dense = [name for name, m in net.named_modules() if isinstance(m, nn.Linear)]
    if layer is None and len(dense) < 1:
        raise SettingError("this net has no dense layer; name one: see insight.units.layers_of(estimator)")
    rows = estimator.codec_.encode(X)
    looked_at = outputs_of(named_layer(net, layer)) if layer else inputs_of(named_layer(net, dense[-1]))
    with looked_at as kept, torch.no_grad():
        batch = estimator.codec_.prepare(rows.take(torch.arange(len(rows))), estimator.view_)
        estimator.objective_.eval().outputs(batch)
    if not kept or not isinstance(kept[-1], Tensor):
        raise SettingError(f"layer {layer!r} gives no tensor; see insight.units.layers_of(estimator)")
    found = kept[-1]
    found = found.mean((2, 3)) if found.ndim == 4 else found.flatten(1, -2).mean(1) if found.ndim == 3 else found
    return HiddenUnits(found.double().cpu().numpy(), layer or f"into {dense[-1]}")


def filters(estimator: Any, *, layer: str | None = None) -> np.ndarray:
    """The kernels of a convolution, (out_channels, in_channels, height, width); None is the first one.

    Systems: filter-visualisation
    Source: Martinez-Ramon, problem 4.3.
    """
    net = estimator.objective_.model
    if layer is not None:
        chosen = named_layer(net, layer)
    else:
        found = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
        if not found:
            raise SettingError("this net has no convolution, and filters are its kernels")
        chosen = found[0]
    weight = getattr(chosen, "weight", None)
    if weight is None or weight.ndim != 4:
        raise SettingError(f"layer {layer!r} is a {type(chosen).__name__}, which has no kernels (out, in, h, w)")
    return weight.detach().double().cpu().numpy()


def feature_maps(estimator: Any, X: Any, *, layer: str | None = None) -> np.ndarray:
    """What a layer makes of pictures X, (n, channels, height, width); None is the last convolution.

    Systems: filter-visualisation
    """
    seen = Looked(estimator, X)
    with outputs_of(seen.layer(layer)) as kept, torch.no_grad():
        seen(seen.x)
    if kept[-1].ndim != 4:
        raise SettingError(f"layer {layer!r} gives {tuple(kept[-1].shape)}, no maps (n, channels, h, w)")
    return kept[-1].double().cpu().numpy()


@styled
def tiles(maps: np.ndarray, *, title: str = "", n_columns: int = 8) -> "Figure":
    """Kernels (k, channels, h, w) or maps (k, h, w) side by side, each in shades of its own; 32 at most.

    Kernels of three channels are shown as colours, of others as the mean over channels.
    """
    shown = np.asarray(maps, dtype=np.float64)[:TILES]
    if shown.ndim == 4:
        shown = shown.transpose(0, 2, 3, 1) if shown.shape[1] == 3 else shown.mean(1)
    low = shown.reshape(len(shown), -1).min(1).reshape(-1, *[1] * (shown.ndim - 1))
    span = np.maximum(shown.reshape(len(shown), -1).max(1).reshape(low.shape) - low, 1e-12)
    columns = min(n_columns, len(shown))
    lines = -(-len(shown) // columns)
    figure, axes = canvas(lines, columns, width=0.9 * columns + 0.2, height=0.9 * lines + 0.4, label=title or "tiles")
    for ax, tile in zip(axes, (shown - low) / span, strict=False):
        ax.imshow(tile, cmap="gray", vmin=0, vmax=1)
    for ax in axes:
        ax.set_axis_off()
    if title:
        figure.suptitle(title, fontsize=10, color=MUTED)
    return figure


def exciting_picture(
    estimator: Any,
    *,
    target: Any = None,
    layer: str | None = None,
    channel: int | None = None,
    place: tuple[int, int] | None = None,
    probability: bool = False,
    start: Any = None,
    n_steps: int = 200,
    lr: float = 0.05,
    blur: float = 0.5,
    l2: float = 1e-3,
    jitter: int = 1,
    seed: int = 0,
) -> np.ndarray:
    """The picture (as the codec decodes it, uint8) that excites a class, a layer, a channel of it, or one place most.

    Parameters
    ----------
    target : a class, by its logit or with `probability` by its probability; or else
    layer, channel, place : a whole layer (DeepDream), one of its channels, or one place (row, column) of it.
    start : a picture to begin with (to dream on); None begins with noise.
    n_steps, lr : steps of Adam on the pixels, in standard deviations of the training pictures.
    blur, l2, jitter : how much is taken of a blurred copy every tenth step, decay of the pixels, and pixels that the
        picture is shifted by at random: without them the net's answer is won by noise that nobody can read.

    Systems: activation-maximisation
    Source: Baker, section 4.8.1 (1:A084); Olah et al. 2017.
    """
    if (target is None) == (layer is None):
        raise SettingError("name what to excite: a target, or a layer (with or without channel and place)")
    facts = getattr(estimator, "facts_", {})
    if "in_channels" not in facts:
        raise SettingError("give a fitted classifier or regressor of pictures, such as pn.Classifier('cnn').fit(X, y)")
    shape = facts["in_channels"], *facts["image_size"]
    blank = np.zeros((1, *shape[1:], shape[0]), np.uint8)
    seen = Looked(estimator, (blank[..., 0] if shape[0] == 1 else blank) if start is None else [start])
    number = seen.targets(target)[0] if target is not None else None
    generator = torch.Generator().manual_seed(seed)
    x = seen.x.clone() if start is not None else 0.1 * torch.randn(seen.x.shape, generator=generator).to(seen.x)
    low, high = ((v - seen.codec.mean) / seen.codec.std for v in (0.0, 255.0))
    bounds = [b.reshape(1, -1, 1, 1).to(x) for b in (low, high)]
    x.requires_grad_()
    optimizer = torch.optim.Adam([x], lr=lr)
    looked_at: Any = nullcontext([]) if layer is None else outputs_of(seen.layer(layer))
    with looked_at as kept:
        for step in range(n_steps):
            moves = torch.randint(-jitter, jitter + 1, (2,), generator=generator).tolist() if jitter else [0, 0]
            with torch.enable_grad():
                outputs = seen(x.roll(moves, (2, 3)))
                joy = _joy(outputs, number, kept, channel, place, probability)
                loss = l2 * x.square().sum() - joy
                optimizer.zero_grad()
                loss.backward()
            optimizer.step()
            kept.clear()
            with torch.no_grad():
                if blur and step % 10 == 9:
                    x.lerp_(F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), blur)
                x.copy_(torch.minimum(torch.maximum(x, bounds[0]), bounds[1]))
            if not bool(x.isfinite().all()):
                raise Diverged(f"the picture holds NaN at step {step}; give a smaller lr")
    return seen.codec.decode(x)[0]


def _joy(
    outputs: Tensor, number: Tensor | None, kept: list[Tensor], channel: int | None, place: Any, probability: bool
) -> Tensor:
    """What is to become large."""
    if number is not None:
        if outputs.shape[1] == 1:
            signed = torch.where(number == 1, outputs[:, 0], -outputs[:, 0])
            return signed.sigmoid().log().sum() if probability else signed.sum()
        return (outputs.log_softmax(1) if probability else outputs).gather(1, number[:, None]).sum()
    found = kept[-1]
    if channel is None:
        return found.square().mean()
    if not 0 <= channel < found.shape[1]:
        raise SettingError(f"the layer has {found.shape[1]} channels; got channel={channel}")
    chosen = found[:, channel]
    if place is None:
        return chosen.mean()
    if chosen.ndim != 3 or not (0 <= place[0] < chosen.shape[1] and 0 <= place[1] < chosen.shape[2]):
        raise SettingError(f"place is (row, column) within {tuple(chosen.shape[1:])}; got {place}")
    return chosen[:, place[0], place[1]].sum()


def nearest_pictures(estimator: Any, X: Any, query: Any, *, n: int = 5, layer: str | None = None) -> np.ndarray:
    """The rows of X whose features are most like those of each query, the nearest first, (queries, n) row numbers.

    Features are a layer's outputs (the last hidden layer's unless named), compared by the cosine of their angle.
    """
    held = hidden_units(estimator, X, layer=layer).values
    asked = hidden_units(estimator, query, layer=layer).values
    if not 1 <= n <= len(held):
        raise SettingError(f"n is from 1 to the {len(held)} rows of X; got {n}")

    def unit(v: np.ndarray) -> np.ndarray:
        return v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12)

    return np.argsort(-(unit(asked) @ unit(held).T), axis=1, kind="stable")[:, :n]
