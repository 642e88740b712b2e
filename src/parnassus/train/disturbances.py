"""What changes a training batch and nothing else: noise on inputs and answers, blended rows, pictures with holes."""

import torch
from torch import Tensor

from ..data.rows import Batch
from ..errors import SettingError
from ..functional.regularization import cut_out, mixed
from ..registry import regularizer
from .phase import Objective
from .regularizers import Regularizer


class InputNoise(Regularizer):
    """x + N(0, scale^2)."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def batch(self, batch: Batch) -> Batch:
        x = numbers_in("input_noise", batch)
        return batch | {"x": x + torch.randn_like(x) * self.scale}


class LabelNoise(Regularizer):
    """With probability `rate` a label becomes another one, drawn evenly."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._kind, self._n_classes = "", 0

    def attach(self, objective: Objective) -> None:
        self._kind, self._n_classes = answers_of(objective)
        if self._kind not in ("labels", "binary", "multilabel"):
            raise SettingError(
                "regularizer 'label_noise' is for classes, and these targets are numbers; choose 'output_noise'"
            )

    def batch(self, batch: Batch) -> Batch:
        y = batch["y"]
        flipped = torch.rand(y.shape, device=y.device) < self.rate
        if self._kind != "labels":
            return batch | {"y": torch.where(flipped, 1 - y, y)}
        flipped &= y >= 0
        other = (y + torch.randint(1, max(self._n_classes, 2), y.shape, device=y.device)) % max(self._n_classes, 1)
        return batch | {"y": torch.where(flipped, other, y)}


class OutputNoise(Regularizer):
    """y + N(0, scale^2), of numbers as they are learnt."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def attach(self, objective: Objective) -> None:
        if answers_of(objective)[0] != "numbers":
            raise SettingError(
                "regularizer 'output_noise' is for numbers, and these targets are classes; choose 'label_noise'"
            )

    def batch(self, batch: Batch) -> Batch:
        y = batch["y"]
        return batch | {"y": y + torch.randn_like(y) * self.scale}


class Mixup(Regularizer):
    """Rows x become mix x + (1 - mix) x_other with one mix ~ Beta(alpha, alpha) a batch; the losses are mixed likewise.

    The batch gains `y_other`, `mix`, and `weight_other` where rows have weights.
    """

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    def attach(self, objective: Objective) -> None:
        answers_of(objective)

    def batch(self, batch: Batch) -> Batch:
        x = numbers_in("mixup", batch)
        mix, other = beta(self.alpha, x), torch.randperm(len(x), device=x.device)
        return blended(batch, mixed(x, x[other], mix), other, mix)


class CutMix(Regularizer):
    """A rectangle of another picture covers a share 1 - mix of each, mix ~ Beta(alpha, alpha); losses blend by area.

    The rectangle has the picture's proportions and a centre drawn evenly; what stands out is cut, and the share is
    that of what is left. One rectangle a batch. Where answers are maps, of a class a pixel, those inside the rectangle
    go with their pixels, and no loss blends.
    """

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    def attach(self, objective: Objective) -> None:
        answers_of(objective)

    def batch(self, batch: Batch) -> Batch:
        x = pictures_in("cutmix", batch)
        extent = x.new_tensor(x.shape[-2:])
        half = extent * (1 - beta(self.alpha, x)).sqrt() / 2
        centre = torch.rand(2, device=x.device) * extent
        low, high = (centre - half).round().clamp(min=0), (centre + half).round().minimum(extent)
        rows, columns = (torch.arange(n, device=x.device) for n in x.shape[-2:])
        inside = ((rows >= low[0]) & (rows < high[0]))[:, None] & ((columns >= low[1]) & (columns < high[1]))
        other, mix = torch.randperm(len(x), device=x.device), 1 - inside.to(x.dtype).mean()
        pasted = torch.where(inside, x[other], x)
        y = batch["y"]
        if y.shape[1:] != x.shape[2:]:
            return blended(batch, pasted, other, mix)
        batch = batch | {"x": pasted, "y": torch.where(inside, y[other], y)}
        weight = batch.get("weight")
        return batch if weight is None else batch | {"weight": mixed(weight, weight[other], mix)}


class Cutout(Regularizer):
    """A square of each picture, somewhere, becomes the mean pixel, which is 0 as pictures are prepared."""

    def __init__(self, size: int) -> None:
        self.size = size

    def batch(self, batch: Batch) -> Batch:
        x = pictures_in("cutout", batch)
        if self.size >= min(x.shape[-2:]):
            raise SettingError(f"regularizer 'cutout': a square of {self.size} hides pictures of {tuple(x.shape[-2:])}")
        height, width = x.shape[-2:]
        rows = torch.randint(height, (len(x),), device=x.device)
        columns = torch.randint(width, (len(x),), device=x.device)
        return batch | {"x": cut_out(x, torch.stack([rows, columns], 1), size=self.size)}


def numbers_in(name: str, batch: Batch) -> Tensor:
    """x of a batch, which must be numbers in one shape."""
    x = batch["x"]
    if not x.is_floating_point() or "columns" in batch or "lengths" in batch:
        raise SettingError(
            f"regularizer {name!r} works on rows of numbers, and this model takes ids or rows of several lengths; "
            f"choose a model or view of vectors or pictures"
        )
    return x


def pictures_in(name: str, batch: Batch) -> Tensor:
    """x of a batch, which must be pictures."""
    x = batch["x"]
    if x.ndim != 4:
        raise SettingError(
            f"regularizer {name!r} is for pictures (batch, channels, height, width), and this model takes x of "
            f"shape {tuple(x.shape)}; choose a model of pictures such as 'cnn'"
        )
    return x


def beta(alpha: float, like: Tensor) -> Tensor:
    """A draw from Beta(alpha, alpha), ()."""
    draws = torch._standard_gamma(like.new_full((2,), alpha))
    return draws[0] / draws.sum().clamp(min=torch.finfo(like.dtype).tiny)


def blended(batch: Batch, x: Tensor, other: Tensor, mix: Tensor) -> Batch:
    """The batch with blended inputs, and what it takes to blend the losses: mix of its own rows', the rest others'."""
    more = {"x": x, "y_other": batch["y"][other], "mix": mix}
    return batch | more | ({"weight_other": batch["weight"][other]} if "weight" in batch else {})


def answers_of(objective: Objective) -> tuple[str, int]:
    """The kind of target that an objective has, and how many outputs it takes; only supervised ones have one."""
    kind = getattr(objective, "kind", None)
    if kind is None:
        raise SettingError(
            f"this regularizer works on answers of which each row has one, and {type(objective).__name__} has others, "
            "or none; leave it out (of pictures 'cutout' and augment= know boxes and keypoints)"
        )
    return kind, getattr(objective, "n_outputs", None) or 0


@regularizer.register()
def input_noise(*, scale: float = 0.1) -> Regularizer:
    """Gaussian noise of this standard deviation on inputs, as the codec prepares them (standardised numbers, pixels).

    For a linear unit under squared error it is, in the mean, ridge: it adds scale^2 sum w^2 to the loss.

    Systems: input-noise
    Source: Bishop 1995; Hifny A14.14 (eq. 14.26), Jaiswal J45.
    """
    return InputNoise(_positive("input_noise", "scale", scale))


@regularizer.register()
def label_noise(*, rate: float = 0.1) -> Regularizer:
    """A label becomes another one with this probability, so that no label is believed too much.

    Systems: label-smoothing
    Source: Xie et al. 2016; Jaiswal J46.
    """
    return LabelNoise(_rate("label_noise", rate))


@regularizer.register()
def output_noise(*, scale: float = 0.1) -> Regularizer:
    """Gaussian noise on targets that are numbers, of this standard deviation in units of their own spread.

    Systems: weight-gradient-noise
    Source: Jaiswal J47.
    """
    return OutputNoise(_positive("output_noise", "scale", scale))


@regularizer.register()
def mixup(*, alpha: float = 0.2) -> Regularizer:
    """Training rows are blends of two, with the two losses blended by the same share, drawn from Beta(alpha, alpha).

    Source: Zhang et al. 2018.
    """
    return Mixup(_positive("mixup", "alpha", alpha))


@regularizer.register()
def cutout(*, size: int = 8) -> Regularizer:
    """A square of this many pixels a side is blanked in every training picture, at a random place.

    Source: DeVries and Taylor 2017.
    """
    if size < 1:
        raise SettingError(f"regularizer 'cutout': size is at least 1 pixel; got {size!r}")
    return Cutout(size)


@regularizer.register()
def cutmix(*, alpha: float = 1.0) -> Regularizer:
    """A rectangle of each training picture comes from another one, and the two losses are blended by their areas.

    The share that stays is drawn from Beta(alpha, alpha).

    Source: Yun et al. 2019.
    """
    return CutMix(_positive("cutmix", "alpha", alpha))


def _positive(name: str, option: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise SettingError(f"regularizer {name!r}: {option} is a positive number; got {value!r}")
    return float(value)


def _rate(name: str, rate: float) -> float:
    if not 0 < rate < 1:
        raise SettingError(f"regularizer {name!r}: rate is a probability between 0 and 1; got {rate!r}")
    return float(rate)
