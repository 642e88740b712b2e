"""Selective state-space layers: S6, the Mamba block around it, Mamba-2, and both directions at once."""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, rms_norm, silu, softplus

from ..errors import SettingError
from ..functional.statespace import selective_scan, selective_step, ssd_chunked, ssd_step
from .recurrent import reversed_rows
from .statespace import SequenceLayer, State, masked, step_sizes


class CausalConvolution(SequenceLayer):
    """Each channel's last `size` columns, weighted: a depthwise convolution that sees no later column."""

    def __init__(self, channels: int, *, size: int = 4, bias: bool = True) -> None:
        super().__init__()
        bound = 1 / math.sqrt(size)
        self.weight = nn.Parameter(torch.empty(channels, 1, size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound)) if bias else None

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.run(x, self.begin(x))[0]

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        seen = torch.cat([state[0], x], 1)
        # a picture one pixel high, channels last in memory, as x is: torch's fast way, without copies
        shown = conv2d(seen.mT[:, :, None], self.weight[:, :, None], self.bias, groups=x.shape[2])
        return shown[:, :, 0].mT, (seen[:, x.shape[1] :],)

    def begin(self, x: Tensor) -> State:
        return (x.new_zeros(x.shape[0], self.weight.shape[2] - 1, self.weight.shape[0]),)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        seen = torch.cat([state[0], x[:, None]], 1)
        y = (seen * self.weight[:, 0].T).sum(1)
        return y if self.bias is None else y + self.bias, (seen[:, 1:],)


class S6(SequenceLayer):
    """The selective system of every channel: B, C and the step come from what all channels are at that time.

        delta = softplus(W_d x + b_d), B = W_B x, C = W_C x, h' = exp(delta A) h + delta B x, y = C h' + D x

    Parameters
    ----------
    n_state : states of each channel; A begins with -1, -2, ..., -n_state.
    rank : of W_d; None is a sixteenth of the channels.
    form : "published", or "book": there the step and so Abar do not depend on the input, and B = b W_B x with a
        learned b, C likewise.
    normalize : RMS-normalise the step's, B's and C's projections, as Jamba does.

    Source: Gu and Dao 2023; Hifny eqs. 12.15 and 12.16 (the "book" form, no published model's).
    """

    def __init__(
        self,
        channels: int,
        *,
        n_state: int = 16,
        rank: int | None = None,
        form: Literal["published", "book"] = "published",
        normalize: bool = False,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        if form not in ("published", "book"):
            raise SettingError(f"form is 'published' or 'book'; got {form!r}")
        rank = -(-channels // 16) if rank is None else rank
        self.form, self.rank, self.n_state = form, 0 if form == "book" else rank, n_state
        self.of_x = nn.Linear(channels, self.rank + 2 * n_state, bias=False)
        steps = step_sizes(channels).exp().clamp(min=1e-4)
        begun = steps + torch.log(-torch.expm1(-steps))  # softplus of which is the step
        if form == "book":
            self.step_bias = nn.Parameter(begun)
            self.b, self.c = nn.Parameter(torch.ones(n_state)), nn.Parameter(torch.ones(n_state))
        else:
            self.of_step = nn.Linear(rank, channels)
            nn.init.uniform_(self.of_step.weight, -(rank**-0.5), rank**-0.5)
            self.of_step.bias.data.copy_(begun)
        sizes = (self.rank, n_state, n_state) if normalize else ()
        self.norms = nn.ModuleList(nn.RMSNorm(size, eps=eps) for size in sizes)
        self.log_a = nn.Parameter(torch.arange(1, n_state + 1).float().log().repeat(channels, 1))
        self.skip = nn.Parameter(torch.ones(channels))

    def selected(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """delta (..., channels), B and C (..., n_state)."""
        parts = list(self.of_x(x).split([self.rank, self.n_state, self.n_state], -1))
        if self.norms:
            parts = [norm(part) for norm, part in zip(self.norms, parts, strict=True)]
        if self.form == "book":
            return softplus(self.step_bias).expand_as(x), self.b * parts[1], self.c * parts[2]
        return softplus(self.of_step(parts[0])), parts[1], parts[2]

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.run(x, self.begin(x))[0]

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        delta, b, c = self.selected(x)
        y, h = selective_scan(x, delta, -self.log_a.exp(), b, c, state[0])
        return torch.addcmul(y, x, self.skip), (h,)

    def begin(self, x: Tensor) -> State:
        return (x.new_zeros(x.shape[0], *self.log_a.shape),)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        delta, b, c = self.selected(x)
        y, h = selective_step(x, delta, -self.log_a.exp(), b, c, state[0])
        return y + self.skip * x, (h,)


class Mamba(SequenceLayer):
    """A Mamba block: projections to twice the width (or `expand` times), a short causal convolution, SiLU, S6, a gate.

        a, z = W_in x;   y = W_out (S6(silu(conv(a))) silu(z))

    Systems: mamba-block
    Source: Gu and Dao 2023, figure 3; Hifny section 12.3 (whose figure is lost).
    """

    def __init__(
        self,
        width: int,
        *,
        n_state: int = 16,
        expand: int = 2,
        conv: int = 4,
        rank: int | None = None,
        bias: bool = False,
        conv_bias: bool = True,
        form: Literal["published", "book"] = "published",
        normalize: bool = False,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        inner = expand * width
        self.enter = nn.Linear(width, 2 * inner, bias=bias)
        self.conv = CausalConvolution(inner, size=conv, bias=conv_bias)
        rank = -(-width // 16) if rank is None else rank
        self.ssm = S6(inner, n_state=n_state, rank=rank, form=form, normalize=normalize, eps=eps)
        self.leave = nn.Linear(inner, width, bias=bias)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.run(x, self.begin(x))[0]

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        a, z = self.enter(x).chunk(2, -1)
        a, seen = self.conv.run(a, state[:1])
        y, h = self.ssm.run(silu(a), state[1:])
        return self.leave(y * silu(z)), (*seen, *h)

    def begin(self, x: Tensor) -> State:
        return *self.conv.begin(x), *self.ssm.begin(x)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        a, z = self.enter(x).chunk(2, -1)
        a, seen = self.conv.step(a, state[:1])
        y, h = self.ssm.step(silu(a), state[1:])
        return self.leave(y * silu(z)), (*seen, *h)


class Mamba2(SequenceLayer):
    """A Mamba-2 block: heads that decay as one, B and C beside the inputs under the convolution, a gated RMS norm.

    Parameters
    ----------
    head : channels of a head.
    n_groups : how many B and C there are; heads share them.

    Source: Dao and Gu 2024.
    """

    def __init__(
        self,
        width: int,
        *,
        n_state: int = 64,
        expand: int = 2,
        conv: int = 4,
        head: int = 32,
        n_groups: int = 1,
        bias: bool = False,
        conv_bias: bool = True,
        chunk: int = 64,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        inner = expand * width
        if inner % head or (inner // head) % n_groups:
            raise SettingError(
                f"expand * width = {inner} is heads of {head} channels, and the heads are n_groups={n_groups} equal "
                f"groups; give a head that divides {inner}"
            )
        self.heads, self.head, self.groups, self.n_state, self.chunk = inner // head, head, n_groups, n_state, chunk
        self.sizes = [inner, inner + 2 * n_groups * n_state, self.heads]
        self.enter = nn.Linear(width, sum(self.sizes), bias=bias)
        self.conv = CausalConvolution(self.sizes[1], size=conv, bias=conv_bias)
        steps = step_sizes(self.heads).exp().clamp(min=1e-4)
        self.step_bias = nn.Parameter(steps + torch.log(-torch.expm1(-steps)))
        self.log_a = nn.Parameter(torch.arange(1, self.heads + 1).float().log())
        self.skip = nn.Parameter(torch.ones(self.heads))
        self.norm = nn.RMSNorm(inner, eps=eps)  # its weights; each group is normalised on its own
        self.leave = nn.Linear(inner, width, bias=bias)

    def _parts(self, mixed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x by heads, and B and C by groups."""
        inner, bc = self.sizes[0], self.groups * self.n_state
        x, b, c = silu(mixed).split([inner, bc, bc], -1)
        return x.unflatten(-1, (self.heads, self.head)), *(v.unflatten(-1, (self.groups, -1)) for v in (b, c))

    def _left(self, y: Tensor, x: Tensor, z: Tensor) -> Tensor:
        y = (y + self.skip[:, None] * x).flatten(-2)
        y = (y * silu(z)).unflatten(-1, (self.groups, -1))
        return self.leave(rms_norm(y, y.shape[-1:], eps=self.norm.eps).flatten(-2) * self.norm.weight)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.run(x, self.begin(x))[0]

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        z, mixed, step = self.enter(x).split(self.sizes, -1)
        mixed, seen = self.conv.run(mixed, state[:1])
        x, b, c = self._parts(mixed)
        delta = softplus(step + self.step_bias)
        y, h = ssd_chunked(x, delta, -self.log_a.exp(), b, c, state[1], chunk=min(self.chunk, x.shape[1]))
        return self._left(y, x, z), (*seen, h)

    def begin(self, x: Tensor) -> State:
        return *self.conv.begin(x), x.new_zeros(x.shape[0], self.heads, self.head, self.n_state)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        z, mixed, step = self.enter(x).split(self.sizes, -1)
        mixed, seen = self.conv.step(mixed, state[:1])
        x, b, c = self._parts(mixed)
        y, h = ssd_step(x, softplus(step + self.step_bias), -self.log_a.exp(), b, c, state[1])
        return self._left(y, x, z), (*seen, h)


class Bidirectional(nn.Module):
    """M1(x) + flip(M2(flip(x))): two layers, one of which reads every row from its own last column.

    There is no `step`: a column's output waits for the row's end.

    Systems: bidirectional-mamba
    Source: Hifny eq. 12.18.
    """

    def __init__(self, ahead: SequenceLayer, back: SequenceLayer) -> None:
        super().__init__()
        self.ahead, self.back = ahead, back

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        x = masked(x, lengths)
        back = self.back(reversed_rows(x, lengths), lengths)
        return self.ahead(x, lengths) + reversed_rows(back, lengths)
