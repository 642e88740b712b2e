"""Recurrent cells: what every step needs of the inputs, all steps at once, and the step itself.

A cell's states are a tuple of tensors (batch, n_units), the first of them what the net shows of itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from ..functional.gated import gru_states, is_compiled, lstm_states
from ..functional.independent import independent_scan
from ..functional.recurrence import gru_gates, lstm_gates

State = tuple[Tensor, ...]


class Cell(nn.Module, ABC):
    """A recurrent layer in one direction; `run` is a loop, or torch's own kernel where torch has the cell."""

    n_units: int
    n_states = 1

    @abstractmethod
    def project(self, x: Tensor) -> Tensor:
        """What the inputs x (batch, time, n_inputs) add to every step's pre-activations."""

    @abstractmethod
    def step(self, z: Tensor, state: State) -> State:
        """The next state from the projection z (batch, ...) of one step."""

    def begin(self, x: Tensor) -> State:
        """The state before the first step: zeros."""
        return tuple(x.new_zeros(x.shape[0], self.n_units) for _ in range(self.n_states))

    def run(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """All states (batch, time, n_units), and the last one whole."""
        state, shown = self.begin(x) if state is None else state, []
        for z in self.project(x).unbind(1):
            state = self.step(z, state)
            shown.append(state[0])
        return torch.stack(shown, 1), state


class Elman(Cell):
    """h' = activation(W_x x + W_h h + b); torch's kernel for tanh and relu.

    `identity` starts with W_h = 1 and b = 0 under ReLU, so that the state stays what it is until inputs change it.

    Systems: irnn
    Source: Le, Jaitly and Hinton 2015; Jaiswal J113.
    """

    def __init__(self, n_inputs: int, n_units: int, *, activation: str = "tanh", identity: bool = False) -> None:
        super().__init__()
        self.n_units = n_units
        self.inner = nn.RNN(n_inputs, n_units, nonlinearity=activation, batch_first=True)
        self.activation = torch.tanh if activation == "tanh" else torch.relu
        if identity:
            w_x, w_h, b_x, b_h = self.inner.all_weights[0]
            nn.init.normal_(w_x, std=0.001)
            nn.init.eye_(w_h)
            nn.init.zeros_(b_x)
            nn.init.zeros_(b_h)

    def project(self, x: Tensor) -> Tensor:
        w_x, _, b_x, b_h = self.inner.all_weights[0]
        return linear(x, w_x, b_x + b_h)

    def step(self, z: Tensor, state: State) -> State:
        return (self.activation(z + linear(state[0], self.inner.all_weights[0][1])),)

    def run(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        h, last = self.inner(x, None if state is None else state[0][None])
        return h, (last[0],)


def heard(layer: nn.Module) -> bool:
    """Whether somebody listens to torch's layer, which must then be called."""
    return bool(layer._forward_hooks or layer._forward_pre_hooks)


class LSTM(Cell):
    """An LSTM cell, by kernels/lstm.cpp or torch's own layer. The forget gate's bias starts at `forget_bias`, so that
    memory is kept at first.

    Source: Gers et al. 2000; Jozefowicz et al. 2015 (a forget bias of 1).
    """

    n_states = 2

    def __init__(self, n_inputs: int, n_units: int, *, forget_bias: float = 1.0) -> None:
        super().__init__()
        self.n_units = n_units
        self.inner = nn.LSTM(n_inputs, n_units, batch_first=True)
        _, _, b_x, b_h = self.inner.all_weights[0]
        nn.init.constant_(b_x[n_units : 2 * n_units], forget_bias)
        nn.init.zeros_(b_h[n_units : 2 * n_units])

    def project(self, x: Tensor) -> Tensor:
        w_x, _, b_x, b_h = self.inner.all_weights[0]
        return linear(x, w_x, b_x + b_h)

    def step(self, z: Tensor, state: State) -> State:
        return lstm_gates(z + linear(state[0], self.inner.all_weights[0][1]), state[1])

    def run(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        if not heard(self.inner) and is_compiled("lstm", x):
            h, c = lstm_states(x, *(state or self.begin(x)), *self.inner.all_weights[0])
            return h, (h[:, -1], c)
        h, (last, c) = self.inner(x, None if state is None else (state[0][None], state[1][None]))
        return h, (last[0], c[0])


class PeepholeLSTM(Cell):
    """An LSTM whose gates see the cell, with or without normalised pre-activations.

    Source: Gers et al. 2002; Ba, Kiros and Hinton 2016 for `normalize`.
    """

    n_states = 2

    def __init__(
        self, n_inputs: int, n_units: int, *, peepholes: bool = True, normalize: bool = False, forget_bias: float = 1.0
    ) -> None:
        super().__init__()
        self.n_units = n_units
        self.of_x, self.of_h = nn.Linear(n_inputs, 4 * n_units), nn.Linear(n_units, 4 * n_units, bias=False)
        self.peepholes = nn.Parameter(torch.zeros(3, n_units)) if peepholes else None
        self.norm_x = nn.LayerNorm(4 * n_units) if normalize else nn.Identity()
        self.norm_h = nn.LayerNorm(4 * n_units) if normalize else nn.Identity()
        self.forget_bias = forget_bias

    def project(self, x: Tensor) -> Tensor:
        return self.norm_x(self.of_x(x))

    def step(self, z: Tensor, state: State) -> State:
        z = z + self.norm_h(self.of_h(state[0]))
        n = self.n_units
        bias = torch.cat([z.new_zeros(n), z.new_full((n,), self.forget_bias), z.new_zeros(2 * n)])
        return lstm_gates(z + bias, state[1], None if self.peepholes is None else self.peepholes.unbind())


class GRU(Cell):
    """A GRU cell, its reset gate after the product with the state, by kernels/gru.cpp or torch's own layer."""

    def __init__(self, n_inputs: int, n_units: int) -> None:
        super().__init__()
        self.n_units = n_units
        self.inner = nn.GRU(n_inputs, n_units, batch_first=True)

    def project(self, x: Tensor) -> Tensor:
        w_x, _, b_x, _ = self.inner.all_weights[0]
        return linear(x, w_x, b_x)

    def step(self, z: Tensor, state: State) -> State:
        _, w_h, _, b_h = self.inner.all_weights[0]
        return (gru_gates(z, linear(state[0], w_h, b_h), state[0]),)

    def run(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        if not heard(self.inner) and is_compiled("gru", x):
            h = gru_states(x, *(state or self.begin(x)), *self.inner.all_weights[0])
            return h, (h[:, -1],)
        h, last = self.inner(x, None if state is None else state[0][None])
        return h, (last[0],)


class GRUResetBefore(Cell):
    """A GRU cell, its reset gate before the product with the state: the books'."""

    def __init__(self, n_inputs: int, n_units: int) -> None:
        super().__init__()
        self.n_units = n_units
        self.of_x = nn.Linear(n_inputs, 3 * n_units)
        self.of_h = nn.Linear(n_units, 2 * n_units, bias=False)
        self.of_reset = nn.Linear(n_units, n_units, bias=False)

    def project(self, x: Tensor) -> Tensor:
        return self.of_x(x)

    def step(self, z: Tensor, state: State) -> State:
        h, n = state[0], self.n_units
        r, keep = torch.sigmoid(z[:, : 2 * n] + self.of_h(h)).chunk(2, -1)
        return (keep * h + (1 - keep) * torch.tanh(z[:, 2 * n :] + self.of_reset(r * h)),)


class IndRNN(Cell):
    """relu(W_x x + u h + b) unit by unit; u starts evenly in [0, 1] and is cut to what `span` steps can bear.

    All steps are made at once (`functional.independent`).

    span : how many steps gradients shall pass; |u| stays at or below 2^(1 / span), and None leaves u alone.
    """

    def __init__(self, n_inputs: int, n_units: int, *, span: int | None = None) -> None:
        super().__init__()
        self.n_units = n_units
        self.of_x = nn.Linear(n_inputs, n_units)
        self.u = nn.Parameter(torch.rand(n_units))
        self.limit = float("inf") if span is None else 2.0 ** (1 / span)

    def project(self, x: Tensor) -> Tensor:
        return self.of_x(x)

    def step(self, z: Tensor, state: State) -> State:
        return (torch.relu(z + self.u.clamp(-self.limit, self.limit) * state[0]),)

    def run(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        u = self.u.clamp(-self.limit, self.limit)
        h = independent_scan(self.project(x), u, None if state is None else state[0])
        return h, (h[:, -1],)


class DeepTransition(Cell):
    """The way from one state to the next is an MLP of `depth` tanh layers, the first of which sees the input.

    Systems: deep-transition-rnn
    Source: Pascanu et al. 2014; Martinez-Ramon 5.5.
    """

    def __init__(self, n_inputs: int, n_units: int, *, depth: int = 2) -> None:
        super().__init__()
        self.n_units = n_units
        self.of_x, self.of_h = nn.Linear(n_inputs, n_units), nn.Linear(n_units, n_units, bias=False)
        self.deeper = nn.ModuleList(nn.Linear(n_units, n_units) for _ in range(depth - 1))

    def project(self, x: Tensor) -> Tensor:
        return self.of_x(x)

    def step(self, z: Tensor, state: State) -> State:
        h = torch.tanh(z + self.of_h(state[0]))
        for layer in self.deeper:
            h = torch.tanh(layer(h))
        return (h,)


class Jordan(Cell):
    """A net whose memory is its last output: states are (h, y), y (batch, n_outputs) = W h + c."""

    def __init__(self, n_inputs: int, n_units: int, *, n_outputs: int) -> None:
        super().__init__()
        self.n_units, self.n_outputs = n_units, n_outputs
        self.of_x, self.of_y = nn.Linear(n_inputs, n_units), nn.Linear(n_outputs, n_units, bias=False)
        self.out = nn.Linear(n_units, n_outputs)

    def project(self, x: Tensor) -> Tensor:
        return self.of_x(x)

    def begin(self, x: Tensor) -> State:
        return x.new_zeros(x.shape[0], self.n_units), x.new_zeros(x.shape[0], self.n_outputs)

    def step(self, z: Tensor, state: State) -> State:
        h = torch.tanh(z + self.of_y(state[1]))
        return h, self.out(h)


class Zoneout(Cell):
    """A cell that, in training, keeps each unit's state from the last step with probability `rate`; its mean after.

    Source: Krueger et al. 2017.
    """

    def __init__(self, inner: Cell, rate: float) -> None:
        super().__init__()
        self.inner, self.rate, self.n_units, self.n_states = inner, rate, inner.n_units, inner.n_states

    def project(self, x: Tensor) -> Tensor:
        return self.inner.project(x)

    def begin(self, x: Tensor) -> State:
        return self.inner.begin(x)

    def step(self, z: Tensor, state: State) -> State:
        return tuple(self._mixed(new, old) for new, old in zip(self.inner.step(z, state), state, strict=True))

    def _mixed(self, new: Tensor, old: Tensor) -> Tensor:
        if not self.training:
            return new + self.rate * (old - new)
        return torch.where(torch.rand_like(new) < self.rate, old, new)


def zoned(make: Callable[[int, int], Cell], rate: float, n_inputs: int, n_units: int) -> Cell:
    """A cell, with zoneout where the rate is above 0."""
    cell = make(n_inputs, n_units)
    return Zoneout(cell, rate) if rate else cell
