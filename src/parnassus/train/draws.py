"""What a rank draws for its rows, as one process draws for all: for the whole window, then cut like its rows."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ..errors import SettingError

aten = torch.ops.aten
INTO = {aten.bernoulli_, aten.normal_, aten.uniform_, aten.random_, aten.exponential_, aten.log_normal_, aten.cauchy_,
        aten.geometric_}  # fmt: skip
LIKE = {aten.rand_like, aten.randn_like, aten.randint_like, aten.bernoulli, aten.normal}
SIZED = {aten.rand, aten.randn, aten.randint, aten.normal}
UNEVEN = {aten.multinomial, aten.poisson, aten.binomial, aten._standard_gamma, aten._sample_dirichlet}


class WindowDraws(TorchDispatchMode):
    """Inside, draws from the default generator are those of `n_rows` rows, of which this rank gets every `size`-th.

    The axis of rows is the first that is as long as this rank's rows are many; failing that, the first axis where it is
    a multiple (rows by heads, rows by steps). What has no such axis, or is made by `*_like` of a parameter, is the same
    on every rank. An axis of another meaning and the same length is taken for that of rows where it stands before it,
    as time may in time-major layers: the draws are then as good, but not those of one process.
    """

    def __init__(self, rank: int, size: int, n_rows: int) -> None:
        super().__init__()
        self.rank, self.size, self.n_rows = rank, size, n_rows
        self.n_own = len(range(rank, n_rows, size))

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs, packet = kwargs or {}, getattr(func, "overloadpacket", None)
        if packet not in HELD or kwargs.get("generator") is not None or isinstance(args[0], nn.Parameter):
            return func(*args, **kwargs)
        if packet is aten.randperm:
            return self._refused(packet) if args[0] == self.n_own else func(*args, **kwargs)
        like = next((a for a in args if isinstance(a, Tensor)), None)
        place = None if like is not None else next((i for i, a in enumerate(args) if isinstance(a, list | tuple)), None)
        shape = tuple(like.shape) if like is not None else tuple(args[place]) if place is not None else ()
        axis = self.axis(shape)
        if axis is None:
            return func(*args, **kwargs)
        if packet in UNEVEN:
            return self._refused(packet)
        if like is None:
            assert place is not None
            return self.cut(func(*args[:place], self.wide(shape, axis), *args[place + 1 :], **kwargs), axis)
        drawn = self.cut(func(*[self.widened(a, axis, shape) for a in args], **kwargs), axis)
        return args[0].copy_(drawn) if packet in INTO else drawn

    def _refused(self, packet: Any) -> Any:
        raise SettingError(
            f"this model draws by {packet.__name__}, which several ranks cannot draw as one process does; "
            f"train it with deterministic=False"
        )

    def axis(self, shape: tuple[int, ...]) -> tuple[int, int] | None:
        """The axis of rows, and how many entries of it a row has."""
        for i, n in enumerate(shape):
            if n == self.n_own:
                return i, 1
        return (0, shape[0] // self.n_own) if shape and shape[0] and shape[0] % self.n_own == 0 else None

    def wide(self, shape: tuple[int, ...], axis: tuple[int, int]) -> list[int]:
        """The shape for all rows."""
        return [self.n_rows * axis[1] if i == axis[0] else n for i, n in enumerate(shape)]

    def widened(self, like: Any, axis: tuple[int, int], shape: tuple[int, ...]) -> Any:
        """A tensor with this rank's rows in their places, and its first row in all others; the layout stays."""
        if not isinstance(like, Tensor) or tuple(like.shape) != shape:
            return like
        last = like.ndim == 4 and not like.is_contiguous() and like.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if last else torch.contiguous_format
        at = torch.zeros(self.n_rows, dtype=torch.int64, device=like.device)
        at[self.rank :: self.size] = torch.arange(self.n_own, device=like.device)
        rows = like.detach().unflatten(axis[0], (self.n_own, axis[1])).index_select(axis[0], at)
        return rows.flatten(axis[0], axis[0] + 1).contiguous(memory_format=layout)

    def cut(self, whole: Tensor, axis: tuple[int, int]) -> Tensor:
        """This rank's part of what was drawn for all rows."""
        rows = torch.arange(self.rank, self.n_rows, self.size, device=whole.device)
        parts = whole.unflatten(axis[0], (self.n_rows, axis[1])).index_select(axis[0], rows)
        return parts.flatten(axis[0], axis[0] + 1)


HELD = INTO | LIKE | SIZED | UNEVEN | {aten.randperm}
