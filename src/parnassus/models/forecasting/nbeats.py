"""N-BEATS and N-HiTS: dense blocks that each explain a part of the window, and forecast from it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError, did_you_mean
from ...functional.forecasting.bases import polynomial_basis, seasonal_basis
from ...registry import model

STACKS = ("generic", "trend", "seasonality")


def dense_layers(n_in: int, hidden: int, n_layers: int) -> nn.Sequential:
    """ReLU layers of one width."""
    layers: list[nn.Module] = []
    for width in (n_in, *[hidden] * (n_layers - 1)):
        layers += [nn.Linear(width, hidden), nn.ReLU()]
    return nn.Sequential(*layers)


class Block(nn.Module):
    """A window (batch, n_in) -> what the block explains of it (batch, n_in), and its part of the forecast.

    With `pool` above 1 the block sees maxima of `pool` steps; with `ratio` above 1 it says every ratio-th number of the
    forecast, and straight lines run between (N-HiTS).

    Source: Oreshkin et al. 2020 (N-BEATS), 3.1, generic basis; Challu et al. 2023 (N-HiTS), 3.
    """

    def __init__(self, n_in: int, n_out: int, *, hidden: int, n_layers: int, pool: int = 1, ratio: int = 1) -> None:
        super().__init__()
        self.pool, self.n_out = pool, n_out
        self.body = dense_layers(-(-n_in // pool), hidden, n_layers)
        self.backcast, self.forecast = nn.Linear(hidden, n_in), nn.Linear(hidden, max(1, -(-n_out // ratio)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        seen = F.max_pool1d(x[:, None], self.pool, ceil_mode=True)[:, 0] if self.pool > 1 else x
        h = self.body(seen)
        forecast = self.forecast(h)
        if forecast.shape[1] != self.n_out:
            forecast = F.interpolate(forecast[:, None], self.n_out, mode="linear", align_corners=True)[:, 0]
        return self.backcast(h), forecast


class BasisBlock(nn.Module):
    """A block that says the weights of fixed curves: backcast = theta_b B over the history, forecast = theta_f B ahead.

    x: (batch, n_in), of which the first `history` numbers are the series; what stands behind them is left as it is. The
    forecast is (batch, horizon n), step by step, where each step has n numbers, each with weights of its own.

    Parameters
    ----------
    behind, ahead : curves (k_b, history) and (k_f, horizon).
    n_out : horizon n.

    Source: Oreshkin et al. 2020 (N-BEATS), 3.1 and 3.3.
    """

    behind: Tensor
    ahead: Tensor

    def __init__(self, n_in: int, n_out: int, behind: Tensor, ahead: Tensor, *, hidden: int, n_layers: int) -> None:
        super().__init__()
        self.register_buffer("behind", behind, persistent=False)
        self.register_buffer("ahead", ahead, persistent=False)
        self.body, self.n_each = dense_layers(n_in, hidden, n_layers), n_out // ahead.shape[1]
        self.backcast = nn.Linear(hidden, len(behind))
        self.forecast = nn.Linear(hidden, self.n_each * len(ahead))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.body(x)
        explained = self.backcast(h) @ self.behind
        curves = self.forecast(h).unflatten(1, (self.n_each, -1)) @ self.ahead  # (batch, n, horizon)
        return F.pad(explained, (0, x.shape[1] - explained.shape[1])), curves.mT.flatten(1)


class Stacked(nn.Module):
    """Blocks one after another: each sees what those before it left over, and forecasts are added up.

    x_0 = x, x_(l+1) = x_l - backcast_l(x_l), y = sum_l forecast_l(x_l).

    Parameters
    ----------
    stacks : the blocks of each stack. A stack of one block taken `repeats` times shares its weights.
    names : what the part of each stack is called.

    Source: Oreshkin et al. 2020, eq. 3 and section 3.2.
    """

    def __init__(self, stacks: Sequence[Sequence[nn.Module]], names: Sequence[str], repeats: Sequence[int]) -> None:
        super().__init__()
        self.names, self.sizes, self.repeats = tuple(names), [len(blocks) for blocks in stacks], list(repeats)
        self.blocks = nn.ModuleList([block for blocks in stacks for block in blocks])
        if self.sizes[-1] > 1 or self.repeats[-1] == 1:  # nobody sees what the last block leaves over
            last = self.blocks[-1].backcast
            assert isinstance(last, nn.Linear)
            last.requires_grad_(False)

    def parts(self, x: Tensor) -> Tensor:
        """What each stack says of the steps ahead: (stacks, batch, n_out); their sum is the forecast."""
        found, blocks = [], iter(self.blocks)
        for size, repeats in zip(self.sizes, self.repeats, strict=True):
            total = torch.zeros((), dtype=x.dtype, device=x.device)
            for block in [next(blocks) for _ in range(size)] * repeats:
                explained, forecast = block(x)
                x, total = x - explained, total + forecast
            found.append(total)
        return torch.stack(found)

    def forward(self, x: Tensor) -> Tensor:
        return self.parts(x).sum(0)


@model.register("forecaster")
def nbeats(
    *,
    in_features: int,
    n_outputs: int,
    history: int,
    horizon: int,
    hidden: int = 128,
    n_blocks: int = 6,
    n_layers: int = 4,
    stacks: tuple[str, ...] = ("generic",),
    degree: int = 2,
    harmonics: int | None = None,
) -> Stacked:
    """N-BEATS: dense blocks that explain the window piece by piece, their forecasts added up.

    `stacks=("trend", "seasonality")` is the interpretable one: the first says a polynomial of `degree`, the second
    waves that go into the horizon 1 to `harmonics` times (None: as often as its steps can tell apart). `n_blocks` are
    those of each stack; those of trend and seasonality share their weights.

    Source: Oreshkin et al. 2020 (N-BEATS), 3.1 to 3.3.
    """
    _sized("nbeats", hidden, n_blocks, n_layers)
    kinds = (stacks,) if isinstance(stacks, str) else tuple(stacks)
    for kind in kinds:
        if kind not in STACKS:
            raise SettingError(f"model 'nbeats': stacks={kind!r}; {did_you_mean(kind, STACKS)}")
    if not kinds:
        raise SettingError(f"model 'nbeats': stacks names at least one of {', '.join(STACKS)}")
    made: list[list[nn.Module]] = []
    for kind in kinds:
        if kind == "generic":
            made.append([Block(in_features, n_outputs, hidden=hidden, n_layers=n_layers) for _ in range(n_blocks)])
            continue
        if kind == "trend":
            both = polynomial_basis(history, degree), polynomial_basis(horizon, degree)
        else:
            steps = (np.arange(-history, 0), np.arange(horizon))
            both = seasonal_basis(steps[0], horizon, harmonics), seasonal_basis(steps[1], horizon, harmonics)
        behind, ahead = (torch.from_numpy(basis).float() for basis in both)
        made.append([BasisBlock(in_features, n_outputs, behind, ahead, hidden=hidden, n_layers=n_layers)])
    return Stacked(made, _named(kinds), [1 if kind == "generic" else n_blocks for kind in kinds])


@model.register("forecaster")
def nhits(*, in_features: int, n_outputs: int, hidden: int = 128, n_blocks: int = 3, n_layers: int = 2) -> Stacked:
    """N-HiTS: blocks that see and say coarse shapes first: block l of n pools 2^(n-l) steps and says one in as many."""
    _sized("nhits", hidden, n_blocks, n_layers)
    scales = [2 ** (n_blocks - 1 - level) for level in range(n_blocks)]
    blocks = [Block(in_features, n_outputs, hidden=hidden, n_layers=n_layers, pool=s, ratio=s) for s in scales]
    return Stacked([[block] for block in blocks], [f"scale {s}" for s in scales], [1] * n_blocks)


def _named(kinds: Sequence[str]) -> list[str]:
    """A name for each stack: its kind, numbered where it comes again."""
    return [
        kind if kinds.count(kind) == 1 else f"{kind} {list(kinds[: i + 1]).count(kind)}" for i, kind in enumerate(kinds)
    ]


def _sized(name: str, hidden: int, n_blocks: int, n_layers: int) -> None:
    if min(hidden, n_blocks, n_layers) < 1:
        raise SettingError(f"model {name!r}: hidden, n_blocks and n_layers are at least 1")
