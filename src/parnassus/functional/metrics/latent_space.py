"""How even a generator's latent space is: steps along paths, and attributes on either side of a plane."""

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError, SettingError
from ...imports import imported
from .rows import Rows, tensor
from .segmentation import MapScores, map_scores, pixel_confusion

Path = Literal["spherical", "straight"]
LEAST = 0.1  # the smallest step over which whole numbers are measured: rounding counts 1 / step times


def between(a: Tensor, b: Tensor, share: Tensor, path: Path = "spherical") -> Tensor:
    """Latents `share` (n,) of the way from a to b (n, d): on the great circle through both, or on the straight line.

    The spherical way goes between the directions and keeps unit length, as the published measure does.

    >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    >>> between(a, b, torch.tensor([0.5]))
    tensor([[0.7071, 0.7071]])
    """
    t = share[:, None]
    if path == "straight":
        return a + t * (b - a)
    if path != "spherical":
        raise SettingError(f"path is 'spherical' or 'straight'; got {path!r}")
    a, b = a / a.norm(dim=1, keepdim=True), b / b.norm(dim=1, keepdim=True)
    cosine = (a * b).sum(1, keepdim=True)
    aside = b - cosine * a
    aside = aside / aside.norm(dim=1, keepdim=True).clamp(min=1e-12)
    angle = t * cosine.clamp(-1, 1).arccos()
    return a * angle.cos() + aside * angle.sin()


def perceptual_path_length(
    make: Callable[[Tensor], Rows],
    a: Rows,
    b: Rows,
    *,
    features: Callable[[Any], Rows] | None = None,
    path: Path = "spherical",
    step: float = 1e-4,
    seed: int = 0,
) -> float:
    """The mean squared speed of features while the latent moves from a to b: small where pictures change evenly.

        l = E[ |f(G(z(t + step))) - f(G(z(t)))|^2 / step^2 ],   t uniform in (0, 1)

    `make` is the generator, `features` what a perceptual net says of its pictures (n, ...); None takes the pixels. The
    published f is VGG16's with fitted weights: name the features beside the number. z goes on the sphere for
    normal noise, "straight" for what a mapping net gives. float64 is needed for steps as small as the published one.

    The sphere has radius 1: nets such as "stylegan" and "progan" scale their noise themselves. One that does not, such
    as "dcgan", knows noise of length about sqrt(d) only: give it `lambda z: net(math.sqrt(d) * z)`. Of a fitted
    `Generator` the net is `lambda z: generator.objective_.rows_of(z, None)`, whose pictures are not rounded to bytes.

    Raises
    ------
    DataError : latents of two shapes, or of zeros, pictures that hold NaN, or that are whole numbers (bytes) at a step
        below 0.1, over which rounding is all that is seen.

    Systems: perceptual-path-length
    Source: Karras, Laine and Aila 2019, eqs 2 and 3; Martinez-Ramon 8.8.1, without a formula.

    >>> a, b = torch.zeros(3, 2, dtype=torch.float64), torch.full((3, 2), 2.0, dtype=torch.float64)
    >>> round(perceptual_path_length(lambda z: 3 * z, a, b, path="straight"), 4)
    72.0
    """
    a, b = tensor(a), tensor(b)
    if a.shape != b.shape or a.ndim != 2 or not len(a):
        raise DataError(f"latents are two of (n, d); got {tuple(a.shape)} and {tuple(b.shape)}")
    if not 0 < step < 1:
        raise SettingError(f"step is a share of the path in (0, 1); got {step}")
    told = features if features is not None else (lambda x: x)
    first, last = (t if t.is_floating_point() else t.double() for t in (a, b))
    share = torch.rand(len(a), generator=torch.Generator().manual_seed(seed), dtype=first.dtype).to(a.device)
    with torch.no_grad():
        made = [make(between(first, last, at, path)) for at in (share, share + step)]
        if step < LEAST and not tensor(made[0]).is_floating_point():
            raise DataError(f"pictures are whole numbers, which a step of {step:g} shows by their rounding alone; let "
                            f"make give them as they are before, or take step={LEAST}")  # fmt: skip
        here, there = (tensor(told(x)).flatten(1).double() for x in made)
    length = float(((there - here) / step).square().sum(1).mean())
    if not math.isfinite(length):
        raise DataError("latents, pictures or features hold NaN, or a latent of zeros, which has no place on a sphere")
    return length


def conditional_entropy(counts: Tensor) -> float:
    """H(Y | X) in nats of counts (values of X, values of Y).

    >>> round(conditional_entropy(torch.tensor([[5, 5], [3, 3]])), 6)
    0.693147
    """
    p = counts.double() / counts.sum()
    return max(float(torch.special.xlogy(p.sum(1), p.sum(1)).sum() - torch.special.xlogy(p, p).sum()), 0.0)


def linear_separability(latents: Rows, labels: Rows, confidence: Rows | None = None) -> float:
    """exp of the summed entropies, in nats, of attributes given the side of a plane: 1 where planes part all of them.

        exp sum_i H(Y_i | X_i),   X_i the side of a linear SVM's plane through the latents, Y_i what a classifier says

    Parameters
    ----------
    latents : (n, d), standardised here; labels : 0 or 1 of each attribute (n, k), said of the pictures made of them.
    confidence : how sure the classifier is of each (n, k); the surer half counts. None counts all.

    Systems: latent-linear-separability
    Source: Karras, Laine and Aila 2019, section 4.2, with 40 attributes; Martinez-Ramon 8.8.1.

    >>> z = torch.linspace(-1, 1, 40)[:, None]
    >>> round(linear_separability(z, (z > 0).long()), 6)
    1.0
    """
    imported("sklearn.svm")
    from sklearn.svm import LinearSVC

    z, said = tensor(latents).double(), tensor(labels)
    sure = None if confidence is None else tensor(confidence)
    if z.ndim != 2 or said.ndim not in (1, 2) or len(z) != len(said) or (sure is not None and sure.shape != said.shape):
        raise DataError(f"latents {tuple(z.shape)} and labels {tuple(said.shape)} are to be of the same rows")
    if len(z) < 2 or not z.isfinite().all():
        raise DataError(f"latents are two rows at least, without NaN or infinite numbers; got {tuple(z.shape)}")
    y = said.reshape(len(z), -1)
    if not bool(((y == 0) | (y == 1)).all()):
        raise DataError(f"labels are 0 or 1; got {y[(y != 0) & (y != 1)][:5].tolist()}")
    z = (z - z.mean(0)) / z.std(0).clamp(min=1e-12)
    sure = None if sure is None else sure.reshape(y.shape)
    total, n_asked = 0.0, 0
    for i in range(y.shape[1]):
        kept = torch.arange(len(z)) if sure is None else sure[:, i].argsort(descending=True)[: len(z) // 2]
        x, one = z[kept].cpu().numpy(), y[kept, i].cpu().numpy().astype(np.int64)
        if len(np.unique(one)) < 2:
            continue  # an attribute that all have is no question
        n_asked += 1
        side = LinearSVC(max_iter=20_000, random_state=0).fit(x, one).predict(x).astype(np.int64)
        total += conditional_entropy(torch.from_numpy(np.bincount(2 * side + one, minlength=4).reshape(2, 2)))
    if not n_asked:
        raise DataError("no attribute is 0 of some latents and 1 of others, so that no plane can part any; give more")
    return math.exp(total)


def fcn_score(asked: np.ndarray, said: np.ndarray, *, n_classes: int, ignored: int = -1) -> MapScores:
    """Whether pictures made from label maps show them: pixel accuracy, mean class accuracy and mean class IoU.

    Parameters
    ----------
    asked : the class of each pixel that the pictures were made from (n, height, width).
    said : what a segmenter that was trained on real pictures sees in the made ones, such as
        `Segmenter.predict(translator.translate(maps))`.

    All pixels of all pictures are counted together. The published segmenter is FCN-8s: name yours beside the number.

    Systems: fcn-score
    Source: Isola et al. 2017, section 4.1; Zhu et al. 2017, table 2; Martinez-Ramon 8.7.1, table 8.1.

    >>> found = fcn_score(np.array([[[0, 0, 1, 1]]]), np.array([[[0, 1, 1, 1]]]), n_classes=2)
    >>> float(found.pixel_accuracy), float(found.mean_accuracy), round(float(found.mean_iou), 4)
    (0.75, 0.75, 0.5833)
    """
    return map_scores(pixel_confusion(asked, said, n_classes, ignored=ignored))
