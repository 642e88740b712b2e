"""N-BEATS and N-HiTS: dense blocks that each explain a part of the window, and forecast from it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import SettingError
from ..registry import model


class Block(nn.Module):
    """A window (batch, n_in) -> what the block explains of it (batch, n_in), and its part of the forecast.

    With `pool` above 1 the block sees maxima of `pool` steps; with `ratio` above 1 it says every ratio-th number of the
    forecast, and straight lines run between (N-HiTS).

    Source: Oreshkin et al. 2020 (N-BEATS), 3.1, generic basis; Challu et al. 2023 (N-HiTS), 3.
    """

    def __init__(self, n_in: int, n_out: int, *, hidden: int, n_layers: int, pool: int = 1, ratio: int = 1) -> None:
        super().__init__()
        self.pool, self.n_out = pool, n_out
        width, layers = -(-n_in // pool), []
        for _ in range(n_layers):
            layers += [nn.Linear(width, hidden), nn.ReLU()]
            width = hidden
        self.body = nn.Sequential(*layers)
        self.backcast, self.forecast = nn.Linear(hidden, n_in), nn.Linear(hidden, max(1, -(-n_out // ratio)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        seen = F.max_pool1d(x[:, None], self.pool, ceil_mode=True)[:, 0] if self.pool > 1 else x
        h = self.body(seen)
        forecast = self.forecast(h)
        if forecast.shape[1] != self.n_out:
            forecast = F.interpolate(forecast[:, None], self.n_out, mode="linear", align_corners=True)[:, 0]
        return self.backcast(h), forecast


class Stacked(nn.Module):
    """Blocks one after another: each sees what those before it left over, and forecasts are added up.

    x_0 = x, x_(l+1) = x_l - backcast_l(x_l), y = sum_l forecast_l(x_l).

    Source: Oreshkin et al. 2020, eq. 3.
    """

    def __init__(self, blocks: list[Block]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        last = self.blocks[-1]
        assert isinstance(last, Block)
        last.backcast.requires_grad_(False)  # nobody sees what the last block leaves over

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros((), dtype=x.dtype, device=x.device)
        for block in self.blocks:
            explained, forecast = block(x)
            x, total = x - explained, total + forecast
        return total


@model.register("forecaster")
def nbeats(*, in_features: int, n_outputs: int, hidden: int = 128, n_blocks: int = 6, n_layers: int = 4) -> Stacked:
    """N-BEATS, generic: dense blocks that explain the window piece by piece, their forecasts added up."""
    _sized("nbeats", hidden, n_blocks, n_layers)
    return Stacked([Block(in_features, n_outputs, hidden=hidden, n_layers=n_layers) for _ in range(n_blocks)])


@model.register("forecaster")
def nhits(*, in_features: int, n_outputs: int, hidden: int = 128, n_blocks: int = 3, n_layers: int = 2) -> Stacked:
    """N-HiTS: blocks that see and say coarse shapes first: block l of n pools 2^(n-l) steps and says one in as many."""
    _sized("nhits", hidden, n_blocks, n_layers)
    scales = [2 ** (n_blocks - 1 - level) for level in range(n_blocks)]
    return Stacked([Block(in_features, n_outputs, hidden=hidden, n_layers=n_layers, pool=s, ratio=s) for s in scales])


def _sized(name: str, hidden: int, n_blocks: int, n_layers: int) -> None:
    if min(hidden, n_blocks, n_layers) < 1:
        raise SettingError(f"model {name!r}: hidden, n_blocks and n_layers are at least 1")
