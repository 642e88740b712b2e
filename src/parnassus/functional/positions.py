"""Where in a row something stands, as numbers: to be added to vectors, to turn them, or to be added to scores."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import SettingError


def sinusoidal(n: int, width: int, *, base: float = 10_000.0, start: int = 0) -> Tensor:
    """P[p, 2i] = sin(p / base^(2i / width)), P[p, 2i + 1] = cos of the same: (n, width), from position `start` on.

    A row's squared norm is width / 2, and the product of two rows depends on their distance alone. Of an odd width the
    last column is a sine.

    Systems: sinusoidal-position
    Source: Vaswani et al. 2017; Hifny A11.20, Baker A200; Martinez-Ramon eqs. 6.21 and 6.22 (the range belongs on 2j),
    Keras course K107, where the printed denominator 100002i/d is 10000^(2i/d).

    >>> sinusoidal(2, 4)[1].tolist()
    [0.841470..., 0.540302..., 0.009999..., 0.999949...]
    """
    pairs = torch.arange(0, width, 2, dtype=torch.float64)
    angle = torch.arange(start, start + n, dtype=torch.float64)[:, None] * base ** (-pairs / width)
    table = torch.stack([angle.sin(), angle.cos()], -1).flatten(1)[:, :width]
    return table.to(torch.get_default_dtype())


def sinusoidal_grid(n_rows: int, n_columns: int, width: int, *, base: float = 10_000.0) -> Tensor:
    """Places of a grid in reading order, (n_rows n_columns, width): the column in the first half, the row in the other.

        of a place p, with d = width / 2:  sin(p base^(-2i / d)), i = 0 ... d / 2 - 1, then the cosines of the same

    Raises
    ------
    SettingError : `width` is no multiple of 4.

    Source: Vaswani et al. 2017 in two directions; Peebles and Xie 2023, section 3.2.

    >>> sinusoidal_grid(1, 2, 4)[1].tolist()
    [0.841470..., 0.540302..., 0.0, 1.0]
    """
    if width < 4 or width % 4:
        raise SettingError(f"places of a grid are sines and cosines in two directions: width is 4 n; got {width}")
    rate = base ** (-torch.arange(width // 4, dtype=torch.float64) / (width // 4))

    def placed(n: int) -> Tensor:
        angle = torch.arange(n, dtype=torch.float64)[:, None] * rate
        return torch.cat([angle.sin(), angle.cos()], 1)

    columns, rows = placed(n_columns).repeat(n_rows, 1), placed(n_rows).repeat_interleave(n_columns, 0)
    return torch.cat([columns, rows], 1).to(torch.get_default_dtype())


def integer(n: int) -> Tensor:
    """0, 1, ..., n - 1 as a column (n, 1): unbounded, so that long rows drown what they are added to.

    Systems: integer-binary-position
    Source: Keras course K105.
    """
    return torch.arange(n, dtype=torch.get_default_dtype())[:, None]


def binary(n: int, n_bits: int | None = None) -> Tensor:
    """The bits of 0, ..., n - 1, highest first: (n, n_bits), as few bits as hold n - 1 unless said.

    Bounded, but neighbours may differ in every bit (3 and 4), which sines and cosines smooth.

    Systems: integer-binary-position
    Source: Keras course K106.

    >>> binary(4).int().tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    least = max(n - 1, 1).bit_length()
    n_bits = least if n_bits is None else n_bits
    if n_bits < least:
        raise SettingError(f"{n} positions need {least} bits; got n_bits={n_bits}")
    return (torch.arange(n)[:, None] >> torch.arange(n_bits - 1, -1, -1) & 1).to(torch.get_default_dtype())


def rotary(x: Tensor, *, base: float = 10_000.0, start: int | Tensor = 0) -> Tensor:
    """x (..., time, width) with pairs (i, i + width / 2) turned by t / base^(2i / width).

    Products of turned queries and keys depend on the distance of their places alone. `start` is the first place, a
    number, or one a row (batch,) of x (batch, heads, time, width).

    Source: Su et al. 2021, pairs as in GPT-NeoX and Llama.
    """
    half = x.shape[-1] // 2
    if x.shape[-1] % 2:
        raise SettingError(f"rotary positions turn pairs: the width is even; got {x.shape[-1]}")
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    rate = base ** (-torch.arange(half, device=x.device, dtype=wide) / half)
    places = torch.arange(x.shape[-2], device=x.device, dtype=wide)
    places = places + (start if isinstance(start, int) else start.view(-1, 1, 1))
    angle = places[..., None] * rate
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def distances(n_queries: int, n_keys: int, *, device: torch.device | str | None = None) -> Tensor:
    """Place of the key less that of the query, (n_queries, n_keys); the last query stands at the last key."""
    places = torch.arange(n_keys - n_queries, n_keys, device=device)[:, None]
    return torch.arange(n_keys, device=device) - places


def relative_index(n_queries: int, n_keys: int, *, reach: int, device: torch.device | str | None = None) -> Tensor:
    """Rows of a table of 2 reach + 1 distances, those further away than `reach` cut: (n_queries, n_keys).

    Source: Shaw, Uszkoreit and Vaswani 2018.

    >>> relative_index(2, 3, reach=1).tolist()
    [[0, 1, 2], [0, 0, 1]]
    """
    return distances(n_queries, n_keys, device=device).clamp(-reach, reach) + reach


def distance_buckets(distance: Tensor, *, n_buckets: int = 32, furthest: int = 128, causal: bool = False) -> Tensor:
    """Rows of a table by distance (key less query): one each when near, then wider and wider up to `furthest`.

    Half of the buckets are for what stands after the query, unless `causal`, where such keys fall to bucket 0.

    Source: Raffel et al. 2020 (T5).
    """
    if causal:
        offset, far = torch.zeros_like(distance), (-distance).clamp(min=0)
    else:
        n_buckets //= 2
        offset, far = (distance > 0).long() * n_buckets, distance.abs()
    exact = n_buckets // 2
    log = (far.clamp(min=1).float() / exact).log() / math.log(furthest / exact) * (n_buckets - exact)
    return offset + torch.where(far < exact, far, (exact + log.long()).clamp(max=n_buckets - 1))


def alibi_slopes(n_heads: int) -> Tensor:
    """2^(-8 h / n) for heads h = 1, ..., n, a power of two; for others those of the power below, and every second of
    the next: (n_heads,).

    Source: Press, Smith and Lewis 2022.

    >>> alibi_slopes(4).tolist()
    [0.25, 0.0625, 0.015625, 0.00390625]
    """
    lower = 2 ** (n_heads.bit_length() - 1)
    slopes = 2.0 ** (-8 * torch.arange(1, lower + 1) / lower)
    more = 2.0 ** (-8 * torch.arange(1, 2 * lower + 1, 2) / (2 * lower))
    return torch.cat([slopes, more])[:n_heads]


def alibi(n_heads: int, n_queries: int, n_keys: int, *, device: torch.device | str | None = None) -> Tensor:
    """-slope_h |distance|, to be added to scores: (n_heads, n_queries, n_keys). For causal attention and for both ways.

    Source: Press, Smith and Lewis 2022.
    """
    far = distances(n_queries, n_keys, device=device).abs()
    return -alibi_slopes(n_heads).to(far.device)[:, None, None] * far


def resized_grid(table: Tensor, before: tuple[int, int], after: tuple[int, int]) -> Tensor:
    """Learned positions of a grid of patches for a grid of another size, by bicubic interpolation.

    table (1, n_extra + rows columns, width); the first n_extra rows (a class token's) stay as they are.

    Systems: learned-position
    Source: Dosovitskiy et al. 2021, section 3.2; Martinez-Ramon A6.29.
    """
    n_extra = table.shape[1] - before[0] * before[1]
    if n_extra < 0:
        raise SettingError(f"a table of {table.shape[1]} positions holds no grid of {before[0]} x {before[1]}")
    extra, grid = table[:, :n_extra], table[:, n_extra:]
    grid = grid.mT.unflatten(-1, before)
    grid = F.interpolate(grid, size=after, mode="bicubic", align_corners=False)
    return torch.cat([extra, grid.flatten(2).mT], 1)
