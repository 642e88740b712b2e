"""Two players: a critic that tells real rows from generated ones, and a generator that learns from its answers."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ...errors import DataWarning, SettingError
from ...functional.adversarial import (
    Game,
    critic_loss,
    generator_loss,
    gradient_penalty,
    zero_centred_penalty,
)
from ...functional.augmentation.differentiable import differentiable_changes
from ...train.phase import Batch, Phase
from ...train.randomness import kept_random
from .generating import Generating

Lipschitz = Literal["none", "clip", "penalty"]
N_LOOKED_AT = 512  # rows drawn when training ended
NARROW = 0.1  # of the rows' spread: below it samples have collapsed


class Adversarial(Generating):
    """A critic's move, and on each `n_critic`-th step the generator's; each leaves the other's weights alone.

    Parameters
    ----------
    generator : (z, one-hot classes or numbers) -> rows; critic : (rows, the same) -> one number a row (n,).
    n_noise : numbers in z ~ N(0, I).
    game : see `functional.adversarial`.
    n_critic : moves of the critic to one of the generator.
    lipschitz : "clip" holds the critic's weights in [-bound, bound], "penalty" its slope near 1, `strength` times.
    smooth : taken from the label of real rows.
    r1 : how much the critic's squared slope on real rows costs it; drift : its squared answer to them.
    augment : changes of pictures that the critic sees, real and made; see `functional.augmentation.differentiable`.
    optimizer : of both players, unless the user's.

    `generator` rows are made without a gradient in the critic's move. When training ends, samples that have
    collapsed are warned of; see `collapse`.

    Systems: gan, gan-alternating-training, wgan, wgan-gp, conditional-gan, gan-mode-collapse
    Source: Martinez-Ramon 8.2 to 8.6; a WGAN also drops the logistic function and lets the critic move several times,
    which the text leaves out (F8-7).
    """

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        shape: tuple[int, ...],
        n_classes: int,
        *,
        n_told: int = 0,
        n_noise: int,
        game: Game = "nonsaturating",
        n_critic: int = 1,
        lipschitz: Lipschitz = "none",
        bound: float = 0.01,
        strength: float = 10.0,
        smooth: float = 0.0,
        r1: float = 0.0,
        drift: float = 0.0,
        augment: str = "",
        optimizer: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(shape, n_classes, n_told)
        if n_critic < 1 or n_noise < 1 or not bound > 0 or not strength >= 0 or not 0 <= smooth < 1:
            raise SettingError(
                "a GAN has n_critic and n_noise of at least 1, bound > 0, strength >= 0 and smooth in [0, 1); "
                f"got {n_critic}, {n_noise}, {bound}, {strength}, {smooth}"
            )
        if not min(r1, drift) >= 0:
            raise SettingError(f"r1 and drift weigh penalties, and are at least 0; got {r1} and {drift}")
        if augment:
            differentiable_changes(torch.zeros(1, 1, 2, 2)[:0], augment)  # which refuses what it does not know
        self.r1, self.drift, self.augment, self.as_one = r1, drift, augment, lipschitz == "penalty" or r1 > 0
        self.generator, self.critic, self.n_noise = generator, critic, n_noise
        self.game, self.n_critic, self.lipschitz = game, n_critic, lipschitz
        self.bound, self.strength, self.smooth, self.optimizer = bound, strength, smooth, dict(optimizer or {})

    def phases(self) -> Sequence[Phase]:
        clip = self._clip if self.lipschitz == "clip" else None
        own = self.optimizer
        return [
            Phase("critic", self.criticise, self.critic.parameters(), optimizer=own, after=clip),
            Phase("generator", self.deceive, self.generator.parameters(), optimizer=own, every=self.n_critic),
        ]

    def _clip(self) -> None:
        for parameter in self.critic.parameters():
            parameter.clamp_(-self.bound, self.bound)

    def made(self, n: int, like: Tensor, condition: Tensor | None) -> Tensor:
        """Rows out of fresh noise."""
        z = torch.randn(n, self.n_noise, device=like.device, dtype=like.dtype)
        return self.generator(z, condition)

    def seen(self, x: Tensor) -> Tensor:
        """Rows as the critic sees them."""
        return differentiable_changes(x, self.augment) if self.augment else x

    def criticise(self, batch: Batch) -> Tensor:
        """The critic's loss."""
        x, condition = batch["x"], self.told(self.condition_of(batch))
        with torch.no_grad():
            fake = self.made(len(x), x, condition)
        x, fake = self.seen(x), self.seen(fake)
        said = self.critic(x, condition)
        loss = critic_loss(self.game, said, self.critic(fake, condition), smooth=self.smooth)
        if self.drift:
            loss = loss + self.drift * said.square().mean()
        if self.r1:
            loss = loss + self.r1 * zero_centred_penalty(lambda at: self.critic(at, condition), x)
        if self.lipschitz == "penalty":
            share = torch.rand(len(x), device=x.device, dtype=x.dtype)
            loss = loss + self.strength * gradient_penalty(lambda at: self.critic(at, condition), x, fake, share)
        return loss

    def deceive(self, batch: Batch) -> Tensor:
        """The generator's loss."""
        x, condition = batch["x"], self.told(self.condition_of(batch))
        return generator_loss(self.game, self.critic(self.seen(self.made(len(x), x, condition)), condition))

    def drawn(self, n: int, condition: Tensor | None, generator: torch.Generator) -> Tensor:
        return self.rows_of(torch.randn(n, self.n_noise, generator=generator), condition)

    @property
    def noise_shape(self) -> tuple[int, ...] | None:
        return (self.n_noise,)

    def rows_of(self, noise: Tensor, condition: Tensor | None, generator: torch.Generator | None = None) -> Tensor:
        return self.generator(noise.to(next(self.generator.parameters())), self.told(condition))

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        critic = self.criticise(batch)
        return {"loss": critic, "critic": critic, "generator": self.deceive(batch)}

    def conclude(self, batches: Callable[[], Iterable[Batch]]) -> None:
        self.eval()
        batch = next(iter(batches()))
        x = batch["x"][:N_LOOKED_AT]
        with torch.no_grad(), kept_random(x.device, "conclude"):
            condition = self.condition_of(batch)
            condition = None if condition is None else condition[: len(x)]
            made = self.made(len(x), x, self.told(condition)).flatten(1)
        what = collapse(made, x.flatten(1))
        if what:
            other = "" if self.lipschitz == "penalty" or len(self.shape) > 1 else "pn.model('wgan_gp'), "
            warnings.warn(
                f"the generator has collapsed: {what}; try {other}a lower lr, or more epochs",
                DataWarning,
                stacklevel=6,
            )


def collapse(made: Tensor, rows: Tensor) -> str:
    """In what way samples have collapsed beside rows (n, d), or nothing where they have not.

    Either their spread is under a tenth of the rows', or their distance to the nearest fellow, by the median: many
    noises make few rows, be they far apart (F8-22).

    >>> rows = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    >>> collapse(rows + 1, rows), collapse(rows[:1] + 1e-3 * rows, rows)
    ('', 'its samples hardly differ from one another')
    >>> collapse(10 * rows.sign() + 1e-3 * rows, rows)
    'its samples fall together in a few places'
    """
    if len(made) < 3:
        return ""
    if float(made.std(0).mean()) < NARROW * float(rows.std(0).mean()):
        return "its samples hardly differ from one another"
    near = [torch.cdist(side, side).fill_diagonal_(torch.inf).min(1).values.median() for side in (made, rows)]
    return "its samples fall together in a few places" if float(near[0]) < NARROW * float(near[1]) else ""
