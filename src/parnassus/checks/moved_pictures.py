"""Pictures moved, coloured and cut, against torch, scipy and Python's own colour wheel."""

import colorsys
import math

import numpy as np
import torch
from torch import Tensor

from ..functional.augmentation import colour, distortion, geometry, views
from . import check, gap

RNG = np.random.default_rng(0)
PICTURES = torch.from_numpy(RNG.random((2, 3, 8, 8), dtype=np.float32))


def moved(**changes: Tensor) -> Tensor:
    """Pictures after one affine move."""
    zero = torch.zeros(2)
    given = {"angle": zero, "zoom": zero + 1, "shift": torch.zeros(2, 2), "shear": zero} | changes
    return geometry.warp(PICTURES, geometry.affine(size=(8, 8), **given))


@check("geometric-augmentation", "data-augmentation", oracle="torch", tolerance=1e-5)
def moves_that_torch_makes_exactly() -> float:
    """A quarter turn, mirror images, a shift by two pixels, and a crop stretched to the whole, pixel by pixel."""
    turned = moved(angle=torch.full((2,), math.pi / 2))
    both = torch.tensor([True, True])
    mirrored = geometry.warp(PICTURES, geometry.mirror(both, size=(8, 8)))
    toppled = geometry.warp(PICTURES, geometry.mirror(both, size=(8, 8), vertical=True))
    right = moved(shift=torch.tensor([[2.0, 0.0], [2.0, 0.0]]))
    box = torch.tensor([[0.0, 0.0, 4.0, 4.0]]).repeat(2, 1)
    cut = geometry.warp(PICTURES, geometry.crop(box, size=(8, 8)), fill="border")
    stretched = torch.nn.functional.interpolate(PICTURES[:, :, :4, :4], scale_factor=2, mode="bilinear")
    return max(
        gap(turned, torch.rot90(PICTURES, -1, (2, 3))),
        gap(mirrored, PICTURES.flip(3)),
        gap(toppled, PICTURES.flip(2)),
        gap(right[..., 2:], PICTURES[..., :-2]),
        gap(cut[:, :, :7, :7], stretched[:, :, :7, :7]),  # the last row and column see beyond the box
    )


@check("colour-augmentation", oracle="(closed form)", tolerance=1e-5)
def colours_against_pythons_wheel() -> float:
    """Hues turned by a third against Python's colorsys, and grey by the published weights."""
    turned = colour.hue(PICTURES, torch.full((2,), 1 / 3))
    pixels = PICTURES.permute(0, 2, 3, 1).reshape(-1, 3).double().tolist()
    wheel = [colorsys.rgb_to_hsv(*p) for p in pixels]
    wanted = torch.tensor([colorsys.hsv_to_rgb((h + 1 / 3) % 1, s, v) for h, s, v in wheel])
    grey = (PICTURES * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    return max(
        gap(turned.permute(0, 2, 3, 1).reshape(-1, 3), wanted),
        gap(colour.grey(PICTURES), grey),
        gap(colour.saturation(PICTURES, torch.zeros(2)), grey.expand_as(PICTURES)),
    )


@check("elastic-distortion", oracle="scipy", tolerance=1e-5)
def blurred_pictures_against_scipy() -> float:
    """The Gaussian blur that smooths a field of random moves, against scipy.ndimage."""
    from scipy.ndimage import gaussian_filter

    x = torch.from_numpy(RNG.random((1, 1, 30, 26), dtype=np.float32))
    wanted = gaussian_filter(x[0, 0].numpy(), 1.7, mode="mirror")
    return gap(distortion.blur(x, 1.7)[0, 0], wanted)


@check("test-time-crops", oracle="torch", tolerance=0)
def ten_views_of_a_picture() -> float:
    """Four corners, the middle, and their mirror images, by slices."""
    found = views.ten_crops(PICTURES, (4, 6))
    corners = [(0, 0), (0, 2), (4, 0), (4, 2), (2, 1)]
    parts = torch.stack([PICTURES[:, :, y : y + 4, x : x + 6] for y, x in corners])
    return gap(found, torch.cat([parts, parts.flip(-1)]))
