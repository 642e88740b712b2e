"""Layers of linear systems, one a channel or one for all, trained as convolutions or scans and run step by step.

Every layer takes x (batch, time, width) to outputs of the same shape, and `step` one column of it with the state that
`begin` or the last step gave, in memory that does not grow with time.
"""

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

from ..errors import SettingError, did_you_mean
from ..functional.statespace import (
    bilinear_diagonal,
    diagonal_kernel,
    dplr_discrete,
    dplr_kernel,
    fft_convolution,
    legs_dplr,
    linear_scan,
    linear_spectrum,
    zero_order_hold_diagonal,
)
from .recurrent import mask_of

State = tuple[Tensor, ...]
Spectrum = Literal["linear", "legs", "random"]
DISCRETIZATIONS = {"zoh": zero_order_hold_diagonal, "bilinear": bilinear_diagonal}
SPECTRA = ("linear", "legs", "random")
STEPS = (1e-3, 1e-1)  # between which the learned steps begin, evenly in their logarithms


class SequenceLayer(nn.Module, ABC):
    """A layer that reads (batch, time, width) whole or column by column, and writes what is as wide."""

    @abstractmethod
    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Outputs (batch, time, width); what lies behind a row's length changes nothing before it."""

    @abstractmethod
    def begin(self, x: Tensor) -> State:
        """The state before the first column; x (batch, ...) gives the batch, the kind of number and the device."""

    @abstractmethod
    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The output (batch, width) of one column x (batch, width), and the next state."""

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Outputs (batch, time, width) of columns that follow a state, and the state after the last; without padding.

        A loop over steps, where a layer has nothing better.
        """
        shown = []
        for now in x.unbind(1):
            y, state = self.step(now, state)
            shown.append(y)
        return torch.stack(shown, 1), state


def masked(x: Tensor, lengths: Tensor | None) -> Tensor:
    """x with zeros behind the lengths: a transform smears rounding errors of large numbers over all columns."""
    inside = mask_of(x, lengths)
    return x if inside is None else torch.where(inside > 0, x, torch.zeros_like(x))


def step_sizes(n: int, steps: tuple[float, float] = STEPS) -> Tensor:
    """Logarithms of n steps, drawn evenly between those of the bounds."""
    low, high = map(math.log, steps)
    return low + (high - low) * torch.rand(n)


def as_pairs(z: Tensor) -> nn.Parameter:
    """A complex tensor as a parameter of real numbers (..., 2), which every optimizer and file format takes."""
    return nn.Parameter(torch.view_as_real(z.to(torch.complex64)).contiguous())


def as_complex(pairs: Tensor) -> Tensor:
    """What `as_pairs` holds; a view would need an even place, which a part of a longer vector may not have."""
    return torch.complex(*pairs.unbind(-1))


def spectrum_of(name: str, n: int) -> Tensor:
    """n eigenvalues (complex, real parts below 0) that a diagonal system may begin with, by name.

    "linear" is -1/2 + i pi k; "legs" the half of HiPPO-LegS's normal part with positive imaginary parts; "random"
    standard normal imaginary parts and log-normal decays, which remember nothing in particular.
    """
    if name not in SPECTRA:
        raise SettingError(f"spectrum={name!r}; {did_you_mean(name, SPECTRA)}")
    if name == "linear":
        return linear_spectrum(n)
    if name == "legs":
        return legs_dplr(2 * n).lam[n:]
    return torch.complex(-torch.randn(n).exp(), torch.randn(n)).to(torch.complex128)


class S4D(SequenceLayer):
    """A diagonal system a channel, of n_state pairs of conjugates: y = K * x + D x with K_l = 2 Re C Abar^l Bbar.

    Parameters
    ----------
    spectrum : what A begins with, see `spectrum_of`.
    discretization : "zoh" or "bilinear".

    Source: Gu, Gupta, Goel and Re 2022.
    """

    def __init__(
        self, width: int, *, n_state: int = 32, spectrum: Spectrum = "linear", discretization: str = "zoh"
    ) -> None:
        super().__init__()
        if discretization not in DISCRETIZATIONS:
            raise SettingError(f"discretization={discretization!r}; {did_you_mean(discretization, DISCRETIZATIONS)}")
        self.discretize = DISCRETIZATIONS[discretization]
        a = spectrum_of(spectrum, n_state).to(torch.complex64).expand(width, -1)
        self.log_decay = nn.Parameter(a.real.neg().log().contiguous())
        self.turn = nn.Parameter(a.imag.clone(memory_format=torch.contiguous_format))
        self.c = as_pairs(torch.randn(width, n_state, dtype=torch.complex64))
        self.log_step = nn.Parameter(step_sizes(width))
        self.skip = nn.Parameter(torch.randn(width))

    def discrete(self) -> tuple[Tensor, Tensor, Tensor]:
        """Abar, and 2 C Bbar (width, n_state), and the logarithm of Abar."""
        a, delta = torch.complex(-self.log_decay.exp(), self.turn), self.log_step.exp()
        a_bar, b_bar = self.discretize(a, torch.ones_like(a), delta)
        log_a = a * delta[:, None] if self.discretize is zero_order_hold_diagonal else a_bar.log()
        return a_bar, 2 * as_complex(self.c) * b_bar, log_a

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        x = masked(x, lengths)
        return fft_convolution(x.mT, self.kernel(x.shape[1])).mT + self.skip * x

    def kernel(self, n_steps: int) -> Tensor:
        """K (width, n_steps)."""
        _, w, log_a = self.discrete()
        return diagonal_kernel(log_a, w, n_steps)

    def begin(self, x: Tensor) -> State:
        a, w, _ = self.discrete()
        return w.new_zeros(len(x), *w.shape), a, w  # the system is made once, not at every step

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        h, a, w = state
        h = a * h + x[..., None]
        return (w * h).sum(-1).real + self.skip * x, (h, a, w)


class S4(SequenceLayer):
    """HiPPO-LegS a channel, as a diagonal and one rank: a convolution in training, a recurrence after.

    All of A (eigenvalues and the rank-one vector), B, C, D and the step are learned. The kernel of any length comes
    from the generating function, a sum of fractions.

    Systems: s4-layer
    Source: Gu, Goel and Re 2022; Hifny section 12.2.
    """

    def __init__(self, width: int, *, n_state: int = 32) -> None:
        super().__init__()
        lam, p, b, _ = legs_dplr(n_state)
        self.log_decay = nn.Parameter(lam.real.neg().log().float().expand(width, -1).contiguous())
        self.turn = nn.Parameter(lam.imag.float().expand(width, -1).contiguous())
        self.p, self.b = (as_pairs(v.expand(width, -1)) for v in (p, b))
        self.c = as_pairs(torch.randn(width, n_state, dtype=torch.complex64))
        self.log_step = nn.Parameter(step_sizes(width))
        self.skip = nn.Parameter(torch.randn(width))

    def system(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The diagonal, p and b (width, n_state), and the steps (width,)."""
        lam = torch.complex(-self.log_decay.exp(), self.turn)
        return lam, as_complex(self.p), as_complex(self.b), self.log_step.exp()

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        x = masked(x, lengths)
        return fft_convolution(x.mT, self.kernel(x.shape[1])).mT + self.skip * x

    def kernel(self, n_steps: int) -> Tensor:
        """K (width, n_steps)."""
        lam, p, b, delta = self.system()
        return dplr_kernel(lam, p, b, as_complex(self.c), delta, n_steps)

    def begin(self, x: Tensor) -> State:
        a_bar, b_bar = dplr_discrete(*self.system())
        return b_bar.new_zeros(len(x), *b_bar.shape[:2]), a_bar, b_bar[..., 0]

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        h, a_bar, b_bar = state
        h = torch.einsum("cmn,zcn->zcm", a_bar, h) + b_bar * x[..., None]
        return (as_complex(self.c) * h).sum(-1).real + self.skip * x, (h, a_bar, b_bar)


class S5(SequenceLayer):
    """One diagonal system for all channels, of n_state pairs of conjugates, run by a scan.

    Source: Smith, Warrington and Linderman 2023.
    """

    def __init__(self, width: int, *, n_state: int = 32, spectrum: Spectrum = "legs") -> None:
        super().__init__()
        a = spectrum_of(spectrum, n_state).to(torch.complex64)
        self.log_decay = nn.Parameter(a.real.neg().log().contiguous())
        self.turn = nn.Parameter(a.imag.clone(memory_format=torch.contiguous_format))
        self.b = as_pairs(torch.randn(n_state, width, dtype=torch.complex64) / math.sqrt(width))
        self.c = as_pairs(torch.randn(width, n_state, dtype=torch.complex64) / math.sqrt(2 * n_state))
        self.log_step = nn.Parameter(step_sizes(n_state))
        self.skip = nn.Parameter(torch.randn(width))

    def discrete(self) -> tuple[Tensor, Tensor]:
        """Abar (n_state,) and Bbar (n_state, width), by zero-order hold."""
        a = torch.complex(-self.log_decay.exp(), self.turn)
        a_bar, scale = zero_order_hold_diagonal(a, torch.ones_like(a), self.log_step.exp())
        return a_bar, scale[:, None] * as_complex(self.b)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        x = masked(x, lengths)
        a_bar, b_bar = self.discrete()
        h = linear_scan(a_bar, x.to(b_bar.dtype) @ b_bar.T)
        return self.shown(h) + self.skip * x

    def shown(self, h: Tensor) -> Tensor:
        """What is seen of states (..., n_state): 2 Re C h (..., width)."""
        return 2 * (h @ as_complex(self.c).T).real

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        h, a_bar, b_bar = state
        states = linear_scan(a_bar, x.to(b_bar.dtype) @ b_bar.T, h)
        return self.shown(states) + self.skip * x, (states[:, -1], a_bar, b_bar)

    def begin(self, x: Tensor) -> State:
        a_bar, b_bar = self.discrete()
        return a_bar.new_zeros(len(x), len(a_bar)), a_bar, b_bar

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        h, a_bar, b_bar = state
        h = a_bar * h + x.to(b_bar.dtype) @ b_bar.T
        return self.shown(h) + self.skip * x, (h, a_bar, b_bar)


class Mixed(SequenceLayer):
    """A layer of systems that do not see each other, then what lets channels meet: GELU, a linear layer, a gate (GLU).

    Source: Gu, Goel and Re 2022, the block around the layer.
    """

    def __init__(self, inner: SequenceLayer, width: int) -> None:
        super().__init__()
        self.inner, self.mix = inner, nn.Linear(width, 2 * width)

    def _mixed(self, y: Tensor) -> Tensor:
        return nn.functional.glu(self.mix(nn.functional.gelu(y)), -1)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self._mixed(self.inner(x, lengths))

    def begin(self, x: Tensor) -> State:
        return self.inner.begin(x)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self.inner.step(x, state)
        return self._mixed(y), state

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self.inner.run(x, state)
        return self._mixed(y), state


class Residual(SequenceLayer):
    """x + dropout(inner(norm(x)))."""

    def __init__(self, norm: nn.Module, inner: SequenceLayer, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm, self.inner, self.dropout = norm, inner, nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return x + self.dropout(self.inner(self.norm(x), lengths))

    def begin(self, x: Tensor) -> State:
        return self.inner.begin(x)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self.inner.step(self.norm(x), state)
        return x + self.dropout(y), state

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self.inner.run(self.norm(x), state)
        return x + self.dropout(y), state
