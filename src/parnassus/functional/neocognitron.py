"""The neocognitron's cells and its rule of learning: templates with inhibition, pooling, and winners that take all."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def falling_window(size: int, *, decay: float = 0.9) -> Tensor:
    """Fixed weights (size, size) that fall from the middle by distance and add up to 1.

        c(v) = g^|v| / sum over v' of g^|v'|

    Source: Fukushima 1980, section 3, which asks for weights that fall with |v| and names no formula.

    >>> falling_window(3, decay=0.5)[1]
    tensor([0.1111, 0.2222, 0.1111])
    """
    at = torch.arange(size, dtype=torch.get_default_dtype()) - (size - 1) / 2
    weights = decay ** (at[:, None] ** 2 + at[None] ** 2).sqrt()
    return weights / weights.sum()


def inhibition(u: Tensor, window: Tensor) -> Tensor:
    """What holds S-cells back, (b, 1, h, w): the weighted root mean square of all cells around a place.

        v(n) = sqrt( 1/K sum over k, v of c(v) u_k(n + v)^2 )

    u : (b, K, h, w), which are not negative. window : c (size, size), adding up to 1; beyond the edge cells are 0.
    The mean over planes keeps v as large as the cells are, however many planes there are.

    Source: Fukushima 1980, equation 4.
    """
    squares = u.square().mean(1, keepdim=True)
    return F.conv2d(squares, window.to(u)[None, None], padding=len(window) // 2).clamp(min=0).sqrt()


def s_cells(u: Tensor, excitation: Tensor, inhibited: Tensor, window: Tensor, *, selectivity: float) -> Tensor:
    """How well each place fits each learned template, (b, planes, h, w), 0 where it fits too little.

        s_j(n) = r max(0, (1 + sum over k, v of a_jk(v) u_k(n + v)) / (1 + 2 r / (1 + r) b_j v(n)) - 1)

    With a = q c X / K and b = q / 2 v(X), which is what learning one pattern X with a large q leaves, it is
    max(0, (1 + r) cos(X, u) - r), where the cosine is weighted by c: cells answer where it is over r / (1 + r).

    u : (b, K, h, w), not negative. excitation : a (planes, K, size, size), not negative. inhibited : b (planes,).
    selectivity : r, above 0; the greater, the less may a pattern differ from the template.

    Source: Fukushima 1980, equations 2 and 3; Martinez-Ramon A4.1, Jaiswal J67, which name the cells only.

    >>> u = torch.tensor([[[[0.0, 1.0, 0.0]] * 3]])  # an upright line, learned and seen
    >>> c = falling_window(3)
    >>> v = inhibition(u, c)[0, 0, 1, 1]
    >>> s = s_cells(u, 1e6 * c * u, 0.5e6 * v[None], c, selectivity=2.0)
    >>> round(float(s[0, 0, 1, 1]), 3)
    1.0
    """
    r, reach = selectivity, excitation.shape[-1] // 2
    excited = F.conv2d(u, excitation, padding=reach)
    held = 2 * r / (1 + r) * inhibited.view(1, -1, 1, 1) * inhibition(u, window)
    return r * torch.relu((excited - held) / (1 + held))


def c_cells(s: Tensor, window: Tensor, *, stride: int = 1, softness: float = 0.5) -> Tensor:
    """Whether any S-cell of a plane answers near each place, (b, planes, h', w'), from 0 to below 1.

        x(n) = (1 + sum over v of d(v) s_k(n + v)) / (1 + 1/K sum over k, v of d(v) s_k(n + v)) - 1
        c_k(n) = max(0, x) / (alpha + max(0, x))

    A plane that answers more than the mean of all planes stands out, and where in the window it does hardly matters.

    s : (b, K, h, w). window : d (size, size), fixed. softness : alpha. Every `stride`-th place is kept.

    Source: Fukushima 1980, equations 5 to 7.

    >>> s = torch.zeros(1, 2, 3, 3)
    >>> s[0, 1, 0, 0] = 4.0  # in a corner of the window
    >>> c_cells(s, falling_window(3))[0, :, 1, 1].round(decimals=3)
    tensor([0.0000, 0.2610])
    """
    reach, n_planes = len(window) // 2, s.shape[1]
    weights = window.to(s)[None, None].expand(n_planes, 1, -1, -1)
    near = F.conv2d(s, weights, padding=reach, stride=stride, groups=n_planes)
    mean = near.mean(1, keepdim=True)
    x = torch.relu((near - mean) / (1 + mean))
    return x / (softness + x)


def winners(s: Tensor, *, reach: int) -> list[tuple[int, int, int]]:
    """The S-cells (plane, row, column) of one picture (planes, h, w) that learn, strongest first.

    The strongest cell of all is taken; its whole plane and all cells within `reach` of it, of whatever plane, are out;
    then the strongest of the others, while there is one that answers. So a plane has one winner at most, and no two
    planes learn the same place.

    Source: Fukushima 1980, section 4, where columns of cells each choose their strongest and a plane keeps the best.

    >>> winners(torch.tensor([[[0.0, 3.0, 1.0]], [[0.0, 2.0, 0.5]]]), reach=0)
    [(0, 0, 1), (1, 0, 2)]
    """
    left, found = s.clone(), []
    while float(left.max()) > 0:
        plane, row, column = (int(i) for i in torch.unravel_index(left.argmax(), left.shape))
        found.append((plane, row, column))
        left[plane] = 0
        left[:, max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1] = 0
    return found


def reinforced(u: Tensor, place: tuple[int, int], window: Tensor, *, amount: float = 1.0) -> tuple[Tensor, Tensor]:
    """What a winner at a place adds to its plane's template and inhibition: (K, size, size) and ().

        delta a_k(v) = q c(v) u_k(n + v) / K;   delta b = q / 2 v(n)

    u : (K, h, w), the cells before. All cells of the winner's plane get the same, so that they stay copies of it.

    Systems: neocognitron
    Source: Fukushima 1980, equations 8 and 9.
    """
    reach = len(window) // 2
    row, column = place
    around = F.pad(u, (reach,) * 4)[:, row : row + len(window), column : column + len(window)]
    held = (window.to(u) * around.square()).sum((1, 2)).mean().sqrt()
    return amount * window.to(u) * around / len(u), amount / 2 * held


def s_cells_twin(u: Tensor, excitation: Tensor, inhibited: Tensor, window: Tensor, *, selectivity: float) -> Tensor:
    """What `s_cells` gives, cell by cell."""
    n, planes, height, width = len(u), len(excitation), *u.shape[2:]
    size, r = excitation.shape[-1], selectivity
    found = u.new_zeros(n, planes, height, width)
    for i in range(n):
        for y in range(height):
            for x in range(width):
                seen = {
                    (k, dy, dx): float(u[i, k, y + dy - size // 2, x + dx - size // 2])
                    for k in range(u.shape[1])
                    for dy in range(size)
                    for dx in range(size)
                    if 0 <= y + dy - size // 2 < height and 0 <= x + dx - size // 2 < width
                }
                v = math.sqrt(sum(float(window[dy, dx]) * a * a for (_, dy, dx), a in seen.items()) / u.shape[1])
                for j in range(planes):
                    e = sum(float(excitation[j, k, dy, dx]) * a for (k, dy, dx), a in seen.items())
                    share = (1 + e) / (1 + 2 * r / (1 + r) * float(inhibited[j]) * v) - 1
                    found[i, j, y, x] = r * max(0.0, share)
    return found
