"""What in a picture a fitted net's answer rests on: maps as arrays, drawn over the pictures."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import SettingError, did_you_mean
from ..functional import attribution as equations
from ..models.vision.vit import ViT
from .attention import attention_maps
from .style import MUTED, canvas, styled
from .watching import outputs_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WAYS = (
    "saliency",
    "smooth_grad",
    "integrated_gradients",
    "occlusion",
    "cam",
    "grad_cam",
    "grad_cam_plus_plus",
    "lime",
    "rollout",
)
SIGNED = ("occlusion", "integrated_gradients", "lime", "cam")


@dataclass(frozen=True)
class Attribution:
    """Maps (n, height, width) of what each picture's answer rests on.

    `pictures` are as the net was shown them, uint8; `targets` the answers explained, in the user's terms.
    """

    maps: np.ndarray
    pictures: np.ndarray
    targets: list[Any]
    how: str

    def plot(self) -> "Figure":
        """Each picture beside its map laid over it."""
        return overlays(self)


class Looked:
    """A fitted estimator's net and some pictures as it takes them; what all maps start from."""

    def __init__(self, estimator: Any, X: Any) -> None:
        self.net: nn.Module | None = getattr(getattr(estimator, "objective_", None), "model", None)
        if self.net is None or "in_channels" not in getattr(estimator, "facts_", {}):
            raise SettingError(
                "give a fitted classifier or regressor of pictures whose net takes them as such, "
                "such as pn.Classifier('cnn').fit(pictures, y)"
            )
        self.estimator, self.codec = estimator, estimator.codec_
        self.net.eval()
        rows = self.codec.encode(X)
        device = next(self.net.parameters()).device
        taken = {k: t.to(device) for k, t in rows.take(torch.arange(len(rows))).items()}
        self.x: Tensor = self.codec.prepare(taken, estimator.view_)["x"]

    def __call__(self, x: Tensor) -> Tensor:
        """The net's outputs."""
        assert self.net is not None
        return self.net(x)

    def targets(self, target: Any) -> tuple[Tensor, list[Any]]:
        """Which output of each row is explained, and its name; None is the net's own answer, or its likeliest label."""
        classes = getattr(self.estimator.target_, "classes", None)
        names = getattr(self.estimator.target_, "labels", None) if classes is None else classes
        with torch.no_grad():
            outputs = self(self.x)
        if target is None:
            number = (outputs[:, 0] > 0).long() if outputs.shape[1] == 1 and classes is not None else outputs.argmax(1)
        else:
            given = [target] * len(self.x) if np.ndim(target) == 0 else list(target)
            if len(given) != len(self.x):
                raise SettingError(f"target has {len(given)} entries for {len(self.x)} pictures")
            number = torch.tensor([self._number(one, names, outputs.shape[1]) for one in given])
        if classes is None:
            labels = None if names is None else [names[int(k)] for k in number]
            number = torch.ones_like(number) if outputs.shape[1] == 1 else number
            return number.to(self.x.device), labels or [f"output {int(k)}" for k in number]
        return number.to(self.x.device), [classes[int(k)] for k in number]

    @staticmethod
    def _number(name: Any, classes: Any, n_outputs: int) -> int:
        known = list(range(n_outputs)) if classes is None else list(classes)
        if name not in known:
            raise SettingError(f"no answer {name!r}; {did_you_mean(str(name), [str(k) for k in known])}")
        return known.index(name)

    def layer(self, name: str | None) -> nn.Module:
        """The layer of that name; the last one that gives maps where there is none."""
        assert self.net is not None
        if name is not None:
            return named_layer(self.net, name)
        found = [m for m in self.net.modules() if isinstance(m, nn.Conv2d)]
        if not found:
            raise SettingError("this net has no convolution whose maps could be weighed; use 'occlusion' or 'saliency'")
        return found[-1]

    def maps_and_slopes(self, target: Tensor, layer: nn.Module) -> tuple[Tensor, Tensor]:
        """A layer's maps (n, k, h, w), and the target outputs' slopes by them."""
        with outputs_of(layer) as kept, torch.enable_grad():
            scores = equations.target_scores(self(self.x.detach().clone().requires_grad_()), target)
            if kept[-1].ndim != 4:
                raise SettingError(f"that layer gives {tuple(kept[-1].shape)}, no maps (n, channels, h, w)")
            (slopes,) = torch.autograd.grad(scores.sum(), kept[-1])
        return kept[-1].detach(), slopes


def named_layer(net: nn.Module, name: str) -> nn.Module:
    """The part of a net that goes by a name."""
    parts = dict(net.named_modules())
    if name not in parts or not name:
        raise SettingError(f"the net has no layer {name!r}; {did_you_mean(name, [k for k in parts if k])}")
    return parts[name]


def attribute(
    estimator: Any, X: Any, *, how: str = "grad_cam", target: Any = None, layer: str | None = None, seed: int = 0,
    **options: Any,
) -> Attribution:  # fmt: skip
    """Maps of what a fitted net's answers for pictures X rest on.

    Parameters
    ----------
    how : "saliency", "smooth_grad", "integrated_gradients", "occlusion", "cam" (nets that end in a mean over places and
        a dense layer), "grad_cam", "grad_cam_plus_plus", "lime", or "rollout" (nets of patches such as 'vit_ti'): how
        much of each patch reaches the end through all attentions, whatever the answer.
    target : the answer to explain, or the label of several, one for all or one a picture; None explains the net's own.
    layer : whose maps are weighed, by its name in the net; None is the last convolution.
    **options : those of the equation in `functional.attribution`: n_samples, noise, n_steps, patch, stride, n_segments.

    A covered or missing pixel is the mean of the training pictures.

    Systems: occlusion-analysis, grad-cam, class-activation-map
    """
    if how not in WAYS:
        raise SettingError(f"how is one of {', '.join(WAYS)}; {did_you_mean(how, WAYS)}")
    seen = Looked(estimator, X)
    if how == "rollout" and (target is not None or layer is not None or options):
        raise SettingError(
            "how='rollout' multiplies the attentions of all layers, whatever the answer is: leave target, layer and "
            "options out, or use how='saliency' for an answer"
        )
    number, names = seen.targets(target)
    if how == "rollout":
        return Attribution(_rolled(estimator, seen, X), seen.codec.decode(seen.x), names, how)
    try:
        maps = _maps(seen, number, how, layer, torch.Generator().manual_seed(seed), options)
    except TypeError as error:
        raise SettingError(f"how={how!r}: {str(error).split('() ')[-1]}") from None
    return Attribution(maps.double().cpu().numpy(), seen.codec.decode(seen.x), names, how)


def _maps(
    seen: Looked, target: Tensor, how: str, layer: str | None, generator: torch.Generator, options: dict[str, Any]
) -> Tensor:
    size = int(seen.x.shape[2]), int(seen.x.shape[3])
    if how in ("saliency", "smooth_grad"):
        if how == "saliency":
            return equations.input_slope(seen, seen.x, target, **options).abs().amax(1)
        return equations.smooth_slope(seen, seen.x, target, generator=generator, **options).abs().amax(1)
    if how == "integrated_gradients":
        return equations.integrated_gradients(seen, seen.x, target, **options).sum(1)
    if how == "occlusion":
        return equations.occlusion(seen, seen.x, target, **options)
    if how == "lime":
        cells = equations.superpixels(*size, options.pop("n_segments", 36))
        return equations.local_surrogate(seen, seen.x, target, segments=cells, generator=generator, **options)
    chosen = seen.layer(layer)
    maps, slopes = seen.maps_and_slopes(target, chosen)
    if how == "grad_cam_plus_plus":
        return equations.upsampled(equations.grad_cam_plus_plus(maps, slopes, **options), size)
    if how == "grad_cam":
        return equations.upsampled(equations.grad_cam(maps, slopes, **options), size)
    return equations.upsampled(_class_map(seen, target), size)


def _rolled(estimator: Any, seen: Looked, X: Any) -> np.ndarray:
    """How much of each patch reaches what the head is given: the class vector, or the mean of all patches."""
    net: Any = seen.net
    if not isinstance(net, ViT):
        raise SettingError(
            "how='rollout' is of nets that attend to patches, such as 'vit_ti'; use how='grad_cam' for convolutions"
        )
    found = attention_maps(estimator, X, n_rows=len(seen.x))
    (height, width), patch = seen.x.shape[2:], net.patches.patch
    grid = -(-height // patch), -(-width // patch)
    rows = [found.rollout(row=i) for i in range(len(seen.x))]
    shares = np.stack([row[0, 1:] if net.pooling == "class" else row.mean(0) for row in rows])
    maps = torch.from_numpy(shares.reshape(-1, *grid))
    return equations.upsampled(maps, (grid[0] * patch, grid[1] * patch))[:, :height, :width].numpy()


def _class_map(seen: Looked, target: Tensor) -> Tensor:
    """The class activation map, of nets that average the last maps and answer by a dense layer."""
    assert seen.net is not None
    dense = [m for m in seen.net.modules() if isinstance(m, nn.Linear)]
    kept: list[Tensor] = []
    flat: list[Tensor] = []
    hooks = [m.register_forward_hook(lambda _m, _i, output: kept.append(output)) for m in seen.net.modules()]
    hooks += [m.register_forward_pre_hook(lambda _m, given: flat.append(given[0])) for m in dense[-1:]]
    try:
        with torch.no_grad():
            seen(seen.x)
    finally:
        for hook in hooks:
            hook.remove()
    pooled = flat[-1] if flat else None
    for maps in reversed([k for k in kept if isinstance(k, Tensor) and k.ndim == 4]):
        if (
            pooled is not None
            and pooled.shape == maps.shape[:2]
            and torch.allclose(maps.mean((2, 3)), pooled, atol=1e-4)
        ):
            weights = dense[-1].weight
            own = weights[target] if len(weights) > 1 else torch.where(target[:, None] == 1, weights, -weights)
            return equations.class_activation_map(maps, own.detach())
    raise SettingError(
        "how='cam' is of nets whose last dense layer is given the mean of feature maps, such as 'resnet20'; "
        "use how='grad_cam', which any convolutional net has"
    )


@styled
def overlays(found: Attribution, *, n_columns: int = 6) -> "Figure":
    """Pictures in the upper line, the maps over them below; red speaks for the answer, blue against it."""
    n = min(len(found.maps), n_columns)
    figure, axes = canvas(2, n, width=1.5 * n + 0.2, height=3.4, label=f"pictures and their {found.how} maps")
    signed = found.how in SIGNED
    for i in range(n):
        picture, heat = found.pictures[i], found.maps[i]
        most = float(np.abs(heat).max()) or 1.0
        axes[i].imshow(picture, cmap="gray", vmin=0, vmax=255)
        axes[i].set_title(str(found.targets[i]), fontsize=9)
        axes[n + i].imshow(picture, cmap="gray", vmin=0, vmax=255, alpha=0.45)
        low, colours = (-most, "RdBu_r") if signed else (0.0, "Reds")
        axes[n + i].imshow(heat, cmap=colours, vmin=low, vmax=most, alpha=0.65)
    for ax in axes:
        ax.set_axis_off()
    axes[n].set_title(found.how.replace("_", " "), fontsize=8, color=MUTED, fontweight="normal", loc="left")
    return figure
