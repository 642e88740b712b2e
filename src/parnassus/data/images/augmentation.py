"""Random changes of training pictures by named settings: drawn for each picture, done on whole batches."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from ...errors import SettingError, did_you_mean
from ...functional.augmentation import colour, distortion, geometry, tones

PRESETS: dict[str, dict[str, Any]] = {
    "shift-flip": {"shift": 0.125, "flip": True},
    "light": {"shift": 0.1, "rotate": 10, "zoom": 0.1},
    "strong": {"shift": 0.1, "rotate": 15, "zoom": 0.2, "shear": 10, "brightness": 0.3, "contrast": 0.3, "erase": 0.3},
}


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What may happen to a training picture; everything is off unless asked for.

    Moves are drawn for each picture and done as one resampling; then come colours, tones, blur and noise. Nothing
    happens to the pictures that a model is validated, tested or used on.

    Parameters
    ----------
    flip, flip_vertical : True mirrors half of the pictures.
    flip_pairs : which keypoints change places when their picture is mirrored, pairs of numbers or names such as
        [("left_eye", "right_eye"), (3, 4)]; [] where none do, None where their names (left_eye, right_eye) say it.
    rotate : degrees; turns by up to as many to either side.
    shift : share of the height and width by which pictures move, at most; 0.125 of 32 pixels is the usual 4. By whole
        pixels, where nothing else moves them but flips.
    zoom : 0.2 draws sizes from 1 / 1.2 to 1.2, evenly in their logarithm.
    shear : degrees by which upright lines lean, at most.
    perspective : share of the height and width by which corners wander inwards, at most.
    crop : the least share of the area that a random part, then stretched to the whole, keeps: 0.08 in Inception; its
        proportions are drawn from 3:4 to 4:3. None takes the whole picture.
    jaccard_crop : how often a picture with boxes is cut to a random part that overlaps one of them by 0.1 to 0.9.
    fill : what lies outside the picture: "zeros" (black), "border" or "reflect".
    brightness, contrast, saturation : 0.4 draws a factor from 0.6 to 1.4; 0 < strength <= 1.
    hue : share of the colour wheel by which colours turn, at most 0.5.
    pca : standard deviation of the shifts along the principal axes of the training pictures' colours (0.1 in AlexNet).
    elastic, elastic_sigma : height of Simard's distortion, and its smoothness, in pixels; 36 and 5 distort a digit of
        28 x 28 strongly.
    blur : largest sigma in pixels.
    noise : standard deviation of Gaussian noise on pixels from 0 to 1.
    erase : how often a random rectangle of 2 to 33 % of a picture turns to noise.
    randaugment : how many of RandAugment's fourteen operations each picture goes through, of strength `magnitude`
        (0 to 10).

    Systems: data-augmentation, geometric-augmentation, colour-augmentation
    Source: Hifny A14.15, Baker A093 to A096 (its note that scale changes belong on test cases alone is wrong),
    Jaiswal J57; Cubuk et al. 2020 (RandAugment), Zhong et al. 2020 (erasing).
    """

    flip: bool = False
    flip_vertical: bool = False
    flip_pairs: Any = None
    rotate: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    perspective: float = 0.0
    crop: float | None = None
    jaccard_crop: float = 0.0
    fill: str = "zeros"
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    pca: float = 0.0
    elastic: float = 0.0
    elastic_sigma: float = 5.0
    blur: float = 0.0
    noise: float = 0.0
    erase: float = 0.0
    randaugment: int = 0
    magnitude: float = 9.0

    def __post_init__(self) -> None:
        for name, highest in LIMITS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= highest:
                raise SettingError(f"augment: {name} is a number from 0 to {highest:g}; got {value!r}")
        for name in ("flip", "flip_vertical"):
            if not isinstance(getattr(self, name), bool):
                raise SettingError(f"augment: {name} is True or False; got {getattr(self, name)!r}")
        if self.flip_pairs is not None:
            object.__setattr__(self, "flip_pairs", all_pairs(self.flip_pairs))
        if int(self.randaugment) != self.randaugment:
            raise SettingError(f"augment: randaugment counts operations, a whole number; got {self.randaugment!r}")
        if self.crop is not None and not 0 < self.crop <= 1:
            raise SettingError(f"augment: crop is a share of the area, above 0 and at most 1; got {self.crop!r}")
        if self.fill not in geometry.FILLS:
            raise SettingError(f"augment: fill={self.fill!r}; {did_you_mean(self.fill, geometry.FILLS)}")
        if self.elastic and self.elastic_sigma <= 0:
            raise SettingError(f"augment: elastic_sigma is above 0; got {self.elastic_sigma!r}")

    def settings(self) -> dict[str, Any]:
        """What `augmentation` makes this of: the settings that are not as they come, JSON values."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        told["flip_pairs"] = None if self.flip_pairs is None else [list(pair) for pair in self.flip_pairs]
        return {name: value for name, value in told.items() if value != getattr(STILL, name)}

    @property
    def moves(self) -> bool:
        """Whether positions change."""
        turned = self.flip or self.flip_vertical or self.crop is not None
        drawn = (self.rotate, self.shift, self.zoom, self.shear, self.perspective, self.elastic, self.jaccard_crop)
        return turned or any(drawn)

    @property
    def resamples(self) -> bool:
        """Whether pixels come to lie between others: by anything else than flips and shifts."""
        drawn = (self.rotate, self.zoom, self.shear, self.perspective, self.elastic, self.jaccard_crop)
        return self.crop is not None or any(drawn)

    def copies(self, size: tuple[int, int]) -> bool:
        """Whether pictures of (height, width) are but flipped and shifted by whole pixels, and may stay bytes."""
        rest = replace(
            self, flip=False, flip_vertical=False, flip_pairs=None, shift=0.0, elastic_sigma=5.0, magnitude=9.0
        )
        return rest == STILL and (not self.shift or self.shift * min(size) >= 1)

    def matrices(self, n: int, size: tuple[int, int], device: torch.device) -> Tensor:
        """One drawn move for each of n pictures of (height, width), (n, 3, 3); see `functional.augmentation`."""
        height, width = size
        extent = torch.tensor([width, height], dtype=torch.float32, device=device)
        matrix = geometry.affine(
            size=size,
            angle=torch.deg2rad(either(n, self.rotate, device)),
            zoom=torch.exp(either(n, 1.0, device) * torch.log1p(torch.tensor(self.zoom, device=device))),
            shift=self._shifts(n, extent),
            shear=torch.deg2rad(either(n, self.shear, device)),
        )
        if self.crop is not None:
            matrix = matrix @ geometry.crop(crops(n, size, self.crop, device), size=size)
        if self.perspective:
            corners = extent * torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1]], device=device)
            inwards = torch.tensor([[1.0, 1], [-1, 1], [-1, -1], [1, -1]], device=device) * extent * self.perspective
            wandered = corners + torch.rand(n, 4, 2, device=device) * inwards
            matrix = geometry.perspective(corners.expand(n, 4, 2), wandered) @ matrix
        for asked, vertical in ((self.flip, False), (self.flip_vertical, True)):
            if asked:
                flipped = torch.rand(n, device=device) < 0.5
                matrix = matrix @ geometry.mirror(flipped, size=size, vertical=vertical)
        return matrix

    def _shifts(self, n: int, extent: Tensor) -> Tensor:
        """(n, 2) pixels to the right and down: whole ones where nothing but flips moves pictures besides."""
        unit = torch.stack([either(n, 1.0, extent.device), either(n, 1.0, extent.device)], 1)
        most = self.shift * extent
        if self.resamples or bool((most.cpu() < 1).any()):
            return unit * most
        return (((unit + 1) / 2 * (2 * most.floor() + 1)).floor() - most.floor()).clamp(max=most.floor())

    def __call__(self, x: Tensor, *, axes: Tensor | None = None) -> Tensor:
        """Changed pictures (batch, channels, height, width), values from 0 to 1; bytes on the CPU where it `copies`.

        Draws from the device's default generator, which the trainer seeds for each step. `axes` are the principal
        axes of colours that `pca` needs.
        """
        if self.jaccard_crop:
            raise SettingError("augment: jaccard_crop cuts around boxes, and these pictures have none; leave it out")
        if self.moves:
            matrix = self.matrices(len(x), (x.shape[2], x.shape[3]), x.device)
            x = geometry.warp(x, matrix, displacement=self.field(x), fill=self.fill)
        return self.recoloured(x, axes=axes)[0]

    def recoloured(self, x: Tensor, *, axes: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """The same pictures with other colours, tones, blur and noise; and the moves among RandAugment's operations.

        The moves are matrices (batch, 3, 3), one an operation and in their order: between two of them, what was moved
        out of the picture is lost.
        """
        for name in ("brightness", "contrast", "saturation"):
            if getattr(self, name):
                x = getattr(colour, name)(x, 1 + either(len(x), getattr(self, name), x.device))
        if self.hue:
            x = colour.hue(x, either(len(x), self.hue, x.device))
        if self.pca and axes is not None:
            x = colour.pca_shift(x, axes, torch.randn(len(x), len(axes), device=x.device) * self.pca)
        moves = []
        for _ in range(self.randaugment):
            x, matrix = one_of_fourteen(x, self.magnitude / 10)
            moves.append(matrix)
        if self.blur:
            x = distortion.blur(x, max(self.blur * float(torch.rand((), device=x.device)), 0.1))
        if self.noise:
            x = (x + torch.randn_like(x) * self.noise).clamp(0, 1)
        return (erased(x, self.erase) if self.erase else x), moves

    def field(self, x: Tensor) -> Tensor | None:
        """The elastic displacement of pictures (batch, height, width, 2), in pixels; None where none is asked for."""
        if not self.elastic:
            return None
        size = (x.shape[2], x.shape[3])
        return distortion.elastic_field(len(x), size, alpha=self.elastic, sigma=self.elastic_sigma, like=x)


LIMITS = {
    "rotate": 180,
    "shift": 1,
    "zoom": 10,
    "shear": 80,
    "perspective": 0.45,
    "jaccard_crop": 1,
    "brightness": 1,
    "contrast": 1,
    "saturation": 1,
    "hue": 0.5,
    "pca": 10,
    "elastic": 1000,
    "elastic_sigma": 100,
    "blur": 20,
    "noise": 1,
    "erase": 1,
    "randaugment": 14,
    "magnitude": 10,
}
STILL = Augmentation()


def augmentation(given: str | Mapping[str, Any] | None) -> Augmentation | None:
    """What a name of `PRESETS` or a mapping from settings to strengths asks for; None asks for nothing."""
    if given is None:
        return None
    if isinstance(given, str):
        if given not in PRESETS:
            raise SettingError(f"augment={given!r}; {did_you_mean(given, PRESETS)}")
        return Augmentation(**PRESETS[given])
    if not isinstance(given, Mapping):
        raise SettingError(
            f"augment is one of {', '.join(PRESETS)}, or settings such as {{'flip': True, 'rotate': 10}}; got {given!r}"
        )
    known = [field.name for field in fields(Augmentation)]
    for name in given:
        if name not in known:
            if name in ("cutout", "mixup", "cutmix"):
                raise SettingError(f"augment has no setting {name!r}, which is a regularizer: regularizers={name!r}")
            raise SettingError(f"augment has no setting {name!r}; {did_you_mean(str(name), known)}")
    return Augmentation(**given)


def all_pairs(given: Any) -> tuple[tuple[Any, Any], ...]:
    """Pairs of two things each, numbers from 0 or names; whatever else is given is refused."""
    listed = isinstance(given, list | tuple)
    for pair in given if listed else [given]:
        two = listed and isinstance(pair, list | tuple) and len(pair) == 2 and pair[0] != pair[1]
        if not two or any(not isinstance(i, str) and (type(i) is not int or i < 0) for i in pair):
            raise SettingError(
                f"augment: flip_pairs are pairs of keypoints by number or name, such as [(1, 2), (3, 4)]; got {given!r}"
            )
    return tuple((one, other) for one, other in given)


def either(n: int, most: float, device: torch.device) -> Tensor:
    """n draws from [-most, most]."""
    return (torch.rand(n, device=device) * 2 - 1) * most


def crops(n: int, size: tuple[int, int], least: float, device: torch.device) -> Tensor:
    """n boxes (n, 4) of a share from `least` to 1 of the area, proportions 3:4 to 4:3, that lie inside the picture."""
    height, width = size
    area = (least + (1 - least) * torch.rand(n, device=device)) * height * width
    proportions = torch.exp(either(n, 1.0, device) * torch.log(torch.tensor(4 / 3, device=device)))
    extent = torch.stack(
        [(area * proportions).sqrt().clamp(max=width), (area / proportions).sqrt().clamp(max=height)], 1
    )
    low = torch.rand(n, 2, device=device) * (extent.new_tensor([width, height]) - extent)
    return torch.cat([low, low + extent], 1)


def erased(x: Tensor, often: float) -> Tensor:
    """Pictures of which a share `often` has a rectangle of noise; areas 2 to 33 %, proportions 3:10 to 10:3."""
    n, _, height, width = x.shape
    area = (0.02 + 0.31 * torch.rand(n, device=x.device)) * height * width
    proportions = torch.exp(either(n, 1.0, x.device) * torch.log(torch.tensor(10 / 3, device=x.device)))
    extent = torch.stack([(area * proportions).sqrt(), (area / proportions).sqrt()], 1)
    low = torch.rand(n, 2, device=x.device) * (extent.new_tensor([width, height]) - extent).clamp(min=0)
    at = geometry.positions(height, width, device=x.device)[..., :2]
    inside = ((at >= low[:, None, None]) & (at < (low + extent)[:, None, None])).all(-1)
    chosen = torch.rand(n, device=x.device) < often
    return torch.where((inside & chosen[:, None, None])[:, None], torch.rand_like(x), x)


def one_of_fourteen(x: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Each picture through one operation of RandAugment, drawn evenly, and how it moved (batch, 3, 3).

    The strength runs from 0 to 1.
    """
    drawn = torch.randint(len(OPERATIONS), (len(x),), device=x.device)
    x, matrix = x.clone(), torch.eye(3, device=x.device).repeat(len(x), 1, 1)
    for i, operation in enumerate(OPERATIONS):
        rows = (drawn == i).nonzero()[:, 0]
        if len(rows):
            x[rows], moved = operation(x[rows], strength)
            matrix[rows] = matrix[rows] if moved is None else moved
    return x, matrix


Operation = Callable[[Tensor, float], tuple[Tensor, Tensor | None]]


def _sign(x: Tensor) -> Tensor:
    return torch.randint(2, (len(x),), device=x.device) * 2.0 - 1


def _tone(change: Callable[[Tensor, float], Tensor]) -> Operation:
    return lambda x, strength: (change(x, strength), None)


def _move(drawn: Callable[[Tensor, float], dict[str, Tensor]], *, sideways: bool = False) -> Operation:
    """An operation that moves pictures by what is drawn; `sideways` with height and width in each other's place."""

    def moved(x: Tensor, strength: float) -> tuple[Tensor, Tensor | None]:
        zero, size = x.new_zeros(len(x)), (x.shape[2], x.shape[3])
        still = {"angle": zero, "zoom": zero + 1, "shift": x.new_zeros(len(x), 2), "shear": zero}
        matrix = geometry.affine(size=size[::-1] if sideways else size, **(still | drawn(x, strength)))
        turn = [1, 0, 2]
        matrix = matrix[:, turn][:, :, turn] if sideways else matrix
        return geometry.warp(x, matrix), matrix

    return moved


def _turning(x: Tensor, strength: float) -> dict[str, Tensor]:
    """Turned by up to 30 degrees."""
    return {"angle": torch.deg2rad(30 * strength * _sign(x))}


def _leaning(x: Tensor, strength: float) -> dict[str, Tensor]:
    """Upright lines lean, by up to 0.3 of the height; sideways, level ones slope by up to 0.3 of the width."""
    return {"shear": torch.atan(0.3 * strength * _sign(x))}


def _shifted(axis: int) -> Callable[[Tensor, float], dict[str, Tensor]]:
    def shifted(x: Tensor, strength: float) -> dict[str, Tensor]:
        """Moved along one axis by up to 0.45 of the extent."""
        shift = x.new_zeros(len(x), 2)
        shift[:, axis] = 0.45 * strength * x.shape[3 - axis] * _sign(x)
        return {"shift": shift}

    return shifted


def _factor(change: Callable[[Tensor, Tensor], Tensor]) -> Operation:
    """By a factor of 1 plus or minus up to 0.9."""
    return _tone(lambda x, strength: change(x, 1 + 0.9 * strength * _sign(x)))


OPERATIONS: list[Operation] = [
    _tone(lambda x, strength: x),
    _tone(lambda x, strength: tones.autocontrast(x)),
    _tone(lambda x, strength: tones.equalize(x)),
    _move(_turning),
    _tone(lambda x, strength: tones.solarize(x, x.new_full((len(x),), 1 - strength))),
    _tone(lambda x, strength: tones.posterize(x, 8 - round(4 * strength))),
    _factor(colour.saturation),
    _factor(colour.contrast),
    _factor(colour.brightness),
    _factor(tones.sharpness),
    _move(_leaning),
    _move(_leaning, sideways=True),
    _move(_shifted(0)),
    _move(_shifted(1)),
]
