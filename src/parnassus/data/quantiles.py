"""Numbers of which several quantiles are learned."""

from typing import Any

import numpy as np
from torch import Tensor

from ..errors import SettingError, check_level
from ..functional.quantiles import check_quantiles, uncrossed
from .targets import Numbers


class Quantiles(Numbers):
    """Quantities, one or many a row, of which a model says several quantiles: n_outputs is columns times quantiles.

    y is standardised as in `Numbers`. `decode` answers the median: the quantile 0.5 where it was learned, else the
    straight line between its neighbours, or the nearest one. Quantiles that cross are sorted.

    Source: Koenker and Bassett 1978; Chernozhukov, Fernandez-Val and Galichon 2010.
    """

    kind = "quantiles"
    loss_name = "quantile"

    def __init__(
        self, *, quantiles: tuple[float, ...] = (0.1, 0.5, 0.9), scaling: str = "standard", link: str = "identity"
    ) -> None:
        super().__init__(scaling=scaling, link=link)
        self.quantiles = check_quantiles(quantiles)
        self.options = {**self.options, "quantiles": self.quantiles}

    @property
    def loss_kind(self) -> str:
        return "quantiles"

    def facts(self) -> dict[str, Any]:
        return {"n_outputs": len(self.mean) * len(self.quantiles)}

    def levels(self, outputs: Tensor) -> np.ndarray:
        """Every quantile in the user's units, ascending: (rows, quantiles), or (rows, columns, quantiles)."""
        z = uncrossed(outputs.detach().double().cpu().unflatten(1, (len(self.mean), -1))).numpy()
        y = z * self.scale[:, None] + self.center[:, None]
        return y[:, 0] if self.flat else y

    def ends(self, level: float | None) -> tuple[int, int]:
        """The places of the quantiles between which a share `level` lies; the outermost for None."""
        if level is None:
            if len(self.quantiles) < 2:
                raise SettingError(f"an interval has two ends, and the only quantile learned is {self.quantiles[0]}")
            return 0, len(self.quantiles) - 1
        check_level(level)
        wanted = [(1 - level) / 2, (1 + level) / 2]
        places = [int(np.abs(np.array(self.quantiles) - q).argmin()) for q in wanted]
        if not np.allclose([self.quantiles[i] for i in places], wanted, atol=1e-6):
            raise SettingError(
                f"level {level} lies between the quantiles {wanted[0]:.6g} and {wanted[1]:.6g}, and this model learned "
                f"{self.quantiles}; fit with both in pn.loss('quantile', quantiles=...)"
            )
        return places[0], places[1]

    def decode(self, outputs: Tensor) -> np.ndarray:
        at = np.interp(0.5, self.quantiles, np.arange(len(self.quantiles)))
        low, high = int(np.floor(at)), int(np.ceil(at))
        found = self.levels(outputs)
        return found[..., low] + (at - low) * (found[..., high] - found[..., low])

    def state(self) -> dict[str, Any]:
        return super().state() | {"options": {**self.options, "quantiles": list(self.quantiles)}}
