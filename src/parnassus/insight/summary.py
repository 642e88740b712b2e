"""A net as a table of layers, and as a diagram of boxes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..errors import SettingError
from ..train.randomness import kept_random
from .style import BLUE, INK, MUTED, PAPER, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 40  # boxes that a picture has room for


@dataclass(frozen=True)
class Layer:
    """One leaf module: the shapes of one row that enter and leave it, its weights, and multiply-adds a row."""

    name: str
    kind: str
    detail: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    n_parameters: int
    n_products: int
    again: bool = False


@dataclass(frozen=True)
class Summary:
    """What `pn.summary` finds; printed, it is a table.

    Attributes
    ----------
    layers : one `Layer` a leaf module, in the order of the forward pass.
    n_parameters, n_trained : weights in all, and those that training moves; a layer that runs twice counts once.
    """

    name: str
    layers: Sequence[Layer]
    n_parameters: int
    n_trained: int

    def __str__(self) -> str:
        total = sum(layer.n_products for layer in self.layers) or 1
        rows = [["layer", "kind", "output", "weights", "products", "share"]]
        rows += [
            [
                layer.name,
                f"{layer.kind}({layer.detail})" if layer.detail else layer.kind,
                " x ".join(map(str, layer.outputs)) or "1",
                f"{layer.n_parameters:,}" + (" (again)" if layer.again else ""),
                f"{layer.n_products:,}",
                f"{layer.n_products / total:.0%}",
            ]
            for layer in self.layers
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(6)]
        lines = (
            "  ".join(f"{c:{s}{w}}" for c, s, w in zip(row, "<<>>>>", widths, strict=True)).rstrip() for row in rows
        )
        fixed = f", {self.n_parameters - self.n_trained:,} of them fixed" if self.n_trained < self.n_parameters else ""
        products = sum(layer.n_products for layer in self.layers)
        return "\n".join([f"{self.name}: {self.n_parameters:,} weights{fixed}, {products:,} products a row", *lines])

    def draw(self) -> "Figure":
        """The layers as boxes from the top down, with what flows between them."""
        return draw_summary(self)


def summarize(module: nn.Module, run: Callable[[], Any], *, name: str = "") -> Summary:
    """The layers that `run()` goes through, which calls the module on one batch; the module is left as it is.

    Systems: model-summary-diagram
    Source: Baker A009, Martinez-Ramon 1.3.1 and G11, Keras course K80. Products are multiply-adds of dense layers,
    convolutions and recurrent layers; other layers count none.
    """
    seen: list[Layer] = []
    modes = {part: part.training for part in module.modules()}
    leaves = [(label, part) for label, part in module.named_modules() if not list(part.children())]
    handles = [part.register_forward_hook(_noting(seen, label or type(part).__name__)) for label, part in leaves]
    try:
        with torch.no_grad(), kept_random(torch.device("cpu")):
            module.eval()
            run()
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise SettingError(f"{type(module).__name__} does not take these inputs: {error}") from error
    finally:
        for part, training in modes.items():
            part.training = training
        for handle in handles:
            handle.remove()
    parameters = list(module.parameters())
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    return Summary(name or type(module).__name__, seen, sum(p.numel() for p in parameters), trained)


def _noting(seen: list[Layer], label: str) -> Callable[[nn.Module, tuple, Any], None]:
    def note(part: nn.Module, given: tuple, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) else output
        if not isinstance(first, Tensor):
            return
        entered = tuple(given[0].shape[1:]) if given and isinstance(given[0], Tensor) else ()
        left, own = tuple(first.shape[1:]), sum(p.numel() for p in part.parameters())
        again = any(layer.name == label for layer in seen)
        seen.append(
            Layer(
                label, type(part).__name__, detail_of(part), entered, left, own, products_of(part, entered, left), again
            )
        )

    return note


def products_of(part: nn.Module, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> int:
    """Multiply-adds of one row."""
    places = int(torch.tensor(outputs).prod()) if outputs else 1
    if isinstance(part, nn.Linear):
        return places * part.in_features
    if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return places * part.weight[0].numel()
    if isinstance(part, nn.RNNBase):
        steps = inputs[0] if len(inputs) > 1 else 1
        return steps * sum(p.numel() for n, p in part.named_parameters() if n.startswith("weight"))
    return 0


def detail_of(part: nn.Module) -> str:
    """What a reader wants to know of a layer beside its shapes."""
    if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        kernel = "x".join(map(str, part.kernel_size))
        return kernel if set(part.stride) == {1} else f"{kernel}, stride {part.stride[0]}"
    if isinstance(part, nn.Dropout):
        return f"{part.p:g}"
    return ""


@styled
def draw_summary(summary: Summary) -> "Figure":
    """Boxes from the top down; beyond 40 layers the middle is left out."""
    layers: list[Layer | None] = list(summary.layers)
    if len(layers) > SHOWN:
        layers = [*layers[: SHOWN // 2], None, *layers[-SHOWN // 2 :]]
    figure, (ax,) = canvas(width=4.6, height=0.62 * (len(layers) + 1), label=f"The layers of {summary.name}")
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(-len(layers) - 0.4, 0.8)
    ax.set_title(summary.name)
    first = summary.layers[0].inputs if summary.layers else ()
    ax.text(0.5, 0.45, " x ".join(map(str, first)), ha="center", color=MUTED)
    for i, layer in enumerate(layers):
        ax.annotate("", (0.5, -i - 0.02), (0.5, -i + 0.35), arrowprops={"arrowstyle": "-|>", "color": MUTED})
        if layer is None:
            ax.text(0.5, -i - 0.3, f"{len(summary.layers) - SHOWN} more layers", ha="center", color=MUTED)
            continue
        box = {"boxstyle": "round,pad=0.35", "facecolor": PAPER, "edgecolor": BLUE if layer.n_parameters else MUTED}
        words = f"{layer.kind}({layer.detail})" if layer.detail else layer.kind
        weights = f"  {layer.n_parameters:,}" if layer.n_parameters else ""
        ax.text(0.5, -i - 0.3, words + weights, ha="center", va="center", color=INK, bbox=box)
        ax.text(0.98, -i - 0.3, " x ".join(map(str, layer.outputs)), ha="right", va="center", color=MUTED, fontsize=8.5)
    return figure
