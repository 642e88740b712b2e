"""Latent diffusion: pictures become small maps first, and the diffusion, told a text, is of these."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import DataError, SettingError
from ...functional.diffusion.schedules import Kind, Schedule, noise_schedule
from ...train.phase import Batch, Phase
from .autoencoder import mean_over
from .diffusion import Diffusion

START, END = 0.00085, 0.012  # betas of Stable Diffusion


class LatentDiffusion(Diffusion):
    """A coder of pictures, learned in the first stretch of the steps, then a diffusion of its maps, told tokens.

    Parameters
    ----------
    coder : pictures <-> maps: `posterior`, `decode`, `loss`, `n_latent`, `n_halvings`.
    net : (maps, t, ids (batch, n_tokens)) -> the shape of the maps; has `n_tokens`.
    shape : of a picture, (C, H, W).
    n_conditions : ids that may be told, 1 ... n_conditions; 0 has no condition. Id 0 fills a text up, and a text of it
        alone is no text.
    coding : the share of all steps that go to the coder.
    divergence : what the coder is charged for maps that are not N(0, I).

    Maps are scaled to a standard deviation of 1, as the first batch of the diffusion has them. They are held in no
    range while they are drawn.

    Systems: latent-diffusion
    Source: Rombach et al. 2022; Martinez-Ramon example 8.10.1, which names no scale and no guidance.
    """

    scale: Tensor

    def __init__(
        self,
        coder: nn.Module,
        net: nn.Module,
        shape: tuple[int, ...],
        n_conditions: int,
        *,
        coding: float = 0.4,
        divergence: float = 1e-3,
        **options: Any,
    ) -> None:
        super().__init__(net, shape, n_conditions, **options)
        if self.noise is not None:
            raise SettingError("schedule='learned' is of 'ddpm' and 'dit': maps change while their coder learns; give "
                               "'scaled_linear'")  # fmt: skip
        if not (0 < coding < 1 and divergence >= 0):
            raise SettingError(
                f"a latent diffusion has coding in (0, 1) and divergence at least 0; got {coding} and {divergence}"
            )
        self.coder, self.coding, self.divergence = coder, coding, divergence
        step = 2**coder.n_halvings  # type: ignore[operator]
        if any(n % int(step) for n in shape[1:]):
            raise DataError(f"pictures of {shape[1:]} pixels cannot be halved {coder.n_halvings} times; resize them")
        self.latent_shape = (int(coder.n_latent), *(n // int(step) for n in shape[1:]))  # type: ignore[arg-type]
        self.register_buffer("scale", torch.zeros(()))

    def noise_of(self, kind: Kind, n_steps: int) -> Schedule:
        return noise_schedule(kind, n_steps, start=START, end=END, scale=True)

    def phases(self) -> Sequence[Phase]:
        return [
            Phase("autoencode", self.coding_loss, self.coder.parameters(), during=(0.0, self.coding)),
            Phase("denoise", self.loss, self.net.parameters(), during=(self.coding, 1.0)),
        ]

    def begin(self, batch: Batch) -> None:
        super().begin(batch)
        self.condition_of(batch)  # texts that are too long are refused before anything is learned

    def coding_loss(self, batch: Batch) -> Tensor:
        """The coder's error and charge, a mean over rows."""
        return mean_over(self.coder.loss(batch["x"], self.divergence), batch)  # type: ignore[operator]

    def clean(self, batch: Batch) -> Tensor:
        with torch.no_grad():
            mean, log_variance = self.coder.posterior(batch["x"])  # type: ignore[operator]
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            if not self.scale:
                self.scale.copy_(1 / z.std().clamp(min=1e-6))
        return z * self.scale

    def condition_of(self, batch: Batch) -> Tensor | None:
        """Ids (n, n_tokens): those of a text filled up with 0, a class as one id, or nothing but 0."""
        n, device = len(batch["x"]), batch["x"].device
        if not self.n_classes:
            return self.ids(torch.zeros(n, 0, dtype=torch.long, device=device))
        y = batch["y"].long()
        return self.ids(y if "y_lengths" in batch else y.flatten()[:, None] + 1)

    def ids(self, given: Tensor) -> Tensor:
        """Ids filled up to the net's length; a longer text is refused."""
        n_tokens = int(self.net.n_tokens)  # type: ignore[arg-type]
        if given.shape[1] > n_tokens:
            raise DataError(
                f"a text has {given.shape[1]} words, and the model reads {n_tokens}; give n_tokens= or less"
            )
        return nn.functional.pad(given, (0, n_tokens - given.shape[1]))

    def untold(self, condition: Tensor, hidden: Tensor | None = None) -> Tensor:
        return torch.zeros_like(condition) if hidden is None else condition.masked_fill(hidden[:, None], 0)

    def within(self, clean: Tensor) -> Tensor:
        return clean

    @property
    def start_shape(self) -> tuple[int, ...]:
        return self.latent_shape

    def rows_of(self, noise: Tensor, condition: Tensor | None, generator: torch.Generator | None = None) -> Tensor:
        return self.decoded(self.denoised(noise.to(self.low), self.asked(condition, len(noise)), generator))

    def asked(self, condition: Tensor | None, n: int) -> Tensor:
        if condition is None:
            condition = torch.zeros(n, 0, dtype=torch.long, device=self.low.device)
        return self.ids(condition if condition.ndim == 2 else condition[:, None] + 1)

    def coded(self, x: Tensor) -> Tensor:
        return self.coder.posterior(x)[0] * self.scale  # type: ignore[operator]

    def decoded(self, z: Tensor) -> Tensor:
        return self.coder.decode(z / self.scale.clamp(min=1e-6)).clamp(self.low, self.high)  # type: ignore[operator]

    def known(self, observed: Tensor) -> Tensor:
        """A place of a map is known where all pixels are that it stands for."""
        step = 2 ** int(self.coder.n_halvings)  # type: ignore[arg-type]
        hidden = nn.functional.max_pool2d(1 - observed.amin(1, keepdim=True), step)
        return (1 - hidden).expand(-1, self.latent_shape[0], -1, -1)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        """The denoising error where there is a scale yet, and the coder's."""
        coding = self.coding_loss(batch)
        return {"loss": self.loss(batch) if self.scale else coding, "rebuilt": coding}
