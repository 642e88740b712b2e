"""Layers of complex systems as convolutions of real numbers, for files in formats that have no complex ones."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, pad

from .statespace import S4, S4D, S5, masked


class Convolved(nn.Module):
    """An `S4` or `S4D` for rows of one length: y = K * x + D x, with the kernel K (width, n_steps) as numbers."""

    kernel: Tensor
    skip: Tensor

    def __init__(self, layer: S4 | S4D, n_steps: int) -> None:
        super().__init__()
        self.n_steps = n_steps
        self.register_buffer("kernel", layer.kernel(n_steps).detach().flip(-1)[:, None].contiguous())
        self.register_buffer("skip", layer.skip.detach())

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Outputs (batch, n_steps, width) of x, as large."""
        x = masked(x, lengths)
        return causal(x, self.kernel, self.n_steps) + self.skip * x


class Turning(nn.Module):
    """An `S5` for rows of one length: the parts of its states are convolutions with the parts of Abar's powers.

        h_re = A_re * u_re - A_im * u_im,   h_im = A_im * u_re + A_re * u_im,   y = 2 C_re h_re - 2 C_im h_im + D x

    with u = Bbar x and A_l = Abar^l.
    """

    enter: Tensor
    kernel: Tensor
    leave: Tensor
    skip: Tensor

    def __init__(self, layer: S5, n_steps: int) -> None:
        super().__init__()
        self.n_steps = n_steps
        a_bar, b_bar = (part.detach() for part in layer.discrete())
        c = torch.view_as_complex(layer.c.detach().contiguous())
        powers = a_bar.to(torch.complex128)[:, None] ** torch.arange(n_steps - 1, -1, -1, device=a_bar.device)
        parts = torch.cat([powers.real, powers.real, powers.imag, powers.imag]).to(layer.skip.dtype)
        self.register_buffer("enter", torch.cat([b_bar.real, b_bar.imag]))
        self.register_buffer("kernel", parts[:, None].contiguous())
        self.register_buffer("leave", 2 * torch.cat([c.real, -c.imag], 1))
        self.register_buffer("skip", layer.skip.detach())

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Outputs (batch, n_steps, width) of x, as large."""
        x = masked(x, lengths)
        u = x @ self.enter.T
        a, b, c, d = causal(torch.cat([u, u], -1), self.kernel, self.n_steps).chunk(4, -1)
        return torch.cat([a - d, b + c], -1) @ self.leave.T + self.skip * x


def causal(x: Tensor, kernel: Tensor, n_steps: int) -> Tensor:
    """Each channel of x (batch, n_steps, channels) with its kernel, turned round (channels, 1, n_steps)."""
    assert x.shape[1] == n_steps  # of longer rows the kernel does not know the end
    return conv1d(pad(x.mT, (n_steps - 1, 0)), kernel, groups=kernel.shape[0]).mT


@contextmanager
def in_real_numbers(net: nn.Module, given: tuple[Tensor, ...]) -> Iterator[None]:
    """Puts real convolutions in the place of complex systems inside `net` while this lasts.

    They are for rows as long as those that each layer meets where the net is `given` its inputs.
    """
    places = [(outer, name) for outer in net.modules() for name, inner in outer.named_children() if is_complex(inner)]
    layers = [getattr(outer, name) for outer, name in places]
    steps: dict[nn.Module, int] = {}
    hooks = [layer.register_forward_pre_hook(lambda one, x: steps.update({one: x[0].shape[1]})) for layer in layers]
    try:
        with torch.no_grad():
            net(*given) if layers else None
    finally:
        for hook in hooks:
            hook.remove()
    made = [real_of(layer, steps[layer]) if layer in steps else layer for layer in layers]
    try:
        for (outer, name), real in zip(places, made, strict=True):
            setattr(outer, name, real)
        yield
    finally:
        for (outer, name), layer in zip(places, layers, strict=True):
            setattr(outer, name, layer)


def is_complex(layer: nn.Module) -> bool:
    """Whether a layer computes in complex numbers."""
    return isinstance(layer, S4 | S4D | S5)


def real_of(layer: nn.Module, n_steps: int) -> nn.Module:
    """The same layer without complex numbers, for rows of `n_steps`."""
    with torch.no_grad():
        return Turning(layer, n_steps) if isinstance(layer, S5) else Convolved(layer, n_steps)  # type: ignore[arg-type]
