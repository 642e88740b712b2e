"""Flips, turns, shifts, zooms, shears, crops and views from the side: one matrix a picture, one resampling for all.

A matrix (batch, 3, 3) takes a position of the old picture, as (x, y, 1), to where it lies in the new one. Matrices of
several moves multiply, so that a picture is resampled once, and points, boxes and masks move by the same matrix.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

FILLS = {"zeros": "zeros", "border": "border", "reflect": "reflection"}
HALVINGS = 30  # steps towards where a point lies after an elastic displacement
PLACES = 8  # of each side of a box that are followed there


def affine(
    *,
    size: tuple[int, int],
    angle: Tensor,
    zoom: Tensor,
    shift: Tensor,
    shear: Tensor,
) -> Tensor:
    """The matrices (batch, 3, 3) that shear, zoom and turn about the centre, then shift.

    Parameters
    ----------
    size : (height, width) of the pictures.
    angle : (batch,) radians; positive turns from the x axis towards the y axis, which is clockwise on a screen.
    zoom : (batch,) 2 makes things twice as large.
    shift : (batch, 2) pixels to the right and down.
    shear : (batch,) radians by which vertical lines lean: x' = x + tan(shear) y.

    Source: Baker A093; Hifny A14.15.
    """
    height, width = size
    centre = angle.new_tensor([width / 2, height / 2])
    cos, sin, lean = angle.cos(), angle.sin(), shear.tan()
    linear = torch.stack([cos, lean * cos - sin, sin, lean * sin + cos], -1).view(-1, 2, 2) * zoom[:, None, None]
    moved = centre + shift - (linear @ centre)
    return _square(torch.cat([linear, moved[:, :, None]], 2))


def mirror(flipped: Tensor, *, size: tuple[int, int], vertical: bool = False) -> Tensor:
    """The matrices (batch, 3, 3) that turn left into right (or top into bottom) where `flipped` (batch,) is True."""
    height, width = size
    at, extent = (1, height) if vertical else (0, width)
    matrix = torch.eye(3, device=flipped.device).repeat(len(flipped), 1, 1)
    matrix[flipped, at, at] = -1
    matrix[flipped, at, 2] = extent
    return matrix


def crop(boxes: Tensor, *, size: tuple[int, int]) -> Tensor:
    """The matrices (batch, 3, 3) that stretch the part inside each box (batch, 4) to the whole picture of `size`."""
    height, width = size
    low, high = boxes[:, :2], boxes[:, 2:]
    scale = boxes.new_tensor([width, height]) / (high - low)
    return _square(torch.cat([torch.diag_embed(scale), (-low * scale)[:, :, None]], 2))


def perspective(old: Tensor, new: Tensor) -> Tensor:
    """The matrices (batch, 3, 3) that take four points (batch, 4, 2) to four others: a plane seen from elsewhere.

    Solves x' = (a x + b y + c) / (g x + h y + 1), y' = (d x + e y + f) / (g x + h y + 1) for a to h.
    """
    x, y = old.unbind(-1)
    u, v = new.unbind(-1)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    across = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], -1)
    down = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], -1)
    solved = torch.linalg.solve(torch.cat([across, down], 1), torch.cat([u, v], 1))
    return torch.cat([solved, torch.ones_like(solved[:, :1])], 1).view(-1, 3, 3)


def warp(
    x: Tensor,
    matrix: Tensor,
    *,
    displacement: Tensor | None = None,
    fill: str = "zeros",
    nearest: bool = False,
) -> Tensor:
    """Pictures (or masks, with `nearest`) after the moves, (batch, channels, height, width).

    Each new pixel takes the bilinear mean of the four old ones around the position that the inverse matrix gives. Where
    that is the middle of an old one in every picture (shifts by whole pixels and flips), pixels are copied.

    Parameters
    ----------
    matrix : (batch, 3, 3) as above.
    displacement : (batch, height, width, 2) pixels, added to the positions that are looked up.
    fill : what lies outside the old picture: "zeros", "border" (its edge goes on) or "reflect".
    """
    height, width = x.shape[-2:]
    back = torch.linalg.inv(matrix)
    if fill == "zeros" and displacement is None and by_whole_pixels(x, back):
        return copied(x, back)
    unit = matrix.new_tensor([[2 / width, 0, -1], [0, 2 / height, -1], [0, 0, 1]])  # from -1 to 1, edge to edge
    at = looked_up(unit @ back, height, width)
    if displacement is not None:
        at = at + displacement * (2 / at.new_tensor([width, height]))
    how = "nearest" if nearest else "bilinear"
    return F.grid_sample(x, at.to(x.dtype), mode=how, padding_mode=FILLS[fill], align_corners=False)


def by_whole_pixels(x: Tensor, back: Tensor) -> bool:
    """Whether matrices (batch, 3, 3) take middles of pixels to such; False where asking would wait for a device."""
    if x.device.type != "cpu" or x.requires_grad or back.requires_grad:
        return False
    linear, move = back[:, :2, :2], back[:, :2, 2]
    upright = (linear.abs() == torch.eye(2, dtype=back.dtype)).all() and (back[:, 2, :2] == 0).all()
    return bool(upright and (back[:, 2, 2] == 1).all() and ((move - move.round()).abs() < 1e-4).all())


def copied(x: Tensor, back: Tensor) -> Tensor:
    """Pictures shifted by whole pixels and flipped, black where nothing comes from."""
    made = torch.zeros_like(x)
    old, new = x.numpy(), made.numpy()
    signs = back[:, (0, 1), (0, 1)].tolist()
    for i, (sign, move) in enumerate(zip(signs, back[:, :2, 2].round().int().tolist(), strict=True)):
        across, down = (_spans(s, m, n) for s, m, n in zip(sign, move, x.shape[:1:-1], strict=True))
        if across and down:
            new[i, :, down[0], across[0]] = old[i, :, down[1], across[1]]
    return made


def _spans(sign: float, move: int, n: int) -> tuple[slice, slice] | None:
    """Which of n new places take old ones, and which those are: old = new + move, or move - 1 - new where it turns."""
    first, end = (max(0, -move), min(n, n - move)) if sign > 0 else (max(0, move - n), min(n, move))
    if first >= end:
        return None
    if sign > 0:
        return slice(first, end), slice(first + move, end + move)
    last = move - 1 - end  # the place before the last that is read, going down; there is none before the first
    return slice(first, end), slice(move - 1 - first, last if last >= 0 else None, -1)


def looked_up(back: Tensor, height: int, width: int) -> Tensor:
    """Where matrices (batch, 3, 3) take the centres of all pixels, (batch, height, width, 2).

    A matrix is applied to rows and to columns, and the two are added: far fewer products than for each pixel.
    """
    grid = positions(height, width, device=back.device).to(back.dtype)
    across, down = grid[0, :, 0], grid[:, 0, 1]
    by_x = back[:, None, :, 0] * across[:, None] + back[:, None, :, 2]
    by_y = back[:, None, :, 1] * down[:, None]
    at = by_y[:, :, None] + by_x[:, None]
    return at[..., :2] / at[..., 2:]


def positions(height: int, width: int, *, device: torch.device | str = "cpu") -> Tensor:
    """The centres of all pixels as (x, y, 1): (height, width, 3) float32."""
    y = torch.arange(height, device=device) + 0.5
    x = torch.arange(width, device=device) + 0.5
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width), torch.ones(height, width).to(x)], -1)


def move_points(points: Tensor, matrix: Tensor, *, displacement: Tensor | None = None) -> Tensor:
    """Where points (batch, n, 2) lie after the moves, (batch, n, 2).

    A displacement says for each new place which old one it shows, so that for q the p with back(p) + d(p) = q is
    wanted: p <- (p + matrix(q - d(p))) / 2 goes there wherever the field does not fold the picture.
    """
    if displacement is None:
        return _through(points, matrix)
    at = _through(points, matrix)
    for _ in range(HALVINGS):
        at = (at + _through(points - _sampled(displacement, at), matrix)) / 2
    return at


def _through(points: Tensor, matrix: Tensor) -> Tensor:
    at = torch.cat([points, torch.ones_like(points[..., :1])], -1) @ matrix.transpose(1, 2)
    return at[..., :2] / at[..., 2:]


def _sampled(displacement: Tensor, points: Tensor) -> Tensor:
    """A field (batch, height, width, 2) at points (batch, n, 2), between the centres of pixels bilinearly."""
    unit = points * (2 / points.new_tensor([displacement.shape[2], displacement.shape[1]])) - 1
    planes = displacement.permute(0, 3, 1, 2).to(points.dtype)
    found = F.grid_sample(planes, unit[:, :, None], padding_mode="border", align_corners=False)
    return found[..., 0].transpose(1, 2)


def move_boxes(
    boxes: Tensor, matrix: Tensor, *, size: tuple[int, int], displacement: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The upright boxes around the moved outlines of boxes (batch, n, 4), cut at the picture's edge; and what is left.

    Returns
    -------
    boxes : (batch, n, 4).
    kept : (batch, n) share of each moved box's area that lies inside the picture, 0 where none does; a trainer drops
        boxes of which little is left.

    Turned boxes grow: the corners of a box lie outside of the thing in it. A matrix keeps sides straight, so that the
    corners are enough; with a `displacement` each side is followed at several places.
    """
    height, width = size
    n = 1 if displacement is None else PLACES
    along = torch.arange(n, dtype=boxes.dtype, device=boxes.device) / n
    zero, one = torch.zeros_like(along), torch.ones_like(along)
    across, down = torch.cat([along, one, 1 - along, zero]), torch.cat([zero, along, one, 1 - along])
    x = boxes[..., :1] + across * (boxes[..., 2:3] - boxes[..., :1])
    y = boxes[..., 1:2] + down * (boxes[..., 3:] - boxes[..., 1:2])
    outline = torch.stack([x, y], -1)
    moved = move_points(outline.flatten(1, 2), matrix, displacement=displacement).view_as(outline)
    low, high = moved.amin(2), moved.amax(2)
    edge = boxes.new_tensor([width, height])
    inner_low, inner_high = low.clamp(min=0).minimum(edge), high.clamp(min=0).minimum(edge)
    area = (high - low).prod(-1).clamp(min=torch.finfo(boxes.dtype).tiny)
    return torch.cat([inner_low, inner_high], -1), (inner_high - inner_low).prod(-1) / area


def _square(rows: Tensor) -> Tensor:
    """Matrices (batch, 2, 3) with the last row 0, 0, 1."""
    last = rows.new_tensor([0.0, 0.0, 1.0]).expand(len(rows), 1, 3)
    return torch.cat([rows, last], 1)
