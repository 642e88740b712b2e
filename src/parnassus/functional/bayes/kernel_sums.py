"""Kernels by name, added up, with all their settings in one vector of logarithms that evidence can climb on."""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import SettingError, did_you_mean
from .processes import linear_kernel, matern_kernel, periodic_kernel, rbf_kernel


class Setting(NamedTuple):
    """One setting of a kernel: its name, where a search begins, where others begin, and how far it may go."""

    name: str
    start: float
    tried: tuple[float, float]
    bounds: tuple[float, float]


VARIANCE = Setting("variance", 1.0, (0.1, 10.0), (1e-4, 1e4))
SCALE = Setting("scale", 1.0, (0.1, 10.0), (1e-2, 1e5))
SETTINGS: dict[str, tuple[Setting, ...]] = {
    "rbf": (VARIANCE, SCALE),
    "matern12": (VARIANCE, SCALE),
    "matern32": (VARIANCE, SCALE),
    "matern52": (VARIANCE, SCALE),
    "periodic": (VARIANCE, SCALE, Setting("period", 1.0, (0.05, 4.0), (1e-2, 1e2))),
    "linear": (VARIANCE, Setting("bias", 1.0, (0.1, 10.0), (1e-4, 1e4))),
}
FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "rbf": rbf_kernel,
    "matern12": partial(matern_kernel, nu=0.5),
    "matern32": partial(matern_kernel, nu=1.5),
    "matern52": partial(matern_kernel, nu=2.5),
    "periodic": periodic_kernel,
    "linear": linear_kernel,
}


class KernelSum:
    """The sum of named kernels of points with d columns; each has a variance and settings of its own.

    Parameters
    ----------
    kernel : names joined by "+", such as "rbf" or "matern32 + periodic"; `SETTINGS` lists them.
    n_columns : d. A search begins at scales of sqrt(d), as far as two rows of standardised columns are apart.
    ard : one scale for each column, so that columns which say nothing get long ones ("rbf" and Matern's).

    Attributes
    ----------
    settings : those of all kernels, in the order of the vector of logarithms; start : (p,), where a search begins.

    Source: Rasmussen and Williams 2006, sections 4.2.1 and 5.1.

    >>> kernel = KernelSum("rbf + linear", 1)
    >>> [setting.name for setting in kernel.settings]
    ['rbf variance', 'rbf scale', 'linear variance', 'linear bias']
    >>> x = torch.zeros(1, 1, dtype=torch.float64)
    >>> kernel(kernel.start.exp(), x, x)  # half of the first, and the bias
    tensor([[1.5000]], dtype=torch.float64)
    """

    def __init__(self, kernel: str, n_columns: int, *, ard: bool = False) -> None:
        self.names = [name.strip() for name in kernel.split("+")] if isinstance(kernel, str) else []
        unknown = [name for name in self.names if name not in SETTINGS]
        if unknown or not self.names:
            what = unknown[0] if unknown else kernel
            raise SettingError(f"no kernel {what!r} ('+' adds kernels up); {did_you_mean(str(what), list(SETTINGS))}")
        self.settings: list[Setting] = []
        self._parts: list[dict[str, slice]] = []
        for i, name in enumerate(self.names):
            title = name if self.names.count(name) == 1 else f"{name}-{i}"
            self._parts.append(self._place(title, name, n_columns, ard))
        self.start = torch.tensor([s.start for s in self.settings], dtype=torch.float64).log()

    def _place(self, title: str, name: str, n_columns: int, ard: bool) -> dict[str, slice]:
        places = {}
        for setting in SETTINGS[name]:
            share = {"variance": 1 / len(self.names), "scale": 1.0 if name == "periodic" else math.sqrt(n_columns)}
            start = setting.start * share.get(setting.name, 1.0)
            each = ard and setting.name == "scale" and name != "periodic"
            begin = len(self.settings)
            for column in range(n_columns if each else 1):
                at = f" {column}" if each else ""
                self.settings.append(setting._replace(name=f"{title} {setting.name}{at}", start=start))
            places[setting.name] = slice(begin, len(self.settings))
        return places

    def __call__(self, values: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """The kernel of points a (n, d) and b (m, d) with settings (p,), not their logarithms: (n, m)."""
        parts = [
            FUNCTIONS[name](a, b, **{key: values[at] for key, at in places.items()})
            for name, places in zip(self.names, self._parts, strict=True)
        ]
        return torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]

    def diagonal(self, values: Tensor, x: Tensor) -> Tensor:
        """k(x_i, x_i) of every row, (n,), without the rest of the table."""
        total = x.new_zeros(len(x))
        for name, places in zip(self.names, self._parts, strict=True):
            variance = values[places["variance"]]
            total = total + (variance * x.square().sum(1) + values[places["bias"]] if name == "linear" else variance)
        return total
