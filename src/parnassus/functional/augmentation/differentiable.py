"""Changes of pictures that gradients pass through: what a critic sees of few pictures, real and made alike."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import SettingError, did_you_mean

REACH, HOLE = 0.125, 0.5  # of a side: how far pictures are moved at most, and the side of what is cut out


def brightened(x: Tensor) -> Tensor:
    """Each picture (n, c, h, w) plus a number from -0.5 to 0.5, its colours drawn apart, then its contrast changed."""
    a, b, c = (torch.rand(len(x), 1, 1, 1, device=x.device, dtype=x.dtype) for _ in range(3))
    x = x + (a - 0.5)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (2 * b)
    level = x.mean((1, 2, 3), keepdim=True)
    return level + (x - level) * (c + 0.5)


def moved(x: Tensor) -> Tensor:
    """Each picture moved by up to an eighth of its sides; what comes in is 0.

    >>> bool((moved(torch.ones(3, 1, 8, 8)).sum((1, 2, 3)) >= 49).all())
    True
    """
    height, width = x.shape[2:]
    down, across = (max(round(side * REACH), 1) for side in (height, width))
    padded = F.pad(x, (across, across, down, down))
    top = torch.randint(0, 2 * down + 1, (len(x), 1), device=x.device) + torch.arange(height, device=x.device)
    left = torch.randint(0, 2 * across + 1, (len(x), 1), device=x.device) + torch.arange(width, device=x.device)
    row = torch.arange(len(x), device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[row, top[:, :, None], left[:, None, :]].permute(0, 3, 1, 2)


def cut_out(x: Tensor) -> Tensor:
    """Each picture with a rectangle of half its sides, about a place drawn anywhere in it, set to 0."""
    held = torch.ones_like(x[:, :1])
    for axis, side in ((2, x.shape[2]), (3, x.shape[3])):
        shape = [len(x), 1, 1, 1]
        middle = torch.randint(0, side, shape, device=x.device)
        shape = [1, 1, 1, 1]
        shape[axis] = side
        places = torch.arange(side, device=x.device).view(shape)
        hole = round(side * HOLE)
        inside = (places >= middle - hole // 2) & (places < middle - hole // 2 + hole)
        held = held * inside.to(x.dtype)
    return x * (1 - held)


CHANGES: dict[str, Callable[[Tensor], Tensor]] = {"colour": brightened, "move": moved, "cut": cut_out}


def differentiable_changes(x: Tensor, policy: str) -> Tensor:
    """Pictures (n, c, h, w) changed at random as `policy` says: "colour", "move" and "cut", joined by commas.

    A critic that is shown only changed pictures, real and made, cannot learn few real ones by heart; and since the
    gradient passes through, the generator learns of pictures as they were before the change. Draws are torch's own.

    Source: Zhao, Liu, Lin, Zhu and Han 2020 (DiffAugment).

    >>> differentiable_changes(torch.ones(2, 1, 8, 8), "move,cut").shape
    torch.Size([2, 1, 8, 8])
    """
    for name in policy.split(","):
        if name.strip() not in CHANGES:
            raise SettingError(f"no change {name.strip()!r} of pictures; {did_you_mean(name.strip(), list(CHANGES))}")
        x = CHANGES[name.strip()](x)
    return x
