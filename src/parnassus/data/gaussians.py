"""Numbers of which a mean and the noise around it are learned, row by row."""

from typing import Any

import numpy as np
from torch import Tensor

from ..functional.quantities import normal_parameters
from .targets import Numbers


class Gaussians(Numbers):
    """Quantities, one or many a row, of which a model says the mean and the deviation of the noise around it.

    y is standardised as in `Numbers`; n_outputs is columns times 2. `decode` answers the mean, `deviations` the noise.

    Source: Nix and Weigend 1994.
    """

    kind = "gaussians"
    loss_name = "gaussian_nll"

    @property
    def loss_kind(self) -> str:
        return "gaussians"

    def facts(self) -> dict[str, Any]:
        return {"n_outputs": 2 * len(self.mean)}

    def decode(self, outputs: Tensor) -> np.ndarray:
        return super().decode(normal_parameters(outputs)[0])
