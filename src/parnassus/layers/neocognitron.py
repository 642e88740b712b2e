"""The neocognitron: layers of templates that learn by competition, without a gradient, each with a layer that pools."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import DataError, SettingError
from ..functional.neocognitron import c_cells, falling_window, reinforced, s_cells, winners


class NeocognitronStage(nn.Module):
    """A layer of S-cells, which learn templates, and one of C-cells, which forgive shifts: (b, K, h, w) -> planes.

    Parameters
    ----------
    n_in, n_planes : planes before, and templates that can be learned. size : pixels a side of a template, odd.
    pool : pixels a side that a C-cell looks at, odd. stride : of the C-cells. selectivity : r; see `s_cells`.
    seed : of the weak first templates, which decide who learns first.

    Source: Fukushima 1980.
    """

    excitation: Tensor
    inhibited: Tensor
    window: Tensor
    pooling: Tensor

    def __init__(
        self,
        n_in: int,
        n_planes: int,
        *,
        size: int = 3,
        pool: int = 3,
        stride: int = 1,
        selectivity: float = 2.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if min(n_in, n_planes, stride) < 1 or size % 2 == 0 or pool % 2 == 0 or selectivity <= 0:
            raise SettingError(
                "a stage has at least one plane, odd sizes of templates and pooling, a stride of at least 1 and a "
                f"selectivity above 0; got {n_in}, {n_planes}, {size}, {pool}, {stride}, {selectivity}"
            )
        first = torch.rand(n_planes, n_in, size, size, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("window", falling_window(size))
        self.register_buffer("pooling", falling_window(pool))
        self.register_buffer("excitation", 1e-3 * first * falling_window(size))
        self.register_buffer("inhibited", torch.zeros(n_planes))
        self.stride, self.selectivity = stride, selectivity

    def s_layer(self, u: Tensor) -> Tensor:
        """How well each place fits each template (b, planes, h, w)."""
        return s_cells(u, self.excitation, self.inhibited, self.window, selectivity=self.selectivity)

    def forward(self, u: Tensor) -> Tensor:
        return c_cells(self.s_layer(u), self.pooling, stride=self.stride)

    @property
    def learned(self) -> Tensor:
        """(planes,) whether a template was reinforced at least once; others answer to anything, weakly."""
        return self.inhibited > 0

    @torch.no_grad()
    def learn(self, u: Tensor, *, amount: float = 1e4, n_most: int | None = None) -> int:
        """Show the pictures u (b, K, h, w) one after another, reinforce the winners of each, and count them.

        n_most : the most winners of a picture; None is as many as there are.
        """
        n, reach = 0, len(self.window) // 2
        for one in u:
            chosen = winners(self.s_layer(one[None])[0], reach=reach)
            for plane, row, column in chosen[:n_most]:
                more, held = reinforced(one, (row, column), self.window, amount=amount)
                self.excitation[plane] += more
                self.inhibited[plane] += held
                n += 1
        return n


class Neocognitron(nn.Module):
    """Stages one upon the other: pictures (b, 1, h, w) -> how much each plane of the last stage answers (b, planes).

    `learn` shows pictures without any label and trains the stages one after another, each on what the one before says
    of them. There is no gradient anywhere: templates are copies of what won, and what differs is held back.

    Systems: neocognitron
    Source: Fukushima 1980; Martinez-Ramon A4.1; Jaiswal J67.
    """

    def __init__(self, stages: Sequence[NeocognitronStage]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = stage(x)
        return x.amax((2, 3))

    def learn(self, x: Tensor, *, n_rounds: int = 1, amount: float = 1e4) -> list[int]:
        """Show the pictures `n_rounds` times to each stage in turn; returns how many templates each has learned.

        In the last stage a picture has one winner, which comes to stand for it.
        """
        if x.ndim != 4 or not len(x) or not bool(torch.isfinite(x).all()) or float(x.min()) < 0:
            raise DataError(
                "pictures are (batch, 1, height, width), finite and not negative, for light excites; got "
                f"{tuple(x.shape)}"
            )
        for i, stage in enumerate(self.stages):
            n_most = 1 if i + 1 == len(self.stages) else None
            for _ in range(n_rounds):
                stage.learn(x, amount=amount, n_most=n_most)  # type: ignore[operator]
            x = stage(x)
        return [int(stage.learned.sum()) for stage in self.stages]  # type: ignore[operator]
