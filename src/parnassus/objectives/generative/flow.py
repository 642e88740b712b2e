"""A normalising flow learned by its exact likelihood."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...errors import DataError, DataWarning, SettingError
from ...functional.flows import flow_log_density
from ...train.phase import Batch, Objective, Phase
from .autoencoder import mean_over

FEW = 0.05  # of the rows' number: a column with fewer different values has no density


class NormalizingFlow(Objective):
    """Rows x (n, in_features) as noise that a net leads back: ln p(x) = ln N(z; 0, I) + ln |det dz/dx|, maximised.

    Columns are standardised by their own means and deviations first, and the density is in the units of x.

    Parameters
    ----------
    net : `net(x)` is z and ln |det dz/dx|, and `net.back(z)` is x.
    noise : deviations, of standardised columns, of what is added to rows while training. Where it is 0, columns of few
        different values have a density without bound.

    Source: Dinh, Sohl-Dickstein and Bengio 2017.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, in_features: int, *, noise: float = 0.0) -> None:
        super().__init__()
        if not noise >= 0:
            raise SettingError(f"a flow's noise is 0 or more; got {noise!r}")
        self.net, self.noise = net, noise
        self.register_buffer("mean", torch.zeros(in_features))
        self.register_buffer("std", torch.ones(in_features))

    @property
    def n_parameters(self) -> int:
        """How many free numbers there are."""
        return sum(p.numel() for p in self.net.parameters())

    def begin(self, batch: Batch) -> None:
        x = batch["x"]
        if len(x) < 2:
            raise DataError("a flow learns how rows differ, and X holds one row; give 2 or more")
        few = [i for i, column in enumerate(x.T) if len(column.unique()) < max(3, FEW * len(x))]
        if few and not self.noise:
            warnings.warn(
                f"columns {few[:8]} of the model's vector hold few different values: their density has no bound; "
                f"give noise=0.05 or so, in deviations, or take model='gmm'",
                DataWarning,
                stacklevel=2,
            )
        self.mean.copy_(x.mean(0))
        self.std.copy_(x.std(0).clamp(min=1e-6 * float(x.abs().max().clamp(min=1e-6))))

    def phases(self) -> Sequence[Phase]:
        return [Phase("flow", self.loss, self.net.parameters(), optimizer={"lr": 2e-3})]

    def _scaled(self, batch: Batch) -> Tensor:
        return (batch["x"] - self.mean) / self.std

    def loss(self, batch: Batch) -> Tensor:
        """Minus the mean log-density a row of standardised rows."""
        x = self._scaled(batch)
        z, log_det = self.net(x + self.noise * torch.randn_like(x) if self.noise else x)
        return mean_over(-flow_log_density(z, log_det), batch)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        return {"loss": mean_over(-self.log_density(batch), batch)}

    # --- use --------------------------------------------------------------------------------------

    def outputs(self, batch: Batch) -> Tensor:
        return self.log_density(batch)[:, None]

    def log_density(self, batch: Batch) -> Tensor:
        """ln p(x) (n,), float64, in the units of x."""
        z, log_det = self.net(self._scaled(batch))
        return flow_log_density(z.double(), log_det.double()) - self.std.double().log().sum()

    def project(self, batch: Batch) -> Tensor:
        """The noise that rows are led from (n, in_features)."""
        return self.net(self._scaled(batch))[0]

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Rows drawn from the density (n, in_features), and the noise of each, on the CPU."""
        z = torch.randn(n, len(self.mean), generator=generator)
        x = self.net.back(z.to(self.mean)) * self.std + self.mean  # type: ignore[operator]
        return x.cpu(), z
